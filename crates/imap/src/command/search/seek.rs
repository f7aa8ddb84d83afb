//! Which messages a search matches: page by page where flags decide, else message by message, in steps of
//! bounded cost. SORT and THREAD begin with the same (RFC 5256 section 3).

use super::key::{self, Compiled};
use super::step::{Answers, Context, STEP_COST, Stop};
use crate::announce::position;
use crate::command::enable_condstore;
use crate::flow::{Completion, Env};
use crate::state::Selected;
use tracing::error;
use waypost_imap_wire::{ResponseCode, SearchKey};
use waypost_store::{Bits512, PAGE_UIDS, StatePage, StoreError};
use waypost_types::{ModSeq, Uid, UidSet};

/// Cost of a page for each key when bit operations decide.
const PAGE_COST: u64 = 20;
/// A search of at most so many keys first asks of a page which of its messages come into question. It is
/// asked anew in each step, so this must cost little beside one.
const NARROWING_KEYS: u64 = 20;
/// Texts looked for in one search: each is a reading of whole messages.
const TEXTS_MAX: u64 = 20;

/// A search of the open mailbox under way.
pub(in crate::command) struct Seek {
    key: Compiled,
    /// How many keys it holds, at least 1.
    keys: u64,
    mentions_mod_seq: bool,
    /// The first UID not looked at yet.
    next: Option<Uid>,
    /// What is known of the message at which the last step ended.
    answers: Answers,
    found: UidSet,
    highest: ModSeq,
}

impl Seek {
    /// Begins to search; an error is the reply to a search of too many texts.
    pub(in crate::command) fn new(
        criteria: SearchKey,
        open: &mut Selected,
        env: &mut Env<'_>,
    ) -> Result<Self, Completion> {
        let mentions_mod_seq = criteria.mentions_mod_seq();
        if mentions_mod_seq {
            enable_condstore(open, env.out);
        }
        let key = key::compile(criteria, open, &mut 0);
        if key.texts() > TEXTS_MAX {
            return Err(Completion::no(ResponseCode::Limit, "Too many texts in one search"));
        }
        Ok(Self {
            keys: key.keys().max(1),
            key,
            mentions_mod_seq,
            next: open.view.shown().first(),
            answers: Answers::default(),
            found: UidSet::new(),
            highest: ModSeq(0),
        })
    }

    /// What was found so far.
    pub(in crate::command) const fn found(&self) -> &UidSet {
        &self.found
    }

    /// The highest modification sequence of what was found, when the client asked by one (RFC 7162
    /// section 3.1.5).
    pub(in crate::command) fn mod_seq(&self) -> Option<ModSeq> {
        (self.mentions_mod_seq && !self.found.is_empty()).then_some(self.highest)
    }

    /// Looks at messages up to the cost of a step; true when all were looked at.
    pub(in crate::command) fn step(
        &mut self,
        open: &Selected,
        env: &Env<'_>,
    ) -> Result<bool, StoreError> {
        if self.next.is_none() {
            return Ok(true);
        }
        let snapshot = env.store.snapshot()?;
        let answers = std::mem::take(&mut self.answers);
        let mut context = Context::new(snapshot.as_ref(), open, answers)?;
        while let Some(next) = self.next {
            if context.cost > STEP_COST {
                self.answers = context.answers;
                return Ok(false);
            }
            let page = snapshot.page_from(open.mailbox(), StatePage::number_of(next))?;
            self.next = match page {
                Some(page) => self.look_at_page(&page, next, open, &mut context)?,
                None => None,
            };
        }
        Ok(true)
    }

    /// Looks at a page from a UID on; returns where to go on.
    fn look_at_page(
        &mut self,
        page: &StatePage,
        from: Uid,
        open: &Selected,
        context: &mut Context<'_>,
    ) -> Result<Option<Uid>, StoreError> {
        let candidates = candidates(page, from, open.view.shown());
        context.cost += PAGE_COST;
        if !self.key.reads_messages() {
            context.cost += PAGE_COST * (self.keys - 1);
            let found = self.key.on_page(page, candidates, context);
            found.iter().for_each(|at| self.take(page, at));
            return Ok(after_page(page));
        }
        for at in self.narrowed(page, candidates, context).iter() {
            if context.cost > STEP_COST {
                return Ok(Some(page.uid(at)));
            }
            context.cost += self.keys;
            context.answers.begin(page.uid(at));
            match self.key.holds(page, at, context) {
                Ok(false) => {}
                Ok(true) => self.take(page, at),
                Err(Stop::Paused) => return Ok(Some(page.uid(at))),
                Err(Stop::Failed(failure @ (StoreError::Corrupt(_) | StoreError::Io(_)))) => {
                    leave_out(page.uid(at), open, &failure);
                }
                Err(Stop::Failed(failure)) => return Err(failure),
            }
        }
        Ok(after_page(page))
    }

    /// The candidates that need to be measured one by one.
    fn narrowed(&self, page: &StatePage, among: Bits512, context: &mut Context<'_>) -> Bits512 {
        if self.keys > NARROWING_KEYS {
            return among;
        }
        context.cost += PAGE_COST * (self.keys - 1);
        self.key.on_page(page, among, context)
    }

    fn take(&mut self, page: &StatePage, at: u32) {
        self.found.push(page.uid(at));
        if self.mentions_mod_seq {
            self.highest = self.highest.max(page.modseq(at));
        }
    }
}

/// One damaged message must not keep a client from finding others.
fn leave_out(uid: Uid, open: &Selected, failure: &StoreError) {
    let (user, mailbox) = (&open.user.identity.account, open.name.as_str());
    error!(%user, mailbox, uid = uid.0, cause = %failure, "message left out of SEARCH");
}

/// The live messages of a page that the client knows, from a UID on.
fn candidates(page: &StatePage, from: Uid, shown: &UidSet) -> Bits512 {
    let first = page.uid(0);
    let mut candidates = Bits512(shown.bits_from(first.0)).and(&page.live);
    for before in (first.0..from.0).take(PAGE_UIDS as usize) {
        candidates.set(position(Uid(before)), false);
    }
    candidates
}

/// Every step measures one message at least.
const _: () = assert!(PAGE_COST * NARROWING_KEYS < STEP_COST);

/// The first UID behind a page.
fn after_page(page: &StatePage) -> Option<Uid> {
    page.uid(PAGE_UIDS - 1).0.checked_add(1).map(Uid)
}
