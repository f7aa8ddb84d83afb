//! `reconstruct`: metadata made anew from the segments alone, when they are lost or cannot be read.
//!
//! The segments are only read. The new metadata are written aside, checked, and take the place of the
//! old ones in one step; the old ones are kept. So it can be broken off at any moment, and done again.
//!
//! What is proven stays as it was: a mailbox whose newest saved state nothing has changed since but
//! arrivals that are all known keeps UIDVALIDITY, UIDs and flags. Any other keeps its messages as they
//! were known last and gets a new UIDVALIDITY.

mod build;
mod draft;
mod evidence;
mod plan;

use super::{Engine, EngineConfig};
use crate::check::{CheckOptions, Finding, check};
use crate::codec::corrupt;
use crate::env::{DATA_FILE, META_DIR, SEGMENTS_DIR, io_fault, make_dirs, sync_dir};
use build::Builder;
use evidence::Evidence;
use plan::Plan;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::path::{Path, PathBuf};
use waypost_store::StoreError;
use waypost_types::UnixTime;

/// Where the new metadata are made, in the partition.
const MAKING_DIR: &str = "reconstruct";
/// What the directory of old metadata is called, with a number behind.
const OLD_META: &str = "meta.old-";

/// What was made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Accounts.
    pub accounts: u64,
    /// Mailboxes.
    pub mailboxes: u64,
    /// Mailboxes that keep their UIDVALIDITY.
    pub proven: u64,
    /// Messages in mailboxes.
    pub messages: u64,
    /// Messages in mailboxes that changed after their state was saved: any of them may have been
    /// expunged since.
    pub doubtful: u64,
    /// Messages whose bytes are damaged; they stay where they are.
    pub damaged: u64,
    /// Messages that are known and of which no segment has the bytes.
    pub lost: u64,
    /// Messages of which nothing tells whose they are; they are in the account `recovered`.
    pub unfiled: u64,
    /// What is to be told, a line each: damage, and mailboxes with a new UIDVALIDITY and why.
    pub lines: Vec<String>,
    /// Where the old metadata are now, if there were any and the new ones took their place.
    pub old: Option<PathBuf>,
}

/// Makes the metadata of a partition anew; with `in_place` false only aside, to tell what would be.
///
/// # Errors
/// When another process writes the store, when the segments cannot be listed, when the new metadata
/// cannot be written, and when a check finds them not to be whole. Nothing has changed then.
pub fn reconstruct(
    config: &EngineConfig,
    now: UnixTime,
    in_place: bool,
) -> Result<Rebuilt, StoreError> {
    let partition = config.path.canonicalize().map_err(io_fault)?;
    let _lock = super::lock(&partition)?;
    let making = partition.join(MAKING_DIR);
    prepare(&making)?;
    let result = make(config, &making, now);
    let mut rebuilt = match result {
        Ok(rebuilt) => rebuilt,
        Err(error) => {
            let _kept = std::fs::remove_dir_all(&making);
            return Err(error);
        }
    };
    if in_place {
        rebuilt.old = put_in_place(&partition, &making)?;
    }
    std::fs::remove_dir_all(&making).map_err(io_fault)?;
    sync_dir(&partition)?;
    Ok(rebuilt)
}

/// An empty place that sees the segments.
fn prepare(making: &Path) -> Result<(), StoreError> {
    if making.exists() {
        std::fs::remove_dir_all(making).map_err(io_fault)?;
    }
    make_dirs(making)?;
    let segments = Path::new("..").join(SEGMENTS_DIR);
    std::os::unix::fs::symlink(segments, making.join(SEGMENTS_DIR)).map_err(io_fault)
}

fn make(config: &EngineConfig, making: &Path, now: UnixTime) -> Result<Rebuilt, StoreError> {
    let mut evidence = Evidence::gather(making)?;
    let plan = Plan::new(&mut evidence);
    let mut rebuilt = told(&plan);
    let mut engine = Engine::make(EngineConfig { path: making.to_path_buf(), ..config.clone() })?;
    let mut builder = Builder::new(&mut engine, &evidence, now);
    builder.build(plan)?;
    rebuilt.damaged = builder.damaged.len() as u64;
    let lines = std::mem::take(&mut builder.lines);
    drop(engine);
    rebuilt.lines = evidence.damage;
    rebuilt.lines.extend(lines);
    // Every message was read just now.
    let report = check(making, &CheckOptions { bytes: false, ..CheckOptions::default() })?;
    match report.findings.first() {
        None => Ok(rebuilt),
        Some(first) => Err(unfit(report.found, first)),
    }
}

fn unfit(found: u64, first: &Finding) -> StoreError {
    StoreError::Corrupt(format!(
        "the new metadata are not whole, {found} faults, the first: {first}"
    ))
}

fn told(plan: &Plan) -> Rebuilt {
    let mut rebuilt = Rebuilt {
        accounts: plan.accounts.len() as u64,
        lost: plan.lost,
        unfiled: plan.unfiled,
        ..Rebuilt::default()
    };
    for mailbox in plan.accounts.values().flat_map(|account| account.mailboxes.values()) {
        let messages = mailbox.messages.len() as u64;
        rebuilt.mailboxes += 1;
        rebuilt.messages += messages;
        match mailbox.unproven {
            None => rebuilt.proven += 1,
            Some(_) => rebuilt.doubtful += messages,
        }
    }
    rebuilt
}

/// Lets the new metadata take the place of the old ones, at once; where the old ones are then.
fn put_in_place(partition: &Path, making: &Path) -> Result<Option<PathBuf>, StoreError> {
    let failed = |error: rustix::io::Errno| io_fault(error.into());
    let (new, old) = (making.join(META_DIR), partition.join(META_DIR));
    sync_dir(&new)?;
    if !old.exists() {
        renameat_with(CWD, &new, CWD, &old, RenameFlags::NOREPLACE).map_err(failed)?;
        sync_dir(partition)?;
        return Ok(None);
    }
    let kept = (1..u32::MAX).map(|number| partition.join(format!("{OLD_META}{number}")));
    let Some(kept) = { kept }.find(|path| !path.exists()) else {
        return Err(StoreError::Io("there is no name left for the old metadata".to_owned()));
    };
    renameat_with(CWD, &new, CWD, &old, RenameFlags::EXCHANGE).map_err(failed)?;
    sync_dir(partition)?;
    std::fs::rename(&new, &kept).map_err(io_fault)?;
    sync_dir(partition)?;
    Ok(Some(kept))
}

/// Refuses a partition that holds messages and no metadata: new ones would know none of them, and what
/// nothing knows is removed.
pub(crate) fn refuse_lost(partition: &Path) -> Result<(), StoreError> {
    if !has_lost_its_metadata(partition)? {
        return Ok(());
    }
    Err(corrupt(format!(
        "{} holds messages and no metadata; `waypost reconstruct` makes these anew",
        partition.display()
    )))
}

/// Metadata that cannot even be opened are beyond a repair.
pub(super) fn with_remedy(error: StoreError) -> StoreError {
    match error {
        StoreError::Corrupt(what) => {
            corrupt(format!("{what}; `waypost reconstruct` makes the metadata anew"))
        }
        other => other,
    }
}

/// Whether a partition has messages but no metadata.
fn has_lost_its_metadata(partition: &Path) -> Result<bool, StoreError> {
    if partition.join(META_DIR).join(DATA_FILE).try_exists().map_err(io_fault)? {
        return Ok(false);
    }
    let entries = match std::fs::read_dir(partition.join(SEGMENTS_DIR)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(io_fault(error)),
    };
    for entry in entries {
        let entry = entry.map_err(io_fault)?;
        let is_segment = entry.file_name().to_str().and_then(crate::segment::number_of).is_some();
        if is_segment && entry.metadata().map_err(io_fault)?.len() > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests;
