//! A server of its own for each test, and the least of a client.

#![allow(dead_code, unreachable_pub, reason = "each test program uses its part")]

pub mod tls;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(20);
/// The password of every user.
pub const PASSWORD: &str = "secret";

/// Ports that were free a moment ago.
fn free_ports<const N: usize>() -> [u16; N] {
    let sockets = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    sockets.map(|socket| socket.local_addr().unwrap().port())
}

/// Looks again and again until there is an answer.
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "no {what} in time");
        std::thread::sleep(PAUSE);
    }
}

/// A folder with a configuration, and the programs that use it.
pub struct World {
    pub folder: tempfile::TempDir,
    pub imap: u16,
    pub pop: u16,
    pub lmtp: u16,
}

/// A process of `waypost status`.
#[derive(Debug, PartialEq, Eq)]
pub struct Process {
    pub name: String,
    pub state: String,
    pub pid: Option<u32>,
    pub restarts: u32,
}

impl World {
    pub fn new(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [imap, pop, lmtp] = free_ports();
        let text = format!(
            "base.defaultdomain = \"example.com\"\nbase.listenaddr = \"127.0.0.1\"\n\
             base.hostname = \"localhost\"\n\
             imap.port = {imap}\npop.port = {pop}\nlmtp.port = {lmtp}\n\
             watcher.autorestartcount = 1000\n{more}\n"
        );
        fs::write(folder.path().join("config.toml"), text).unwrap();
        Self { folder, imap, pop, lmtp }
    }

    pub fn config(&self) -> PathBuf {
        self.folder.path().join("config.toml")
    }

    /// All that was logged: the watcher and each service, one after the other.
    pub fn log(&self) -> String {
        ["admin", "store", "imap", "pop", "lmtp"].map(|name| self.log_of(name)).concat()
    }

    /// What a service, or `admin`, has logged: files that were put aside first.
    pub fn log_of(&self, name: &str) -> String {
        let start = format!("{name}.");
        let entries = fs::read_dir(self.folder.path().join("log")).into_iter().flatten().flatten();
        let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
        paths.retain(|path| path.file_name().unwrap().to_str().unwrap().starts_with(&start));
        paths.sort();
        paths.push(self.folder.path().join("log").join(name));
        paths.iter().map(|path| fs::read_to_string(path).unwrap_or_default()).collect()
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_waypost"));
        command.env_remove("WAYPOST_CONFIG").arg("--config").arg(self.config()).args(arguments);
        command
    }

    /// Runs a tool to its end.
    pub fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A tool that refuses its arguments does not read.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    /// Runs a tool that must succeed; answers with what it printed.
    pub fn tool(&self, arguments: &[&str], input: &str) -> String {
        let output = self.run(arguments, input);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Adds the domain and a user.
    pub fn add_user(&self, user: &str) {
        self.run(&["domain", "add", "example.com"], "");
        self.tool(&["user", "add", user, "--password-stdin"], &format!("{PASSWORD}\n"));
    }

    /// Starts the server and waits until every process is ready.
    pub fn start(&self) -> Server {
        let child = self.command(&["run"]).stderr(Stdio::inherit()).spawn().unwrap();
        let server = Server { child };
        let end = Instant::now() + PATIENCE;
        while !self.run(&["status"], "").status.success() {
            assert!(Instant::now() < end, "the server is not ready in time: {}", self.evidence());
            std::thread::sleep(PAUSE);
        }
        server
    }

    /// What there is to be seen of a server that does not do what it should.
    fn evidence(&self) -> String {
        let status = self.run(&["status"], "");
        let [out, err] = [status.stdout, status.stderr]
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        format!("{out}{err}\n{}", self.log())
    }

    pub fn processes(&self) -> Vec<Process> {
        let output = self.run(&["status"], "");
        let text = String::from_utf8(output.stdout).unwrap();
        let lines = text.lines().skip(1).take_while(|line| !line.is_empty());
        lines.filter(|line| !line.starts_with("warning:")).map(process).collect()
    }

    pub fn process(&self, name: &str) -> Process {
        let found = self.processes().into_iter().find(|process| process.name == name);
        found.unwrap_or_else(|| panic!("no process {name}"))
    }

    /// The line of a service in `waypost status`, in words.
    pub fn service(&self, name: &str) -> Vec<String> {
        let output = self.run(&["status"], "");
        let text = String::from_utf8(output.stdout).unwrap();
        let line = text.lines().find(|line| line.split_whitespace().next() == Some(name));
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect();
        line.map(words).unwrap_or_else(|| panic!("no service {name}: {text}"))
    }

    /// Changes a line of the configuration, or adds it.
    pub fn set(&self, option: &str, value: &str) {
        let text = fs::read_to_string(self.config()).unwrap();
        let start = format!("{option} = ");
        let others = text.lines().filter(|line| !line.starts_with(&start));
        let text: String = others.map(|line| format!("{line}\n")).collect();
        fs::write(self.config(), format!("{text}{start}{value}\n")).unwrap();
    }

    /// A port that was free a moment ago.
    pub fn free_port() -> u16 {
        let [port] = free_ports();
        port
    }

    /// A connection that has read its greeting.
    pub fn connect(&self, port: u16) -> Connection {
        Connection::open(port)
    }

    /// An IMAP session of a user, while the service runs.
    pub fn try_imap(&self, user: &str) -> Option<Connection> {
        let mut connection = Connection::try_open(self.imap)?;
        let reply = connection.try_command(&format!("LOGIN {user} {PASSWORD}"));
        reply.starts_with("t OK").then_some(connection)
    }

    /// An IMAP session of a user.
    pub fn imap(&self, user: &str) -> Connection {
        let mut connection = self.connect(self.imap);
        let reply = connection.command(&format!("LOGIN {user} {PASSWORD}"));
        assert!(reply.contains(" OK"), "{reply}");
        connection
    }
}

fn process(line: &str) -> Process {
    let words: Vec<&str> = line.split_whitespace().collect();
    Process {
        name: words[0].to_owned(),
        state: words[1].to_owned(),
        pid: words[2].parse().ok(),
        restarts: words[3].parse().unwrap(),
    }
}

/// A running server; killed when dropped.
pub struct Server {
    pub child: Child,
}

impl Server {
    pub fn signal(&self, signal: &str) {
        signal_process(self.child.id(), signal);
    }

    pub fn wait(&mut self) -> ExitStatus {
        wait_for("end of the server", || self.child.try_wait().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The other processes end with the watcher.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn signal_process(pid: u32, signal: &str) {
    let status = Command::new("kill").args([format!("-{signal}"), pid.to_string()]).status();
    assert!(status.unwrap().success(), "kill -{signal} {pid}");
    if signal == "STOP" {
        // The signal returns at once; on a busy machine threads that it has not reached yet go on.
        wait_for("a frozen process", || is_frozen(pid).then_some(()));
    }
}

/// Whether every thread is in state T (proc(5)).
fn is_frozen(pid: u32) -> bool {
    let mut threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    threads.all(|thread| {
        let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
    })
}

pub fn is_running(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The state stands after the name in parentheses; Z is a process that nobody waited for yet.
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// One client connection.
pub struct Connection {
    stream: BufReader<TcpStream>,
    pub greeting: String,
}

impl Connection {
    pub fn open(port: u16) -> Self {
        Self::try_open(port).unwrap_or_else(|| panic!("port {port} does not answer"))
    }

    /// `None` when nobody listens, or hangs up without a word.
    pub fn try_open(port: u16) -> Option<Self> {
        Self::over(TcpStream::connect(("127.0.0.1", port)).ok()?)
    }

    /// A connection over a stream that somebody has opened.
    pub fn over(stream: TcpStream) -> Option<Self> {
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        let mut connection = Self { stream: BufReader::new(stream), greeting: String::new() };
        let got = connection.stream.read_line(&mut connection.greeting).ok()?;
        (got > 0).then_some(connection)
    }

    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        line
    }

    /// Sends an IMAP command; answers with everything up to its tagged reply.
    pub fn command(&mut self, command: &str) -> String {
        self.stream.get_mut().write_all(format!("t {command}\r\n").as_bytes()).unwrap();
        let mut reply = String::new();
        loop {
            let line = self.line();
            reply.push_str(&line);
            if line.is_empty() || line.starts_with("t ") {
                return reply;
            }
        }
    }

    /// Sends text as it is, and waits for nothing.
    pub fn send(&mut self, text: &str) {
        self.stream.get_mut().write_all(text.as_bytes()).unwrap();
    }

    /// Sends a line as it is; answers with the next line.
    pub fn say(&mut self, line: &str) -> String {
        self.stream.get_mut().write_all(format!("{line}\r\n").as_bytes()).unwrap();
        self.line()
    }

    /// As [`Self::command`]; what came before a reset, when there was one.
    pub fn try_command(&mut self, command: &str) -> String {
        let _ = self.stream.get_mut().write_all(format!("t {command}\r\n").as_bytes());
        let mut reply = String::new();
        let _ = self.stream.read_line(&mut reply);
        reply
    }

    /// Everything until the server closes.
    pub fn rest(&mut self) -> String {
        let mut rest = String::new();
        self.stream.read_to_string(&mut rest).unwrap();
        rest
    }
}
