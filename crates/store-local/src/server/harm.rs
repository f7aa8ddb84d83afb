//! Damaged pages of the metadata: from when they are found, nothing is written and what lies on them is not
//! read, so that no process ends over it again and again. Everything else can be read until the
//! administrator has the metadata made anew.
//!
//! They are looked for when a process died in the middle of a read, when LMDB refuses a page, and when the
//! writer itself did not come to its end the last time.

use super::Hub;
use crate::proto::{FromStored, Harm};
use crate::structure::Structure;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use waypost_store::StoreError;

/// Faults that the log names.
const FAULTS_LOGGED: usize = 20;

/// What is known of damaged pages.
#[derive(Default)]
pub(crate) struct Harmed(Mutex<Option<(Harm, StoreError)>>);

impl Harmed {
    /// Why nothing is written, if nothing is.
    pub(crate) fn refusal(&self) -> Option<StoreError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|(_, why)| why.clone())
    }

    /// What must not be read.
    pub(crate) fn harm(&self) -> Option<Harm> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().map(|(harm, _)| harm.clone())
    }
}

impl Hub {
    /// From now on nothing is written, and nobody reads what lies on these pages.
    pub(crate) fn stop_at_damage(&self, structure: &Structure) {
        for fault in structure.faults.iter().take(FAULTS_LOGGED) {
            tracing::error!(%fault, remedy = "reconstruct", "the metadata are damaged");
        }
        let why =
            format!("{}; nothing is written before `waypost reconstruct`", structure.summary());
        tracing::error!(why, "the store is closed to changes");
        let harm = structure.harm();
        let known = (harm.clone(), StoreError::Unavailable(why));
        *self.harmed.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
        self.figures.harmed.store(true, Ordering::Relaxed);
        // They would read and write everywhere.
        self.compaction.stop();
        self.scrub.stop();
        let frame = FromStored::Harmed { harm };
        self.everyone().iter().for_each(|one| one.outbox.send(&frame));
    }
}
