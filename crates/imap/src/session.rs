//! One connection: frames in, replies out, one command at a time.

use crate::announce::{Announcer, Told};
use crate::capability::{self, Standing};
use crate::command::{self, Append, Job, Login, Logins, Started, login_refusal};
use crate::config::{Config, LOGIN_FAILURES_MAX, LOGIN_TIME};
use crate::error::{self, Place};
use crate::flow::{Completion, Env, Flow, Reply, Signal};
use crate::service::ImapService;
use crate::state::{NotAuthenticated, State};
use crate::table::{self, Announce, Row};
use std::sync::Arc;
use std::time::{Duration, Instant};
use waypost_auth::sasl::Mechanism;
use waypost_auth::{FailureKind, Service as AuthService};
use waypost_imap_wire::{
    AppendStart, Command, Decoder, Frame, Limits, Refusal, ResponseCode, Tag, Tagged, Writer,
};
use waypost_net::session::{
    ConnectionFacts, Event, Farewell, Io, Next, OUTPUT_STEP_BYTES, Session, Summary,
};
use waypost_net::user_list::Listed;
use waypost_store::StoreError;
use waypost_types::{Moment, Spoken};

/// Refused commands in a row after which a peer is no mail client and the connection is closed.
const REFUSALS_MAX: u8 = 20;

/// An IMAP session.
pub struct ImapSession {
    service: ImapService,
    config: Arc<Config>,
    facts: ConnectionFacts,
    decoder: Decoder,
    state: State,
    /// The command under way; commands behind it wait in the input.
    task: Option<Box<Task>>,
    /// The last sign of life; before login, the beginning.
    since: Option<Instant>,
    user: Option<String>,
    /// Its place among the logged-in users.
    listed: Option<Listed>,
    reason: &'static str,
    commands: u64,
    refusals: u8,
}

/// A command under way.
struct Task {
    tag: Tag,
    row: &'static Row,
    job: Job,
    /// The job waits for the client.
    waiting: bool,
    /// The job is over; what changed is told before its tagged response.
    ending: Option<Ending>,
}

struct Ending {
    completion: Completion,
    announcer: Option<Announcer>,
}

type Following = Option<Next<Reply>>;

impl Session for ImapSession {
    type Reply = Reply;

    fn step(&mut self, io: &mut Io<'_>, event: Event<Reply>) -> Next<Reply> {
        let next = match event {
            Event::Open => {
                self.since = Some(io.now.instant);
                self.greet(io.output);
                None
            }
            Event::Input => {
                self.alive(io);
                None
            }
            Event::Go => self.drive(io, Signal::Go, true),
            Event::Reply(reply) => self.answered(io, reply),
            Event::Woken => self.woken(io),
            Event::Deadline => self.expired(io),
            Event::TlsStarted(tls) => {
                self.facts.tls = Some(tls);
                self.decoder = Decoder::new(Limits::STRANGER);
                None
            }
            Event::Shutdown(farewell) => Some(self.farewell(io, farewell)),
        };
        next.unwrap_or_else(|| self.run(io))
    }

    fn summary(&self) -> Summary {
        Summary {
            user: self.user.clone(),
            reason: self.reason,
            counts: vec![("commands", self.commands)],
        }
    }
}

impl ImapSession {
    pub(crate) fn new(service: ImapService, config: Arc<Config>, facts: ConnectionFacts) -> Self {
        Self {
            service,
            config,
            facts,
            decoder: Decoder::new(Limits::STRANGER),
            state: State::NotAuthenticated(NotAuthenticated::default()),
            task: None,
            since: None,
            user: None,
            listed: None,
            reason: "closed",
            commands: 0,
            refusals: 0,
        }
    }

    fn greet(&self, out: &mut Vec<u8>) {
        let code = capability::code(self.standing());
        let greeting = waypost_imap_wire::Status::Ok;
        Writer::new(out).untagged(greeting, Some(&code), &self.config.banner);
    }

    fn standing(&self) -> Standing {
        Standing {
            logged_in: self.state.user().is_some(),
            starttls: self.facts.starttls_available && self.facts.tls.is_none(),
            passwords: self.password_refusal().is_none(),
            certificate: self.facts.tls.as_ref().is_some_and(|tls| tls.accepted().is_some()),
        }
    }

    fn password_refusal(&self) -> Option<FailureKind> {
        let bits = self.tls_bits().map(u32::from);
        self.service.auth().password_refusal(AuthService::Imap, bits)
    }

    fn tls_bits(&self) -> Option<u16> {
        self.facts.tls.as_ref().map(|tls| tls.cipher_bits)
    }

    /// Takes frames until one has to be waited for.
    fn run(&mut self, io: &mut Io<'_>) -> Next<Reply> {
        loop {
            if io.output.len() >= OUTPUT_STEP_BYTES {
                return Next::Continue;
            }
            if let Some(next) = self.turn(io) {
                return next;
            }
        }
    }

    fn turn(&mut self, io: &mut Io<'_>) -> Following {
        match self.decoder.next(io.input) {
            Frame::NeedInput if io.eof => Some(self.close("the client closed the connection")),
            Frame::NeedInput => {
                self.park();
                Some(Next::Read { deadline: self.deadline(io) })
            }
            Frame::Continue => {
                Writer::new(io.output).continuation("Go ahead");
                None
            }
            Frame::Command(tagged) => self.command(io, tagged),
            Frame::AppendStart(start) => self.append(io, start),
            Frame::Literal(bytes) => self.drive(io, Signal::Chunk(bytes), false),
            Frame::AppendEnd => self.drive(io, Signal::End, false),
            Frame::Line(line) => self.drive(io, Signal::Line(line), false),
            Frame::Refused(refusal) => self.refused(io, &refusal),
            Frame::Fatal { text } => {
                Writer::new(io.output).bye(None, text);
                Some(self.close("the input could not be understood"))
            }
        }
    }

    /// Gives back the decoder's buffer when nothing is in it.
    fn park(&mut self) {
        if self.task.is_none() && self.decoder.is_idle() {
            self.decoder = Decoder::new(self.limits());
        }
    }

    fn limits(&self) -> Limits {
        if self.state.user().is_some() { Limits::USER } else { Limits::STRANGER }
    }

    fn command(&mut self, io: &mut Io<'_>, Tagged { tag, command }: Tagged) -> Following {
        self.commands += 1;
        let Some(row) = table::row_of(&command) else {
            return self.reply(io, &tag, &Completion::bad("This command is not known here"));
        };
        if !row.states.allow(&self.state) {
            return self.reply(io, &tag, &Completion::bad(row.states.refusal()));
        }
        let started = match command {
            Command::Logout => return Some(self.log_out(io, &tag)),
            Command::StartTls => return self.start_tls(io, &tag),
            Command::Capability => {
                Writer::new(io.output).capability(capability::names(self.standing()));
                Completion::ok("CAPABILITY completed").into()
            }
            Command::Id(_) => {
                command::write_id(io.output, &self.config);
                Completion::ok("ID completed").into()
            }
            Command::Namespace => {
                command::write_namespace(io.output);
                Completion::ok("NAMESPACE completed").into()
            }
            Command::Unselect => {
                self.state.deselect();
                Completion::ok("UNSELECT completed").into()
            }
            Command::Login { .. } | Command::Authenticate { .. } => self.log_in(command, io.now),
            other => self.with_env(io, |state, env| command::start(other, &tag, state, env)),
        };
        match started {
            Started::Done(completion) => self.reply(io, &tag, &completion),
            Started::Job(job) => self.begin(io, tag, row, job),
        }
    }

    fn begin(&mut self, io: &mut Io<'_>, tag: Tag, row: &'static Row, job: Job) -> Following {
        let at_once = job.begins_at_once();
        self.task = Some(Box::new(Task { tag, row, job, waiting: false, ending: None }));
        if at_once { self.drive(io, Signal::Go, false) } else { Some(Next::Store) }
    }

    fn append(&mut self, io: &mut Io<'_>, start: AppendStart) -> Following {
        self.commands += 1;
        let (tag, row) = (start.tag.clone(), &table::APPEND);
        let checked = match row.states.allow(&self.state) {
            true => Append::new(start, self.service.current_config().max_message_bytes),
            false => Err(Completion::bad(row.states.refusal())),
        };
        match checked {
            Ok(append) => self.begin(io, tag, row, Job::Append(append)),
            Err(completion) => {
                self.decoder.refuse_literal();
                self.reply(io, &tag, &completion)
            }
        }
    }

    fn log_in(&self, command: Command, now: Moment) -> Started {
        let certificate = self.facts.tls.as_ref().and_then(|tls| tls.client.as_ref());
        let mechanism = match &command {
            Command::Authenticate { mechanism, .. } => match Mechanism::named(mechanism) {
                None => return mechanism_not_offered().into(),
                Some(Mechanism::External) if certificate.is_none() => {
                    return no_certificate().into();
                }
                named => named,
            },
            _ => None,
        };
        if mechanism != Some(Mechanism::External)
            && let Some(refused) = self.password_refusal()
        {
            return login_refusal(refused).into();
        }
        let logins = Logins {
            auth: Arc::clone(self.service.auth()),
            peer: self.facts.peer,
            tls_bits: self.tls_bits(),
            certificate: certificate.map(|client| client.certificate.clone()),
            session: self.facts.id,
            waker: self.facts.waker.clone(),
        };
        let login = match command {
            Command::Login { user, password } => Login::with_password(logins, user, &password),
            Command::Authenticate { initial, .. } => match mechanism {
                Some(mechanism) => Login::with_sasl(logins, mechanism, initial.as_ref(), now),
                None => Err(mechanism_not_offered()),
            },
            _ => Err(mechanism_not_offered()),
        };
        match login {
            Ok(login) => Started::Job(Job::Login(Box::new(login))),
            Err(completion) => completion.into(),
        }
    }

    fn log_out(&mut self, io: &mut Io<'_>, tag: &Tag) -> Next<Reply> {
        Writer::new(io.output).bye(None, "Logging out");
        self.write(io.output, tag, &Completion::ok("LOGOUT completed"));
        self.close("logged out")
    }

    fn start_tls(&mut self, io: &mut Io<'_>, tag: &Tag) -> Following {
        if self.facts.tls.is_some() {
            return self.reply(io, tag, &Completion::bad("TLS is on already"));
        }
        if !self.facts.starttls_available {
            return self.reply(io, tag, &Completion::bad("TLS is not available here"));
        }
        self.write(io.output, tag, &Completion::ok("Begin the TLS handshake now"));
        Some(Next::StartTls)
    }

    fn answered(&mut self, io: &mut Io<'_>, reply: Reply) -> Following {
        match Signal::try_from(reply) {
            Ok(signal) => self.drive(io, signal, false),
            Err(failure) => {
                let task = self.task.take()?;
                let completion = self.fail(&task, &failure);
                self.complete(io, task, completion, false)
            }
        }
    }

    /// Runs the command under way; `blocking` when this thread may wait for the store.
    fn drive(&mut self, io: &mut Io<'_>, signal: Signal, blocking: bool) -> Following {
        let mut task = self.task.take()?;
        if task.ending.is_some() {
            return self.announce(io, task);
        }
        if task.waiting && matches!(signal, Signal::Go) {
            self.task = Some(task);
            return None;
        }
        task.waiting = false;
        let stepped = self.with_env(io, |state, env| task.job.step(state, env, signal));
        match stepped {
            Ok(Flow::Work) => self.wait(task, Next::Store),
            Ok(Flow::Call(call)) => self.wait(task, Next::Call(call)),
            Ok(Flow::Read) => {
                task.waiting = true;
                self.task = Some(task);
                None
            }
            Ok(Flow::Done(completion)) => self.complete(io, task, completion, blocking),
            Ok(Flow::Broken(failure)) => {
                self.log(&failure, task.row.name);
                Some(self.close("a response could not be completed"))
            }
            // A response now would leave the client's DONE to be taken for a command.
            Err(failure) if task.job.is_idle() => {
                self.log(&failure, task.row.name);
                task.waiting = true;
                self.task = Some(task);
                None
            }
            Err(failure) => {
                let completion = self.fail(&task, &failure);
                self.complete(io, task, completion, blocking)
            }
        }
    }

    fn wait(&mut self, task: Box<Task>, next: Next<Reply>) -> Following {
        self.task = Some(task);
        Some(next)
    }

    fn fail(&self, task: &Task, failure: &StoreError) -> Completion {
        self.log(failure, task.row.name);
        task.job.failed(failure)
    }

    fn log(&self, failure: &StoreError, command: &'static str) {
        let mailbox = match &self.state {
            State::Selected(open) => open.name.as_str(),
            _ => "",
        };
        let user = self.user.as_deref().unwrap_or_default();
        error::log(failure, &Place { session: self.facts.id, user, mailbox, command });
    }

    /// Ends a job: what changed is told first, where the command allows it.
    fn complete(
        &mut self,
        io: &mut Io<'_>,
        mut task: Box<Task>,
        completion: Completion,
        blocking: bool,
    ) -> Following {
        if matches!(task.job, Job::Append(_)) {
            self.decoder.refuse_literal();
        }
        let tells = task.row.announce != Announce::Nothing;
        if !tells || !matches!(self.state, State::Selected(_)) {
            return self.finish(io, &task, &completion);
        }
        task.ending = Some(Ending { completion, announcer: None });
        if blocking { self.announce(io, task) } else { self.wait(task, Next::Store) }
    }

    fn announce(&mut self, io: &mut Io<'_>, mut task: Box<Task>) -> Following {
        let mut ending = task.ending.take()?;
        let row = task.row;
        let told = self.with_env(io, |state, env| tell(state, env, row, &mut ending.announcer));
        match told {
            Ok(Told::Part) => {
                task.ending = Some(ending);
                return self.wait(task, Next::Store);
            }
            Ok(Told::All) => {}
            Ok(Told::Gone) => {
                self.state.deselect();
            }
            Err(failure) => self.log(&failure, row.name),
        }
        self.finish(io, &task, &ending.completion)
    }

    fn finish(&mut self, io: &mut Io<'_>, task: &Task, completion: &Completion) -> Following {
        self.alive(io);
        if let Job::Login(login) = &task.job {
            self.entered(io, login.mechanism());
        }
        self.reply(io, &task.tag, completion)
    }

    /// Notes a login that succeeded.
    fn entered(&mut self, io: &Io<'_>, mechanism: &'static str) {
        if let Some(user) = self.state.user() {
            let account = user.identity.account.clone();
            let bits = self.tls_bits().unwrap_or(0);
            self.listed = Some(self.facts.arrival.log_in(account, mechanism, bits, io.now));
            self.user = Some(user.identity.account.as_str().to_owned());
            self.decoder.set_limits(self.limits());
            self.since = Some(io.now.instant);
        }
    }

    /// Writes a tagged response; closes the connection after too many failed logins or refused
    /// commands.
    fn reply(&mut self, io: &mut Io<'_>, tag: &Tag, completion: &Completion) -> Following {
        self.write(io.output, tag, completion);
        if let State::NotAuthenticated(stranger) = &self.state
            && stranger.failures >= LOGIN_FAILURES_MAX
        {
            Writer::new(io.output).bye(None, "Too many failed logins");
            return Some(self.close("too many failed logins"));
        }
        self.count_refusal(io, completion.status == waypost_imap_wire::Status::Bad)
    }

    fn write(&self, out: &mut Vec<u8>, tag: &Tag, completion: &Completion) {
        let Completion { status, code, text } = completion;
        Writer::new(out).tagged(tag, *status, code.as_ref(), text);
    }

    fn count_refusal(&mut self, io: &mut Io<'_>, refused: bool) -> Following {
        self.refusals = if refused { self.refusals.saturating_add(1) } else { 0 };
        if self.refusals < REFUSALS_MAX {
            return None;
        }
        Writer::new(io.output).bye(None, "Too many commands could not be understood");
        Some(self.close("too many bad commands"))
    }

    /// A command that is not carried out. It ends an APPEND; a raw line that is too long has no tag
    /// and ends the command that asked for it.
    fn refused(&mut self, io: &mut Io<'_>, refusal: &Refusal) -> Following {
        let task = self.task.take();
        refusal.write(io.output);
        match (task, &refusal.tag) {
            (Some(task), None) => {
                let completion = Completion::bad("The line could not be understood");
                self.complete(io, task, completion, false)
            }
            _ => self.count_refusal(io, refusal.status == waypost_imap_wire::Status::Bad),
        }
    }

    fn woken(&mut self, io: &mut Io<'_>) -> Following {
        let idles = self.task.as_ref().is_some_and(|task| task.waiting && task.job.is_idle());
        if idles { self.drive(io, Signal::Woken, false) } else { None }
    }

    fn alive(&mut self, io: &Io<'_>) {
        if self.state.user().is_some() {
            self.since = Some(io.now.instant);
        }
    }

    /// How long the client may be silent now.
    fn patience(&self) -> Duration {
        match self.state.user() {
            Some(_) => self.service.current_config().idle_timeout,
            None => LOGIN_TIME,
        }
    }

    fn deadline(&self, io: &Io<'_>) -> Instant {
        self.since.unwrap_or(io.now.instant) + self.patience()
    }

    fn expired(&mut self, io: &mut Io<'_>) -> Following {
        if io.now.instant < self.deadline(io) {
            return None;
        }
        let limit = Spoken(self.patience());
        let text = match self.state.user() {
            Some(_) => format!("Idle for {limit}; log in again to go on"),
            None => format!("No login within {limit} of connecting; connect again"),
        };
        Writer::new(io.output).bye(None, &text);
        Some(self.close("timed out"))
    }

    fn farewell(&mut self, io: &mut Io<'_>, farewell: Farewell) -> Next<Reply> {
        let (code, text, reason) = match farewell {
            Farewell::Stopping => {
                (Some(ResponseCode::Unavailable), "The service is stopping", "the service stopped")
            }
            Farewell::Disconnected => {
                (None, "An administrator has ended this session", "sent away by an administrator")
            }
        };
        if !self.task.as_ref().is_some_and(|task| task.job.is_mid_response()) {
            Writer::new(io.output).bye(code.as_ref(), text);
        }
        self.close(reason)
    }

    fn close(&mut self, reason: &'static str) -> Next<Reply> {
        self.reason = reason;
        self.task = None;
        self.state = State::Logout;
        Next::Close
    }

    fn with_env<T>(
        &mut self,
        io: &mut Io<'_>,
        act: impl FnOnce(&mut State, &mut Env<'_>) -> T,
    ) -> T {
        let mut env = Env {
            store: self.service.store(),
            auth: self.service.auth(),
            workspace: self.service.workspace(),
            decoder: &mut self.decoder,
            out: io.output,
            now: io.now,
        };
        act(&mut self.state, &mut env)
    }
}

/// Tells what changed in the open mailbox, as far as the command's row allows.
fn tell(
    state: &mut State,
    env: &mut Env<'_>,
    row: &Row,
    announcer: &mut Option<Announcer>,
) -> Result<Told, StoreError> {
    let Some(open) = state.selected_mut() else { return Ok(Told::All) };
    if announcer.is_none() {
        let with_expunges = row.announce == Announce::All;
        let uid = row.name.starts_with("UID ");
        *announcer = Some(Announcer::begin(open, env, with_expunges, uid)?);
    }
    match announcer {
        Some(announcer) => announcer.step(open, env),
        None => Ok(Told::All),
    }
}

fn no_certificate() -> Completion {
    let text = "EXTERNAL needs TLS to which your client shows a certificate";
    Completion::no(ResponseCode::Cannot, text)
}

fn mechanism_not_offered() -> Completion {
    Completion::no(ResponseCode::Cannot, "This authentication mechanism is not offered")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a parked session may take itself, in bytes; the open mailbox and a command under way
    /// are boxed.
    const SESSION_BYTES_MAX: usize = 512;

    #[test]
    fn a_parked_session_is_small() {
        assert!(size_of::<ImapSession>() <= SESSION_BYTES_MAX, "{}", size_of::<ImapSession>());
    }
}
