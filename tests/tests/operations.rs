//! What an administrator does to a running server, and how the server guards itself.

#![allow(clippy::expect_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use waypost_e2e::instance::Instance;
use waypost_e2e::line::LineClient;
use waypost_e2e::script::{python, run};
use waypost_e2e::{process, trace, wait_for};

const LIMIT: Duration = Duration::from_secs(120);

/// The part of a file's open flags that says whether it may be written (`O_ACCMODE`).
const ACCESS_MODE: u32 = 0o3;

#[test]
fn sigterm_tells_every_client() {
    let mut server = Instance::start();
    let mut idle = logged_in(&server);
    idle.imap("A2", "SELECT INBOX");
    assert!(idle.ask("A3 IDLE").starts_with('+'));
    let mut quiet = logged_in(&server);
    let (mut before_login, _) = LineClient::connect(server.port("IMAP"));
    let (mut pop, _) = LineClient::connect(server.port("POP"));
    let (mut lmtp, _) = LineClient::connect(server.port("LMTP"));
    let status = server.stop();
    assert!(status.success(), "{status}");
    for client in [&mut idle, &mut quiet, &mut before_login] {
        let last = client.rest();
        assert!(last.contains("* BYE "), "IMAP was told {last:?}");
    }
    let last = pop.rest();
    assert!(last.contains("-ERR "), "POP3 was told {last:?}");
    let last = lmtp.rest();
    assert!(last.contains("421 "), "LMTP was told {last:?}");
}

#[test]
fn all_processes_end_with_the_watcher() {
    let mut server = Instance::start();
    let watcher = server.watcher();
    let children = process::children(watcher);
    assert!(children.len() >= 4, "{children:?}");
    server.stop();
    for (pid, arguments) in &children {
        assert!(!process::runs(*pid), "{arguments:?} runs on");
    }
    server.start_again();
    let children = process::children(server.watcher());
    // Nobody is left to end the processes of a watcher that was killed: they see to it themselves.
    process::signal(server.watcher(), nix::sys::signal::Signal::SIGKILL);
    for (pid, arguments) in children {
        wait_for(&format!("the end of {arguments:?}"), || (!process::runs(pid)).then_some(()));
    }
}

#[test]
fn a_backup_of_a_running_store_starts() {
    let mut server = Instance::start();
    let copy = server.scratch().join("copy");
    let folder = copy.to_str().expect("a plain path").to_owned();
    python(&server, "backup.py", &["take", &folder], LIMIT);
    server.stop();
    // Nothing of what was copied may be needed any more.
    fs::rename(server.home(), server.scratch().join("lost")).expect("a folder can be renamed");
    fs::create_dir(server.home()).expect("a folder can be made");
    server.start_from(&copy.join("config.toml"));
    python(&server, "backup.py", &["check"], LIMIT);
}

#[test]
fn a_new_certificate_counts_without_a_restart() {
    let server = Instance::start();
    let pid = server.pid("imapd");
    let mut open = logged_in(&server);
    let old = certificate_of(&server, "IMAPS");
    assert_eq!(old, certificate_of(&server, "POPS"));
    let config = fs::read_to_string(server.config()).expect("there is a configuration");
    let (certificate, key) = (path_of(&config, "sslcertfile"), path_of(&config, "sslkeyfile"));
    let folder = server.config().parent().expect("a file lies in a folder").to_owned();
    replace_certificate(&server, &folder.join(certificate), &folder.join(key));
    for service in ["IMAPS", "POPS"] {
        wait_for("the new certificate", || (certificate_of(&server, service) != old).then_some(()));
    }
    assert_eq!(server.pid("imapd"), pid, "imapd was started anew");
    assert!(open.imap("A9", "NOOP").last().is_some_and(|line| line.starts_with("A9 OK")));
}

#[test]
fn workers_cannot_write_the_store() {
    let server = Instance::start();
    let metadata = server.metadata_file().canonicalize().expect("a path can be resolved");
    // A session of each kind, so that every worker has opened what it opens.
    logged_in(&server);
    run(&server, server.tool(&["user", "list"]), LIMIT);
    for role in ["imapd", "popd", "lmtpd"] {
        let pid = server.pid(role);
        assert_eq!(process::status_field(pid, "NoNewPrivs").as_deref(), Some("1"), "{role}");
        for (descriptor, path) in open_files(pid) {
            let flags = trace::open_flags(pid, &descriptor).unwrap_or_default();
            let in_segments = path.starts_with(metadata.with_file_name("../segments"));
            let writable = flags & ACCESS_MODE != 0;
            assert!(!(writable && (path == metadata || in_segments)), "{role} writes {path:?}");
        }
    }
    let log = server.log();
    if kernel_has_landlock() {
        assert!(!log.contains("not kept from writing"), "{log}");
        assert!(!log.contains("only partly kept"), "{log}");
    } else {
        assert!(log.contains("not kept from writing"), "no warning in {log}");
    }
}

fn logged_in(server: &Instance) -> LineClient {
    let (mut client, _) = LineClient::connect(server.port("IMAP"));
    let login = format!("LOGIN alice@example.com \"{}\"", server.password("alice"));
    let answer = client.imap("A1", &login);
    assert!(answer.last().is_some_and(|line| line.starts_with("A1 OK")), "{answer:?}");
    client
}

/// The SHA-256 fingerprint that a TLS handshake shows.
fn certificate_of(server: &Instance, service: &str) -> String {
    let script = format!(
        "openssl s_client -connect 127.0.0.1:{} -servername localhost </dev/null 2>/dev/null \
         | openssl x509 -noout -fingerprint -sha256",
        server.port(service)
    );
    let mut command = Command::new("sh");
    command.args(["-c", &script]);
    run(server, command, LIMIT)
}

/// A new pair, put in place by renames as certificate tools do.
fn replace_certificate(server: &Instance, certificate: &Path, key: &Path) {
    let (new_certificate, new_key) =
        (certificate.with_extension("new-cert"), key.with_extension("new-key"));
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]);
    command.args(["-nodes", "-days", "2", "-subj", "/CN=localhost"]);
    command.args(["-addext", "subjectAltName=DNS:localhost"]);
    command.arg("-out").arg(&new_certificate).arg("-keyout").arg(&new_key);
    run(server, command, LIMIT);
    fs::rename(new_certificate, certificate).expect("a file can be renamed");
    fs::rename(new_key, key).expect("a file can be renamed");
}

/// The path that an option of the configuration names.
fn path_of(config: &str, option: &str) -> String {
    let mut pairs = config.lines().filter_map(|line| line.split_once('='));
    let found = pairs.find(|(key, _)| key.trim() == option);
    let (_, value) = found.unwrap_or_else(|| panic!("no {option} in {config}"));
    value.trim().trim_matches(['"', '\'']).to_owned()
}

fn open_files(pid: u32) -> Vec<(String, std::path::PathBuf)> {
    let folder = fs::read_dir(format!("/proc/{pid}/fd")).expect("the process runs").flatten();
    let named = folder.filter_map(|entry| {
        Some((entry.file_name().into_string().ok()?, fs::read_link(entry.path()).ok()?))
    });
    named.collect()
}

/// Whether the kernel has Landlock as a security module in use: known only where it says so.
fn kernel_has_landlock() -> bool {
    match fs::read_to_string("/sys/kernel/security/lsm") {
        Ok(modules) => modules.contains("landlock"),
        // Not mounted: a kernel from 6.10 on whose call numbers answer has what is needed.
        Err(_) => landlock_answers(),
    }
}

/// Asks the system call for its version by way of Python, so that no unsafe code is needed here.
fn landlock_answers() -> bool {
    let script = "import ctypes; print(ctypes.CDLL(None).syscall(444, None, 0, 1))";
    let output = Command::new("python3").args(["-c", script]).output().expect("python3 runs");
    let version: i32 = String::from_utf8_lossy(&output.stdout).trim().parse().unwrap_or(-1);
    version >= 5
}
