//! Tests of host patterns.
#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

use super::*;
use crate::connection::End;

fn connection(address: &str, names: Option<Known>) -> Connection {
    let client = End::at(Some(address.parse().unwrap()));
    let mut connection = Connection { service: "imap", client, server: End::default() };
    if let Some(names) = names {
        connection.learn(Whose::Client, names);
    }
    connection
}

fn at(pattern: &str, address: &str) -> Truth {
    HostPattern::parse(pattern, 0).unwrap().matches(&connection(address, None), Whose::Client)
}

fn named(pattern: &str, known: Known) -> bool {
    let connection = connection("192.0.2.1", Some(known));
    HostPattern::parse(pattern, 0).unwrap().matches(&connection, Whose::Client) == Truth::Yes
}

fn refused(pattern: &str) -> String {
    HostPattern::parse(pattern, 0).unwrap_err().what.into_owned()
}

#[test]
fn addresses_and_networks_need_no_name() {
    let cases = [
        ("192.0.2.1", "192.0.2.1", true),
        ("192.0.2.1", "::ffff:192.0.2.1", true),
        ("192.0.2.1", "192.0.2.10", false),
        ("192.0.2.", "192.0.2.10", true),
        ("192.0.2.", "192.0.20.1", false),
        ("192.0.", "192.0.20.1", true),
        ("10.", "10.255.0.1", true),
        ("10.", "100.1.1.1", false),
        ("192.0.2.0/255.255.255.0", "192.0.2.77", true),
        ("192.0.2.0/255.255.255.0", "192.0.3.77", false),
        ("192.0.2.1/255.0.255.255", "192.9.2.1", true),
        ("192.0.2.1/255.0.255.255", "192.9.2.2", false),
        ("192.0.0.1/255.255.0.255", "192.0.9.1", true),
        ("192.0.2.64/26", "192.0.2.127", true),
        ("192.0.2.64/26", "192.0.2.128", false),
        ("0.0.0.0/0", "203.0.113.9", true),
        ("0.0.0.0/0", "2001:db8::1", false),
        ("::/0", "2001:db8::1", true),
        ("::/0", "192.0.2.1", false),
        ("2001:db8::/32", "2001:db8:1::1", true),
        ("2001:db8::/32", "2001:db9::1", false),
        ("[2001:db8::]/32", "2001:db8:1::1", true),
        ("[::1]", "::1", true),
        ("::1", "::2", false),
        ("*", "::2", true),
        ("all", "192.0.2.1", true),
    ];
    for (pattern, address, expected) in cases {
        assert_eq!(at(pattern, address), Truth::from(expected), "{pattern} {address}");
    }
}

#[test]
fn names_are_asked_for_and_compared_in_any_case() {
    for pattern in ["LOCAL", "known", "UNKNOWN", "DNSSPOOFER", ".example.com", "a.example.com"] {
        assert_eq!(at(pattern, "192.0.2.1"), Truth::Ask(Whose::Client), "{pattern}");
    }
    let host = || Known::names(["Mail.Example.COM.", "other.example"]);
    assert!(named("mail.EXAMPLE.com", host()) && named("other.example", host()));
    assert!(named(".example.com", host()) && named(".COM", host()) && named("KNOWN", host()));
    assert!(!named(".mail.example.com", host()) && !named("example.com", host()));
    assert!(!named(".xample.com", host()), "a suffix is whole parts of a name");
    assert!(!named("LOCAL", host()) && named("LOCAL", Known::names(["desk"])));
    assert!(!named("UNKNOWN", host()) && !named("DNSSPOOFER", host()));
}

#[test]
fn hosts_without_a_true_name_match_only_the_words_for_them() {
    for (known, own) in [(Known::Unknown, "UNKNOWN"), (Known::Spoofed, "DNSSPOOFER")] {
        for word in ["UNKNOWN", "DNSSPOOFER", "KNOWN", "LOCAL", ".example.com", "a.example.com"] {
            assert_eq!(named(word, known.clone()), word == own, "{word} {known:?}");
        }
    }
    assert_eq!(Known::names([".", ""]), Known::Unknown);
    let nowhere = Connection { service: "lmtp", client: End::at(None), server: End::default() };
    let matches = |word| HostPattern::parse(word, 0).unwrap().matches(&nowhere, Whose::Client);
    assert_eq!(matches("UNKNOWN"), Truth::Yes);
    assert_eq!(matches("192.0.2.1"), Truth::Maybe);
}

#[test]
fn what_could_never_match_is_refused() {
    for word in ["300.1.1.1", "192.0.2", "1.2.3.4.5", "2001:db8", "host.7", "fe80::1%eth0"] {
        assert_eq!(refused(word), NO_ADDRESS, "{word}");
    }
    for word in ["example.com.", "1.2.3.4.", "256.", "1..", "+1."] {
        assert_eq!(refused(word), NO_PREFIX, "{word}");
    }
    for word in ["192.0.2.0/33", "example.com/24", "::/129", "::/255.0.0.0", "1.2.3.4/", "1/8"] {
        assert_eq!(refused(word), NO_NETWORK, "{word}");
    }
    for word in ["a..b", "..a", ".", "héros", "a(b", "-;-", &"a".repeat(64), &"a.".repeat(127)[..]]
    {
        assert!(HostPattern::parse(word, 0).is_err(), "{word}");
    }
    assert_eq!(refused("*.example.com"), STAR);
    for word in ["192.0.2.1/24", "192.0.2.1/255.255.0.255", "2001:db8::1/64"] {
        assert_eq!(refused(word), STRAY_BITS);
    }
    assert_eq!(refused("::ffff:192.0.2.1"), MAPPED);
    assert!(refused("[::1").contains("not closed"));
    assert!(refused("[192.0.2.1]").contains("IPv6"));
}
