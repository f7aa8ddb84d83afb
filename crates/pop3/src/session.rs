//! The POP3 session: a state machine over command lines.

use crate::capability::{self, Offer};
use crate::command::{self, Command, Place};
use crate::job::{Desk, Job, Progress, Trouble};
use crate::listing::{self, Column, Listing};
use crate::login::Opening;
use crate::maildrop::Maildrop;
use crate::{Context, limits, reply};
use std::sync::Arc;
use std::time::{Duration, Instant};
use waypost_auth::sasl::Exchange;
use waypost_auth::{FailureKind, Identity, LoginFailure, Service as AuthService};
use waypost_net::session::{
    ConnectionFacts, Event, Farewell, Io, Next, OUTPUT_STEP_BYTES, Session, Summary, TlsFacts,
};
use waypost_net::user_list::Listed;
use waypost_store::StoreError;
use waypost_types::{AccountId, AccountName, Moment, Spoken};

/// One POP3 session.
pub struct Pop3Session {
    pub(crate) context: Arc<Context>,
    pub(crate) facts: ConnectionFacts,
    /// When the connection was opened.
    opened: Option<Instant>,
    /// The last sign of life.
    heard: Option<Instant>,
    pub(crate) state: State,
    pub(crate) phase: Phase,
    /// This step runs where it may block.
    on_worker: bool,
    /// The next step will.
    asked_worker: bool,
    /// The length of the output at which this step ends.
    full_at: usize,
    errors: u32,
    pub(crate) failed_logins: u32,
    pub(crate) user: Option<AccountName>,
    /// How the user logs in, for administrators.
    pub(crate) mechanism: &'static str,
    /// Its place among the logged-in users.
    pub(crate) listed: Option<Listed>,
    counts: Counts,
    reason: &'static str,
}

/// The states of RFC 1939 section 3.
pub(crate) enum State {
    /// Before login.
    Authorization {
        /// The name that USER gave.
        user: Option<Vec<u8>>,
    },
    /// After login.
    Transaction(Box<Maildrop>),
    /// After QUIT or another end: at most the store's answer is waited for.
    Over,
}

/// What the session is in the middle of.
pub(crate) enum Phase {
    /// Reading command lines.
    Commands,
    /// A line over the limit is being skipped.
    SkipLine,
    /// Reading the client's SASL response.
    Sasl(Exchange),
    /// Opening the maildrop of a user whose login was right.
    Open(Opening),
    /// Working for a command.
    Job(Job),
}

/// What a call of the session answers.
#[derive(Debug)]
pub enum Reply {
    /// The login was checked.
    Login(Result<Identity, LoginFailure>),
    /// The account of a first login was made.
    Account(Result<AccountId, StoreError>),
    /// QUIT was carried out: the number of removed messages.
    Quit(Result<u32, StoreError>),
    /// What another end leaves in the store was written, or not.
    Ended,
}

/// Counts for the log.
#[derive(Debug, Default)]
struct Counts {
    retrieved: u64,
    bytes: u64,
    deleted: u64,
}

pub(crate) type Step = Next<Reply>;

impl Pop3Session {
    pub(crate) fn new(context: Arc<Context>, facts: ConnectionFacts) -> Self {
        Self {
            context,
            facts,
            opened: None,
            heard: None,
            state: State::Authorization { user: None },
            phase: Phase::Commands,
            on_worker: false,
            asked_worker: false,
            full_at: OUTPUT_STEP_BYTES,
            errors: 0,
            failed_logins: 0,
            user: None,
            mechanism: "",
            listed: None,
            counts: Counts::default(),
            reason: "open",
        }
    }

    /// Works through the input until something must be waited for.
    pub(crate) fn go(&mut self, io: &mut Io<'_>) -> Step {
        loop {
            if io.output.len() >= self.full_at {
                return self.pause();
            }
            let next = match self.phase {
                Phase::Job(_) => self.work(io),
                Phase::Open(_) => self.open_maildrop(io),
                Phase::SkipLine => self.skip_line(io),
                Phase::Commands | Phase::Sasl(_) => self.line(io),
            };
            if let Some(next) = next {
                return next;
            }
        }
    }

    /// Whether this step may block.
    pub(crate) const fn on_worker(&self) -> bool {
        self.on_worker
    }

    /// Goes on where the next step may block.
    pub(crate) const fn worker(&mut self) -> Step {
        self.asked_worker = true;
        Next::Store
    }

    fn pause(&mut self) -> Step {
        match &self.phase {
            Phase::Job(job) if job.needs_store() => self.worker(),
            _ => Next::Continue,
        }
    }

    fn read(&self, now: Moment) -> Step {
        Next::Read { deadline: self.deadline(now) }
    }

    /// How long the client may be silent now; before login, how long it may be here at all.
    fn patience(&self) -> Duration {
        match self.state {
            State::Authorization { .. } => limits::LOGIN_TIME,
            _ => self.context.config().idle_timeout,
        }
    }

    fn deadline(&self, now: Moment) -> Instant {
        let since = match self.state {
            State::Authorization { .. } => self.opened,
            _ => self.heard,
        };
        since.unwrap_or(now.instant) + self.patience()
    }

    /// Says why before it ends; nothing is deleted, since only QUIT does that.
    fn expired(&mut self, io: &mut Io<'_>) -> Step {
        if io.now.instant < self.deadline(io.now) {
            return self.read(io.now);
        }
        let limit = Spoken(self.patience());
        match self.state {
            State::Authorization { .. } => reply::err(
                io.output,
                format_args!("no login within {limit} of connecting; connect again"),
            ),
            _ => reply::err(
                io.output,
                format_args!("idle for {limit}; nothing was deleted, log in again to go on"),
            ),
        }
        self.end("silent too long")
    }

    /// Runs one line; `None` to go on.
    fn line(&mut self, io: &mut Io<'_>) -> Option<Step> {
        let Some(end) = memchr::memchr(b'\n', io.input) else {
            return Some(self.no_line(io));
        };
        let line = io.input.split_to(end + 1);
        if end >= limits::LINE_BYTES {
            return self.too_long(io);
        }
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if let Phase::Sasl(exchange) = std::mem::replace(&mut self.phase, Phase::Commands) {
            return self.sasl_response(io, exchange, line);
        }
        match command::parse(line) {
            Ok(command) => self.command(io, command),
            Err(text) => self.refuse(io, text),
        }
    }

    fn no_line(&mut self, io: &mut Io<'_>) -> Step {
        if io.input.len() >= limits::LINE_BYTES {
            io.input.clear();
            self.phase = Phase::SkipLine;
            return Next::Continue;
        }
        if io.eof { self.end("client closed") } else { self.read(io.now) }
    }

    fn skip_line(&mut self, io: &mut Io<'_>) -> Option<Step> {
        let Some(end) = memchr::memchr(b'\n', io.input) else {
            io.input.clear();
            return Some(if io.eof { self.end("client closed") } else { self.read(io.now) });
        };
        let _ = io.input.split_to(end + 1);
        self.too_long(io)
    }

    fn too_long(&mut self, io: &mut Io<'_>) -> Option<Step> {
        self.phase = Phase::Commands;
        self.refuse(io, reply::TOO_LONG)
    }

    /// Answers a command that the client should not have sent.
    pub(crate) fn refuse(&mut self, io: &mut Io<'_>, text: &str) -> Option<Step> {
        reply::err(io.output, text);
        self.errors += 1;
        (self.errors > limits::ERRORS).then(|| {
            reply::err(io.output, reply::TOO_MANY_ERRORS);
            self.end("too many errors")
        })
    }

    fn command(&mut self, io: &mut Io<'_>, command: Command) -> Option<Step> {
        match (&self.state, command.place()) {
            (State::Over, _) => return Some(Next::Close),
            (State::Authorization { .. }, Place::Transaction) => {
                return self.refuse(io, "log in first");
            }
            (State::Transaction(_), Place::Authorization) => {
                return self.refuse(io, "you have logged in already");
            }
            _ => {}
        }
        match command {
            Command::User(name) => self.user(io, name),
            Command::Pass(password) => self.pass(io, &password),
            Command::Auth(auth) => self.auth(io, auth),
            Command::Stls => self.stls(io),
            Command::Utf8 => {
                reply::ok(io.output, "UTF-8 it is");
                None
            }
            Command::Capa => {
                self.capa(io);
                None
            }
            Command::Quit => Some(self.quit(io)),
            other => self.transaction(io, other),
        }
    }

    fn capa(&self, io: &mut Io<'_>) {
        capability::list(io.output, &self.context.config(), &self.offer());
    }

    /// What would work now.
    pub(crate) fn offer(&self) -> Offer {
        let in_clear = self.facts.tls.is_none();
        let before_login = matches!(self.state, State::Authorization { .. });
        let accepted = self.facts.tls.as_ref().is_some_and(|tls| tls.accepted().is_some());
        Offer {
            password: self.password_refusal().is_none(),
            certificate: accepted && before_login,
            stls: before_login && in_clear && self.facts.starttls_available,
        }
    }

    /// Why the connection is not private enough for a password.
    pub(crate) fn password_refusal(&self) -> Option<FailureKind> {
        self.context.auth.password_refusal(AuthService::Pop3, self.tls_bits())
    }

    /// Key length of the connection's cipher in bits.
    pub(crate) fn tls_bits(&self) -> Option<u32> {
        self.facts.tls.as_ref().map(|tls| u32::from(tls.cipher_bits))
    }

    /// Commands on the maildrop.
    fn transaction(&mut self, io: &mut Io<'_>, command: Command) -> Option<Step> {
        let State::Transaction(maildrop) = &mut self.state else { return Some(Next::Close) };
        let job = match command {
            Command::Retr(number) => Job::Retrieve(number, None),
            Command::Top(number, lines) => Job::Retrieve(number, Some(lines)),
            Command::List(Some(number)) => Job::ListOne(number),
            Command::List(None) => Job::List(Listing::new(Column::Size)),
            Command::Uidl(None) => Job::List(Listing::new(Column::UniqueId)),
            Command::Stat if !maildrop.is_weighed() => Job::Stat,
            other => {
                at_once(io, maildrop, &other);
                return None;
            }
        };
        self.phase = Phase::Job(job);
        None
    }

    /// Runs a slice of the job; `None` to go on.
    fn work(&mut self, io: &mut Io<'_>) -> Option<Step> {
        let blocks = matches!(&self.phase, Phase::Job(job) if job.needs_store());
        if blocks && !self.on_worker {
            return Some(self.worker());
        }
        let phase = std::mem::replace(&mut self.phase, Phase::Commands);
        let (Phase::Job(job), State::Transaction(maildrop)) = (phase, &mut self.state) else {
            return Some(Next::Close);
        };
        let store = Arc::clone(&self.context.store);
        let mut desk = Desk { store: &*store, output: &mut *io.output, full_at: self.full_at };
        match job.run(maildrop, &mut desk) {
            Ok(Progress::Done) => None,
            Ok(Progress::Sent(bytes)) => {
                self.counts.retrieved += 1;
                self.counts.bytes += bytes;
                None
            }
            Ok(Progress::More(job)) => {
                self.phase = Phase::Job(job);
                Some(self.pause())
            }
            Err(trouble) => self.trouble(io, &trouble),
        }
    }

    /// The store failed: an error reply, or the end when part of a reply has left, because the
    /// client must not take the part for the whole.
    fn trouble(&mut self, io: &mut Io<'_>, trouble: &Trouble) -> Option<Step> {
        let Trouble { error, midway } = trouble;
        self.log_error(error, "the store could not be read");
        if *midway {
            return Some(self.end("the store failed in the middle of a reply"));
        }
        reply::err(io.output, reply::refused(error));
        None
    }

    pub(crate) fn log_error(&self, error: &StoreError, what: &'static str) {
        let user = self.user.as_ref().map(AccountName::as_str);
        tracing::error!(service = reply::SERVICE, connection = self.facts.id, user, %error, what);
    }

    fn quit(&mut self, io: &mut Io<'_>) -> Step {
        self.reason = "quit";
        if let State::Transaction(maildrop) = std::mem::replace(&mut self.state, State::Over) {
            let update = maildrop.into_update(true);
            if !update.is_empty() {
                let written = update.write(Arc::clone(&self.context.store), self.facts.id);
                return Next::Call(Box::pin(async { Reply::Quit(written.await) }));
            }
        }
        self.goodbye(io)
    }

    /// The store has removed what was to be removed, or not.
    fn updated(&mut self, io: &mut Io<'_>, result: Result<u32, StoreError>) -> Step {
        match result {
            Ok(removed) => {
                self.counts.deleted = removed.into();
                self.goodbye(io)
            }
            Err(error) => {
                self.log_error(&error, "deleted messages could not be removed");
                reply::err(io.output, "[SYS/TEMP] some deleted messages were not removed");
                Next::Close
            }
        }
    }

    fn goodbye(&self, io: &mut Io<'_>) -> Step {
        reply::ok(io.output, format_args!("{} says goodbye", self.context.config().hostname));
        Next::Close
    }

    /// Ends the session without QUIT: deletions are forgotten, what was read stays marked.
    pub(crate) fn end(&mut self, reason: &'static str) -> Step {
        self.reason = reason;
        let State::Transaction(maildrop) = std::mem::replace(&mut self.state, State::Over) else {
            return Next::Close;
        };
        let update = maildrop.into_update(false);
        if update.is_empty() {
            return Next::Close;
        }
        let written = update.write(Arc::clone(&self.context.store), self.facts.id);
        Next::Call(Box::pin(async {
            // The flags' own failure is logged there, and there is nothing else to fail.
            let _ = written.await;
            Reply::Ended
        }))
    }

    fn open(&mut self, io: &mut Io<'_>) -> Step {
        self.opened = Some(io.now.instant);
        reply::greeting(io.output, &self.context.config().banner);
        self.read(io.now)
    }

    /// TLS is up: what was learned without it is forgotten (RFC 2595 section 4).
    fn secured(&mut self, io: &Io<'_>, facts: TlsFacts) -> Step {
        self.facts.tls = Some(facts);
        self.state = State::Authorization { user: None };
        self.read(io.now)
    }

    fn answered(&mut self, io: &mut Io<'_>, reply: Reply) -> Step {
        match reply {
            Reply::Login(result) => self.logged_in(io, result).unwrap_or_else(|| self.go(io)),
            Reply::Account(result) => self.account_made(io, result),
            Reply::Quit(result) => self.updated(io, result),
            Reply::Ended => Next::Close,
        }
    }
}

/// Commands that need no store.
fn at_once(io: &mut Io<'_>, maildrop: &mut Maildrop, command: &Command) {
    let output = &mut *io.output;
    match command {
        Command::Stat => {
            reply::ok(output, format_args!("{} {}", maildrop.messages(), maildrop.bytes()));
        }
        Command::Uidl(Some(number)) => listing::unique_id(*number, maildrop, output),
        Command::Dele(number) => match maildrop.find(*number) {
            Some(uid) => {
                maildrop.delete(uid);
                reply::ok(output, format_args!("message {number} deleted"));
            }
            None => reply::err(output, reply::NO_SUCH_MESSAGE),
        },
        Command::Rset => {
            maildrop.undelete();
            reply::ok(output, format_args!("{} messages", maildrop.messages()));
        }
        _ => reply::ok(output, "here"),
    }
}

impl Session for Pop3Session {
    type Reply = Reply;

    fn step(&mut self, io: &mut Io<'_>, event: Event<Reply>) -> Step {
        self.full_at = io.output.len() + OUTPUT_STEP_BYTES;
        self.on_worker = std::mem::take(&mut self.asked_worker);
        if !matches!(event, Event::Deadline | Event::Woken) {
            self.heard = Some(io.now.instant);
        }
        match event {
            Event::Open => self.open(io),
            Event::Input | Event::Woken | Event::Go => self.go(io),
            Event::TlsStarted(facts) => self.secured(io, facts),
            Event::Reply(reply) => self.answered(io, reply),
            Event::Deadline => self.expired(io),
            Event::Shutdown(Farewell::Stopping) => {
                reply::err(io.output, reply::STOPPING);
                self.end("service stopping")
            }
            Event::Shutdown(Farewell::Disconnected) => {
                reply::err(io.output, reply::SENT_AWAY);
                self.end("sent away by an administrator")
            }
        }
    }

    fn summary(&self) -> Summary {
        let Counts { retrieved, bytes, deleted } = self.counts;
        let counts = vec![("retrieved", retrieved), ("bytes", bytes), ("deleted", deleted)];
        let user = self.user.as_ref().map(ToString::to_string);
        Summary { user, reason: self.reason, counts }
    }
}
