//! LOGIN, and AUTHENTICATE PLAIN, LOGIN and EXTERNAL (RFC 3501 sections 6.2.2, 6.2.3, RFC 4616, RFC 4422 appendix A,
//! RFC 4959).

use super::unexpected;
use crate::capability;
use crate::flow::{Completion, Env, Flow, Reply, Signal, Stepped};
use crate::state::{State, User};
use std::net::IpAddr;
use std::sync::Arc;
use tracing::warn;
use waypost_auth::sasl::{Exchange, Mechanism, SaslError, Turn};
use waypost_auth::{
    Authenticator, Credential, FailureKind, Identity, LoginAttempt, LoginFailure,
    PresentedCertificate, Service,
};
use waypost_imap_wire::{ResponseCode, SaslLine, decode_sasl};
use waypost_net::session::WakeHandle;
use waypost_net::tls::ShownCertificate;
use waypost_store::{Mutation, Outcome};
use waypost_types::{AccountId, Moment, Secret};

/// What a login needs to know of its connection.
pub(crate) struct Logins {
    pub(crate) auth: Arc<Authenticator>,
    pub(crate) peer: Option<IpAddr>,
    pub(crate) tls_bits: Option<u16>,
    pub(crate) certificate: Option<ShownCertificate>,
    pub(crate) session: u64,
    pub(crate) waker: WakeHandle,
}

/// A login under way.
pub(crate) struct Login {
    logins: Logins,
    mechanism: &'static str,
    stage: Stage,
}

enum Stage {
    /// The client is asked for a response.
    Challenge(Exchange),
    /// The client's response is awaited.
    Response(Exchange),
    /// The authenticator is asked.
    Ask(Box<LoginAttempt>),
    /// The authenticator's answer is awaited.
    Asked,
    /// The account is looked up, and made at the first login.
    Account(Box<Identity>),
    /// Over.
    Ended,
}

impl Login {
    /// LOGIN.
    pub(crate) fn with_password(
        logins: Logins,
        user: String,
        password: &Secret<Vec<u8>>,
    ) -> Result<Self, Completion> {
        let Ok(password) = std::str::from_utf8(password.expose()) else {
            return Err(failure_completion(&LoginFailure {
                kind: FailureKind::BadCredentials,
                reason: String::new(),
            }));
        };
        let attempt = LoginAttempt {
            service: Service::Imap,
            login: user,
            authorization_id: None,
            credential: Credential::Password(Secret::new(password.to_owned())),
            peer: logins.peer,
            tls: logins.tls_bits.map(u32::from),
        };
        Ok(Self { logins, mechanism: "LOGIN", stage: Stage::Ask(Box::new(attempt)) })
    }

    /// AUTHENTICATE, with or without an initial response.
    pub(crate) fn with_sasl(
        logins: Logins,
        mechanism: Mechanism,
        initial: Option<&Secret<Vec<u8>>>,
        now: Moment,
    ) -> Result<Self, Completion> {
        let exchange = Exchange::begin(mechanism);
        let mut login = Self { logins, mechanism: mechanism.name(), stage: Stage::Ended };
        login.stage = match initial {
            Some(initial) => login.after(exchange.respond(initial.expose()), now)?,
            None => Stage::Challenge(exchange),
        };
        Ok(login)
    }

    /// How the user logs in, for administrators.
    pub(crate) fn mechanism(&self) -> &'static str {
        self.mechanism
    }

    pub(super) fn step(&mut self, state: &mut State, env: &mut Env<'_>, signal: Signal) -> Stepped {
        let stage = std::mem::replace(&mut self.stage, Stage::Ended);
        match (stage, signal) {
            (Stage::Challenge(exchange), Signal::Go) => Ok(self.challenge(exchange, env)),
            (Stage::Response(exchange), Signal::Line(line)) => {
                Ok(self.respond(exchange, &Secret::new(line), env))
            }
            (Stage::Ask(attempt), Signal::Go) => Ok(self.ask(*attempt)),
            (Stage::Asked, Signal::Login(Ok(identity))) => {
                self.stage = Stage::Account(Box::new(identity));
                Ok(Flow::Work)
            }
            (Stage::Asked, Signal::Login(Err(failure))) => Ok(refuse(state, &failure).into()),
            (Stage::Account(identity), Signal::Go) => self.find_account(identity, state, env),
            (Stage::Account(identity), Signal::Outcome(Outcome::Account(id))) => {
                Ok(self.enter(*identity, id, state, env))
            }
            _ => unexpected("the login"),
        }
    }

    fn challenge(&mut self, exchange: Exchange, env: &mut Env<'_>) -> Flow {
        env.writer().challenge(exchange.challenge());
        env.decoder.expect_line();
        self.stage = Stage::Response(exchange);
        Flow::Read
    }

    fn respond(&mut self, exchange: Exchange, line: &Secret<Vec<u8>>, env: &mut Env<'_>) -> Flow {
        match decode_sasl(line.expose()) {
            None => Completion::bad("The response is not valid base64").into(),
            Some(SaslLine::Cancel) => Completion::bad("AUTHENTICATE cancelled").into(),
            Some(SaslLine::Data(message)) => {
                match self.after(exchange.respond(message.expose()), env.now) {
                    Err(completion) => completion.into(),
                    Ok(Stage::Challenge(exchange)) => self.challenge(exchange, env),
                    Ok(Stage::Ask(attempt)) => self.ask(*attempt),
                    Ok(_) => Completion::bad("AUTHENTICATE failed").into(),
                }
            }
        }
    }

    /// What follows a response.
    fn after(&self, turn: Result<Turn, SaslError>, now: Moment) -> Result<Stage, Completion> {
        match turn.map_err(|error| Completion::bad(error.to_string()))? {
            Turn::Ask(exchange) => Ok(Stage::Challenge(exchange)),
            Turn::Done(plain) => {
                let tls = self.logins.tls_bits.map(u32::from);
                let attempt = plain.into_attempt(Service::Imap, self.logins.peer, tls);
                Ok(Stage::Ask(Box::new(attempt)))
            }
            Turn::External(id) => match &self.logins.certificate {
                Some(shown) => Ok(Stage::Ask(Box::new(self.by_certificate(shown, id, now)))),
                None => Err(login_refusal(FailureKind::CertificateRefused)),
            },
        }
    }

    /// The certificate is judged again: it may have expired since TLS began, or its authority gone.
    fn by_certificate(
        &self,
        shown: &ShownCertificate,
        id: Option<String>,
        now: Moment,
    ) -> LoginAttempt {
        let fault = shown.judge(now.wall.seconds).err();
        let presented = PresentedCertificate { der: shown.der().to_vec(), fault };
        let tls = self.logins.tls_bits.map(u32::from);
        presented.into_attempt(Service::Imap, id, self.logins.peer, tls)
    }

    fn ask(&mut self, attempt: LoginAttempt) -> Flow {
        self.stage = Stage::Asked;
        let answer = self.logins.auth.login(attempt);
        Flow::Call(Box::pin(async move { Reply::Login(answer.await) }))
    }

    fn find_account(
        &mut self,
        identity: Box<Identity>,
        state: &mut State,
        env: &Env<'_>,
    ) -> Stepped {
        let known = env.store.snapshot()?.account(&identity.account)?;
        if let Some(account) = known {
            return Ok(self.enter(*identity, account.id, state, env));
        }
        let name = identity.account.clone();
        self.stage = Stage::Account(identity);
        Ok(env.submit(Mutation::EnsureAccount(name)))
    }

    fn enter(
        &self,
        identity: Identity,
        account: AccountId,
        state: &mut State,
        env: &Env<'_>,
    ) -> Flow {
        let Logins { session, waker, .. } = &self.logins;
        if !matches!(state, State::NotAuthenticated(_)) {
            warn!(session, user = %identity.account, "second login refused");
            return Completion::bad("You are logged in already").into();
        }
        let waker = waker.clone();
        let watch = env.store.watch(account, Arc::new(move || waker.wake()));
        let enabled = Default::default();
        *state = State::Authenticated(Box::new(User { identity, account, watch, enabled }));
        let standing = capability::Standing::LOGGED_IN;
        Completion::ok("You are logged in").with_code(capability::code(standing)).into()
    }
}

/// Counts a failed login and says why; the authenticator has logged it.
fn refuse(state: &mut State, failure: &LoginFailure) -> Completion {
    if let State::NotAuthenticated(stranger) = state {
        stranger.failures = stranger.failures.saturating_add(1);
    }
    failure_completion(failure)
}

fn failure_completion(failure: &LoginFailure) -> Completion {
    login_refusal(failure.kind)
}

/// What the client is told of a login that is refused.
pub(crate) fn login_refusal(kind: FailureKind) -> Completion {
    let code = match kind.imap_code() {
        "AUTHORIZATIONFAILED" => ResponseCode::AuthorizationFailed,
        "CONTACTADMIN" => ResponseCode::ContactAdmin,
        "EXPIRED" => ResponseCode::Expired,
        "PRIVACYREQUIRED" => ResponseCode::PrivacyRequired,
        "UNAVAILABLE" => ResponseCode::Unavailable,
        _ => ResponseCode::AuthenticationFailed,
    };
    Completion::no(code, kind.text())
}
