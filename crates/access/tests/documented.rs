//! The documented examples, their refusals, and where a fault is pointed at.
#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use waypost_access::{
    Connection, Decision, End, Filters, Grounds, Known, Lookup, Names, Outcome, Reading, RuleList,
    Sign, Whose, decide,
};

/// A client by its address and what its names are.
fn from(service: &'static str, address: &str, known: Known) -> Connection {
    let client = End::at(Some(address.parse().unwrap()));
    let server = End::at(Some("198.51.100.1".parse().unwrap()));
    let mut connection = Connection { service, client, server };
    connection.learn(Whose::Client, known);
    connection
}

fn host(service: &'static str, name: &str) -> Connection {
    from(service, "192.0.2.1", Known::names([name]))
}

fn options(allowed: &str, denied: &str) -> Filters {
    Filters::of_options(RuleList::parse(allowed).unwrap(), RuleList::parse(denied).unwrap())
}

fn rules(text: &str) -> Filters {
    Filters::of_attribute(text, Reading::Strict).unwrap()
}

fn decided(filters: &Filters, connection: &Connection) -> Decision {
    match filters.decide(connection) {
        Outcome::Decided(decision) => decision,
        Outcome::Ask(whose) => panic!("asks for {whose:?}"),
    }
}

fn passes(filters: &Filters, connection: &Connection) -> bool {
    decided(filters, connection).granted
}

#[test]
fn mostly_denying() {
    let filters =
        options("ALL: LOCAL\nALL: .siroe.com EXCEPT externalserver.siroe.com", "ALL: ALL");
    assert!(passes(&filters, &host("imap", "desk")));
    assert!(passes(&filters, &host("pop", "mail.siroe.com")));
    assert!(!passes(&filters, &host("pop", "externalserver.siroe.com")));
    assert!(!passes(&filters, &host("imap", "mail.example.com")));
    assert!(!passes(&filters, &from("imap", "192.0.2.1", Known::Unknown)));
}

#[test]
fn mostly_denying_with_the_netgroup_of_the_example_is_refused_at_its_place() {
    let fault = RuleList::parse("ALL: LOCAL @netgroup1").unwrap_err();
    assert_eq!(fault.at, 11);
    assert!(fault.what.contains("netgroups are not supported"), "{fault}");
    let tolerant = |text| Filters::of_attribute(text, Reading::Tolerant).unwrap();
    assert!(!passes(&tolerant("+ALL:@netgroup1"), &host("imap", "a.example.com")));
    assert!(!passes(&tolerant("-ALL:@netgroup1"), &host("imap", "a.example.com")));
    assert!(!passes(&tolerant("-ALL:ALL EXCEPT @netgroup1"), &host("imap", "a.example.com")));
    assert!(passes(&tolerant("+ALL:@netgroup1,LOCAL"), &host("imap", "desk")));
}

#[test]
fn mostly_allowing() {
    let denied = "ALL: externalserver.siroe1.com, .siroe.asia.com$\
                  ALL EXCEPT pop: contractor.siroe1.com, .siroe.com";
    let filters = options("", denied);
    assert!(!passes(&filters, &host("pop", "externalserver.siroe1.com")));
    assert!(!passes(&filters, &host("imap", "x.siroe.asia.com")));
    assert!(!passes(&filters, &host("imap", "contractor.siroe1.com")));
    assert!(passes(&filters, &host("pop", "contractor.siroe1.com")));
    assert!(!passes(&filters, &host("http", "a.siroe.com")));
    assert!(passes(&filters, &host("pop", "a.siroe.com")));
    let decision = decided(&filters, &host("imap", "a.siroe1.com"));
    assert_eq!(decision, Decision { granted: true, grounds: Grounds::NotDenied });
}

#[test]
fn spoofed_names_are_refused() {
    let filters = options("", "ALL: DNSSPOOFER");
    assert!(!passes(&filters, &from("imap", "192.0.2.1", Known::Spoofed)));
    assert!(passes(&filters, &from("imap", "192.0.2.1", Known::Unknown)));
    assert!(passes(&filters, &host("imap", "a.example.com")));
}

#[test]
fn one_service_per_host() {
    let filters = options("imap: roberts.newyork.siroe.com\npop: ALL\nhttp: ALL", "");
    assert!(passes(&filters, &host("imap", "roberts.newyork.siroe.com")));
    assert!(!passes(&filters, &host("imap", "smith.newyork.siroe.com")));
    assert!(passes(&filters, &host("pop", "anybody.example")));
    let refused = decided(&filters, &host("smtp", "anybody.example"));
    assert_eq!(refused, Decision { granted: false, grounds: Grounds::NotAllowed });
}

#[test]
fn a_server_host_tells_the_addresses_of_one_machine_apart() {
    let filters = options("pop@mailServer1.siroe.com: ALL", "");
    let mut connection = host("pop", "anybody.example");
    assert_eq!(filters.decide(&connection), Outcome::Ask(Whose::Server));
    connection.learn(Whose::Server, Known::names(["mailserver1.siroe.com"]));
    assert!(passes(&filters, &connection));
    connection.learn(Whose::Server, Known::names(["mailserver2.siroe.com"]));
    assert!(!passes(&filters, &connection));
    let by_address = options("", "pop@198.51.100.1, pop@[2001:db8::1]: ALL");
    assert!(!passes(&by_address, &connection));
    assert!(passes(&by_address, &host("imap", "anybody.example")));
}

#[test]
fn a_user_of_the_clients_host_is_refused_at_its_place() {
    let text = "imap: srashad@xyz.europe.siroe.com";
    let fault = RuleList::parse(text).unwrap_err();
    assert_eq!(fault.at, 6);
    assert!(fault.what.contains("identd"), "{fault}");
    let tolerant = |text: &str| Filters::of_attribute(text, Reading::Tolerant).unwrap();
    let client = host("imap", "xyz.europe.siroe.com");
    assert!(!passes(&tolerant(&format!("+{text}")), &client), "it never grants");
    assert!(!passes(&tolerant(&format!("-{text}")), &client), "it refuses whoever it is");
    assert!(passes(&tolerant(&format!("-{text}")), &host("imap", "abc.europe.siroe.com")));
    assert!(!passes(&tolerant("+imap:ALL EXCEPT root@.siroe.com"), &client));
    for user in ["ALL", "*", "unknown"] {
        assert!(passes(&options(&format!("imap: {user}@.siroe.com"), ""), &client));
    }
}

#[test]
fn virtual_domains() {
    let allowed = "ALL@server1.siroe.com: @.siroe1.com$ALL@server2.siroe.com: @.siroe2.com";
    let filters = options(allowed, "ALL: ALL");
    let seen = |server: &str, client: &str| {
        let mut connection = host("imap", client);
        connection.learn(Whose::Server, Known::names([server]));
        passes(&filters, &connection)
    };
    assert!(seen("server1.siroe.com", "a.siroe1.com") && seen("server2.siroe.com", "a.siroe2.com"));
    assert!(!seen("server1.siroe.com", "a.siroe2.com"));
    assert!(!seen("server3.siroe.com", "a.siroe1.com"));
}

#[test]
fn imap_closed_and_webmail_open() {
    let filters = options("imap: webmail.siroe.com$http: ALL", "");
    assert!(passes(&filters, &host("imap", "webmail.siroe.com")));
    assert!(!passes(&filters, &host("imap", "home.example")));
    assert!(passes(&filters, &host("http", "home.example")));
}

#[test]
fn all_but_one_host() {
    let filters = options("", "ALL: ALL EXCEPT isserver.siroe.com");
    assert!(passes(&filters, &host("imap", "isserver.siroe.com")));
    assert!(!passes(&filters, &host("imap", "other.siroe.com")));
}

#[test]
fn three_services_in_the_directory() {
    for text in ["+imap,pop,http:*", "+imap:ALL$+pop:ALL$+http:ALL", "+imap:ALL$+pop:ALL$+http:*$"]
    {
        let filters = rules(text);
        for service in ["imap", "pop", "http"] {
            assert!(passes(&filters, &host(service, "a.example")), "{text} {service}");
        }
        for service in ["smime", "smtp", "lmtp"] {
            assert!(!passes(&filters, &host(service, "a.example")), "{text} {service}");
        }
    }
}

#[test]
fn one_rule_that_allows_shuts_out_every_service_it_does_not_name() {
    let filters = rules("+pop:ALL");
    assert!(passes(&filters, &host("pop", "a.example")));
    assert!(!passes(&filters, &host("smime", "a.example")));
}

#[test]
fn no_service_in_the_directory() {
    let filters = rules("-imap:*$-pop:*$-http:*");
    for service in ["imap", "pop", "http"] {
        assert!(!passes(&filters, &host(service, "a.example")), "{service}");
    }
    assert!(passes(&filters, &host("smtp", "a.example")));
}

#[test]
fn only_from_one_host_in_the_directory() {
    let filters = rules("-ALL:ALL EXCEPT server1.sesta.com");
    assert!(passes(&filters, &host("imap", "server1.sesta.com")));
    let refused = decided(&filters, &host("imap", "server2.sesta.com"));
    let text = "-ALL:ALL EXCEPT server1.sesta.com".to_owned();
    let grounds = Grounds::Rule { sign: Sign::Deny, text, at: 0 };
    assert_eq!(refused, Decision { granted: false, grounds });
}

#[test]
fn tls_only_through_a_proxy() {
    let filters = rules("+imaps,pops:*$+imap,pop:203.0.113.5");
    let from = |service, address| passes(&filters, &from(service, address, Known::Unknown));
    assert!(from("imap", "203.0.113.5") && from("pop", "203.0.113.5"));
    assert!(!from("imap", "203.0.113.6"));
    assert!(from("imaps", "203.0.113.6"));
}

#[test]
fn exceptions_group_to_the_right() {
    let filters = options("ALL: ALL EXCEPT 10. EXCEPT 10.1.", "");
    let from = |address| passes(&filters, &from("imap", address, Known::Unknown));
    assert!(from("192.0.2.1") && !from("10.2.0.1") && from("10.1.0.1"));
    let services = options("ALL EXCEPT imap pop EXCEPT pop: ALL", "");
    assert!(passes(&services, &host("http", "a")) && passes(&services, &host("pop", "a")));
    assert!(!passes(&services, &host("imap", "a")));
}

#[test]
fn the_rule_that_decided_is_named_with_its_place() {
    let filters = options(" imap: 10. $ ALL : 192.0.2. ", "");
    let decision = decided(&filters, &host("imap", "a"));
    let text = "ALL : 192.0.2.".to_owned();
    assert_eq!(decision.grounds, Grounds::Rule { sign: Sign::Allow, text, at: 13 });
    assert_eq!(decision.grounds.to_string(), "the filter \"ALL : 192.0.2.\" matches");
}

#[test]
fn faults_are_found_at_their_place() {
    let fault = |text: &str| {
        let fault = RuleList::parse(text).unwrap_err();
        (fault.at, fault.what.into_owned())
    };
    let cases = [
        ("imap", 4, "a colon and the clients are missing"),
        ("imap:", 5, "clients are missing"),
        (": ALL", 0, "services are missing"),
        ("imap: ALL EXCEPT", 16, "clients are missing"),
        ("imap: EXCEPT 10.", 6, "clients are missing"),
        ("imap: a EXCEPT EXCEPT b", 15, "clients are missing"),
        ("pop: ALL$imqp: ALL", 9, "no such service"),
        ("pop: ALL\nimap: 10.0.0.0/33", 15, "a network is written"),
        ("imap@nowhere!: ALL", 5, "no host name"),
        ("imap@: ALL", 5, "no host name"),
        ("+imap: ALL", 0, "signs stand in the directory"),
        ("KNOWN: ALL", 0, "no such service"),
        ("imap: ALL: /bin/true", 6, "no IP address"),
    ];
    for (text, at, what) in cases {
        let found = fault(text);
        assert_eq!(found.0, at, "{text}: {found:?}");
        assert!(found.1.contains(what), "{text}: {found:?}");
    }
    let signs = |text| Filters::of_attribute(text, Reading::Tolerant).unwrap_err();
    assert_eq!((signs("imap:ALL").at, signs("+imap:ALL$pop:ALL").at), (0, 10));
    assert_eq!((signs("+imap").at, signs("+ imap").at, signs("-:ALL").at), (5, 6, 1));
    assert!(signs("").what.contains("no rule") && signs(" $ ").what.contains("no rule"));
    let at_another_place = Filters::of_attribute("+imqp:ALL", Reading::Strict).unwrap_err();
    assert_eq!(at_another_place.at, 1);
}

#[test]
fn everything_has_a_bound() {
    let told = |text: &str| RuleList::parse(text).unwrap_err().to_string();
    assert!(told(&"a".repeat(5_000)).contains("4096 bytes at most"));
    assert!(told(&"ALL:ALL$".repeat(65)).contains("more than 64 filters"));
    assert!(told(&format!("ALL:{}", "* ".repeat(257))).contains("more than 256 clients"));
    assert!(told(&format!("ALL:*{}", " EXCEPT *".repeat(9))).contains("more than 8 times"));
    assert!(RuleList::parse(&format!("ALL:*{}", " EXCEPT *".repeat(8))).is_ok());
    assert!(RuleList::parse(&"ALL:ALL$".repeat(64)).is_ok());
    assert!(RuleList::parse("").unwrap().is_empty());
}

/// Names that are there at once, or a fault of the test when nobody should ask.
struct Table(Option<Known>);

impl Names for Table {
    fn names_of(&self, _: std::net::IpAddr) -> Lookup {
        let known = self.0.clone().unwrap();
        Box::pin(async move { known })
    }
}

fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waits"),
    }
}

#[test]
fn names_are_asked_for_only_when_a_rule_needs_them() {
    let client = || {
        let client = End::at(Some("10.0.0.1".parse().unwrap()));
        Connection { service: "imap", client, server: End::default() }
    };
    let judge =
        |filters: &Filters, names| at_once(decide(filters, &mut client(), &Table(names))).granted;
    assert!(judge(&options("ALL: 10.$ALL: .siroe.com", ""), None), "the address decides");
    assert!(judge(&options("", "pop: .siroe.com"), None), "another service's filter");
    assert!(judge(&options("ALL: .siroe.com 10.", ""), None), "in one list the order is free");
    assert!(!judge(&options("ALL: .siroe.com EXCEPT 10.", ""), None), "excepted by address");
    assert!(judge(&options("ALL: .siroe.com", ""), Some(Known::names(["a.siroe.com"]))));
    assert!(!judge(&options("ALL: .siroe.com", ""), Some(Known::Unknown)));
}
