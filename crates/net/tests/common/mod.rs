//! A toy line service, its clients and its certificates.

#![allow(unreachable_pub, reason = "a module of two test programs")]
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may unwrap")]

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use waypost_net::counters::Counters;
use waypost_net::gate::Gate;
use waypost_net::limits::Limits;
use waypost_net::listener::{Listener, Setup, serve};
use waypost_net::session::{
    ConnectionFacts, Event, Io, Next, OUTPUT_STEP_BYTES, Refusal, Service, Session, Summary,
    WakeHandle,
};
use waypost_net::tls::{CertificateFiles, TlsIdentity, TlsPolicy, TlsSettings};

/// How long a test waits for what must happen.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Steps of output of the command `flood`: far more than any socket buffer holds.
pub const FLOOD_STEPS: usize = 1_000;

/// The service; remembers the wakers of its sessions.
#[derive(Default)]
pub struct Toy {
    pub wakers: Mutex<Vec<WakeHandle>>,
}

/// One session: a line is a command.
pub struct ToySession {
    facts: ConnectionFacts,
    idle: Duration,
    flood: usize,
    broken: bool,
    slow: bool,
    reason: &'static str,
}

impl Service for Toy {
    type Session = ToySession;

    fn name(&self) -> &'static str {
        "toy"
    }

    fn session(&self, facts: ConnectionFacts) -> ToySession {
        self.wakers.lock().unwrap().push(facts.waker.clone());
        ToySession {
            facts,
            idle: Duration::from_secs(60),
            flood: 0,
            broken: false,
            slow: false,
            reason: "",
        }
    }

    fn too_many(&self, why: Refusal) -> &'static [u8] {
        if why == Refusal::Filtered { b"not you\r\n" } else { b"too many\r\n" }
    }
}

impl Session for ToySession {
    type Reply = &'static str;

    fn step(&mut self, io: &mut Io<'_>, event: Event<&'static str>) -> Next<&'static str> {
        match event {
            Event::Open => say(io, if self.facts.tls.is_some() { "hello tls" } else { "hello" }),
            Event::Woken => say(io, "woken"),
            Event::Reply(text) => say(io, text),
            Event::TlsStarted(facts) => say(io, &format!("secure {}", facts.cipher_bits)),
            Event::Deadline => return self.end(io, "deadline"),
            Event::Shutdown(_) => return self.end(io, "bye"),
            Event::Go if self.flood > 0 => return self.pour(io),
            Event::Go if std::mem::take(&mut self.slow) => {
                std::thread::sleep(Duration::from_millis(20));
                say(io, "slow");
            }
            Event::Go if self.broken => panic!("toy broke on a worker"),
            Event::Go => {
                let name = std::thread::current().name().unwrap_or_default().to_owned();
                say(io, &format!("worked {name}"));
            }
            Event::Input => {}
        }
        self.next_line(io)
    }

    fn summary(&self) -> Summary {
        Summary { user: None, reason: self.reason, counts: vec![("toys", 1)] }
    }
}

impl ToySession {
    fn next_line(&mut self, io: &mut Io<'_>) -> Next<&'static str> {
        let Some(end) = io.input.iter().position(|b| *b == b'\n') else {
            return if io.eof { self.end(io, "eof") } else { self.read() };
        };
        let line = io.input.split_to(end + 1);
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        self.command(io, &line)
    }

    fn command(&mut self, io: &mut Io<'_>, line: &str) -> Next<&'static str> {
        match line {
            "quit" => return self.end(io, "quit"),
            "work" => return Next::Work,
            "look" => return Next::Store,
            "lookslow" => {
                self.slow = true;
                return Next::Store;
            }
            "flood" => {
                self.flood = FLOOD_STEPS;
                return Next::Work;
            }
            "call" => return Next::Call(Box::pin(answer("called"))),
            "panic" => panic!("toy broke"),
            "panicwork" => {
                self.broken = true;
                return Next::Work;
            }
            "paniccall" => return Next::Call(Box::pin(async { panic!("toy broke in a call") })),
            "starttls" => {
                say(io, "go");
                return Next::StartTls;
            }
            "client" => say(io, &self.client(None)),
            "client now" => say(io, &self.client(Some(io.now.wall.seconds))),
            "client later" => say(io, &self.client(Some(io.now.wall.seconds + 86_400 * 365))),
            "short" => self.idle = Duration::from_millis(30),
            other => say(io, other),
        }
        self.next_line(io)
    }

    /// What is said of the client's certificate when TLS began, or now.
    fn client(&self, now: Option<i64>) -> String {
        let Some(client) = self.facts.tls.as_ref().and_then(|tls| tls.client.as_ref()) else {
            return "no certificate".to_owned();
        };
        let verdict = now.map_or(client.verdict.clone(), |now| client.certificate.judge(now));
        verdict.map_or_else(|why| format!("refused: {why}"), |()| "accepted".to_owned())
    }

    fn pour(&mut self, io: &mut Io<'_>) -> Next<&'static str> {
        self.flood -= 1;
        io.output.resize(io.output.len() + OUTPUT_STEP_BYTES, b'x');
        if self.flood > 0 { Next::Work } else { self.end(io, "poured") }
    }

    fn read(&self) -> Next<&'static str> {
        Next::Read { deadline: Instant::now() + self.idle }
    }

    fn end(&mut self, io: &mut Io<'_>, reason: &'static str) -> Next<&'static str> {
        say(io, reason);
        self.reason = reason;
        Next::Close
    }
}

async fn answer(text: &'static str) -> &'static str {
    tokio::time::sleep(Duration::from_millis(5)).await;
    text
}

fn say(io: &mut Io<'_>, text: &str) {
    io.output.extend_from_slice(text.as_bytes());
    io.output.extend_from_slice(b"\r\n");
}

/// A running toy service.
pub struct Running {
    pub address: SocketAddr,
    pub toy: Arc<Toy>,
    pub counters: Arc<Counters>,
    pub stop: watch::Sender<bool>,
    pub served: JoinHandle<std::io::Result<()>>,
}

/// Starts the toy on a free port.
pub fn start(limits: Limits, tls: Option<Arc<TlsSettings>>, tls_on_connect: bool) -> Running {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    // Through a descriptor, as the watcher hands it over.
    let listener = Listener::from_fd(socket.into(), tls_on_connect).unwrap();
    start_on(vec![listener], address, limits, tls)
}

/// Starts the toy on the listeners.
pub fn start_on(
    listeners: Vec<Listener>,
    address: SocketAddr,
    limits: Limits,
    tls: Option<Arc<TlsSettings>>,
) -> Running {
    start_behind(Arc::default(), listeners, address, limits, tls)
}

/// Starts the toy on the listeners behind a gate.
pub fn start_behind(
    gate: Arc<Gate>,
    listeners: Vec<Listener>,
    address: SocketAddr,
    limits: Limits,
    tls: Option<Arc<TlsSettings>>,
) -> Running {
    let (toy, counters) = (Arc::new(Toy::default()), Arc::new(Counters::default()));
    let (stop, stopped) = watch::channel(false);
    let tls = tls.unwrap_or_default();
    let users = Arc::default();
    let setup = Setup { limits, tls, counters: Arc::clone(&counters), users, gate };
    let served = tokio::spawn(serve(listeners, Arc::clone(&toy), setup, stopped));
    Running { address, toy, counters, stop, served }
}

/// A client that speaks lines, and gives up with a panic.
pub struct Client<T>(pub BufReader<T>);

impl Client<TcpStream> {
    pub async fn connect(running: &Running) -> Self {
        Self(BufReader::new(TcpStream::connect(running.address).await.unwrap()))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Client<T> {
    pub async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
        self.0.flush().await.unwrap();
    }

    /// The next line without its end; empty at the end of the input.
    pub async fn line(&mut self) -> String {
        let mut line = String::new();
        let read = tokio::time::timeout(PATIENCE, self.0.read_line(&mut line)).await;
        // A reset is an end too.
        let _ = read.expect("no line in time");
        line.trim_end().to_owned()
    }

    pub async fn ask(&mut self, text: &str) -> String {
        self.send(&format!("{text}\r\n")).await;
        self.line().await
    }

    /// Whatever comes until the end.
    pub async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let read = tokio::time::timeout(PATIENCE, self.0.read_to_end(&mut rest)).await;
        let _ = read.expect("no end in time");
        rest
    }
}

/// Writes a new certificate for localhost into `folder` and answers it.
pub fn write_certificate(folder: &Path) -> CertificateDer<'static> {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let put = |name: &str, text: String| {
        let new = folder.join(format!("{name}.new"));
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, folder.join(name)).unwrap();
    };
    put("key.pem", signing_key.serialize_pem());
    put("cert.pem", cert.pem());
    cert.der().clone()
}

pub fn files(folder: &Path) -> CertificateFiles {
    CertificateFiles::new(folder.join("cert.pem"), folder.join("key.pem"))
}

/// What the files hold.
pub fn identity(folder: &Path) -> TlsIdentity {
    files(folder).read(None).unwrap()
}

/// Settings of TLS from the files, with everything allowed.
pub fn settings(folder: &Path) -> Arc<TlsSettings> {
    Arc::new(TlsSettings::new(&identity(folder), &TlsPolicy::default(), None).unwrap())
}

/// A TLS client side on `stream` that trusts exactly `certificate`.
pub async fn tls_client(
    stream: TcpStream,
    certificate: &CertificateDer<'static>,
) -> std::io::Result<Client<tokio_rustls::client::TlsStream<TcpStream>>> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    Ok(Client(BufReader::new(connector.connect(name, stream).await?)))
}

/// Waits until `done`.
pub async fn until(what: &str, done: impl Fn() -> bool) {
    let begin = Instant::now();
    while !done() {
        assert!(begin.elapsed() < PATIENCE, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
