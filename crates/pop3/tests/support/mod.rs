//! Sessions in memory: a directory that knows everybody, an inbox with known mail, and the check
//! that the fuzz target and the kept corpus share.
#![allow(dead_code, unreachable_pub, reason = "each user of this module needs another part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may unwrap")]

use std::sync::{Arc, OnceLock, RwLock};
use std::time::Duration;
use tokio::runtime::{Builder, EnterGuard, Runtime};
use waypost_auth::{AuthConfig, Authenticator, PasswordLogin};
use waypost_directory::{
    Directory, DirectoryError, Domain, Found, InetStatus, MailStatus, PasswordVerdict, User,
};
use waypost_ldap_filter::{Filter, SearchBase};
use waypost_net::session::{ClientFacts, Service};
use waypost_net::testing::{Dialogue, Memory};
use waypost_net::tls::ShownCertificate;
use waypost_pop3::{Config, Pop3Service, Pop3Session, SharedConfig, limits};
use waypost_store::model::{ModelStore, payload};
use waypost_store::{Deliver, Mutation, Recipient, Store};
use waypost_types::{AccountName, FlagSet, Secret, UnixTime};

/// The right password of everybody.
const PASSWORD: &str = "wonder land";

/// Alice's mail: an ordinary message with dots, a broken one, one with raw 8-bit.
pub const MAIL: [&str; 3] = [
    "Subject: one\r\n\r\n.dot\r\nsecond\r\nthird\r\n",
    "Subject: two\n\nbare\n.\r\nno end",
    "Subject: dr\u{e4}i\r\n\r\n\u{e4}\r\n",
];

/// When everything in the store happened.
pub const NOW: UnixTime = UnixTime::utc(1_700_000_000);

/// Knows every uid in every domain; those that begin with `off` are disabled.
struct Everybody {
    /// Every password is right: nothing the fuzzer finds may be slow.
    any_password: bool,
}

impl Directory for Everybody {
    fn user_by_login(&self, uid: &str, domain: &str) -> Result<Option<User>, DirectoryError> {
        let off = uid.starts_with("off");
        let account = AccountName::new(uid);
        Ok(account.ok().map(|account| User {
            uid: uid.to_owned(),
            domain: domain.to_owned(),
            account,
            entry: uid.to_owned(),
            cn: None,
            mail: format!("{uid}@{domain}"),
            mail_alternate_addresses: Vec::new(),
            mail_equivalent_addresses: Vec::new(),
            mail_host: None,
            mail_message_store: None,
            quota: Default::default(),
            mail_user_status: if off { MailStatus::Disabled } else { MailStatus::Active },
            inet_user_status: InetStatus::Active,
            mail_allowed_service_access: None,
        }))
    }

    fn find_one(&self, _: &SearchBase, filter: &Filter, _: usize) -> Result<Found, DirectoryError> {
        let is_alice = filter.required("mail") == Some(b"alice@example.com");
        let user = self.user_by_login("alice", "example.com")?.filter(|_| is_alice);
        Ok(Found::of(user.into_iter().collect()))
    }

    fn resolve_address(&self, local: &str, domain: &str) -> Result<Option<User>, DirectoryError> {
        self.user_by_login(local, domain)
    }

    fn domain(&self, name: &str) -> Result<Option<Domain>, DirectoryError> {
        Ok(Some(Domain {
            name: name.to_owned(),
            inet_domain_status: InetStatus::Active,
            mail_domain_status: MailStatus::Active,
            mail_domain_allowed_service_access: None,
            inet_domain_search_filter: None,
            domain_uid_separator: None,
        }))
    }

    fn verify_password(
        &self,
        _: &User,
        password: &Secret<String>,
    ) -> Result<PasswordVerdict, DirectoryError> {
        Ok(PasswordVerdict::of(self.any_password || password.matches(PASSWORD.as_bytes())))
    }

    fn verify_nobody(&self, _: &Secret<String>) -> Result<(), DirectoryError> {
        Ok(())
    }

    fn generation(&self) -> Result<Option<u64>, DirectoryError> {
        Ok(Some(1))
    }
}

/// A service over a store. While it lives, its thread is in a runtime, which logins need.
pub struct World {
    service: Pop3Service,
    config: SharedConfig,
    _runtime: EnterGuard<'static>,
}

/// How a world is set up.
#[derive(Default, Clone, Copy)]
pub struct Policy {
    /// `pop.plaintextmincipher`.
    pub min_cipher: i64,
    /// See [`Everybody`].
    pub any_password: bool,
}

impl World {
    pub fn new(store: Arc<dyn Store>, policy: Policy) -> Self {
        let auth = AuthConfig {
            default_domain: "example.com".to_owned(),
            login_separators: String::new(),
            search_for_domain: true,
            search_filter: Default::default(),
            store_admins: Vec::new(),
            hostname: "mail.example.com".to_owned(),
            imap_passwords: PasswordLogin::Always,
            pop_passwords: PasswordLogin::from_min_cipher(policy.min_cipher),
            quota: Default::default(),
            cert_maps: None,
            remember_for: Duration::ZERO,
            remember_logins: 1_000,
        };
        let directory = Everybody { any_password: policy.any_password };
        let auth = Authenticator::new(Arc::new(directory), auth).unwrap();
        let config = Config {
            hostname: "mail.example.com".to_owned(),
            banner: "mail.example.com POP service <Waypost\r\n>".to_owned(),
            version: "0.1.0".to_owned(),
            idle_timeout: limits::IDLE_TIME,
        };
        let config: SharedConfig = Arc::new(RwLock::new(Arc::new(config)));
        let service = Pop3Service::new(store, auth, Arc::clone(&config));
        Self { service, config, _runtime: runtime().enter() }
    }

    pub fn open(&self) -> Dialogue<Pop3Session> {
        Dialogue::open(|facts| self.service.session(facts)).unwrap()
    }

    /// A session over TLS whose client has shown the certificate of alice.
    pub fn open_certified(&self, verdict: Result<(), String>) -> Dialogue<Pop3Session> {
        let der = include_bytes!("../../../imap/tests/certificates/alice.der");
        let (later, chain) = (verdict.clone(), vec![der.to_vec().into()]);
        let certificate = ShownCertificate::new(chain, move |_, _| later.clone());
        let client = ClientFacts { certificate, verdict };
        Dialogue::open_certified(client, |facts| self.service.session(facts)).unwrap()
    }

    /// Changes settings under the sessions.
    pub fn reconfigure(&self, change: impl FnOnce(&mut Config)) {
        let mut config = self.config.write().unwrap();
        change(Arc::make_mut(&mut config));
    }

    pub fn session(&self, facts: waypost_net::session::ConnectionFacts) -> Pop3Session {
        self.service.session(facts)
    }
}

pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap()
    })
}

/// A runtime in which delays pass at once: a failed login waits a second and more.
pub fn without_delays() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
    })
}

/// A store in which Alice has [`MAIL`].
pub fn store() -> Arc<ModelStore> {
    let store = Arc::new(ModelStore::new());
    for mail in MAIL {
        deliver(&store, mail.as_bytes());
    }
    store
}

/// Delivers to Alice.
pub fn deliver(store: &ModelStore, message: &[u8]) {
    let alice = Recipient {
        account: AccountName::new("alice").unwrap(),
        folder: None,
        flags: FlagSet::default(),
        limits: Default::default(),
    };
    let payload = payload(message.to_vec());
    let deliver = Deliver { payload, recipients: vec![alice], internal_date: NOW };
    store.apply(Mutation::Deliver(deliver), NOW).unwrap();
}

/// Lines that log Alice in.
pub const LOGIN: &str = "S: +OK {*}\nC: USER alice\nS: +OK {*}\nC: PASS wonder land\nS: +OK {*}\n";

/// What a session answers to `input` that comes in pieces of `chunk` bytes.
pub fn answers(input: &[u8], chunk: usize) -> Vec<u8> {
    let policy = Policy { min_cipher: 0, any_password: true };
    let world = World::new(store(), policy);
    let memory = Memory::open(None, |facts| world.session(facts)).unwrap();
    let mut memory = memory.calls_within(without_delays());
    for piece in input.chunks(chunk.max(1)) {
        memory.send(piece).expect("the session takes everything");
    }
    memory.end_input().expect("the session ends");
    std::mem::take(memory.output())
}

/// Any bytes give the same answers however they arrive, in whole lines, and never a panic. Input
/// with an odd first byte comes after a login.
pub fn check(input: &[u8]) {
    let Some((first, rest)) = input.split_first() else { return };
    let login: &[u8] = if first % 2 == 1 { b"USER alice\r\nPASS x\r\n" } else { b"" };
    let input = [login, rest].concat();
    let whole = answers(&input, input.len());
    assert!(whole.starts_with(b"+OK ") && whole.ends_with(b"\r\n"), "whole lines");
    for chunk in [1, 7, 61] {
        assert_eq!(answers(&input, chunk), whole, "in chunks of {chunk}");
    }
}
