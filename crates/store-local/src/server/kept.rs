//! How many outcomes the store has ever kept: by it a client knows whether the writer could have
//! forgotten what became of a mutation, and never sends one twice.

use crate::codec::Take;
use crate::env::{Meta, fault};
use std::path::Path;
use std::sync::Arc;
use waypost_store::StoreError;

/// Reads the place of the youngest outcome.
pub(crate) struct KeptOutcomes {
    meta: Arc<Meta>,
}

impl KeptOutcomes {
    /// Shares the environment that the engine of this process has open.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        Meta::open_reader(path).map(|meta| Self { meta })
    }

    /// The number of outcomes kept so far. Numbers are skipped now and then, none is used twice.
    pub(crate) fn count(&self) -> Result<u64, StoreError> {
        let txn = self.meta.env.read_txn().map_err(fault)?;
        let last = self.meta.tables.outcomes.last(&txn)?;
        Ok(last.and_then(|(key, _)| Take(key).u64()).map_or(0, |last| last + 1))
    }
}
