//! The LDAP directory against a real slapd: the contract's suite, look-ups, passwords, outages.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

use std::time::{Duration, Instant};
use waypost_directory::conformance::{self, DEFAULT_DOMAIN, Fixture};
use waypost_directory::{
    Directory, InetStatus, MailStatus, PasswordVerdict, Quota, Recipient, User, resolve_recipient,
};
use waypost_directory_ldap::{
    BindIdentity, DomainScheme, LdapConfig, LdapDirectory, LdapHost, Level, Security,
};
use waypost_e2e::slapd::{
    BASE, DC_ROOT, PASSWORD, READER, READER_PASSWORD, Slapd, node, organisation, user,
};
use waypost_e2e::wait_for;
use waypost_ldap_filter::Template;
use waypost_types::Secret;

fn config(hosts: &str) -> LdapConfig {
    LdapConfig {
        hosts: LdapHost::parse_list(hosts, 389).unwrap(),
        security: Security::None,
        ca_file: None,
        identity: Some(BindIdentity {
            dn: READER.to_owned(),
            password: Secret::new(READER_PASSWORD.to_owned()),
        }),
        base_dn: BASE.to_owned(),
        domains: DomainScheme::Native,
        default_domain: DEFAULT_DOMAIN.to_owned(),
        search_filter: Template::default(),
        connect_timeout: Duration::from_secs(1),
        operation_timeout: Duration::from_secs(1),
        connections: 4,
    }
}

fn directory(slapd: &Slapd) -> LdapDirectory {
    LdapDirectory::new(config(&slapd.host())).unwrap()
}

fn tree(slapd: &Slapd) -> LdapDirectory {
    let domains = DomainScheme::DcTree { root: DC_ROOT.to_owned() };
    LdapDirectory::new(LdapConfig { domains, ..config(&slapd.host()) }).unwrap()
}

fn login(directory: &LdapDirectory, uid: &str, domain: &str) -> Option<User> {
    directory.user_by_login(uid, domain).unwrap()
}

fn account(user: Option<User>) -> Option<String> {
    user.map(|user| user.account.to_string())
}

fn verdict(directory: &LdapDirectory, user: &User, password: &str) -> PasswordVerdict {
    directory.verify_password(user, &Secret::new(password.to_owned())).unwrap()
}

/// The contract's suite, with changes made on the server.
struct OnServer {
    slapd: Slapd,
    directory: LdapDirectory,
}

impl Fixture for OnServer {
    fn directory(&self) -> &dyn Directory {
        &self.directory
    }

    fn add_domain(&self, name: &str) {
        self.slapd.modify(&added(&organisation(name, &[])));
    }

    fn add_user(&self, uid: &str, domain: &str, password: &str, alternates: &[&str]) {
        let mut lines = vec![format!("userPassword: {password}")];
        lines.extend(alternates.iter().map(|address| format!("mailAlternateAddress: {address}")));
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        self.slapd.modify(&added(&user(uid, domain, &lines)));
    }

    fn set_password(&self, uid: &str, domain: &str, password: &str) {
        self.replace(uid, domain, "userPassword", password);
    }

    fn set_status(&self, uid: &str, domain: &str, status: MailStatus) {
        self.replace(uid, domain, "mailUserStatus", status.name());
    }

    fn delete_user(&self, uid: &str, domain: &str) {
        self.slapd.modify(&format!("dn: uid={uid},o={domain},{BASE}\nchangetype: delete\n"));
    }

    fn has_generation(&self) -> bool {
        false
    }
}

impl OnServer {
    fn replace(&self, uid: &str, domain: &str, attribute: &str, value: &str) {
        self.slapd.modify(&format!(
            "dn: uid={uid},o={domain},{BASE}\nchangetype: modify\nreplace: {attribute}\n\
             {attribute}: {value}\n"
        ));
    }
}

fn added(entry: &str) -> String {
    entry.replacen('\n', "\nchangetype: add\n", 1)
}

#[test]
fn the_contract_is_kept() {
    let slapd = Slapd::start("", "");
    let directory = directory(&slapd);
    conformance::check(&OnServer { slapd, directory });
}

#[test]
fn attributes_become_a_user() {
    let lines = [
        "mailAlternateAddress: Info@Example.com",
        "mailEquivalentAddress: a.l@example.com",
        "mailHost: store.example",
        "mailQuota: 20M",
        "mailUserStatus: overquota",
        "inetUserStatus: inactive",
        "mailAllowedServiceAccess: +imap:ALL",
        "mailAllowedServiceAccess: -pop:*",
    ];
    let users =
        organisation("example.com", &["mailDomainStatus: hold", "inetDomainStatus: deleted"])
            + &user("alice", "example.com", &lines);
    let slapd = Slapd::start(&users, "");
    let directory = directory(&slapd);
    let alice = login(&directory, "alice", "example.com").unwrap();
    assert_eq!(alice.mail_alternate_addresses, ["info@example.com"]);
    assert_eq!(alice.mail_equivalent_addresses, ["a.l@example.com"]);
    assert_eq!(alice.mail_host.as_deref(), Some("store.example"));
    assert_eq!(alice.quota.bytes, Some(Quota::AtMost(20 << 20)));
    assert_eq!(alice.mail_user_status, MailStatus::Overquota);
    assert_eq!(alice.inet_user_status, InetStatus::Inactive);
    assert_eq!(alice.mail_allowed_service_access.as_deref(), Some("+imap:ALL$-pop:*"));
    let domain = directory.domain("Example.com").unwrap().unwrap();
    assert_eq!(domain.mail_domain_status, MailStatus::Hold);
    assert_eq!(domain.inet_domain_status, InetStatus::Deleted);
    for address in ["alice", "INFO", "a.l"] {
        let found = directory.resolve_address(address, "example.com").unwrap();
        assert_eq!(account(found).as_deref(), Some("alice"), "{address}");
    }
}

/// Three domains in both schemas: the default one with an alias, a second, a hosted one with its filter.
fn three_domains() -> Slapd {
    let filter = "inetDomainSearchFilter: \
                  (&(objectclass=inetOrgPerson)(|(uid=%U)(employeeNumber=%U)(cn=%U_%V)(mail=%o)))";
    let users = organisation("example.com", &["associatedDomain: alias.example"])
        + &user("alice", "example.com", &[])
        + &organisation("second.example", &[])
        + &user("alice", "second.example", &[])
        + &organisation("hosted.example", &[filter])
        + &user("carol", "hosted.example", &["employeeNumber: 4711", "cn: c_hosted.example"])
        + &user("4712", "hosted.example", &[])
        + &user("dave", "hosted.example", &["employeeNumber: 4712"]);
    let base = |domain: &str| format!("inetDomainBaseDN: o={domain},{BASE}");
    let target = format!("aliasedObjectName: dc=example,dc=com,{DC_ROOT}");
    let alias = format!(
        "dn: dc=pointer,dc=example,{DC_ROOT}\nobjectClass: alias\nobjectClass: inetDomainAlias\n\
         dc: pointer\n{target}\n\n"
    );
    let domains = node("dc=com", &[])
        + &node("dc=example,dc=com", &[&base("example.com")])
        + &node("dc=example", &[])
        + &node(
            "dc=alias,dc=example",
            &[&base("example.com"), "inetCanonicalDomainName: example.com"],
        )
        + &alias
        + &node("dc=second,dc=example", &[&base("second.example")])
        + &node("dc=hosted,dc=example", &[&base("hosted.example"), filter]);
    Slapd::start(&users, &domains)
}

#[test]
fn domains_are_found_in_both_schemas() {
    let slapd = three_domains();
    for (schema, directory) in [("2", directory(&slapd)), ("1", tree(&slapd))] {
        let found = |uid: &str, domain: &str| account(login(&directory, uid, domain));
        assert_eq!(found("alice", "example.com").as_deref(), Some("alice"), "{schema}");
        assert_eq!(found("alice", "ALIAS.example").as_deref(), Some("alice"), "{schema}");
        let second = found("alice", "second.example");
        assert_eq!(second.as_deref(), Some("alice@second.example"), "{schema}");
        assert_eq!(found("carol", "example.com"), None, "{schema}");
        assert_eq!(directory.domain("example").unwrap(), None, "{schema}: a node without users");
        let canonical = directory.domain("alias.example").unwrap().unwrap().name;
        assert_eq!(canonical, "example.com", "{schema}");
        let recipient = resolve_recipient(&directory, "Alice+Lists@alias.example").unwrap();
        let Recipient::Accept { user, folder } = recipient else { panic!("{recipient:?}") };
        assert_eq!(
            (user.account.as_str(), folder.as_deref()),
            ("alice", Some("Lists")),
            "{schema}"
        );
    }
    assert_eq!(account(login(&tree(&slapd), "alice", "pointer.example")).as_deref(), Some("alice"));
}

#[test]
fn a_domain_s_filter_finds_its_users() {
    let slapd = three_domains();
    for directory in [directory(&slapd), tree(&slapd)] {
        let found = |uid: &str| account(login(&directory, uid, "hosted.example"));
        let carol = Some("carol@hosted.example".to_owned());
        for name in ["carol", "4711", "c"] {
            assert_eq!(found(name), carol, "{name}");
        }
        assert_eq!(found("4712"), None, "one's uid and another's number: not unique");
        assert_eq!(account(login(&directory, "4711", "example.com")), None, "only there");
    }
}

#[test]
fn names_cannot_change_the_filter() {
    let slapd = three_domains();
    let directory = directory(&slapd);
    let attempts = [
        "*",
        "a*",
        "*)(uid=*",
        "alice)(objectClass=*",
        "alice\\2a",
        "\\61lice",
        "(alice)",
        "al\0ice",
    ];
    for attempt in attempts {
        assert!(login(&directory, attempt, "example.com").is_none(), "{attempt:?}");
        assert!(login(&directory, attempt, "hosted.example").is_none(), "{attempt:?}");
        assert!(login(&directory, "alice", attempt).is_none(), "{attempt:?}");
        assert!(
            directory.resolve_address(attempt, "example.com").unwrap().is_none(),
            "{attempt:?}"
        );
        assert!(directory.resolve_address("alice", attempt).unwrap().is_none(), "{attempt:?}");
    }
}

#[test]
fn the_password_policy_has_its_say() {
    let policy = |name: &str, lines: &str| {
        format!(
            "dn: cn={name},{BASE}\nobjectClass: applicationProcess\nobjectClass: pwdPolicy\ncn: {name}\n\
             pwdAttribute: userPassword\n{lines}\n\n"
        )
    };
    let ruled = |name: &str| format!("pwdPolicySubentry: cn={name},{BASE}");
    let users = policy("age", "pwdMaxAge: 60")
        + &policy("reset", "pwdMustChange: TRUE")
        + &policy("lock", "pwdLockout: TRUE\npwdMaxFailure: 2")
        + &organisation("example.com", &[])
        + &user("old", "example.com", &[&ruled("age"), "pwdChangedTime: 20200101000000Z"])
        + &user("new", "example.com", &[&ruled("reset"), "pwdReset: TRUE"])
        + &user("locked", "example.com", &[&ruled("lock")])
        + &user("alice", "example.com", &[]);
    let slapd = Slapd::start(&users, "");
    let directory = directory(&slapd);
    let ask = |uid: &str, password: &str| {
        verdict(&directory, &login(&directory, uid, "example.com").unwrap(), password)
    };
    assert_eq!(ask("alice", PASSWORD), PasswordVerdict::Right);
    assert_eq!(ask("alice", ""), PasswordVerdict::Wrong, "an empty password is nobody's");
    assert!(matches!(ask("old", PASSWORD), PasswordVerdict::Expired { .. }));
    assert_eq!(ask("old", "wrong"), PasswordVerdict::Wrong);
    assert!(matches!(ask("new", PASSWORD), PasswordVerdict::MustChange { .. }));
    assert_eq!(ask("new", "wrong"), PasswordVerdict::Wrong);
    assert_eq!(ask("alice", PASSWORD), PasswordVerdict::Right, "on the same connection");
    for _ in 0..2 {
        assert_eq!(ask("locked", "wrong"), PasswordVerdict::Wrong);
    }
    assert!(matches!(ask("locked", PASSWORD), PasswordVerdict::Locked { .. }));
    directory.verify_nobody(&Secret::new("x".to_owned())).unwrap();
}

#[test]
fn an_outage_is_no_wrong_password_and_ends_by_itself() {
    let mut slapd = three_domains();
    let directory = directory(&slapd);
    let alice = login(&directory, "alice", "example.com").unwrap();
    slapd.kill();
    let secret = Secret::new(PASSWORD.to_owned());
    let error = directory.verify_password(&alice, &secret).unwrap_err();
    assert!(error.is_temporary(), "{error}");
    assert!(directory.user_by_login("alice", "example.com").unwrap_err().is_temporary());
    slapd.start_again();
    wait_for("the directory", || directory.verify_password(&alice, &secret).ok());
    assert_eq!(
        account(login(&directory, "alice", "second.example")).as_deref(),
        Some("alice@second.example")
    );
    // Kept connections are dead, and the server is well: nobody notices.
    slapd.kill();
    slapd.start_again();
    assert_eq!(verdict(&directory, &alice, PASSWORD), PasswordVerdict::Right);
    assert!(login(&directory, "carol", "hosted.example").is_some());
}

#[test]
fn a_server_that_is_silent_costs_its_time_limit_once() {
    let slapd = three_domains();
    let directory = directory(&slapd);
    assert!(login(&directory, "alice", "example.com").is_some());
    slapd.freeze();
    let start = Instant::now();
    assert!(directory.user_by_login("alice", "example.com").unwrap_err().is_temporary());
    let first = start.elapsed();
    assert!(first < Duration::from_secs(5), "{first:?}");
    let start = Instant::now();
    for _ in 0..20 {
        assert!(directory.user_by_login("alice", "example.com").unwrap_err().is_temporary());
    }
    let others = start.elapsed();
    assert!(others < Duration::from_secs(1), "a lost server is not waited for: {others:?}");
    slapd.thaw();
    wait_for("the directory", || directory.user_by_login("alice", "example.com").ok());
}

#[test]
fn the_next_server_helps_until_the_first_is_back() {
    let (mut first, second) = (three_domains(), three_domains());
    let hosts = format!("{} {}", first.host(), second.host());
    let directory = LdapDirectory::new(config(&hosts)).unwrap();
    assert!(login(&directory, "alice", "example.com").is_some());
    assert_eq!((first.connections(), second.connections()), (1, 0), "the first is preferred");
    first.kill();
    assert!(login(&directory, "alice", "example.com").is_some(), "nobody notices");
    assert_eq!(second.connections(), 1);
    first.start_again();
    wait_for("the way back", || {
        assert!(login(&directory, "alice", "example.com").is_some());
        (first.connections() > 0 && second.connections() == 0).then_some(())
    });
    first.freeze();
    assert!(login(&directory, "alice", "example.com").is_some(), "a silent server is left too");
    assert!(second.connections() > 0);
    first.thaw();
}

#[test]
fn connections_are_encrypted_and_checked() {
    let slapd = three_domains();
    let open = |hosts: &str, security, ca_file| {
        LdapDirectory::new(LdapConfig { security, ca_file, ..config(hosts) }).unwrap()
    };
    let trusted = || Some(slapd.authority());
    for (hosts, security) in
        [(slapd.host(), Security::StartTls), (slapd.tls_host(), Security::Ldaps)]
    {
        let directory = open(&hosts, security, trusted());
        let alice = login(&directory, "alice", "example.com").unwrap();
        assert_eq!(verdict(&directory, &alice, PASSWORD), PasswordVerdict::Right, "{security:?}");
        assert_eq!(verdict(&directory, &alice, "wrong"), PasswordVerdict::Wrong, "{security:?}");
        let other_name = hosts.replace("localhost", "127.0.0.1");
        let error = open(&other_name, security, trusted()).domain("example.com").unwrap_err();
        assert!(error.is_temporary(), "a name that the certificate has not: {error}");
    }
    let other = Slapd::start("", "");
    let stranger = open(&slapd.tls_host(), Security::Ldaps, Some(other.authority()));
    assert!(stranger.domain("example.com").unwrap_err().is_temporary());
    let absent = Some("/nonexistent/ca.pem".into());
    let missing = LdapConfig { security: Security::Ldaps, ca_file: absent, ..config("localhost") };
    assert!(LdapDirectory::new(missing).is_err());
}

#[test]
fn a_directory_without_domains_has_the_default_one() {
    let slapd = three_domains();
    let base_dn = format!("o=hosted.example,{BASE}");
    let config = LdapConfig { domains: DomainScheme::Single, base_dn, ..config(&slapd.host()) };
    let directory = LdapDirectory::new(config).unwrap();
    assert_eq!(account(login(&directory, "carol", "example.com")).as_deref(), Some("carol"));
    assert_eq!(account(login(&directory, "carol", "hosted.example")), None);
}

#[test]
fn the_check_finds_what_logins_would_trip_over() {
    let slapd = three_domains();
    let good = directory(&slapd).check();
    assert!(good.iter().all(|finding| finding.level < Level::Fault), "{good:#?}");
    let users = organisation("example.com", &[])
        + &user("alice", "example.com", &["mailAlternateAddress: x@example.com"])
        + &user("bob", "example.com", &["mailAlternateAddress: X@example.com"])
        + &user("carol", "example.com", &["mailUserStatus: actve"])
        + &user("dora", "example.com", &["mailAllowedServiceAccess: imap:*"])
        + &format!(
            "dn: ou=more,o=example.com,{BASE}\nobjectClass: organizationalUnit\nou: more\n\n"
        )
        + &user("alice", "example.com", &[]).replace("uid=alice,", "uid=alice,ou=more,")
        + &organisation("broken.example", &["inetDomainSearchFilter: (uid=%X)"])
        + &organisation("shut.example", &["mailDomainAllowedServiceAccess: pop:*"]);
    let slapd = Slapd::start(&users, "");
    let told = directory(&slapd).check();
    let faults: Vec<_> = told.iter().filter(|finding| finding.level == Level::Fault).collect();
    for part in [
        "uid alice is not unique",
        "x@example.com is not unique",
        "unknown status",
        "inetDomainSearchFilter",
        "1 users have a mailAllowedServiceAccess that cannot be read",
        "shut.example: mailDomainAllowedServiceAccess cannot be read",
    ] {
        assert!(faults.iter().any(|fault| fault.text.contains(part)), "{part}: {told:#?}");
    }
    let mut wrong = config(&slapd.host());
    wrong.identity =
        Some(BindIdentity { dn: READER.to_owned(), password: Secret::new("wrong".to_owned()) });
    let told = LdapDirectory::new(wrong).unwrap().check();
    assert!(told.len() == 1 && told[0].text.contains("cannot bind as"), "{told:#?}");
}
