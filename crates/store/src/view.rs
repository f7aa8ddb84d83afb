//! What one session has shown its client of a mailbox, and the one way it advances.
//!
//! `catch_up` learns what happened up to a snapshot and keeps it as pending; `announce` moves what
//! the protocol allows at that point into what is shown. Both are idempotent. An IMAP session may
//! not announce expunges during FETCH, STORE and SEARCH (RFC 3501 section 7.4.1), so arrivals and
//! flags go ahead of them: a message that is shown may be gone from the store.

use crate::{Change, ChangeKind, Changes, Mailbox, Snapshot, StatePage, StoreError};
use std::sync::Arc;
use waypost_types::{AccountId, MailboxId, ModSeq, Uid, UidSet};

/// A session's view of one mailbox.
#[derive(Debug, Clone)]
pub struct View {
    /// The account.
    pub account: AccountId,
    /// The mailbox.
    pub mailbox: MailboxId,
    modseq: ModSeq,
    shown: Arc<UidSet>,
    expunged: UidSet,
    flags: UidSet,
    live: Arc<UidSet>,
    gone: bool,
}

/// What a session has to tell its client, in this order: expunges, then arrivals, then flags.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Announcement {
    /// Messages that left, with the set they leave (for sequence numbers).
    pub expunged: UidSet,
    /// What was shown before.
    pub before: Arc<UidSet>,
    /// Whether the number of messages must be told.
    pub arrived: bool,
    /// Shown messages whose flags changed.
    pub flags: UidSet,
    /// The mailbox was deleted: the session must end its selection.
    pub gone: bool,
}

impl View {
    /// Opens a view as of the snapshot; `None` when there is no such mailbox.
    pub fn open(
        snapshot: &dyn Snapshot,
        account: AccountId,
        mailbox: MailboxId,
    ) -> Result<Option<(Self, Mailbox)>, StoreError> {
        let Some(record) = snapshot.mailbox(account, mailbox)? else { return Ok(None) };
        let live = snapshot.live(&record)?;
        let view = Self {
            account,
            mailbox,
            modseq: record.modseq,
            shown: Arc::clone(&live),
            expunged: UidSet::new(),
            flags: UidSet::new(),
            live,
            gone: false,
        };
        Ok(Some((view, record)))
    }

    /// The messages as the client knows them; sequence numbers are ranks in this set.
    pub const fn shown(&self) -> &Arc<UidSet> {
        &self.shown
    }

    /// Shown messages that have left the store and whose expunge is not announced yet.
    pub const fn expunged(&self) -> &UidSet {
        &self.expunged
    }

    /// The modification sequence up to which the view has caught up.
    pub const fn modseq(&self) -> ModSeq {
        self.modseq
    }

    /// Whether something waits to be announced, expunges counted only if `with_expunges`.
    pub fn has_news(&self, with_expunges: bool) -> bool {
        self.gone
            || !self.flags.is_empty()
            || (with_expunges && !self.expunged.is_empty())
            || self.live.last() > self.shown.last()
    }

    /// Learns everything up to the snapshot. Cost: the changes since the last time, not the mailbox.
    pub fn catch_up(&mut self, snapshot: &dyn Snapshot) -> Result<(), StoreError> {
        let Some(record) = snapshot.mailbox(self.account, self.mailbox)? else {
            self.gone = true;
            return Ok(());
        };
        if record.modseq <= self.modseq {
            return Ok(());
        }
        let live = snapshot.live(&record)?;
        match snapshot.changes(self.account, self.modseq)? {
            Changes::Complete(changes) => self.learn(&changes),
            Changes::TooOld => self.learn_from_pages(snapshot, &live)?,
        }
        self.expunged.extend_from(&self.shown.difference(&live));
        self.flags = self.flags.intersection(&self.shown).difference(&self.expunged);
        self.live = live;
        self.modseq = record.modseq;
        Ok(())
    }

    /// Takes what may be announced now and counts it as shown.
    pub fn announce(&mut self, with_expunges: bool) -> Announcement {
        let before = Arc::clone(&self.shown);
        let arrived = self.live.last() > before.last();
        let expunged =
            if with_expunges { std::mem::take(&mut self.expunged) } else { UidSet::new() };
        if arrived || !expunged.is_empty() {
            self.show();
        }
        let flags = std::mem::take(&mut self.flags);
        Announcement { expunged, before, arrived, flags, gone: self.gone }
    }

    /// Forgets a pending flag announcement, for what the session itself just told (a STORE reply).
    pub fn told_flags(&mut self, uids: &UidSet) {
        self.flags.remove_all(uids);
    }

    fn show(&mut self) {
        if self.expunged.is_empty() {
            self.shown = Arc::clone(&self.live);
        } else {
            let mut shown = (*self.live).clone();
            shown.extend_from(&self.expunged);
            self.shown = Arc::new(shown);
        }
    }

    fn learn(&mut self, changes: &[Change]) {
        for change in changes.iter().filter(|change| change.mailbox == self.mailbox) {
            if let ChangeKind::Flags(uids) = &change.kind {
                self.flags.extend_from(uids);
            }
        }
    }

    fn learn_from_pages(
        &mut self,
        snapshot: &dyn Snapshot,
        live: &UidSet,
    ) -> Result<(), StoreError> {
        let mut number = live.first().map_or(0, StatePage::number_of);
        while let Some(page) = snapshot.page_from(self.mailbox, number)? {
            if page.highest_modseq() > self.modseq {
                let changed = |at: &u32| page.modseq(*at) > self.modseq;
                let uids: Vec<Uid> =
                    page.live.iter().filter(changed).map(|at| page.uid(at)).collect();
                self.flags.extend_from(&uids.into_iter().collect());
            }
            number = page.number + 1;
        }
        Ok(())
    }
}
