//! From the greeting to the open maildrop: USER, PASS, AUTH, STLS.

use crate::command::Auth;
use crate::limits;
use crate::maildrop::{self, Maildrop};
use crate::reply;
use crate::session::{Phase, Pop3Session, Reply, State, Step};
use std::sync::Arc;
use waypost_auth::sasl::{self, Exchange, Mechanism, Plain, Turn};
use waypost_auth::{
    FailureKind, Identity, LoginAttempt, LoginFailure, PresentedCertificate, Service,
};
use waypost_net::session::{Io, Next};
use waypost_store::{Mutation, Outcome, StoreError};
use waypost_types::{AccountId, AccountName, Secret};

/// Whose maildrop is to be opened.
#[derive(Debug, Clone)]
pub(crate) enum Opening {
    /// A user's, whose account may not be made yet.
    Named(AccountName),
    /// That of an account.
    Numbered(AccountId),
}

impl Pop3Session {
    pub(crate) fn user(&mut self, io: &mut Io<'_>, name: Vec<u8>) -> Option<Step> {
        if name.is_empty() {
            return self.refuse(io, "USER needs a name");
        }
        if let Some(kind) = self.password_refusal() {
            return self.refuse_password(io, kind);
        }
        self.state = State::Authorization { user: Some(name) };
        reply::ok(io.output, "now the password");
        None
    }

    pub(crate) fn pass(&mut self, io: &mut Io<'_>, password: &Secret<Vec<u8>>) -> Option<Step> {
        let user = match &mut self.state {
            State::Authorization { user } => user.take(),
            _ => None,
        };
        let Some(user) = user else { return self.refuse(io, "say USER first") };
        let message = [b"\0", user.as_slice(), b"\0", password.expose()].concat();
        match Plain::parse(Secret::new(message).expose()) {
            Ok(plain) => Some(self.log_in(plain, "USER")),
            // A name or password that no directory can hold.
            Err(_) => {
                let wrong = FailureKind::BadCredentials;
                self.login_failed(io, wrong.pop3_code(), wrong.text())
            }
        }
    }

    pub(crate) fn auth(&mut self, io: &mut Io<'_>, auth: Option<Auth>) -> Option<Step> {
        let Some(auth) = auth else { return self.mechanisms(io) };
        let Some(mechanism) = Mechanism::named(&auth.mechanism) else {
            return self.refuse(io, "this mechanism is not known here");
        };
        if mechanism == Mechanism::External {
            if self.facts.tls.as_ref().is_none_or(|tls| tls.client.is_none()) {
                return self
                    .refuse(io, "EXTERNAL needs TLS to which your client shows a certificate");
            }
        } else if let Some(kind) = self.password_refusal() {
            return self.refuse_password(io, kind);
        }
        self.mechanism = mechanism.name();
        let exchange = Exchange::begin(mechanism);
        if let Some(initial) = auth.initial {
            return self.respond(io, exchange, initial.expose());
        }
        self.challenge(io, exchange)
    }

    fn challenge(&mut self, io: &mut Io<'_>, exchange: Exchange) -> Option<Step> {
        let challenge = sasl::encode(exchange.challenge());
        io.output.extend_from_slice(format!("+ {challenge}\r\n").as_bytes());
        self.phase = Phase::Sasl(exchange);
        None
    }

    /// AUTH without an argument lists the mechanisms; no RFC says so, but clients ask.
    fn mechanisms(&self, io: &mut Io<'_>) -> Option<Step> {
        reply::ok(io.output, "mechanisms follow");
        for mechanism in self.offer().mechanisms() {
            reply::line(io.output, mechanism.name());
        }
        reply::end(io.output);
        None
    }

    /// The client's answer to `+`; `*` cancels (RFC 5034 section 4).
    pub(crate) fn sasl_response(
        &mut self,
        io: &mut Io<'_>,
        exchange: Exchange,
        line: &[u8],
    ) -> Option<Step> {
        if line == b"*" {
            return self.refuse(io, "cancelled");
        }
        self.respond(io, exchange, line)
    }

    fn respond(&mut self, io: &mut Io<'_>, exchange: Exchange, base64: &[u8]) -> Option<Step> {
        let turn = sasl::decode(base64).and_then(|message| exchange.respond(message.expose()));
        match turn {
            Ok(Turn::Ask(exchange)) => self.challenge(io, exchange),
            Ok(Turn::Done(plain)) => Some(self.log_in(plain, self.mechanism)),
            Ok(Turn::External(id)) => self.by_certificate(io, id),
            Err(error) => self.refuse(io, &error.to_string()),
        }
    }

    pub(crate) fn stls(&mut self, io: &mut Io<'_>) -> Option<Step> {
        if self.facts.tls.is_some() {
            return self.refuse(io, "TLS is active already");
        }
        if !self.facts.starttls_available {
            return self.refuse(io, "TLS is not available here");
        }
        reply::ok(io.output, "begin TLS now");
        Some(Next::StartTls)
    }

    fn refuse_password(&mut self, io: &mut Io<'_>, kind: FailureKind) -> Option<Step> {
        self.refuse(io, &format!("[{}] {}", kind.pop3_code(), kind.text()))
    }

    fn log_in(&mut self, plain: Plain, mechanism: &'static str) -> Step {
        self.mechanism = mechanism;
        self.ask(plain.into_attempt(Service::Pop3, self.facts.peer, self.tls_bits()))
    }

    /// The certificate is judged again: it may have expired since TLS began, or its authority gone.
    fn by_certificate(&mut self, io: &mut Io<'_>, id: Option<String>) -> Option<Step> {
        let shown = self.facts.tls.as_ref().and_then(|tls| tls.client.as_ref());
        let Some(shown) = shown.map(|client| &client.certificate) else {
            return self.refuse(io, FailureKind::CertificateRefused.text());
        };
        let fault = shown.judge(io.now.wall.seconds).err();
        let presented = PresentedCertificate { der: shown.der().to_vec(), fault };
        let (peer, tls) = (self.facts.peer, self.tls_bits());
        Some(self.ask(presented.into_attempt(Service::Pop3, id, peer, tls)))
    }

    fn ask(&self, attempt: LoginAttempt) -> Step {
        let login = self.context.auth.login(attempt);
        Next::Call(Box::pin(async { Reply::Login(login.await) }))
    }

    /// The authenticator has answered; `None` to go on.
    pub(crate) fn logged_in(
        &mut self,
        io: &mut Io<'_>,
        result: Result<Identity, LoginFailure>,
    ) -> Option<Step> {
        match result {
            Ok(identity) => {
                self.user = Some(identity.account.clone());
                self.phase = Phase::Open(Opening::Named(identity.account));
                None
            }
            Err(failure) => self.login_failed(io, failure.pop3_code(), failure.text()),
        }
    }

    fn login_failed(&mut self, io: &mut Io<'_>, code: &str, text: &str) -> Option<Step> {
        reply::err(io.output, format_args!("[{code}] {text}"));
        self.failed_logins += 1;
        (self.failed_logins >= limits::FAILED_LOGINS).then(|| self.end("too many failed logins"))
    }

    /// Opens the maildrop, on a thread that may block; `None` to go on.
    pub(crate) fn open_maildrop(&mut self, io: &mut Io<'_>) -> Option<Step> {
        if !self.on_worker() {
            return Some(self.worker());
        }
        let phase = std::mem::replace(&mut self.phase, Phase::Commands);
        let Phase::Open(opening) = phase else { return None };
        let store = &*self.context.store;
        let account = match &opening {
            Opening::Named(name) => maildrop::account(store, name),
            Opening::Numbered(account) => Ok(Some(*account)),
        };
        let opened = account
            .and_then(|account| account.map(|account| Maildrop::open(store, account)).transpose());
        match (opened, opening) {
            (Ok(Some(maildrop)), _) => self.enter(io, maildrop),
            (Ok(None), Opening::Named(name)) => return Some(self.make_account(name)),
            (Ok(None), Opening::Numbered(_)) => self.not_opened(io, &StoreError::NoSuchAccount),
            (Err(error), _) => self.not_opened(io, &error),
        }
        None
    }

    fn enter(&mut self, io: &mut Io<'_>, maildrop: Maildrop) {
        let (messages, bytes) = (maildrop.messages(), maildrop.bytes());
        reply::ok(io.output, format_args!("{messages} messages ({bytes} octets)"));
        self.state = State::Transaction(Box::new(maildrop));
        if let Some(account) = self.user.clone() {
            let bits = self.facts.tls.as_ref().map_or(0, |tls| tls.cipher_bits);
            self.listed = Some(self.facts.arrival.log_in(account, self.mechanism, bits, io.now));
        }
    }

    /// A first login: the account is made.
    fn make_account(&self, name: AccountName) -> Step {
        let store = Arc::clone(&self.context.store);
        Next::Call(Box::pin(async move {
            Reply::Account(match store.submit(Mutation::EnsureAccount(name)).await {
                Ok(Outcome::Account(account)) => Ok(account),
                Ok(other) => {
                    let what = format!("the store answered {other:?} to a new account");
                    Err(StoreError::Io(what))
                }
                Err(error) => Err(error),
            })
        }))
    }

    pub(crate) fn account_made(
        &mut self,
        io: &mut Io<'_>,
        result: Result<AccountId, StoreError>,
    ) -> Step {
        match result {
            Ok(account) => self.phase = Phase::Open(Opening::Numbered(account)),
            Err(error) => self.not_opened(io, &error),
        }
        self.go(io)
    }

    /// The maildrop of a right login cannot be opened; the client may try again.
    fn not_opened(&mut self, io: &mut Io<'_>, error: &StoreError) {
        self.log_error(error, "the maildrop could not be opened");
        self.user = None;
        reply::err(io.output, reply::refused(error));
    }
}
