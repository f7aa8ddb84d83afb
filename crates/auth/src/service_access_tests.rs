//! Tests of the rules of service access, over the directory of the authenticator's tests.
#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

use super::*;
use crate::authenticator::tests::{Counting, attempt, config, kind, over};
use std::net::IpAddr;
use waypost_access::{Known, Lookup};

/// Sets the rules of user and domain, and tells how a login by IMAP from an address ends.
async fn with_rules(user: &str, domain: &str, from: &str) -> Result<Identity, LoginFailure> {
    let directory = Counting::new();
    let rules = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    directory.user.lock().unwrap().mail_allowed_service_access = rules(user);
    directory.domain.lock().unwrap().mail_domain_allowed_service_access = rules(domain);
    let auth = over(&directory, config());
    let peer = Some(from.parse().unwrap());
    auth.login(LoginAttempt { peer, ..attempt("alice", "wonder") }).await
}

#[tokio::test(start_paused = true)]
async fn user_and_domain_must_both_allow_the_service() {
    let ends = async |user, domain| with_rules(user, domain, "192.0.2.1").await.err();
    assert_eq!(ends("", "").await, None);
    assert_eq!(ends("+imap,pop,http:*", "+ALL:192.0.2.").await, None);
    assert_eq!(ends("+imap@mail.example.com:ALL", "").await, None, "our own name");
    let failure = ends("+pop:*", "").await.unwrap();
    assert_eq!(failure.kind, FailureKind::Disabled);
    assert_eq!(
        failure.reason,
        "mailAllowedServiceAccess of alice@example.com refuses imap: no filter allows it"
    );
    let failure = ends("+imap:*", "-imap:192.0.2.").await.unwrap();
    assert_eq!(
        failure.reason,
        "mailDomainAllowedServiceAccess of example.com refuses imap: the filter \"-imap:192.0.2.\" \
         matches"
    );
}

#[tokio::test(start_paused = true)]
async fn rules_that_are_not_understood_let_nobody_in_and_are_named() {
    for rules in ["imap:*", "+imap", "", "+imap:*$nonsense", "+imap:1.2.3.4/99"] {
        let rules = if rules.is_empty() { "$" } else { rules };
        let failure = with_rules(rules, "", "192.0.2.1").await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Disabled, "{rules}");
        let named = "mailAllowedServiceAccess of alice@example.com is not understood";
        assert!(failure.reason.starts_with(named), "{}", failure.reason);
    }
}

#[tokio::test(start_paused = true)]
async fn a_remembered_login_is_judged_by_its_own_address_and_name() {
    struct Named;
    impl Names for Named {
        fn names_of(&self, address: IpAddr) -> Lookup {
            let is_home = address == IpAddr::from([192, 0, 2, 1]);
            let name = if is_home { "home.example" } else { "elsewhere.example" };
            Box::pin(std::future::ready(Known::names([name])))
        }
    }
    let directory = Counting::new();
    let rules = Some("+imap:home.example".to_owned());
    directory.user.lock().unwrap().mail_allowed_service_access = rules;
    let auth = over(&directory, config());
    auth.ask_names(Arc::new(Named));
    let from = |address: &str| LoginAttempt {
        peer: Some(address.parse().unwrap()),
        ..attempt("alice", "wonder")
    };
    assert_eq!(kind(&auth, from("192.0.2.1")).await, None);
    assert_eq!(kind(&auth, from("192.0.2.2")).await, Some(FailureKind::Disabled));
    assert_eq!(kind(&auth, from("192.0.2.1")).await, None);
    assert_eq!(directory.counts(), (1, 0), "the password was remembered all the while");
}
