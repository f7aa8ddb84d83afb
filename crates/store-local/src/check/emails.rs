//! Emails with their copies, threads, Message-IDs and forms, both ways.

use super::finding::{Part, Place, Problem};
use super::scan::{At, Scan, Sink};
use crate::codec::rows::{self, BlobRow, EmailRecord};
use crate::codec::{SEALED_BYTES_MAX, Take, unseal};
use crate::env::{Entry, Table, Tables};
use crate::keys;
use crate::segment;
use waypost_mime::{Form, Scanner};
use waypost_store::StoreError;
use waypost_types::{AccountId, BlobId, EmailId, MailboxId, ThreadId, Uid};

/// Bytes of a message read at once.
const READ_BYTES: usize = 64 << 10;

/// The front of the keys of an account, or of all.
fn prefix(account: Option<AccountId>) -> Vec<u8> {
    account.map_or_else(Vec::new, |account| keys::account(account).to_vec())
}

/// Checks every email; `count` hears of each blob that one refers to.
pub(super) fn check(
    scan: &mut Scan<'_>,
    account: Option<AccountId>,
    count: &mut dyn FnMut(BlobId),
) -> Result<(), StoreError> {
    let mut without_form = Vec::new();
    let table: fn(&Tables) -> &Table = |tables| &tables.emails;
    scan.walk(Part::Emails, table, &prefix(account), &mut |at, sink, (key, value)| {
        let Some((account, email)) = email_key(sink, Part::Emails, key, 8) else { return Ok(()) };
        sink.seen.emails += 1;
        let place = Place::email(account, email);
        let Some(record) = EmailRecord::decode(value) else {
            sink.add(Part::Emails, Problem::Damaged, place, "the record cannot be read");
            return Ok(());
        };
        count(record.row.blob);
        check_email(at, sink, (account, email), &record)?;
        if at.get(&at.tables.forms, &keys::email(account, email))?.is_none() {
            without_form.push((account, email));
        }
        Ok(())
    })?;
    for (account, email) in without_form {
        check_formless(scan, account, email)?;
    }
    Ok(())
}

/// The numbers in a key of `length` bytes.
fn email_key(
    sink: &mut Sink,
    part: Part,
    key: &[u8],
    length: usize,
) -> Option<(AccountId, EmailId)> {
    let mut take = Take(key);
    let found = take.u32().zip(take.u32()).filter(|_| key.len() == length);
    if found.is_none() {
        sink.add(part, Problem::Stray, Place::STORE, "a key cannot be read");
    }
    found.map(|(account, email)| (AccountId(account), EmailId(email)))
}

fn check_email(
    at: At<'_>,
    sink: &mut Sink,
    (account, email): (AccountId, EmailId),
    record: &EmailRecord,
) -> Result<(), StoreError> {
    let place = Place::email(account, email);
    let tables = at.tables;
    match at.get(&tables.accounts, &keys::account(account))? {
        None => sink.add_unknown(
            Part::Emails,
            Place::account(account),
            "emails of an account that is not there",
        ),
        Some(_) => {
            let record = at.account(account)?;
            if record.is_some_and(|record| email.0 >= record.next_email) {
                let detail = format!("email {email} has a number that was never given");
                sink.add(Part::Accounts, Problem::Wrong, place, detail);
            }
        }
    }
    if !at.has_under(&tables.copies, &keys::email(account, email))? {
        sink.add(Part::Emails, Problem::Stray, place, "an email without a copy");
    }
    if at.get(&tables.threads, &keys::thread(account, record.row.thread, email))?.is_none() {
        let detail = format!("it is not in its thread {}", record.row.thread);
        sink.add(Part::Threads, Problem::Missing, place, detail);
    }
    if let Some(hash) = record.message_id {
        let value = at.get(&tables.message_ids, &keys::message_id(account, hash, email))?;
        match value.map(rows::decode_thread) {
            None => sink.add(
                Part::MessageIds,
                Problem::Missing,
                place,
                "it is not found by its Message-ID",
            ),
            Some(None) => {
                sink.add(Part::MessageIds, Problem::Damaged, place, "the entry cannot be read");
            }
            Some(Some((thread, _))) if thread != record.row.thread => {
                let detail = format!("its Message-ID names the thread {thread}");
                sink.add(Part::MessageIds, Problem::Wrong, place, detail);
            }
            Some(Some(_)) => {}
        }
    }
    check_blob_of(at, sink, place, record)
}

fn check_blob_of(
    at: At<'_>,
    sink: &mut Sink,
    place: Place,
    record: &EmailRecord,
) -> Result<(), StoreError> {
    let blob = record.row.blob;
    let place = Place { blob: Some(blob), ..place };
    let Some(value) = at.get(&at.tables.blobs, &keys::number(blob.0))? else {
        sink.add(Part::Blobs, Problem::Missing, place, "nothing says where the message is");
        return Ok(());
    };
    // One that cannot be read is reported with the blobs.
    if let Some(row) = BlobRow::decode(value).filter(|row| row.length != record.row.size) {
        let detail = format!("it says {} bytes, the email {}", row.length, record.row.size);
        sink.add(Part::Blobs, Problem::Wrong, place, detail);
    }
    Ok(())
}

/// An email without a form is right when its form would be too large, or was; that takes its bytes to
/// know.
fn check_formless(
    scan: &mut Scan<'_>,
    account: AccountId,
    email: EmailId,
) -> Result<(), StoreError> {
    let found = scan.at(|at| {
        let key = keys::email(account, email);
        let formless = at.get(&at.tables.forms, &key)?.is_none();
        let record = at.get(&at.tables.emails, &key)?.and_then(EmailRecord::decode);
        let Some(record) = record.filter(|_| formless) else { return Ok(None) };
        let row = at.get(&at.tables.blobs, &keys::number(record.row.blob.0))?;
        Ok(row.and_then(BlobRow::decode))
    })?;
    let Some(form) = found.map(|row| parse(scan, &row)).transpose()?.flatten() else {
        return Ok(());
    };
    // Older programs stored forms of twice the size, and what reads them makes a missing one anew.
    if form.encode().len() <= SEALED_BYTES_MAX && form.weight() <= SEALED_BYTES_MAX as u64 / 2 {
        let place = Place::email(account, email);
        scan.sink.add(Part::Forms, Problem::Missing, place, "the parsed form is not there");
    }
    Ok(())
}

/// The form of a stored message; `None` when its bytes are not there, which is reported elsewhere.
fn parse(scan: &Scan<'_>, row: &BlobRow) -> Result<Option<Form>, StoreError> {
    let Some(file) = scan.files.open(&scan.meta.path, row.segment)? else { return Ok(None) };
    let mut scanner = Scanner::new();
    let (mut at, end) = (0, row.length);
    let mut buffer = vec![0; READ_BYTES];
    while at < end {
        let count = usize::try_from(end - at).unwrap_or(READ_BYTES).min(READ_BYTES);
        let piece = buffer.get_mut(..count).unwrap_or_default();
        let from = row.offset + u64::from(row.front) + at;
        if segment::read_at(&file, piece, from).is_err() {
            return Ok(None);
        }
        scanner.push(piece);
        at += count as u64;
    }
    Ok(Some(scanner.finish().form))
}

/// Entries that belong to an email which does not know them.
pub(super) fn strays(scan: &mut Scan<'_>, account: Option<AccountId>) -> Result<(), StoreError> {
    let prefix = prefix(account);
    scan.walk(Part::Copies, |tables| &tables.copies, &prefix, &mut check_copy)?;
    scan.walk(Part::Threads, |tables| &tables.threads, &prefix, &mut check_thread)?;
    scan.walk(Part::MessageIds, |tables| &tables.message_ids, &prefix, &mut check_message_id)?;
    scan.walk(Part::Forms, |tables| &tables.forms, &prefix, &mut check_form)
}

fn check_copy(at: At<'_>, sink: &mut Sink, (key, value): Entry<'_>) -> Result<(), StoreError> {
    let Some((account, email)) = email_key(sink, Part::Copies, key, 16) else { return Ok(()) };
    let mut take = Take(key.get(8..).unwrap_or_default());
    let Some((mailbox, uid)) = take.u32().zip(take.u32()) else { return Ok(()) };
    let (mailbox, uid) = (MailboxId(mailbox), Uid(uid));
    let place = Place { email: Some(email), ..Place::message(account, mailbox, uid) };
    if value != rows::PRESENT {
        sink.add(Part::Copies, Problem::Damaged, place, "the entry cannot be read");
    }
    match at.get(&at.tables.messages, &keys::message(mailbox, uid))?.map(rows::decode_message) {
        None => {
            sink.add(Part::Copies, Problem::Stray, place, "a copy that is no message");
        }
        Some(Some(row)) if row.email != email => {
            let detail = format!("a copy that is one of email {}", row.email);
            sink.add(Part::Copies, Problem::Stray, place, detail);
        }
        Some(_) if at.get(&at.tables.emails, &keys::email(account, email))?.is_none() => {
            sink.add(Part::Copies, Problem::Stray, place, "its email is not there");
        }
        Some(_) => {}
    }
    Ok(())
}

fn check_thread(at: At<'_>, sink: &mut Sink, (key, value): Entry<'_>) -> Result<(), StoreError> {
    let Some((account, thread)) = email_key(sink, Part::Threads, key, 12) else { return Ok(()) };
    let thread = ThreadId(thread.0);
    let Some(email) = Take(key.get(8..).unwrap_or_default()).u32().map(EmailId) else {
        return Ok(());
    };
    let place = Place::email(account, email);
    if value != rows::PRESENT {
        sink.add(Part::Threads, Problem::Damaged, place, "the entry cannot be read");
    }
    let record = at.get(&at.tables.emails, &keys::email(account, email))?;
    match record.map(EmailRecord::decode) {
        None => sink.add(Part::Threads, Problem::Stray, place, "its email is not there"),
        Some(Some(record)) if record.row.thread != thread => {
            let detail = format!("it is in thread {}, not in {thread}", record.row.thread);
            sink.add(Part::Threads, Problem::Stray, place, detail);
        }
        Some(_) => {}
    }
    Ok(())
}

fn check_message_id(at: At<'_>, sink: &mut Sink, (key, _): Entry<'_>) -> Result<(), StoreError> {
    let mut take = Take(key);
    let found = take.u32().zip(take.u64()).zip(take.u32()).filter(|_| key.len() == 16);
    let Some(((account, hash), email)) = found else {
        sink.add(Part::MessageIds, Problem::Stray, Place::STORE, "a key cannot be read");
        return Ok(());
    };
    let (account, email) = (AccountId(account), EmailId(email));
    let place = Place::email(account, email);
    let record = at.get(&at.tables.emails, &keys::email(account, email))?;
    match record.map(EmailRecord::decode) {
        None => sink.add(Part::MessageIds, Problem::Stray, place, "its email is not there"),
        Some(Some(record)) if record.message_id != Some(hash) => {
            sink.add(Part::MessageIds, Problem::Stray, place, "a Message-ID that it does not have");
        }
        Some(_) => {}
    }
    Ok(())
}

fn check_form(at: At<'_>, sink: &mut Sink, (key, value): Entry<'_>) -> Result<(), StoreError> {
    let Some((account, email)) = email_key(sink, Part::Forms, key, 8) else { return Ok(()) };
    let place = Place::email(account, email);
    if at.get(&at.tables.emails, &keys::email(account, email))?.is_none() {
        sink.add(Part::Forms, Problem::Stray, place, "its email is not there");
        return Ok(());
    }
    // A form of another version of the parser is right: readers make it anew.
    let readable = unseal(value)
        .is_some_and(|form| form.first() != Some(&Form::VERSION) || Form::decode(form).is_some());
    if !readable {
        sink.add(Part::Forms, Problem::Damaged, place, "the parsed form cannot be read");
    }
    Ok(())
}
