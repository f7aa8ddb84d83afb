//! Tests of the embedded directory beyond the conformance suite.
#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

use super::*;
use crate::conformance::{self, DEFAULT_DOMAIN, Fixture};
use crate::model::{InetStatus, MailStatus};

struct Embedded {
    directory: EmbeddedDirectory,
    folder: tempfile::TempDir,
}

impl Embedded {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let directory = EmbeddedDirectory::open_writable(folder.path(), DEFAULT_DOMAIN).unwrap();
        Self { directory, folder }
    }
}

/// What a power cut leaves that comes while a directory is made, or when it has just been made.
#[test]
fn a_directory_whose_making_was_cut_short_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let making = folder.path().join("making");
    std::fs::create_dir(&making).unwrap();
    std::fs::write(making.join(DATA_FILE), vec![0; 8_192]).unwrap();
    let directory = EmbeddedDirectory::open_writable(folder.path(), DEFAULT_DOMAIN).unwrap();
    directory.add_domain("example.com").unwrap();
    assert!(!making.exists());
    drop(directory);
    EmbeddedDirectory::open_writable(folder.path(), DEFAULT_DOMAIN).unwrap();
}

#[test]
fn tools_that_begin_together_make_one_directory() {
    let folder = tempfile::tempdir().unwrap();
    // A process opens an environment once, so each makes what the others may open.
    let made = std::thread::scope(|scope| {
        let make = || environment::make(folder.path());
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(make)).collect();
        threads.into_iter().all(|thread| thread.join().unwrap().is_ok())
    });
    assert!(made);
    EmbeddedDirectory::open_writable(folder.path(), DEFAULT_DOMAIN).unwrap();
}

#[test]
fn a_file_that_is_shorter_than_it_says_is_refused() {
    let embedded = Embedded::new();
    embedded.add_domain("example.com");
    let path = embedded.folder.path().to_owned();
    let Embedded { directory, folder } = embedded;
    drop(directory);
    let file = std::fs::File::options().write(true).open(path.join(DATA_FILE)).unwrap();
    file.set_len(2 * 4_096).unwrap();
    let Err(error) = EmbeddedDirectory::open_read_only(&path, DEFAULT_DOMAIN) else {
        panic!("opened");
    };
    assert!(matches!(error, DirectoryError::Damaged { .. }), "{error:?}");
    drop(folder);
}

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

fn new_user(uid: &str, domain: &str, alternates: &[&str]) -> NewUser {
    NewUser {
        uid: uid.to_owned(),
        domain: domain.to_owned(),
        password: secret("pw"),
        cn: None,
        mail: None,
        mail_alternate_addresses: alternates.iter().map(|a| (*a).to_owned()).collect(),
        quota: None,
        message_quota: None,
    }
}

impl Fixture for Embedded {
    fn directory(&self) -> &dyn Directory {
        &self.directory
    }
    fn add_domain(&self, name: &str) {
        self.directory.add_domain(name).unwrap();
    }
    fn add_user(&self, uid: &str, domain: &str, password: &str, alternates: &[&str]) {
        let new = NewUser { password: secret(password), ..new_user(uid, domain, alternates) };
        self.directory.add_user(&new).unwrap();
    }
    fn set_password(&self, uid: &str, domain: &str, password: &str) {
        self.directory.set_password(uid, domain, &secret(password)).unwrap();
    }
    fn set_status(&self, uid: &str, domain: &str, status: MailStatus) {
        self.directory.set_status(uid, domain, status).unwrap();
    }
    fn delete_user(&self, uid: &str, domain: &str) {
        self.directory.delete_user(uid, domain).unwrap();
    }
    fn has_generation(&self) -> bool {
        true
    }
}

#[test]
fn the_embedded_directory_conforms() {
    conformance::check(&Embedded::new());
}

#[test]
fn refusals_leave_no_trace() {
    let it = Embedded::new();
    it.add_domain("example.com");
    it.add_user("alice", "example.com", "pw", &["info@example.com"]);
    let before = it.directory.generation().unwrap();
    let d = &it.directory;
    assert_eq!(d.add_domain("EXAMPLE.com"), Err(AdminError::DomainExists("example.com".into())));
    let again = d.add_user(&new_user("Alice", "example.com", &[]));
    assert_eq!(again, Err(AdminError::UserExists("alice@example.com".into())));
    let taken = d.add_user(&new_user("bob", "example.com", &["INFO@example.com"]));
    let owner = "alice@example.com".to_owned();
    assert_eq!(taken, Err(AdminError::AddressTaken { address: "info@example.com".into(), owner }));
    let nowhere = d.add_user(&new_user("bob", "nowhere.example", &[]));
    assert_eq!(nowhere, Err(AdminError::UnknownDomain("nowhere.example".into())));
    let foreign = d.add_user(&new_user("bob", "example.com", &["bob@elsewhere.example"]));
    assert_eq!(foreign, Err(AdminError::UnknownDomain("elsewhere.example".into())));
    let unknown = d.set_password("bob", "example.com", &secret("x"));
    assert_eq!(unknown, Err(AdminError::UnknownUser("bob@example.com".into())));
    let unknown = d.delete_user("bob", "example.com");
    assert_eq!(unknown, Err(AdminError::UnknownUser("bob@example.com".into())));
    assert_eq!(d.generation().unwrap(), before);
    assert_eq!(d.list_users(None).unwrap().len(), 1);
}

fn attribute(name: &str, values: &[&str]) -> Attribute {
    Attribute::new(name, values.iter().map(|value| (*value).to_owned()).collect())
}

fn found(it: &Embedded, domain: Option<&str>, filter: &str) -> Vec<String> {
    let domain = domain.map(|name| it.directory.domain(name).unwrap().unwrap());
    let users = it.directory.find_users(domain.as_ref(), &filter.parse().unwrap(), 10).unwrap();
    users.into_iter().map(|user| user.entry).collect()
}

#[test]
fn users_are_found_by_any_attribute() {
    let it = Embedded::new();
    for domain in ["a.example", "b.example"] {
        it.add_domain(domain);
        it.add_user("zoe", domain, "pw", &[]);
    }
    it.add_user("amy", "a.example", "pw", &["info@a.example"]);
    let numbers =
        [attribute("employeeNumber", &["1007"]), attribute("telephoneNumber", &["+1 23-4"])];
    it.directory.set_attributes("amy", "a.example", &numbers).unwrap();
    let in_a = |filter| found(&it, Some("a.example"), filter);
    assert_eq!(in_a("(&(objectclass=inetOrgPerson)(uid=ZOE))"), ["zoe@a.example"]);
    assert_eq!(in_a("(employeenumber=1007)"), ["amy@a.example"]);
    assert_eq!(in_a("(telephoneNumber=+1234)"), ["amy@a.example"]);
    assert_eq!(in_a("(uid=*)"), ["amy@a.example", "zoe@a.example"]);
    assert_eq!(in_a("(&(uid=zoe)(employeeNumber=*))"), [""; 0]);
    let everywhere = |filter| found(&it, None, filter);
    assert_eq!(everywhere("(uid=zoe)"), ["zoe@a.example", "zoe@b.example"]);
    assert_eq!(everywhere("(mailAlternateAddress=INFO@a.example)"), ["amy@a.example"]);
    assert_eq!(found(&it, Some("b.example"), "(mailAlternateAddress=info@a.example)"), [""; 0]);
    assert_eq!(everywhere("(mail=zoe@*)"), ["zoe@a.example", "zoe@b.example"]);
    let two = it.directory.find_users(None, &"(uid=*)".parse().unwrap(), 2).unwrap();
    assert_eq!(two.len(), 2, "no more than asked for");
}

#[test]
fn attributes_are_set_shown_and_taken_away() {
    let it = Embedded::new();
    it.add_domain("example.com");
    it.add_user("amy", "example.com", "pw", &["info@example.com"]);
    it.add_user("bob", "example.com", "pw", &[]);
    let set = |name: &str, values: &[&str]| {
        it.directory.set_attributes("amy", "example.com", &[attribute(name, values)]).map(|_| ())
    };
    let shown = |name: &str| -> Vec<String> {
        let all = it.directory.attributes("amy", "example.com").unwrap();
        let own = all.into_iter().filter(|own| own.name == name);
        own.flat_map(|own| own.values).collect()
    };
    set("MAILUSERSTATUS", &["hold"]).unwrap();
    set("title", &["Dr", "Prof"]).unwrap();
    set("mailAlternateAddress", &["a@example.com", "INFO@example.com"]).unwrap();
    assert_eq!(shown("mailUserStatus"), ["hold"]);
    assert_eq!(shown("title"), ["Dr", "Prof"]);
    assert_eq!(shown("mailAlternateAddress"), ["a@example.com", "info@example.com"]);
    set("title", &[]).unwrap();
    set("mailAlternateAddress", &[]).unwrap();
    assert_eq!(shown("title"), [""; 0]);
    assert_eq!(it.directory.resolve_address("info", "example.com").unwrap(), None);
    let bad = |name: &str, values: &[&str]| set(name, values).unwrap_err().to_string();
    assert!(bad("mailUserStatus", &["actve"]).contains("the values are active, inactive"));
    assert!(bad("uid", &["x"]).contains("keeps the uid"));
    assert!(bad("a b", &["x"]).contains("letters, digits"));
    assert!(bad("cn", &["x", "y"]).contains("one value"));
    assert!(bad("mail", &["bob@example.com"]).contains("belongs to bob@example.com"));
    assert!(bad("userPassword", &["plain"]).contains("{SSHA}"));
    assert!(bad("description", &["x"; 65]).contains("at most 64"));
    assert!(bad("description", &[&"x".repeat(4_097)]).contains("1 to 4096 bytes"));
}

#[test]
fn a_domain_has_its_own_search_filter() {
    let it = Embedded::new();
    it.add_domain("example.com");
    let set = |filter| {
        let attributes = [attribute("inetDomainSearchFilter", &[filter])];
        it.directory.set_domain_attributes("example.com", &attributes)
    };
    set("(uid=%U_%V)").unwrap();
    let domain = it.directory.domain("example.com").unwrap().unwrap();
    assert_eq!(domain.inet_domain_search_filter.as_deref(), Some("(uid=%U_%V)"));
    let refused = set("(uid=%U").unwrap_err().to_string();
    assert!(refused.contains("a `)` is missing here (character 8)"), "{refused}");
}

#[test]
fn records_of_the_version_before_are_read() {
    let it = Embedded::new();
    it.add_domain("example.com");
    let old = ("example.com", InetStatus::Active, MailStatus::Hold, Some("+imap:*"));
    let content = postcard::to_stdvec(&old).unwrap();
    let record = <records::DomainRecord as codec::Stored>::from_version_1(&content).unwrap();
    assert_eq!(
        (record.mail_domain_status, record.inet_domain_search_filter),
        (MailStatus::Hold, None)
    );
    let none = Option::<String>::None;
    let no_addresses = (Vec::<String>::new(), Vec::<String>::new());
    let old = ("amy", "example.com", "hash", &none, "amy@example.com", no_addresses, &none);
    let mut content = postcard::to_stdvec(&old).unwrap();
    let rest = (Option::<crate::quota::Quota>::None, MailStatus::Hold, InetStatus::Active, &none);
    content.extend(postcard::to_stdvec(&rest).unwrap());
    let record = <records::UserRecord as codec::Stored>::from_version_1(&content).unwrap();
    assert_eq!((record.uid.as_str(), record.mail_user_status), ("amy", MailStatus::Hold));
    assert!(record.further.is_empty());
}

#[test]
fn a_user_without_a_hash_has_no_password() {
    let it = Embedded::new();
    it.add_domain("example.com");
    let hashed = NewUser {
        password: secret("{SSHA}1G904nLkTkGWjKNnQuB/hpWXC/hzYWx0c2FsdA=="),
        ..new_user("amy", "example.com", &[])
    };
    let amy = it.directory.add_user_with_hash(&hashed).unwrap();
    assert!(it.directory.verify_password(&amy, &secret("secret")).unwrap().is_right());
    it.directory.set_attributes("amy", "example.com", &[attribute("userPassword", &[])]).unwrap();
    assert!(!it.directory.verify_password(&amy, &secret("secret")).unwrap().is_right());
    assert!(!it.directory.verify_password(&amy, &secret("")).unwrap().is_right());
}

fn exported(it: &Embedded) -> String {
    let mut text = String::new();
    it.directory.export("o=isp", None, |entry| text.push_str(entry)).unwrap();
    text
}

#[test]
fn an_export_makes_the_same_directory_elsewhere() {
    let it = Embedded::new();
    for domain in ["a.example", "example.com"] {
        it.add_domain(domain);
        it.add_user("zoe", domain, "wonder", &[&format!("info@{domain}")]);
    }
    let title =
        [attribute("title", &["Dr", "\u{c4}rztin"]), attribute("mailUserStatus", &["hold"])];
    it.directory.set_attributes("zoe", "a.example", &title).unwrap();
    let filter = [attribute("inetDomainSearchFilter", &["(uid=%U_%V)"])];
    it.directory.set_domain_attributes("a.example", &filter).unwrap();
    let text = exported(&it);
    assert!(text.contains("\ndn: uid=zoe,ou=People,o=a.example,o=isp\n"), "{text}");
    let other = Embedded::new();
    let entries = crate::read_ldif(text.as_bytes()).unwrap();
    let done = other.directory.import(&entries).unwrap();
    assert_eq!((done.domains, done.users, done.others), (2, 2, 2));
    let zoe = other.directory.user_by_login("zoe", "example.com").unwrap().unwrap();
    assert!(other.directory.verify_password(&zoe, &secret("wonder")).unwrap().is_right());
    let again = exported(&other);
    other.directory.import(&entries).unwrap();
    assert_eq!(exported(&other), again, "twice is once");
    let sorted = |text: &str| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&again), sorted(&text));
}

#[test]
fn an_import_is_all_or_nothing_and_names_the_line() {
    let it = Embedded::new();
    let import = |text: &str| it.directory.import(&crate::read_ldif(text.as_bytes()).unwrap());
    let good = "dn: dc=a,dc=example,o=internet\nobjectClass: inetDomain\n\n\
                dn: uid=amy,ou=People,dc=a,dc=example,o=internet\nobjectClass: inetOrgPerson\nuid: amy\n\
                userPassword: {SSHA}1G904nLkTkGWjKNnQuB/hpWXC/hzYWx0c2FsdA==\njpegPhoto:: /9g=\n\n";
    let bad = "dn: uid=bob,o=x\nobjectClass: inetUser\nuid: bob\nmail: bob@a.example\n\
               userPassword: plain\n";
    let error = import(&format!("{good}{bad}")).unwrap_err();
    assert_eq!(error.line, 10, "{error}");
    assert_eq!(it.directory.domain("a.example").unwrap(), None);
    let nowhere = import("dn: uid=c,o=x\nobjectClass: inetUser\nuid: c\n").unwrap_err();
    assert!(nowhere.what.contains("no domain stands above"), "{nowhere}");
    assert_eq!(import(good).unwrap(), Imported { domains: 1, users: 1, others: 0, binary: 1 });
    let amy = it.directory.user_by_login("amy", "a.example").unwrap().unwrap();
    assert!(it.directory.verify_password(&amy, &secret("secret")).unwrap().is_right());
    assert_eq!(amy.mail, "amy@a.example");
}

#[test]
fn too_many_addresses_are_refused() {
    let it = Embedded::new();
    it.add_domain("example.com");
    let many: Vec<String> = (0..101).map(|n| format!("a{n}@example.com")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let refused = it.directory.add_user(&new_user("alice", "example.com", &many));
    assert_eq!(refused, Err(AdminError::TooManyAddresses(100)));
}

#[test]
fn users_are_listed_by_domain() {
    let it = Embedded::new();
    for domain in ["b.example", "a.example", "a.example.org"] {
        it.add_domain(domain);
        it.add_user("zoe", domain, "pw", &[]);
    }
    it.add_user("amy", "a.example", "pw", &[]);
    let list = |domain| {
        let users = it.directory.list_users(domain).unwrap();
        users.into_iter().map(|u| u.entry).collect::<Vec<_>>()
    };
    assert_eq!(list(Some("A.example")), ["amy@a.example", "zoe@a.example"]);
    let all = ["amy@a.example", "zoe@a.example", "zoe@a.example.org", "zoe@b.example"];
    assert_eq!(list(None), all);
    let domains = it.directory.list_domains().unwrap();
    let names: Vec<_> = domains.iter().map(|d| d.name.as_str()).collect();
    assert_eq!(names, ["a.example", "a.example.org", "b.example"]);
    let unknown = it.directory.list_users(Some("c.example"));
    assert_eq!(unknown, Err(AdminError::UnknownDomain("c.example".into())));
}

#[test]
fn a_read_only_directory_reads_what_was_written_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("directory");
    {
        let writable = EmbeddedDirectory::open_writable(&path, "example.com").unwrap();
        writable.add_domain("example.com").unwrap();
        writable.add_user(&new_user("alice", "example.com", &[])).unwrap();
    }
    let reader = EmbeddedDirectory::open_read_only(&path, "example.com").unwrap();
    assert!(reader.user_by_login("alice", "example.com").unwrap().is_some());
    assert!(matches!(reader.add_domain("x.example"), Err(AdminError::Directory(_))));
    assert_eq!(reader.list_domains().unwrap().len(), 1);
}

#[test]
fn a_missing_directory_is_named_with_the_command_that_makes_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none");
    let Err(error) = EmbeddedDirectory::open_read_only(&path, "example.com") else {
        panic!("there is nothing to open");
    };
    assert!(error.to_string().contains("waypost domain add"), "{error}");
    assert!(!path.exists(), "a reader makes nothing");
}

#[test]
fn a_new_directory_is_closed_to_others() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("directory");
    EmbeddedDirectory::open_writable(&path, "example.com").unwrap();
    let mode = |p: &Path| std::fs::metadata(p).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    assert_eq!(mode(&path.join("data.mdb")), 0o600);
}

#[test]
fn a_file_that_is_no_directory_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("data.mdb"), vec![7u8; 65_536]).unwrap();
    let Err(error) = EmbeddedDirectory::open_writable(folder.path(), "example.com") else {
        panic!("garbage must not open");
    };
    assert!(!error.is_temporary(), "{error}");
}
