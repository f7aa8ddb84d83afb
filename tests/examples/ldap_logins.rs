//! Logins per second of a server whose 10,000 users are on a real slapd, which this starts and ends.
//!
//! `WAYPOST_BIN=target/release/waypost cargo run --release -p waypost-e2e --example ldap_logins`

#![allow(clippy::expect_used, reason = "a measurement stops at the first surprise")]
#![allow(clippy::cast_precision_loss, reason = "a rate needs no more digits")]

use std::time::Instant;
use waypost_e2e::line::LineClient;
use waypost_e2e::slapd::{PASSWORD, Slapd, organisation, server_of, user};

/// Users in the directory.
const USERS: usize = 10_000;
/// Logins of one measurement, each by another user where the directory is asked.
const LOGINS: usize = 2_000;

fn main() {
    let mut users = organisation("example.com", &[]);
    users.extend((0..USERS).map(|number| user(&format!("user{number}"), "example.com", &[])));
    let slapd = Slapd::start(&users, "");
    for (kept, what) in [("0", "every login asks slapd"), ("900", "passwords remembered")] {
        let server = server_of(&slapd.host(), &[("authcachettl", kept)]);
        for clients in [1, 8] {
            let rate = rate(server.port("IMAP"), clients, kept == "0");
            println!("{what}, {clients} clients: {rate:.0} logins per second");
        }
    }
}

fn rate(port: u16, clients: usize, all_different: bool) -> f64 {
    let start = Instant::now();
    std::thread::scope(|scope| {
        for client in 0..clients {
            scope.spawn(move || {
                for at in 0..LOGINS / clients {
                    log_in(port, if all_different { at * clients + client } else { client });
                }
            });
        }
    });
    LOGINS as f64 / start.elapsed().as_secs_f64()
}

fn log_in(port: u16, number: usize) {
    let (mut imap, _) = LineClient::connect(port);
    let answer = imap.imap("a", &format!("LOGIN user{number} {PASSWORD}"));
    assert!(answer.last().expect("there is an answer").starts_with("a OK"), "{answer:?}");
}
