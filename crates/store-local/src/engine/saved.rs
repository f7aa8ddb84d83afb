//! Saving, the batch's side: what changed that no record of a message tells goes into the segment along
//! with the batch. Deliveries and appends need nothing: their filing notes say it all.
//!
//! Changes of lists (mailboxes, names, subscriptions) and copies are written whole. Of flags and
//! expunges only the first after a state was saved is noted: from there on the mailbox is *open*, its
//! true state is in the metadata alone, until [`super::saver`] saves it again.

use super::work::Work;
use crate::codec::corrupt;
use crate::codec::rows::SegmentRow;
use crate::codec::saved::{Saved, SavedArrival, SavedChange, SavedKey, SavedName, SavedRow};
use crate::env;
use crate::keys;
use crate::segment::{self, HEADER_BYTES, Header, Kind};
use std::collections::{BTreeMap, BTreeSet};
use waypost_store::{ChangeKind, Mailbox, MessageRow, StoreError};
use waypost_types::{AccountId, BlobId, FlagSet, MailboxId, ModSeq, Uid};

/// Changes of a batch, by account.
#[derive(Default)]
pub(super) struct Unsaved {
    changes: BTreeMap<AccountId, Vec<SavedChange>>,
    /// Whether a filing note tells of the arrivals of the mutation in hand.
    pub(super) noted: bool,
    /// Segments that a crash has left, and where their records end.
    ends: Vec<(u64, u64)>,
    /// Whether flags and expunges are not noted, since segments have no space.
    spares: bool,
    /// Accounts of which something was not noted.
    spared: BTreeSet<AccountId>,
}

impl Unsaved {
    /// Nothing, but the ends of segments that a crash has left.
    pub(super) fn new(ends: Vec<(u64, u64)>) -> Self {
        Self { ends, ..Self::default() }
    }

    /// What leaves flags and expunges unnoted: mail can be deleted where no space is left, at the price that these changes
    /// are unknown until the account is saved again, should the metadata be lost before.
    pub(super) fn sparing() -> Self {
        Self { spares: true, ..Self::default() }
    }
}

impl Work<'_, '_> {
    /// Notes a change for the segment.
    pub(super) fn tell(&mut self, account: AccountId, change: SavedChange) {
        self.unsaved.changes.entry(account).or_default().push(change);
    }

    /// Notes what a record of the change log means for the saved states.
    pub(super) fn tell_kind(
        &mut self,
        account: AccountId,
        mailbox: MailboxId,
        kind: &ChangeKind,
    ) -> Result<(), StoreError> {
        match kind {
            ChangeKind::Flags(_) | ChangeKind::Expunged(_) => self.open(account, mailbox),
            ChangeKind::Created => {
                let made = &self.mailbox(account, mailbox)?.value;
                let made = SavedChange::Made(saved_name(made), made.modseq);
                self.tell(account, made);
                Ok(())
            }
            ChangeKind::Renamed => {
                let renamed = &self.mailbox(account, mailbox)?.value;
                let (name, modseq) = (renamed.name.clone(), renamed.modseq);
                self.tell(account, SavedChange::Renamed(mailbox, name, modseq));
                Ok(())
            }
            ChangeKind::Deleted => {
                self.tell(account, SavedChange::Deleted(mailbox));
                Ok(())
            }
            ChangeKind::Arrived(_) | ChangeKind::Subscribed => Ok(()),
        }
    }

    /// Notes a copy of an email that the account has already.
    pub(super) fn tell_arrival(
        &mut self,
        account: AccountId,
        mailbox: MailboxId,
        uid: Uid,
        (row, flags, modseq): (&MessageRow, &FlagSet, ModSeq),
    ) {
        if self.unsaved.noted {
            return;
        }
        let MessageRow { email, internal_date, saved, .. } = *row;
        let flags = flags.clone();
        let arrival = SavedArrival { uid, email, modseq, internal_date, saved, flags };
        self.tell(account, SavedChange::Arrived(mailbox, arrival));
    }

    /// The state of a mailbox is in the metadata alone from now on.
    fn open(&mut self, account: AccountId, mailbox: MailboxId) -> Result<(), StoreError> {
        if self.unsaved.spares {
            self.unsaved.spared.insert(account);
            return Ok(());
        }
        let row = self.saved_row(SavedKey::Mailbox(account, mailbox))?;
        if row.is_some_and(|row| row.mark == OPEN) {
            return Ok(());
        }
        self.reopen(account, mailbox)
    }

    /// The same, whatever is known.
    pub(super) fn reopen(
        &mut self,
        account: AccountId,
        mailbox: MailboxId,
    ) -> Result<(), StoreError> {
        let key = SavedKey::Mailbox(account, mailbox);
        let row = SavedRow { mark: OPEN, ..self.saved_row(key)?.unwrap_or_default() };
        let tables = self.tables;
        self.put(&tables.saved, &key.encode(), &row.encode())?;
        self.tell(account, SavedChange::Opened(mailbox));
        Ok(())
    }

    /// Writes down what was noted; the accounts that it is about.
    pub(super) fn write_changes(&mut self) -> Result<Vec<AccountId>, StoreError> {
        let changes = std::mem::take(&mut self.unsaved.changes);
        let mut accounts: Vec<AccountId> =
            std::mem::take(&mut self.unsaved.spared).into_iter().collect();
        for (account, changes) in changes {
            let number = self.numbers.blob;
            let key = SavedKey::Changes(account, number);
            let modseq = self.account(account)?.value.modseq;
            self.save(key, &Saved::Changes(modseq, changes), SavedRow::default())?;
            accounts.push(account);
        }
        if self.writes > 0 && !self.unsaved.ends.is_empty() {
            self.forget_ends()?;
            for (segment, end) in std::mem::take(&mut self.unsaved.ends) {
                self.save(SavedKey::End(segment), &Saved::End(end), SavedRow::default())?;
            }
        }
        Ok(accounts)
    }

    /// Ends of segments that are gone.
    fn forget_ends(&mut self) -> Result<(), StoreError> {
        let mut gone = Vec::new();
        for entry in env::under(&self.tables.saved, &self.txn, &SavedKey::ends())? {
            let key = entry?.0;
            let Some(SavedKey::End(segment)) = SavedKey::decode(key) else { continue };
            if env::get(&self.tables.segments, &self.txn, &keys::number(segment))?.is_none() {
                gone.push(key.to_vec());
            }
        }
        gone.iter().try_for_each(|key| self.forget_saved(key))
    }

    /// What is known of a key; a row that cannot be read is as good as none.
    pub(super) fn saved_row(&self, key: SavedKey) -> Result<Option<SavedRow>, StoreError> {
        let value = env::get(&self.tables.saved, &self.txn, &key.encode())?;
        Ok(value.and_then(SavedRow::decode))
    }

    /// Appends a record and lets it take the place of the one before; the row with its number.
    pub(super) fn save(
        &mut self,
        key: SavedKey,
        saved: &Saved,
        row: SavedRow,
    ) -> Result<SavedRow, StoreError> {
        let failed = |error: postcard::Error| StoreError::Io(format!("saved state: {error}"));
        let mut body = postcard::to_allocvec(saved).map_err(failed)?;
        let key = key.encode();
        // Small records without padding, which would count as dead.
        let size = (HEADER_BYTES + key.len() + body.len()) as u64;
        let padding = usize::try_from(segment::aligned(size) - size).unwrap_or(0);
        body.resize(body.len() + padding, 0);
        let header = Header::new(Kind::State, BlobId(self.numbers.blob), &key, &body);
        self.numbers.blob += 1;
        let place = self.files.append(self.numbers, &header, &key, &body)?;
        self.forget_saved(&key)?;
        let (number, bytes) = (header.blob.0, header.size());
        let (segment, offset) = (place.segment, place.offset);
        let row = SavedRow { number, segment, offset, bytes, ..row };
        let tables = self.tables;
        self.put(&tables.saved, &key, &row.encode())?;
        Ok(row)
    }

    /// Removes a row: its record is dead.
    pub(super) fn forget_saved(&mut self, key: &[u8]) -> Result<(), StoreError> {
        let tables = self.tables;
        let Some(value) = env::get(&tables.saved, &self.txn, key)? else { return Ok(()) };
        let row = SavedRow::decode(value).unwrap_or_default();
        self.delete(&tables.saved, key)?;
        let segment = keys::number(row.segment);
        let Some(value) = env::get(&tables.segments, &self.txn, &segment)? else { return Ok(()) };
        let damaged = || corrupt(format!("row of segment {}", row.segment));
        let old = SegmentRow::decode(value).ok_or_else(damaged)?;
        let new = SegmentRow { live: old.live.saturating_sub(row.bytes), ..old };
        if new == old { Ok(()) } else { self.put(&tables.segments, &segment, &new.encode()) }
    }

    /// Removes at most `most` rows whose keys begin so; how many there were.
    pub(super) fn forget_all_saved(
        &mut self,
        prefix: &[u8],
        most: usize,
    ) -> Result<usize, StoreError> {
        let entries = env::under(&self.tables.saved, &self.txn, prefix)?.take(most);
        let keys: Vec<Vec<u8>> =
            entries.map(|entry| entry.map(|(key, _)| key.to_vec())).collect::<Result<_, _>>()?;
        for key in &keys {
            self.forget_saved(key)?;
        }
        Ok(keys.len())
    }
}

/// The mark of a mailbox whose state is in the metadata alone.
pub(super) const OPEN: u32 = 1;

/// A mailbox as its account lists it.
pub(super) fn saved_name(mailbox: &Mailbox) -> SavedName {
    SavedName {
        id: mailbox.id,
        name: mailbox.name.clone(),
        uid_validity: mailbox.uid_validity,
        special_use: mailbox.special_use,
    }
}
