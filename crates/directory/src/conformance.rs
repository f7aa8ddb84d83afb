//! The suite that every directory engine passes: what [`Directory`] promises, checked from outside.
//!
//! An engine's tests implement [`Fixture`] and call [`check`]. A broken promise panics with its name.
#![allow(clippy::expect_used, reason = "the suite reports a broken promise by panicking")]

use crate::contract::Directory;
use crate::model::{MailStatus, User};
use crate::recipient::{Recipient, resolve_recipient};
use waypost_types::Secret;

/// The default domain that a fixture's engine is opened with.
pub const DEFAULT_DOMAIN: &str = "example.com";
/// The second domain of the suite.
const OTHER_DOMAIN: &str = "other.example";

/// An empty engine, and the changes that the suite needs.
pub trait Fixture {
    /// The engine.
    fn directory(&self) -> &dyn Directory;
    /// Adds a domain.
    fn add_domain(&self, name: &str);
    /// Adds a user with the primary address `uid@domain`.
    fn add_user(&self, uid: &str, domain: &str, password: &str, alternates: &[&str]);
    /// Changes a password.
    fn set_password(&self, uid: &str, domain: &str, password: &str);
    /// Changes a status.
    fn set_status(&self, uid: &str, domain: &str, status: MailStatus);
    /// Removes a user.
    fn delete_user(&self, uid: &str, domain: &str);
    /// Whether the engine's generation number follows changes at once.
    fn has_generation(&self) -> bool;
}

/// Runs the whole suite on an empty engine.
pub fn check(fixture: &dyn Fixture) {
    fixture.add_domain(DEFAULT_DOMAIN);
    fixture.add_domain(OTHER_DOMAIN);
    fixture.add_user("alice", DEFAULT_DOMAIN, "wonder", &["info@example.com", "a+b@other.example"]);
    fixture.add_user("alice", OTHER_DOMAIN, "mirror", &[]);
    names(fixture);
    odd_names(fixture);
    addresses(fixture);
    recipients(fixture);
    passwords(fixture);
    status(fixture);
    deletion(fixture);
}

fn login(fixture: &dyn Fixture, uid: &str, domain: &str) -> Option<User> {
    fixture.directory().user_by_login(uid, domain).expect("a look-up by login answers")
}

fn resolved(fixture: &dyn Fixture, local: &str, domain: &str) -> Option<String> {
    let user = fixture.directory().resolve_address(local, domain);
    user.expect("a look-up by address answers").map(|user| user.account.to_string())
}

fn verified(fixture: &dyn Fixture, user: &User, password: &str) -> bool {
    let password = Secret::new(password.to_owned());
    fixture
        .directory()
        .verify_password(user, &password)
        .expect("a password check answers")
        .is_right()
}

fn names(fixture: &dyn Fixture) {
    let alice = login(fixture, "ALICE", "Example.COM").expect("names are found in any case");
    assert_eq!(alice.account.as_str(), "alice", "the default domain has short store ids");
    assert_eq!((alice.uid.as_str(), alice.domain.as_str()), ("alice", DEFAULT_DOMAIN));
    assert_eq!(alice.mail, "alice@example.com");
    let other = login(fixture, "alice", OTHER_DOMAIN).expect("the other domain is found");
    assert_eq!(other.account.as_str(), "alice@other.example", "other domains have long store ids");
    assert!(login(fixture, "bob", DEFAULT_DOMAIN).is_none(), "nobody is found who is not there");
    assert!(login(fixture, "alice", "nowhere.example").is_none());
    let domain = fixture.directory().domain("OTHER.example").expect("a domain look-up answers");
    assert_eq!(domain.expect("the domain is found in any case").name, OTHER_DOMAIN);
    let nowhere = fixture.directory().domain("nowhere.example");
    assert_eq!(nowhere.expect("a domain look-up answers"), None);
}

fn odd_names(fixture: &dyn Fixture) {
    let long = "x".repeat(10_000);
    let odd_ones = ["", "\0", "*", "alice)(uid=*", "alice\0", " alice", long.as_str(), "\u{130}"];
    for (at, odd) in odd_ones.into_iter().enumerate() {
        assert!(login(fixture, odd, DEFAULT_DOMAIN).is_none(), "odd uid {at}");
        assert!(login(fixture, "alice", odd).is_none(), "odd domain {at}");
        assert!(resolved(fixture, odd, DEFAULT_DOMAIN).is_none(), "odd local part {at}");
        let domain = fixture.directory().domain(odd).expect("an odd name is no failure");
        assert!(domain.is_none(), "odd domain {at}");
    }
}

fn addresses(fixture: &dyn Fixture) {
    let alice = Some("alice".to_owned());
    assert_eq!(resolved(fixture, "Alice", "EXAMPLE.com"), alice);
    assert_eq!(resolved(fixture, "info", DEFAULT_DOMAIN), alice);
    assert_eq!(resolved(fixture, "a+b", OTHER_DOMAIN), alice, "an alternate in another domain");
    assert_eq!(resolved(fixture, "info", OTHER_DOMAIN), None);
    assert_eq!(resolved(fixture, "alice+x", DEFAULT_DOMAIN), None, "the caller splits");
}

fn recipients(fixture: &dyn Fixture) {
    let ask = |address: &str| {
        resolve_recipient(fixture.directory(), address).expect("a recipient look-up answers")
    };
    let accepted = |address: &str| match ask(address) {
        Recipient::Accept { user, folder } => (user.account.to_string(), folder),
        other => panic!("{address} is {other:?}"),
    };
    assert_eq!(accepted("alice@example.com"), ("alice".into(), None));
    assert_eq!(accepted("alice+Lists@example.com"), ("alice".into(), Some("Lists".into())));
    assert_eq!(accepted("alice+@example.com"), ("alice".into(), None));
    assert_eq!(accepted("a+b@other.example"), ("alice".into(), None), "an exact address wins");
    assert_eq!(ask("bob@example.com"), Recipient::UnknownUser);
    assert_eq!(ask("alice@nowhere.example"), Recipient::UnknownDomain);
    assert_eq!(ask("alice"), Recipient::UnknownDomain);
}

fn passwords(fixture: &dyn Fixture) {
    let alice = login(fixture, "alice", DEFAULT_DOMAIN).expect("alice is there");
    let other = login(fixture, "alice", OTHER_DOMAIN).expect("the other alice is there");
    assert!(verified(fixture, &alice, "wonder"));
    assert!(verified(fixture, &other, "mirror"));
    for wrong in ["mirror", "Wonder", "wonder ", ""] {
        assert!(!verified(fixture, &alice, wrong), "{wrong:?} is not her password");
    }
    let before = generation(fixture);
    fixture.set_password("alice", DEFAULT_DOMAIN, "caterpillar");
    assert!(!verified(fixture, &alice, "wonder"), "an old password fails at once");
    assert!(verified(fixture, &alice, "caterpillar"));
    assert_changed(fixture, before);
    let nobody = fixture.directory().verify_nobody(&Secret::new("x".to_owned()));
    nobody.expect("checking for nobody answers");
}

fn status(fixture: &dyn Fixture) {
    let before = generation(fixture);
    fixture.set_status("alice", DEFAULT_DOMAIN, MailStatus::Disabled);
    let alice = login(fixture, "alice", DEFAULT_DOMAIN).expect("a disabled user is still found");
    assert_eq!(alice.mail_user_status, MailStatus::Disabled);
    assert_changed(fixture, before);
    let answer = resolve_recipient(fixture.directory(), "info@example.com");
    assert!(
        matches!(answer, Ok(Recipient::Refuse(_))),
        "a disabled user takes no mail: {answer:?}"
    );
    fixture.set_status("alice", DEFAULT_DOMAIN, MailStatus::Hold);
    let answer = resolve_recipient(fixture.directory(), "info@example.com");
    assert!(matches!(answer, Ok(Recipient::Defer(_))), "mail of a user on hold waits: {answer:?}");
    fixture.set_status("alice", DEFAULT_DOMAIN, MailStatus::Active);
}

fn deletion(fixture: &dyn Fixture) {
    let alice = login(fixture, "alice", DEFAULT_DOMAIN).expect("alice is there");
    let before = generation(fixture);
    fixture.delete_user("alice", DEFAULT_DOMAIN);
    assert!(login(fixture, "alice", DEFAULT_DOMAIN).is_none());
    assert!(!verified(fixture, &alice, "caterpillar"), "a removed user has no password");
    assert_eq!(resolved(fixture, "info", DEFAULT_DOMAIN), None, "addresses go with the user");
    assert_eq!(resolved(fixture, "alice", OTHER_DOMAIN), Some("alice@other.example".into()));
    assert_changed(fixture, before);
}

fn generation(fixture: &dyn Fixture) -> Option<u64> {
    fixture.directory().generation().expect("the generation is known")
}

fn assert_changed(fixture: &dyn Fixture, before: Option<u64>) {
    if fixture.has_generation() {
        assert_ne!(generation(fixture), before, "a change raises the generation");
    }
}
