//! The last step of a COPY or MOVE in steps: what is staged becomes visible, at once.
//!
//! It touches state pages, counters and the change log, and no row, so it is short whatever the number of
//! messages.

use super::pages;
use super::staged::{STAGED_KEY, UnderWay};
use super::transfer::{Leaving, Order, Transfer};
use super::work::{Targets, Work};
use crate::codec::saved::{SavedChange, SavedShown};
use crate::codec::{corrupt, page};
use std::collections::BTreeMap;
use waypost_store::{
    Bits512, ChangeKind, Copied, KeywordId, Outcome, PAGE_UIDS, StatePage, StoreError,
};
use waypost_types::{FlagSet, Keyword, MailboxId, ModSeq, SystemFlag, Uid, UidSet, Usage};

impl Work<'_, '_> {
    /// The last step: what is staged becomes visible.
    pub(super) fn show(
        &mut self,
        order: &Order<'_>,
        under_way: &UnderWay,
    ) -> Result<Outcome, StoreError> {
        let (account, to) = (order.account, order.to);
        let wanted: UidSet = under_way.held.iter().map(|held| held.uid).collect();
        let targets = self.targets(order.from, Some(&wanted))?;
        let pairs = Pairs::of(under_way, &targets);
        let uses = self.keyword_uses(order.from, &targets)?;
        if order.from != order.to {
            let keywords = uses.keys().cloned().collect();
            self.check_keywords(order.to, &FlagSet { keywords, ..FlagSet::default() })?;
        }
        let added = Usage { bytes: pairs.leaving.bytes, messages: pairs.target.len().into() };
        self.check_limits(order, added)?;
        let tables = self.tables;
        self.delete(&tables.state, STAGED_KEY)?;
        let record = self.mailbox_mut(account, to)?;
        let uid_validity = record.uid_validity;
        record.uid_next = record.uid_next.max(under_way.next);
        let next = record.uid_next;
        self.tell(account, SavedChange::Passed(to, next));
        let mut modseq = self.account(account)?.value.modseq;
        if !pairs.target.is_empty() {
            modseq = self.advance(account)?;
            self.show_pages(order, &targets, &pairs, &uses, modseq)?;
        }
        self.queue_purge(account, to, modseq, &pairs.dropped)?;
        let Pairs { source, target, .. } = pairs;
        Ok(Outcome::Copied(Copied { uid_validity, source, target, modseq }))
    }

    fn show_pages(
        &mut self,
        order: &Order<'_>,
        targets: &Targets,
        pairs: &Pairs,
        uses: &BTreeMap<Keyword, u32>,
        modseq: ModSeq,
    ) -> Result<(), StoreError> {
        // Counted before a MOVE takes the old ones out: no number of a keyword changes its meaning.
        let keywords = self.count_keywords(order.to, uses)?;
        let arrivals = self.arrivals(order.from, targets, pairs, &keywords)?;
        if matches!(order.transfer, Transfer::Move) {
            self.take_out(order.account, order.from, targets, &pairs.leaving, modseq)?;
        }
        for arrived in &arrivals {
            let unseen = arrived.live.without(arrived.flag(SystemFlag::Seen)).len();
            let counters = &mut self.mailbox_mut(order.account, order.to)?.counters;
            counters.messages += arrived.live.len();
            counters.unseen += unseen;
            counters.deleted += arrived.flag(SystemFlag::Deleted).len();
            pages::join(self.page_mut(order.to, arrived.number)?, arrived, modseq);
        }
        self.tell_shown(order, &arrivals, &keywords, modseq);
        let (bytes, messages) = (pairs.leaving.bytes, pairs.target.len().into());
        self.mailbox_mut(order.account, order.to)?.counters.bytes += bytes;
        self.hold_more(order.account, Usage { bytes, messages })?;
        let kind = ChangeKind::Arrived(pairs.target.clone());
        self.record(order.account, order.to, &kind, &pairs.leaving.emails)
    }

    /// Tells the segment what is visible now; the rows were told when they were staged.
    fn tell_shown(
        &mut self,
        order: &Order<'_>,
        arrivals: &[StatePage],
        keywords: &BTreeMap<Keyword, KeywordId>,
        modseq: ModSeq,
    ) {
        let pages = arrivals.iter().map(|page| (page.number, page::encode(page))).collect();
        let keywords = keywords.iter().map(|(keyword, id)| (id.0, keyword.clone())).collect();
        let shown = SavedShown { modseq, pages, keywords };
        self.tell(order.account, SavedChange::Shown(order.to, shown));
    }

    /// How many of the messages have which keyword.
    fn keyword_uses(
        &mut self,
        mailbox: MailboxId,
        targets: &Targets,
    ) -> Result<BTreeMap<Keyword, u32>, StoreError> {
        let mut numbers: BTreeMap<KeywordId, u32> = BTreeMap::new();
        for (number, bits) in targets {
            let Some(page) = self.page(mailbox, *number)? else { continue };
            for (id, set) in &page.keywords {
                let count = set.and(bits).len();
                if count > 0 {
                    *numbers.entry(*id).or_default() += count;
                }
            }
        }
        if numbers.is_empty() {
            return Ok(BTreeMap::new());
        }
        let table = self.keywords(mailbox)?;
        let named = |(id, count)| table.keyword(id).cloned().map(|keyword| (keyword, count));
        Ok(numbers.into_iter().filter_map(named).collect())
    }

    /// Counts uses in the target; the number of each keyword there.
    fn count_keywords(
        &mut self,
        mailbox: MailboxId,
        uses: &BTreeMap<Keyword, u32>,
    ) -> Result<BTreeMap<Keyword, KeywordId>, StoreError> {
        let mut numbers = BTreeMap::new();
        if uses.is_empty() {
            return Ok(numbers);
        }
        let table = self.keywords(mailbox)?;
        for (keyword, count) in uses {
            let id = table.know(keyword);
            table.count(id, *count, 0);
            numbers.insert(keyword.clone(), id);
        }
        Ok(numbers)
    }

    /// The messages as pages of the target, flags as they are now.
    fn arrivals(
        &mut self,
        from: MailboxId,
        targets: &Targets,
        pairs: &Pairs,
        keywords: &BTreeMap<Keyword, KeywordId>,
    ) -> Result<Vec<StatePage>, StoreError> {
        let mut arrivals: Vec<StatePage> = Vec::new();
        let mut to = pairs.target.iter();
        for (number, bits) in targets {
            let damaged = || corrupt(format!("page {number} of mailbox {from}"));
            let page = self.page(from, *number)?.ok_or_else(damaged)?.clone();
            let table = self.keywords(from)?;
            let known = page.keywords.iter().filter_map(|(id, set)| {
                let there = keywords.get(table.keyword(*id)?)?;
                Some((*there, set))
            });
            let known: Vec<(KeywordId, &Bits512)> = known.collect();
            for (at, uid) in bits.iter().zip(to.by_ref()) {
                let number = StatePage::number_of(uid);
                if arrivals.last().is_none_or(|last| last.number != number) {
                    arrivals.push(StatePage::new(number));
                }
                let Some(arrived) = arrivals.last_mut() else { continue };
                let place = uid.0 % PAGE_UIDS;
                arrived.live.set(place, true);
                for flag in page.system_flags(at).iter() {
                    arrived.flag_mut(flag).set(place, true);
                }
                for (id, _) in known.iter().filter(|(_, set)| set.contains(at)) {
                    pages::keyword_mut(arrived, *id).set(place, true);
                }
            }
        }
        Ok(arrivals)
    }
}

/// Which message gets which UID.
struct Pairs {
    source: UidSet,
    target: UidSet,
    /// Staged UIDs whose messages have left meanwhile.
    dropped: UidSet,
    leaving: Leaving,
}

impl Pairs {
    fn of(under_way: &UnderWay, live: &Targets) -> Self {
        let mut pairs = Self {
            source: UidSet::new(),
            target: UidSet::new(),
            dropped: UidSet::new(),
            leaving: Leaving::default(),
        };
        live.iter().for_each(|(number, bits)| pages::collect(&mut pairs.source, *number, bits));
        for (held, to) in under_way.held.iter().zip(under_way.staged.first.0..) {
            if pairs.source.contains(held.uid) {
                pairs.target.push(Uid(to));
                pairs.leaving.bytes += held.size;
                pairs.leaving.emails.insert(Uid(held.email));
            } else {
                pairs.dropped.push(Uid(to));
            }
        }
        pairs
    }
}
