//! Search keys, resolved for one session, and how a page is measured by them.

use super::needle::Needle;
use super::step::{Answers, Context, Stop};
use super::text::{Field, Reading};
use crate::state::Selected;
use std::ops::RangeInclusive;
use waypost_imap_wire::{Day, SearchKey, SequenceSet};
use waypost_store::{Bits512, MessageRow, StatePage};
use waypost_types::{Keyword, ModSeq, SystemFlag, Uid, UidSet, UnixTime};

/// A key with its sets resolved and its texts prepared; the cheap ones of a list come first.
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
    /// A key that reads texts, with its number among those of the search.
    Reading(usize, Reading),
}

/// Resolves a key against what the session shows. Numbers beyond the mailbox match nothing. `readings`
/// counts the keys that read texts.
pub(super) fn compile(key: SearchKey, open: &Selected, readings: &mut usize) -> Compiled {
    match key {
        SearchKey::All => Compiled::All,
        SearchKey::And(keys) => {
            let mut keys: Vec<_> =
                keys.into_iter().map(|key| compile(key, open, readings)).collect();
            keys.sort_by_key(Compiled::rank);
            Compiled::And(keys)
        }
        SearchKey::Or(left, right) => {
            either(compile(*left, open, readings), compile(*right, open, readings))
        }
        SearchKey::Not(key) => Compiled::Not(Box::new(compile(*key, open, readings))),
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
        text => {
            *readings += 1;
            reading(text).map_or(Compiled::All, |reading| Compiled::Reading(*readings, reading))
        }
    }
}

/// The keys that read texts; `None` for the others.
fn reading(key: SearchKey) -> Option<Reading> {
    let field = |field, text: String| Reading::Field(field, Needle::new(&text));
    Some(match key {
        SearchKey::Bcc(text) => field(Field::Bcc, text),
        SearchKey::Cc(text) => field(Field::Cc, text),
        SearchKey::From(text) => field(Field::From, text),
        SearchKey::Subject(text) => field(Field::Subject, text),
        SearchKey::To(text) => field(Field::To, text),
        SearchKey::Header { name, value } => Reading::Header { name, value: Needle::new(&value) },
        SearchKey::Body(text) => Reading::Body(Needle::new(&text)),
        SearchKey::Text(text) => Reading::Text(Needle::new(&text)),
        _ => return None,
    })
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
            Self::SentBefore(_) | Self::SentOn(_) | Self::SentSince(_) => 1,
            Self::ThreadId(_) => 2,
            Self::Reading(_, Reading::Field(..)) => 3,
            Self::Reading(_, Reading::Header { .. }) => 4,
            Self::Reading(_, Reading::Body(_) | Reading::Text(_)) => 5,
            Self::Not(key) => key.rank(),
            Self::Or(left, right) => left.rank().max(right.rank()),
            Self::And(keys) => keys.iter().map(Self::rank).max().unwrap_or(0),
        }
    }

    /// How many keys read the texts of a message.
    pub(super) fn texts(&self) -> u64 {
        let reads =
            |key: &Self| matches!(key, Self::Reading(_, Reading::Body(_) | Reading::Text(_)));
        self.count(reads)
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

    /// Which of `among`, live messages of the page, may match as far as the page tells: all that do when
    /// it [tells everything](Self::reads_messages).
    pub(super) fn on_page(
        &self,
        page: &StatePage,
        among: Bits512,
        context: &Context<'_>,
    ) -> Bits512 {
        match self {
            _ if among.is_empty() => among,
            Self::And(keys) => {
                keys.iter().fold(among, |left, key| key.on_page(page, left, context))
            }
            Self::Or(left, right) => {
                let found = left.on_page(page, among, context);
                found.or(&right.on_page(page, among.without(&found), context))
            }
            Self::Not(key) if key.reads_messages() => among,
            Self::Not(key) => among.without(&key.on_page(page, among, context)),
            Self::Ranges(ranges) => filter(among, |at| in_ranges(ranges, page.uid(at))),
            Self::Uids(uids) => filter(among, |at| uids.contains(page.uid(at))),
            Self::Flag(flag) => among.and(page.flag(*flag)),
            Self::Keyword(keyword) => match context.keyword(keyword) {
                Some(id) => among.and(&page.keyword(id)),
                None => Bits512::EMPTY,
            },
            Self::ModSeq(least) => filter(among, |at| page.modseq(at) >= *least),
            _ => among,
        }
    }

    /// Whether a live message of the page matches.
    pub(super) fn holds(
        &self,
        page: &StatePage,
        at: u32,
        context: &mut Context<'_>,
    ) -> Result<bool, Stop> {
        match self {
            Self::And(keys) => {
                for key in keys {
                    if !key.holds(page, at, context)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Or(left, right) => {
                Ok(left.holds(page, at, context)? || right.holds(page, at, context)?)
            }
            Self::Not(key) => Ok(!key.holds(page, at, context)?),
            key if key.reads_messages() => match context.row(page.uid(at))? {
                Some(row) => key.matches(page.uid(at), &row, context),
                None => Ok(false),
            },
            key => {
                let mut single = Bits512::EMPTY;
                single.set(at, true);
                Ok(!key.on_page(page, single, context).is_empty())
            }
        }
    }

    /// Whether one message matches a key that needs more than its page.
    fn matches(&self, uid: Uid, row: &MessageRow, context: &mut Context<'_>) -> Result<bool, Stop> {
        let received = Day::of(row.internal_date);
        Ok(match self {
            Self::Larger(size) => row.size > u64::from(*size),
            Self::Smaller(size) => row.size < u64::from(*size),
            Self::Before(day) => received < *day,
            Self::On(day) => received == *day,
            Self::Since(day) => received >= *day,
            Self::EmailId(id) => row.email.object_id(context.account) == *id,
            Self::ThreadId(id) => {
                let thread = context.thread(row)?;
                thread.is_some_and(|thread| thread.object_id(context.account) == *id)
            }
            Self::SentBefore(day) => sent(row, context)? < *day,
            Self::SentOn(day) => sent(row, context)? == *day,
            Self::SentSince(day) => sent(row, context)? >= *day,
            Self::Reading(number, reading) => {
                Answers::of(context, *number, |context| reading.holds(uid, row, context))?
            }
            _ => false,
        })
    }
}

/// The day of the Date header; a message without one counts as sent when it arrived. Older rows do not
/// tell.
fn sent(row: &MessageRow, context: &mut Context<'_>) -> Result<Day, Stop> {
    if let Some(sent) = row.sent {
        return Ok(Day::of(sent));
    }
    let date: Option<UnixTime> = context.head(row, |form| form.sent_date)?;
    Ok(Day::of(date.unwrap_or(row.internal_date)))
}

fn filter(among: Bits512, keep: impl Fn(u32) -> bool) -> Bits512 {
    let mut kept = Bits512::EMPTY;
    for at in among.iter().filter(|at| keep(*at)) {
        kept.set(at, true);
    }
    kept
}
