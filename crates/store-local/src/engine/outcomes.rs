//! The ring of outcomes: what came of the last mutations, kept in the commit that applied them, so
//! that a client that reconnects resends only what was not applied.

use super::MutationId;
use crate::codec::rows::Numbers;
use crate::codec::{Take, VALUE_BYTES_MAX, VERSION, corrupt};
use crate::env::{self, Tables};
use crate::keys;
use heed::{RoTxn, RwTxn};
use std::collections::{HashMap, VecDeque};
use waypost_store::{Outcome, StoreError};

/// Outcomes kept.
pub const OUTCOMES: usize = 10_000;
/// Older ones are removed when so many of them have gathered: removing each as it comes of age would
/// write another page with every batch.
pub(super) const OLD_OUTCOMES: u64 = 256;

/// Version and id in front of the first part of an outcome.
const FRONT_BYTES: usize = 1 + 16;
const PART_BYTES: usize = VALUE_BYTES_MAX - FRONT_BYTES;

/// The bytes of an outcome in one of its values.
pub(crate) fn read_outcome(value: &[u8]) -> Option<&[u8]> {
    value.get(FRONT_BYTES..)
}

/// Where each outcome of the ring is; the outcomes themselves stay in the store.
#[derive(Default)]
pub(super) struct Ring {
    places: HashMap<MutationId, u64>,
    order: VecDeque<(u64, MutationId)>,
}

impl Ring {
    pub(super) fn load(tables: &Tables, txn: &RoTxn<'_>) -> Result<Self, StoreError> {
        let mut ring = Self::default();
        for entry in env::all(&tables.outcomes, txn)? {
            let (key, value) = entry?;
            let (mut key, mut value) = (Take(key), Take(value));
            let sequence = key.u64().ok_or_else(|| corrupt("outcomes"))?;
            if key.u16() == Some(0) {
                value.u8();
                let id = value.bytes(16).and_then(|id| id.try_into().ok());
                let id = id.map(u128::from_be_bytes).ok_or_else(|| corrupt("outcomes"))?;
                ring.remember(sequence, MutationId(id));
            }
        }
        Ok(ring)
    }

    pub(super) fn find(
        &self,
        tables: &Tables,
        txn: &RoTxn<'_>,
        id: MutationId,
    ) -> Result<Option<Outcome>, StoreError> {
        let Some(sequence) = self.places.get(&id) else { return Ok(None) };
        let mut bytes = Vec::new();
        for entry in env::under(&tables.outcomes, txn, &sequence.to_be_bytes())? {
            bytes.extend_from_slice(entry?.1.get(FRONT_BYTES..).unwrap_or_default());
        }
        if bytes.is_empty() {
            // The ring on disk counts numbers, skipped ones too, so it may forget earlier.
            return Ok(None);
        }
        let read = postcard::from_bytes(&bytes);
        read.map(Some).map_err(|_| corrupt(format!("outcome {sequence}")))
    }

    /// Writes an outcome and drops the oldest. `remember` follows when the batch is committed.
    pub(super) fn write(
        &self,
        tables: &Tables,
        txn: &mut RwTxn<'_>,
        numbers: &mut Numbers,
        id: MutationId,
        outcome: &Outcome,
    ) -> Result<u64, StoreError> {
        let sequence = numbers.outcome;
        numbers.outcome += 1;
        let bytes = postcard::to_allocvec(outcome).map_err(|e| StoreError::Io(e.to_string()))?;
        for (part, chunk) in (0..=u16::MAX).zip(bytes.chunks(PART_BYTES)) {
            let value = [&[VERSION], &id.0.to_be_bytes()[..], chunk].concat();
            env::put(&tables.outcomes, txn, &keys::outcome(sequence, part), &value)?;
        }
        if let Some(old) = sequence.checked_sub(OUTCOMES as u64)
            && sequence.is_multiple_of(OLD_OUTCOMES)
        {
            drop_parts(tables, txn, old)?;
        }
        Ok(sequence)
    }

    pub(super) fn remember(&mut self, sequence: u64, id: MutationId) {
        self.places.insert(id, sequence);
        self.order.push_back((sequence, id));
        while self.order.len() > OUTCOMES {
            if let Some((sequence, id)) = self.order.pop_front()
                && self.places.get(&id) == Some(&sequence)
            {
                self.places.remove(&id);
            }
        }
    }
}

/// Removes the outcomes up to `old`, not too many at once: numbers that failed batches skipped may
/// leave more of them.
fn drop_parts(tables: &Tables, txn: &mut RwTxn<'_>, old: u64) -> Result<(), StoreError> {
    const STEP: usize = 1_024;
    const _: () = assert!(STEP as u64 > OLD_OUTCOMES);
    let is_old = |key: &[u8]| Take(key).u64().is_some_and(|sequence| sequence <= old);
    let keys: Vec<Vec<u8>> = env::all(&tables.outcomes, txn)?
        .map(|entry| entry.map(|(key, _)| key.to_vec()))
        .take_while(|key| key.as_deref().map_or(true, is_old))
        .take(STEP)
        .collect::<Result<_, _>>()?;
    for key in keys {
        env::delete(&tables.outcomes, txn, &key)?;
    }
    Ok(())
}
