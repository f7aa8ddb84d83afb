//! Attributes of users and domains in both directories: quotas, partitions, compound uids, and their way from one
//! directory to the other.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

use std::process::Command;
use std::time::Duration;
use waypost_e2e::instance::Instance;
use waypost_e2e::line::LineClient;
use waypost_e2e::script::{attempt, run};
use waypost_e2e::slapd::{BASE, DC_ROOT, PASSWORD, Slapd, node, organisation, server_of, user};
use waypost_e2e::wait_for;

const LIMIT: Duration = Duration::from_secs(60);
/// The hash of [`PASSWORD`] in a form that both directories read.
const HASH: &str = "{SSHA}CcxQmwLcFfJ72txTnvM3Eak5AjpzYWx0c2FsdA==";

/// The tagged answer of IMAP to a login, with the session.
fn log_in(server: &Instance, name: &str) -> (LineClient, String) {
    let (mut imap, _) = LineClient::connect(server.port("IMAP"));
    let answer = imap.imap("a", &format!("LOGIN \"{name}\" \"{PASSWORD}\""));
    let last = answer.last().expect("there is an answer").clone();
    (imap, last)
}

fn enters(server: &Instance, name: &str) -> LineClient {
    let (session, answer) = log_in(server, name);
    assert!(answer.starts_with("a OK"), "{name}: {answer}");
    session
}

/// Sends a message of so many bytes; the reply of RCPT when it refuses, else that after the final dot.
fn deliver(server: &Instance, address: &str, bytes: usize) -> String {
    let (mut lmtp, _) = LineClient::connect(server.port("LMTP"));
    lmtp.send("LHLO test\r\n");
    lmtp.until(|line| line.starts_with("250 "));
    assert!(lmtp.ask("MAIL FROM:<a@b.example>").starts_with("250"));
    let reply = lmtp.ask(&format!("RCPT TO:<{address}>"));
    if !reply.starts_with("250") {
        return reply;
    }
    assert!(lmtp.ask("DATA").starts_with("354"));
    let line = "x".repeat(70);
    let body = format!("{line}\r\n").repeat(bytes / 72);
    lmtp.ask(&format!("Subject: to {address}\r\n\r\n{body}."))
}

/// What a tool prints.
fn told(server: &Instance, arguments: &[&str]) -> String {
    run(server, server.tool(arguments), LIMIT)
}

fn add_user(server: &Instance, name: &str, attributes: &[&str]) {
    server.give_input(format!("{HASH}\n").as_bytes());
    told(server, &["user", "add", name, "--hash-stdin"]);
    if !attributes.is_empty() {
        told(server, &[&["user", "set", name], attributes].concat());
    }
}

/// The quota of a user in both: 4 KiB and three messages.
fn quota_is_kept(server: &Instance, name: &str, address: &str) {
    assert!(deliver(server, address, 5_000).starts_with("552 5.2.2"), "{name}");
    assert!(deliver(server, address, 2_000).starts_with("250"), "{name}");
    assert!(deliver(server, address, 2_000).starts_with("452 4.2.2"), "{name}");
    let mut session = enters(server, name);
    let shown = session.imap("b", "GETQUOTAROOT INBOX").join("\n");
    assert!(shown.contains("* QUOTA \"\" (STORAGE 3 4 MESSAGE 1 3)"), "{shown}");
    session.imap("c", "SELECT INBOX");
    let copied = session.imap("d", "COPY 1 Archive");
    assert!(copied.last().unwrap().starts_with("d NO [OVERQUOTA]"), "{copied:?}");
    session.imap("e", "STORE 1 +FLAGS (\\Deleted)");
    session.imap("f", "EXPUNGE");
    for _ in 0..3 {
        assert!(deliver(server, address, 100).starts_with("250"), "{name}");
    }
    assert!(deliver(server, address, 100).starts_with("452 4.2.2"), "{name}");
    let listed = told(server, &["quota", name]);
    assert!(
        listed.lines().any(|line| line.contains(" 4096 ") && line.contains(" 100 ")),
        "{listed}"
    );
}

#[test]
fn quotas_of_the_embedded_directory_are_kept() {
    let server = Instance::start();
    add_user(&server, "small", &["mailQuota=4K", "mailMsgQuota=3"]);
    quota_is_kept(&server, "small", "small@example.com");
    let tool = |arguments: &[&str]| {
        server.give_input(b"Subject: by hand\n\ntext\n");
        attempt(&server, server.tool(arguments), LIMIT)
    };
    let (done, text) = tool(&["deliver", "small"]);
    assert!(!done && text.contains("--ignore-quota"), "{text}");
    let (done, text) = tool(&["deliver", "small", "--ignore-quota"]);
    assert!(done, "{text}");
    let over = told(&server, &["quota", "--above", "101"]);
    assert!(over.contains("small") && !over.contains("alice"), "{over}");
    let everybody = told(&server, &["quota"]);
    assert!(everybody.contains("small"), "{everybody}");
    told(&server, &["user", "set", "bob", "mailMessageStore=secondary", "mailQuota=1G;Archive%1M"]);
    assert!(deliver(&server, "bob@example.com", 100).starts_with("451 4.2.0"));
    let (done, text) = attempt(&server, server.tool(&["directory", "check"]), LIMIT);
    assert!(!done && text.contains("1 users have a mailMessageStore that is not here"), "{text}");
    assert!(text.contains("1 users have quotas of folders"), "{text}");
    let (done, text) = tool(&["user", "set", "small", "mailQuota=4 K"]);
    assert!(!done && text.contains("mailQuota"), "{text}");
    server.give_input(format!("{HASH}\n").as_bytes());
    told(&server, &["user", "add", "new", "--hash-stdin", "--quota", "0", "--message-quota", "-1"]);
    assert!(deliver(&server, "new@example.com", 100).starts_with("552 5.2.2"));
    told(&server, &["user", "set", "new", "mailQuota="]);
    assert!(deliver(&server, "new@example.com", 100).starts_with("250"), "changed at once");
}

#[test]
fn quotas_and_partitions_of_an_ldap_server_are_kept() {
    let users = organisation("example.com", &[])
        + &user("small", "example.com", &["mailQuota: 4K", "mailMsgQuota: 3"])
        + &user("parts", "example.com", &["mailQuota: 0;Archive%100M"])
        + &user("odd", "example.com", &["mailQuota: much"])
        + &user("here", "example.com", &["mailMessageStore: primary"])
        + &user("away", "example.com", &["mailMessageStore: secondary"]);
    let slapd = Slapd::start(&users, "");
    let server = server_of(&slapd.host(), &[]);
    quota_is_kept(&server, "small", "small@example.com");
    assert!(deliver(&server, "parts@example.com", 100).starts_with("552 5.2.2"), "only the total");
    assert!(deliver(&server, "odd@example.com", 100).starts_with("250"), "the default: no limit");
    drop(enters(&server, "here"));
    let (_, answer) = log_in(&server, "away");
    assert!(answer.starts_with("a NO [UNAVAILABLE]"), "{answer}");
    assert!(deliver(&server, "away@example.com", 100).starts_with("451 4.2.0"));
    let (done, text) = attempt(&server, server.tool(&["directory", "check"]), LIMIT);
    assert!(!done, "{text}");
    for part in [
        "1 users have a mailMessageStore that is not here",
        "1 users have a quota that cannot be read",
        "1 users have quotas of folders",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let (done, text) = attempt(&server, server.tool(&["login-explain", "away"]), LIMIT);
    assert!(!done && text.contains("message store") && text.contains("secondary"), "{text}");
    for part in
        ["a partition that is not here", "secondary", "limits of folders", "this is no quota"]
    {
        wait_for(part, || server.log().contains(part).then_some(()));
    }
}

/// `john_siroe.example` has the mailbox of john@siroe.example, and uids that name no or another domain have none.
#[test]
fn compound_uids_stand_for_mailboxes_of_their_domain() {
    let lines = ["domainUidSeparator: _", "inetDomainSearchFilter: (uid=%U_%V)"];
    let mail = |address: &str| format!("mail: {address}");
    let person = |uid: &str, address: &str| {
        user(uid, "siroe.example", &[])
            .replace(&mail(&format!("{uid}@siroe.example")), &mail(address))
    };
    let users = organisation("example.com", &[])
        + &user("alice", "example.com", &[])
        + &organisation("siroe.example", &lines)
        + &person("john_siroe.example", "john@siroe.example")
        + &person("alice_example.com", "alice.x@siroe.example")
        + &person("plain", "plain@siroe.example");
    let base = |domain: &str| format!("inetDomainBaseDN: o={domain},{BASE}");
    let tree = node("dc=com", &[])
        + &node("dc=example,dc=com", &[&base("example.com")])
        + &node("dc=example", &[])
        + &node("dc=siroe,dc=example", &[&base("siroe.example"), lines[0], lines[1]]);
    let slapd = Slapd::start(&users, &tree);
    let root = format!("\"{DC_ROOT}\"");
    let schemas: [&[(&str, &str)]; 2] =
        [&[("ldapschema", "\"2\"")], &[("ldapschema", "\"1\""), ("dcroot", &root)]];
    for schema in schemas {
        let server = server_of(&slapd.host(), schema);
        assert!(deliver(&server, "john@siroe.example", 100).starts_with("250"));
        let mut session = enters(&server, "john@siroe.example");
        let selected = session.imap("b", "SELECT INBOX").join("\n");
        assert!(selected.contains("* 1 EXISTS"), "{selected}");
        for address in ["alice.x@siroe.example", "plain@siroe.example"] {
            let reply = deliver(&server, address, 100);
            assert!(reply.starts_with("451"), "{address}: {reply}");
        }
        let (done, text) = attempt(&server, server.tool(&["directory", "check"]), LIMIT);
        assert!(!done && text.contains("siroe.example: 2 users have no store id"), "{text}");
        let explained = told(&server, &["login-explain", "john@siroe.example"]);
        assert!(explained.contains("domainUidSeparator"), "{explained}");
        let listed = told(&server, &["quota"]);
        assert!(listed.contains("john@siroe.example") && !listed.contains("not in"), "{listed}");
    }
}

#[test]
fn compound_uids_of_the_embedded_directory_are_checked_when_they_are_made() {
    let server = Instance::start();
    told(&server, &["domain", "add", "siroe.example"]);
    let filter = "inetDomainSearchFilter=(uid=%U_%V)";
    told(&server, &["domain", "set", "siroe.example", "domainUidSeparator=_", filter]);
    add_user(&server, "john_siroe.example@siroe.example", &["mail=john@siroe.example"]);
    assert!(deliver(&server, "john@siroe.example", 100).starts_with("250"));
    let mut session = enters(&server, "john@siroe.example");
    let selected = session.imap("b", "SELECT INBOX").join("\n");
    assert!(selected.contains("* 1 EXISTS"), "{selected}");
    told(&server, &["user", "disable", "john_siroe.example@siroe.example"]);
    assert!(session.rest().contains("* BYE"), "the open session is ended");
    for name in ["john@siroe.example", "mary_example.com@siroe.example"] {
        server.give_input(format!("{HASH}\n").as_bytes());
        let add = server.tool(&["user", "add", name, "--hash-stdin"]);
        let (done, text) = attempt(&server, add, LIMIT);
        assert!(!done && text.contains("domainUidSeparator"), "{name}: {text}");
    }
    // The demo's users have no such uids, so their domain cannot ask for them.
    let set = server.tool(&["domain", "set", "example.com", "domainUidSeparator=_"]);
    let (done, text) = attempt(&server, set, LIMIT);
    assert!(!done && text.contains("example.com"), "{text}");
    let set = server.tool(&["domain", "set", "siroe.example", "domainUidSeparator=ab"]);
    let (done, text) = attempt(&server, set, LIMIT);
    assert!(!done && text.contains("one character"), "{text}");
}

/// The attributes of a user as lines, without those that a server adds.
fn attributes(server: &Instance, name: &str) -> Vec<String> {
    let text = told(server, &["user", "show", name]);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.retain(|line| !line.starts_with("sn:") && !line.is_empty());
    lines.sort();
    lines
}

/// Has the embedded directory of a new server take in LDIF.
fn imported(ldif: &str) -> Instance {
    let server = Instance::start();
    server.give_input(ldif.as_bytes());
    told(&server, &["user", "import", "--ldif", "-"]);
    server
}

#[test]
fn users_move_to_an_ldap_server_and_back_with_all_attributes() {
    let first = Instance::start();
    told(&first, &["domain", "add", "moved.example"]);
    let access = "mailDomainAllowedServiceAccess=+imap,pop,lmtp:*";
    told(&first, &["domain", "set", "moved.example", "mailDomainStatus=active", access]);
    add_user(
        &first,
        "dave@moved.example",
        &[
            "cn=Dave M\u{fc}ller",
            "mailAlternateAddress=info@moved.example",
            "mailAlternateAddress=office@moved.example",
            "mailEquivalentAddress=d.m@moved.example",
            "mailMessageStore=primary",
            "mailQuota=4096",
            "mailMsgQuota=3",
            "mailUserStatus=active",
            "inetUserStatus=active",
            "mailAllowedServiceAccess=+imap,pop:*",
            "employeeNumber=4711",
        ],
    );
    add_user(
        &first,
        "held@moved.example",
        &["cn=held", "mailUserStatus=hold", "mailQuota=20M;Archive%100M"],
    );
    let before = attributes(&first, "dave@moved.example");
    let held = attributes(&first, "held@moved.example");
    let mut export: Command = first.tool(&["user", "export", "--ldif"]);
    let ldif = export.args(["--base", BASE]).output().expect("the program starts").stdout;
    let ldif = String::from_utf8(ldif).unwrap();
    drop(first);

    let entries = ldif.strip_prefix("version: 1\n").expect("a version comes first");
    let slapd = Slapd::start(entries.trim_start(), "");
    let server = server_of(&slapd.host(), &[]);
    quota_is_kept(&server, "dave@moved.example", "office@moved.example");
    let reply = deliver(&server, "held@moved.example", 100);
    assert!(reply.starts_with("450"), "{reply}");
    let (_, answer) = log_in(&server, "held@moved.example");
    assert!(answer.starts_with("a NO [CONTACTADMIN]"), "{answer}");
    drop(server);

    let last = imported(&slapd.export());
    assert_eq!(attributes(&last, "dave@moved.example"), before);
    assert_eq!(attributes(&last, "held@moved.example"), held);
    quota_is_kept(&last, "dave@moved.example", "d.m@moved.example");
    let domain = told(&last, &["domain", "show", "moved.example"]);
    assert!(domain.contains(access.split_once('=').unwrap().1), "{domain}");
}
