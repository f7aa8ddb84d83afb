//! What belongs to the whole store: its numbers, the queue of the purge, outcomes, last accesses.

use super::finding::{Part, Place, Problem};
use super::scan::{At, Scan, Sink};
use crate::codec::rows::Numbers;
use crate::codec::{Take, access as access_value, page};
use crate::engine::{NUMBERS_KEY, Waiting, read_outcome, read_waiting};
use crate::keys::{self, Purge};
use waypost_store::{StatePage, StoreError};
use waypost_types::{AccountId, AccountName};

/// The numbers that the store gives out.
pub(super) fn state(scan: &mut Scan<'_>) -> Result<(), StoreError> {
    scan.step(Part::State, Place::STORE, |at, sink| {
        match at.get(&at.tables.state, NUMBERS_KEY)?.map(Numbers::decode) {
            Some(Some(_)) => {}
            Some(None) => {
                sink.add(Part::State, Problem::Damaged, Place::STORE, "the numbers cannot be read");
            }
            // A store that was never written has none.
            None if at.tables.accounts.is_empty(at.txn)? => {}
            None => {
                sink.add(Part::State, Problem::Missing, Place::STORE, "the numbers are not there");
            }
        }
        Ok(())
    })
}

/// The queue of the purge: nothing in it may be live, and what it names has rows.
pub(super) fn purge(scan: &mut Scan<'_>, account: Option<AccountId>) -> Result<(), StoreError> {
    scan.walk(Part::Purge, |tables| &tables.purge, &[], &mut |at, sink, (key, value)| {
        let Some(entry) = Purge::read(key).filter(|_| key.len() == Purge::KEY_BYTES) else {
            sink.add(Part::Purge, Problem::Stray, Place::STORE, "a key cannot be read");
            return Ok(());
        };
        if account.is_some_and(|account| account != entry.account) {
            return Ok(());
        }
        let place = Place::mailbox(entry.account, entry.mailbox);
        match read_waiting(&entry, value) {
            None => {
                sink.add(Part::Purge, Problem::Damaged, place, "an entry cannot be read");
                Ok(())
            }
            Some(waiting) => check_waiting(at, sink, &entry, &waiting),
        }
    })
}

fn check_waiting(
    at: At<'_>,
    sink: &mut Sink,
    entry: &Purge,
    waiting: &Waiting,
) -> Result<(), StoreError> {
    let place = Place::mailbox(entry.account, entry.mailbox);
    let Some(account) = at.get(&at.tables.accounts, &keys::account(entry.account))? else {
        let place = Place::account(entry.account);
        sink.add_unknown(Part::Purge, place, "entries of an account that is not there");
        return Ok(());
    };
    let record = crate::codec::rows::AccountRecord::decode(account);
    if record.is_some_and(|record| entry.modseq > record.modseq) {
        let detail = format!("an entry of change {}, which was never made", entry.modseq);
        sink.add(Part::Purge, Problem::Wrong, place, detail);
    }
    let key = keys::mailbox(entry.account, entry.mailbox);
    let there = at.get(&at.tables.mailboxes, &key)?.is_some();
    let uids = match waiting {
        Waiting::Dead if there => {
            sink.add(
                Part::Purge,
                Problem::Wrong,
                place,
                "a mailbox that is there waits as deleted",
            );
            return Ok(());
        }
        Waiting::Expunged(uids) if there => uids,
        Waiting::Dead | Waiting::Expunged(_) => return Ok(()),
    };
    let (mut number, mut live) = (None, None);
    for uid in uids.iter() {
        let place = Place::message(entry.account, entry.mailbox, uid);
        if at.get(&at.tables.messages, &keys::message(entry.mailbox, uid))?.is_none() {
            sink.add(Part::Purge, Problem::Stray, place, "a message without a row waits");
            continue;
        }
        let wanted = StatePage::number_of(uid);
        if number != Some(wanted) {
            number = Some(wanted);
            let first = at.get(&at.tables.pages, &keys::page(entry.mailbox, wanted, 0))?;
            live = first.and_then(page::decode_head).map(|head| head.live);
        }
        if live.is_some_and(|live| live.contains(uid.0)) {
            sink.add(Part::Purge, Problem::Wrong, place, "a live message waits to be purged");
        }
    }
    Ok(())
}

/// The ring of outcomes.
pub(super) fn outcomes(scan: &mut Scan<'_>) -> Result<(), StoreError> {
    let mut last: Option<(u64, u16)> = None;
    let mut bytes = Vec::new();
    scan.walk(Part::Outcomes, |tables| &tables.outcomes, &[], &mut |at, sink, (key, value)| {
        let mut take = Take(key);
        let Some((sequence, part)) = take.u64().zip(take.u16()).filter(|_| key.len() == 10) else {
            sink.add(Part::Outcomes, Problem::Stray, Place::STORE, "a key cannot be read");
            return Ok(());
        };
        if last.is_some_and(|(before, _)| before != sequence) {
            check_outcome(sink, last, &bytes);
            last = None;
            bytes.clear();
        }
        let next = last.map_or(0, |(_, before)| before.wrapping_add(1));
        if part == next && value.first() == Some(&crate::codec::VERSION) {
            bytes.extend_from_slice(read_outcome(value).unwrap_or_default());
        } else {
            // What is put together from here on is not an outcome.
            bytes.clear();
        }
        last = Some((sequence, part));
        let numbers = at.get(&at.tables.state, NUMBERS_KEY)?.and_then(Numbers::decode);
        if part == 0 && numbers.is_some_and(|numbers| sequence >= numbers.outcome) {
            let detail = format!("outcome {sequence} has a number that was never given");
            sink.add(Part::State, Problem::Wrong, Place::STORE, detail);
        }
        Ok(())
    })?;
    check_outcome(&mut scan.sink, last, &bytes);
    Ok(())
}

fn check_outcome(sink: &mut Sink, last: Option<(u64, u16)>, bytes: &[u8]) {
    let Some((sequence, _)) = last else { return };
    if postcard::from_bytes::<waypost_store::Outcome>(bytes).is_err() {
        let detail = format!("outcome {sequence} cannot be read");
        sink.add(Part::Outcomes, Problem::Damaged, Place::STORE, detail);
    }
}

/// Last log-ins and log-outs.
pub(super) fn access(scan: &mut Scan<'_>) -> Result<(), StoreError> {
    scan.walk(Part::Access, |tables| &tables.access, &[], &mut |_, sink, (key, value)| {
        let name = std::str::from_utf8(key).ok().and_then(|name| AccountName::new(name).ok());
        if name.is_none() || access_value::decode(value).is_none() {
            sink.add(Part::Access, Problem::Damaged, Place::STORE, "an entry cannot be read");
        }
        Ok(())
    })
}
