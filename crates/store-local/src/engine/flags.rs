//! Changing flags: pages only, however many messages.

use super::pages;
use super::work::{Targets, Work};
use waypost_store::{Bits512, ChangeKind, FlagAction, KeywordId, Outcome, StatePage, StoreError};
use waypost_types::{
    AccountId, FlagSet, Keyword, MailboxId, ModSeq, SystemFlag, SystemFlags, UidSet,
};

/// What a request wants, its keywords as numbers.
struct Wish {
    action: FlagAction,
    system: SystemFlags,
    keywords: Vec<KeywordId>,
    /// Keywords that the mailbox does not know yet.
    new: Vec<Keyword>,
}

/// How counters move.
#[derive(Default)]
struct Moves {
    seen: (u32, u32),
    deleted: (u32, u32),
    keywords: Vec<(KeywordId, u32, u32)>,
}

impl Work<'_, '_> {
    pub(super) fn set_flags(
        &mut self,
        (account, mailbox): (AccountId, MailboxId),
        uids: &UidSet,
        action: FlagAction,
        flags: &FlagSet,
        unchanged_since: Option<ModSeq>,
    ) -> Result<Outcome, StoreError> {
        self.mailbox(account, mailbox)?;
        if action != FlagAction::Remove {
            self.check_keywords(mailbox, flags)?;
        }
        let mut wish = self.wish(mailbox, action, flags)?;
        let (mut changed, mut modified) = (UidSet::new(), UidSet::new());
        let mut targets = Targets::new();
        for (number, wanted) in self.targets(mailbox, Some(uids))? {
            let Some(page) = self.page(mailbox, number)? else { continue };
            let late = unchanged_since.map_or(Bits512::EMPTY, |limit| later(page, &wanted, limit));
            let change = changes(page, &wanted.without(&late), &wish);
            pages::collect(&mut modified, number, &late);
            pages::collect(&mut changed, number, &change);
            if !change.is_empty() {
                targets.push((number, change));
            }
        }
        if changed.is_empty() {
            let modseq = self.account(account)?.value.modseq;
            return Ok(Outcome::Flags { changed, modified, modseq });
        }
        let modseq = self.advance(account)?;
        self.settle_new(mailbox, &mut wish)?;
        for (number, change) in targets {
            self.change_page((account, mailbox), number, &change, &wish, modseq)?;
        }
        let kind = ChangeKind::Flags(changed.clone());
        self.record(account, mailbox, &kind, &UidSet::new())?;
        Ok(Outcome::Flags { changed, modified, modseq })
    }

    fn wish(
        &mut self,
        mailbox: MailboxId,
        action: FlagAction,
        flags: &FlagSet,
    ) -> Result<Wish, StoreError> {
        let mut wish = Wish { action, system: flags.system, keywords: Vec::new(), new: Vec::new() };
        let table = self.keywords(mailbox)?;
        for keyword in &flags.keywords {
            match table.id(keyword) {
                Some(id) => wish.keywords.push(id),
                None if action != FlagAction::Remove => wish.new.push(keyword.clone()),
                None => {}
            }
        }
        Ok(wish)
    }

    /// Gives new keywords their numbers, now that some message gets them.
    fn settle_new(&mut self, mailbox: MailboxId, wish: &mut Wish) -> Result<(), StoreError> {
        let table = self.keywords(mailbox)?;
        for keyword in wish.new.drain(..) {
            wish.keywords.push(table.know(&keyword));
        }
        Ok(())
    }

    fn change_page(
        &mut self,
        (account, mailbox): (AccountId, MailboxId),
        number: u32,
        change: &Bits512,
        wish: &Wish,
        modseq: ModSeq,
    ) -> Result<(), StoreError> {
        let page = self.page_mut(mailbox, number)?;
        let moves = rewrite(page, change, wish);
        pages::stamp(page, change, modseq);
        let counters = &mut self.mailbox_mut(account, mailbox)?.counters;
        counters.unseen = (counters.unseen + moves.seen.1).saturating_sub(moves.seen.0);
        counters.deleted = (counters.deleted + moves.deleted.0).saturating_sub(moves.deleted.1);
        let table = self.keywords(mailbox)?;
        for (id, more, less) in moves.keywords {
            table.count(id, more, less);
        }
        Ok(())
    }
}

/// Messages changed after `limit`.
fn later(page: &StatePage, wanted: &Bits512, limit: ModSeq) -> Bits512 {
    let mut late = Bits512::EMPTY;
    if page.highest_modseq() > limit {
        for at in wanted.iter().filter(|at| page.modseq(*at) > limit) {
            late.set(at, true);
        }
    }
    late
}

/// Messages among `wanted` whose flags would differ afterwards.
fn changes(page: &StatePage, wanted: &Bits512, wish: &Wish) -> Bits512 {
    let mut change = if wish.new.is_empty() { Bits512::EMPTY } else { *wanted };
    for flag in SystemFlag::ALL {
        let after = after(page.flag(flag), wanted, wish.action, wish.system.contains(flag));
        change = change.or(&differing(page.flag(flag), &after));
    }
    for (id, set) in &page.keywords {
        let after = after(set, wanted, wish.action, wish.keywords.contains(id));
        change = change.or(&differing(set, &after));
    }
    let missing = wish.keywords.iter().filter(|id| page.keyword(**id).is_empty());
    for _ in missing.filter(|_| wish.action != FlagAction::Remove) {
        change = change.or(wanted);
    }
    change
}

/// A flag's bitmap after the change of `wanted` messages.
fn after(before: &Bits512, wanted: &Bits512, action: FlagAction, named: bool) -> Bits512 {
    match (action, named) {
        (FlagAction::Add | FlagAction::Replace, true) => before.or(wanted),
        (FlagAction::Remove, true) | (FlagAction::Replace, false) => before.without(wanted),
        (FlagAction::Add | FlagAction::Remove, false) => *before,
    }
}

fn differing(a: &Bits512, b: &Bits512) -> Bits512 {
    a.without(b).or(&b.without(a))
}

/// Rewrites the bitmaps of a page; how many messages gained and lost what is counted.
fn rewrite(page: &mut StatePage, change: &Bits512, wish: &Wish) -> Moves {
    let mut moves = Moves::default();
    for flag in SystemFlag::ALL {
        let set = page.flag_mut(flag);
        let after = after(set, change, wish.action, wish.system.contains(flag));
        let moved = (after.without(set).len(), set.without(&after).len());
        *set = after;
        match flag {
            SystemFlag::Seen => moves.seen = moved,
            SystemFlag::Deleted => moves.deleted = moved,
            SystemFlag::Answered | SystemFlag::Draft | SystemFlag::Flagged => {}
        }
    }
    if wish.action != FlagAction::Remove {
        wish.keywords.iter().for_each(|id| {
            pages::keyword_mut(page, *id);
        });
    }
    for (id, set) in &mut page.keywords {
        let after = after(set, change, wish.action, wish.keywords.contains(id));
        let moved = (*id, after.without(set).len(), set.without(&after).len());
        *set = after;
        if moved.1 + moved.2 > 0 {
            moves.keywords.push(moved);
        }
    }
    pages::drop_empty(page);
    moves
}
