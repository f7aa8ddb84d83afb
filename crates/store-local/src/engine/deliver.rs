//! Messages that come in: deliveries and appends.

use super::work::{MailboxRef, Work};
use crate::codec::rows::{self, BlobRow, EmailRecord, SegmentRow};
use crate::codec::{SEALED_BYTES_MAX, corrupt, seal};
use crate::env;
use crate::keys;
use crate::segment::{self, Filed, HEADER_BYTES, Header, Kind, Note, Placed};
use std::collections::BTreeMap;
use waypost_mime::Parsed;
use waypost_store::{
    Append, ChangeKind, Content, Deliver, Delivered, EmailRow, LimitName, MessageRow, Outcome,
    Payload, Recipient, StoreError, limits,
};
use waypost_types::{
    AccountId, BlobId, EmailId, FlagSet, MailboxName, ThreadId, Uid, UidSet, UnixTime, Usage,
};

/// Emails of one Message-ID that are looked at for a thread; who sends more of them with different
/// subjects must not make the replies dear.
const THREAD_CANDIDATES: usize = 64;

/// A blob of this batch, not yet counted.
struct NewBlob {
    id: BlobId,
    row: BlobRow,
}

/// Where a copy goes, or why it cannot.
type Targeted = Result<(MailboxRef, MailboxName), StoreError>;

impl Work<'_, '_> {
    pub(super) fn deliver(&mut self, deliver: &Deliver) -> Result<Outcome, StoreError> {
        if deliver.recipients.len() > limits::RECIPIENTS {
            return Err(StoreError::Limit(LimitName::Recipients));
        }
        let found = self.find_content(&deliver.payload)?;
        let mut targets = Vec::with_capacity(deliver.recipients.len());
        let mut planned = BTreeMap::new();
        for recipient in &deliver.recipients {
            let target = self.target(recipient)?;
            let added = Usage::of_message(deliver.payload.size());
            targets.push(match target {
                Ok(target) => self.plan(&mut planned, target, recipient, added)?,
                refused => refused,
            });
        }
        // Filed first, written then: the note says what every recipient's copy became.
        let blob = found.as_ref().map_or(BlobId(self.numbers.blob), |found| found.id);
        let mut results = Vec::with_capacity(targets.len());
        let (mut made, mut filed) = (BTreeMap::new(), Vec::new());
        for (recipient, target) in deliver.recipients.iter().zip(targets) {
            let result = match target {
                Ok((target, name)) => {
                    let made_one = self.file_for(deliver, recipient, &target, blob, &mut made)?;
                    made_one.map(|placed| {
                        filed.push(filed_as(recipient, &name, placed));
                        delivered(placed, name)
                    })
                }
                Err(error) => Err(error),
            };
            results.push(result);
        }
        if !filed.is_empty() {
            let internal_date = deliver.internal_date;
            let (saved, received) = (self.now.seconds, internal_date.seconds);
            let note = Note { internal_date, saved, received, filed };
            let blob = self.put_content(&deliver.payload, found, &note)?;
            self.count_blob(blob, made.len())?;
        }
        Ok(Outcome::Delivered(results))
    }

    /// Where a recipient's copy goes; the inner error is the recipient's own.
    fn target(&mut self, recipient: &Recipient) -> Result<Targeted, StoreError> {
        let account = self.ensure_account(&recipient.account)?;
        let folder = recipient.folder.clone().unwrap_or_else(MailboxName::inbox);
        let (id, name) = match self.mailbox_named(account, &folder)? {
            Some(id) => (Some(id), folder),
            None => (self.mailbox_named(account, &MailboxName::inbox())?, MailboxName::inbox()),
        };
        let Some(id) = id else { return Ok(Err(StoreError::NoSuchMailbox)) };
        let target = MailboxRef { account, id };
        Ok(self.check_arrival(&target, &recipient.flags).map(|()| (target, name)))
    }

    /// Whether the account may hold this copy too, beside those of recipients before it.
    fn plan(
        &mut self,
        planned: &mut BTreeMap<AccountId, Usage>,
        target: (MailboxRef, MailboxName),
        recipient: &Recipient,
        added: Usage,
    ) -> Result<Targeted, StoreError> {
        let used = self.usage(target.0.account)?;
        let planned = planned.entry(target.0.account).or_default();
        match recipient.limits.check(used.plus(*planned), added) {
            Ok(()) => *planned = planned.plus(added),
            Err(over) => return Ok(Err(StoreError::OverQuota(over))),
        }
        Ok(Ok(target))
    }

    fn check_arrival(&mut self, target: &MailboxRef, flags: &FlagSet) -> Result<(), StoreError> {
        self.check_uids(target.account, target.id, 1)?;
        self.check_keywords(target.id, flags)
    }

    fn file_for(
        &mut self,
        deliver: &Deliver,
        recipient: &Recipient,
        target: &MailboxRef,
        blob: BlobId,
        made: &mut BTreeMap<AccountId, (EmailId, ThreadId)>,
    ) -> Result<Result<Placed, StoreError>, StoreError> {
        // Again: recipients before this one may have filled the mailbox.
        if let Err(error) = self.check_arrival(target, &recipient.flags) {
            return Ok(Err(error));
        }
        let date = deliver.internal_date;
        let email = match made.get(&target.account) {
            Some(email) => *email,
            None => self.put_email(target.account, &deliver.payload, blob, date)?,
        };
        made.insert(target.account, email);
        self.arrive(target, email, &recipient.flags, date, &deliver.payload).map(Ok)
    }

    pub(super) fn append(&mut self, append: &Append) -> Result<Outcome, StoreError> {
        let target = MailboxRef { account: append.account, id: append.mailbox };
        let mailbox = self.mailbox(target.account, target.id)?.value.name.clone();
        self.check_quota(target.account, &append.limits, Usage::of_message(append.payload.size()))?;
        self.check_arrival(&target, &append.flags)?;
        let found = self.find_content(&append.payload)?;
        let blob = found.as_ref().map_or(BlobId(self.numbers.blob), |found| found.id);
        let email = self.put_email(target.account, &append.payload, blob, self.now)?;
        let date = append.internal_date;
        let placed = self.arrive(&target, email, &append.flags, date, &append.payload)?;
        let account = self.account(target.account)?.value.name.clone();
        let flags = append.flags.clone();
        let filed = vec![Filed { account, mailbox, flags, placed: Some(placed) }];
        let saved = self.now.seconds;
        let note = Note { internal_date: date, saved, received: saved, filed };
        let blob = self.put_content(&append.payload, found, &note)?;
        self.count_blob(blob, 1)?;
        let uid_validity = self.mailbox(target.account, target.id)?.value.uid_validity;
        Ok(Outcome::Appended { uid_validity, uid: placed.uid, modseq: placed.modseq })
    }

    fn arrive(
        &mut self,
        target: &MailboxRef,
        (email, thread): (EmailId, ThreadId),
        flags: &FlagSet,
        internal_date: UnixTime,
        payload: &Payload,
    ) -> Result<Placed, StoreError> {
        let modseq = self.advance(target.account)?;
        let (saved, size) = (self.now.seconds, payload.size());
        let sent = Some(payload.parsed.sent_date.unwrap_or(internal_date));
        let row = MessageRow { email, internal_date, saved, size, sent };
        let uid = self.file(target, &row, flags, modseq)?;
        let uids = UidSet::from_iter([uid]);
        let emails = UidSet::from_iter([Uid(email.0)]);
        self.record(target.account, target.id, &ChangeKind::Arrived(uids), &emails)?;
        let MailboxRef { account, id } = *target;
        Ok(Placed { account, mailbox: id, uid, modseq, email, thread })
    }

    /// Checks the bytes of a message; for a streamed one, finds where they are.
    fn find_content(&self, payload: &Payload) -> Result<Option<NewBlob>, StoreError> {
        if payload.size() > limits::MESSAGE_BYTES {
            return Err(StoreError::Limit(LimitName::MessageBytes));
        }
        let Content::Uploaded { upload, size } = payload.content else { return Ok(None) };
        let header = super::upload::read_header(self.partition, upload)?;
        if header.length != size {
            return Err(StoreError::NotPermitted(format!("upload {} has another size", upload.0)));
        }
        let known = env::get(&self.tables.blobs, &self.txn, &keys::number(header.blob.0))?;
        let row = match known {
            Some(value) => {
                BlobRow::decode(value).ok_or_else(|| corrupt(format!("blob {}", header.blob)))?
            }
            None => BlobRow {
                segment: upload.0,
                offset: 0,
                front: u32::try_from(HEADER_BYTES).unwrap_or(u32::MAX),
                length: size,
                crc: header.crc,
                references: 0,
            },
        };
        Ok(Some(NewBlob { id: header.blob, row }))
    }

    /// Appends the bytes, or the filing note of bytes that were streamed before. What of a note has no
    /// room in front of the message follows it.
    fn put_content(
        &mut self,
        payload: &Payload,
        found: Option<NewBlob>,
        note: &Note,
    ) -> Result<NewBlob, StoreError> {
        self.writes += 1;
        let notes = note.encode()?;
        let (note, more) = notes.split_first().ok_or_else(|| corrupt("filing note"))?;
        let body: &[u8] = match &payload.content {
            Content::Inline(bytes) => bytes,
            Content::Uploaded { .. } => &[],
        };
        let (kind, id) = match &found {
            Some(found) => (Kind::Note, found.id),
            None => (Kind::Message, BlobId(self.numbers.blob)),
        };
        let header = Header::new(kind, id, note, body);
        let place = self.files.append(self.numbers, &header, note, body)?;
        for note in more {
            let header = Header::new(Kind::Note, id, note, &[]);
            self.files.append(self.numbers, &header, note, &[])?;
        }
        if let Some(found) = found {
            return Ok(found);
        }
        self.numbers.blob += 1;
        let front = u32::try_from(HEADER_BYTES + note.len()).unwrap_or(u32::MAX);
        let (length, crc) = (header.length, header.crc);
        let (segment, offset) = (place.segment, place.offset);
        Ok(NewBlob { id, row: BlobRow { segment, offset, front, length, crc, references: 0 } })
    }

    fn count_blob(&mut self, blob: NewBlob, references: usize) -> Result<(), StoreError> {
        let NewBlob { id, mut row } = blob;
        let streamed = row.offset == 0 && row.front as usize == HEADER_BYTES && row.references == 0;
        if streamed {
            let bytes = u64::from(row.front) + row.length;
            let grown = SegmentRow { end: segment::aligned(bytes), live: bytes, kept: 0 };
            self.files.note_growth(row.segment, grown);
        }
        row.references =
            row.references.saturating_add(u32::try_from(references).unwrap_or(u32::MAX));
        let tables = self.tables;
        self.put(&tables.blobs, &keys::number(id.0), &row.encode())
    }

    fn put_email(
        &mut self,
        account: AccountId,
        payload: &Payload,
        blob: BlobId,
        received: UnixTime,
    ) -> Result<(EmailId, ThreadId), StoreError> {
        let parsed = &*payload.parsed;
        let record = self.account_mut(account)?;
        let id = EmailId(record.next_email);
        record.next_email += 1;
        let row = EmailRow {
            blob,
            thread: self.thread_for(account, parsed)?.unwrap_or(ThreadId(id.0)),
            size: payload.size(),
            received: received.seconds,
            sent: parsed.sent_date.map(|date| date.seconds),
        };
        let message_id = parsed.message_id.as_deref().map(keys::hash);
        let tables = self.tables;
        let key = keys::email(account, id);
        self.put(&tables.emails, &key, &EmailRecord { row, message_id }.encode())?;
        self.put(&tables.threads, &keys::thread(account, row.thread, id), rows::PRESENT)?;
        if let Some(hash) = message_id {
            let value = rows::encode_thread(row.thread, keys::hash(&parsed.base_subject));
            self.put(&tables.message_ids, &keys::message_id(account, hash, id), &value)?;
        }
        let form = parsed.form.encode();
        if form.len() <= SEALED_BYTES_MAX {
            self.put(&tables.forms, &key, &seal(&form))?;
        }
        Ok((id, row.thread))
    }

    /// The thread of the first known reference with the same base subject.
    pub(super) fn thread_for(
        &self,
        account: AccountId,
        parsed: &Parsed,
    ) -> Result<Option<ThreadId>, StoreError> {
        let subject = keys::hash(&parsed.base_subject);
        for reference in &parsed.references {
            let prefix = keys::message_id_prefix(account, keys::hash(reference));
            let entries = env::under(&self.tables.message_ids, &self.txn, &prefix)?;
            for entry in entries.take(THREAD_CANDIDATES) {
                let found = rows::decode_thread(entry?.1);
                let damaged = || corrupt(format!("message ids of account {account}"));
                let (thread, other) = found.ok_or_else(damaged)?;
                if other == subject {
                    return Ok(Some(thread));
                }
            }
        }
        Ok(None)
    }
}

/// What a recipient's copy became, for the filing note.
fn filed_as(recipient: &Recipient, mailbox: &MailboxName, placed: Placed) -> Filed {
    let (account, flags) = (recipient.account.clone(), recipient.flags.clone());
    Filed { account, mailbox: mailbox.clone(), flags, placed: Some(placed) }
}

/// What a recipient's copy became, for the one who asked.
fn delivered(placed: Placed, name: MailboxName) -> Delivered {
    let Placed { account, mailbox, uid, email, .. } = placed;
    Delivered { account, mailbox, name, uid, email }
}
