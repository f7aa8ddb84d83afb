//! Tests of what users of open sessions may store, and of where their mail is.

use super::*;
use crate::quota::FRESH;
use waypost_directory::{Quota, QuotaRules, UserQuota};
use waypost_types::QuotaLimits;

const fn bytes(most: u64) -> UserQuota {
    UserQuota { bytes: Some(Quota::AtMost(most)), messages: None }
}

async fn limit(auth: &Authenticator, identity: &Identity) -> Option<u64> {
    auth.quota(identity).await.enforced.bytes
}

#[tokio::test(start_paused = true)]
async fn a_changed_quota_reaches_open_sessions_in_bounded_time() {
    let directory = Counting::new();
    let auth = over(&directory, config());
    let identity = auth.login(attempt("alice", "wonder")).await.unwrap();
    directory.user.lock().unwrap().quota = bytes(100);
    assert_eq!(limit(&auth, &identity).await, Some(100), "the login's own answer is not used");
    directory.user.lock().unwrap().quota = bytes(50);
    assert_eq!(limit(&auth, &identity).await, Some(100), "asked a moment ago");
    tokio::time::advance(FRESH).await;
    assert_eq!(limit(&auth, &identity).await, Some(50));
}

#[tokio::test(start_paused = true)]
async fn the_last_known_quota_holds_while_the_directory_does_not_answer() {
    let directory = Counting::new();
    directory.user.lock().unwrap().quota = bytes(100);
    let auth = over(&directory, config());
    let identity = auth.login(attempt("alice", "wonder")).await.unwrap();
    let down = DirectoryError::Unavailable { cause: "down".to_owned() };
    *directory.error.lock().unwrap() = Some(down);
    assert_eq!(limit(&auth, &identity).await, Some(100), "what the login said");
    directory.user.lock().unwrap().quota = bytes(50);
    tokio::time::advance(FRESH).await;
    assert_eq!(limit(&auth, &identity).await, Some(100));
    *directory.error.lock().unwrap() = None;
    tokio::time::advance(FRESH).await;
    assert_eq!(limit(&auth, &identity).await, Some(50));
}

#[tokio::test(start_paused = true)]
async fn the_server_s_rules_hold_at_once() {
    let directory = Counting::new();
    let auth = over(&directory, config());
    let identity = auth.login(attempt("alice", "wonder")).await.unwrap();
    assert_eq!(limit(&auth, &identity).await, None);
    let quota = QuotaRules { default_bytes: Some(7), ..QuotaRules::default() };
    auth.reconfigure(AuthConfig { quota, ..config() });
    assert_eq!(limit(&auth, &identity).await, Some(7));
    auth.reconfigure(AuthConfig { quota: QuotaRules { enforced: false, ..quota }, ..config() });
    let shown = auth.quota(&identity).await;
    assert_eq!((shown.limits.bytes, shown.enforced), (Some(7), QuotaLimits::NONE));
}

#[tokio::test(start_paused = true)]
async fn mail_in_another_partition_cannot_be_reached_for_now() {
    let directory = Counting::new();
    let auth = over(&directory, AuthConfig { remember_for: Duration::ZERO, ..config() });
    for (partition, expected) in [
        (None, None),
        (Some("primary"), None),
        (Some(" PRIMARY "), None),
        (Some(""), None),
        (Some("secondary"), Some(FailureKind::MailElsewhere)),
    ] {
        directory.user.lock().unwrap().mail_message_store = partition.map(str::to_owned);
        assert_eq!(kind(&auth, attempt("alice", "wonder")).await, expected, "{partition:?}");
    }
    let failure = auth.login(attempt("alice", "wonder")).await.unwrap_err();
    assert_eq!((failure.imap_code(), failure.pop3_code()), ("UNAVAILABLE", "SYS/TEMP"));
    assert!(failure.reason.contains("mailMessageStore is secondary"), "{}", failure.reason);
    assert!(!failure.to_string().contains("secondary"), "{failure}");
    let wrong = kind(&auth, attempt("alice", "wrong")).await;
    assert_eq!(wrong, Some(FailureKind::BadCredentials), "only who knows the password is told");
    let explained = auth.explain(&attempt("alice", ""), None);
    let step = explained.steps.last().unwrap();
    assert_eq!((step.name, step.passed), ("message store", false));
}
