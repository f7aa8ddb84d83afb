//! Clients that mean harm: thousands of connections, each following a plan without end.
//!
//! Knows nothing of the rest of the generator: a test uses it too.

use socket2::{Domain, Socket, Type};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

/// Threads that the attackers share.
const THREADS: usize = 4;
/// How often an attacker has its turn.
const TURN: Duration = Duration::from_secs(1);
/// A thread sleeps this long between looks.
const LOOK: Duration = Duration::from_millis(20);
/// How long a connect may take.
const CONNECT: Duration = Duration::from_secs(2);
/// Bytes that wait to be sent at most; more is not made.
const UNSENT_BYTES_MAX: usize = 256 * 1024;
/// Addresses that the attackers come from: 127.0.1.1 and so on.
const ADDRESSES: usize = 200;

/// What is attacked.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) imap: SocketAddr,
    pub(crate) pop: SocketAddr,
    pub(crate) lmtp: SocketAddr,
    /// A user who is among the attackers.
    pub(crate) user: String,
    pub(crate) password: String,
}

/// What the attackers did.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) connects: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) sent_bytes: AtomicU64,
    pub(crate) read_bytes: AtomicU64,
}

/// What one kind of attacker does.
struct Plan {
    address: SocketAddr,
    /// Sent first.
    opening: Vec<u8>,
    /// Sent at every turn.
    drip: Drip,
    /// Whether answers are read.
    reads: bool,
    /// Turns after which it comes anew.
    turns: u64,
}

enum Drip {
    Nothing,
    Bytes(Vec<u8>),
    /// A login with a new name.
    Guess,
    /// Bytes without sense.
    Noise(usize),
}

fn plans(target: &Target) -> Vec<Plan> {
    let Target { imap, pop, lmtp, user, password } = target;
    let login = format!("a LOGIN \"{user}\" \"{password}\"\r\n");
    let imap_plan = |opening: String, drip, reads| Plan {
        address: *imap,
        opening: opening.into_bytes(),
        drip,
        reads,
        turns: u64::MAX,
    };
    let bytes = |text: &str| Drip::Bytes(text.as_bytes().to_vec());
    let envelope = format!("LHLO x\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<{user}>\r\nDATA\r\n");
    let at = |address: &SocketAddr, opening: &str, drip, reads, turns| Plan {
        address: *address,
        opening: opening.as_bytes().to_vec(),
        drip,
        reads,
        turns,
    };
    let pop_login = format!("USER {user}\r\nPASS {password}\r\n");
    let listings = "LIST\r\nUIDL\r\nRETR 1\r\nTOP 1 0\r\nSTAT\r\n".repeat(50);
    vec![
        // Silence, and a byte at a time, before the login.
        imap_plan(String::new(), Drip::Nothing, true),
        imap_plan(String::new(), bytes("a"), true),
        at(pop, "US", bytes("E"), true, u64::MAX),
        // Half of a TLS handshake; commands before it.
        imap_plan("a STARTTLS\r\n\u{16}\u{3}\u{1}\u{2}".to_owned(), Drip::Nothing, true),
        at(imap, "a STARTTLS\r\nb LOGIN x y\r\nc NOOP\r\n", Drip::Nothing, true, 3),
        // Large answers that nobody reads.
        imap_plan(
            format!("{login}b EXAMINE INBOX\r\n{}", "c FETCH 1:* BODY.PEEK[]\r\n".repeat(50)),
            Drip::Nothing,
            false,
        ),
        at(pop, &format!("{pop_login}{listings}"), bytes(&listings), false, 30),
        // Messages that come a byte at a time.
        imap_plan(format!("{login}b APPEND Drafts {{1000000+}}\r\n"), bytes("x"), true),
        at(lmtp, &envelope, bytes("x"), true, u64::MAX),
        // What no command may hold.
        at(imap, "", Drip::Noise(4096), true, u64::MAX),
        at(lmtp, "", Drip::Noise(4096), true, u64::MAX),
        at(imap, "a LOGIN {4294967295}\r\n", bytes("b LOGIN {99999999+}\r\nx"), true, 5),
        imap_plan(format!("{login}b SELECT {{4294967296+}}\r\n"), Drip::Noise(8192), true),
        imap_plan(login.clone(), bytes(&format!("s SEARCH {}\r\n", "(".repeat(5_000))), true),
        imap_plan(login, bytes(&"y".repeat(32 * 1024)), true),
        // Names and addresses without end.
        at(imap, "", Drip::Guess, true, u64::MAX),
        at(lmtp, "LHLO x\r\nMAIL FROM:<>\r\n", bytes(&rcpts()), true, 20),
        // Connections without end.
        at(imap, "", Drip::Nothing, false, 1),
        at(pop, "", Drip::Nothing, false, 1),
    ]
}

fn rcpts() -> String {
    (0..20).map(|number| format!("RCPT TO:<nobody{number}@example.com>\r\n")).collect()
}

/// Attacks with so many connections until told to stop.
pub(crate) fn run(target: &Target, count: usize, stop: &AtomicBool, done: &Done) {
    let plans = plans(target);
    let begun = Instant::now();
    let mut attackers: Vec<Vec<Attacker<'_>>> = (0..THREADS).map(|_| Vec::new()).collect();
    for (number, plan) in plans.iter().cycle().take(count).enumerate() {
        // They come over the first seconds, not in one moment.
        let due = begun + TURN.mul_f64(5.0 * ratio(number, count));
        let attacker = Attacker { plan, number, stream: None, unsent: Vec::new(), turns: 0, due };
        if let Some(lane) = attackers.get_mut(number % THREADS) {
            lane.push(attacker);
        }
    }
    thread::scope(|scope| {
        for lane in &mut attackers {
            scope.spawn(move || {
                while !stop.load(Relaxed) {
                    lane.iter_mut().for_each(|attacker| attacker.look(done));
                    thread::sleep(LOOK);
                }
            });
        }
    });
}

fn ratio(number: usize, count: usize) -> f64 {
    let precise = |n: usize| u32::try_from(n).map_or(f64::MAX, f64::from);
    precise(number) / precise(count.max(1))
}

struct Attacker<'p> {
    plan: &'p Plan,
    number: usize,
    stream: Option<TcpStream>,
    unsent: Vec<u8>,
    turns: u64,
    due: Instant,
}

impl Attacker<'_> {
    /// Has a turn if one is due.
    fn look(&mut self, done: &Done) {
        let now = Instant::now();
        if now < self.due {
            return;
        }
        self.due = now + TURN;
        self.turns += 1;
        if self.turns > self.plan.turns {
            self.leave();
        }
        if self.stream.is_none() && !self.connect(done) {
            return;
        }
        self.make_drip();
        if !(self.send(done) && (!self.plan.reads || self.read(done))) {
            self.leave();
        }
    }

    fn connect(&mut self, done: &Done) -> bool {
        let opened = self.open();
        let counter = if opened.is_some() { &done.connects } else { &done.refused };
        counter.fetch_add(1, Relaxed);
        self.unsent.clone_from(&self.plan.opening);
        self.stream = opened;
        self.stream.is_some()
    }

    fn open(&self) -> Option<TcpStream> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).ok()?;
        let host = u8::try_from(self.number % ADDRESSES + 1).unwrap_or(1);
        let from = SocketAddr::from((Ipv4Addr::new(127, 0, 1, host), 0));
        socket.bind(&from.into()).ok()?;
        // A client that reads nothing keeps little in the kernel.
        if !self.plan.reads {
            socket.set_recv_buffer_size(4096).ok()?;
        }
        socket.connect_timeout(&self.plan.address.into(), CONNECT).ok()?;
        socket.set_nonblocking(true).ok()?;
        Some(socket.into())
    }

    fn leave(&mut self) {
        self.stream = None;
        self.unsent.clear();
        self.turns = 0;
    }

    fn make_drip(&mut self) {
        if self.unsent.len() > UNSENT_BYTES_MAX {
            return;
        }
        match &self.plan.drip {
            Drip::Nothing => {}
            Drip::Bytes(bytes) => self.unsent.extend_from_slice(bytes),
            Drip::Guess => {
                let line = format!("g LOGIN guess{}x{} wrong\r\n", self.number, self.turns);
                self.unsent.extend_from_slice(line.as_bytes());
            }
            Drip::Noise(size) => {
                let mut state = self.turns.wrapping_mul(0x9e37_79b9) ^ self.number as u64 | 1;
                for _ in 0..*size {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    self.unsent.push(state.to_le_bytes()[3]);
                }
            }
        }
    }

    /// Sends what the server takes; false when the connection has ended.
    fn send(&mut self, done: &Done) -> bool {
        let Some(stream) = &mut self.stream else { return false };
        while !self.unsent.is_empty() {
            match stream.write(&self.unsent) {
                Ok(0) => return false,
                Ok(sent) => {
                    done.sent_bytes.fetch_add(sent as u64, Relaxed);
                    self.unsent.drain(..sent);
                }
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
        }
        true
    }

    /// Reads what came; false when the connection has ended.
    fn read(&mut self, done: &Done) -> bool {
        let Some(stream) = &mut self.stream else { return false };
        let mut buffer = [0; 16 * 1024];
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => return false,
                Ok(came) => {
                    done.read_bytes.fetch_add(came as u64, Relaxed);
                }
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
        }
    }
}
