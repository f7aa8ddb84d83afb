//! The parser and the evaluator against a naive model: filters are made as trees, written down, read and judged;
//! the model judges the trees with every name known beforehand.
#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

use proptest::prelude::*;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use waypost_access::{Connection, End, Filters, Known, Lookup, Names, Reading, decide};

const NAMES: [&str; 4] = ["desk", "a.example", "b.a.example", "c.test"];
const SUFFIXES: [&str; 3] = [".example", ".a.example", ".test"];
const SERVICES: [&str; 3] = ["imap", "pop", "smtp"];

#[derive(Debug, Clone)]
enum Host {
    Word(usize),
    Name(usize),
    Suffix(usize),
    Network(u8, u8),
    Netgroup,
}

const WORDS: [&str; 5] = ["ALL", "LOCAL", "KNOWN", "UNKNOWN", "DNSSPOOFER"];

#[derive(Debug, Clone)]
struct List<T>(Vec<T>, Option<Box<Self>>);

#[derive(Debug, Clone)]
struct Rule {
    allows: bool,
    services: List<usize>,
    clients: List<Host>,
}

/// The client: the last number of its address, and its names.
#[derive(Debug, Clone)]
struct Client(u8, Known);

impl Client {
    fn address(&self) -> IpAddr {
        Ipv4Addr::new(192, 0, 2, self.0).into()
    }
}

fn list<T: Clone + std::fmt::Debug + 'static>(
    one: impl Strategy<Value = T> + 'static,
) -> impl Strategy<Value = List<T>> {
    let lists = proptest::collection::vec(proptest::collection::vec(one, 1..4), 1..4);
    lists.prop_map(|parts| {
        let nest = |inner: Option<List<T>>, part| Some(List(part, inner.map(Box::new)));
        parts.into_iter().rev().fold(None, nest).unwrap()
    })
}

fn host() -> impl Strategy<Value = Host> {
    prop_oneof![
        (0..WORDS.len()).prop_map(Host::Word),
        (0..NAMES.len()).prop_map(Host::Name),
        (0..SUFFIXES.len()).prop_map(Host::Suffix),
        (0_u8..8, 28_u8..=32).prop_map(|(host, length)| Host::Network(host, length)),
        Just(Host::Netgroup),
    ]
}

fn rule() -> impl Strategy<Value = Rule> {
    let services = list(0..=SERVICES.len());
    (any::<bool>(), services, list(host())).prop_map(|(allows, services, clients)| Rule {
        allows,
        services,
        clients,
    })
}

fn client() -> impl Strategy<Value = Client> {
    let known = prop_oneof![
        Just(Known::Unknown),
        Just(Known::Spoofed),
        proptest::collection::vec(0..NAMES.len(), 1..3)
            .prop_map(|names| Known::names(names.into_iter().map(|name| NAMES[name]))),
    ];
    (0_u8..8, known).prop_map(|(address, known)| Client(address, known))
}

fn mask(length: u8) -> u8 {
    u8::MAX.checked_shl(u32::from(32 - length)).unwrap_or(0)
}

fn write_host(host: &Host) -> String {
    match host {
        Host::Word(word) => WORDS[*word].to_owned(),
        Host::Name(name) => NAMES[*name].to_ascii_uppercase(),
        Host::Suffix(suffix) => SUFFIXES[*suffix].to_owned(),
        Host::Network(host, length) => format!("192.0.2.{}/{length}", host & mask(*length)),
        Host::Netgroup => "@friends".to_owned(),
    }
}

fn write_list<T>(list: &List<T>, write: &dyn Fn(&T) -> String) -> String {
    let own = list.0.iter().map(write).collect::<Vec<_>>().join(", ");
    let except = list.1.as_ref().map(|list| format!(" EXCEPT {}", write_list(list, write)));
    own + &except.unwrap_or_default()
}

fn write(rule: &Rule) -> String {
    let sign = if rule.allows { '+' } else { '-' };
    let service = |n: &usize| SERVICES.get(*n).copied().unwrap_or("*").to_owned();
    let services = write_list(&rule.services, &service);
    format!("{sign}{services} : {}", write_list(&rule.clients, &write_host))
}

/// Whether a list means something; `None` when nobody can tell.
fn means<T>(list: &List<T>, holds: &dyn Fn(&T) -> Option<bool>) -> Option<bool> {
    let all: Vec<Option<bool>> = list.0.iter().map(holds).collect();
    let own = match all.contains(&Some(true)) {
        true => Some(true),
        false if all.contains(&None) => None,
        false => Some(false),
    };
    let Some(except) = &list.1 else { return own };
    both(own, means(except, holds).map(|excepted| !excepted))
}

fn both(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    if one == Some(false) || other == Some(false) { Some(false) } else { one.and(other) }
}

fn is_host(host: &Host, client: &Client) -> Option<bool> {
    let names: &[String] = if let Known::Names(names) = &client.1 { names } else { &[] };
    Some(match host {
        Host::Word(0) => true,
        Host::Word(1) => names.iter().any(|name| !name.contains('.')),
        Host::Word(2) => !names.is_empty(),
        Host::Word(3) => client.1 == Known::Unknown,
        Host::Word(_) => client.1 == Known::Spoofed,
        Host::Name(name) => names.iter().any(|own| own == NAMES[*name]),
        Host::Suffix(suffix) => names.iter().any(|own| own.ends_with(SUFFIXES[*suffix])),
        Host::Network(host, length) => client.0 & mask(*length) == host & mask(*length),
        Host::Netgroup => return None,
    })
}

/// The model: everything is known, every rule is tried.
fn model(rules: &[Rule], client: &Client) -> bool {
    let matching = |rule: &Rule| {
        let services = means(&rule.services, &|n| Some(*n == 0 || *n == SERVICES.len()));
        both(services, means(&rule.clients, &|host| is_host(host, client)))
    };
    let of = |allows: bool| rules.iter().filter(move |rule| rule.allows == allows);
    if of(true).any(|rule| matching(rule) == Some(true)) {
        return true;
    }
    if of(false).any(|rule| matching(rule) != Some(false)) {
        return false;
    }
    of(true).next().is_none() || of(false).next().is_some()
}

struct Table(Known);

impl Names for Table {
    fn names_of(&self, _: IpAddr) -> Lookup {
        Box::pin(std::future::ready(self.0.clone()))
    }
}

fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_written_is_judged_as_the_model_does(
        rules in proptest::collection::vec(rule(), 1..5),
        client in client(),
    ) {
        let text = rules.iter().map(write).collect::<Vec<_>>().join("$");
        let filters = Filters::of_attribute(&text, Reading::Tolerant).unwrap();
        let end = End::at(Some(client.address()));
        let mut connection = Connection { service: "imap", client: end, server: End::default() };
        let decision = at_once(decide(&filters, &mut connection, &Table(client.1.clone())));
        prop_assert_eq!(decision.granted, model(&rules, &client), "{} {:?}", text, client);
    }
}
