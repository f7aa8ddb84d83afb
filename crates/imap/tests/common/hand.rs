//! A session stepped by hand: every step's output and what it holds can be looked at.

use super::probe::Probe;
use bytes::BytesMut;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use tokio::runtime::Runtime;
use waypost_imap::{ImapService, ImapSession};
use waypost_net::session::{
    ConnectionFacts, Event, Io, Next, OUTPUT_STEP_BYTES, Service, Session, WakeHandle,
};
use waypost_net::user_list::Arrival;
use waypost_types::Moment;

/// A session with INBOX open.
pub(crate) struct Hand {
    session: ImapSession,
    store: Arc<Probe>,
    runtime: Arc<Runtime>,
    pub(super) now: Moment,
    input: BytesMut,
    /// Whether the session has closed, or waits for TLS.
    pub(crate) ended: bool,
    /// The most bytes that one step put out.
    pub(crate) largest_step: usize,
    /// The most rows and forms of emails that one step read.
    pub(crate) most_read: usize,
    /// Steps so far.
    pub(crate) steps: usize,
    /// What happens after so many more steps.
    pub(crate) meanwhile: Option<(usize, Box<dyn FnOnce()>)>,
}

impl Hand {
    pub(super) fn new(service: ImapService, store: Arc<Probe>, runtime: Arc<Runtime>) -> Self {
        let mut hand = Self::stranger(service, store, runtime);
        hand.say("l LOGIN alice secret");
        hand.say("s SELECT INBOX");
        (hand.largest_step, hand.steps) = (0, 0);
        hand
    }

    /// A session that has only been greeted.
    pub(super) fn stranger(service: ImapService, store: Arc<Probe>, runtime: Arc<Runtime>) -> Self {
        let waker = WakeHandle::new(|| {});
        let facts = ConnectionFacts {
            id: 1,
            peer: None,
            tls: None,
            starttls_available: false,
            waker,
            arrival: Arrival::default(),
        };
        let session = service.session(facts);
        let (now, input) = (Moment::now(), BytesMut::new());
        let mut hand = Self {
            session,
            store,
            runtime,
            now,
            input,
            ended: false,
            largest_step: 0,
            most_read: 0,
            steps: 0,
            meanwhile: None,
        };
        hand.run(Event::Open);
        hand
    }

    /// Sends a line and returns the whole answer.
    pub(crate) fn say(&mut self, line: &str) -> Vec<u8> {
        self.send(format!("{line}\r\n").as_bytes())
    }

    /// Sends bytes and returns the whole answer; nothing when the session has ended.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Vec<u8> {
        if self.ended {
            return Vec::new();
        }
        self.input.extend_from_slice(bytes);
        self.run(Event::Input)
    }

    fn run(&mut self, mut event: Event<waypost_imap::Reply>) -> Vec<u8> {
        let mut said = Vec::new();
        loop {
            let mut output = Vec::new();
            let before = self.emails_read();
            let input = &mut self.input;
            let mut io = Io { input, eof: false, output: &mut output, now: self.now };
            let next = self.session.step(&mut io, event);
            self.most_read = self.most_read.max(self.emails_read() - before);
            assert_eq!(self.store.open_snapshots(), 0, "a snapshot outlives its step");
            self.largest_step = self.largest_step.max(output.len());
            self.steps += 1;
            self.meanwhile = match self.meanwhile.take() {
                Some((0 | 1, happens)) => {
                    happens();
                    None
                }
                later => later.map(|(steps, happens)| (steps - 1, happens)),
            };
            said.append(&mut output);
            event = match next {
                Next::Continue | Next::Store | Next::Work => Event::Go,
                Next::Call(call) => Event::Reply(self.runtime.block_on(call)),
                Next::Read { .. } => return said,
                Next::Close | Next::StartTls => {
                    self.ended = true;
                    return said;
                }
            };
        }
    }

    /// Rows and forms of emails that were read so far, by all sessions.
    pub(crate) fn emails_read(&self) -> usize {
        self.store.emails_read.load(SeqCst)
    }

    /// Whether no step put out much more than its share.
    pub(crate) fn kept_steps_small(&self, slack: usize) -> bool {
        self.largest_step <= OUTPUT_STEP_BYTES + slack
    }
}
