//! Whether the time of an answer tells who exists in a real slapd, which this starts and ends: how long the directory
//! takes with a wrong password and with an unknown name, and when the server answers both.
//!
//! `WAYPOST_BIN=target/release/waypost cargo run --release -p waypost-e2e --example ldap_guessing`

#![allow(clippy::expect_used, reason = "a measurement stops at the first surprise")]

use std::time::{Duration, Instant};
use waypost_directory::Directory;
use waypost_directory_ldap::{
    BindIdentity, DomainScheme, LdapConfig, LdapDirectory, LdapHost, Security,
};
use waypost_e2e::line::LineClient;
use waypost_e2e::slapd::{BASE, READER, READER_PASSWORD, Slapd, organisation, server_of, user};
use waypost_ldap_filter::Template;
use waypost_types::Secret;

/// A hash that costs as much as careful sites allow: SHA-512 crypt in 200,000 rounds.
const SLOW: &str = "userPassword: {CRYPT}$6$rounds=200000$saltsalt$\
                    0000000000000000000000000000000000000000000000000000000000000000000000000000000000000/";
/// Answers of one sort.
const TRIES: usize = 8;
/// Failures after which the delay no longer grows.
const GROWN: usize = 4;

fn main() {
    let users = organisation("example.com", &[]) + &user("alice", "example.com", &[SLOW]);
    let slapd = Slapd::start(&users, "");
    let directory = LdapDirectory::new(config(&slapd.host())).expect("an engine");
    let alice = directory.user_by_login("alice", "example.com").expect("slapd answers");
    let alice = alice.expect("alice is there");
    let wrong = Secret::new("wrong".to_owned());
    let known = median(|| drop(directory.verify_password(&alice, &wrong)));
    let unknown = median(|| directory.verify_nobody(&wrong).expect("slapd answers"));
    println!("slapd: wrong password {known:?}, unknown name {unknown:?}");
    let server = server_of(&slapd.host(), &[]);
    let port = server.port("IMAP");
    (0..GROWN).for_each(|_| fail(port, "alice"));
    (0..GROWN).for_each(|_| fail(port, "nobody"));
    let known = median(|| fail(port, "alice"));
    let unknown = median(|| fail(port, "nobody"));
    println!("IMAP: wrong password {known:?}, unknown name {unknown:?}");
}

fn config(hosts: &str) -> LdapConfig {
    let password = Secret::new(READER_PASSWORD.to_owned());
    LdapConfig {
        hosts: LdapHost::parse_list(hosts, 389).expect("a host"),
        security: Security::None,
        ca_file: None,
        identity: Some(BindIdentity { dn: READER.to_owned(), password }),
        base_dn: BASE.to_owned(),
        domains: DomainScheme::Native,
        default_domain: "example.com".to_owned(),
        search_filter: Template::default(),
        connect_timeout: Duration::from_secs(5),
        operation_timeout: Duration::from_secs(5),
        connections: 1,
    }
}

fn median(mut act: impl FnMut()) -> Duration {
    let mut times: Vec<Duration> = (0..TRIES)
        .map(|_| {
            let start = Instant::now();
            act();
            start.elapsed()
        })
        .collect();
    times.sort();
    times[TRIES / 2]
}

fn fail(port: u16, name: &str) {
    let (mut imap, _) = LineClient::connect(port);
    let answer = imap.imap("a", &format!("LOGIN {name} wrong"));
    let last = answer.last().expect("there is an answer");
    assert!(last.starts_with("a NO [AUTHENTICATIONFAILED]"), "{last}");
}
