//! STORE and UID STORE (RFC 3501 section 6.4.6) with UNCHANGEDSINCE (RFC 7162 section 3.1.3).

use super::{Job, Started, enable_condstore, unexpected};
use crate::announce::{FlagTeller, Tell};
use crate::flow::{Completion, Env, Flow, Signal, Stepped};
use crate::state::Selected;
use waypost_imap_wire::{FlagChange, FlagChangeKind, ResponseCode, SequenceSet};
use waypost_store::{ChangeKind, Changes, FlagAction, Mutation, Outcome, Snapshot, StoreError};
use waypost_types::{FlagSet, ModSeq, UidSet};

/// Changes flags.
pub(crate) struct Store {
    uid: bool,
    uids: UidSet,
    action: FlagAction,
    flags: FlagSet,
    silent: bool,
    unchanged_since: Option<ModSeq>,
    stage: Stage,
}

enum Stage {
    Submit,
    Changed { changed: UidSet, modified: UidSet, modseq: ModSeq },
    Telling { teller: FlagTeller, modified: UidSet },
}

pub(super) fn start(
    open: &mut Selected,
    env: &mut Env<'_>,
    uid: bool,
    set: &SequenceSet,
    unchanged_since: Option<ModSeq>,
    change: FlagChange,
) -> Started {
    if open.read_only {
        return Completion::read_only().into();
    }
    let Ok(uids) = open.resolve(set, uid) else { return Completion::out_of_range().into() };
    if unchanged_since.is_some() {
        enable_condstore(open, env.out);
    }
    let action = match change.kind {
        FlagChangeKind::Replace => FlagAction::Replace,
        FlagChangeKind::Add => FlagAction::Add,
        FlagChangeKind::Remove => FlagAction::Remove,
    };
    let FlagChange { silent, flags, .. } = change;
    let stage = Stage::Submit;
    Started::Job(Job::Store(Store { uid, uids, action, flags, silent, unchanged_since, stage }))
}

impl Store {
    pub(super) fn step(
        &mut self,
        open: &mut Selected,
        env: &mut Env<'_>,
        signal: Signal,
    ) -> Stepped {
        match (std::mem::replace(&mut self.stage, Stage::Submit), signal) {
            (Stage::Submit, Signal::Outcome(Outcome::Flags { changed, modified, modseq })) => {
                self.stage = Stage::Changed { changed, modified, modseq };
                Ok(Flow::Work)
            }
            (Stage::Submit, Signal::Go) => Ok(self.submit(open, env)),
            (Stage::Changed { changed, modified, modseq }, Signal::Go) => {
                let told = self.learn(open, env, &changed, &modified, modseq)?;
                self.tell(self.teller(open, told), modified, open, env)
            }
            (Stage::Telling { teller, modified }, Signal::Go) => {
                self.tell(teller, modified, open, env)
            }
            _ => unexpected("STORE"),
        }
    }

    fn submit(&self, open: &Selected, env: &Env<'_>) -> Flow {
        if self.uids.is_empty() {
            return Completion::ok("STORE completed").into();
        }
        env.submit(Mutation::SetFlags {
            account: open.account(),
            mailbox: open.mailbox(),
            uids: self.uids.clone(),
            action: self.action,
            flags: self.flags.clone(),
            unchanged_since: self.unchanged_since,
        })
    }

    /// Catches up, and returns the messages this command itself tells. What others changed in the
    /// meantime is left to the announcement, also for `.SILENT` (RFC 3501 section 6.4.6).
    fn learn(
        &self,
        open: &mut Selected,
        env: &Env<'_>,
        changed: &UidSet,
        modified: &UidSet,
        own: ModSeq,
    ) -> Result<UidSet, StoreError> {
        let snapshot = env.store.snapshot()?;
        let others = changed_by_others(open, snapshot.as_ref(), own)?;
        open.view.catch_up(snapshot.as_ref())?;
        if self.silent {
            open.view.told_flags(&changed.difference(&others));
            return Ok(match (self.unchanged_since, open.has_condstore()) {
                // Those that passed are told, changed or not (RFC 7162 section 3.1.3).
                (Some(_), _) => self.uids.difference(modified),
                (None, true) => changed.clone(),
                (None, false) => UidSet::new(),
            });
        }
        let told = self.uids.difference(modified);
        open.view.told_flags(&told);
        Ok(told)
    }

    fn teller(&self, open: &Selected, told: UidSet) -> FlagTeller {
        let mod_seq = open.has_condstore();
        FlagTeller::new(told, Tell { flags: !self.silent, uid: self.uid || mod_seq, mod_seq })
    }

    fn tell(
        &mut self,
        mut teller: FlagTeller,
        modified: UidSet,
        open: &mut Selected,
        env: &mut Env<'_>,
    ) -> Stepped {
        if !teller.step(open, env)? {
            self.stage = Stage::Telling { teller, modified };
            return Ok(Flow::Work);
        }
        Ok(self.completion(open, &modified).into())
    }

    /// A sequence number of a message that has left is answered with NO (RFC 2180 section 4.2.1);
    /// a UID is left out silently (RFC 3501 section 6.4.8).
    fn completion(&self, open: &Selected, modified: &UidSet) -> Completion {
        if !modified.is_empty() {
            let code = ResponseCode::Modified(open.numbers(modified, self.uid));
            return Completion::ok("Some messages were changed since").with_code(code);
        }
        if !self.uid && !self.uids.intersection(open.view.expunged()).is_empty() {
            let text = "Some of the messages no longer exist";
            return Completion::no(ResponseCode::ExpungeIssued, text);
        }
        Completion::ok("STORE completed")
    }
}

/// Messages whose flags others changed since the view last caught up.
fn changed_by_others(
    open: &Selected,
    snapshot: &dyn Snapshot,
    own: ModSeq,
) -> Result<UidSet, StoreError> {
    let mut others = UidSet::new();
    match snapshot.changes(open.account(), open.view.modseq())? {
        Changes::TooOld => others = (**open.view.shown()).clone(),
        Changes::Complete(changes) => {
            for change in changes {
                match change.kind {
                    ChangeKind::Flags(uids)
                        if change.modseq != own && change.mailbox == open.mailbox() =>
                    {
                        others.extend_from(&uids);
                    }
                    _ => {}
                }
            }
        }
    }
    Ok(others)
}
