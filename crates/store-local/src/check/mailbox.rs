//! Mailboxes: state pages, keywords and message rows against each other and against the record.

use super::accounts::is_known;
use super::finding::{Part, Place, Problem};
use super::scan::{At, Known, PickTable, Scan, Sink};
use crate::codec::rows::{self, AccountRecord, EmailRecord, Numbers};
use crate::codec::{Take, change, page};
use crate::engine::{NUMBERS_KEY, Staged};
use crate::env::{self, Table};
use crate::keys;
use std::collections::{BTreeMap, BTreeSet};
use waypost_store::{ChangeKind, Counters, Mailbox, Modseqs, PAGE_UIDS, StatePage, StoreError};
use waypost_types::{Keyword, MailboxId, ModSeq, SystemFlag, Uid, UidSet};

/// What the pages of a mailbox say.
#[derive(Default)]
struct Counted {
    live: UidSet,
    counters: Counters,
    keywords: BTreeMap<u16, u32>,
    highest: Option<ModSeq>,
    /// Pages that cannot be read: what they said is not known.
    damaged: BTreeSet<u32>,
    /// Whether every message row that is live could be read.
    rows_damaged: bool,
    /// The greatest UID that has a row.
    last_row: Option<Uid>,
}

/// A mailbox at work.
struct Work<'t> {
    at: At<'t>,
    known: Known,
    account: Option<AccountRecord>,
    counted: Counted,
    /// Changes of this mailbox by modification sequence, as far as they were needed.
    log: BTreeMap<ModSeq, UidSet>,
}

/// Checks one mailbox, in one consistent state.
pub(super) fn check(scan: &mut Scan<'_>, known: Known) -> Result<(), StoreError> {
    let dead = scan.overview.dead.contains(&known.id);
    let queued = scan.overview.queued.get(&known.id).cloned().unwrap_or_default();
    let place = Place::mailbox(known.account, known.id);
    scan.step(Part::Mailboxes, place, |at, sink| {
        let account = at.account(known.account)?;
        let counted = Counted::default();
        let mut work = Work { at, known, account, counted, log: BTreeMap::new() };
        let key = keys::mailbox(known.account, known.id);
        let Some(value) = at.get(&at.tables.mailboxes, &key)? else {
            return work.deleted(sink, dead);
        };
        sink.seen.mailboxes += 1;
        work.pages(sink)?;
        work.keywords(sink)?;
        work.rows(sink, queued)?;
        sink.seen.messages += u64::from(work.counted.live.len());
        match rows::decode_mailbox(known.account, known.id, value) {
            Some(record) => work.record(sink, &record),
            // Reported with the account.
            None => Ok(()),
        }
    })
}

fn report_left_over(
    at: At<'_>,
    sink: &mut Sink,
    mailbox: MailboxId,
    place: Place,
) -> Result<(), StoreError> {
    let tables: [(Part, &Table); 3] = [
        (Part::Pages, &at.tables.pages),
        (Part::Keywords, &at.tables.keywords),
        (Part::Messages, &at.tables.messages),
    ];
    for (part, table) in tables {
        if at.has_under(table, &mailbox.0.to_be_bytes())? {
            sink.add(part, Problem::Stray, place, "entries of a mailbox that is not there");
        }
    }
    Ok(())
}

/// Entries of mailboxes that are not there.
pub(super) fn strays(scan: &mut Scan<'_>) -> Result<(), StoreError> {
    let of_mailboxes: [PickTable; 3] =
        [|tables| &tables.pages, |tables| &tables.keywords, |tables| &tables.messages];
    let mut unknown = BTreeSet::new();
    for table in of_mailboxes {
        let fronts = scan.fronts(table(&scan.meta.tables))?.into_iter().map(MailboxId);
        let old =
            fronts.filter(|id| id.0 < scan.overview.numbers.mailbox || !made_since(scan, *id));
        unknown.extend(old.filter(|id| !is_known(&scan.overview.mailboxes, *id)));
    }
    for mailbox in unknown {
        let place = Place { mailbox: Some(mailbox), ..Place::STORE };
        scan.step(Part::Messages, place, |at, sink| report_left_over(at, sink, mailbox, place))?;
    }
    Ok(())
}

/// Whether a number was given since the check began.
fn made_since(scan: &Scan<'_>, id: MailboxId) -> bool {
    let now =
        scan.at(|at| at.get(&at.tables.state, NUMBERS_KEY).map(|v| v.and_then(Numbers::decode)));
    now.ok().flatten().is_some_and(|now| id.0 < now.mailbox)
}

impl Work<'_> {
    const fn place(&self) -> Place {
        Place::mailbox(self.known.account, self.known.id)
    }

    /// A mailbox without a record was deleted, and waits for the purge as long as a row is left. What
    /// may be left of its pages and keywords nothing counts.
    fn deleted(&mut self, sink: &mut Sink, dead: bool) -> Result<(), StoreError> {
        if !dead && !self.at.is_dead(self.known.id)? {
            return report_left_over(self.at, sink, self.known.id, self.place());
        }
        let prefix = self.known.id.0.to_be_bytes();
        for entry in env::under(&self.at.tables.messages, self.at.txn, &prefix)? {
            let (key, value) = entry?;
            if let Some(uid) = Take(key.get(4..).unwrap_or_default()).u32() {
                self.row(sink, Uid(uid), value, false)?;
            }
        }
        Ok(())
    }

    fn pages(&mut self, sink: &mut Sink) -> Result<(), StoreError> {
        let mut parts: Vec<&[u8]> = Vec::new();
        let mut number = None;
        for entry in env::under(&self.at.tables.pages, self.at.txn, &self.known.id.0.to_be_bytes())?
        {
            let (key, value) = entry?;
            let mut take = Take(key.get(4..).unwrap_or_default());
            let Some((page, part)) = take.u32().zip(take.u8()).filter(|_| take.0.is_empty()) else {
                sink.add(Part::Pages, Problem::Stray, self.place(), "a key cannot be read");
                continue;
            };
            if number != Some(page) {
                self.page(sink, number, &parts)?;
                parts.clear();
                number = Some(page);
            }
            if usize::from(part) == parts.len() {
                parts.push(value);
            } else {
                // A gap: what follows it cannot be put together.
                parts.push(&[]);
            }
        }
        self.page(sink, number, &parts)
    }

    fn page(
        &mut self,
        sink: &mut Sink,
        number: Option<u32>,
        parts: &[&[u8]],
    ) -> Result<(), StoreError> {
        let Some(number) = number else { return Ok(()) };
        let whole = parts.first().and_then(|first| page::more_parts(first)).map(usize::from);
        let page = page::decode(number, parts).filter(|_| whole == Some(parts.len() - 1));
        let Some(page) = page else {
            self.counted.damaged.insert(number);
            let detail = format!("the page of UIDs from {} on cannot be read", first_uid(number));
            sink.add(Part::Pages, Problem::Damaged, self.place(), detail);
            return Ok(());
        };
        if let Err(detail) = consistent(&page) {
            let detail = format!("the page of UIDs from {} on {detail}", first_uid(number));
            sink.add(Part::Pages, Problem::Wrong, self.place(), detail);
        }
        self.count(&page);
        self.changes_of(sink, &page)
    }

    fn count(&mut self, page: &StatePage) {
        let counted = &mut self.counted;
        page.live.iter().for_each(|at| {
            counted.live.insert(page.uid(at));
        });
        counted.counters.messages += page.live.len();
        counted.counters.unseen += page.live.without(page.flag(SystemFlag::Seen)).len();
        counted.counters.deleted += page.live.and(page.flag(SystemFlag::Deleted)).len();
        counted.highest = counted.highest.max(Some(page.highest_modseq()));
        for (id, set) in &page.keywords {
            *counted.keywords.entry(id.0).or_default() += set.len();
        }
    }

    /// Every state that is younger than the floor of the change log stands in the log.
    fn changes_of(&mut self, sink: &mut Sink, page: &StatePage) -> Result<(), StoreError> {
        let Some(floor) = self.account.as_ref().map(|account| account.log_floor) else {
            return Ok(());
        };
        let mut missing = BTreeSet::new();
        for at in page.live.iter() {
            let modseq = page.modseq(at);
            if modseq > floor && !self.changed(modseq)?.contains(page.uid(at)) {
                missing.insert(modseq);
            }
        }
        for modseq in missing {
            let detail = format!(
                "messages of the page of UIDs from {} on have the state of change {modseq}, which does \
                 not name them",
                first_uid(page.number)
            );
            sink.add(Part::Changes, Problem::Missing, self.place(), detail);
        }
        Ok(())
    }

    /// The messages of this mailbox that a change is about.
    fn changed(&mut self, modseq: ModSeq) -> Result<&UidSet, StoreError> {
        if !self.log.contains_key(&modseq) {
            let key = keys::change(self.known.account, modseq, 0);
            let mut all = UidSet::new();
            for entry in env::under_from(&self.at.tables.changes, self.at.txn, &key, 12)? {
                let change = change::decode(modseq, entry?.1);
                let Some(change) = change.filter(|one| one.mailbox == self.known.id) else {
                    continue;
                };
                if let ChangeKind::Arrived(uids) | ChangeKind::Flags(uids) = change.kind {
                    all.extend_from(&uids);
                }
            }
            self.log.insert(modseq, all);
        }
        Ok(self.log.entry(modseq).or_default())
    }

    fn keywords(&mut self, sink: &mut Sink) -> Result<(), StoreError> {
        let place = self.place();
        let mut counted = self.counted.keywords.clone();
        let (mut generation, mut names) = (false, BTreeSet::<Keyword>::new());
        for entry in
            env::under(&self.at.tables.keywords, self.at.txn, &self.known.id.0.to_be_bytes())?
        {
            let (key, value) = entry?;
            let id = Take(key.get(4..).unwrap_or_default()).u16().filter(|_| key.len() == 6);
            if id == Some(keys::KEYWORD_GENERATION) {
                generation = rows::decode_number(value).is_some();
                if !generation {
                    sink.add(
                        Part::Keywords,
                        Problem::Damaged,
                        place,
                        "the generation cannot be read",
                    );
                    generation = true;
                }
                continue;
            }
            let Some((id, (keyword, uses))) = id.zip(rows::decode_keyword(value)) else {
                sink.add(Part::Keywords, Problem::Damaged, place, "a keyword cannot be read");
                id.and_then(|id| counted.remove(&id));
                continue;
            };
            let found = counted.remove(&id).unwrap_or(0);
            if found != uses && self.counted.damaged.is_empty() {
                let detail = format!("{keyword} counts {uses} messages, {found} have it");
                let problem = if found == 0 { Problem::Stray } else { Problem::Wrong };
                sink.add(Part::Keywords, problem, place, detail);
            }
            if !names.insert(keyword.clone()) {
                let detail = format!("{keyword} has two numbers");
                sink.add(Part::Keywords, Problem::Wrong, place, detail);
            }
        }
        for id in counted.into_keys() {
            let detail = format!("keyword number {id} of some messages has no name");
            sink.add(Part::Keywords, Problem::Missing, place, detail);
        }
        if !generation && !names.is_empty() {
            sink.add(Part::Keywords, Problem::Missing, place, "the generation is not there");
        }
        Ok(())
    }

    /// Message rows against pages, emails and copies.
    fn rows(&mut self, sink: &mut Sink, queued: UidSet) -> Result<(), StoreError> {
        let mut without = self.counted.live.clone();
        let mut gone = UidSet::new();
        let staged = Staged::read(&self.at.tables.state, self.at.txn)?;
        let staged = staged.map(|staged| staged.of(self.known.id)).unwrap_or_default();
        for entry in
            env::under(&self.at.tables.messages, self.at.txn, &self.known.id.0.to_be_bytes())?
        {
            let (key, value) = entry?;
            let uid = Take(key.get(4..).unwrap_or_default()).u32().map(Uid);
            let Some(uid) = uid.filter(|_| key.len() == 8) else {
                sink.add(Part::Messages, Problem::Stray, self.place(), "a key cannot be read");
                continue;
            };
            let live = without.remove(uid);
            // The rows of a copy under way stand under UIDs that are still to be given.
            if live || !staged.contains(uid) {
                self.counted.last_row = Some(uid);
            }
            if !live && !self.counted.damaged.contains(&StatePage::number_of(uid)) {
                gone.insert(uid);
            }
            self.row(sink, uid, value, live)?;
        }
        for uid in without.iter() {
            let place = Place::message(self.known.account, self.known.id, uid);
            sink.add(Part::Messages, Problem::Missing, place, "a live message has no row");
            self.counted.rows_damaged = true;
        }
        let mut unexplained = gone.difference(&queued);
        if !unexplained.is_empty() {
            unexplained = unexplained.difference(&self.at.queued(self.known.id)?);
            unexplained = unexplained.difference(&staged);
        }
        for uid in unexplained.iter() {
            let place = Place::message(self.known.account, self.known.id, uid);
            let detail = "a row is neither of a live message nor waits to be purged";
            sink.add(Part::Messages, Problem::Stray, place, detail);
        }
        Ok(())
    }

    fn row(
        &mut self,
        sink: &mut Sink,
        uid: Uid,
        value: &[u8],
        live: bool,
    ) -> Result<(), StoreError> {
        let place = Place::message(self.known.account, self.known.id, uid);
        let Some(row) = rows::decode_message(value) else {
            self.counted.rows_damaged |= live;
            sink.add(Part::Messages, Problem::Damaged, place, "the row cannot be read");
            return Ok(());
        };
        if live {
            self.counted.counters.bytes += row.size;
        }
        let tables = self.at.tables;
        let email = self.at.get(&tables.emails, &keys::email(self.known.account, row.email))?;
        match email.map(EmailRecord::decode) {
            None => {
                let place = Place { email: Some(row.email), ..place };
                sink.add(Part::Emails, Problem::Missing, place, "its email is not there");
            }
            Some(Some(email)) if email.row.size != row.size => {
                let detail =
                    format!("the row says {} bytes, its email {}", row.size, email.row.size);
                sink.add(Part::Messages, Problem::Wrong, place, detail);
            }
            Some(Some(email)) if !email.agrees(&row) => {
                let detail = "the row and its email say different sent dates";
                sink.add(Part::Messages, Problem::Wrong, place, detail);
            }
            // One that cannot be read is reported with the emails.
            Some(_) => {}
        }
        let key = keys::copy(self.known.account, row.email, self.known.id, uid);
        if self.at.get(&tables.copies, &key)?.is_none() {
            let place = Place { email: Some(row.email), ..place };
            sink.add(Part::Copies, Problem::Missing, place, "it is not among its email's copies");
        }
        Ok(())
    }

    fn record(&self, sink: &mut Sink, record: &Mailbox) -> Result<(), StoreError> {
        let (place, counted) = (self.place(), &self.counted);
        let mut wrong = |detail: String| sink.add(Part::Mailboxes, Problem::Wrong, place, detail);
        if counted.damaged.is_empty() {
            for (what, says, found) in counts(&record.counters, &counted.counters) {
                if says != found && !(what == "bytes" && counted.rows_damaged) {
                    wrong(format!("the record counts {says} {what}, there are {found}"));
                }
            }
        }
        if let Some(last) =
            counted.last_row.max(counted.live.last()).filter(|last| *last >= record.uid_next)
        {
            wrong(format!("UIDNEXT is {}, but there is UID {last}", record.uid_next));
        }
        if record.uid_next.0 == 0 || record.recent_from > record.uid_next {
            let (next, recent) = (record.uid_next, record.recent_from);
            wrong(format!("UIDNEXT is {next}, and messages from UID {recent} on are recent"));
        }
        let top = self.account.as_ref().map_or(record.modseq, |account| account.modseq);
        let highest = counted.highest.unwrap_or(record.modseq);
        if record.modseq < highest || record.modseq > top || record.modseq.0 == 0 {
            wrong(format!("HIGHESTMODSEQ is {}, but there is {}", record.modseq, highest.max(top)));
        }
        let numbers = self.at.get(&self.at.tables.state, NUMBERS_KEY)?.and_then(Numbers::decode);
        if let Some(numbers) = numbers {
            if record.uid_validity.0 == 0 || record.uid_validity.0 > numbers.uid_validity {
                wrong(format!("UIDVALIDITY {} was never given", record.uid_validity));
            }
            if record.id.0 >= numbers.mailbox {
                let detail = format!("mailbox {} has a number that was never given", record.id);
                sink.add(Part::State, Problem::Wrong, place, detail);
            }
        }
        Ok(())
    }
}

fn counts(says: &Counters, found: &Counters) -> [(&'static str, u64, u64); 4] {
    [
        ("messages", u64::from(says.messages), u64::from(found.messages)),
        ("unseen messages", u64::from(says.unseen), u64::from(found.unseen)),
        ("deleted messages", u64::from(says.deleted), u64::from(found.deleted)),
        ("bytes", says.bytes, found.bytes),
    ]
}

fn first_uid(page: u32) -> u64 {
    u64::from(page) * u64::from(PAGE_UIDS)
}

/// What a page promises of itself.
fn consistent(page: &StatePage) -> Result<(), &'static str> {
    if page.live.is_empty() {
        return Err("holds nothing");
    }
    if page.number == 0 && page.live.contains(0) {
        return Err("holds UID 0");
    }
    let sets = page.system.iter().chain(page.keywords.iter().map(|(_, set)| set));
    if sets.into_iter().any(|set| !set.without(&page.live).is_empty()) {
        return Err("has flags of messages that are not there");
    }
    if page.keywords.iter().any(|(_, set)| set.is_empty()) {
        return Err("names a keyword that no message has");
    }
    let modseqs = match &page.modseqs {
        Modseqs::Same(modseq) => modseq.0 > 0,
        Modseqs::Each(list) => list.iter().all(|modseq| modseq.0 > 0),
    };
    if modseqs { Ok(()) } else { Err("has a message without a modification sequence") }
}
