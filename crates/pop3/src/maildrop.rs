//! The maildrop of one session: the inbox as it was at login, and what the client did to it.

use crate::limits;
use crate::update::Update;
use std::sync::Arc;
use waypost_store::{Bits512, PAGE_UIDS, Snapshot, StatePage, Store, StoreError, View, Watch};
use waypost_types::{
    AccountId, AccountName, MailboxId, MailboxName, SystemFlag, Uid, UidSet, UidValidity,
};

/// A maildrop. Its view never catches up: message numbers are ranks in one set of UIDs.
pub(crate) struct Maildrop {
    view: View,
    uid_validity: UidValidity,
    /// Sizes of all messages of the view together, deleted ones included.
    bytes: u64,
    deleted: UidSet,
    /// Deleted messages whose sizes are in `deleted_bytes`.
    weighed: UidSet,
    deleted_bytes: u64,
    /// Messages that were fetched whole and were not `\Seen`.
    retrieved: UidSet,
    /// The state page of the last message that was looked at, and which of its messages were `\Seen`.
    seen: Option<(u32, Bits512)>,
    /// Keeps the rows of messages that others expunge while this session shows them.
    _watch: Box<dyn Watch>,
}

/// The number of a user's account; `None` when the account is not made yet.
pub(crate) fn account(
    store: &dyn Store,
    name: &AccountName,
) -> Result<Option<AccountId>, StoreError> {
    Ok(store.snapshot()?.account(name)?.map(|account| account.id))
}

impl Maildrop {
    /// Opens the inbox of an account as of now.
    pub(crate) fn open(store: &dyn Store, account: AccountId) -> Result<Self, StoreError> {
        let watch = store.watch(account, Arc::new(|| {}));
        let snapshot = store.snapshot()?;
        let inbox = snapshot.mailbox_named(account, &MailboxName::inbox())?;
        let inbox = inbox.ok_or(StoreError::NoSuchMailbox)?.id;
        let opened = View::open(&*snapshot, account, inbox)?;
        let (view, record) = opened.ok_or(StoreError::NoSuchMailbox)?;
        watch.showing(Some((inbox, view.modseq())));
        Ok(Self {
            view,
            uid_validity: record.uid_validity,
            bytes: record.counters.bytes,
            deleted: UidSet::new(),
            weighed: UidSet::new(),
            deleted_bytes: 0,
            retrieved: UidSet::new(),
            seen: None,
            _watch: watch,
        })
    }

    pub(crate) const fn account(&self) -> AccountId {
        self.view.account
    }

    pub(crate) const fn mailbox(&self) -> MailboxId {
        self.view.mailbox
    }

    /// Every message of the session; message numbers are ranks in this set.
    pub(crate) fn shown(&self) -> Arc<UidSet> {
        Arc::clone(self.view.shown())
    }

    /// Messages that are not deleted.
    pub(crate) fn messages(&self) -> u32 {
        self.view.shown().len().saturating_sub(self.deleted.len())
    }

    /// Bytes of the messages that are not deleted; right when [`Maildrop::is_weighed`].
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes.saturating_sub(self.deleted_bytes)
    }

    /// The message with this number, unless it is deleted.
    pub(crate) fn find(&self, number: u32) -> Option<Uid> {
        self.view.shown().uid_at(number).filter(|uid| !self.is_deleted(*uid))
    }

    pub(crate) fn is_deleted(&self, uid: Uid) -> bool {
        self.deleted.contains(uid)
    }

    /// The unique id of a message: permanent, 3 to 21 characters (RFC 1939 section 7, UIDL).
    pub(crate) fn unique_id(&self, uid: Uid) -> String {
        format!("{}.{uid}", self.uid_validity)
    }

    /// Marks a message as deleted. Its size is asked for only when somebody wants the sum, so that
    /// deleting needs no read.
    pub(crate) fn delete(&mut self, uid: Uid) {
        self.deleted.insert(uid);
    }

    /// Takes all deletions back.
    pub(crate) fn undelete(&mut self) {
        self.deleted = UidSet::new();
        self.weighed = UidSet::new();
        self.deleted_bytes = 0;
    }

    /// Looks whether a message is `\Seen`, before it is fetched whole: marking those that are would cost the
    /// store a commit that changes nothing.
    pub(crate) fn look(&mut self, snapshot: &dyn Snapshot, uid: Uid) {
        let number = StatePage::number_of(uid);
        if self.seen.is_some_and(|(known, _)| known == number) {
            return;
        }
        // Without its page it is marked in any case.
        let page = snapshot.page(self.view.mailbox, number).ok().flatten();
        let seen = page.map_or(Bits512::EMPTY, |page| *page.flag(SystemFlag::Seen));
        self.seen = Some((number, seen));
    }

    /// Notes that a message was fetched whole.
    pub(crate) fn retrieved(&mut self, uid: Uid) {
        let number = StatePage::number_of(uid);
        let seen = self.seen.filter(|(known, _)| *known == number);
        if !seen.is_some_and(|(_, seen)| seen.contains(uid.0 % PAGE_UIDS)) {
            self.retrieved.insert(uid);
        }
    }

    /// Whether the sizes of all deleted messages are known.
    pub(crate) fn is_weighed(&self) -> bool {
        self.weighed.len() == self.deleted.len()
    }

    /// Asks for the sizes of some deleted messages.
    pub(crate) fn weigh(&mut self, snapshot: &dyn Snapshot) -> Result<(), StoreError> {
        let missing = self.deleted.difference(&self.weighed);
        for uid in missing.iter().take(limits::ROWS_PER_STEP) {
            let row = snapshot.message(self.view.mailbox, uid)?;
            self.deleted_bytes += row.map_or(0, |row| row.size);
            self.weighed.insert(uid);
        }
        Ok(())
    }

    /// What the end of the session has to write. Without QUIT nothing is removed (RFC 1939 section
    /// 6).
    pub(crate) fn into_update(self, with_deletions: bool) -> Update {
        let deleted = if with_deletions { self.deleted } else { UidSet::new() };
        Update {
            account: self.view.account,
            mailbox: self.view.mailbox,
            seen: self.retrieved.difference(&deleted),
            deleted,
        }
    }
}
