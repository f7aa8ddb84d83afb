//! LIST and LSUB (RFC 3501 sections 6.3.8, 6.3.9) with children (RFC 3348) and special uses (RFC
//! 6154).

use super::{Job, Started};
use crate::flow::{Completion, Env, Flow, Stepped};
use waypost_imap_wire::{ListArguments, ListKind, ListPattern, MailboxAttribute, Writer};
use waypost_store::{Snapshot, StoreError};
use waypost_types::{AccountId, MailboxName, SpecialUse};

/// Cost of the matching of one step, in operations on words: a few milliseconds.
const STEP_COST: usize = 2_000_000;
/// Cost of a name beside its matching.
const NAME_COST: usize = 200;

/// Lists names. They are read once, so that the answer is of one moment, and matched and told in steps.
pub(crate) struct List {
    kind: ListKind,
    arguments: ListArguments,
    names: Option<Names>,
}

/// The names to look at, and how far that has got.
struct Names {
    /// Every name after those above it.
    all: Vec<(MailboxName, Option<SpecialUse>)>,
    /// The next one.
    at: usize,
    /// Levels of the name looked at last that were told, the first level as bit 0.
    told: u64,
}

/// One name to tell.
struct Line<'n> {
    name: &'n str,
    /// A mailbox has this name, or for LSUB: it is subscribed itself.
    real: bool,
    /// `None` where the answer does not tell.
    children: Option<bool>,
    special_use: Option<SpecialUse>,
}

pub(super) fn start_list(arguments: ListArguments) -> Started {
    Started::Job(Job::List(List { kind: ListKind::List, arguments, names: None }))
}

pub(super) fn start_lsub(arguments: ListArguments) -> Started {
    Started::Job(Job::List(List { kind: ListKind::Lsub, arguments, names: None }))
}

impl List {
    pub(super) fn step(&mut self, account: AccountId, env: &mut Env<'_>) -> Stepped {
        if self.arguments.asks_separator {
            let attributes = [MailboxAttribute::NoSelect];
            env.writer().list_name(self.kind, &attributes, root_of(&self.arguments.reference));
            return Ok(self.completion().into());
        }
        let names = match &mut self.names {
            Some(names) => names,
            none => {
                let snapshot = env.store.snapshot()?;
                none.insert(Names::read(&self.arguments, self.kind, account, snapshot.as_ref())?)
            }
        };
        let mut cost = 0;
        while let Some(cost_of_name) = names.tell(self.kind, &self.arguments, env) {
            cost += cost_of_name;
            if cost > STEP_COST || env.is_full() {
                return Ok(Flow::Work);
            }
        }
        Ok(self.completion().into())
    }

    fn completion(&self) -> Completion {
        match self.kind {
            ListKind::List => Completion::ok("LIST completed"),
            ListKind::Lsub => Completion::ok("LSUB completed"),
        }
    }
}

impl Names {
    fn read(
        arguments: &ListArguments,
        kind: ListKind,
        account: AccountId,
        snapshot: &dyn Snapshot,
    ) -> Result<Self, StoreError> {
        let mut all: Vec<_> = match kind {
            ListKind::List => {
                let mailboxes = snapshot.mailboxes_from(account, arguments.start())?.into_iter();
                mailboxes.map(|mailbox| (mailbox.name, mailbox.special_use)).collect()
            }
            ListKind::Lsub => {
                snapshot.subscriptions(account)?.into_iter().map(|name| (name, None)).collect()
            }
        };
        all.sort_by(|(a, _), (b, _)| levels(a.as_str()).cmp(levels(b.as_str())));
        Ok(Self { all, at: 0, told: 0 })
    }

    /// Tells what the next name gives, and says what that has cost; `None` after the last.
    fn tell(
        &mut self,
        kind: ListKind,
        arguments: &ListArguments,
        env: &mut Env<'_>,
    ) -> Option<usize> {
        let patterns: &[ListPattern] = &arguments.patterns;
        let (name, special_use) = self.all.get(self.at)?;
        let before = self.at.checked_sub(1).and_then(|before| self.all.get(before));
        let name = name.as_str();
        let depth = levels(name).count();
        let shared = before.map_or(0, |(before, _)| shared_levels(before.as_str(), name));
        self.told &= low_bits(shared);
        let matched =
            patterns.iter().fold(0, |matched, pattern| matched | pattern.matched_levels(name));
        let told_now = match kind {
            // Not the names above one: they have no special use, or are told by themselves.
            ListKind::List if arguments.special_use_only => {
                if special_use.is_some() {
                    matched & bit(depth)
                } else {
                    0
                }
            }
            ListKind::List => matched & !low_bits(shared),
            ListKind::Lsub => nearest(matched, depth) & !self.told,
        };
        self.told |= told_now;
        for level in (1..=depth).filter(|level| bit(*level) & told_now != 0) {
            let real = level == depth;
            let children = match kind {
                ListKind::List => Some(!real || self.has_children(name)),
                ListKind::Lsub => None,
            };
            let special_use = special_use.filter(|_| real);
            let name = first_levels(name, level);
            Line { name, real, children, special_use }.write(kind, env.out);
        }
        self.at += 1;
        Some(NAME_COST + patterns.iter().map(|pattern| pattern.cost(name)).sum::<usize>())
    }

    /// Whether a name below this one follows.
    fn has_children(&self, name: &str) -> bool {
        let next = self.all.get(self.at + 1).map(|(next, _)| next.as_str());
        next.is_some_and(|next| shared_levels(name, next) == levels(name).count())
    }
}

impl Line<'_> {
    fn write(&self, kind: ListKind, out: &mut Vec<u8>) {
        Writer::new(out).list_name(kind, &self.attributes(), self.name);
    }

    fn attributes(&self) -> Vec<MailboxAttribute> {
        let mut attributes = Vec::new();
        if !self.real {
            attributes.push(MailboxAttribute::NoSelect);
        }
        attributes.extend(self.children.map(|children| match children {
            true => MailboxAttribute::HasChildren,
            false => MailboxAttribute::HasNoChildren,
        }));
        attributes.extend(self.special_use.map(MailboxAttribute::Special));
        attributes
    }
}

/// The nearest level that matches: the name itself, or else the one above it for which it stands as
/// `\Noselect` (RFC 3501 section 6.3.9).
fn nearest(matched: u64, depth: usize) -> u64 {
    let matched = matched & low_bits(depth);
    matched.checked_ilog2().map_or(0, |highest| 1 << highest)
}

fn levels(name: &str) -> impl Iterator<Item = &str> {
    name.split(MailboxName::SEPARATOR)
}

/// How many leading levels two names share.
fn shared_levels(a: &str, b: &str) -> usize {
    levels(a).zip(levels(b)).take_while(|(a, b)| a == b).count()
}

/// The name's first levels, at least one.
fn first_levels(name: &str, count: usize) -> &str {
    let ends = name.match_indices(MailboxName::SEPARATOR).map(|(at, _)| at);
    let end = ends.chain([name.len()]).nth(count.saturating_sub(1));
    end.and_then(|end| name.get(..end)).unwrap_or(name)
}

/// The bit of a level, counted from 1.
const fn bit(level: usize) -> u64 {
    low_bits(level) & !low_bits(level - 1)
}

/// The bits of so many levels.
const fn low_bits(count: usize) -> u64 {
    if count >= 64 { u64::MAX } else { (1 << count) - 1 }
}

const _: () = assert!(MailboxName::MAX_DEPTH <= 64);

/// The root of a reference: the first level for a name that begins with the separator, else empty.
fn root_of(reference: &str) -> &str {
    if reference.starts_with(MailboxName::SEPARATOR) { "/" } else { "" }
}
