//! FETCH and UID FETCH (RFC 3501 section 6.4.5) with CHANGEDSINCE (RFC 7162 section 3.1.4), EMAILID
//! and THREADID (RFC 8474): message by message, large sections range by range.

mod item;
mod plain;
mod section;

use super::{Job, Started, enable_condstore};
use crate::announce::Pages;
use crate::flow::{Completion, Env, Flow, Signal, Stepped};
use crate::state::Selected;
use item::{Message, Written};
use std::cell::Cell;
use std::ops::Range;
use std::sync::Arc;
use tracing::error;
use waypost_imap_wire::{FetchItem, ResponseCode, SequenceSet};
use waypost_net::session::OUTPUT_STEP_BYTES;
use waypost_store::{
    Body, FlagAction, KeywordId, Mutation, PAGE_UIDS, Snapshot, StatePage, StoreError,
};
use waypost_types::{FlagSet, Keyword, ModSeq, SystemFlag, Uid, UidSet};

/// Messages looked at in one step when none of them has to be told.
const STEP_MESSAGES: usize = 10_000;
/// Bytes of headers that one step looks at before it gives its thread back; a form counts by a share of
/// its bytes.
const STEP_HEADER_BYTES: u64 = 256 << 10;

/// Tells data of messages.
pub(crate) struct Fetch {
    /// The command speaks of UIDs.
    uid: bool,
    uids: UidSet,
    /// The first message not begun yet.
    next: Option<Uid>,
    items: Vec<FetchItem>,
    changed_since: Option<ModSeq>,
    /// Whether delivered messages become `\Seen`.
    marks_seen: bool,
    /// Delivered messages that are not `\Seen` yet.
    to_mark: UidSet,
    /// The message whose response is not complete.
    current: Option<Box<Message>>,
    /// A section of it whose bytes are not all sent.
    streaming: Option<Streaming>,
    /// A message asked for has left, and its data with it.
    missed: bool,
    /// A message asked for is damaged and was left out.
    damaged: bool,
}

/// A section under way; the body stays readable without a snapshot.
struct Streaming {
    body: Arc<dyn Body>,
    range: Range<u64>,
}

/// What of the open mailbox the items need.
struct Open<'a> {
    snapshot: &'a dyn Snapshot,
    keywords: Arc<[(KeywordId, Keyword)]>,
    /// Bytes of headers looked at in this step.
    looked: Cell<u64>,
}

impl Open<'_> {
    /// Counts bytes that were looked at.
    fn look(&self, bytes: u64) {
        self.looked.set(self.looked.get().saturating_add(bytes));
    }

    /// Whether the step has cost its share, however little it has put out.
    const fn is_spent(&self) -> bool {
        self.looked.get() >= STEP_HEADER_BYTES
    }
}

pub(super) fn start(
    open: &mut Selected,
    env: &mut Env<'_>,
    uid: bool,
    set: &SequenceSet,
    mut items: Vec<FetchItem>,
    changed_since: Option<ModSeq>,
) -> Started {
    let Ok(uids) = open.resolve(set, uid) else { return Completion::out_of_range().into() };
    require(&mut items, FetchItem::Uid, uid);
    // Once enabled, flags come with it always (RFC 7162 section 3.1).
    let flags_with_it = open.has_condstore() && items.contains(&FetchItem::Flags);
    require(&mut items, FetchItem::ModSeq, changed_since.is_some() || flags_with_it);
    if items.contains(&FetchItem::ModSeq) {
        enable_condstore(open, env.out);
    }
    let marks_seen = !open.read_only && items.iter().any(FetchItem::sets_seen);
    Started::Job(Job::Fetch(Box::new(Fetch {
        uid,
        next: uids.first(),
        uids,
        items,
        changed_since,
        marks_seen,
        to_mark: UidSet::new(),
        current: None,
        streaming: None,
        missed: false,
        damaged: false,
    })))
}

fn require(items: &mut Vec<FetchItem>, item: FetchItem, needed: bool) {
    if needed && !items.contains(&item) {
        items.insert(0, item);
    }
}

impl Fetch {
    pub(super) const fn is_mid_response(&self) -> bool {
        self.current.is_some()
    }

    pub(super) fn step(
        &mut self,
        open: &mut Selected,
        env: &mut Env<'_>,
        signal: Signal,
    ) -> Stepped {
        if matches!(signal, Signal::Outcome(_)) {
            return Ok(self.completion().into());
        }
        let told = self.tell(open, env);
        match told {
            Ok(true) => Ok(self.mark(open, env)),
            Ok(false) => Ok(Flow::Work),
            Err(failure) if self.is_mid_response() => Ok(Flow::Broken(failure)),
            Err(failure) => Err(failure),
        }
    }

    /// Tells as much as fits; true when all is told.
    fn tell(&mut self, open: &mut Selected, env: &mut Env<'_>) -> Result<bool, StoreError> {
        if !self.stream(env)? {
            return Ok(false);
        }
        let snapshot = env.store.snapshot()?;
        let keywords = match self.current {
            // Nothing may come between the items of a response.
            Some(_) => snapshot.keywords(open.mailbox())?,
            None => open.tell_keywords(snapshot.as_ref(), env.out)?,
        };
        let context = Open { snapshot: snapshot.as_ref(), keywords, looked: Cell::new(0) };
        if let Some(message) = self.current.take()
            && !self.write(message, open, &context, env)?
        {
            return Ok(false);
        }
        if plain::are_plain(&self.items) {
            return self.tell_plain(open, &context, env);
        }
        self.tell_messages(open, &context, env)
    }

    fn tell_messages(
        &mut self,
        open: &Selected,
        context: &Open<'_>,
        env: &mut Env<'_>,
    ) -> Result<bool, StoreError> {
        let mut pages = Pages::new(context.snapshot, open.mailbox());
        for _ in 0..STEP_MESSAGES {
            let Some(uid) = self.next else { return Ok(true) };
            if env.is_full() || context.is_spent() {
                return Ok(false);
            }
            self.next = self.after(uid);
            let page = pages.page_of(uid)?;
            if self.skips_page(page) {
                self.next = self.after(last_of_page(uid));
                continue;
            }
            if let Some(message) = self.find(uid, page, open, context)?
                && !self.write(message, open, context, env)?
            {
                return Ok(false);
            }
        }
        Ok(false)
    }

    fn after(&self, uid: Uid) -> Option<Uid> {
        uid.0.checked_add(1).and_then(|next| self.uids.iter_from(Uid(next)).next())
    }

    /// Whether nothing on the page was changed since the client's mark.
    fn skips_page(&self, page: Option<&StatePage>) -> bool {
        self.changed_since
            .is_some_and(|since| page.is_none_or(|page| page.highest_modseq() <= since))
    }

    /// The message to tell; `None` when it has not changed, or has left and what is asked with it.
    fn find(
        &mut self,
        uid: Uid,
        page: Option<&StatePage>,
        open: &Selected,
        context: &Open<'_>,
    ) -> Result<Option<Box<Message>>, StoreError> {
        let Some(sequence) = open.view.shown().sequence_of(uid) else { return Ok(None) };
        let state = page.and_then(|page| page.state(crate::announce::position(uid)));
        let unchanged = |since| state.as_ref().is_none_or(|state| state.modseq <= since);
        if self.changed_since.is_some_and(unchanged) {
            return Ok(None);
        }
        if state.is_none() && self.items.iter().any(item::needs_state) {
            self.missed = true;
            return Ok(None);
        }
        let mut message = Message::new(uid, sequence, state);
        match message.read(&self.items, open, context) {
            Ok(true) => return Ok(Some(Box::new(message))),
            Ok(false) => self.missed = true,
            Err(failure @ (StoreError::Corrupt(_) | StoreError::Io(_))) => {
                self.leave_out(uid, open, &failure);
            }
            Err(failure) => return Err(failure),
        }
        Ok(None)
    }

    /// One damaged message must not keep a client from all others.
    fn leave_out(&mut self, uid: Uid, open: &Selected, failure: &StoreError) {
        let (user, mailbox) = (&open.user.identity.account, open.name.as_str());
        error!(%user, mailbox, uid = uid.0, cause = %failure, "message left out of FETCH");
        self.damaged = true;
    }

    /// Writes the items of a message; false when a section has to be streamed in a later step.
    fn write(
        &mut self,
        mut message: Box<Message>,
        open: &Selected,
        context: &Open<'_>,
        env: &mut Env<'_>,
    ) -> Result<bool, StoreError> {
        let recent = open.recent.contains(message.uid);
        loop {
            let written = message.write_next(&self.items, open.account(), recent, context, env);
            let streaming = match written {
                Ok(Written::All) => {
                    self.delivered(&message);
                    return Ok(true);
                }
                Ok(Written::Announced(body, range)) => Streaming { body, range },
                Ok(Written::Paused) => {
                    self.current = Some(message);
                    return Ok(false);
                }
                Err(failure) => return Err(self.cut_short(message, failure)),
            };
            self.streaming = Some(streaming);
            match self.stream(env) {
                Ok(true) => {}
                Ok(false) => {
                    self.current = Some(message);
                    return Ok(false);
                }
                Err(failure) => return Err(self.cut_short(message, failure)),
            }
        }
    }

    /// Keeps a message whose response is cut short, if any of it was written.
    fn cut_short(&mut self, message: Box<Message>, failure: StoreError) -> StoreError {
        if message.is_begun() {
            self.current = Some(message);
        }
        failure
    }

    fn delivered(&mut self, message: &Message) {
        if self.marks_seen && message.is_unseen() {
            self.to_mark.insert(message.uid);
        }
    }

    /// Sends bytes of the section under way; true when none are left.
    fn stream(&mut self, env: &mut Env<'_>) -> Result<bool, StoreError> {
        let Some(Streaming { body, range }) = &mut self.streaming else { return Ok(true) };
        let room = OUTPUT_STEP_BYTES.saturating_sub(env.out.len()) as u64;
        let end = range.end.min(range.start.saturating_add(room));
        let before = env.out.len();
        body.append_to(range.start..end, env.out)?;
        if (env.out.len() - before) as u64 != end - range.start {
            return Err(StoreError::Corrupt("a message is shorter than its record says".into()));
        }
        range.start = end;
        if range.start < range.end {
            return Ok(false);
        }
        self.streaming = None;
        Ok(true)
    }

    /// Sets `\Seen` on what was delivered, in one change.
    fn mark(&mut self, open: &Selected, env: &Env<'_>) -> Flow {
        if self.to_mark.is_empty() {
            return self.completion().into();
        }
        env.submit(Mutation::SetFlags {
            account: open.account(),
            mailbox: open.mailbox(),
            uids: std::mem::take(&mut self.to_mark),
            action: FlagAction::Add,
            flags: FlagSet::system(&[SystemFlag::Seen]),
            unchanged_since: None,
        })
    }

    /// A UID that has left is ignored without an error (RFC 3501 section 6.4.8).
    fn completion(&self) -> Completion {
        if self.missed && !self.uid {
            let text = "Some of the messages no longer exist";
            return Completion::no(ResponseCode::ExpungeIssued, text);
        }
        if self.damaged {
            let text = "Some of the messages are damaged; the administrator can see which";
            return Completion::no(ResponseCode::Corruption, text);
        }
        Completion::ok("FETCH completed")
    }
}

/// The last UID of the page that holds `uid`.
fn last_of_page(uid: Uid) -> Uid {
    Uid(uid.0 | (PAGE_UIDS - 1))
}

const _: () = assert!(PAGE_UIDS.is_power_of_two());
