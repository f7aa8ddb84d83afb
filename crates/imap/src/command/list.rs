//! LIST and LSUB (RFC 3501 sections 6.3.8, 6.3.9) with children (RFC 3348) and special uses (RFC
//! 6154).

use super::{Job, Started};
use crate::flow::{Completion, Env, Flow, Stepped};
use std::collections::{BTreeMap, BTreeSet};
use waypost_imap_wire::{ListArguments, ListKind, ListPattern, MailboxAttribute, Writer};
use waypost_store::{Snapshot, StoreError};
use waypost_types::{AccountId, MailboxName, SpecialUse};

/// Lists names. They are looked up once, so that the answer is of one moment, and told in steps.
pub(crate) struct List {
    kind: ListKind,
    arguments: ListArguments,
    lines: Option<std::vec::IntoIter<Line>>,
}

/// One name to tell.
struct Line {
    name: MailboxName,
    /// A mailbox has this name, or for LSUB: it is subscribed itself.
    real: bool,
    /// `None` where the answer does not tell.
    children: Option<bool>,
    special_use: Option<SpecialUse>,
}

pub(super) fn start_list(arguments: ListArguments) -> Started {
    Started::Job(Job::List(List { kind: ListKind::List, arguments, lines: None }))
}

pub(super) fn start_lsub(arguments: ListArguments) -> Started {
    Started::Job(Job::List(List { kind: ListKind::Lsub, arguments, lines: None }))
}

impl List {
    pub(super) fn step(&mut self, account: AccountId, env: &mut Env<'_>) -> Stepped {
        if self.arguments.asks_separator {
            let attributes = [MailboxAttribute::NoSelect];
            env.writer().list_name(self.kind, &attributes, root_of(&self.arguments.reference));
            return Ok(self.completion().into());
        }
        if self.lines.is_none() {
            let snapshot = env.store.snapshot()?;
            self.lines = Some(self.look_up(account, snapshot.as_ref())?.into_iter());
        }
        for line in self.lines.iter_mut().flatten() {
            Writer::new(env.out).list(self.kind, &line.attributes(), &line.name);
            if env.is_full() {
                return Ok(Flow::Work);
            }
        }
        Ok(self.completion().into())
    }

    fn look_up(
        &self,
        account: AccountId,
        snapshot: &dyn Snapshot,
    ) -> Result<Vec<Line>, StoreError> {
        match self.kind {
            ListKind::List => list(account, snapshot, &self.arguments.patterns),
            ListKind::Lsub => lsub(account, snapshot, &self.arguments.patterns),
        }
    }

    fn completion(&self) -> Completion {
        match self.kind {
            ListKind::List => Completion::ok("LIST completed"),
            ListKind::Lsub => Completion::ok("LSUB completed"),
        }
    }
}

impl Line {
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

/// The mailboxes that match, and as `\Noselect` the levels above others that are no mailboxes.
fn list(
    account: AccountId,
    snapshot: &dyn Snapshot,
    patterns: &[ListPattern],
) -> Result<Vec<Line>, StoreError> {
    let mailboxes = snapshot.mailboxes(account)?;
    let parents: BTreeSet<MailboxName> =
        mailboxes.iter().flat_map(|mailbox| ancestors(&mailbox.name)).collect();
    let mut lines: BTreeMap<MailboxName, Line> = BTreeMap::new();
    for name in parents.iter().filter(|name| matches(patterns, name)) {
        let line =
            Line { name: name.clone(), real: false, children: Some(true), special_use: None };
        lines.insert(name.clone(), line);
    }
    for mailbox in mailboxes.into_iter().filter(|mailbox| matches(patterns, &mailbox.name)) {
        let children = Some(parents.contains(&mailbox.name));
        let (name, special_use) = (mailbox.name, mailbox.special_use);
        lines.insert(name.clone(), Line { name, real: true, children, special_use });
    }
    Ok(lines.into_values().collect())
}

/// The subscribed names that match. A level that matches and only has subscribed names below is
/// told as `\Noselect` (RFC 3501 section 6.3.9).
fn lsub(
    account: AccountId,
    snapshot: &dyn Snapshot,
    patterns: &[ListPattern],
) -> Result<Vec<Line>, StoreError> {
    let line = |name: MailboxName, real| Line { name, real, children: None, special_use: None };
    let mut lines: BTreeMap<MailboxName, Line> = BTreeMap::new();
    for name in snapshot.subscriptions(account)? {
        if matches(patterns, &name) {
            lines.insert(name.clone(), line(name, true));
            continue;
        }
        if let Some(above) = ancestors(&name).find(|above| matches(patterns, above)) {
            lines.entry(above.clone()).or_insert_with(|| line(above, false));
        }
    }
    Ok(lines.into_values().collect())
}

/// The levels above a name, the nearest first.
fn ancestors(name: &MailboxName) -> impl Iterator<Item = MailboxName> {
    std::iter::successors(name.parent(), MailboxName::parent)
}

fn matches(patterns: &[ListPattern], name: &MailboxName) -> bool {
    patterns.iter().any(|pattern| pattern.matches(name))
}

/// The root of a reference: the first level for a name that begins with the separator, else empty.
fn root_of(reference: &str) -> &str {
    if reference.starts_with(MailboxName::SEPARATOR) { "/" } else { "" }
}
