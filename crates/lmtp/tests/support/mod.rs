//! A session on the model with a directory of two users; what must hold for any bytes.

use std::sync::{Arc, RwLock};
use std::time::Duration;
use waypost_directory::{
    Directory, DirectoryError, Domain, InetStatus, MailStatus, PasswordVerdict, User,
};
use waypost_lmtp::{Config, LmtpService};
use waypost_net::session::Service;
use waypost_net::testing::Memory;
use waypost_store::Store;
use waypost_store::model::ModelStore;
use waypost_types::{AccountName, Secret};

/// `alice` and `bob` at example.com.
struct TwoUsers;

impl Directory for TwoUsers {
    fn user_by_login(&self, uid: &str, domain: &str) -> Result<Option<User>, DirectoryError> {
        self.resolve_address(uid, domain)
    }

    fn resolve_address(&self, local: &str, domain: &str) -> Result<Option<User>, DirectoryError> {
        let known = ["alice", "bob"].contains(&local) && domain == "example.com";
        let Ok(account) = AccountName::new(local) else { return Ok(None) };
        Ok(known.then(|| User {
            uid: local.to_owned(),
            domain: domain.to_owned(),
            account,
            entry: format!("{local}@{domain}"),
            cn: None,
            mail: format!("{local}@{domain}"),
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
        _: &User,
        _: &Secret<String>,
    ) -> Result<PasswordVerdict, DirectoryError> {
        Ok(PasswordVerdict::Wrong)
    }

    fn verify_nobody(&self, _: &Secret<String>) -> Result<(), DirectoryError> {
        Ok(())
    }

    fn generation(&self) -> Result<Option<u64>, DirectoryError> {
        Ok(None)
    }
}

/// Replies and mail of a session that is given `input` in chunks of `chunk` bytes.
fn play(input: &[u8], chunk: usize) -> (Vec<u8>, Vec<String>) {
    let config = Config {
        hostname: "mail.example.com".to_owned(),
        max_message_bytes: 4_000,
        idle_timeout: Duration::from_secs(300),
        quota: Default::default(),
    };
    let store = Arc::new(ModelStore::new());
    let config = Arc::new(RwLock::new(Arc::new(config)));
    let service = LmtpService::new(store.clone(), Arc::new(TwoUsers), config);
    let mut memory = Memory::open(None, |facts| service.session(facts)).expect("the session opens");
    for piece in input.chunks(chunk) {
        if memory.is_closed() || memory.send(piece).is_err() {
            break;
        }
    }
    let output = std::mem::take(memory.output());
    drop(memory);
    (output, mail(&*store))
}

/// The mail of every account without its trace lines, which hold the time.
fn mail(store: &dyn Store) -> Vec<String> {
    let snap = store.snapshot().expect("a snapshot");
    let mut all = Vec::new();
    for account in snap.accounts().expect("accounts") {
        for mailbox in snap.mailboxes(account.id).expect("mailboxes") {
            for uid in snap.live(&mailbox).expect("live").iter() {
                let row = snap.message(mailbox.id, uid).expect("readable").expect("a row");
                let mut bytes = Vec::new();
                let body = snap.body(account.id, row.email).expect("a body");
                body.append_to(0..row.size, &mut bytes).expect("readable");
                let at = bytes.windows(8).position(|w| w == b" +0000\r\n").map_or(0, |at| at + 8);
                let text = String::from_utf8_lossy(&bytes[at..]).into_owned();
                all.push(format!("{} {} {text}", account.name, mailbox.name));
            }
        }
    }
    all
}

/// Any bytes in any chunks: no panic, the same replies, the same mail; every reply line is whole.
pub(crate) fn check(input: &[u8]) {
    let whole = play(input, input.len().max(1));
    assert_eq!(whole, play(input, 1), "one byte at a time");
    assert_eq!(whole, play(input, 7), "seven bytes at a time");
    let text = String::from_utf8_lossy(&whole.0);
    assert!(text.is_empty() || text.ends_with("\r\n"));
    for line in text.split_terminator("\r\n") {
        let digits = line.len() >= 4 && line.bytes().take(3).all(|b| b.is_ascii_digit());
        assert!(digits && !line.contains(['\r', '\n']), "not a reply: {line:?}");
    }
}
