//! Search keys, resolved for one session, and how a page is measured by them.

use super::text;
use crate::state::Selected;
use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use waypost_imap_wire::{Day, SearchKey, SequenceSet};
use waypost_mime::{Form, fold_case};
use waypost_store::{Bits512, KeywordId, MessageRow, Snapshot, StatePage, StoreError};
use waypost_types::{AccountId, Keyword, MailboxId, ModSeq, SystemFlag, Uid, UidSet, UnixTime};

/// Cost of reading a message's row.
const ROW_COST: u64 = 2;
/// Cost of reading a message's form.
const FORM_COST: u64 = 10;

/// A key with its sets resolved and its texts folded; the cheap ones of a list come first.
#[derive(Debug)]
pub(super) enum Compiled {
    All,
    And(Vec<Self>),
    Or(Box<Self>, Box<Self>),
    Not(Box<Self>),
    Uids(UidSet),
    /// Ascending ranges of UIDs that do not touch: a set of a thousand keys must not cost a thousand
    /// sets of the mailbox's size.
    Ranges(Vec<RangeInclusive<u32>>),
    Flag(SystemFlag),
    Keyword(Keyword),
    ModSeq(ModSeq),
    Larger(u32),
    Smaller(u32),
    Before(Day),
    On(Day),
    Since(Day),
    EmailId(String),
    ThreadId(String),
    SentBefore(Day),
    SentOn(Day),
    SentSince(Day),
    Field(text::Field, String),
    Header {
        name: String,
        value: String,
    },
    Body(String),
    Text(String),
}

/// What measuring needs, and what it has cost in this step.
pub(super) struct Context<'s> {
    pub(super) snapshot: &'s dyn Snapshot,
    pub(super) account: AccountId,
    mailbox: MailboxId,
    keywords: HashMap<Keyword, KeywordId>,
    pub(super) cost: u64,
    /// The message whose row and form were read last.
    row: Option<(Uid, Option<MessageRow>)>,
    form: Option<(Uid, Arc<Form>)>,
}

impl<'s> Context<'s> {
    pub(super) fn new(snapshot: &'s dyn Snapshot, open: &Selected) -> Result<Self, StoreError> {
        let keywords = snapshot.keywords(open.mailbox())?;
        Ok(Self {
            snapshot,
            account: open.account(),
            mailbox: open.mailbox(),
            keywords: keywords.iter().map(|(id, keyword)| (keyword.clone(), *id)).collect(),
            cost: 0,
            row: None,
            form: None,
        })
    }

    fn row(&mut self, uid: Uid) -> Result<Option<MessageRow>, StoreError> {
        if let Some((last, row)) = &self.row
            && *last == uid
        {
            return Ok(*row);
        }
        self.cost += ROW_COST;
        let row = self.snapshot.message(self.mailbox, uid)?;
        self.row = Some((uid, row));
        Ok(row)
    }

    pub(super) fn form(&mut self, uid: Uid, row: &MessageRow) -> Result<Arc<Form>, StoreError> {
        if let Some((last, form)) = &self.form
            && *last == uid
        {
            return Ok(Arc::clone(form));
        }
        self.cost += FORM_COST;
        let form = Arc::new(self.snapshot.form(self.account, row.email)?);
        self.form = Some((uid, Arc::clone(&form)));
        Ok(form)
    }
}

/// Resolves a key against what the session shows. Numbers beyond the mailbox match nothing.
pub(super) fn compile(key: SearchKey, open: &Selected) -> Compiled {
    let folded = |text: String| fold_case(&text);
    match key {
        SearchKey::All => Compiled::All,
        SearchKey::And(keys) => {
            let mut keys: Vec<_> = keys.into_iter().map(|key| compile(key, open)).collect();
            keys.sort_by_key(Compiled::rank);
            Compiled::And(keys)
        }
        SearchKey::Or(left, right) => either(compile(*left, open), compile(*right, open)),
        SearchKey::Not(key) => Compiled::Not(Box::new(compile(*key, open))),
        SearchKey::Sequence(set) => Compiled::Ranges(by_sequence(&set, open.view.shown())),
        SearchKey::Uid(set) => Compiled::Ranges(by_uid(&set, open.view.shown())),
        SearchKey::Recent => Compiled::Uids(open.recent.clone()),
        SearchKey::Flag(flag) => Compiled::Flag(flag),
        SearchKey::Keyword(keyword) => Compiled::Keyword(keyword),
        SearchKey::ModSeq { at_least, .. } => Compiled::ModSeq(at_least),
        SearchKey::Larger(size) => Compiled::Larger(size),
        SearchKey::Smaller(size) => Compiled::Smaller(size),
        SearchKey::Before(day) => Compiled::Before(day),
        SearchKey::On(day) => Compiled::On(day),
        SearchKey::Since(day) => Compiled::Since(day),
        SearchKey::EmailId(id) => Compiled::EmailId(id.as_str().to_owned()),
        SearchKey::ThreadId(id) => Compiled::ThreadId(id.as_str().to_owned()),
        SearchKey::SentBefore(day) => Compiled::SentBefore(day),
        SearchKey::SentOn(day) => Compiled::SentOn(day),
        SearchKey::SentSince(day) => Compiled::SentSince(day),
        SearchKey::Bcc(text) => Compiled::Field(text::Field::Bcc, folded(text)),
        SearchKey::Cc(text) => Compiled::Field(text::Field::Cc, folded(text)),
        SearchKey::From(text) => Compiled::Field(text::Field::From, folded(text)),
        SearchKey::Subject(text) => Compiled::Field(text::Field::Subject, folded(text)),
        SearchKey::To(text) => Compiled::Field(text::Field::To, folded(text)),
        SearchKey::Header { name, value } => Compiled::Header { name, value: folded(value) },
        SearchKey::Body(text) => Compiled::Body(folded(text)),
        SearchKey::Text(text) => Compiled::Text(folded(text)),
    }
}

fn either(left: Compiled, right: Compiled) -> Compiled {
    match left.rank() <= right.rank() {
        true => Compiled::Or(Box::new(left), Box::new(right)),
        false => Compiled::Or(Box::new(right), Box::new(left)),
    }
}

/// The UIDs behind sequence numbers; those beyond the mailbox are left out.
fn by_sequence(set: &SequenceSet, shown: &UidSet) -> Vec<RangeInclusive<u32>> {
    let uids = |range: RangeInclusive<u32>| {
        let first = shown.uid_at(*range.start())?;
        let last = shown.uid_at((*range.end()).min(shown.len()))?;
        Some(first.0..=last.0)
    };
    set.numbers(shown.len()).into_iter().filter_map(uids).collect()
}

/// The UIDs that a set names, whether or not they exist; `*` is the greatest that does.
fn by_uid(set: &SequenceSet, shown: &UidSet) -> Vec<RangeInclusive<u32>> {
    shown.last().map(|last| set.numbers(last.0)).unwrap_or_default()
}

fn in_ranges(ranges: &[RangeInclusive<u32>], uid: Uid) -> bool {
    let at = ranges.partition_point(|range| *range.end() < uid.0);
    ranges.get(at).is_some_and(|range| range.contains(&uid.0))
}

impl Compiled {
    /// How costly a message is to measure: 0 by its page, then row, form, and bytes.
    fn rank(&self) -> u8 {
        match self {
            Self::All
            | Self::Uids(_)
            | Self::Ranges(_)
            | Self::Flag(_)
            | Self::Keyword(_)
            | Self::ModSeq(_) => 0,
            Self::Larger(_) | Self::Smaller(_) | Self::EmailId(_) => 1,
            Self::Before(_) | Self::On(_) | Self::Since(_) => 1,
            Self::ThreadId(_) => 2,
            Self::SentBefore(_) | Self::SentOn(_) | Self::SentSince(_) | Self::Field(..) => 3,
            Self::Header { .. } => 4,
            Self::Body(_) | Self::Text(_) => 5,
            Self::Not(key) => key.rank(),
            Self::Or(left, right) => left.rank().max(right.rank()),
            Self::And(keys) => keys.iter().map(Self::rank).max().unwrap_or(0),
        }
    }

    /// How many keys read the texts of a message.
    pub(super) fn texts(&self) -> u64 {
        self.count(|key| matches!(key, Self::Body(_) | Self::Text(_)))
    }

    /// How many keys there are, those aside that only hold others.
    pub(super) fn keys(&self) -> u64 {
        self.count(|_| true)
    }

    fn count(&self, counts: fn(&Self) -> bool) -> u64 {
        match self {
            Self::Not(key) => key.count(counts),
            Self::Or(left, right) => left.count(counts) + right.count(counts),
            Self::And(keys) => keys.iter().map(|key| key.count(counts)).sum(),
            key => u64::from(counts(key)),
        }
    }

    /// Whether state pages alone cannot answer.
    pub(super) fn reads_messages(&self) -> bool {
        self.rank() > 0
    }

    /// Which of `among`, live messages of the page, match.
    pub(super) fn matching(
        &self,
        page: &StatePage,
        among: Bits512,
        context: &mut Context<'_>,
    ) -> Result<Bits512, StoreError> {
        if among.is_empty() {
            return Ok(among);
        }
        Ok(match self {
            Self::All => among,
            Self::And(keys) => {
                let mut left = among;
                for key in keys {
                    left = key.matching(page, left, context)?;
                }
                left
            }
            Self::Or(left, right) => {
                let found = left.matching(page, among, context)?;
                found.or(&right.matching(page, among.without(&found), context)?)
            }
            Self::Not(key) => among.without(&key.matching(page, among, context)?),
            Self::Ranges(ranges) => filter(among, |at| in_ranges(ranges, page.uid(at))),
            Self::Uids(uids) => filter(among, |at| uids.contains(page.uid(at))),
            Self::Flag(flag) => among.and(page.flag(*flag)),
            Self::Keyword(keyword) => match context.keywords.get(keyword) {
                Some(id) => among.and(&page.keyword(*id)),
                None => Bits512::EMPTY,
            },
            Self::ModSeq(least) => filter(among, |at| page.modseq(at) >= *least),
            _ => self.matching_messages(page, among, context)?,
        })
    }

    fn matching_messages(
        &self,
        page: &StatePage,
        among: Bits512,
        context: &mut Context<'_>,
    ) -> Result<Bits512, StoreError> {
        let mut found = Bits512::EMPTY;
        for at in among.iter() {
            let uid = page.uid(at);
            if let Some(row) = context.row(uid)? {
                found.set(at, self.matches(uid, &row, context)?);
            }
        }
        Ok(found)
    }

    /// Whether one message matches a key that needs more than its page.
    fn matches(
        &self,
        uid: Uid,
        row: &MessageRow,
        context: &mut Context<'_>,
    ) -> Result<bool, StoreError> {
        let received = Day::of(row.internal_date);
        Ok(match self {
            Self::Larger(size) => row.size > u64::from(*size),
            Self::Smaller(size) => row.size < u64::from(*size),
            Self::Before(day) => received < *day,
            Self::On(day) => received == *day,
            Self::Since(day) => received >= *day,
            Self::EmailId(id) => row.email.object_id(context.account) == *id,
            Self::ThreadId(id) => {
                context.cost += ROW_COST;
                let email = context.snapshot.email(context.account, row.email)?;
                email.is_some_and(|email| email.thread.object_id(context.account) == *id)
            }
            Self::SentBefore(day) => sent(uid, row, context)? < *day,
            Self::SentOn(day) => sent(uid, row, context)? == *day,
            Self::SentSince(day) => sent(uid, row, context)? >= *day,
            Self::Field(field, text) => text::field_has(*field, text, uid, row, context)?,
            Self::Header { name, value } => text::header_has(name, value, uid, row, context)?,
            Self::Body(text) => text::body_has(text, uid, row, context)?,
            Self::Text(text) => text::message_has(text, uid, row, context)?,
            _ => false,
        })
    }
}

/// The day of the Date header; a message without one counts as sent when it arrived.
fn sent(uid: Uid, row: &MessageRow, context: &mut Context<'_>) -> Result<Day, StoreError> {
    let date: Option<UnixTime> = context.form(uid, row)?.sent_date;
    Ok(Day::of(date.unwrap_or(row.internal_date)))
}

fn filter(among: Bits512, keep: impl Fn(u32) -> bool) -> Bits512 {
    let mut kept = Bits512::EMPTY;
    for at in among.iter().filter(|at| keep(*at)) {
        kept.set(at, true);
    }
    kept
}
