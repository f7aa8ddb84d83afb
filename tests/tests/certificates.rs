//! Users who log in by certificate, with clients that nobody here wrote, on both directories.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

use rcgen::DnType;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use waypost_e2e::authority::{Authority, Client};
use waypost_e2e::instance::Instance;
use waypost_e2e::program;
use waypost_e2e::script::{attempt, python, run};
use waypost_e2e::slapd::{BASE, Slapd, organisation, server_of, user};
use waypost_e2e::wait_for;

const LIMIT: Duration = Duration::from_secs(120);
/// What the default map of a `certmap.conf` begins with.
const DEFAULT: &str = "certmap default default\n";

fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.display())
}

/// A server that trusts these authorities for clients, with more options of the group `base`.
fn server_with(folder: &Path, authority: &Authority, more: &[(&str, &str)]) -> Instance {
    let file = folder.join("clients.pem");
    fs::write(&file, &authority.pem).unwrap();
    let mut options = vec![("sslclientcafile", quoted(&file))];
    options.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
    let options: Vec<_> =
        options.iter().map(|(name, value)| ("base", *name, value.as_str())).collect();
    Instance::start_with(&options)
}

/// curl's login: by certificate without a password, else by password, with or without a certificate.
fn curl(
    server: &Instance,
    scheme: &str,
    client: Option<&Client>,
    user: &str,
    external: bool,
) -> (bool, String) {
    let port = server.port(if scheme == "imaps" { "IMAPS" } else { "POPS" });
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--max-time", "60", "--cacert"]);
    command.arg(server.setting("WAYPOST_CA"));
    if let Some(client) = client {
        command.arg("--cert").arg(&client.file);
    }
    if external {
        command.args(["--login-options", "AUTH=EXTERNAL"]);
    }
    command.args(["--user", user, &format!("{scheme}://localhost:{port}/")]);
    attempt(server, command, LIMIT)
}

fn by_certificate(server: &Instance, client: &Client) -> bool {
    curl(server, "imaps", Some(client), "alice:", true).0
}

fn by_password(server: &Instance, client: Option<&Client>) -> bool {
    let user = format!("alice:{}", server.password("alice"));
    curl(server, "imaps", client, &user, false).0
}

/// What `openssl s_client` gets for lines.
fn openssl(server: &Instance, client: &Client, service: &str, lines: &str) -> String {
    server.give_input(lines.as_bytes());
    let mut command = Command::new("openssl");
    command.args(["s_client", "-quiet", "-crlf", "-verify_return_error", "-CAfile"]);
    command.arg(server.setting("WAYPOST_CA")).arg("-cert").arg(&client.file);
    command.arg("-connect").arg(format!("localhost:{}", server.port(service)));
    if service == "IMAP" {
        command.args(["-starttls", "imap"]);
    }
    run(server, command, LIMIT)
}

/// Waits until the log has this; a line reaches its file a moment later.
fn logged(server: &Instance, text: &str) {
    wait_for(text, || server.log().contains(text).then_some(()));
}

/// The certificate as text, as `openssl x509 -outform DER | base64 -w0` prints it.
fn base64(client: &Client) -> String {
    let file = client.file.with_extension("der");
    fs::write(&file, &client.der).unwrap();
    let output = Command::new("base64").arg("-w0").arg(&file).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn common_name(name: &str) -> [(DnType, &str); 2] {
    [(DnType::OrganizationName, "Example"), (DnType::CommonName, name)]
}

/// Guide: certificate-login
#[test]
fn real_clients_log_in_by_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("Clients");
    let server = server_with(folder.path(), &authority, &[]);
    let alice =
        authority.client(folder.path(), "alice", &common_name("Alice"), &["alice@example.com"]);
    for scheme in ["imaps", "pop3s"] {
        // curl sends the name as authorization identity.
        for name in ["alice:", "alice@example.com:"] {
            let (good, told) = curl(&server, scheme, Some(&alice), name, true);
            assert!(good, "{scheme} {name}: {told}");
        }
        let (good, told) = curl(&server, scheme, Some(&alice), "bob:", true);
        assert!(!good, "{scheme}: {told}");
    }
    for service in ["IMAPS", "IMAP"] {
        let told = openssl(&server, &alice, service, "a AUTHENTICATE EXTERNAL =\nb LOGOUT\n");
        assert!(told.contains("a OK ") && told.contains("b OK "), "{service}: {told}");
    }
    let told = openssl(&server, &alice, "POPS", "CAPA\nAUTH EXTERNAL =\nQUIT\n");
    assert!(told.contains("SASL PLAIN LOGIN EXTERNAL") && told.contains("messages"), "{told}");
    for way in ["tls", "starttls"] {
        let told =
            python(&server, "certificate.py", &[&alice.file.display().to_string(), way], LIMIT);
        assert!(told.contains("logged in"), "{told}");
    }
    // The log names who it was.
    logged(&server, "certificate=\"CN=Alice,O=Example\"");
    assert!(by_password(&server, Some(&alice)), "a password works as well");
    assert!(by_password(&server, None), "and without a certificate");
}

#[test]
fn what_is_not_accepted_leaves_the_password() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, other) = (Authority::new("Clients"), Authority::new("Others"));
    let server = server_with(folder.path(), &authority, &[]);
    let (name, mails) = (common_name("Alice"), ["alice@example.com"]);
    let issued = |file: &str, change: fn(&mut rcgen::CertificateParams)| {
        authority.client_with(folder.path(), file, &name, &mails, change)
    };
    let refused = [
        issued("expired", Authority::expired),
        issued("server", Authority::of_a_server),
        issued("strange", Authority::strange),
        other.client(folder.path(), "foreign", &name, &mails),
    ];
    for client in &refused {
        let shown = client.file.display();
        assert!(!by_certificate(&server, client), "{shown}");
        assert!(by_password(&server, Some(client)), "{shown}");
    }
    for text in ["client certificate not accepted", "certificate expired", "no trusted authority"] {
        logged(&server, text);
    }
    // Trusted, and not that of one user.
    let both = ["alice@example.com", "bob@example.com"];
    for (file, mails) in [("nobody", &["carol@example.com"][..]), ("both", &both)] {
        let client = authority.client(folder.path(), file, &name, mails);
        assert!(!by_certificate(&server, &client), "{file}");
        assert!(by_password(&server, Some(&client)), "{file}");
    }
    for text in ["no entry fits", "not unique: 2 entries", "issued by CN=Clients,O=Example"] {
        logged(&server, text);
    }
}

#[test]
fn authorities_change_under_a_running_server() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (Authority::new("Old"), Authority::new("New"));
    let mut server = server_with(folder.path(), &old, &[]);
    let (name, mails) = (common_name("Alice"), ["alice@example.com"]);
    let first = old.client(folder.path(), "old", &name, &mails);
    let second = new.client(folder.path(), "new", &name, &mails);
    assert!(by_certificate(&server, &first) && !by_certificate(&server, &second));
    let replace = |text: &str| {
        let file = folder.path().join("next.pem");
        fs::write(&file, text).unwrap();
        fs::rename(file, folder.path().join("clients.pem")).unwrap();
    };
    // A damaged file leaves what was there.
    replace("nonsense");
    let complaint = "authorities of clients: no certificate in PEM form";
    logged(&server, complaint);
    assert!(by_certificate(&server, &first));
    let (done, told) = attempt(&server, server.tool(&["check-config"]), LIMIT);
    assert!(!done && told.contains(complaint), "{told}");
    // Taken in by itself, and by a refresh.
    replace(&new.pem);
    wait_for("the new authority", || by_certificate(&server, &second).then_some(()));
    assert!(!by_certificate(&server, &first));
    replace(&old.pem);
    run(&server, server.tool(&["refresh"]), LIMIT);
    assert!(by_certificate(&server, &first) && !by_certificate(&server, &second));
    // Only certificates enter.
    server.stop();
    server.set_option("imap", "plaintextmincipher", "-1");
    server.start_again();
    assert!(by_certificate(&server, &first) && !by_password(&server, Some(&first)));
    let told = openssl(&server, &first, "IMAPS", "a CAPABILITY\nb LOGOUT\n");
    assert!(told.contains("LOGINDISABLED AUTH=EXTERNAL") && !told.contains("PLAIN"), "{told}");
}

#[test]
fn maps_decide_and_are_explained() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("Clients");
    let maps = folder.path().join("certmap.conf");
    let own = "certmap own CN=Clients,O=Example\nown:DNComps\nown:FilterComps cn=uid\nown:verifycert on\n";
    fs::write(&maps, format!("{DEFAULT}{own}")).unwrap();
    let server = server_with(folder.path(), &authority, &[("certmapfile", &quoted(&maps))]);
    let client = authority.client(folder.path(), "alice", &common_name("alice"), &[]);
    let explain = |expected: bool| {
        let file = client.file.display().to_string();
        let command = server.tool(&["login-explain", "--certificate", &file]);
        let (good, told) = attempt(&server, command, LIMIT);
        assert_eq!(good, expected, "{told}");
        told
    };
    let told = explain(false);
    for text in ["map own, line 2", "filter: (uid=alice)", "does not hold the certificate"] {
        assert!(told.contains(text), "{text}: {told}");
    }
    assert!(!by_certificate(&server, &client));
    let value = base64(&client);
    let hold = |value: &str| {
        let attribute = format!("userCertificate={value}");
        run(&server, server.tool(&["user", "set", "alice", &attribute]), LIMIT);
    };
    hold(&value);
    assert!(explain(true).contains("let in as alice"));
    assert!(by_certificate(&server, &client));
    hold("");
    assert!(!by_certificate(&server, &client), "taken from the entry, it is revoked");
    let told = run(&server, server.tool(&["cert", "clients"]), LIMIT);
    assert!(told.contains("authority: CN=Clients,O=Example"), "{told}");
    assert!(told.contains("map own (line 2): CN=Clients,O=Example"), "{told}");
    // A fault is named with file and line, and the maps before it stay.
    hold(&value);
    fs::write(&maps, format!("{DEFAULT}default:library x.so\n")).unwrap();
    let (done, told) = attempt(&server, server.tool(&["check-config"]), LIMIT);
    assert!(!done && told.contains("certmap.conf: line 2: library"), "{told}");
    logged(&server, "line 2: library");
    // Nor is a file stored that could not be read at the next start.
    let mut command = Command::new(program::waypost());
    command.arg("--config").arg(server.config());
    command.args(["msconfig", "set", "base.certmapfile", &client.file.display().to_string()]);
    let (done, told) = attempt(&server, command, LIMIT);
    assert!(!done && told.contains("alice.pem: line 1: write `certmap"), "{told}");
    assert!(by_certificate(&server, &client));
}

#[test]
fn certificates_of_users_on_an_ldap_server() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("Clients");
    let ca = folder.path().join("clients.pem");
    fs::write(&ca, &authority.pem).unwrap();
    let maps = folder.path().join("certmap.conf");
    let domain = "example.com";
    let uid = DnType::CustomDnType(vec![0, 9, 2342, 19_200_300, 100, 1, 1]);
    let subject = [(DnType::OrganizationName, domain), (DnType::CommonName, "alice"), (uid, "al")];
    let client = authority.client(folder.path(), "alice", &subject, &["alice@example.com"]);
    let subject_name = "description: UID=al, CN=alice, O=example.com";
    let users = organisation(domain, &[])
        + &user("alice", domain, &[])
        + &user("al", domain, &["employeeNumber: 7"])
        + &user("bob", domain, &["title: al"]);
    let slapd = Slapd::start(&users, "");
    let mut server = server_of(&slapd.host(), &[("sslclientcafile", &quoted(&ca))]);
    assert!(by_certificate(&server, &client), "by mail address");
    let with = |server: &mut Instance, properties: &str, acting: &str| {
        fs::write(&maps, format!("{DEFAULT}{properties}")).unwrap();
        server.stop();
        server.set_option("base", "certmapfile", &quoted(&maps));
        server.start_again();
        curl(server, "imaps", Some(&client), &format!("{acting}:"), true)
    };
    let below = format!("o={domain},{BASE}");
    let (good, told) = with(&mut server, "default:DNComps\ndefault:FilterComps uid\n", "al");
    assert!(good, "the whole tree: {told}");
    let (good, told) = with(&mut server, "default:DNComps\ndefault:FilterComps uid=title\n", "bob");
    assert!(good, "another attribute: {told}");
    let (good, told) = with(&mut server, "default:DNComps o\ndefault:FilterComps uid\n", "al");
    assert!(!good, "no such base: {told}");
    let (good, told) = with(&mut server, "", "al");
    assert!(!good, "no such entry: {told}");
    let verify = "default:DNComps\ndefault:FilterComps e\ndefault:CmapLdapAttr description\ndefault:verifycert on\n";
    let (good, told) = with(&mut server, verify, "alice");
    assert!(!good, "the entry does not hold it: {told}");
    let value = base64(&client);
    let entry = format!("dn: uid=alice,{below}\nchangetype: modify\n");
    slapd
        .modify(&format!("{entry}add: userCertificate;binary\nuserCertificate;binary:: {value}\n"));
    assert!(by_certificate(&server, &client), "the entry holds it");
    slapd.modify(&format!("{entry}delete: userCertificate;binary\n"));
    assert!(!by_certificate(&server, &client), "it is revoked");
    slapd
        .modify(&format!("{entry}add: userCertificate;binary\nuserCertificate;binary:: {value}\n"));
    // The name of the subject goes first, and must be one entry's.
    slapd.modify(&format!("{entry}add: description\n{subject_name}\n"));
    assert!(by_certificate(&server, &client), "by the name of the subject");
    slapd.modify(&format!(
        "dn: uid=bob,{below}\nchangetype: modify\nadd: description\n{subject_name}\n"
    ));
    assert!(!by_certificate(&server, &client), "two entries");
    logged(&server, "not unique: 2 entries");
}
