//! Power cuts: what `stored` does to its files is recorded, then the store is opened from many of the
//! states that a cut may have left at any moment of the recording. See docs/power-cuts.md.

#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

mod content;
mod faults;
mod flips;
mod judge;
mod place;
mod script;
mod states;

use script::Faults;
use states::{Plan, Recording};
use waypost_powercut::control::Word;
use waypost_powercut::disk::Removed;

/// States of the ordinary test; `WAYPOST_POWERCUT_STATES` asks for more.
const STATES: usize = 1_000;
/// States of a recording with faults.
const STATES_WITH_FAULTS: usize = 300;
/// States in which the lack of a sync must show.
const STATES_WITHOUT: usize = 1_500;

fn seed() -> u64 {
    let given = std::env::var("WAYPOST_SEED").ok().and_then(|text| text.parse().ok());
    given.unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        u64::from(now.subsec_nanos())
    })
}

fn wanted_states() -> usize {
    let given = std::env::var("WAYPOST_POWERCUT_STATES").ok();
    given.map_or(STATES, |text| text.parse().unwrap())
}

#[test]
fn every_cut_leaves_what_was_acknowledged_and_nothing_half_done() {
    must_hold(&Recording::make(Faults::None), wanted_states());
}

/// A failed sync takes what it covered with it, whatever a later sync says: nothing that was
/// acknowledged may depend on it.
#[test]
fn after_failed_syncs_of_segments_nothing_acknowledged_is_lost() {
    must_hold(&Recording::make(Faults::Syncs(Word::SegmentSyncErrors)), STATES_WITH_FAULTS);
}

#[test]
fn after_failed_syncs_of_the_metadata_nothing_acknowledged_is_lost() {
    must_hold(&Recording::make(Faults::Syncs(Word::MetadataSyncErrors)), STATES_WITH_FAULTS);
}

/// Nobody knows then whether the commit is there: it must not be said to have failed.
#[test]
fn after_failed_commits_nothing_is_there_that_was_refused() {
    must_hold(&Recording::make(Faults::Syncs(Word::MetadataHeadErrors)), STATES_WITH_FAULTS);
}

fn must_hold(recording: &Recording, states: usize) {
    let plan = Plan { states, seed: seed(), removed: None };
    println!("seed {}, {} records, {} states", plan.seed, recording.len(), plan.states);
    let started = std::time::Instant::now();
    let violations = recording.judge(&plan, usize::MAX);
    println!("judged in {:?}", started.elapsed());
    if let Some(first) = violations.first() {
        let kept = recording.keep();
        panic!(
            "{} of {} states are wrong; seed {}; the recording is kept in {kept}; the first: {first}",
            violations.len(),
            plan.states,
            plan.seed
        );
    }
}

/// A recording is worth nothing when cuts without a sync are not found.
fn must_be_seen(removed: Removed) {
    let recording = Recording::make(Faults::None);
    let plan = Plan { states: STATES_WITHOUT, seed: seed(), removed: Some(removed) };
    println!("seed {}, {} records", plan.seed, recording.len());
    let violations = recording.judge(&plan, 1);
    let first = violations.first();
    let first = first.unwrap_or_else(|| panic!("{removed:?} is missing and nobody notices"));
    println!("without {removed:?}: {first}");
}

#[test]
fn a_missing_sync_of_segments_is_seen() {
    must_be_seen(Removed::SegmentSync);
}

#[test]
fn a_missing_sync_of_the_metadata_is_seen() {
    must_be_seen(Removed::MetadataSync);
}

#[test]
fn a_missing_sync_of_the_metadata_head_is_seen() {
    must_be_seen(Removed::MetadataHead);
}

#[test]
fn a_missing_sync_of_the_folder_of_segments_is_seen() {
    must_be_seen(Removed::SegmentFolderSync);
}

#[test]
fn a_missing_sync_of_the_other_folders_is_seen() {
    must_be_seen(Removed::OtherFolderSync);
}
