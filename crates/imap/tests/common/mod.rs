//! A server in memory for dialogues: the reference model, one user, several sessions.
//!
//! A script is a dialogue of `waypost_net::testing` with lines of its own that begin with `@`:
//!
//! | line | meaning |
//! |---|---|
//! | `@ A` | the lines that follow are of session A, which opens (and greets) when it is new |
//! | `@ A login` | likewise, logged in as alice, with nothing left to read |
//! | `@ A select NAME` | likewise, with a mailbox open |
//! | `@ A tls` | session A opens on a port that begins with TLS |
//! | `@ A certificate` | likewise, and the client has shown the certificate of alice |
//! | `@ A certificate WORD` | likewise, and it is not accepted, for the reason WORD |
//! | `@ distrust` | from now on no certificate is accepted |
//! | `@ A woken` | the store has woken session A; it may look now |
//! | `@ refuse WHAT` | the store refuses changes: `space`, `unavailable`, `limit`, `uploads`, `nothing` |
//! | `@ damage N` | email N of alice cannot be read |
//! | `@ fail N` | the Nth look-up of a mailbox by number from now on fails |
//! | `@ mail FILE` | a message of `tests/messages` is delivered to alice's INBOX |
//! | `@ option NAME VALUE` | a setting for sessions that open later |

pub(crate) mod check;
pub(crate) mod dice;
mod hand;
mod probe;

pub(crate) use hand::Hand;
use probe::Probe;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::runtime::Runtime;
use waypost_auth::{AuthConfig, Authenticator, PasswordLogin};
use waypost_directory::{
    Directory, DirectoryError, Domain, Found, InetStatus, MailStatus, PasswordVerdict, User,
};
use waypost_imap::{Config, ImapService, ImapSession, SharedConfig};
use waypost_ldap_filter::{Filter, SearchBase};
use waypost_net::session::{ClientFacts, Service};
use waypost_net::testing::Dialogue;
use waypost_net::tls::ShownCertificate;
use waypost_store::model::payload;
use waypost_store::{Deliver, LimitName, Mutation, Recipient, StoreError};
use waypost_types::{AccountName, EmailId, FlagSet, Secret, UnixTime};

/// When delivered messages arrive: Sun, 25 Oct 2020 12:00:00 UTC.
const ARRIVAL: UnixTime = UnixTime::utc(1_603_627_200);

/// A server in memory.
pub(crate) struct World {
    pub(crate) store: Arc<Probe>,
    config: Arc<SharedConfig>,
    settings: Config,
    auth: Arc<Authenticator>,
    auth_config: AuthConfig,
    service: ImapService,
    sessions: BTreeMap<String, Dialogue<ImapSession>>,
    distrust: Arc<AtomicBool>,
    runtime: Arc<Runtime>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::within(Arc::new(Runtime::new().unwrap()))
    }

    /// A server for sessions stepped by hand whose delays pass at once: a failed login waits a second and
    /// more. Its runtime serves every such server of the process.
    pub(crate) fn without_delays() -> Self {
        static RUNTIME: LazyLock<Arc<Runtime>> = LazyLock::new(|| {
            let mut builder = tokio::runtime::Builder::new_current_thread();
            Arc::new(builder.enable_time().start_paused(true).build().unwrap())
        });
        Self::within(Arc::clone(&RUNTIME))
    }

    fn within(runtime: Arc<Runtime>) -> Self {
        let auth_config = AuthConfig {
            default_domain: "example.com".into(),
            login_separators: "@".into(),
            search_for_domain: true,
            search_filter: Default::default(),
            store_admins: Vec::new(),
            hostname: "mail.example.com".into(),
            imap_passwords: PasswordLogin::Always,
            pop_passwords: PasswordLogin::Always,
            quota: Default::default(),
            cert_maps: None,
            remember_for: Duration::from_secs(600),
            remember_logins: 1_000,
        };
        let guard = runtime.enter();
        let auth = Arc::new(Authenticator::new(Arc::new(OneUser), auth_config.clone()).unwrap());
        drop(guard);
        let store = Arc::new(Probe::default());
        let settings = Config { version: "1".into(), ..Config::default() };
        let config = Arc::new(SharedConfig::new(settings.clone()));
        let service = ImapService::new(store.clone(), Arc::clone(&auth), Arc::clone(&config));
        let sessions = BTreeMap::new();
        let distrust = Arc::default();
        Self { store, config, settings, auth, auth_config, service, sessions, distrust, runtime }
    }

    /// Plays a script; panics at the first line that does not fit.
    pub(crate) fn play(&mut self, file: &Path) {
        let script = std::fs::read_to_string(file).unwrap();
        let name = file.display().to_string();
        let handle = self.runtime.handle().clone();
        let _inside = handle.enter();
        let (mut current, mut block) = (String::new(), String::new());
        for (at, line) in script.lines().enumerate() {
            let Some(directive) = line.strip_prefix("@ ") else {
                block.push_str(line);
                block.push('\n');
                continue;
            };
            self.play_block(&name, &current, &block);
            block = "\n".repeat(at + 1);
            if let Some(session) = self.direct(directive) {
                current = session;
            }
        }
        self.play_block(&name, &current, &block);
    }

    /// A session logged in with INBOX open, stepped by hand.
    pub(crate) fn hand(&mut self) -> Hand {
        Hand::new(self.service.clone(), Arc::clone(&self.store), Arc::clone(&self.runtime))
    }

    /// A session that has only been greeted, stepped by hand.
    pub(crate) fn stranger(&mut self) -> Hand {
        Hand::stranger(self.service.clone(), Arc::clone(&self.store), Arc::clone(&self.runtime))
    }

    fn play_block(&mut self, file: &str, session: &str, block: &str) {
        if block.lines().all(|line| line.is_empty() || line.starts_with('#')) {
            return;
        }
        let dialogue = self.sessions.get_mut(session).expect("a session is named first");
        if let Err(error) = dialogue.play(file, block) {
            panic!("session {session}: {error}");
        }
    }

    fn direct(&mut self, directive: &str) -> Option<String> {
        let words: Vec<&str> = directive.split(' ').collect();
        match words[..] {
            ["mail", file] => self.deliver(file),
            ["option", name, value] => self.set(name, value),
            ["refuse", what] => self.refuse(what),
            ["damage", email] => {
                self.store.damaged.lock().unwrap().push(EmailId(email.parse().unwrap()));
            }
            ["fail", nth] => self.store.fail_look_up.store(nth.parse().unwrap(), SeqCst),
            ["distrust"] => self.distrust.store(true, SeqCst),
            [session] => return Some(self.open(session, false)),
            [session, "tls"] => return Some(self.open(session, true)),
            [session, "certificate"] => return Some(self.open_certified(session, Ok(()))),
            [session, "certificate", fault] => {
                return Some(self.open_certified(session, Err(fault.to_owned())));
            }
            [session, "login"] => return Some(self.log_in(session)),
            [session, "select", mailbox] => return Some(self.select(session, mailbox)),
            [session, "woken"] => return Some(self.wake(session)),
            _ => panic!("unknown directive: {directive}"),
        }
        None
    }

    fn open(&mut self, session: &str, tls: bool) -> String {
        if !self.sessions.contains_key(session) {
            let make = |facts| self.service.session(facts);
            let dialogue = match tls {
                true => Dialogue::open_tls(make).unwrap(),
                false => Dialogue::open(make).unwrap(),
            };
            self.sessions.insert(session.to_owned(), dialogue);
        }
        session.to_owned()
    }

    fn open_certified(&mut self, session: &str, verdict: Result<(), String>) -> String {
        let der = std::fs::read(in_tests("certificates").join("alice.der")).unwrap();
        let (distrust, later) = (Arc::clone(&self.distrust), verdict.clone());
        let certificate = ShownCertificate::new(vec![der.into()], move |_, _| {
            if distrust.load(SeqCst) { Err("no authority".to_owned()) } else { later.clone() }
        });
        let client = ClientFacts { certificate, verdict };
        let dialogue = Dialogue::open_certified(client, |facts| self.service.session(facts));
        self.sessions.insert(session.to_owned(), dialogue.unwrap());
        session.to_owned()
    }

    fn log_in(&mut self, session: &str) -> String {
        self.open(session, false);
        self.play_block("login", session, "S> * OK {*}\nC: l LOGIN alice secret\nS> l OK {*}\n");
        session.to_owned()
    }

    fn select(&mut self, session: &str, mailbox: &str) -> String {
        if !self.sessions.contains_key(session) {
            self.log_in(session);
        }
        self.play_block("select", session, &format!("C: s SELECT {mailbox}\nS> s OK {{*}}\n"));
        session.to_owned()
    }

    fn wake(&mut self, session: &str) -> String {
        let memory = self.sessions.get_mut(session).unwrap().memory();
        assert!(memory.was_woken(), "session {session} was not woken");
        memory.wake().unwrap();
        session.to_owned()
    }

    fn deliver(&self, file: &str) {
        self.deliver_bytes(std::fs::read(in_tests("messages").join(file)).unwrap());
    }

    /// Delivers a message to alice's INBOX.
    pub(crate) fn deliver_bytes(&self, bytes: Vec<u8>) {
        let account = AccountName::new("alice").unwrap();
        let recipient = Recipient {
            account,
            folder: None,
            flags: FlagSet::default(),
            limits: Default::default(),
        };
        let recipients = vec![recipient];
        let deliver = Deliver { payload: payload(bytes), recipients, internal_date: ARRIVAL };
        self.store.model.apply(Mutation::Deliver(deliver), ARRIVAL).unwrap();
    }

    fn refuse(&self, what: &str) {
        *self.store.refuse_uploads.lock().unwrap() = what == "uploads";
        *self.store.refuse.lock().unwrap() = match what {
            "space" => Some(StoreError::NoSpace),
            "unavailable" => Some(StoreError::Unavailable("no answer in time".into())),
            "limit" => Some(StoreError::Limit(LimitName::Keywords)),
            "uploads" | "nothing" => None,
            _ => panic!("unknown refusal {what}"),
        };
    }

    fn set(&mut self, name: &str, value: &str) {
        match name {
            "max_message_bytes" => self.settings.max_message_bytes = value.parse().unwrap(),
            "plaintextmincipher" => {
                let imap_passwords = PasswordLogin::from_min_cipher(value.parse().unwrap());
                self.auth_config.imap_passwords = imap_passwords;
                self.auth.reconfigure(self.auth_config.clone());
            }
            "quota_bytes" | "quota_messages" | "quota_enforced" => {
                let quota = &mut self.auth_config.quota;
                match name {
                    "quota_bytes" => quota.default_bytes = value.parse().ok(),
                    "quota_messages" => quota.default_messages = value.parse().ok(),
                    _ => quota.enforced = value == "1",
                }
                self.auth.reconfigure(self.auth_config.clone());
            }
            "idle_timeout" => {
                self.settings.idle_timeout =
                    Duration::from_secs(60 * value.parse::<u64>().unwrap());
            }
            "banner" => value.clone_into(&mut self.settings.banner),
            _ => panic!("unknown option {name}"),
        }
        self.config.replace(self.settings.clone());
    }
}

/// A folder beside the tests.
pub(crate) fn in_tests(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder)
}

/// A directory with the user `alice`, password `secret`.
struct OneUser;

impl Directory for OneUser {
    fn user_by_login(&self, uid: &str, domain: &str) -> Result<Option<User>, DirectoryError> {
        let known = uid == "alice" && domain == "example.com";
        Ok(known.then(|| User {
            uid: "alice".into(),
            domain: "example.com".into(),
            account: AccountName::new("alice").unwrap(),
            entry: "alice@example.com".into(),
            cn: Some("Alice".into()),
            mail: "alice@example.com".into(),
            mail_alternate_addresses: Vec::new(),
            mail_equivalent_addresses: Vec::new(),
            mail_host: None,
            mail_message_store: None,
            quota: Default::default(),
            mail_user_status: MailStatus::Active,
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
        Ok((name == "example.com").then(|| Domain {
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
        _user: &User,
        password: &Secret<String>,
    ) -> Result<PasswordVerdict, DirectoryError> {
        Ok(PasswordVerdict::of(password.matches(b"secret")))
    }

    fn verify_nobody(&self, _password: &Secret<String>) -> Result<(), DirectoryError> {
        Ok(())
    }

    fn generation(&self) -> Result<Option<u64>, DirectoryError> {
        Ok(Some(1))
    }
}
