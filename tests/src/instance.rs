//! A server of its own for a test: `waypost demo` in a temporary folder.

use crate::process::{self, runs, signal};
use crate::{PATIENCE, program, wait_for};
use nix::sys::signal::Signal;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// The processes that the watcher starts.
pub const ROLES: [&str; 4] = ["stored", "imapd", "popd", "lmtpd"];

/// What the demo's file must say before it is complete.
const LAST_KEY: &str = "WAYPOST_LMTP_SOCKET";

/// How many bytes of the log a failed test shows.
const LOG_SHOWN_BYTES: usize = 8_000;

/// A running server with the demo's domain and users. Ends with the test.
pub struct Instance {
    folder: tempfile::TempDir,
    watcher: Option<Child>,
    settings: BTreeMap<String, String>,
    surroundings: Vec<(&'static str, OsString)>,
    input: RefCell<Option<File>>,
}

impl Instance {
    /// Starts a server and waits until it answers on all ports.
    pub fn start() -> Self {
        Self::start_below(|_| Vec::new())
    }

    /// The same with variables in the environment of all its processes, which may lie in its folder.
    pub fn start_below(variables: impl FnOnce(&Path) -> Vec<(&'static str, OsString)>) -> Self {
        let folder = tempfile::Builder::new().prefix("waypost-e2e-").tempdir();
        let folder = folder.expect("a temporary folder can be made");
        fs::create_dir(folder.path().join("scratch")).expect("a folder can be made");
        let surroundings = variables(folder.path());
        let (settings, input) = (BTreeMap::new(), RefCell::new(None));
        let mut instance = Self { folder, watcher: None, settings, surroundings, input };
        let home = instance.home();
        instance.spawn(Command::new(program::waypost()).arg("demo").arg(&home));
        instance.settings = wait_for("the demo's settings", || {
            instance.assert_alive();
            read_settings(&home.join("demo.env"))
        });
        instance.wait_until_ready();
        instance
    }

    /// Starts a server with options that differ from the demo's: table, option and TOML value.
    pub fn start_with(options: &[(&str, &str, &str)]) -> Self {
        let mut instance = Self::start();
        instance.stop();
        for (group, option, value) in options {
            instance.set_option(group, option, value);
        }
        instance.start_again();
        instance
    }

    /// Starts the stopped server from its configuration.
    pub fn start_again(&mut self) {
        self.start_from(&self.config());
    }

    /// Starts the stopped server from another configuration with the same ports.
    pub fn start_from(&mut self, config: &Path) {
        assert!(self.watcher.is_none(), "the server runs");
        self.spawn(Command::new(program::waypost()).args(["run", "--config"]).arg(config));
        self.wait_until_ready();
    }

    /// Writes an option into the configuration of the stopped server.
    pub fn set_option(&self, group: &str, option: &str, value: &str) {
        let text = fs::read_to_string(self.config()).expect("there is a configuration");
        let text = with_option(&text, group, option, value);
        fs::write(self.config(), text).expect("the configuration can be written");
    }

    /// Asks the server to end and waits for it.
    ///
    /// # Panics
    /// When it does not end in time.
    pub fn stop(&mut self) -> ExitStatus {
        let mut watcher = self.watcher.take().expect("the server runs");
        signal(watcher.id(), Signal::SIGTERM);
        let status = process::wait_at_most(&mut watcher, PATIENCE);
        if status.is_none() {
            end_by_force(&mut watcher);
        }
        status.expect("SIGTERM ends the server")
    }

    /// The folder of the demo: configuration, store, directory.
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// A folder for whatever clients write.
    pub fn scratch(&self) -> PathBuf {
        self.folder.path().join("scratch")
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        PathBuf::from(self.setting("WAYPOST_CONFIG"))
    }

    /// The store's metadata file.
    pub fn metadata_file(&self) -> PathBuf {
        find_file(&self.home(), "data.mdb", &|path| path.ends_with("meta/data.mdb"))
            .expect("the store has a metadata file")
    }

    /// A setting of the demo.
    pub fn setting(&self, key: &str) -> &str {
        self.settings.get(key).unwrap_or_else(|| panic!("the demo tells no {key}"))
    }

    /// A port: `IMAP`, `IMAPS`, `POP`, `POPS` or `LMTP`.
    pub fn port(&self, service: &str) -> u16 {
        self.setting(&format!("WAYPOST_{service}_PORT")).parse().expect("a port is a number")
    }

    /// The password of `alice` or `bob`.
    pub fn password(&self, user: &str) -> &str {
        self.setting(&format!("WAYPOST_{}_PASSWORD", user.to_uppercase()))
    }

    /// The environment of scripts.
    pub fn environment(&self) -> BTreeMap<String, String> {
        let mut environment = self.settings.clone();
        let mut set = |key: &str, value: &Path| {
            environment.insert(key.to_owned(), value.display().to_string());
        };
        set("WAYPOST_BIN", program::waypost());
        set("WAYPOST_SCRATCH", &self.scratch());
        set("WAYPOST_HOME", &self.home());
        set("WAYPOST_WORKSPACE", program::workspace());
        let watcher = self.watcher.as_ref().map_or(0, Child::id);
        environment.insert("WAYPOST_PID".to_owned(), watcher.to_string());
        environment
    }

    /// The process id of the watcher.
    pub fn watcher(&self) -> u32 {
        self.watcher.as_ref().expect("the server runs").id()
    }

    /// The process id of a role.
    pub fn pid(&self, role: &str) -> u32 {
        wait_for(role, || role_pid(self.watcher(), role))
    }

    /// The file for the next program's standard input.
    pub fn give_input(&self, bytes: &[u8]) {
        let path = self.scratch().join("input");
        fs::write(&path, bytes).expect("a file can be written");
        *self.input.borrow_mut() = Some(File::open(path).expect("a file can be opened"));
    }

    pub(crate) fn take_input(&self) -> Option<File> {
        self.input.borrow_mut().take()
    }

    /// A command of the program with this instance's configuration.
    pub fn tool(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program::waypost());
        command.args(arguments).arg("--config").arg(self.config());
        command
    }

    /// What the server has logged: its files one after the other.
    pub fn log(&self) -> String {
        let folder = self.home().join("log");
        let logs = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut files: Vec<PathBuf> = logs.collect();
        files.sort();
        files.push(self.folder.path().join("server.log"));
        let texts = files.iter().map(|file| fs::read(file).unwrap_or_default());
        texts.map(|text| String::from_utf8_lossy(&text).into_owned()).collect()
    }

    fn spawn(&mut self, command: &mut Command) {
        let log = self.folder.path().join("server.log");
        let log = File::options().create(true).append(true).open(log).expect("a log can be made");
        let errors = log.try_clone().expect("a file can be cloned");
        let command = command.stdin(Stdio::null()).stdout(log).stderr(errors);
        let command = command.envs(self.surroundings.iter().cloned());
        self.watcher = Some(command.spawn().expect("the program starts"));
    }

    fn wait_until_ready(&mut self) {
        for service in ["IMAP", "IMAPS", "POP", "POPS", "LMTP"] {
            let port = self.port(service);
            let tls = matches!(service, "IMAPS" | "POPS");
            wait_for(service, || {
                self.assert_alive();
                answers(port, tls)
            });
        }
    }

    fn assert_alive(&mut self) {
        let watcher = self.watcher.as_mut().expect("the server was started");
        let ended = watcher.try_wait().expect("a child can be waited for");
        assert!(ended.is_none(), "the server ended with {ended:?}:\n{}", self.log());
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let Some(mut watcher) = self.watcher.take() {
            signal(watcher.id(), Signal::SIGTERM);
            if process::wait_at_most(&mut watcher, Duration::from_secs(10)).is_none() {
                end_by_force(&mut watcher);
            }
        }
        if std::thread::panicking() {
            let log = self.log();
            let start = log.len().saturating_sub(LOG_SHOWN_BYTES);
            let shown = log.get(log.ceil_char_boundary(start)..).unwrap_or_default();
            // The run must not fail twice when nobody reads its output.
            let _closed = writeln!(std::io::stderr(), "the end of the server's log:\n{shown}");
        }
    }
}

/// The process of a role below a watcher.
pub fn role_pid(watcher: u32, role: &str) -> Option<u32> {
    let children = process::children(watcher);
    let found = children
        .into_iter()
        .find(|(pid, arguments)| arguments.iter().any(|argument| argument == role) && runs(*pid));
    found.map(|(pid, _)| pid)
}

fn end_by_force(watcher: &mut Child) {
    let children = process::children(watcher.id());
    signal(watcher.id(), Signal::SIGKILL);
    let _reaped = watcher.wait();
    for (child, _) in children {
        signal(child, Signal::SIGKILL);
    }
}

fn read_settings(path: &Path) -> Option<BTreeMap<String, String>> {
    let text = fs::read_to_string(path).ok()?;
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    let settings: BTreeMap<String, String> =
        pairs.map(|(key, value)| (key.to_owned(), value.trim_matches('\'').to_owned())).collect();
    settings.contains_key(LAST_KEY).then_some(settings)
}

/// Whether a port greets; with TLS first, whether it accepts.
fn answers(port: u16, tls: bool) -> Option<()> {
    let stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    if tls {
        return Some(());
    }
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    let mut greeting = String::new();
    BufReader::new(stream).read_line(&mut greeting).ok()?;
    ["* OK", "+OK", "220"].iter().any(|start| greeting.starts_with(start)).then_some(())
}

fn find_file(folder: &Path, name: &str, accept: &dyn Fn(&Path) -> bool) -> Option<PathBuf> {
    let entries: Vec<_> = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).collect();
    let here =
        entries.iter().find(|path| path.file_name().is_some_and(|n| n == name) && accept(path));
    here.cloned().or_else(|| {
        entries.iter().filter(|path| path.is_dir()).find_map(|path| find_file(path, name, accept))
    })
}

/// The text of a configuration with one option set anew.
fn with_option(text: &str, group: &str, option: &str, value: &str) -> String {
    let header = format!("[{group}]");
    let mut lines: Vec<String> = Vec::new();
    let (mut inside, mut done) = (false, false);
    for line in text.lines() {
        if line.trim_start().starts_with('[') {
            inside = line.trim() == header;
        }
        let names_option = line.split('=').next().is_some_and(|key| key.trim() == option);
        if !(inside && names_option) {
            lines.push(line.to_owned());
        }
        if line.trim() == header {
            lines.push(format!("{option} = {value}"));
            done = true;
        }
    }
    if !done {
        lines.push(format!("{header}\n{option} = {value}"));
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_is_set_once_in_its_table() {
        assert_eq!(with_option("", "a", "x", "1"), "[a]\nx = 1\n");
        assert_eq!(with_option("[a]\nx = 3\ny = 2\n", "a", "x", "1"), "[a]\nx = 1\ny = 2\n");
        assert_eq!(with_option("[b]\nx = 3\n", "a", "x", "1"), "[b]\nx = 3\n[a]\nx = 1\n");
    }
}
