//! Accounts: their records, names, mailboxes by name, subscriptions and change log.

use super::finding::{Part, Place, Problem};
use super::scan::{At, Known, PickTable, Scan, Sink};
use crate::codec::rows::{self, AccountRecord, Numbers};
use crate::codec::{Take, change};
use crate::env::{self, Entry};
use crate::keys;
use std::collections::BTreeSet;
use waypost_store::{Mailbox, StoreError};
use waypost_types::{AccountId, AccountName, MailboxId, MailboxName, ModSeq, Usage};

/// Checks one account, in one consistent state.
pub(super) fn check(scan: &mut Scan<'_>, id: AccountId) -> Result<(), StoreError> {
    let numbers = scan.overview.numbers;
    scan.step(Part::Accounts, Place::account(id), |at, sink| {
        let Some(value) = at.get(&at.tables.accounts, &keys::account(id))? else { return Ok(()) };
        sink.seen.accounts += 1;
        let record = AccountRecord::decode(value);
        match &record {
            Some(record) => check_record(at, sink, id, record, &numbers)?,
            None => sink.add(
                Part::Accounts,
                Problem::Damaged,
                Place::account(id),
                "the record cannot be read",
            ),
        }
        check_mailboxes(at, sink, id, record.as_ref())?;
        check_names(at, sink, id)?;
        check_subscriptions(at, sink, id, record.as_ref())?;
        check_log(at, sink, id, record.as_ref())
    })
}

fn check_record(
    at: At<'_>,
    sink: &mut Sink,
    id: AccountId,
    record: &AccountRecord,
    numbers: &Numbers,
) -> Result<(), StoreError> {
    let place = Place::account(id);
    let named = at.get(&at.tables.account_names, record.name.as_str().as_bytes())?;
    match named.map(rows::decode_number) {
        Some(Some(named)) if named == u64::from(id.0) => {}
        Some(_) => {
            let detail = format!("the name {} stands for another account", record.name);
            sink.add(Part::AccountNames, Problem::Wrong, place, detail);
        }
        None => {
            let detail = format!("the name {} is not known", record.name);
            sink.add(Part::AccountNames, Problem::Missing, place, detail);
        }
    }
    if record.log_floor > record.modseq {
        let detail = "the change log claims to begin in the future";
        sink.add(Part::Accounts, Problem::Wrong, place, detail);
    }
    // One that came while this check ran has a number that was not known at its beginning.
    let at_beginning = numbers.account;
    let now = at.get(&at.tables.state, crate::engine::NUMBERS_KEY)?.and_then(Numbers::decode);
    if id.0 >= now.map_or(at_beginning, |now| now.account) {
        let detail = format!("account {id} has a number that was never given");
        sink.add(Part::State, Problem::Wrong, place, detail);
    }
    Ok(())
}

fn check_mailboxes(
    at: At<'_>,
    sink: &mut Sink,
    id: AccountId,
    record: Option<&AccountRecord>,
) -> Result<(), StoreError> {
    let (mut count, mut inbox, mut readable) = (0_u32, false, true);
    let mut usage = Usage::default();
    for entry in env::under(&at.tables.mailboxes, at.txn, &keys::account(id))? {
        let (key, value) = entry?;
        count += 1;
        let Some(mailbox) = Take(key.get(4..).unwrap_or_default()).u32().map(MailboxId) else {
            sink.add(Part::Mailboxes, Problem::Stray, Place::account(id), "a key cannot be read");
            continue;
        };
        let place = Place::mailbox(id, mailbox);
        let Some(mailbox) = rows::decode_mailbox(id, mailbox, value) else {
            readable = false;
            sink.add(Part::Mailboxes, Problem::Damaged, place, "the record cannot be read");
            continue;
        };
        inbox |= mailbox.name.is_inbox();
        usage = usage.plus(mailbox.counters.usage());
        check_name_of(at, sink, &mailbox)?;
    }
    if !inbox && readable {
        sink.add(Part::Mailboxes, Problem::Missing, Place::account(id), "there is no INBOX");
    }
    let says = record.and_then(|record| record.usage);
    if let Some(Usage { bytes, messages }) = says.filter(|says| readable && *says != usage) {
        let detail = format!(
            "the record counts {messages} messages of {bytes} bytes, the mailboxes {} of {}",
            usage.messages, usage.bytes
        );
        sink.add(Part::Accounts, Problem::Wrong, Place::account(id), detail);
    }
    if let Some(record) = record.filter(|record| record.mailboxes != count) {
        let detail = format!("the record counts {} mailboxes, there are {count}", record.mailboxes);
        sink.add(Part::Accounts, Problem::Wrong, Place::account(id), detail);
    }
    Ok(())
}

fn check_name_of(at: At<'_>, sink: &mut Sink, mailbox: &Mailbox) -> Result<(), StoreError> {
    let place = Place::mailbox(mailbox.account, mailbox.id);
    let key = keys::named(mailbox.account, mailbox.name.as_str());
    match at.get(&at.tables.mailbox_names, &key)?.map(rows::decode_number) {
        Some(Some(id)) if id == u64::from(mailbox.id.0) => {}
        Some(Some(_)) => {
            let detail = format!("the name {} stands for another mailbox", mailbox.name);
            sink.add(Part::MailboxNames, Problem::Wrong, place, detail);
        }
        // Reported with the names.
        Some(None) => {}
        None => {
            let detail = format!("the name {} is not known", mailbox.name);
            sink.add(Part::MailboxNames, Problem::Missing, place, detail);
        }
    }
    Ok(())
}

fn check_names(at: At<'_>, sink: &mut Sink, account: AccountId) -> Result<(), StoreError> {
    for entry in env::under(&at.tables.mailbox_names, at.txn, &keys::account(account))? {
        let (key, value) = entry?;
        let place = Place::account(account);
        let Some(name) = name_in(key) else {
            sink.add(Part::MailboxNames, Problem::Stray, place, "a name is none");
            continue;
        };
        let id = rows::decode_number(value).and_then(|id| u32::try_from(id).ok()).map(MailboxId);
        let Some(id) = id else {
            let detail = format!("what stands behind {name} cannot be read");
            sink.add(Part::MailboxNames, Problem::Damaged, place, detail);
            continue;
        };
        let place = Place::mailbox(account, id);
        match at.get(&at.tables.mailboxes, &keys::mailbox(account, id))? {
            None => {
                let detail = format!("the name {name} stands for a mailbox that is not there");
                sink.add(Part::MailboxNames, Problem::Stray, place, detail);
            }
            Some(value) => {
                let other = rows::decode_mailbox(account, id, value).map(|mailbox| mailbox.name);
                if let Some(other) = other.filter(|other| *other != name) {
                    let detail = format!("the name {name} stands for the mailbox {other}");
                    sink.add(Part::MailboxNames, Problem::Stray, place, detail);
                }
            }
        }
    }
    Ok(())
}

fn name_in(key: &[u8]) -> Option<MailboxName> {
    MailboxName::new(std::str::from_utf8(key.get(4..)?).ok()?).ok()
}

fn check_subscriptions(
    at: At<'_>,
    sink: &mut Sink,
    account: AccountId,
    record: Option<&AccountRecord>,
) -> Result<(), StoreError> {
    let place = Place::account(account);
    let mut count = 0_u32;
    for entry in env::under(&at.tables.subscriptions, at.txn, &keys::account(account))? {
        let (key, value) = entry?;
        count += 1;
        if name_in(key).is_none() || value != rows::PRESENT {
            sink.add(Part::Subscriptions, Problem::Damaged, place, "an entry cannot be read");
        }
    }
    if let Some(record) = record.filter(|record| record.subscriptions != count) {
        let detail =
            format!("the record counts {} subscriptions, there are {count}", record.subscriptions);
        sink.add(Part::Accounts, Problem::Wrong, place, detail);
    }
    Ok(())
}

/// The log is in order, without gaps within a change, and between its floor and the account's state.
fn check_log(
    at: At<'_>,
    sink: &mut Sink,
    account: AccountId,
    record: Option<&AccountRecord>,
) -> Result<(), StoreError> {
    let place = Place::account(account);
    let (mut count, mut last) = (0_u64, (ModSeq(0), None));
    for entry in env::under(&at.tables.changes, at.txn, &keys::account(account))? {
        let (key, value) = entry?;
        count += 1;
        let modseq = keys::change_modseq(key);
        let sequence = Take(key.get(12..).unwrap_or_default()).u16().filter(|_| key.len() == 14);
        let Some((modseq, sequence)) = modseq.zip(sequence) else {
            sink.add(Part::Changes, Problem::Damaged, place, "a key cannot be read");
            continue;
        };
        if change::decode(modseq, value).is_none() {
            let detail = format!("the record of change {modseq} cannot be read");
            sink.add(Part::Changes, Problem::Damaged, place, detail);
        }
        let follows = match last {
            (same, Some(before)) if same == modseq => sequence == before + 1,
            // The oldest records are dropped one by one.
            _ => sequence == 0 || record.is_none_or(|record| modseq <= record.log_floor),
        };
        if !follows {
            let detail = format!("a part of change {modseq} is not there");
            sink.add(Part::Changes, Problem::Missing, place, detail);
        }
        last = (modseq, Some(sequence));
        if record.is_some_and(|record| modseq > record.modseq || modseq < record.log_floor) {
            let detail = format!("change {modseq} is outside of what the account's record says");
            sink.add(Part::Changes, Problem::Wrong, place, detail);
        }
    }
    if let Some(record) = record.filter(|record| record.log_records != count) {
        let detail = format!(
            "the record counts {} changes in the log, there are {count}",
            record.log_records
        );
        sink.add(Part::Accounts, Problem::Wrong, place, detail);
    }
    Ok(())
}

/// Entries of accounts that are not there, and names of accounts that stand for nothing.
pub(super) fn strays(scan: &mut Scan<'_>) -> Result<(), StoreError> {
    scan.walk(Part::AccountNames, |tables| &tables.account_names, &[], &mut name_of_account)?;
    let known: BTreeSet<u32> = scan.overview.accounts.iter().map(|account| account.0).collect();
    let of_accounts: [(Part, PickTable); 4] = [
        (Part::Mailboxes, |tables| &tables.mailboxes),
        (Part::MailboxNames, |tables| &tables.mailbox_names),
        (Part::Subscriptions, |tables| &tables.subscriptions),
        (Part::Changes, |tables| &tables.changes),
    ];
    for (part, table) in of_accounts {
        for front in scan.fronts(table(&scan.meta.tables))? {
            if !known.contains(&front) {
                unknown_account(scan, part, table, AccountId(front))?;
            }
        }
    }
    Ok(())
}

/// An account that was not there at the beginning may be new.
fn unknown_account(
    scan: &mut Scan<'_>,
    part: Part,
    table: PickTable,
    account: AccountId,
) -> Result<(), StoreError> {
    scan.step(part, Place::account(account), |at, sink| {
        let there = at.get(&at.tables.accounts, &keys::account(account))?.is_some();
        if !there && at.has_under(table(at.tables), &keys::account(account))? {
            let place = Place::account(account);
            sink.add(part, Problem::Stray, place, "entries of an account that is not there");
        }
        Ok(())
    })
}

fn name_of_account(at: At<'_>, sink: &mut Sink, (key, value): Entry<'_>) -> Result<(), StoreError> {
    let name = std::str::from_utf8(key).ok().and_then(|name| AccountName::new(name).ok());
    let Some(name) = name else {
        sink.add(Part::AccountNames, Problem::Stray, Place::STORE, "a name is none");
        return Ok(());
    };
    let id = rows::decode_number(value).and_then(|id| u32::try_from(id).ok()).map(AccountId);
    let Some(id) = id else {
        let detail = format!("what stands behind {name} cannot be read");
        sink.add(Part::AccountNames, Problem::Damaged, Place::STORE, detail);
        return Ok(());
    };
    let place = Place::account(id);
    match at.get(&at.tables.accounts, &keys::account(id))?.map(AccountRecord::decode) {
        None => {
            let detail = format!("the record of {name} is not there");
            sink.add(Part::Accounts, Problem::Missing, place, detail);
        }
        Some(Some(record)) if record.name != name => {
            let detail = format!("the name {name} stands for the account {}", record.name);
            sink.add(Part::AccountNames, Problem::Stray, place, detail);
        }
        Some(_) => {}
    }
    Ok(())
}

/// Mailboxes that a check should know by now: those of its overview.
pub(super) fn is_known(mailboxes: &[Known], id: MailboxId) -> bool {
    mailboxes.binary_search_by_key(&id, |known| known.id).is_ok()
}
