//! Space that is kept back on the disk: on a full one mail comes in no more, while who moves, copies and
//! makes mailboxes, as clients do to delete, still can.
//!
//! The space is blocks that are allocated behind the end of an empty file. A change that finds no space
//! lets it go and is tried again. From then on mail is refused until the disk has space for the file
//! again: otherwise it would take what was let go.

use super::{Done, Engine, Job, refused};
use crate::env::FILE_MODE;
use rustix::fs::{FallocateFlags, fallocate, fstatvfs};
use rustix::io::Errno;
use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use waypost_store::{Mutation, StoreError};
use waypost_types::UnixTime;

/// The file in a partition.
const RESERVE_FILE: &str = "reserve";
/// Of its file system the reserve takes at most this part.
const DISK_PART: u64 = 32;
/// Seconds for which what was let go is there for changes, before the reserve is filled again.
const OPEN_SECONDS: u64 = 2;

/// What the log says when mail is refused from now on.
const NOTHING_LEFT: &str = "the disk is full: mail is refused until there is space, and what is kept back is for those who delete";

/// The space kept back.
pub(super) struct Reserve {
    /// `None` where no space can be kept back.
    file: Option<File>,
    bytes: u64,
    /// When it was let go, while it is.
    released: Option<i64>,
    /// Whether mail was refused for want of space, and none was taken since.
    refusing: bool,
}

impl Reserve {
    /// Keeps `bytes` back in a partition, less on a small disk. Where it cannot be done, because the
    /// file system knows nothing of the kind, nothing is kept back.
    pub(super) fn open(partition: &Path, bytes: u64) -> Self {
        let mut options = File::options();
        options.create(true).truncate(false).write(true).mode(FILE_MODE);
        let file = options.open(partition.join(RESERVE_FILE));
        let file = file.inspect_err(|error| tracing::warn!(%error, "no space is kept back")).ok();
        let disk = file.as_ref().and_then(|file| fstatvfs(file).ok());
        let part = disk.map_or(u64::MAX, |disk| disk.f_blocks * disk.f_frsize / DISK_PART);
        let mut reserve = Self { file, bytes: bytes.min(part), released: None, refusing: false };
        reserve.fill(0);
        if reserve.released.is_some() {
            reserve.refuse();
        }
        reserve
    }

    /// Whether mail may come in: the space is kept back, again if it was let go a while ago.
    pub(super) fn is_whole(&mut self, now: UnixTime) -> bool {
        if self.released.is_some_and(|then| then.abs_diff(now.seconds) >= OPEN_SECONDS) {
            self.fill(now.seconds);
        }
        self.released.is_none()
    }

    /// Lets the space go; false when there is none to let go.
    pub(super) fn release(&mut self, now: UnixTime) -> bool {
        let Some(file) = self.file.as_ref().filter(|_| self.released.is_none()) else {
            return false;
        };
        if let Err(error) = file.set_len(0) {
            tracing::warn!(%error, "the space kept back cannot be let go");
            return false;
        }
        self.refuse();
        self.released = Some(now.seconds);
        true
    }

    fn refuse(&mut self) {
        if !std::mem::replace(&mut self.refusing, true) {
            tracing::warn!(bytes = self.bytes, "{NOTHING_LEFT}");
        }
    }

    fn fill(&mut self, now: i64) {
        let Some(file) = &self.file else { return };
        match fallocate(file, FallocateFlags::KEEP_SIZE, 0, self.bytes) {
            Ok(()) => self.released = None,
            Err(Errno::NOSPC | Errno::DQUOT) => {
                // It may have got a part.
                let _ = file.set_len(0);
                self.released = Some(now);
            }
            Err(error) => {
                tracing::warn!(%error, "no space can be kept back on this file system");
                self.file = None;
                self.released = None;
            }
        }
    }
}

impl Engine {
    /// Whether these jobs may go on together: what is kept back is not for mail.
    pub(super) fn has_room_for(&mut self, jobs: &[Job], now: UnixTime) -> bool {
        !jobs.iter().any(brings_mail) || self.reserve.is_whole(now)
    }

    /// A batch of one job.
    pub(super) fn commit_alone(&mut self, job: &Job, now: UnixTime) -> Done {
        // One that was applied has an answer, space or not.
        if brings_mail(job) && !self.reserve.is_whole(now) && self.outcome(job.id) == Ok(None) {
            self.reserve.refuse();
            return refused(job.id, StoreError::NoSpace);
        }
        match self.try_one(job, now) {
            Ok(done) => done,
            Err(error) => self.make_do(job, now, error),
        }
    }

    /// What comes of a job that failed alone: one that found no space and brings no mail is tried with what
    /// is kept back, then without records of states.
    pub(super) fn make_do(&mut self, job: &Job, now: UnixTime, error: StoreError) -> Done {
        let mut result = Err(error);
        let lacks_space = |result: &Result<_, _>| matches!(result, Err(StoreError::NoSpace));
        if !brings_mail(job) {
            if lacks_space(&result) && self.reserve.release(now) {
                result = self.try_one(job, now);
            }
            if lacks_space(&result) {
                self.sparing = true;
                result = self.try_one(job, now);
                self.sparing = false;
            }
        }
        if lacks_space(&result) {
            self.reserve.refuse();
        }
        result.unwrap_or_else(|error| refused(job.id, error))
    }

    /// Jobs were applied: when there is mail among them, the disk has space again.
    pub(super) fn found_space(&mut self, jobs: &[Job]) {
        if self.reserve.refusing && jobs.iter().any(brings_mail) {
            self.reserve.refusing = false;
            tracing::info!("the disk has space again: mail is taken");
        }
    }

    /// Whether mail was refused because the disk is full, and none was taken since.
    pub(crate) const fn is_full(&self) -> bool {
        self.reserve.refusing
    }

    fn try_one(&mut self, job: &Job, now: UnixTime) -> Result<Done, StoreError> {
        let done = self.try_batch(std::slice::from_ref(job), now, 0)?.pop();
        Ok(done.unwrap_or_else(|| refused(job.id, StoreError::NoSpace)))
    }
}

const fn brings_mail(job: &Job) -> bool {
    matches!(job.mutation, Mutation::Deliver(_) | Mutation::Append(_))
}
