//! Telling the client what changed in its mailbox: EXPUNGE, EXISTS, RECENT and FETCH FLAGS, in
//! bounded steps.

use crate::flow::Env;
use crate::state::Selected;
use std::sync::Arc;
use waypost_imap_wire::{ResponseCode, Status, Writer};
use waypost_store::{KeywordId, MessageState, Snapshot, StatePage, StoreError};
use waypost_types::{Keyword, MailboxId, Uid, UidSet};

/// An announcement under way. A step opens its own snapshot, so a client that stops reading holds
/// none.
pub(crate) struct Announcer {
    /// Messages whose EXPUNGE is still to be told; the highest goes first, so the numbers of the
    /// others stay what they were.
    expunged: UidSet,
    before: Arc<UidSet>,
    arrived: bool,
    flags: FlagTeller,
    gone: bool,
}

/// What became of an announcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// The output is full; there is more.
    Part,
    /// All is told.
    All,
    /// All is told; the mailbox was deleted, the selection must end.
    Gone,
}

impl Announcer {
    /// Catches up with the store and takes what may be told now. `uid` asks for UIDs beside flags,
    /// as commands with `UID` do (RFC 3501 section 6.4.8).
    pub(crate) fn begin(
        selected: &mut Selected,
        env: &Env<'_>,
        with_expunges: bool,
        uid: bool,
    ) -> Result<Self, StoreError> {
        let snapshot = env.store.snapshot()?;
        // Whatever can fail comes before the view counts its news as told.
        let mailbox = snapshot.mailbox(selected.account(), selected.mailbox())?;
        selected.view.catch_up(snapshot.as_ref())?;
        let told = selected.view.announce(with_expunges);
        if told.arrived {
            let recent_from = mailbox.map_or(Uid(u32::MAX), |mailbox| mailbox.recent_from);
            selected.take_recent(env.store, &told.before, recent_from);
        }
        selected.recent.remove_all(&told.expunged);
        selected.keep_shown();
        let condstore = selected.has_condstore();
        let tell = Tell { flags: true, uid: uid || condstore, mod_seq: condstore };
        Ok(Self {
            expunged: told.expunged,
            before: told.before,
            arrived: told.arrived,
            flags: FlagTeller::new(told.flags, tell),
            gone: told.gone,
        })
    }

    /// Tells as much as fits.
    pub(crate) fn step(
        &mut self,
        selected: &mut Selected,
        env: &mut Env<'_>,
    ) -> Result<Told, StoreError> {
        if !self.tell_expunged(env) {
            return Ok(Told::Part);
        }
        if std::mem::take(&mut self.arrived) {
            let mut writer = env.writer();
            writer.exists(selected.view.shown().len());
            writer.recent(selected.recent.len());
        }
        if self.gone {
            let text = "The mailbox was deleted; no mailbox is selected now";
            env.writer().untagged(Status::Ok, Some(&ResponseCode::Closed), text);
            return Ok(Told::Gone);
        }
        Ok(if self.flags.step(selected, env)? { Told::All } else { Told::Part })
    }

    fn tell_expunged(&mut self, env: &mut Env<'_>) -> bool {
        while let Some(uid) = self.expunged.last() {
            if env.is_full() {
                return false;
            }
            self.expunged.remove(uid);
            if let Some(sequence) = self.before.sequence_of(uid) {
                env.writer().expunge(sequence);
            }
        }
        true
    }
}

/// What a FETCH response tells that no FETCH asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tell {
    pub(crate) flags: bool,
    pub(crate) uid: bool,
    pub(crate) mod_seq: bool,
}

/// Tells flags, UIDs and modification sequences of a set of messages.
pub(crate) struct FlagTeller {
    uids: UidSet,
    next: Uid,
    tell: Tell,
}

impl FlagTeller {
    pub(crate) fn new(uids: UidSet, tell: Tell) -> Self {
        Self { uids, next: Uid(1), tell }
    }

    /// Tells as much as fits; true when all is told. Messages that left meanwhile are left out.
    pub(crate) fn step(
        &mut self,
        selected: &mut Selected,
        env: &mut Env<'_>,
    ) -> Result<bool, StoreError> {
        if self.uids.last().is_none_or(|last| last < self.next) {
            return Ok(true);
        }
        let snapshot = env.store.snapshot()?;
        let keywords = selected.tell_keywords(snapshot.as_ref(), env.out)?;
        let mut pages = Pages::new(snapshot.as_ref(), selected.mailbox());
        for uid in self.uids.iter_from(self.next) {
            if env.is_full() {
                self.next = uid;
                return Ok(false);
            }
            let sequence = selected.view.shown().sequence_of(uid);
            if let (Some(sequence), Some(state)) = (sequence, pages.state(uid)?) {
                self.write(env.out, sequence, &state, selected, &keywords);
            }
        }
        self.next = Uid(u32::MAX);
        self.uids = UidSet::new();
        Ok(true)
    }

    fn write(
        &self,
        out: &mut Vec<u8>,
        sequence: u32,
        state: &MessageState,
        selected: &Selected,
        keywords: &[(KeywordId, Keyword)],
    ) {
        let mut writer = Writer::new(out);
        let mut fetch = writer.fetch(sequence);
        if self.tell.uid {
            fetch.uid(state.uid);
        }
        if self.tell.flags {
            let recent = selected.recent.contains(state.uid);
            fetch.flags(state.system, recent, keyword_names(state, keywords));
        }
        if self.tell.mod_seq {
            fetch.mod_seq(state.modseq);
        }
        fetch.end();
    }
}

/// The names of a message's keywords.
pub(crate) fn keyword_names<'k>(
    state: &'k MessageState,
    keywords: &'k [(KeywordId, Keyword)],
) -> impl Iterator<Item = &'k str> {
    state.keywords.iter().filter_map(|id| {
        let at = keywords.binary_search_by_key(id, |(id, _)| *id).ok()?;
        keywords.get(at).map(|(_, keyword)| keyword.as_str())
    })
}

/// State pages of one mailbox, the last one remembered: neighbours share it.
pub(crate) struct Pages<'s> {
    snapshot: &'s dyn Snapshot,
    mailbox: MailboxId,
    last: Option<(u32, Option<StatePage>)>,
}

impl<'s> Pages<'s> {
    pub(crate) fn new(snapshot: &'s dyn Snapshot, mailbox: MailboxId) -> Self {
        Self { snapshot, mailbox, last: None }
    }

    /// The page that holds a UID, if any of its messages is live.
    pub(crate) fn page_of(&mut self, uid: Uid) -> Result<Option<&StatePage>, StoreError> {
        let number = StatePage::number_of(uid);
        if self.last.as_ref().is_none_or(|(last, _)| *last != number) {
            self.last = Some((number, self.snapshot.page(self.mailbox, number)?));
        }
        Ok(self.last.as_ref().and_then(|(_, page)| page.as_ref()))
    }

    /// The state of a message; `None` when it is not live.
    pub(crate) fn state(&mut self, uid: Uid) -> Result<Option<MessageState>, StoreError> {
        Ok(self.page_of(uid)?.and_then(|page| page.state(position(uid))))
    }
}

/// The position of a UID in its page.
pub(crate) const fn position(uid: Uid) -> u32 {
    uid.0 % waypost_store::PAGE_UIDS
}
