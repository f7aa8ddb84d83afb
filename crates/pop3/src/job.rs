//! Work on an open maildrop that may need the store and several steps.

use crate::listing::{self, Listing};
use crate::maildrop::Maildrop;
use crate::reply;
use crate::retrieval::Retrieval;
use waypost_store::{Store, StoreError};

/// Work to do.
pub(crate) enum Job {
    /// STAT, once the sizes of deleted messages are needed.
    Stat,
    /// LIST or UIDL of all messages.
    List(Listing),
    /// LIST of one message.
    ListOne(u32),
    /// RETR, or TOP with so many lines.
    Retrieve(u32, Option<u32>),
    /// A message on its way.
    Send(Box<Retrieval>),
}

/// What a slice of work may use.
pub(crate) struct Desk<'a> {
    pub(crate) store: &'a dyn Store,
    pub(crate) output: &'a mut Vec<u8>,
    /// The length of `output` at which the step ends.
    pub(crate) full_at: usize,
}

/// How a slice ended.
pub(crate) enum Progress {
    /// The reply is complete.
    Done,
    /// A message was sent whole: its size in bytes.
    Sent(u64),
    /// There is more to do.
    More(Job),
}

/// A store that failed a job.
pub(crate) struct Trouble {
    pub(crate) error: StoreError,
    /// Part of the reply has left; it can only be cut off.
    pub(crate) midway: bool,
}

impl Desk<'_> {
    pub(crate) const fn is_full(&self) -> bool {
        self.output.len() >= self.full_at
    }
}

impl Job {
    /// Whether the next slice may block.
    pub(crate) const fn needs_store(&self) -> bool {
        match self {
            Self::List(listing) => listing.needs_store(),
            _ => true,
        }
    }

    /// Whether part of the reply was written in an earlier slice.
    fn is_midway(&self) -> bool {
        match self {
            Self::List(listing) => listing.has_begun(),
            Self::Send(_) => true,
            _ => false,
        }
    }

    /// Runs a slice. What a failing slice wrote is taken back.
    pub(crate) fn run(
        self,
        maildrop: &mut Maildrop,
        desk: &mut Desk<'_>,
    ) -> Result<Progress, Trouble> {
        let (before, midway) = (desk.output.len(), self.is_midway());
        let ended = self.slice(maildrop, desk);
        ended.map_err(|error| {
            desk.output.truncate(before);
            Trouble { error, midway }
        })
    }

    fn slice(self, maildrop: &mut Maildrop, desk: &mut Desk<'_>) -> Result<Progress, StoreError> {
        match self {
            Self::Stat => stat(maildrop, desk),
            Self::List(mut listing) => {
                let complete = listing.run(maildrop, desk)?;
                Ok(if complete { Progress::Done } else { Progress::More(Self::List(listing)) })
            }
            Self::ListOne(number) => listing::size(number, maildrop, desk).map(|()| Progress::Done),
            Self::Retrieve(number, lines) => {
                match Retrieval::begin(number, lines, maildrop, desk)? {
                    Some(retrieval) => send(Box::new(retrieval), maildrop, desk),
                    None => Ok(Progress::Done),
                }
            }
            Self::Send(retrieval) => send(retrieval, maildrop, desk),
        }
    }
}

fn stat(maildrop: &mut Maildrop, desk: &mut Desk<'_>) -> Result<Progress, StoreError> {
    maildrop.weigh(&*desk.store.snapshot()?)?;
    if !maildrop.is_weighed() {
        return Ok(Progress::More(Job::Stat));
    }
    reply::ok(desk.output, format_args!("{} {}", maildrop.messages(), maildrop.bytes()));
    Ok(Progress::Done)
}

fn send(
    mut retrieval: Box<Retrieval>,
    maildrop: &mut Maildrop,
    desk: &mut Desk<'_>,
) -> Result<Progress, StoreError> {
    if !retrieval.run(desk)? {
        return Ok(Progress::More(Job::Send(retrieval)));
    }
    if !retrieval.is_whole() {
        return Ok(Progress::Done);
    }
    maildrop.retrieved(retrieval.uid());
    Ok(Progress::Sent(retrieval.size()))
}
