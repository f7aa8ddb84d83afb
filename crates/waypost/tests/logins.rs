//! How a login name finds its user, who may act as whom, and how a login is explained.
#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

mod support;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use support::{PASSWORD, World};

/// A world of two domains, each with an alice, and carol in the second.
fn two_domains(more: &str) -> World {
    let world = World::new(more);
    world.add_user("alice");
    world.tool(&["domain", "add", "other.example"], "");
    for user in ["alice@other.example", "carol@other.example"] {
        world.tool(&["user", "add", user, "--password-stdin"], &format!("{PASSWORD}\n"));
    }
    world
}

fn imap(world: &World, user: &str) -> String {
    world.connect(world.imap).command(&format!("LOGIN {user} {PASSWORD}"))
}

fn pop(world: &World, user: &str) -> String {
    let mut client = world.connect(world.pop);
    client.say(&format!("USER {user}"));
    client.say(&format!("PASS {PASSWORD}"))
}

/// The reply of LMTP to a recipient.
fn recipient(world: &World, address: &str) -> String {
    let mut client = world.connect(world.lmtp);
    assert!(client.say("LHLO localhost").starts_with("250"));
    while client.line().starts_with("250-") {}
    assert!(client.say("MAIL FROM:<>").starts_with("250"));
    client.say(&format!("RCPT TO:<{address}>"))
}

fn plain(acting_as: &str, user: &str, password: &str) -> String {
    STANDARD.encode(format!("{acting_as}\0{user}\0{password}"))
}

/// Guide: login-searchfilter
#[test]
fn users_log_in_by_telephone_and_employee_number() {
    let filter = "(&(objectclass=inetOrgPerson)(|(uid=%U)(telephoneNumber=%o)(employeeNumber=%U)))";
    let world = two_domains(&format!("auth.searchfilter = \"{filter}\""));
    world.tool(&["user", "set", "alice", "employeeNumber=1007", "telephoneNumber=+1 555-0100"], "");
    world.tool(&["domain", "set", "other.example", "inetDomainSearchFilter=uid=%U"], "");
    let _server = world.start();
    for name in ["alice", "1007", "+15550100", "1007@example.com"] {
        assert!(imap(&world, name).contains("t OK"), "{name}");
        assert!(pop(&world, name).starts_with("+OK"), "{name}");
    }
    for name in ["1008", "\"*\"", "\"al*\"", "\"alice)(uid=*\"", "1007@other.example"] {
        assert!(imap(&world, name).contains("t NO [AUTHENTICATIONFAILED]"), "{name}");
    }
    assert!(imap(&world, "carol@other.example").contains("t OK"));
}

/// Guide: login-any-domain
#[test]
fn a_bare_name_may_belong_to_any_domain_but_only_to_one() {
    let world = two_domains("auth.searchfordomain = 0");
    let _server = world.start();
    assert!(imap(&world, "carol").contains("t OK"));
    assert!(pop(&world, "alice").starts_with("-ERR [AUTH]"));
    assert!(pop(&world, "alice@other.example").starts_with("+OK"), "a domain makes it unique");
    let log = world.log_of("pop");
    assert!(log.contains("not unique: alice@example.com, alice@other.example"), "{log}");
    world.tool(&["msconfig", "set", "auth.searchfordomain", "1"], "");
    world.tool(&["refresh"], "");
    assert!(pop(&world, "alice").starts_with("+OK"));
    assert!(imap(&world, "carol").contains("t NO"));
}

#[test]
fn store_administrators_act_as_others_and_nobody_else_does() {
    let world = two_domains("store.admins = \"alice\"");
    world.tool(&["user", "add", "bob", "--password-stdin"], "secret\n");
    world.tool(&["user", "set", "bob", "mailUserStatus=hold"], "");
    let _server = world.start();
    let imap = |acting_as: &str, user: &str| {
        let message = plain(acting_as, user, PASSWORD);
        world.connect(world.imap).command(&format!("AUTHENTICATE PLAIN {message}"))
    };
    assert!(imap("carol@other.example", "alice").contains("t OK"));
    let message = plain("carol@other.example", "alice", PASSWORD);
    let mut client = world.connect(world.pop);
    assert!(client.say(&format!("AUTH PLAIN {message}")).starts_with("+OK"));
    let listed = world.tool(&["imsconnutil", "-c"], "");
    assert!(listed.contains("carol@other.example"), "{listed}");
    assert!(imap("alice", "carol@other.example").contains("t NO [AUTHORIZATIONFAILED]"));
    assert!(imap("nobody", "alice").contains("t NO [AUTHORIZATIONFAILED]"));
    assert!(imap("bob", "alice").contains("t NO [CONTACTADMIN]"), "bob's own status holds");
    // What the administrator did is remembered for nobody.
    assert!(imap("", "alice").contains("t OK"));
    let wrong = plain("carol@other.example", "alice", "wrong");
    let refused = world.connect(world.imap).command(&format!("AUTHENTICATE PLAIN {wrong}"));
    assert!(refused.contains("t NO [AUTHENTICATIONFAILED]"), "{refused}");
    let log = world.log_of("imap");
    assert!(log.contains("account=\"carol@other.example\" admin=\"alice\""), "{log}");
    assert!(log.contains("carol@other.example may not act as \\\"alice\\\""), "{log}");
    assert!(log.contains("alice as \\\"bob\\\": mailUserStatus is hold"), "{log}");
}

#[test]
fn every_status_has_its_effect() {
    let world = two_domains("base.authcachettl = 0");
    let _server = world.start();
    let set = |kind: &str, name: &str, attribute: &str| {
        world.tool(&[kind, "set", name, attribute], "");
    };
    let mail = [
        ("inactive", false, "450 4.2.1"),
        ("hold", false, "450 4.2.1"),
        ("deleted", false, "550 5.2.1"),
        ("disabled", false, "550 5.2.1"),
        ("removed", false, "550 5.2.1"),
        ("unused", false, "550 5.2.1"),
        ("overquota", true, "450 4.2.1"),
        ("active", true, "250 2.1.5"),
    ];
    let inet = mail.into_iter().filter(|row| ["inactive", "deleted", "active"].contains(&row.0));
    let inet: Vec<_> = inet.collect();
    for (kind, name, attribute, rows) in [
        ("user", "alice", "mailUserStatus", &mail[..]),
        ("user", "alice", "inetUserStatus", &inet[..]),
        ("domain", "example.com", "mailDomainStatus", &mail[..]),
        ("domain", "example.com", "inetDomainStatus", &inet[..]),
    ] {
        for (value, enters, reply) in rows {
            set(kind, name, &format!("{attribute}={value}"));
            let (imap, pop) = (imap(&world, "alice"), pop(&world, "alice"));
            assert_eq!(imap.contains("t OK"), *enters, "{attribute} {value}: {imap}");
            assert_eq!(pop.starts_with("+OK"), *enters, "{attribute} {value}: {pop}");
            if !enters {
                let codes = (imap.contains("[CONTACTADMIN]"), pop.contains("[AUTH]"));
                assert_eq!(codes, (true, true), "{attribute} {value}: {imap}{pop}");
            }
            let answer = recipient(&world, "alice@example.com");
            assert!(answer.starts_with(reply), "{attribute} {value}: {answer}");
        }
    }
}

#[test]
fn old_clients_log_in_by_sasl_login() {
    let world = two_domains("");
    let _server = world.start();
    let mut client = world.connect(world.pop);
    assert!(client.say("AUTH LOGIN").starts_with("+ VXNlcm5hbWU6"));
    assert!(client.say(&STANDARD.encode("alice")).starts_with("+ UGFzc3dvcmQ6"));
    assert!(client.say(&STANDARD.encode(PASSWORD)).starts_with("+OK"));
    assert!(world.connect(world.imap).greeting.contains("AUTH=PLAIN AUTH=LOGIN"));
}

#[test]
fn a_login_is_explained_step_by_step() {
    let world = two_domains("store.admins = \"alice\"");
    world.tool(&["user", "set", "carol@other.example", "inetUserStatus=inactive"], "");
    let explain = |words: &[&str], input: &str| {
        let output = world.run(&[&["login-explain"], words].concat(), input);
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), text, String::from_utf8(output.stderr).unwrap())
    };
    let (code, text, _) = explain(&["Alice", "--password-stdin"], "secret\n");
    assert_eq!(code, Some(0), "{text}");
    for part in [
        "login name: Alice",
        "rule: base.defaultdomain (",
        "config.toml, line 1)",
        "filter: (&(objectclass=inetOrgPerson)(uid=alice))",
        "answer: one entry: alice@example.com",
        "rule: auth.searchfilter (not set, its default holds)",
        "answer: right",
        "mailUserStatus is active",
        "let in as alice (alice@example.com)",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("secret"), "{text}");
    let (code, text, error) = explain(&["alice", "--password-stdin"], "wrong\n");
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("REFUSED: wrong password") && error.contains("wrong password"), "{text}");
    let (code, text, _) = explain(&["carol@other.example", "--service", "pop"], "");
    assert_eq!(code, Some(1));
    assert!(text.contains("rule: inetUserStatus of the entry carol@other.example"), "{text}");
    let (code, text, _) = explain(&["alice", "--as", "alice@other.example"], "");
    assert_eq!(code, Some(0));
    assert!(text.contains("let in as alice@other.example"), "{text}");
    assert!(text.contains("acting: alice"), "{text}");
    let (code, text, _) = explain(&["nobody"], "");
    assert_eq!(code, Some(1));
    assert!(text.contains("REFUSED: unknown user"), "{text}");
}

#[test]
fn hashes_and_attributes_come_from_elsewhere() {
    let world = two_domains("");
    let hash = "{SSHA}1G904nLkTkGWjKNnQuB/hpWXC/hzYWx0c2FsdA==\n";
    world.tool(&["user", "add", "dora", "--hash-stdin"], hash);
    let shown = world.tool(&["user", "show", "dora"], "");
    assert!(shown.contains("# userPassword: {SSHA}\n") && !shown.contains("1G904"), "{shown}");
    assert!(shown.contains("objectClass: inetOrgPerson\nobjectClass: inetUser\n"), "{shown}");
    let bad = world.run(&["user", "add", "eve", "--hash-stdin"], "{MD5}x\n");
    let error = String::from_utf8(bad.stderr).unwrap();
    assert!(!bad.status.success() && error.contains("{SSHA512}"), "{error}");
    world.tool(&["user", "set", "dora", "title=Dr", "title=Prof"], "");
    let exported = world.tool(&["user", "export", "--ldif"], "");
    world.tool(&["user", "delete", "dora"], "");
    let done = world.tool(&["user", "import", "--ldif", "-"], &exported);
    assert!(done.starts_with("took in 2 domains and 4 users"), "{done}");
    assert!(world.tool(&["user", "show", "dora"], "").contains("title: Dr\ntitle: Prof\n"));
    let _server = world.start();
    assert!(imap(&world, "dora").contains("t OK"), "the hash of the secret came along");
}

#[test]
fn a_filter_is_refused_with_a_caret() {
    let world = World::new("");
    let refused = world.run(&["msconfig", "set", "auth.searchfilter", "(uid=%U"], "");
    let error =
        String::from_utf8(refused.stderr).unwrap() + &String::from_utf8(refused.stdout).unwrap();
    assert!(!refused.status.success());
    assert!(error.contains("a `)` is missing here\n  (uid=%U\n         ^"), "{error}");
    let refused = world.run(&["msconfig", "set", "auth.searchfilter", "(uid=alice)"], "");
    let error =
        String::from_utf8(refused.stderr).unwrap() + &String::from_utf8(refused.stdout).unwrap();
    assert!(error.contains("neither %U nor %o"), "{error}");
}
