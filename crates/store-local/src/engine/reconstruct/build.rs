//! The new metadata, written account by account through the writer's own code.

use super::evidence::Evidence;
use super::plan::{Email, Message, NewAccount, NewMailbox, Plan};
use crate::codec::rows::{self, AccountRecord, BlobRow, EmailRecord, SegmentRow};
use crate::codec::saved::{SavedKey, SavedRow};
use crate::codec::{SEALED_BYTES_MAX, corrupt, seal};
use crate::engine::cache::Cached;
use crate::engine::work::{MailboxRef, Work};
use crate::engine::{BLOB_GAP, Cache, Engine, Kept, pages};
use crate::keys;
use crate::segment::OpenSegments;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use waypost_mime::{Parsed, Scanner};
use waypost_store::{Counters, EmailRow, Mailbox, MessageRow, PAGE_UIDS, StatePage, StoreError};
use waypost_types::{
    AccountId, AccountName, BlobId, EmailId, MailboxId, MailboxName, SpecialUse, SystemFlag, Uid,
    UnixTime, Usage,
};

/// Bytes of a message read at once.
const READ_BYTES: usize = 256 << 10;
/// Numbers of accounts and mailboxes that are passed over when some may be hidden by damage.
const HIDDEN_NUMBERS: u32 = 10_000;
/// Messages written in one commit.
const STEP_MESSAGES: usize = 2_000;

/// Bytes of emails and the dates in their headers.
type Read = BTreeMap<EmailId, (u64, Option<UnixTime>)>;

/// Writes a plan into an empty store.
pub(super) struct Builder<'e> {
    engine: &'e mut Engine,
    evidence: &'e Evidence,
    files: OpenSegments,
    references: BTreeMap<BlobId, u32>,
    /// Bytes of saved states that are still true, by segment.
    saved: BTreeMap<u64, u64>,
    now: UnixTime,
    /// Messages whose bytes are damaged.
    pub(super) damaged: BTreeSet<BlobId>,
    /// What is told of mailboxes, a line each.
    pub(super) lines: Vec<String>,
}

impl<'e> Builder<'e> {
    pub(super) fn new(engine: &'e mut Engine, evidence: &'e Evidence, now: UnixTime) -> Self {
        Self {
            engine,
            evidence,
            files: OpenSegments::default(),
            references: BTreeMap::new(),
            saved: BTreeMap::new(),
            now,
            damaged: BTreeSet::new(),
            lines: Vec::new(),
        }
    }

    /// Writes everything.
    pub(super) fn build(&mut self, plan: Plan) -> Result<(), StoreError> {
        let numbers = &mut self.engine.numbers;
        numbers.blob = numbers.blob.max(self.evidence.greatest.saturating_add(1 + BLOB_GAP));
        numbers.uid_validity = numbers.uid_validity.max(plan.last_validity);
        // What was made and is hidden by damage must not have its number given again.
        let gap = if self.evidence.hidden_up_to > 0 { HIDDEN_NUMBERS } else { 0 };
        numbers.mailbox = plan.last_mailbox.saturating_add(1 + gap);
        let last = plan.accounts.last_key_value().map_or(0, |(id, _)| id.0);
        numbers.account = last.saturating_add(1 + gap);
        let mut names = BTreeSet::new();
        for (id, mut account) in plan.accounts {
            if !names.insert(account.name.clone()) {
                self.part(id, &mut account)?;
                names.insert(account.name.clone());
            }
            self.account(id, account)?;
        }
        self.places()
    }

    /// Gives an account another name, since one before it has the same: what damage of a name can have led to.
    fn part(&mut self, id: AccountId, account: &mut NewAccount) -> Result<(), StoreError> {
        let name = AccountName::new(&format!("{}-{id}", account.name));
        let name = name.map_err(|_| corrupt(format!("account {id} has the name of another")))?;
        self.lines.push(format!(
            "user {}: what a second account of that name held is user {name}",
            account.name
        ));
        account.name = name;
        Ok(())
    }

    /// Something in a commit of its own.
    fn commit<T>(
        &mut self,
        work: impl FnOnce(&mut Work<'_, '_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let meta = Arc::clone(&self.engine.meta);
        let mut begun = self.engine.begin(&meta, self.now)?;
        let result = work(&mut begun);
        let txn = begun.txn;
        let result =
            result.and_then(|told| self.engine.finish(&meta, txn, Kept::new(), &[]).map(|()| told));
        result.inspect_err(|_| self.engine.cache = Cache::default())
    }

    fn account(&mut self, id: AccountId, mut account: NewAccount) -> Result<(), StoreError> {
        let mut record = AccountRecord::new(account.name.clone());
        record.modseq = account.modseq;
        record.log_floor = account.modseq;
        record.next_email = account.next_email;
        record.subscriptions = u32::try_from(account.subscriptions.len()).unwrap_or(u32::MAX);
        let subscriptions = std::mem::take(&mut account.subscriptions);
        self.commit(|work| {
            let tables = work.tables;
            let name = record.name.as_str().as_bytes().to_vec();
            work.put(&tables.account_names, &name, &rows::encode_number(u64::from(id.0)))?;
            work.cache.accounts.insert(id, Cached { value: record, dirty: true });
            for name in &subscriptions {
                work.put(&tables.subscriptions, &keys::named(id, name.as_str()), rows::PRESENT)?;
            }
            Ok(())
        })?;
        let known = self.emails(id, &account)?;
        let mut states = std::mem::take(&mut account.states);
        let mut has_inbox = false;
        let NewAccount { name, mailboxes, .. } = account;
        for (mailbox, put) in mailboxes {
            has_inbox |= put.name.is_inbox();
            states.extend(put.states.iter().copied());
            let line = self.mailbox(id, mailbox, put, &known)?;
            self.lines.extend(line.map(|line| format!("user {name} {line}")));
        }
        if !has_inbox {
            self.commit(|work| work.create_mailbox(id, &MailboxName::inbox(), None))?;
        }
        self.states(&states)
    }

    /// The emails in the order of their numbers, so that each finds the thread of those before it.
    fn emails(&mut self, id: AccountId, account: &NewAccount) -> Result<Read, StoreError> {
        let mut read = Read::new();
        let all: Vec<(EmailId, Email)> =
            account.emails.iter().map(|(email, known)| (*email, *known)).collect();
        for step in all.chunks(STEP_MESSAGES) {
            let mut parsed = Vec::with_capacity(step.len());
            for (email, known) in step {
                let Some(row) = self.evidence.blobs.get(&known.blob) else { continue };
                *self.references.entry(known.blob).or_default() += 1;
                let parsed_one = self.parse(known.blob, row)?;
                read.insert(*email, (row.length, parsed_one.sent_date));
                parsed.push((*email, *known, row.length, parsed_one));
            }
            self.commit(|work| {
                parsed.iter().try_for_each(|(email, known, size, parsed)| {
                    put_email(work, id, *email, known, *size, parsed)
                })
            })?;
        }
        Ok(read)
    }

    /// Reads a message as it is: damaged bytes stay where they are, and are told of.
    fn parse(&mut self, blob: BlobId, row: &BlobRow) -> Result<Parsed, StoreError> {
        let (mut scanner, mut crc) = (Scanner::new(), crc32fast::Hasher::new());
        let file = self.files.open(&self.engine.meta.path, row.segment)?;
        let mut buffer = vec![0; READ_BYTES];
        let mut at = 0;
        while let Some(file) = file.as_ref().filter(|_| at < row.length) {
            let count = usize::try_from(row.length - at).unwrap_or(READ_BYTES).min(READ_BYTES);
            let piece = buffer.get_mut(..count).unwrap_or_default();
            let from = row.offset + u64::from(row.front) + at;
            if crate::segment::read_at(file, piece, from).is_err() {
                break;
            }
            scanner.push(piece);
            crc.update(piece);
            at += count as u64;
        }
        if at < row.length || crc.finalize() != row.crc {
            self.damaged.insert(blob);
        }
        Ok(scanner.finish())
    }

    /// Writes a mailbox; what is to be told of it.
    fn mailbox(
        &mut self,
        account: AccountId,
        id: MailboxId,
        put: NewMailbox,
        read: &Read,
    ) -> Result<Option<String>, StoreError> {
        let target = MailboxRef { account, id };
        let (told, messages) = self.commit(|work| {
            let uid_validity = put.uid_validity.unwrap_or_else(|| work.next_validity());
            let special_use = put.special_use.filter(|_| !put.name.is_inbox());
            let value = Mailbox {
                id,
                account,
                name: put.name.clone(),
                uid_validity,
                uid_next: put.uid_next,
                modseq: put.modseq,
                recent_from: put.recent_from,
                special_use: special_use.filter(|special| SpecialUse::ALL.contains(special)),
                counters: Counters::default(),
            };
            work.cache.mailboxes.insert(id, Cached { value, dirty: true });
            work.name_mailbox(account, id, &put.name)?;
            work.account_mut(account)?.mailboxes += 1;
            let told = put.unproven.map(|why| {
                format!(
                    "mailbox {}: {why}; UIDVALIDITY is {}, {} messages",
                    put.name,
                    uid_validity.0,
                    put.messages.len()
                )
            });
            Ok((told, put.messages))
        })?;
        let messages: Vec<_> = messages.into_iter().collect();
        for step in messages.chunks(STEP_MESSAGES) {
            self.commit(|work| {
                step.iter().try_for_each(|(uid, message)| {
                    let of_email = read.get(&message.email).copied().unwrap_or((0, None));
                    put_message(work, target, *uid, message, of_email)
                })
            })?;
        }
        Ok(told)
    }

    /// Where saved states that are still true lie.
    fn states(&mut self, states: &[(SavedKey, SavedRow)]) -> Result<(), StoreError> {
        for (_, row) in states {
            *self.saved.entry(row.segment).or_default() += row.bytes;
        }
        self.commit(|work| {
            let tables = work.tables;
            states
                .iter()
                .try_for_each(|(key, row)| work.put(&tables.saved, &key.encode(), &row.encode()))
        })
    }

    /// Where messages lie, and what each segment holds. Every file gets a row, also one of which nothing
    /// can be read: files without a row are removed.
    fn places(&mut self) -> Result<(), StoreError> {
        let references = std::mem::take(&mut self.references);
        let ends = self.evidence.states.iter().filter(|(key, _)| matches!(key, SavedKey::End(_)));
        let ends: Vec<_> = ends.map(|(key, row)| (*key, *row)).collect();
        self.states(&ends)?;
        let mut live = std::mem::take(&mut self.saved);
        let all: Vec<(BlobId, u32)> = references.into_iter().collect();
        for step in all.chunks(STEP_MESSAGES) {
            let blobs = &self.evidence.blobs;
            let placed: Vec<_> = step
                .iter()
                .filter_map(|(blob, count)| {
                    blobs.get(blob).map(|row| (*blob, BlobRow { references: *count, ..*row }))
                })
                .collect();
            for (_, row) in &placed {
                *live.entry(row.segment).or_default() += row.record_bytes();
            }
            self.commit(|work| {
                let tables = work.tables;
                placed.iter().try_for_each(|(blob, row)| {
                    work.put(&tables.blobs, &keys::number(blob.0), &row.encode())
                })
            })?;
        }
        let segments = self.evidence.segments.clone();
        self.commit(|work| {
            let tables = work.tables;
            segments.iter().try_for_each(|(number, found)| {
                let live = live.get(number).copied().unwrap_or(0);
                let row = SegmentRow { end: found.end, live, kept: found.kept };
                work.put(&tables.segments, &keys::number(*number), &row.encode())
            })
        })
    }
}

fn put_email(
    work: &mut Work<'_, '_>,
    account: AccountId,
    id: EmailId,
    email: &Email,
    size: u64,
    parsed: &Parsed,
) -> Result<(), StoreError> {
    let thread = match email.thread {
        Some(thread) => thread,
        None => work.thread_for(account, parsed)?.unwrap_or(waypost_types::ThreadId(id.0)),
    };
    let sent = parsed.sent_date.map(|date| date.seconds);
    let row = EmailRow { blob: email.blob, thread, size, received: email.received, sent };
    let message_id = parsed.message_id.as_deref().map(keys::hash);
    let tables = work.tables;
    let key = keys::email(account, id);
    work.put(&tables.emails, &key, &EmailRecord { row, message_id }.encode())?;
    work.put(&tables.threads, &keys::thread(account, thread, id), rows::PRESENT)?;
    if let Some(hash) = message_id {
        let value = rows::encode_thread(thread, keys::hash(&parsed.base_subject));
        work.put(&tables.message_ids, &keys::message_id(account, hash, id), &value)?;
    }
    let form = parsed.form.encode();
    if form.len() <= SEALED_BYTES_MAX {
        work.put(&tables.forms, &key, &seal(&form))?;
    }
    Ok(())
}

fn put_message(
    work: &mut Work<'_, '_>,
    to: MailboxRef,
    uid: Uid,
    message: &Message,
    (size, sent): (u64, Option<UnixTime>),
) -> Result<(), StoreError> {
    let Message { email, internal_date, saved, flags, modseq } = message;
    let ids = work.use_keywords(to.id, flags)?;
    let page = work.page_mut(to.id, StatePage::number_of(uid))?;
    pages::insert(page, uid.0 % PAGE_UIDS, flags.system, &ids, *modseq);
    let counters = &mut work.mailbox_mut(to.account, to.id)?.counters;
    counters.messages += 1;
    counters.unseen += u32::from(!flags.system.contains(SystemFlag::Seen));
    counters.deleted += u32::from(flags.system.contains(SystemFlag::Deleted));
    counters.bytes += size;
    work.hold_more(to.account, Usage::of_message(size))?;
    let (email, internal_date, saved) = (*email, *internal_date, *saved);
    let row =
        MessageRow { email, internal_date, saved, size, sent: Some(sent.unwrap_or(internal_date)) };
    let tables = work.tables;
    work.put(&tables.messages, &keys::message(to.id, uid), &rows::encode_message(&row))?;
    work.put(&tables.copies, &keys::copy(to.account, email, to.id, uid), rows::PRESENT)
}
