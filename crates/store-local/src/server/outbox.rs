//! What waits to be sent to one client. Nothing here ever blocks the writer.
//!
//! Frames go straight to the socket while it takes them. What does not fit waits, bounded in
//! bytes: a client that lets more gather loses its connection, which costs it nothing but a
//! reconnect. Wake-ups that cannot be sent at once are merged; too many become one `Dirty`.

use crate::proto::{FromStored, WAKE_ACCOUNTS, encode};
use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::Notify;
use waypost_types::{AccountId, ModSeq};

/// The most bytes that wait for one client before its connection is ended.
pub(crate) const OUTBOX_BYTES: usize = 64 << 20;
/// A drained buffer larger than this, in bytes, is given back.
const KEPT_BYTES: usize = 64 << 10;

/// Wake-ups of one batch for one client.
pub(crate) struct WakeFrame {
    outcomes: u64,
    accounts: Vec<(AccountId, ModSeq)>,
    bytes: Vec<u8>,
}

impl WakeFrame {
    /// A wake-up for these accounts; `None` without any. `outcomes`: how many the store has kept.
    pub(crate) fn new(outcomes: u64, accounts: Vec<(AccountId, ModSeq)>) -> Option<Self> {
        (!accounts.is_empty()).then(|| Self::of(outcomes, accounts))
    }

    /// The same, also for none: the client hears how many outcomes there are.
    pub(crate) fn of(outcomes: u64, accounts: Vec<(AccountId, ModSeq)>) -> Self {
        let bytes = wake_bytes(outcomes, &accounts);
        Self { outcomes, accounts, bytes }
    }
}

/// The sending side of a connection.
pub(crate) struct Outbox {
    state: Mutex<State>,
    /// Tells the drain task that something waits or that the connection is closed.
    ready: Notify,
    /// Tells the reading side that the connection is closed.
    closed: Notify,
    is_closed: AtomicBool,
    overflows: Arc<AtomicU64>,
}

struct State {
    half: Option<Arc<OwnedWriteHalf>>,
    unsent: Vec<u8>,
    sent: usize,
    wakes: HashMap<AccountId, ModSeq>,
    dirty: bool,
    /// How many outcomes the store had kept at the last wake-up.
    outcomes: u64,
}

impl Outbox {
    /// An empty outbox over a socket; `overflows` counts merged wake-ups that became `Dirty`.
    pub(crate) fn new(half: OwnedWriteHalf, overflows: Arc<AtomicU64>) -> Self {
        let state = State {
            half: Some(Arc::new(half)),
            unsent: Vec::new(),
            sent: 0,
            wakes: HashMap::new(),
            dirty: false,
            outcomes: 0,
        };
        Self {
            state: Mutex::new(state),
            ready: Notify::new(),
            closed: Notify::new(),
            is_closed: AtomicBool::new(false),
            overflows,
        }
    }

    /// Sends one frame; a frame that cannot be encoded ends the connection.
    pub(crate) fn send(&self, frame: &FromStored) {
        match encode(frame) {
            Ok(bytes) => self.send_bytes(&bytes),
            Err(error) => {
                tracing::error!(%error, "an answer to a client cannot be encoded");
                self.close();
            }
        }
    }

    /// Sends encoded frames.
    pub(crate) fn send_bytes(&self, bytes: &[u8]) {
        let mut state = self.lock();
        let kept = state.send(bytes);
        self.settle(state, kept);
    }

    /// Sends wake-ups, or merges them with those that wait already.
    pub(crate) fn wake(&self, frame: &WakeFrame) {
        let mut state = self.lock();
        state.outcomes = frame.outcomes;
        if frame.bytes.is_empty() {
            state.wakes.clear();
            self.mark_dirty(&mut state);
        } else if state.waiting() == 0 && state.wakes.is_empty() && !state.dirty {
            let kept = state.send(&frame.bytes);
            return self.settle(state, kept);
        } else if !state.dirty {
            frame.accounts.iter().for_each(|change| merge(&mut state.wakes, *change));
            if state.wakes.len() > WAKE_ACCOUNTS {
                state.wakes.clear();
                self.mark_dirty(&mut state);
            }
        }
        self.settle(state, Ok(()));
    }

    /// Ends the connection; what waits is dropped.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.half = None;
        state.unsent = Vec::new();
        state.sent = 0;
        self.is_closed.store(true, Ordering::Release);
        drop(state);
        self.ready.notify_one();
        self.closed.notify_one();
    }

    /// Whether the connection has ended.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }

    /// Waits until the connection has ended; for the reading side alone.
    pub(crate) async fn closed(&self) {
        while !self.is_closed() {
            self.closed.notified().await;
        }
    }

    /// Whether everything has reached the socket.
    pub(crate) fn is_drained(&self) -> bool {
        let state = self.lock();
        state.half.is_none() || (state.waiting() == 0 && state.wakes.is_empty() && !state.dirty)
    }

    /// Sends what waits whenever the socket takes it, until the connection ends.
    pub(crate) async fn drain(&self) {
        loop {
            let half = {
                let mut state = self.lock();
                state.refill();
                let Some(half) = state.half.clone() else { return };
                (state.waiting() > 0).then_some(half)
            };
            let Some(half) = half else {
                self.ready.notified().await;
                continue;
            };
            let writable = tokio::select! {
                writable = half.writable() => writable,
                () = self.ready.notified() => continue,
            };
            let mut state = self.lock();
            let kept = writable.and_then(|()| state.write());
            self.settle(state, kept);
        }
    }

    /// After a send: ends a broken or overfull connection, else leaves the rest to the drain task.
    fn settle(&self, state: MutexGuard<'_, State>, kept: io::Result<()>) {
        let waits = state.waiting() > 0 || !state.wakes.is_empty() || state.dirty;
        let broken = kept.is_err() || state.waiting() > OUTBOX_BYTES;
        drop(state);
        if broken {
            self.close();
        } else if waits {
            self.ready.notify_one();
        }
    }

    fn mark_dirty(&self, state: &mut State) {
        if !std::mem::replace(&mut state.dirty, true) {
            self.overflows.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    const fn waiting(&self) -> usize {
        self.unsent.len() - self.sent
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(half) = &self.half else { return Ok(()) };
        let taken = if self.waiting() == 0 { take(half, bytes)? } else { 0 };
        self.unsent.extend_from_slice(&bytes[taken..]);
        Ok(())
    }

    /// Gives the socket what it takes of the bytes that wait.
    fn write(&mut self) -> io::Result<()> {
        let Some(half) = &self.half else { return Ok(()) };
        self.sent += take(half, &self.unsent[self.sent..])?;
        if self.waiting() == 0 {
            self.unsent.clear();
            self.unsent.shrink_to(KEPT_BYTES);
            self.sent = 0;
        } else if self.sent > self.waiting().max(KEPT_BYTES) {
            // A backlog that never quite drains must not keep all that was ever sent.
            self.unsent.drain(..self.sent);
            self.sent = 0;
        }
        Ok(())
    }

    /// Turns merged wake-ups into a frame once nothing is ahead of them.
    fn refill(&mut self) {
        if self.waiting() > 0 {
            return;
        }
        if std::mem::take(&mut self.dirty) {
            self.unsent.extend(dirty_bytes(self.outcomes));
        } else if !self.wakes.is_empty() {
            let accounts: Vec<_> = self.wakes.drain().collect();
            self.unsent.extend(wake_bytes(self.outcomes, &accounts));
        }
    }
}

/// Merges a change with those of the same account.
pub(crate) fn merge(
    wakes: &mut HashMap<AccountId, ModSeq>,
    (account, modseq): (AccountId, ModSeq),
) {
    let known = wakes.entry(account).or_insert(modseq);
    *known = (*known).max(modseq);
}

/// The frame for these accounts; empty when there are too many to name.
fn wake_bytes(outcomes: u64, accounts: &[(AccountId, ModSeq)]) -> Vec<u8> {
    if accounts.len() > WAKE_ACCOUNTS {
        return Vec::new();
    }
    encode(&FromStored::Wake { outcomes, accounts: accounts.to_vec() }).unwrap_or_default()
}

fn dirty_bytes(outcomes: u64) -> Vec<u8> {
    encode(&FromStored::Dirty { outcomes }).unwrap_or_default()
}

/// How many of the bytes the socket takes now.
fn take(half: &OwnedWriteHalf, bytes: &[u8]) -> io::Result<usize> {
    let mut taken = 0;
    while taken < bytes.len() {
        match half.try_write(&bytes[taken..]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => taken += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::FrameReader;
    use tokio::net::UnixStream;
    use tokio::net::unix::OwnedReadHalf;

    fn pair() -> (Arc<Outbox>, OwnedReadHalf, OwnedWriteHalf) {
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        let (reader, writer) = theirs.into_split();
        let half = ours.into_split().1;
        (Arc::new(Outbox::new(half, Arc::default())), reader, writer)
    }

    fn change(account: u32, modseq: u64) -> WakeFrame {
        WakeFrame::new(modseq, vec![(AccountId(account), ModSeq(modseq))]).expect("a change")
    }

    fn blocked(outbox: &Outbox) {
        while outbox.is_drained() {
            outbox.send(&FromStored::Refused { reason: "x".repeat(10_000) });
        }
    }

    async fn wakes(reader: OwnedReadHalf) -> FromStored {
        let mut frames = FrameReader::new(reader);
        loop {
            match frames.next::<FromStored>().await.expect("a frame").expect("not ended").0 {
                FromStored::Refused { .. } => {}
                other => return other,
            }
        }
    }

    #[tokio::test]
    async fn wake_ups_that_wait_are_merged() {
        let (outbox, reader, _writer) = pair();
        blocked(&outbox);
        for modseq in [3, 9, 7] {
            outbox.wake(&change(1, modseq));
        }
        let drain = Arc::clone(&outbox);
        tokio::spawn(async move { drain.drain().await });
        let FromStored::Wake { outcomes, accounts } = wakes(reader).await else {
            panic!("no wake-up")
        };
        assert_eq!((outcomes, &accounts[..]), (7, &[(AccountId(1), ModSeq(9))][..]));
    }

    #[tokio::test]
    async fn too_many_wake_ups_become_one_marker() {
        let (outbox, reader, _writer) = pair();
        blocked(&outbox);
        for account in 0..=u32::try_from(WAKE_ACCOUNTS).expect("fits") {
            outbox.wake(&change(account, 1));
        }
        assert_eq!(outbox.overflows.load(Ordering::Relaxed), 1);
        let drain = Arc::clone(&outbox);
        tokio::spawn(async move { drain.drain().await });
        assert!(matches!(wakes(reader).await, FromStored::Dirty { .. }));
    }

    #[tokio::test]
    async fn a_client_that_lets_too_much_gather_is_cut_off() {
        let (outbox, _reader, _writer) = pair();
        let piece = vec![0; 1 << 20];
        for _ in 0..(OUTBOX_BYTES >> 20) + 2 {
            outbox.send_bytes(&piece);
        }
        assert!(outbox.is_closed() && outbox.is_drained());
        outbox.closed().await;
    }

    #[tokio::test]
    async fn what_was_sent_is_not_kept_while_more_keeps_waiting() {
        let (outbox, reader, _writer) = pair();
        let mut buffer = vec![0; 1 << 20];
        for _ in 0..60 {
            while outbox.lock().waiting() < 1 << 19 {
                outbox.send_bytes(&vec![0; 1 << 18]);
            }
            while reader.try_read(&mut buffer).is_ok() {}
            let half = outbox.lock().half.clone().expect("open");
            let patience = std::time::Duration::from_millis(50);
            drop(tokio::time::timeout(patience, half.writable()).await);
            let mut state = outbox.lock();
            state.write().expect("writes");
            assert!(state.waiting() > 0, "the test must never let it drain");
            assert!(state.sent <= state.waiting().max(KEPT_BYTES), "{} bytes kept", state.sent);
        }
    }
}
