//! A server whose users are on an LDAP server: real logins and deliveries against a real slapd.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::time::{Duration, Instant};
use waypost_e2e::instance::Instance;
use waypost_e2e::line::LineClient;
use waypost_e2e::script::attempt;
use waypost_e2e::slapd::{
    BASE, DC_ROOT, PASSWORD, READER_PASSWORD, Slapd, node, organisation, server_of, user,
};
use waypost_e2e::wait_for;

const LIMIT: Duration = Duration::from_secs(60);

/// What IMAP and POP answer to a login.
fn log_in(server: &Instance, name: &str, password: &str) -> (String, String) {
    let (mut imap, _) = LineClient::connect(server.port("IMAP"));
    let answer = imap.imap("a", &format!("LOGIN \"{name}\" \"{password}\""));
    let (mut pop, _) = LineClient::connect(server.port("POP"));
    pop.ask(&format!("USER {name}"));
    let pop = pop.ask(&format!("PASS {password}"));
    (answer.last().expect("there is an answer").clone(), pop)
}

fn enters(server: &Instance, name: &str) {
    let (imap, pop) = log_in(server, name, PASSWORD);
    assert!(imap.starts_with("a OK"), "{name}: {imap}");
    assert!(pop.starts_with("+OK"), "{name}: {pop}");
}

/// Both refuse, with these codes.
fn refused(server: &Instance, name: &str, password: &str, codes: (&str, &str)) -> String {
    let (imap, pop) = log_in(server, name, password);
    assert!(imap.starts_with(&format!("a NO [{}]", codes.0)), "{name}: {imap}");
    assert!(pop.starts_with(&format!("-ERR [{}]", codes.1)), "{name}: {pop}");
    imap
}

const WRONG: (&str, &str) = ("AUTHENTICATIONFAILED", "AUTH");
const SHUT: (&str, &str) = ("CONTACTADMIN", "AUTH");
const DOWN: (&str, &str) = ("UNAVAILABLE", "SYS/TEMP");

/// The reply to a recipient.
fn recipient(server: &Instance, address: &str) -> String {
    let (mut lmtp, _) = LineClient::connect(server.port("LMTP"));
    lmtp.send("LHLO test\r\n");
    lmtp.until(|line| line.starts_with("250 "));
    assert!(lmtp.ask("MAIL FROM:<a@b.example>").starts_with("250"));
    lmtp.ask(&format!("RCPT TO:<{address}>"))
}

fn deliver(server: &Instance, address: &str) {
    let (mut lmtp, _) = LineClient::connect(server.port("LMTP"));
    lmtp.send("LHLO test\r\n");
    lmtp.until(|line| line.starts_with("250 "));
    assert!(lmtp.ask("MAIL FROM:<a@b.example>").starts_with("250"));
    let reply = lmtp.ask(&format!("RCPT TO:<{address}>"));
    assert!(reply.starts_with("250"), "{address}: {reply}");
    assert!(lmtp.ask("DATA").starts_with("354"));
    let reply = lmtp.ask(&format!("Subject: to {address}\r\n\r\nHello.\r\n."));
    assert!(reply.starts_with("250"), "{address}: {reply}");
}

/// How many messages POP shows.
fn messages(server: &Instance, name: &str) -> usize {
    let (mut pop, _) = LineClient::connect(server.port("POP"));
    pop.ask(&format!("USER {name}"));
    assert!(pop.ask(&format!("PASS {PASSWORD}")).starts_with("+OK"), "{name}");
    let stat = pop.ask("STAT");
    stat.split(' ').nth(1).and_then(|count| count.parse().ok()).expect("STAT has a count")
}

fn domains() -> (String, String) {
    let filter =
        "inetDomainSearchFilter: (&(objectclass=inetOrgPerson)(|(uid=%U)(employeeNumber=%U)))";
    let addresses =
        ["mailAlternateAddress: info@example.com", "mailEquivalentAddress: a.b@example.com"];
    let users = organisation("example.com", &["associatedDomain: alias.example"])
        + &user("alice", "example.com", &addresses)
        + &organisation("second.example", &[])
        + &user("alice", "second.example", &[])
        + &organisation("hosted.example", &[filter])
        + &user("carol", "hosted.example", &["employeeNumber: 4711"]);
    let base = |domain: &str| format!("inetDomainBaseDN: o={domain},{BASE}");
    let tree = node("dc=com", &[])
        + &node("dc=example,dc=com", &[&base("example.com")])
        + &node("dc=example", &[])
        + &node(
            "dc=alias,dc=example",
            &[&base("example.com"), "inetCanonicalDomainName: example.com"],
        )
        + &node("dc=second,dc=example", &[&base("second.example")])
        + &node("dc=hosted,dc=example", &[&base("hosted.example"), filter]);
    (users, tree)
}

#[test]
fn users_of_three_domains_get_mail_and_read_it_in_both_schemas() {
    let (users, tree) = domains();
    let slapd = Slapd::start(&users, &tree);
    let root = format!("\"{DC_ROOT}\"");
    let schemas: [&[(&str, &str)]; 2] =
        [&[("ldapschema", "\"2\"")], &[("ldapschema", "\"1\""), ("dcroot", &root)]];
    for schema in schemas {
        let server = server_of(&slapd.host(), schema);
        for name in ["alice", "ALICE@example.com", "alice@alias.example", "alice@second.example"] {
            enters(&server, name);
        }
        for name in ["carol@hosted.example", "4711@hosted.example"] {
            enters(&server, name);
        }
        for address in
            ["alice@example.com", "Info@example.com", "a.b@alias.example", "alice+x@alias.example"]
        {
            deliver(&server, address);
        }
        assert_eq!(messages(&server, "alice"), 4);
        assert_eq!(messages(&server, "alice@second.example"), 0, "another mailbox");
        deliver(&server, "carol@hosted.example");
        assert_eq!(messages(&server, "4711@hosted.example"), 1, "one mailbox under both names");
        assert!(recipient(&server, "bob@example.com").starts_with("550 5.1.1"));
        assert!(recipient(&server, "4711@hosted.example").starts_with("550 5.1.1"));
        assert!(recipient(&server, "alice@nowhere.example").starts_with("550 5.1.2"));
        // Few, because the answers come later and later; the engine's tests try many more.
        for name in ["*)(uid=*", "*"] {
            refused(&server, name, PASSWORD, WRONG);
        }
        refused(&server, "alice", "", WRONG);
        let mut check = server.tool(&["directory", "check"]);
        check.stdin(std::process::Stdio::null());
        let (good, told) = attempt(&server, check, LIMIT);
        assert!(good && told.contains("ok: hosted.example"), "{told}");
        let (done, told) = attempt(&server, server.tool(&["user", "list"]), LIMIT);
        assert!(!done && told.contains("base.ugldaphost"), "{told}");
        assert!(!server.log().contains(READER_PASSWORD), "no secret in the log");
    }
}

/// Statuses: whether login works, and how LMTP begins its answer.
const STATUSES: [(&str, bool, &str); 9] = [
    ("active", true, "250"),
    ("inactive", false, "450"),
    ("deleted", false, "550 5.2.1"),
    ("hold", false, "450"),
    ("overquota", true, "450"),
    ("disabled", false, "550 5.2.1"),
    ("removed", false, "550 5.2.1"),
    ("unused", false, "550 5.2.1"),
    ("nonsense", false, "450"),
];
/// The general switch knows fewer.
const INET_STATUSES: [&str; 4] = ["active", "inactive", "deleted", "nonsense"];

#[test]
fn every_status_of_user_and_domain_has_its_effect() {
    let mut users = organisation("example.com", &[]);
    let mut expected = Vec::new();
    for (status, enters, reply) in STATUSES {
        let mut add_user = |attribute: &str| {
            let uid = format!("{status}-{}", attribute.to_lowercase());
            users += &user(&uid, "example.com", &[&format!("{attribute}: {status}")]);
            expected.push((format!("{uid}@example.com"), enters, reply));
        };
        add_user("mailUserStatus");
        if INET_STATUSES.contains(&status) {
            add_user("inetUserStatus");
        }
        let mut add_domain = |attribute: &str| {
            let domain = format!("{status}-{}.example", attribute.to_lowercase());
            users += &organisation(&domain, &[&format!("{attribute}: {status}")]);
            users += &user("u", &domain, &[]);
            expected.push((format!("u@{domain}"), enters, reply));
        };
        add_domain("mailDomainStatus");
        if INET_STATUSES.contains(&status) {
            add_domain("inetDomainStatus");
        }
    }
    users += &user("elsewhere", "example.com", &["mailHost: other.example"]);
    let slapd = Slapd::start(&users, "");
    let server = server_of(&slapd.host(), &[]);
    for (name, may_enter, reply) in &expected {
        let answer = recipient(&server, name);
        assert!(answer.starts_with(reply), "{name}: {answer}");
        if *may_enter {
            enters(&server, name);
        } else {
            refused(&server, name, PASSWORD, SHUT);
        }
    }
    refused(&server, "elsewhere", PASSWORD, ("CONTACTADMIN", "SYS/PERM"));
    let log = server.log();
    for attribute in ["mailUserStatus", "inetUserStatus", "mailDomainStatus", "inetDomainStatus"] {
        assert!(log.contains(&format!("{attribute} is inactive")), "{attribute}");
    }
}

/// Guide: login-policies
#[test]
fn the_directory_s_password_policy_has_texts_of_its_own() {
    let policy = |name: &str, line: &str| {
        format!(
            "dn: cn={name},{BASE}\nobjectClass: applicationProcess\nobjectClass: pwdPolicy\ncn: {name}\n\
             pwdAttribute: userPassword\n{line}\n\n"
        )
    };
    let ruled = |name: &str| format!("pwdPolicySubentry: cn={name},{BASE}");
    let users = policy("age", "pwdMaxAge: 60")
        + &policy("reset", "pwdMustChange: TRUE")
        + &organisation("example.com", &[])
        + &user("old", "example.com", &[&ruled("age"), "pwdChangedTime: 20200101000000Z"])
        + &user("new", "example.com", &[&ruled("reset"), "pwdReset: TRUE"]);
    let slapd = Slapd::start(&users, "");
    let server = server_of(&slapd.host(), &[]);
    let told = refused(&server, "old", PASSWORD, ("EXPIRED", "AUTH"));
    assert!(told.contains("has expired"), "{told}");
    let told = refused(&server, "new", PASSWORD, ("EXPIRED", "AUTH"));
    assert!(told.contains("must change"), "{told}");
    refused(&server, "old", "wrong", WRONG);
    let log = server.log();
    assert!(log.contains("the password has expired"), "{log}");
}

#[test]
fn sessions_outlive_the_directory_and_logins_return_with_it() {
    let (users, tree) = domains();
    let mut slapd = Slapd::start(&users, &tree);
    let server = server_of(&slapd.host(), &[]);
    let (mut session, _) = LineClient::connect(server.port("IMAP"));
    let answer = session.imap("a", &format!("LOGIN alice {PASSWORD}"));
    assert!(answer.last().unwrap().starts_with("a OK"), "{answer:?}");
    slapd.kill();
    for _ in 0..3 {
        refused(&server, "alice", PASSWORD, DOWN);
        refused(&server, "alice", "wrong", DOWN);
    }
    assert!(recipient(&server, "alice@example.com").starts_with("451"));
    assert!(session.imap("b", "SELECT INBOX").last().unwrap().starts_with("b OK"));
    slapd.start_again();
    // Each process has lost the directory for itself.
    let back = || {
        let (imap, pop) = log_in(&server, "alice", PASSWORD);
        (imap.starts_with("a OK") && pop.starts_with("+OK")).then_some(())
    };
    wait_for("logins", back);
    wait_for("deliveries", || {
        recipient(&server, "alice@example.com").starts_with("250").then_some(())
    });
    enters(&server, "alice");
    let log = server.log();
    let lost = log.matches("directory server lost").count();
    assert_eq!(lost, 3, "once for each of imapd, popd and lmtpd:\n{log}");
}

#[test]
fn a_silent_directory_is_waited_for_no_longer_than_told() {
    let (users, tree) = domains();
    let slapd = Slapd::start(&users, &tree);
    let server = server_of(&slapd.host(), &[]);
    enters(&server, "alice");
    slapd.freeze();
    let start = Instant::now();
    refused(&server, "alice", PASSWORD, DOWN);
    assert!(recipient(&server, "alice@example.com").starts_with("451"));
    let took = start.elapsed();
    assert!(took < Duration::from_secs(15), "{took:?}");
    slapd.thaw();
    wait_for("logins", || log_in(&server, "alice", PASSWORD).0.starts_with("a OK").then_some(()));
}

#[test]
fn confined_processes_reach_two_servers_over_tls() {
    let (users, tree) = domains();
    let (mut first, second) = (Slapd::start(&users, &tree), Slapd::start(&users, &tree));
    // One authority for both hosts: that of either, so the file holds both.
    let both = fs::read_to_string(first.authority()).unwrap()
        + &fs::read_to_string(second.authority()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let authorities = folder.path().join("authorities.pem");
    fs::write(&authorities, both).unwrap();
    let quoted = format!("\"{}\"", authorities.display());
    let plain = format!("{} {}", first.host(), second.host());
    let from_start = format!("{} {}", first.tls_host(), second.tls_host());
    for (hosts, switch) in [(plain, "ldaprequiretls"), (from_start, "ugldapusessl")] {
        let server = server_of(&hosts, &[(switch, "true"), ("ldapcafile", &quoted)]);
        enters(&server, "alice");
        first.kill();
        enters(&server, "alice");
        first.start_again();
        enters(&server, "carol@hosted.example");
    }
}
