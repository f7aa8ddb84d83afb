//! THREAD and UID THREAD (RFC 5256 section 3) by both algorithms of that RFC.
//!
//! The store joins emails to threads of its own when they arrive (THREADID, RFC 8474), across mailboxes;
//! these threads have no order and no branches, so they are of no use here. The ids that
//! are needed are in the forms.

mod forest;
mod read;
mod tree;

use super::search::Seek;
use super::{Job, Started};
use crate::flow::{Completion, Env, Flow, STEP_FULL_BYTES, Stepped};
use crate::numbers::Numbers;
use crate::state::Selected;
use crate::workspace::Share;
use forest::{Forest, TooMany};
use read::{Failure, Messages};
use tree::Tree;
use waypost_imap_wire::{ResponseCode, SearchKey, ThreadAlgorithm};
use waypost_types::Uid;

/// Threads messages of the open mailbox.
pub(crate) struct Thread {
    uid: bool,
    seek: Seek,
    share: Share,
    phase: Phase,
}

/// What is done next.
enum Phase {
    Search(ThreadAlgorithm),
    /// Read the messages found, from this one on; then work out their threads.
    Work(Option<Uid>, Box<Forest>),
    Tell(Box<Tree>),
}

pub(super) fn start(
    open: &mut Selected,
    env: &mut Env<'_>,
    uid: bool,
    algorithm: ThreadAlgorithm,
    search: SearchKey,
) -> Started {
    match Seek::new(search, open, env) {
        Ok(seek) => {
            let (share, phase) = (env.workspace.share(), Phase::Search(algorithm));
            Started::Job(Job::Thread(Box::new(Thread { uid, seek, share, phase })))
        }
        Err(refused) => refused.into(),
    }
}

impl Thread {
    pub(super) const fn is_mid_response(&self) -> bool {
        matches!(self.phase, Phase::Tell(_))
    }

    pub(super) fn step(&mut self, open: &Selected, env: &mut Env<'_>) -> Stepped {
        match &mut self.phase {
            Phase::Search(algorithm) => {
                if self.seek.step(open, env)? {
                    let forest = Forest::new(*algorithm, self.seek.found().len());
                    self.phase = Phase::Work(Some(Uid(1)), Box::new(forest));
                }
            }
            Phase::Work(reading, forest) => match *reading {
                Some(from) => match read(from, forest, self.uid, &self.seek, open, env) {
                    Ok(next) => {
                        *reading = next;
                        if self.share.hold(forest.weight()).is_err() {
                            return Ok(Completion::workspace_full().into());
                        }
                    }
                    Err(Failure::Store(failure)) => return Err(failure),
                    Err(Failure::TooMany) => return Ok(too_many().into()),
                },
                None => {
                    if let Some(tree) = forest.grow() {
                        env.writer().thread_start();
                        self.phase = Phase::Tell(Box::new(tree));
                    }
                }
            },
            Phase::Tell(tree) => {
                if tree.tell(env.out, STEP_FULL_BYTES) {
                    env.writer().thread_end();
                    return Ok(Completion::ok("THREAD completed").into());
                }
            }
        }
        Ok(Flow::Work)
    }
}

/// Reads messages up to the cost of a step; answers where to go on.
fn read(
    from: Uid,
    forest: &mut Forest,
    uid: bool,
    seek: &Seek,
    open: &Selected,
    env: &Env<'_>,
) -> Result<Option<Uid>, Failure> {
    let snapshot = env.store.snapshot().map_err(Failure::Store)?;
    let mut messages = Messages::new(snapshot.as_ref(), open);
    let mut numbers = Numbers::new(uid, open.view.shown());
    for uid in seek.found().iter_from(from) {
        if messages.is_spent() {
            return Ok(Some(uid));
        }
        if let Some(number) = numbers.of(uid) {
            messages.add(uid, number, forest)?;
        }
    }
    Ok(None)
}

fn too_many() -> Completion {
    let text = "The messages and what they refer to are too many; thread fewer messages";
    Completion::no(ResponseCode::Limit, text)
}

impl From<TooMany> for Failure {
    fn from(TooMany: TooMany) -> Self {
        Self::TooMany
    }
}
