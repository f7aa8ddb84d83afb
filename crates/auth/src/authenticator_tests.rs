//! Tests of the authenticator over a directory that counts its work.
#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

use super::*;
use crate::config::PasswordLogin;
use crate::queue::HASH_QUEUE;
use std::sync::Condvar;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use waypost_directory::{
    Directory, DirectoryError, Domain, EmbeddedDirectory, InetStatus, MailStatus, NewUser,
    PasswordVerdict, User,
};
use waypost_types::{AccountName, Secret};

/// Settings of a host that lets everybody in by password.
pub(crate) fn config() -> AuthConfig {
    AuthConfig {
        default_domain: "example.com".to_owned(),
        login_separators: "@".to_owned(),
        search_for_domain: true,
        search_filter: Default::default(),
        store_admins: Vec::new(),
        hostname: "mail.example.com".to_owned(),
        imap_passwords: PasswordLogin::Always,
        pop_passwords: PasswordLogin::Always,
        quota: Default::default(),
        cert_maps: None,
        remember_for: Duration::from_secs(900),
        remember_logins: 1_000,
    }
}

/// One user, alice, and a count of what was asked.
pub(crate) struct Counting {
    pub(crate) user: Mutex<User>,
    pub(crate) domain: Mutex<Domain>,
    password: Mutex<String>,
    policy: Mutex<Option<PasswordVerdict>>,
    error: Mutex<Option<DirectoryError>>,
    generation: AtomicU64,
    checks: AtomicUsize,
    nobody_checks: AtomicUsize,
    running: AtomicUsize,
    most_running: AtomicUsize,
    gate: (Mutex<bool>, Condvar),
}

impl Counting {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            user: Mutex::new(alice()),
            domain: Mutex::new(Domain {
                name: "example.com".to_owned(),
                inet_domain_status: InetStatus::Active,
                mail_domain_status: MailStatus::Active,
                mail_domain_allowed_service_access: None,
                inet_domain_search_filter: None,
                domain_uid_separator: None,
            }),
            password: Mutex::new("wonder".to_owned()),
            policy: Mutex::new(None),
            error: Mutex::new(None),
            generation: AtomicU64::new(1),
            checks: AtomicUsize::new(0),
            nobody_checks: AtomicUsize::new(0),
            running: AtomicUsize::new(0),
            most_running: AtomicUsize::new(0),
            gate: (Mutex::new(true), Condvar::new()),
        })
    }

    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.checks.load(Ordering::SeqCst), self.nobody_checks.load(Ordering::SeqCst))
    }

    fn open_gate(&self, open: bool) {
        *self.gate.0.lock().unwrap() = open;
        self.gate.1.notify_all();
    }

    fn fail(&self) -> Result<(), DirectoryError> {
        self.error.lock().unwrap().clone().map_or(Ok(()), Err)
    }

    fn spend(&self) {
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_running.fetch_max(running, Ordering::SeqCst);
        let open = self.gate.0.lock().unwrap();
        drop(self.gate.1.wait_while(open, |open| !*open).unwrap());
        self.running.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Directory for Counting {
    fn user_by_login(&self, uid: &str, _: &str) -> Result<Option<User>, DirectoryError> {
        self.fail()?;
        let user = self.user.lock().unwrap().clone();
        Ok((user.uid == uid).then_some(user))
    }
    fn resolve_address(&self, _: &str, _: &str) -> Result<Option<User>, DirectoryError> {
        Ok(None)
    }
    fn domain(&self, name: &str) -> Result<Option<Domain>, DirectoryError> {
        let domain = self.domain.lock().unwrap().clone();
        Ok((domain.name == name).then_some(domain))
    }
    fn verify_password(
        &self,
        _: &User,
        given: &Secret<String>,
    ) -> Result<PasswordVerdict, DirectoryError> {
        self.checks.fetch_add(1, Ordering::SeqCst);
        self.spend();
        let right = *self.password.lock().unwrap() == *given.expose();
        let policy = self.policy.lock().unwrap().clone();
        Ok(policy.filter(|_| right).unwrap_or(PasswordVerdict::of(right)))
    }
    fn verify_nobody(&self, _: &Secret<String>) -> Result<(), DirectoryError> {
        self.nobody_checks.fetch_add(1, Ordering::SeqCst);
        self.spend();
        Ok(())
    }
    fn generation(&self) -> Result<Option<u64>, DirectoryError> {
        Ok(Some(self.generation.load(Ordering::SeqCst)))
    }
}

fn alice() -> User {
    User {
        uid: "alice".to_owned(),
        domain: "example.com".to_owned(),
        account: AccountName::new("alice").unwrap(),
        entry: "alice@example.com".to_owned(),
        cn: Some("Alice".to_owned()),
        mail: "alice@example.com".to_owned(),
        mail_alternate_addresses: Vec::new(),
        mail_equivalent_addresses: Vec::new(),
        mail_host: None,
        mail_message_store: None,
        quota: Default::default(),
        mail_user_status: MailStatus::Active,
        inet_user_status: InetStatus::Active,
        mail_allowed_service_access: None,
    }
}

pub(crate) fn attempt(login: &str, password: &str) -> LoginAttempt {
    LoginAttempt {
        service: Service::Imap,
        login: login.to_owned(),
        authorization_id: None,
        credential: Credential::Password(Secret::new(password.to_owned())),
        peer: Some("192.0.2.1".parse().unwrap()),
        tls: None,
    }
}

pub(crate) fn over(directory: &Arc<Counting>, config: AuthConfig) -> Authenticator {
    Authenticator::with_cores(Arc::clone(directory) as Arc<dyn Directory>, config, 2).unwrap()
}

pub(crate) async fn kind(auth: &Authenticator, attempt: LoginAttempt) -> Option<FailureKind> {
    auth.login(attempt).await.err().map(|failure| failure.kind)
}

#[tokio::test(start_paused = true)]
async fn a_right_password_gives_the_identity() {
    let auth = over(&Counting::new(), config());
    for login in ["alice", "ALICE", "alice@example.com", "Alice@Example.COM"] {
        let identity = auth.login(attempt(login, "wonder")).await.unwrap();
        assert_eq!(identity.account.as_str(), "alice");
        assert_eq!((identity.uid.as_str(), identity.domain.as_str()), ("alice", "example.com"));
    }
}

#[tokio::test(start_paused = true)]
async fn all_wrong_credentials_look_alike_and_cost_one_hash() {
    let directory = Counting::new();
    let auth = over(&directory, config());
    let wrong = ["alice", "bob", "alice@nowhere.example"];
    for (done, login) in wrong.into_iter().enumerate() {
        let failure = auth.login(attempt(login, "wrong")).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::BadCredentials, "{login}");
        assert_eq!(failure.imap_code(), "AUTHENTICATIONFAILED");
        assert_eq!(failure.pop3_code(), "AUTH");
        let (checks, nobody) = directory.counts();
        assert_eq!(checks + nobody, done + 1, "one hash for {login}");
    }
    assert_eq!(directory.counts(), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn filters_and_other_hosts_shut_out() {
    let directory = Counting::new();
    let auth = over(&directory, AuthConfig { remember_for: Duration::ZERO, ..config() });
    directory.user.lock().unwrap().mail_host = Some("MAIL.example.com".to_owned());
    assert_eq!(kind(&auth, attempt("alice", "wonder")).await, None, "our own host, any case");
    directory.user.lock().unwrap().mail_host = Some("other.example.com".to_owned());
    let wrong_host = Some(FailureKind::WrongHost);
    assert_eq!(kind(&auth, attempt("alice", "wonder")).await, wrong_host);
    directory.user.lock().unwrap().mail_host = None;
    directory.user.lock().unwrap().mail_allowed_service_access = Some("+pop:*".to_owned());
    assert_eq!(kind(&auth, attempt("alice", "wonder")).await, Some(FailureKind::Disabled));
}

#[tokio::test(start_paused = true)]
async fn nobody_acts_as_another() {
    let auth = over(&Counting::new(), config());
    let acting_as = |id: &str| LoginAttempt {
        authorization_id: Some(id.to_owned()),
        ..attempt("alice", "wonder")
    };
    assert_eq!(kind(&auth, acting_as("")).await, None);
    assert_eq!(kind(&auth, acting_as("Alice@example.com")).await, None);
    assert_eq!(kind(&auth, acting_as("bob")).await, Some(FailureKind::NotAuthorized));
    assert_eq!(kind(&auth, acting_as(&"é".repeat(9_999))).await, Some(FailureKind::NotAuthorized));
}

#[tokio::test(start_paused = true)]
async fn passwords_need_the_encryption_that_is_asked_for() {
    let directory = Counting::new();
    let auth = over(
        &directory,
        AuthConfig { imap_passwords: PasswordLogin::from_min_cipher(128), ..config() },
    );
    let with = |service, tls| LoginAttempt { service, tls, ..attempt("alice", "wonder") };
    let privacy = Some(FailureKind::PrivacyRequired);
    assert_eq!(kind(&auth, with(Service::Imap, None)).await, privacy);
    let weak = Some(FailureKind::WeakCipher);
    assert_eq!(kind(&auth, with(Service::Imap, Some(112))).await, weak);
    assert_eq!(directory.counts(), (0, 0), "the password is not even looked at");
    assert_eq!(kind(&auth, with(Service::Imap, Some(128))).await, None);
    assert_eq!(kind(&auth, with(Service::Pop3, None)).await, None);
    assert_eq!(auth.password_refusal(Service::Imap, None), privacy);
    assert_eq!(auth.password_refusal(Service::Imap, Some(256)), None);
}

#[tokio::test(start_paused = true)]
async fn passwords_can_be_refused_altogether() {
    let directory = Counting::new();
    let imap_passwords = PasswordLogin::from_min_cipher(-1);
    let auth = over(&directory, AuthConfig { imap_passwords, ..config() });
    let with = |service, tls| LoginAttempt { service, tls, ..attempt("alice", "wonder") };
    for tls in [None, Some(256)] {
        let refused = kind(&auth, with(Service::Imap, tls)).await;
        assert_eq!(refused, Some(FailureKind::PasswordsRefused));
    }
    assert_eq!(directory.counts(), (0, 0), "the password is not even looked at");
    assert_eq!(kind(&auth, with(Service::Pop3, None)).await, None);
}

#[tokio::test(start_paused = true)]
async fn settings_change_under_the_service() {
    let directory = Counting::new();
    let auth = over(&directory, config());
    assert_eq!(kind(&auth, attempt("alice", "wonder")).await, None);
    let default_domain = "elsewhere.example".to_owned();
    auth.reconfigure(AuthConfig {
        imap_passwords: PasswordLogin::from_min_cipher(128),
        default_domain,
        ..config()
    });
    let attempt = |tls| LoginAttempt { service: Service::Imap, tls, ..attempt("alice", "wonder") };
    assert_eq!(kind(&auth, attempt(None)).await, Some(FailureKind::PrivacyRequired));
    assert_eq!(kind(&auth, attempt(Some(128))).await, None, "the default domain stays");
}

#[tokio::test(start_paused = true)]
async fn a_directory_that_fails_is_no_wrong_password() {
    let directory = Counting::new();
    let auth = over(&directory, config());
    let cause = "ldap is down".to_owned();
    *directory.error.lock().unwrap() = Some(DirectoryError::Unavailable { cause });
    let began = Instant::now();
    let failure = auth.login(attempt("alice", "wonder")).await.unwrap_err();
    assert_eq!((failure.imap_code(), failure.pop3_code()), ("UNAVAILABLE", "SYS/TEMP"));
    let cause = "checksum".to_owned();
    *directory.error.lock().unwrap() = Some(DirectoryError::Damaged { cause });
    let failure = auth.login(attempt("alice", "wonder")).await.unwrap_err();
    assert_eq!((failure.imap_code(), failure.pop3_code()), ("CONTACTADMIN", "SYS/PERM"));
    assert_eq!(began.elapsed(), Duration::ZERO, "nobody waits for our own fault");
}

#[tokio::test(start_paused = true)]
async fn a_remembered_login_costs_no_hash_until_it_expires() {
    let directory = Counting::new();
    let auth = over(&directory, config());
    for _ in 0..5 {
        assert_eq!(kind(&auth, attempt("alice", "wonder")).await, None);
    }
    assert_eq!(directory.counts(), (1, 0));
    assert_eq!(
        kind(&auth, attempt("alice", "wrong")).await,
        Some(FailureKind::BadCredentials),
        "a remembered login opens for its own password only"
    );
    assert_eq!(directory.counts(), (2, 0));
    let pop = LoginAttempt { service: Service::Pop3, ..attempt("alice", "wonder") };
    assert_eq!(kind(&auth, pop).await, None);
    assert_eq!(directory.counts(), (3, 0), "another service is another login");
    tokio::time::advance(Duration::from_secs(900)).await;
    assert_eq!(kind(&auth, attempt("alice", "wonder")).await, None);
    assert_eq!(directory.counts(), (4, 0));
}

#[tokio::test(start_paused = true)]
async fn any_change_of_the_directory_ends_what_was_remembered() {
    let directory = Counting::new();
    let auth = over(&directory, config());
    assert_eq!(kind(&auth, attempt("alice", "wonder")).await, None);
    *directory.password.lock().unwrap() = "mirror".to_owned();
    directory.generation.fetch_add(1, Ordering::SeqCst);
    let bad = Some(FailureKind::BadCredentials);
    assert_eq!(kind(&auth, attempt("alice", "wonder")).await, bad);
    assert_eq!(kind(&auth, attempt("alice", "mirror")).await, None);
}

#[tokio::test]
async fn a_change_during_the_check_is_not_remembered() {
    let directory = Counting::new();
    let auth = over(&directory, config());
    directory.open_gate(false);
    let login = tokio::spawn(auth.login(attempt("alice", "wonder")));
    until(|| directory.running.load(Ordering::SeqCst) == 1).await;
    directory.generation.fetch_add(1, Ordering::SeqCst);
    directory.open_gate(true);
    assert!(login.await.unwrap().is_ok());
    assert_eq!(kind(&auth, attempt("alice", "wonder")).await, None);
    assert_eq!(directory.counts(), (2, 0), "the first check was not remembered");
}

#[tokio::test]
async fn cores_and_queue_are_bounded_and_hanging_up_frees_no_core() {
    let directory = Counting::new();
    let auth = over(&directory, config());
    directory.open_gate(false);
    let hash = |n: usize| {
        let peer = std::net::Ipv4Addr::from_bits(u32::try_from(n).unwrap() << 8);
        let attempt = attempt("alice", &format!("wonder{n}"));
        tokio::spawn(auth.login(LoginAttempt { peer: Some(peer.into()), ..attempt }))
    };
    let hung_up = hash(0);
    until(|| directory.running.load(Ordering::SeqCst) == 1).await;
    hung_up.abort();
    let waiting: Vec<_> = (1..2 + HASH_QUEUE).map(hash).collect();
    until(|| auth.shared.queue.free_places() == 0).await;
    let failure = auth.login(attempt("alice", "wonder")).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::TooBusy);
    assert!(failure.kind.is_temporary());
    assert!(directory.running.load(Ordering::SeqCst) <= 2);
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
    directory.open_gate(true);
    until(|| auth.shared.queue.free_places() == 2 + HASH_QUEUE).await;
    assert!(directory.most_running.load(Ordering::SeqCst) <= 2, "two cores, two hashes");
    assert_eq!(kind(&auth, attempt("alice", "wonder")).await, None, "and all is well again");
}

/// Not by a clock: the time that the check takes is given to it.
#[tokio::test(start_paused = true)]
async fn an_unknown_name_is_answered_no_sooner_than_a_wrong_password() {
    let mut answers = Vec::new();
    for (name, check) in [("alice", 400), ("nobody", 0), ("alice", 0), ("nobody", 90)] {
        let directory = Counting::new();
        let auth = over(&directory, config());
        directory.open_gate(false);
        let began = Instant::now();
        let login = tokio::spawn(auth.login(attempt(name, "wrong")));
        // Yielding, not sleeping: that would move the clock.
        while directory.running.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        tokio::time::advance(Duration::from_millis(check)).await;
        directory.open_gate(true);
        assert_eq!(login.await.unwrap().unwrap_err().kind, FailureKind::BadCredentials);
        answers.push(began.elapsed());
    }
    assert_eq!(answers, [crate::SHORTEST_DELAY; 4]);
}

#[tokio::test(start_paused = true)]
async fn failures_wait_longer_and_longer_and_success_never_waits() {
    let auth = over(&Counting::new(), config());
    for expected in [1, 2, 4, 5, 5] {
        let began = Instant::now();
        assert!(auth.login(attempt("alice", "wrong")).await.is_err());
        assert_eq!(began.elapsed().as_secs(), expected);
    }
    let began = Instant::now();
    assert_eq!(kind(&auth, attempt("alice", "wonder")).await, None);
    assert!(began.elapsed() < Duration::from_millis(1), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn malformed_names_fail_like_others() {
    let directory = Counting::new();
    let auth = over(&directory, config());
    let bad = Some(FailureKind::BadCredentials);
    for login in ["", "@", "alice@", "al\u{0}ice", &"x".repeat(100_000)] {
        assert_eq!(kind(&auth, attempt(login, "wonder")).await, bad, "{login:.9}");
    }
    assert_eq!(directory.counts(), (0, 0));
}

#[tokio::test]
async fn the_embedded_directory_logs_in_and_forgets_a_disabled_user() {
    let folder = tempfile::tempdir().unwrap();
    let directory = EmbeddedDirectory::open_writable(folder.path(), "example.com").unwrap();
    let directory = Arc::new(directory);
    directory.add_domain("example.com").unwrap();
    let alice = NewUser {
        uid: "alice".to_owned(),
        domain: "example.com".to_owned(),
        password: Secret::new("wonder".to_owned()),
        cn: None,
        mail: None,
        mail_alternate_addresses: Vec::new(),
        quota: None,
        message_quota: None,
    };
    directory.add_user(&alice).unwrap();
    let auth = Authenticator::new(Arc::clone(&directory) as Arc<dyn Directory>, config()).unwrap();
    assert_eq!(kind(&auth, attempt("alice", "wonder")).await, None);
    assert_eq!(kind(&auth, attempt("alice", "wonder")).await, None);
    directory.set_status("alice", "example.com", MailStatus::Disabled).unwrap();
    assert_eq!(kind(&auth, attempt("alice", "wonder")).await, Some(FailureKind::Disabled));
    directory.set_status("alice", "example.com", MailStatus::Active).unwrap();
    let password = Secret::new("mirror".to_owned());
    directory.set_password("alice", "example.com", &password).unwrap();
    let bad = Some(FailureKind::BadCredentials);
    assert_eq!(kind(&auth, attempt("alice", "wonder")).await, bad);
    assert_eq!(kind(&auth, attempt("alice", "mirror")).await, None);
}

#[path = "names_tests.rs"]
mod names;

/// Waits until a condition holds; a test whose condition never does is ended by the test runner.
async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[path = "quota_tests.rs"]
mod quota;
#[path = "shut_account_tests.rs"]
mod shut_accounts;

#[path = "certificate_tests.rs"]
mod certificates;
