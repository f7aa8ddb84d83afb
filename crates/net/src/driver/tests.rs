//! What a connection costs.

#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

use super::*;
use crate::session::{BoxFuture, Event, Io, Next, Session};

/// The most bytes a connection's task may take, in the clear or under TLS, the session and the TLS
/// state apart. Raise it only for a reason: it is paid for every silent client.
const CONNECTION_FUTURE_BYTES: usize = 1_536;

/// The most bytes the TLS layer's own struct may take (its buffers come on top).
const TLS_STATE_BYTES: usize = 2_048;

struct Silent;

impl Session for Silent {
    type Reply = ();

    fn step(&mut self, _: &mut Io<'_>, _: Event<()>) -> Next<()> {
        let call: BoxFuture<()> = Box::pin(async {});
        Next::Call(call)
    }

    fn summary(&self) -> Summary {
        Summary::default()
    }
}

struct SilentService;

impl Service for SilentService {
    type Session = Silent;

    fn name(&self) -> &'static str {
        "silent"
    }

    fn session(&self, _: ConnectionFacts) -> Silent {
        Silent
    }

    fn too_many(&self, _: Refusal) -> &'static [u8] {
        b""
    }
}

#[tokio::test]
async fn a_connection_is_small() {
    let counters = Arc::new(Counters::default());
    let seat = Seat::take(&counters, None).unwrap();
    let shared = Arc::new(Shared {
        service: Arc::new(SilentService),
        limits: Limits::new(1, 1),
        tls: Arc::default(),
        counters,
        users: Arc::default(),
        gate: Arc::default(),
        refusals: Arc::new(Semaphore::new(1)),
        threads: Threads::new(1, threads::IDLE_KEPT),
        pace: Pace::new(Instant::now()),
    });
    let (ours, _theirs) = tokio::net::UnixStream::pair().unwrap();
    let accepted = Accepted { socket: Socket::Unix(ours), client: None, tls_on_connect: true };
    let (_sender, stop) = watch::channel(false);
    // The stream's TLS state is boxed, so this is the size with and without TLS.
    let size = size_of_val(&run(shared, accepted, seat, stop));
    let tls = size_of::<TlsStream<Socket>>();
    println!("connection future {size} bytes, TLS state {tls} bytes");
    assert!(size <= CONNECTION_FUTURE_BYTES, "connection future of {size} bytes");
    assert!(tls <= TLS_STATE_BYTES, "TLS state of {tls} bytes");
}

#[test]
fn counts_are_listed() {
    assert_eq!(Counts(&[]).to_string(), "");
    assert_eq!(Counts(&[("retrieved", 3), ("deleted", 1)]).to_string(), "retrieved=3 deleted=1");
}
