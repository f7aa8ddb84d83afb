//! Tests of login names, store administrators and explanations.

use super::*;

/// An embedded directory with the users of the names, password "wonder", in example.com.
pub(super) fn embedded(users: &[&str]) -> (Arc<EmbeddedDirectory>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let directory = EmbeddedDirectory::open_writable(folder.path(), "example.com").unwrap();
    directory.add_domain("example.com").unwrap();
    for uid in users {
        let new = NewUser {
            uid: (*uid).to_owned(),
            domain: "example.com".to_owned(),
            password: Secret::new("wonder".to_owned()),
            cn: None,
            mail: None,
            mail_alternate_addresses: Vec::new(),
            quota: None,
            message_quota: None,
        };
        directory.add_user(&new).unwrap();
    }
    (Arc::new(directory), folder)
}

pub(super) fn set(directory: &EmbeddedDirectory, uid: &str, name: &str, value: &str) {
    let attribute =
        waypost_directory::Attribute { name: name.to_owned(), values: vec![value.to_owned()] };
    directory.set_attributes(uid, "example.com", &[attribute]).unwrap();
}

#[tokio::test]
async fn an_administrator_acts_as_others_and_nothing_of_it_is_remembered() {
    let (directory, _folder) = embedded(&["admin", "bob", "carol"]);
    let store_admins = vec![AccountName::new("admin").unwrap()];
    let config = AuthConfig { store_admins, ..config() };
    let auth = Authenticator::new(Arc::clone(&directory) as Arc<dyn Directory>, config).unwrap();
    let acting = |user: &str, other: &str| LoginAttempt {
        authorization_id: Some(other.to_owned()),
        ..attempt(user, "wonder")
    };
    let identity = auth.login(acting("admin", "bob")).await.unwrap();
    let names = (identity.account.as_str(), identity.acting.as_ref().map(AccountName::as_str));
    assert_eq!(names, ("bob", Some("admin")));
    let own = auth.login(attempt("admin", "wonder")).await.unwrap();
    assert_eq!((own.account.as_str(), own.acting), ("admin", None), "the admin is himself again");
    let own = auth.login(acting("admin", "ADMIN@example.com")).await.unwrap();
    assert_eq!((own.account.as_str(), own.acting), ("admin", None), "his own name is no other");
    let carol = auth.login(acting("admin", "carol")).await.unwrap();
    assert_eq!(carol.account.as_str(), "carol");
    set(&directory, "carol", "mailUserStatus", "hold");
    assert_eq!(kind(&auth, acting("admin", "carol")).await, Some(FailureKind::Disabled));
    let not = Some(FailureKind::NotAuthorized);
    assert_eq!(kind(&auth, acting("admin", "nobody")).await, not);
    assert_eq!(kind(&auth, acting("bob", "admin")).await, not);
    set(&directory, "admin", "mailUserStatus", "disabled");
    assert_eq!(kind(&auth, acting("admin", "bob")).await, Some(FailureKind::Disabled));
}

#[tokio::test]
async fn a_changed_filter_forgets_who_was_remembered() {
    let (directory, _folder) = embedded(&["bob", "carol"]);
    set(&directory, "bob", "employeeNumber", "7");
    set(&directory, "carol", "roomNumber", "7");
    let by = |filter: &str| AuthConfig { search_filter: filter.parse().unwrap(), ..config() };
    let auth = Authenticator::new(directory as Arc<dyn Directory>, by("(employeeNumber=%U)"));
    let auth = auth.unwrap();
    for _ in 0..2 {
        let bob = auth.login(attempt("7", "wonder")).await.unwrap();
        assert_eq!(bob.account.as_str(), "bob");
    }
    auth.reconfigure(by("(roomNumber=%U)"));
    assert_eq!(auth.login(attempt("7", "wonder")).await.unwrap().account.as_str(), "carol");
}

#[tokio::test(start_paused = true)]
async fn a_damaged_filter_of_a_domain_lets_nobody_in() {
    let directory = Counting::new();
    let auth = over(&directory, AuthConfig { remember_for: Duration::ZERO, ..config() });
    directory.domain.lock().unwrap().inet_domain_search_filter = Some("(uid=%U".to_owned());
    let failure = auth.login(attempt("alice", "wonder")).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Damaged);
    assert!(
        failure.reason.starts_with("inetDomainSearchFilter of example.com: a `)`"),
        "{failure:?}"
    );
    directory.domain.lock().unwrap().inet_domain_search_filter = Some("(uid=%U)".to_owned());
    assert_eq!(kind(&auth, attempt("alice", "wonder")).await, None);
}

#[tokio::test(start_paused = true)]
async fn an_explanation_comes_to_what_the_login_comes_to() {
    let directory = Counting::new();
    let auth = over(&directory, AuthConfig { remember_for: Duration::ZERO, ..config() });
    let statuses = [MailStatus::Active, MailStatus::Hold];
    for (login, password) in
        [("alice", "wonder"), ("alice", "wrong"), ("bob", "wonder"), ("@", "x")]
    {
        for status in statuses {
            directory.user.lock().unwrap().mail_user_status = status;
            let attempt = attempt(login, password);
            let secret = Secret::new(password.to_owned());
            let explained = auth.explain(&attempt, Some(&secret));
            let last = explained.steps.last().unwrap();
            assert_eq!(last.passed, explained.outcome.is_ok(), "{login} {password} {status}");
            assert_eq!(explained.outcome, auth.login(attempt).await);
        }
    }
}
