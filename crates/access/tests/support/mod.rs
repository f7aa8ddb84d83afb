//! What holds for any text that may be a filter; shared by the tests and the fuzz target.
#![allow(dead_code, unreachable_pub, reason = "each test program uses its part")]

use waypost_access::{
    Connection, End, Filters, Grounds, Known, Outcome, Reading, RuleList, TEXT_BYTES_MAX, Whose,
};

/// Clients that differ in what is known of them.
fn clients() -> Vec<Connection> {
    let known = [Known::Unknown, Known::Spoofed, Known::names(["a.example.com", "desk"])];
    let addresses = ["192.0.2.1", "10.0.0.1", "2001:db8::1"];
    let cases = addresses.iter().flat_map(|address| known.iter().map(move |k| (*address, k)));
    cases
        .map(|(address, known)| {
            let end = End::at(address.parse().ok());
            let mut connection = Connection { service: "imap", client: end.clone(), server: end };
            connection.learn(Whose::Client, known.clone());
            connection.learn(Whose::Server, known.clone());
            connection
        })
        .collect()
}

/// Reads a text in every way and decides by it. No panic; faults lie in the text; with all names known nobody
/// is asked; a rule that decides is found where it says; strict reading accepts no more than tolerant reading.
pub fn check(text: &str) {
    if let Err(fault) = RuleList::parse(text) {
        assert!(fault.at <= text.len().min(TEXT_BYTES_MAX));
    } else if let Ok(list) = RuleList::parse(text) {
        decide(text, &Filters::of_options(list.clone(), RuleList::default()));
        decide(text, &Filters::of_options(RuleList::default(), list));
    }
    let strict = Filters::of_attribute(text, Reading::Strict);
    match Filters::of_attribute(text, Reading::Tolerant) {
        Ok(filters) => {
            decide(text, &filters);
            assert!(strict.is_err() || strict == Ok(filters));
        }
        Err(fault) => {
            assert!(fault.at <= text.len());
            assert!(strict.is_err());
        }
    }
}

fn decide(text: &str, filters: &Filters) {
    for connection in clients() {
        match filters.decide(&connection) {
            Outcome::Decided(decision) => {
                if let Grounds::Rule { text: rule, at, .. } = decision.grounds {
                    assert!(text[at..].starts_with(&rule), "{rule:?} at {at} of {text:?}");
                }
            }
            Outcome::Ask(whose) => panic!("asks for {whose:?} again: {text:?}"),
        }
    }
}
