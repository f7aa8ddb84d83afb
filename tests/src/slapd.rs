//! An LDAP server of its own for a test: OpenLDAP's slapd in a temporary folder on a free port, with the
//! schema that is shipped. Ends with the test, by its process id.

use crate::instance::Instance;
use crate::process::signal;
use crate::{program, wait_for};
use nix::sys::signal::Signal;
use std::fmt::Write as _;
use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The suffix of users and organisations.
pub const BASE: &str = "o=isp";
/// The suffix of the tree of domains (schema 1).
pub const DC_ROOT: &str = "o=internet";
/// Whom a server searches as.
pub const READER: &str = "cn=waypost,o=isp";
/// The reader's password.
pub const READER_PASSWORD: &str = "reader's secret";
/// Who changes entries.
const MANAGER: &str = "cn=manager,o=isp";
const MANAGER_PASSWORD: &str = "manager";
/// The password of every user that has none of its own.
pub const PASSWORD: &str = "wonder";

/// A running or stopped slapd.
pub struct Slapd {
    folder: tempfile::TempDir,
    port: u16,
    tls_port: u16,
    server: Option<Child>,
}

impl Slapd {
    /// Starts a server with these entries below [`BASE`] and below [`DC_ROOT`].
    pub fn start(users: &str, domains: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("waypost-slapd-").tempdir();
        let folder = folder.expect("a temporary folder can be made");
        let (port, tls_port) = (free_port(), free_port());
        let mut slapd = Self { folder, port, tls_port, server: None };
        slapd.prepare();
        slapd.load(BASE, &(base_entries() + users));
        slapd.load(
            DC_ROOT,
            &format!("dn: {DC_ROOT}\nobjectClass: organization\no: internet\n\n{domains}"),
        );
        slapd.start_again();
        slapd
    }

    /// Starts the stopped server on the same ports.
    pub fn start_again(&mut self) {
        assert!(self.server.is_none(), "slapd runs");
        let urls = format!("ldap://127.0.0.1:{} ldaps://127.0.0.1:{}", self.port, self.tls_port);
        let log = fs::File::create(self.path("slapd.log")).expect("a log can be made");
        let mut command = Command::new("/usr/sbin/slapd");
        // With `-d` the server stays in the foreground, a child of this process.
        command.args(["-d", "0", "-h", &urls, "-f"]).arg(self.path("slapd.conf"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.server =
            Some(command.spawn().expect("slapd is installed (scripts/install-test-tools)"));
        let port = self.port;
        wait_for("slapd", || TcpStream::connect(("127.0.0.1", port)).ok());
    }

    /// Kills the server as a crash does.
    pub fn kill(&mut self) {
        let mut server = self.server.take().expect("slapd runs");
        server.kill().expect("a child can be killed");
        server.wait().expect("a child can be waited for");
    }

    /// Stops the server in its tracks: it takes connections and answers nothing.
    pub fn freeze(&self) {
        self.signal(Signal::SIGSTOP);
        // The signal returns before the server's threads have stopped.
        crate::wait_for("a frozen slapd", || self.is_stopped().then_some(()));
    }

    /// Whether every thread is in state T (proc(5)).
    fn is_stopped(&self) -> bool {
        let process = self.server.as_ref().expect("slapd runs").id();
        let threads = std::fs::read_dir(format!("/proc/{process}/task")).expect("slapd runs");
        let mut stats = threads.flatten().map(|thread| thread.path().join("stat"));
        stats.all(|stat| std::fs::read_to_string(stat).is_ok_and(|text| text.contains(") T ")))
    }

    /// Ends that.
    pub fn thaw(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// `host:port` of the plain port, where `StartTLS` works too.
    pub fn host(&self) -> String {
        format!("localhost:{}", self.port)
    }

    /// `host:port` of the port that begins with TLS.
    pub fn tls_host(&self) -> String {
        format!("localhost:{}", self.tls_port)
    }

    /// The authority of the server's certificate, in PEM form.
    pub fn authority(&self) -> PathBuf {
        self.path("ca.pem")
    }

    /// Changes entries of the running server: LDIF with `changetype`.
    pub fn modify(&self, ldif: &str) {
        let mut command = Command::new("ldapmodify");
        command.args(["-x", "-D", MANAGER, "-w", MANAGER_PASSWORD, "-H"]);
        command.arg(format!("ldap://127.0.0.1:{}", self.port));
        run_with_input(command, ldif);
    }

    /// Every entry of users and organisations below [`BASE`] as LDIF, hashes included.
    pub fn export(&self) -> String {
        let mut command = Command::new("ldapsearch");
        command.args(["-x", "-LLL", "-o", "ldif-wrap=no", "-D", MANAGER, "-w", MANAGER_PASSWORD]);
        command.args(["-b", BASE, "-H"]).arg(format!("ldap://127.0.0.1:{}", self.port));
        let output = command.stdin(Stdio::null()).output().expect("the LDAP tools are installed");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}: {told}");
        String::from_utf8(output.stdout).expect("LDIF is text")
    }

    /// How many connections clients hold.
    pub fn connections(&self) -> usize {
        let table = fs::read_to_string("/proc/net/tcp").expect("there is a table of connections");
        let local = format!("0100007F:{:04X}", self.port);
        let is_ours = |line: &&str| {
            let mut fields = line.split_whitespace().skip(1);
            fields.next() == Some(local.as_str()) && fields.nth(1) == Some("01")
        };
        table.lines().filter(is_ours).count()
    }

    fn signal(&self, what: Signal) {
        signal(self.server.as_ref().expect("slapd runs").id(), what);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn prepare(&self) {
        self.write_certificates();
        for folder in ["users", "domains"] {
            fs::create_dir(self.path(folder)).expect("a folder can be made");
        }
        fs::write(self.path("slapd.conf"), self.configuration()).expect("a file can be written");
    }

    fn configuration(&self) -> String {
        let schema = program::workspace().join("packaging/openldap/waypost-mail.schema");
        let shown = |path: &Path| path.display().to_string();
        let [ca, certificate, key] =
            ["ca.pem", "cert.pem", "key.pem"].map(|name| shown(&self.path(name)));
        let index = "index objectClass,uid,mail,mailAlternateAddress,mailEquivalentAddress,\
                     sunPreferredDomain,associatedDomain,employeeNumber eq";
        format!(
            "include /etc/ldap/schema/core.schema\ninclude /etc/ldap/schema/cosine.schema\n\
             include /etc/ldap/schema/inetorgperson.schema\ninclude {schema}\n\
             modulepath /usr/lib/ldap\nmoduleload back_mdb\nmoduleload ppolicy\n\
             TLSCACertificateFile {ca}\nTLSCertificateFile {certificate}\nTLSCertificateKeyFile {key}\n\
             pidfile {pid}\nargsfile {arguments}\nallow bind_v2\n\
             database mdb\nsuffix {BASE}\nrootdn {MANAGER}\nrootpw {MANAGER_PASSWORD}\n\
             directory {users}\nmaxsize 268435456\n{index}\n\
             access to attrs=userPassword by anonymous auth by * none\n\
             access to dn.subtree={BASE} by dn.exact={READER} read by * none\n\
             overlay ppolicy\nppolicy_use_lockout\n\
             database mdb\nsuffix {DC_ROOT}\ndirectory {domains}\nmaxsize 16777216\n\
             access to dn.subtree={DC_ROOT} by dn.exact={READER} read by * none\n",
            schema = shown(&schema),
            pid = shown(&self.path("pid")),
            arguments = shown(&self.path("args")),
            users = shown(&self.path("users")),
            domains = shown(&self.path("domains")),
        )
    }

    fn load(&self, suffix: &str, ldif: &str) {
        let mut command = Command::new("/usr/sbin/slapadd");
        command.args(["-q", "-b", suffix, "-f"]).arg(self.path("slapd.conf"));
        run_with_input(command, ldif);
    }

    fn write_certificates(&self) {
        let authority = rcgen::KeyPair::generate().expect("a key can be made");
        let mut parameters = rcgen::CertificateParams::new(Vec::new()).expect("no names");
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let ca = parameters.self_signed(&authority).expect("a certificate can be made");
        let issuer = rcgen::Issuer::new(parameters, authority);
        let key = rcgen::KeyPair::generate().expect("a key can be made");
        let names = vec!["localhost".to_owned()];
        let certificate = rcgen::CertificateParams::new(names).expect("a name");
        let certificate = certificate.signed_by(&key, &issuer).expect("a certificate can be made");
        for (name, text) in [
            ("ca.pem", ca.pem()),
            ("cert.pem", certificate.pem()),
            ("key.pem", key.serialize_pem()),
        ] {
            fs::write(self.path(name), text).expect("a file can be written");
        }
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _gone = server.kill();
            let _reaped = server.wait();
        }
        if std::thread::panicking() {
            let log = fs::read_to_string(self.path("slapd.log")).unwrap_or_default();
            let _closed = writeln!(std::io::stderr(), "slapd's log:\n{log}");
        }
    }
}

/// A server whose users are on `hosts`, with more options of the group `base`.
pub fn server_of(hosts: &str, more: &[(&str, &str)]) -> Instance {
    let mut server = Instance::start();
    server.stop();
    let quoted = |text: &str| format!("\"{text}\"");
    for (name, value) in [
        ("ugldaphost", quoted(hosts)),
        ("ugldapbasedn", quoted(BASE)),
        ("ugldapbinddn", quoted(READER)),
        ("ldapconnecttimeout", "1".to_owned()),
        ("ldapsearchtimeout", "1".to_owned()),
        ("authcachettl", "0".to_owned()),
    ] {
        server.set_option("base", name, &value);
    }
    for (name, value) in more {
        server.set_option("base", name, value);
    }
    let secrets = server.config().with_file_name("secrets.toml");
    let text = format!("[base]\nugldapbindcred = \"{READER_PASSWORD}\"\n");
    fs::write(&secrets, text).expect("a file can be written");
    fs::set_permissions(&secrets, fs::Permissions::from_mode(0o600)).expect("a mode can be set");
    server.start_again();
    server
}

/// An organisation that bears a domain (schema 2), with more lines such as a status.
pub fn organisation(domain: &str, more: &[&str]) -> String {
    let mut text = format!(
        "dn: o={domain},{BASE}\nobjectClass: organization\nobjectClass: sunManagedOrganization\n\
         objectClass: mailDomain\no: {domain}\nsunPreferredDomain: {domain}\n"
    );
    finish(&mut text, more)
}

/// A user with the address `uid@domain` and [`PASSWORD`], with more lines.
pub fn user(uid: &str, domain: &str, more: &[&str]) -> String {
    let mut text = format!(
        "dn: uid={uid},o={domain},{BASE}\nobjectClass: inetOrgPerson\nobjectClass: inetUser\n\
         objectClass: inetMailUser\nuid: {uid}\ncn: {uid}\nsn: {uid}\nmail: {uid}@{domain}\n"
    );
    if !more.iter().any(|line| line.starts_with("userPassword:")) {
        writeln!(text, "userPassword: {PASSWORD}").expect("a string takes text");
    }
    finish(&mut text, more)
}

/// An entry of the tree of domains (schema 1): `path` such as `dc=example,dc=com`.
pub fn node(path: &str, more: &[&str]) -> String {
    let label = path.split(',').next().and_then(|first| first.strip_prefix("dc="));
    let label = label.expect("a path begins with dc=");
    let mut text = format!(
        "dn: {path},{DC_ROOT}\nobjectClass: domain\nobjectClass: inetDomain\n\
         objectClass: mailDomain\ndc: {label}\n"
    );
    finish(&mut text, more)
}

fn finish(text: &mut String, more: &[&str]) -> String {
    for line in more {
        writeln!(text, "{line}").expect("a string takes text");
    }
    format!("{text}\n")
}

fn base_entries() -> String {
    format!(
        "dn: {BASE}\nobjectClass: organization\no: isp\n\n\
         dn: {READER}\nobjectClass: applicationProcess\nobjectClass: simpleSecurityObject\n\
         cn: waypost\nuserPassword: {READER_PASSWORD}\n\n"
    )
}

fn run_with_input(mut command: Command, input: &str) {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the LDAP tools are installed (slapd, ldap-utils)");
    let mut pipe = child.stdin.take().expect("there is a pipe");
    pipe.write_all(input.as_bytes()).expect("the program reads");
    drop(pipe);
    let output = child.wait_with_output().expect("a child can be waited for");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {told}");
}

/// A port that nobody uses now. Another program may take it before slapd does; then the test fails.
fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port can be bound");
    listener.local_addr().expect("a listener has an address").port()
}
