//! Tests of what is told of accounts that may not enter: only to who knows the password.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_shut_account_is_told_only_to_who_knows_the_password() {
    let directory = Counting::new();
    let auth = over(&directory, config());
    let bad = Some(FailureKind::BadCredentials);
    let statuses = [
        (MailStatus::Inactive, Some(FailureKind::Disabled)),
        (MailStatus::Deleted, Some(FailureKind::Disabled)),
        (MailStatus::Hold, Some(FailureKind::Disabled)),
        (MailStatus::Disabled, Some(FailureKind::Disabled)),
        (MailStatus::Removed, Some(FailureKind::Disabled)),
        (MailStatus::Unused, Some(FailureKind::Disabled)),
        (MailStatus::Overquota, None),
        (MailStatus::Active, None),
    ];
    for (status, expected) in statuses {
        directory.user.lock().unwrap().mail_user_status = status;
        directory.generation.fetch_add(1, Ordering::SeqCst);
        assert_eq!(kind(&auth, attempt("alice", "wonder")).await, expected, "{status}");
        assert_eq!(kind(&auth, attempt("alice", "wrong")).await, bad, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_directory_s_password_policy_is_told_only_to_who_knows_the_password() {
    let directory = Counting::new();
    let auth = over(&directory, config());
    let message = || "as the policy wants".to_owned();
    let policies = [
        (PasswordVerdict::Expired { message: message() }, FailureKind::PasswordExpired, "EXPIRED"),
        (
            PasswordVerdict::MustChange { message: message() },
            FailureKind::PasswordMustChange,
            "EXPIRED",
        ),
        (
            PasswordVerdict::Locked { message: message() },
            FailureKind::BadCredentials,
            "AUTHENTICATIONFAILED",
        ),
    ];
    for (verdict, expected, code) in policies {
        *directory.policy.lock().unwrap() = Some(verdict);
        let failure = auth.login(attempt("alice", "wonder")).await.unwrap_err();
        assert_eq!((failure.kind, failure.imap_code()), (expected, code));
        assert!(failure.reason.contains("as the policy wants"), "{}", failure.reason);
        assert!(!failure.to_string().contains("as the policy wants"), "{failure}");
        let wrong = kind(&auth, attempt("alice", "wrong")).await;
        assert_eq!(wrong, Some(FailureKind::BadCredentials));
    }
}

#[tokio::test(start_paused = true)]
async fn the_status_of_the_domain_and_of_the_person_count_too() {
    let directory = Counting::new();
    let auth = over(&directory, AuthConfig { remember_for: Duration::ZERO, ..config() });
    let shut = Some(FailureKind::Disabled);
    directory.domain.lock().unwrap().inet_domain_status = InetStatus::Inactive;
    assert_eq!(kind(&auth, attempt("alice", "wonder")).await, shut);
    directory.domain.lock().unwrap().inet_domain_status = InetStatus::Active;
    directory.domain.lock().unwrap().mail_domain_status = MailStatus::Disabled;
    assert_eq!(kind(&auth, attempt("alice", "wonder")).await, shut);
    directory.domain.lock().unwrap().mail_domain_status = MailStatus::Active;
    directory.user.lock().unwrap().inet_user_status = InetStatus::Deleted;
    let failure = auth.login(attempt("alice", "wonder")).await.unwrap_err();
    assert_eq!(failure.reason, "inetUserStatus is deleted");
    assert!(!failure.to_string().contains("inetUserStatus"), "the client sees no reason");
}
