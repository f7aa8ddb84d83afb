//! What is under way between this process and `stored`; it outlives every connection.
//!
//! A mutation stays here, encoded, until its outcome is known. After a reconnect the outcomes of
//! those sent before are asked for and only what was not applied is sent again.

use super::upload::Slot;
use crate::MutationId;
use crate::engine::OUTCOMES;
use crate::notes::Notes;
use crate::proto::{CompactReport, FRAME_NOTES, QUERY_IDS, StatusReport, ToStored, encode};
use bytes::Bytes;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;
use waypost_store::{Access, Outcome, StoreError};

/// The answer to a mutation.
pub(crate) type Answer = Result<Outcome, StoreError>;

/// A mutation whose outcome is not known.
pub(crate) struct Entry {
    pub(crate) frame: Bytes,
    pub(crate) reply: oneshot::Sender<Answer>,
    pub(crate) deadline: Instant,
    /// Its share of what may be under way, given back with the entry.
    pub(crate) _share: [OwnedSemaphorePermit; 2],
}

struct Tracked {
    entry: Entry,
    /// How many outcomes the store had kept, as known here, when this was sent last; `None` while
    /// it was never sent.
    sent_at: Option<u64>,
}

/// Who waits for the answer to a request.
pub(crate) enum Waiter {
    Backup(oneshot::Sender<Result<(), StoreError>>),
    Status(oneshot::Sender<StatusReport>),
    Notes(oneshot::Sender<()>),
    Compact(oneshot::Sender<Result<CompactReport, StoreError>>),
    Repair(oneshot::Sender<Result<Vec<String>, StoreError>>),
}

/// What is to be sent.
enum Outgoing {
    Frame(Bytes),
    /// Looked up when its turn comes: one that nobody waits for any more takes no room and is not
    /// applied long after its sender was told that it failed.
    Mutation(MutationId),
    /// A frame of notes, put together when its turn comes: while the socket is busy more gather.
    Notes,
}

/// What is under way.
#[derive(Default)]
pub(crate) struct Link {
    /// The number of the connection, `None` between connections.
    connection: Option<u64>,
    connections: u64,
    outgoing: VecDeque<Outgoing>,
    pending: HashMap<MutationId, Tracked>,
    uploads: HashMap<u32, Arc<Slot>>,
    waiters: HashMap<u32, Waiter>,
    last_number: u32,
    /// Notes that wait for the socket, also between connections.
    notes: Notes,
    /// Whether a frame for them is in `outgoing`.
    notes_queued: bool,
    /// Whether what was taken last is still being written.
    writing: bool,
    /// The most outcomes the store is known to have kept.
    outcomes: u64,
}

impl Link {
    /// Takes in a mutation; it is sent now or after the next connect.
    pub(crate) fn track(&mut self, id: MutationId, entry: Entry) {
        let sent_at = self.connection.map(|_| self.outcomes);
        if sent_at.is_some() {
            self.outgoing.push_back(Outgoing::Mutation(id));
        }
        self.pending.insert(id, Tracked { entry, sent_at });
    }

    /// Gives up waiting for a mutation: it is not sent again.
    pub(crate) fn forget(&mut self, id: MutationId) {
        self.pending.remove(&id);
    }

    /// A connection stands: asks for what was sent before, sends what was not. True when it
    /// replaces an earlier one.
    pub(crate) fn connected(&mut self, outcomes: u64) -> bool {
        self.connections += 1;
        self.connection = Some(self.connections);
        self.heard(outcomes);
        let (asked, fresh): (Vec<_>, Vec<_>) = self
            .pending
            .iter()
            .map(|(id, one)| (*id, one.sent_at.is_some()))
            .partition(|(_, sent)| *sent);
        let asked: Vec<_> = asked.into_iter().map(|(id, _)| id).collect();
        for ids in asked.chunks(QUERY_IDS) {
            self.push(&ToStored::OutcomeQuery { ids: ids.to_vec() });
        }
        fresh.into_iter().for_each(|(id, _)| self.send(id));
        self.connections > 1
    }

    /// The connection is gone; what cannot outlive it fails.
    pub(crate) fn disconnected(&mut self) {
        self.connection = None;
        self.outgoing.clear();
        self.notes_queued = false;
        self.writing = false;
        self.waiters.clear();
        for (_, slot) in self.uploads.drain() {
            slot.fail(StoreError::Unavailable("the writer went away during an upload".to_owned()));
        }
        self.drop_late();
    }

    /// Drops mutations past their deadline.
    pub(crate) fn drop_late(&mut self) {
        let now = Instant::now();
        self.pending.retain(|_, one| one.entry.deadline > now);
    }

    /// Ends everything.
    pub(crate) fn close(&mut self) {
        self.disconnected();
        self.pending.clear();
    }

    /// The store has kept so many outcomes.
    pub(crate) fn heard(&mut self, outcomes: u64) {
        self.outcomes = self.outcomes.max(outcomes);
    }

    /// An outcome arrived.
    pub(crate) fn resolve(&mut self, id: MutationId, outcomes: u64, answer: Answer) {
        self.heard(outcomes);
        if let Some(one) = self.pending.remove(&id) {
            // The session may have stopped waiting.
            drop(one.entry.reply.send(answer));
        }
    }

    /// The writer knows the outcome of a mutation sent before, or knows that there is none.
    pub(crate) fn known(&mut self, id: MutationId, outcomes: u64, answer: Option<Answer>) {
        self.heard(outcomes);
        if let Some(answer) = answer {
            return self.resolve(id, outcomes, answer);
        }
        let sent_at = self.pending.get(&id).and_then(|one| one.sent_at);
        if sent_at.is_some_and(|at| self.outcomes.saturating_sub(at) >= OUTCOMES as u64) {
            // Applied or not: too many others were since then for the writer to remember.
            let lost = "the writer went away and forgot what became of the change";
            return self.resolve(id, outcomes, Err(StoreError::Unavailable(lost.to_owned())));
        }
        self.send(id);
    }

    fn send(&mut self, id: MutationId) {
        if let Some(one) = self.pending.get_mut(&id) {
            one.sent_at = Some(self.outcomes);
            self.outgoing.push_back(Outgoing::Mutation(id));
        }
    }

    /// Queues a frame for the connection.
    pub(crate) fn push(&mut self, frame: &ToStored) {
        match encode(frame) {
            Ok(bytes) => self.outgoing.push_back(Outgoing::Frame(bytes.into())),
            Err(error) => tracing::error!(%error, "a request to the writer cannot be encoded"),
        }
    }

    /// Takes in notes; true when they are the first that wait. They gather until something else
    /// is sent or [`Self::queue_notes`] says so. Those under way when a connection ends may be lost.
    pub(crate) fn note(&mut self, accesses: Vec<Access>, now: std::time::Instant) -> bool {
        let first = !self.has_notes();
        accesses.into_iter().for_each(|access| self.notes.note(access, now));
        first && self.has_notes()
    }

    /// Whether notes wait.
    pub(crate) fn has_notes(&self) -> bool {
        self.notes.since().is_some()
    }

    /// How many notes were dropped because too many waited.
    pub(crate) const fn notes_dropped(&self) -> u64 {
        self.notes.dropped()
    }

    /// Whether all that was to be sent is handed over.
    pub(crate) fn is_drained(&self) -> bool {
        self.outgoing.is_empty() && !self.has_notes() && !self.writing
    }

    /// Lets the notes go next: ahead of changes, whose commit can take them along.
    pub(crate) fn queue_notes(&mut self) {
        if self.connection.is_some() && self.has_notes() && !self.notes_queued {
            self.notes_queued = true;
            self.outgoing.push_front(Outgoing::Notes);
        }
    }

    fn notes_frame(&mut self) -> Option<Bytes> {
        self.notes_queued = false;
        let notes = self.notes.take(FRAME_NOTES);
        self.queue_notes();
        let frame = encode(&ToStored::NoteAccess { notes });
        frame.map(Bytes::from).inspect_err(|error| tracing::error!(%error, "notes are lost")).ok()
    }

    /// Takes the next frames to write, about `bytes` of them.
    pub(crate) fn take_outgoing(&mut self, bytes: usize) -> Vec<Bytes> {
        if !self.outgoing.is_empty() {
            self.queue_notes();
        }
        let mut taken = Vec::new();
        let mut size = 0;
        while size < bytes {
            let frame = match self.outgoing.pop_front() {
                Some(Outgoing::Frame(frame)) => Some(frame),
                Some(Outgoing::Mutation(id)) => {
                    self.pending.get(&id).map(|o| o.entry.frame.clone())
                }
                Some(Outgoing::Notes) => self.notes_frame(),
                None => break,
            };
            size += frame.as_ref().map_or(0, Bytes::len);
            taken.extend(frame);
        }
        self.writing = !taken.is_empty();
        taken
    }

    /// Begins an upload on the current connection.
    pub(crate) fn begin_upload(&mut self) -> Option<Arc<Slot>> {
        let connection = self.connection?;
        let number = self.number();
        let slot = Arc::new(Slot::new(connection, number));
        self.uploads.insert(number, Arc::clone(&slot));
        self.push(&ToStored::UploadBegin { upload: number });
        Some(slot)
    }

    /// Sends a frame of an upload; false when its connection is gone.
    pub(crate) fn push_upload(&mut self, slot: &Slot, frame: &ToStored) -> bool {
        let stands = self.connection == Some(slot.connection);
        if stands {
            self.push(frame);
        }
        stands
    }

    /// The upload with this number.
    pub(crate) fn upload(&self, number: u32) -> Option<&Arc<Slot>> {
        self.uploads.get(&number)
    }

    /// Forgets an upload that has ended.
    pub(crate) fn end_upload(&mut self, slot: &Slot) {
        if self.connection == Some(slot.connection) {
            self.uploads.remove(&slot.number);
        }
    }

    /// Sends a request; false when there is no connection.
    pub(crate) fn request(&mut self, waiter: Waiter, frame: impl FnOnce(u32) -> ToStored) -> bool {
        let stands = self.connection.is_some();
        if stands {
            let number = self.number();
            self.waiters.insert(number, waiter);
            self.push(&frame(number));
        }
        stands
    }

    /// Who waits for the answer to a request.
    pub(crate) fn waiter(&mut self, request: u32) -> Option<Waiter> {
        self.waiters.remove(&request)
    }

    const fn number(&mut self) -> u32 {
        self.last_number = self.last_number.wrapping_add(1);
        self.last_number
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::sync::Semaphore;
    use waypost_store::{AccessKind, AccessService};

    fn track(link: &mut Link, id: u128) -> oneshot::Receiver<Answer> {
        let room = Arc::new(Semaphore::new(2));
        let share = || Arc::clone(&room).try_acquire_owned().expect("room");
        let (reply, answer) = oneshot::channel();
        let deadline = Instant::now() + Duration::from_secs(60);
        let frame = Bytes::from(format!("mutation {id}"));
        link.track(MutationId(id), Entry { frame, reply, deadline, _share: [share(), share()] });
        answer
    }

    #[test]
    fn after_a_reconnect_only_what_was_not_applied_is_sent_again() {
        let mut link = Link::default();
        link.connected(0);
        let mut answers: Vec<_> = (1..=2).map(|id| track(&mut link, id)).collect();
        assert_eq!(link.take_outgoing(1_000).len(), 2);
        link.disconnected();
        let mut late = track(&mut link, 3);
        assert!(link.connected(1), "a second connection");
        let frames = link.take_outgoing(1_000);
        assert_eq!(frames.len(), 2, "one query, and what was never sent");
        assert_eq!(frames[1], "mutation 3");
        link.known(MutationId(1), 1, Some(Ok(Outcome::Done)));
        link.known(MutationId(2), 1, None);
        assert_eq!(link.take_outgoing(1_000), ["mutation 2"]);
        assert_eq!(answers[0].try_recv(), Ok(Ok(Outcome::Done)));
        assert!(answers[1].try_recv().is_err() && late.try_recv().is_err());
    }

    #[test]
    fn what_the_writer_may_have_forgotten_is_not_sent_twice() {
        let mut link = Link::default();
        link.connected(5);
        let mut old = track(&mut link, 1);
        link.heard(6 + OUTCOMES as u64);
        let mut fresh = track(&mut link, 2);
        link.take_outgoing(1_000);
        link.disconnected();
        link.connected(6 + OUTCOMES as u64);
        link.take_outgoing(1_000);
        link.known(MutationId(1), 6 + OUTCOMES as u64, None);
        link.known(MutationId(2), 6 + OUTCOMES as u64, None);
        assert!(matches!(old.try_recv(), Ok(Err(StoreError::Unavailable(_)))));
        assert_eq!(link.take_outgoing(1_000), ["mutation 2"]);
        assert!(fresh.try_recv().is_err());
    }

    fn noted(frame: &[u8]) -> Vec<crate::notes::Noted> {
        // The length stands before the body.
        match postcard::from_bytes(&frame[4..]) {
            Ok(ToStored::NoteAccess { notes }) => notes,
            other => panic!("{other:?}"),
        }
    }

    fn log_in(name: &str, at: i64) -> Access {
        let account = waypost_types::AccountName::new(name).expect("a valid name");
        let (service, kind) = (AccessService::Imap, AccessKind::LogIn);
        Access { account, service, kind, at }
    }

    #[test]
    fn notes_gather_while_the_socket_is_busy_or_away() {
        let (mut link, now) = (Link::default(), std::time::Instant::now());
        link.note(vec![log_in("a", 1)], now);
        assert!(link.take_outgoing(1_000).is_empty(), "not connected yet");
        link.connected(0);
        assert!(!link.note(vec![log_in("b", 1), log_in("a", 2)], now), "not the first");
        assert!(link.take_outgoing(1_000).is_empty() && !link.is_drained(), "they gather");
        link.queue_notes();
        let frames = link.take_outgoing(1_000_000);
        assert_eq!(frames.len(), 1);
        let notes = noted(&frames[0]);
        assert_eq!(notes.len(), 2);
        assert_eq!(notes[0].1.of(AccessService::Imap).log_in, Some(2));
        assert!(!link.is_drained(), "it is being written");
        assert!(link.take_outgoing(1_000).is_empty() && link.is_drained());
        assert!(link.note(vec![log_in("c", 3)], now), "the first again");
        link.queue_notes();
        link.disconnected();
        let _answer = track(&mut link, 1);
        link.connected(0);
        let frames = link.take_outgoing(1_000);
        assert_eq!(noted(&frames[0])[0].0.as_str(), "c", "not sent before, now ahead of changes");
        assert_eq!(frames[1], "mutation 1");
    }

    #[test]
    fn a_frame_of_notes_is_bounded() {
        let mut link = Link::default();
        link.connected(0);
        let many = (0..=FRAME_NOTES).map(|n| log_in(&format!("user{n}"), 1)).collect();
        link.note(many, std::time::Instant::now());
        link.queue_notes();
        let sizes: Vec<_> = link.take_outgoing(usize::MAX).iter().map(|f| noted(f).len()).collect();
        assert_eq!(sizes, [FRAME_NOTES, 1]);
    }

    #[test]
    fn what_nobody_waits_for_any_more_is_not_sent() {
        let mut link = Link::default();
        link.connected(0);
        let _answers: Vec<_> = (1..=3).map(|id| track(&mut link, id)).collect();
        link.forget(MutationId(2));
        assert_eq!(link.take_outgoing(1_000), ["mutation 1", "mutation 3"]);
        assert!(link.take_outgoing(1_000).is_empty());
    }
}
