//! The LMTP session: a state machine over command lines and message data.

use crate::command::{self, Command, Mail};
use crate::data::Unstuffer;
use crate::delivery::{self, Reply, Stored, trace_lines};
use crate::transaction::Transaction;
use crate::{Context, limits, reply};
use std::sync::Arc;
use std::time::Instant;
use waypost_directory::{Recipient, User};
use waypost_net::session::{ConnectionFacts, Event, Io, Next, OUTPUT_STEP_BYTES, Session, Summary};
use waypost_store::{StoreError, Upload};
use waypost_types::{Moment, QuotaLimits, Spoken, Usage};

/// One LMTP session.
pub struct LmtpSession {
    context: Arc<Context>,
    facts: ConnectionFacts,
    /// The name that LHLO gave.
    client: Option<String>,
    transaction: Option<Transaction>,
    phase: Phase,
    /// The last sign of life.
    heard: Option<Instant>,
    errors: u32,
    transactions: u32,
    delivered: u64,
    reason: &'static str,
}

/// What the session is in the middle of.
enum Phase {
    /// Reading command lines.
    Commands,
    /// A recipient is to be looked up in the next step, on a thread that may block.
    Lookup(String),
    /// Reading a message.
    Data(Box<Data>),
    /// A line over the limit is being skipped.
    SkipLine,
}

/// A message on its way in.
struct Data {
    unstuffer: Unstuffer,
    /// `None` while the store has it, and after it failed.
    upload: Option<Box<dyn Upload>>,
    /// Why the message cannot be delivered; the rest is read and dropped.
    failed: Option<StoreError>,
    chunk: Vec<u8>,
    size: u64,
    ended: bool,
    begun: Instant,
}

type Step = Next<Reply>;

impl LmtpSession {
    pub(crate) const fn new(context: Arc<Context>, facts: ConnectionFacts) -> Self {
        Self {
            context,
            facts,
            client: None,
            transaction: None,
            phase: Phase::Commands,
            heard: None,
            errors: 0,
            transactions: 0,
            delivered: 0,
            reason: "open",
        }
    }

    fn read(&self, now: Moment) -> Step {
        Next::Read { deadline: self.deadline(now) }
    }

    fn deadline(&self, now: Moment) -> Instant {
        self.heard.unwrap_or(now.instant) + self.context.config().idle_timeout
    }

    fn expired(&mut self, io: &mut Io<'_>) -> Step {
        if io.now.instant < self.deadline(io.now) {
            return self.read(io.now);
        }
        let limit = Spoken(self.context.config().idle_timeout);
        let text = format!("421 4.4.2 idle for {limit}; closing, connect again to go on");
        self.close(io, "silent too long", &text)
    }

    fn close(&mut self, io: &mut Io<'_>, reason: &'static str, text: &str) -> Step {
        self.reason = reason;
        if !text.is_empty() {
            reply::line(io.output, text);
        }
        Next::Close
    }

    /// Works through the input until something must be waited for.
    fn go(&mut self, io: &mut Io<'_>) -> Step {
        loop {
            let next = match &self.phase {
                Phase::Data(_) => self.data(io),
                Phase::SkipLine => self.skip_line(io),
                Phase::Lookup(_) => return Next::Work,
                Phase::Commands if io.output.len() >= OUTPUT_STEP_BYTES => return Next::Continue,
                Phase::Commands => self.line(io),
            };
            if let Some(next) = next {
                return next;
            }
        }
    }

    /// Runs one command line; `None` to go on.
    fn line(&mut self, io: &mut Io<'_>) -> Option<Step> {
        let Some(end) = memchr::memchr(b'\n', io.input) else {
            return Some(self.no_line(io));
        };
        if end >= limits::COMMAND_BYTES {
            let _ = io.input.split_to(end + 1);
            return self.refuse(io, "500 5.5.2 the line is too long");
        }
        let line = io.input.split_to(end + 1);
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match command::parse(line) {
            Ok(command) => self.command(io, command),
            Err(text) => self.refuse(io, text),
        }
    }

    fn no_line(&mut self, io: &mut Io<'_>) -> Step {
        if io.input.len() >= limits::COMMAND_BYTES {
            io.input.clear();
            self.phase = Phase::SkipLine;
            return Next::Continue;
        }
        if io.eof { self.close(io, "client closed", "") } else { self.read(io.now) }
    }

    fn skip_line(&mut self, io: &mut Io<'_>) -> Option<Step> {
        let Some(end) = memchr::memchr(b'\n', io.input) else {
            io.input.clear();
            let gone = io.eof.then(|| self.close(io, "client closed", ""));
            return Some(gone.unwrap_or_else(|| self.read(io.now)));
        };
        let _ = io.input.split_to(end + 1);
        self.phase = Phase::Commands;
        self.refuse(io, "500 5.5.2 the line is too long")
    }

    fn refuse(&mut self, io: &mut Io<'_>, text: &str) -> Option<Step> {
        reply::line(io.output, text);
        self.errors += 1;
        (self.errors > limits::ERRORS)
            .then(|| self.close(io, "too many errors", "421 4.7.0 too many errors; goodbye"))
    }

    /// Declines a recipient; `None` goes on. It is no error of the client: a list may have many
    /// strangers, and an end here would lose the message for all others (RFC 5321 section 4.5.3.1.10).
    fn decline(io: &mut Io<'_>, text: &str) -> Option<Step> {
        reply::line(io.output, text);
        None
    }

    fn command(&mut self, io: &mut Io<'_>, command: Command) -> Option<Step> {
        match command {
            Command::Lhlo(name) => self.lhlo(io, name),
            Command::Mail(mail) => return self.mail(io, mail),
            Command::Rcpt(address) => return self.rcpt(io, address),
            Command::Data => return self.begin_data(io),
            Command::Rset => {
                self.transaction = None;
                reply::line(io.output, "250 2.0.0 reset");
            }
            Command::Noop => reply::line(io.output, "250 2.0.0 here"),
            Command::Vrfy => {
                reply::line(io.output, "252 2.5.2 not verified here; send the mail and see");
            }
            Command::Quit => return Some(self.close(io, "quit", "221 2.0.0 goodbye")),
        }
        None
    }

    fn lhlo(&mut self, io: &mut Io<'_>, name: String) {
        let config = self.context.config();
        self.client = Some(name);
        self.transaction = None;
        let size = format!("SIZE {}", config.max_message_bytes);
        let offers = ["PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", &size];
        reply::line(io.output, &format!("250-{}", config.hostname));
        for (at, offer) in offers.iter().enumerate() {
            let mark = if at + 1 == offers.len() { ' ' } else { '-' };
            reply::line(io.output, &format!("250{mark}{offer}"));
        }
    }

    fn mail(&mut self, io: &mut Io<'_>, mail: Mail) -> Option<Step> {
        if self.client.is_none() {
            return self.refuse(io, "503 5.5.1 say LHLO first");
        }
        if self.transaction.is_some() {
            return self.refuse(io, "503 5.5.1 a transaction is open already; say RSET to end it");
        }
        if mail.size.is_some_and(|size| size > self.context.config().max_message_bytes) {
            return self.refuse(io, reply::TOO_LARGE);
        }
        self.transactions += 1;
        if self.transactions > limits::TRANSACTIONS {
            let text = "421 4.7.0 many messages came through this connection; open another";
            return Some(self.close(io, "too many transactions", text));
        }
        let size = mail.size.unwrap_or(0);
        self.transaction = Some(Transaction::new(mail.from, size, mail.utf8));
        reply::line(io.output, "250 2.1.0 sender accepted");
        None
    }

    fn rcpt(&mut self, io: &mut Io<'_>, address: String) -> Option<Step> {
        let Some(transaction) = &self.transaction else {
            return self.refuse(io, "503 5.5.1 say MAIL first");
        };
        if !address.is_ascii() && !transaction.utf8 {
            return self
                .refuse(io, "553 5.6.7 a recipient's address in UTF-8 needs SMTPUTF8 with MAIL");
        }
        if transaction.accepted() >= limits::RECIPIENTS {
            return Self::decline(io, reply::TOO_MANY_RECIPIENTS);
        }
        // With limits the store is read, which may block.
        let quota = |user: &User| self.context.config().quota.enforced_limits(user.quota);
        let known = self.context.known.find(&*self.context.directory, &address);
        match known.as_deref() {
            Some(Recipient::Accept { user, folder }) if quota(user) == QuotaLimits::NONE => {
                self.accept(io, &address, user, folder.as_deref())
            }
            _ => {
                self.phase = Phase::Lookup(address);
                None
            }
        }
    }

    /// Asks the directory; runs on a thread that may block.
    fn lookup(&mut self, io: &mut Io<'_>) -> Option<Step> {
        let Phase::Lookup(address) = &mut self.phase else { return None };
        let address = std::mem::take(address);
        self.phase = Phase::Commands;
        let connection = self.facts.id;
        let found = self.context.known.resolve(&*self.context.directory, &address);
        match found.as_deref() {
            Ok(Recipient::Accept { user, folder }) => {
                self.accept(io, &address, user, folder.as_deref())
            }
            Ok(recipient) => {
                let text = reply::not_accepted(recipient);
                if let Recipient::OtherPartition { user, partition } = recipient {
                    let (user, partition) = (&user.entry, partition.as_str());
                    tracing::error!(
                        service = "lmtp",
                        connection,
                        ?address,
                        user,
                        partition,
                        "mailMessageStore names a partition that is not here"
                    );
                } else {
                    let service = "lmtp";
                    tracing::info!(service, connection, ?address, text, "recipient refused");
                }
                Self::decline(io, text)
            }
            Err(error) => {
                tracing::error!(service = "lmtp", connection, ?address, %error,
                    "recipient not looked up");
                reply::line(io.output, reply::DIRECTORY_DOWN);
                None
            }
        }
    }

    /// Takes a recipient, unless it is certain now that the message will not fit. The store decides when
    /// the message is there; this spares sending it in vain.
    fn accept(
        &mut self,
        io: &mut Io<'_>,
        address: &str,
        user: &User,
        folder: Option<&str>,
    ) -> Option<Step> {
        let transaction = self.transaction.as_mut()?;
        let limits = self.context.config().quota.enforced_limits(user.quota);
        let least = Usage::of_message(transaction.size.max(1));
        if let Err(over) = self.context.fits(&user.account, &limits, least) {
            let error = StoreError::OverQuota(over);
            let (connection, account, text) =
                (self.facts.id, &user.account, reply::refused(&error));
            tracing::info!(service = "lmtp", connection, ?address, %account, %error, text,
                "recipient refused");
            return Self::decline(io, text);
        }
        transaction.accept(user.account.clone(), folder, limits);
        reply::line(io.output, reply::ACCEPTED);
        None
    }

    fn begin_data(&mut self, io: &mut Io<'_>) -> Option<Step> {
        let Some(transaction) = &self.transaction else {
            return self.refuse(io, "503 5.5.1 say MAIL first");
        };
        if transaction.accepted() == 0 {
            return self.refuse(io, "503 5.5.1 no recipient was accepted");
        }
        let config = self.context.config();
        let client = (self.client.as_deref().unwrap_or("unknown"), self.facts.peer);
        let protocol = if transaction.utf8 { "UTF8LMTP" } else { "LMTP" };
        let chunk = trace_lines(&transaction.from, client, &config.hostname, protocol, io.now.wall);
        let size = chunk.len() as u64;
        self.phase = Phase::Data(Box::new(Data {
            unstuffer: Unstuffer::new(),
            upload: Some(self.context.store.upload()),
            failed: None,
            chunk,
            size,
            ended: false,
            begun: io.now.instant,
        }));
        reply::line(io.output, "354 send the message, end with a dot on a line of its own");
        None
    }

    /// Takes message bytes; `None` to go on.
    fn data(&mut self, io: &mut Io<'_>) -> Option<Step> {
        let Phase::Data(data) = &mut self.phase else { return None };
        let room = limits::CHUNK_BYTES.saturating_sub(data.chunk.len());
        let piece = io.input.len().min(room.max(1));
        let before = data.chunk.len();
        data.chunk.reserve(piece);
        let (taken, ended) = data.unstuffer.push(&io.input[..piece], &mut data.chunk);
        let _ = io.input.split_to(taken);
        data.ended = ended;
        data.size += (data.chunk.len() - before) as u64;
        if data.failed.is_none() && data.size > self.context.config().max_message_bytes {
            data.fail(StoreError::Limit(waypost_store::LimitName::MessageBytes));
        }
        if data.failed.is_some() {
            data.chunk.clear();
        }
        if ended {
            return self.end_data(io);
        }
        if data.chunk.len() >= limits::CHUNK_BYTES
            && let Some(upload) = data.upload.take()
        {
            return Some(Next::Call(delivery::write(upload, std::mem::take(&mut data.chunk))));
        }
        match () {
            () if !io.input.is_empty() => None,
            () if io.eof => Some(self.close(io, "client closed in the middle of a message", "")),
            () => Some(self.read(io.now)),
        }
    }

    fn end_data(&mut self, io: &mut Io<'_>) -> Option<Step> {
        let (Phase::Data(data), Some(transaction)) = (&mut self.phase, &self.transaction) else {
            return None;
        };
        let (Some(upload), None) = (data.upload.take(), &data.failed) else {
            let error = data.failed.take().unwrap_or(StoreError::NoSpace);
            return self.answer(io, Err(error));
        };
        let chunk = std::mem::take(&mut data.chunk);
        let (store, recipients) = (Arc::clone(&self.context.store), transaction.recipients());
        Some(Next::Call(delivery::deliver(store, upload, chunk, recipients, io.now.wall)))
    }

    /// The store took a chunk, or not.
    fn wrote(&mut self, io: &mut Io<'_>, result: Result<Box<dyn Upload>, StoreError>) -> Step {
        if let Phase::Data(data) = &mut self.phase {
            match result {
                Ok(upload) => data.upload = Some(upload),
                Err(error) => data.fail(error),
            }
        }
        self.go(io)
    }

    /// Answers each recipient and ends the transaction.
    fn answer(&mut self, io: &mut Io<'_>, stored: Result<Stored, StoreError>) -> Option<Step> {
        let phase = std::mem::replace(&mut self.phase, Phase::Commands);
        let (Phase::Data(data), Some(transaction)) = (phase, self.transaction.take()) else {
            return None;
        };
        let milliseconds = io.now.instant.duration_since(data.begun).as_millis();
        match &stored {
            Ok(stored) => self.answer_each(io, &transaction, stored, milliseconds),
            Err(error) => {
                tracing::error!(service = "lmtp", connection = self.facts.id, size = data.size,
                    recipients = transaction.accepted(), %error, "delivery failed");
                for _ in 0..transaction.accepted() {
                    reply::line(io.output, reply::refused(error));
                }
            }
        }
        None
    }

    fn answer_each(
        &mut self,
        io: &mut Io<'_>,
        transaction: &Transaction,
        stored: &Stored,
        milliseconds: u128,
    ) {
        let message_id = stored.message_id.as_deref().unwrap_or("");
        let (connection, size) = (self.facts.id, stored.size);
        for (account, result) in transaction.results(&stored.results) {
            match result {
                Some(Ok(delivered)) => {
                    self.delivered += 1;
                    // A relay keeps its connection for many messages; only a run of errors counts.
                    self.errors = 0;
                    tracing::info!(service = "lmtp", connection, message_id, size,
                        %account, mailbox = delivered.name.as_str(),
                        uid = delivered.uid.0, milliseconds, "delivered");
                    reply::line(io.output, "250 2.0.0 delivered");
                }
                Some(Err(error @ StoreError::OverQuota(_))) => {
                    let text = reply::refused(error);
                    tracing::info!(service = "lmtp", connection, message_id, size, %account,
                        %error, text, "recipient refused");
                    reply::line(io.output, text);
                }
                Some(Err(error)) => {
                    tracing::error!(service = "lmtp", connection, message_id, size, %account,
                        %error, "delivery to a recipient failed");
                    reply::line(io.output, reply::refused(error));
                }
                None => reply::line(io.output, "451 4.3.0 the store gave no answer; try again"),
            }
        }
    }
}

impl Data {
    /// The message cannot be delivered: the store's part is given up, the rest is read and dropped.
    fn fail(&mut self, error: StoreError) {
        self.failed = Some(error);
        self.upload = None;
        self.chunk = Vec::new();
    }
}

impl Session for LmtpSession {
    type Reply = Reply;

    fn step(&mut self, io: &mut Io<'_>, event: Event<Reply>) -> Step {
        if !matches!(event, Event::Deadline | Event::Woken) {
            self.heard = Some(io.now.instant);
        }
        match event {
            Event::Open => {
                let config = self.context.config();
                reply::line(io.output, &format!("220 {} LMTP Waypost ready", config.hostname));
                self.read(io.now)
            }
            Event::Input | Event::Woken | Event::TlsStarted(_) => self.go(io),
            Event::Go => self.lookup(io).unwrap_or_else(|| self.go(io)),
            Event::Reply(Reply::Wrote(result)) => self.wrote(io, result),
            Event::Reply(Reply::Delivered(stored)) => {
                self.answer(io, stored).unwrap_or_else(|| self.go(io))
            }
            Event::Deadline => self.expired(io),
            // Nobody logs in here, so nobody is sent away.
            Event::Shutdown(_) => {
                self.close(io, "service stopping", "421 4.3.2 the service is stopping; try again")
            }
        }
    }

    fn summary(&self) -> Summary {
        let counts =
            vec![("transactions", self.transactions.into()), ("delivered", self.delivered)];
        Summary { user: None, reason: self.reason, counts }
    }
}
