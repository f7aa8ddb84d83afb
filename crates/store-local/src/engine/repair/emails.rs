//! The emails of an account: records, copies, threads, Message-IDs and forms, made to agree with the
//! message rows. What a record said is read again from the bytes of the message.

use super::Fix;
use crate::codec::rows::{self, BlobRow, EmailRecord};
use crate::codec::{SEALED_BYTES_MAX, Take, seal, unseal};
use crate::env;
use crate::keys;
use crate::segment::{self, HEADER_BYTES, Header, Note};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use waypost_mime::{Form, Parsed, Scanner};
use waypost_store::{EmailRow, MessageRow, StoreError};
use waypost_types::{AccountId, BlobId, EmailId, MailboxId, ThreadId, Uid};

/// Bytes of a message read at once.
const READ_BYTES: usize = 64 << 10;

/// The messages that are copies of an email.
type Wanted = BTreeMap<EmailId, Vec<(MailboxId, Uid, MessageRow)>>;

impl Fix<'_, '_, '_> {
    pub(super) fn emails(&mut self, account: AccountId) -> Result<(), StoreError> {
        self.misled_rows(account)?;
        let wanted = self.wanted(account)?;
        for (email, copies) in &wanted {
            self.email_record(account, *email, copies)?;
        }
        self.copies(account, &wanted)?;
        self.unwanted(account, &wanted)?;
        self.threads_and_ids(account)?;
        self.forms(account)
    }

    /// A row that names another email than the copies do, and not one that they also name, is made right by them when
    /// that email has the row's size. The copies are keys: one that is damaged leaves the order of its tree, which is
    /// seen before; a row is a value, and nothing else tells its email.
    fn misled_rows(&mut self, account: AccountId) -> Result<(), StoreError> {
        let tables = self.work.tables;
        for (key, _) in self.entries(&tables.copies, &keys::account(account))? {
            let mut take = Take(key.get(4..).unwrap_or_default());
            let (email, mailbox, uid) = (take.u32(), take.u32(), take.u32());
            let (Some(email), Some(mailbox), Some(uid)) = (email, mailbox, uid) else { continue };
            let (email, mailbox, uid) = (EmailId(email), MailboxId(mailbox), Uid(uid));
            let message = keys::message(mailbox, uid);
            let value = self.get(&tables.messages, &message)?;
            let Some(row) = value.as_deref().and_then(rows::decode_message) else { continue };
            let is_right = self.size_of(account, email)? == Some(row.size);
            let is_own = self.get(&tables.mailboxes, &keys::mailbox(account, mailbox))?.is_some();
            let named = keys::copy(account, row.email, mailbox, uid);
            if !is_right || !is_own || self.get(&tables.copies, &named)?.is_some() {
                continue;
            }
            self.put(
                &tables.messages,
                &message,
                &rows::encode_message(&MessageRow { email, ..row }),
            )?;
            let user = self.user(account);
            self.say(format!("{user} mailbox number {mailbox} UID {uid}: is email {email} again"));
        }
        Ok(())
    }

    fn size_of(&self, account: AccountId, email: EmailId) -> Result<Option<u64>, StoreError> {
        let value = self.get(&self.work.tables.emails, &keys::email(account, email))?;
        Ok(value.as_deref().and_then(EmailRecord::decode).map(|record| record.row.size))
    }

    /// What the rows of all mailboxes of the account say, of deleted ones too. A damaged row may be known
    /// as a copy.
    fn wanted(&self, account: AccountId) -> Result<Wanted, StoreError> {
        let (tables, txn) = (self.work.tables, &self.work.txn);
        let mut mailboxes = BTreeSet::new();
        for entry in env::under(&tables.mailboxes, txn, &keys::account(account))? {
            mailboxes.extend(Take(entry?.0.get(4..).unwrap_or_default()).u32());
        }
        for entry in env::all(&tables.purge, txn)? {
            let purge = keys::Purge::read(entry?.0).filter(|purge| purge.account == account);
            mailboxes.extend(purge.map(|purge| purge.mailbox.0));
        }
        let mut wanted = Wanted::new();
        for mailbox in mailboxes {
            for entry in env::under(&tables.messages, txn, &mailbox.to_be_bytes())? {
                let (key, value) = entry?;
                let uid = Take(key.get(4..).unwrap_or_default()).u32().map(Uid);
                if let Some((uid, row)) = uid.zip(rows::decode_message(value)) {
                    wanted.entry(row.email).or_default().push((MailboxId(mailbox), uid, row));
                }
            }
        }
        Ok(wanted)
    }

    /// A record that is lost is made anew from the message, when it can be told which one it was.
    fn email_record(
        &mut self,
        account: AccountId,
        email: EmailId,
        copies: &[(MailboxId, Uid, MessageRow)],
    ) -> Result<(), StoreError> {
        let tables = self.work.tables;
        let key = keys::email(account, email);
        let value = self.get(&tables.emails, &key)?;
        if value.as_deref().is_some_and(|value| EmailRecord::decode(value).is_some()) {
            return Ok(());
        }
        let Some((_, _, row)) = copies.first() else { return Ok(()) };
        let user = self.user(account);
        let Some((blob, parsed)) = self.message_of(account, row, value.as_deref())? else {
            if value.is_some() {
                self.delete(&tables.emails, &key)?;
            }
            self.say(format!("{user} email {email}: nothing tells which message it was"));
            return Ok(());
        };
        let made = EmailRow {
            blob,
            thread: self.thread_of(account, email)?.unwrap_or(ThreadId(email.0)),
            size: row.size,
            received: row.internal_date.seconds,
            sent: parsed.sent_date.map(|date| date.seconds),
        };
        let message_id = parsed.message_id.as_deref().map(keys::hash);
        self.put(&tables.emails, &key, &EmailRecord { row: made, message_id }.encode())?;
        self.say(format!("{user} email {email}: its record was made anew from blob {blob}"));
        Ok(())
    }

    /// The thread that still knows an email.
    fn thread_of(
        &self,
        account: AccountId,
        email: EmailId,
    ) -> Result<Option<ThreadId>, StoreError> {
        for entry in env::under(&self.work.tables.threads, &self.work.txn, &keys::account(account))?
        {
            let mut take = Take(entry?.0.get(4..).unwrap_or_default());
            if let Some((thread, found)) = take.u32().zip(take.u32())
                && found == email.0
            {
                return Ok(Some(ThreadId(thread)));
            }
        }
        Ok(None)
    }

    /// The blob that an email was: the one that its damaged record names, if its size is right; else the
    /// only one of that size that was delivered to the account and that no other email of it has.
    fn message_of(
        &self,
        account: AccountId,
        row: &MessageRow,
        damaged: Option<&[u8]>,
    ) -> Result<Option<(BlobId, Parsed)>, StoreError> {
        // Version, checksum and what is there stand before the number of the blob.
        let named = damaged.and_then(|value| Take(value.get(6..)?).u64()).map(BlobId);
        if let Some(blob) = named
            && let Some(found) = self.blob(blob)?.filter(|found| found.length == row.size)
            && let Some(parsed) = self.parse(&found)?
        {
            return Ok(Some((blob, parsed)));
        }
        let mut taken = BTreeSet::new();
        for entry in env::under(&self.work.tables.emails, &self.work.txn, &keys::account(account))?
        {
            taken.extend(EmailRecord::decode(entry?.1).map(|record| record.row.blob));
        }
        let mut candidates = Vec::new();
        for entry in env::all(&self.work.tables.blobs, &self.work.txn)? {
            let (key, value) = entry?;
            let blob = Take(key).u64().map(BlobId).zip(BlobRow::decode(value));
            candidates.extend(
                blob.filter(|(blob, found)| found.length == row.size && !taken.contains(blob)),
            );
        }
        let name = self.record(account)?.map(|record| record.name);
        candidates.retain(|(_, found)| {
            let note = self.note(found);
            note.is_some_and(|note| {
                note.filed.iter().any(|filed| Some(&filed.account) == name.as_ref())
            })
        });
        let [(blob, found)] = candidates[..] else { return Ok(None) };
        Ok(self.parse(&found)?.map(|parsed| (blob, parsed)))
    }

    fn blob(&self, blob: BlobId) -> Result<Option<BlobRow>, StoreError> {
        let value = self.get(&self.work.tables.blobs, &keys::number(blob.0))?;
        Ok(value.as_deref().and_then(BlobRow::decode))
    }

    /// The filing note in front of a message; a streamed one has it elsewhere.
    fn note(&self, row: &BlobRow) -> Option<Note> {
        let file = File::open(segment::path(self.work.partition, row.segment)).ok()?;
        let mut front = vec![0; HEADER_BYTES];
        segment::read_at(&file, &mut front, row.offset).ok()?;
        let header = Header::decode(&front)?;
        let mut note = vec![0; usize::try_from(header.note).ok()?.min(segment::NOTE_BYTES_MAX)];
        segment::read_at(&file, &mut note, row.offset + HEADER_BYTES as u64).ok()?;
        (crc32fast::hash(&note) == header.note_crc).then_some(())?;
        Note::decode(header.form, &note)
    }

    /// Reads a message again; `None` when its bytes are damaged or gone.
    fn parse(&self, row: &BlobRow) -> Result<Option<Parsed>, StoreError> {
        let Ok(file) = File::open(segment::path(self.work.partition, row.segment)) else {
            return Ok(None);
        };
        let (mut scanner, mut crc) = (Scanner::new(), crc32fast::Hasher::new());
        let mut buffer = vec![0; READ_BYTES];
        let mut at = 0;
        while at < row.length {
            let count = usize::try_from(row.length - at).unwrap_or(READ_BYTES).min(READ_BYTES);
            let piece = buffer.get_mut(..count).unwrap_or_default();
            if segment::read_at(&file, piece, row.offset + u64::from(row.front) + at).is_err() {
                return Ok(None);
            }
            scanner.push(piece);
            crc.update(piece);
            at += count as u64;
        }
        Ok((crc.finalize() == row.crc).then(|| scanner.finish()))
    }

    fn copies(&mut self, account: AccountId, wanted: &Wanted) -> Result<(), StoreError> {
        let tables = self.work.tables;
        let mut right = BTreeSet::new();
        for (email, copies) in wanted {
            let all =
                copies.iter().map(|(mailbox, uid, _)| keys::copy(account, *email, *mailbox, *uid));
            right.extend(all);
        }
        let mut changed = 0;
        for (key, value) in self.entries(&tables.copies, &keys::account(account))? {
            let known = <[u8; 16]>::try_from(&key[..]).is_ok_and(|key| right.remove(&key));
            // A copy without a row may be all that is left of a message that is live.
            if !known && !self.is_live_without_row(&key)? {
                self.delete(&tables.copies, &key)?;
                changed += 1;
            } else if value != rows::PRESENT {
                right.insert(<[u8; 16]>::try_from(&key[..]).unwrap_or([0; 16]));
            }
        }
        for key in right {
            self.put(&tables.copies, &key, rows::PRESENT)?;
            changed += 1;
        }
        if changed > 0 {
            let user = self.user(account);
            self.say(format!("{user}: {changed} copies of emails made right"));
        }
        Ok(())
    }

    fn is_live_without_row(&self, copy: &[u8]) -> Result<bool, StoreError> {
        let mut take = Take(copy.get(8..).unwrap_or_default());
        let Some((mailbox, uid)) = take.u32().zip(take.u32()) else { return Ok(false) };
        let (mailbox, uid) = (MailboxId(mailbox), Uid(uid));
        let row = self.get(&self.work.tables.messages, &keys::message(mailbox, uid))?;
        if row.as_deref().is_some_and(|row| rows::decode_message(row).is_some()) {
            return Ok(false);
        }
        let number = waypost_store::StatePage::number_of(uid);
        let page = self.page_if_whole(mailbox, number)?;
        Ok(row.is_some() || page.is_some_and(|page| page.live.contains(uid.0)))
    }

    /// Emails that no message is a copy of.
    fn unwanted(&mut self, account: AccountId, wanted: &Wanted) -> Result<(), StoreError> {
        let tables = self.work.tables;
        for (key, _) in self.entries(&tables.emails, &keys::account(account))? {
            let email = Take(key.get(4..).unwrap_or_default()).u32().map(EmailId);
            let copied = env::under(&tables.copies, &self.work.txn, &key)?.next().is_some();
            if !copied && email.is_none_or(|email| !wanted.contains_key(&email)) {
                self.delete(&tables.emails, &key)?;
                let user = self.user(account);
                self.say(format!("{user}: an email that no message is a copy of was removed"));
            }
        }
        Ok(())
    }

    /// Threads and Message-IDs against the records.
    fn threads_and_ids(&mut self, account: AccountId) -> Result<(), StoreError> {
        let tables = self.work.tables;
        let (mut threads, mut ids) = (BTreeMap::new(), BTreeMap::new());
        for (key, value) in self.entries(&tables.emails, &keys::account(account))? {
            let email = Take(key.get(4..).unwrap_or_default()).u32().map(EmailId);
            let Some((email, record)) = email.zip(EmailRecord::decode(&value)) else { continue };
            threads.insert(keys::thread(account, record.row.thread, email).to_vec(), ());
            if let Some(hash) = record.message_id {
                ids.insert(keys::message_id(account, hash, email).to_vec(), (email, record));
            }
        }
        let mut changed = 0;
        for (key, value) in self.entries(&tables.threads, &keys::account(account))? {
            if threads.contains_key(&key) && value == rows::PRESENT {
                threads.remove(&key);
            } else {
                self.delete(&tables.threads, &key)?;
                changed += 1;
            }
        }
        for key in threads.into_keys() {
            self.put(&tables.threads, &key, rows::PRESENT)?;
            changed += 1;
        }
        for (key, value) in self.entries(&tables.message_ids, &keys::account(account))? {
            let thread = rows::decode_thread(&value).map(|(thread, _)| thread);
            let right = ids.get(&key).is_some_and(|(_, record)| Some(record.row.thread) == thread);
            if right {
                ids.remove(&key);
            } else {
                self.delete(&tables.message_ids, &key)?;
                changed += 1;
            }
        }
        for (key, (_, record)) in ids {
            let Some(row) = self.blob(record.row.blob)? else { continue };
            let subject = self.parse(&row)?.map_or(0, |parsed| keys::hash(&parsed.base_subject));
            let value = rows::encode_thread(record.row.thread, subject);
            self.put(&tables.message_ids, &key, &value)?;
            changed += 1;
        }
        if changed > 0 {
            let user = self.user(account);
            self.say(format!("{user}: {changed} entries of threads made right"));
        }
        Ok(())
    }

    fn forms(&mut self, account: AccountId) -> Result<(), StoreError> {
        let tables = self.work.tables;
        for (key, value) in self.entries(&tables.forms, &keys::account(account))? {
            let there = self.get(&tables.emails, &key)?.is_some();
            let whole = unseal(&value).is_some_and(|form| {
                form.first() != Some(&Form::VERSION) || Form::decode(form).is_some()
            });
            if !there || !whole {
                self.delete(&tables.forms, &key)?;
            }
        }
        let mut made = 0;
        for (key, value) in self.entries(&tables.emails, &keys::account(account))? {
            let Some(record) = EmailRecord::decode(&value) else { continue };
            if self.get(&tables.forms, &key)?.is_some() {
                continue;
            }
            let Some(row) = self.blob(record.row.blob)? else { continue };
            let Some(parsed) = self.parse(&row)? else { continue };
            let form = parsed.form.encode();
            if form.len() <= SEALED_BYTES_MAX {
                self.put(&tables.forms, &key, &seal(&form))?;
                made += 1;
            }
        }
        if made > 0 {
            let user = self.user(account);
            self.say(format!("{user}: {made} messages parsed anew"));
        }
        Ok(())
    }
}
