//! The runner agrees with a right session and names the place of every wrong one.

#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

use super::*;
use crate::session::{ConnectionFacts, Event, Io, Next, Session, Summary};
use std::time::{Duration, Instant};
use waypost_types::Moment;

/// Upper-cases lines. `work`, `call`, `tls`, `quit` do what they say; silent for 30 min it leaves.
struct Shout {
    silent_since: Option<Instant>,
}

const IDLE: Duration = Duration::from_secs(30 * 60);

impl Session for Shout {
    type Reply = u32;

    fn step(&mut self, io: &mut Io<'_>, event: Event<u32>) -> Next<u32> {
        match event {
            Event::Open => say(io, "ready"),
            Event::Go => say(io, "worked"),
            Event::Reply(n) => say(io, &format!("answer {n}")),
            Event::Woken => say(io, "woken"),
            Event::TlsStarted(facts) => say(io, &format!("tls {}", facts.cipher_bits)),
            Event::Deadline | Event::Shutdown(_) => {
                say(io, "bye");
                return Next::Close;
            }
            Event::Input => self.silent_since = None,
        }
        self.lines(io)
    }

    fn summary(&self) -> Summary {
        Summary::default()
    }
}

impl Shout {
    fn lines(&mut self, io: &mut Io<'_>) -> Next<u32> {
        while let Some(end) = io.input.iter().position(|b| *b == b'\n') {
            let line = String::from_utf8_lossy(&io.input.split_to(end + 1)).trim_end().to_owned();
            match line.as_str() {
                "work" => return Next::Work,
                "call" => return Next::Call(Box::pin(threaded())),
                "tls" => return Next::StartTls,
                "quit" => return Next::Close,
                _ => say(io, &line.to_uppercase()),
            }
        }
        let Moment { instant, .. } = io.now;
        Next::Read { deadline: *self.silent_since.get_or_insert(instant) + IDLE }
    }
}

/// Answers from another thread, as a store does.
async fn threaded() -> u32 {
    let (answer, wait) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(5));
        answer.send(42)
    });
    wait.await.unwrap()
}

fn say(io: &mut Io<'_>, text: &str) {
    io.output.extend_from_slice(text.as_bytes());
    io.output.extend_from_slice(b"\r\n");
}

fn shout(_: ConnectionFacts) -> Shout {
    Shout { silent_since: None }
}

fn played(script: &str) -> Result<(), DialogueError> {
    Dialogue::open(shout).unwrap().play("test.t", script)
}

#[test]
fn a_right_session_agrees() {
    let wildcards = "# greeting\nS: ready\n\nC: two and three\nS: TWO{*}T{*}E\nC: glob\nS* G*B\n";
    played(wildcards).unwrap();
    played("S: ready\nC~ a\\r\\nb\\x63\\r\nS: A\nQUIET\nC~ \\n\nS~ BC\\r\\n\n").unwrap();
    played("S: ready\nC: work\nS: worked\nC: call\nS: answer 42\nWAKE\nS: woken\n").unwrap();
    played("S> ready\nC~ x\\r\\ny\\r\\nz\\r\\n\nS> Y\nS: Z\n").unwrap();
}

#[test]
fn time_tls_and_the_end() {
    played("S: ready\nTIME +29m\nQUIET\nTIME +60s\nS: bye\nCLOSE\n").unwrap();
    played("S: ready\nTIME +29m\nC: more\nS: MORE\nTIME +29m\nQUIET\n").unwrap();
    played("S: ready\nC~ tls\\r\\ninjected\\r\\n\nQUIET\nSTARTTLS 128\nS: tls 128\nQUIET\n")
        .unwrap();
    played("S: ready\nC: quit\nCLOSE\nC: more\nCLOSE\n").unwrap();
    played("S: ready\nSHUTDOWN\nS: bye\nCLOSE\n").unwrap();
    played("S: ready\nC: one\nEOF\nS: ONE\nCLOSE\n").unwrap();
}

#[test]
fn differences_are_found_where_they_are() {
    let wrong = [
        ("S: Ready\n", "test.t:1:\n  expected: S: Ready\n  actual:   S: ready"),
        ("S: ready\nS: more\n", "test.t:2:\n  expected: S: more\n  actual:   (nothing; the conn"),
        ("S: ready\nC: a\n\n", "test.t:3:\n  expected: the end of the script"),
        ("S: ready\nCLOSE\n", "test.t:2:\n  expected: CLOSE"),
        ("S: ready\nSTARTTLS\n", "test.t:2:\n  expected: STARTTLS\n  actual:   the session did n"),
        ("S: ready\nC: quit\nWAKE\n", "test.t:3:\n  expected: WAKE"),
        ("S: ready\nC~ \\q\n", "test.t:2:\n  expected: an escape"),
        ("S: ready\nTIME 3\n", "test.t:2:\n  expected: a time"),
        ("HELLO\n", "test.t:1:\n  expected: a known script word"),
        ("S> done\n", "test.t:1:\n  expected: S> done\n  actual:   no such line among: ready"),
    ];
    for (script, expected) in wrong {
        let found = played(script).unwrap_err().to_string();
        assert!(found.starts_with(expected), "{script:?} gave {found}");
    }
}

#[test]
fn a_line_longer_than_the_buffer_is_a_fault() {
    let mut memory = Memory::open(None, shout).unwrap();
    let long = vec![b'x'; crate::INPUT_BUFFER_BYTES + 1];
    assert_eq!(memory.send(&long), Err(MemoryError::InputStuck));
    let mut memory = Memory::open(None, shout).unwrap();
    memory.send(&b"y\r\n".repeat(crate::INPUT_BUFFER_BYTES)).unwrap();
    assert_eq!(memory.output().len(), "ready\r\n".len() + 3 * crate::INPUT_BUFFER_BYTES);
}
