//! How many emails share each blob: what the rows say, and what is counted, four bytes a blob each.

use std::collections::BTreeMap;
use waypost_types::BlobId;

/// Blobs of one piece of the table.
const PIECE: usize = 1_024;

type Piece = Box<[(u32, u32)]>;

/// References by blob. Numbers are given in order, so nearly every piece is full.
#[derive(Default)]
pub(super) struct References(BTreeMap<u64, Piece>);

impl References {
    fn entry(&mut self, blob: BlobId) -> &mut (u32, u32) {
        let (piece, at) = place(blob);
        let piece = self.0.entry(piece).or_insert_with(|| vec![(0, 0); PIECE].into_boxed_slice());
        &mut piece[at]
    }

    /// Notes what a row says.
    pub(super) fn expect(&mut self, blob: BlobId, references: u32) {
        self.entry(blob).0 = references;
    }

    /// Counts an email.
    pub(super) fn count(&mut self, blob: BlobId) {
        let entry = self.entry(blob);
        entry.1 = entry.1.saturating_add(1);
    }

    /// Forgets what was counted for a blob.
    pub(super) fn reset(&mut self, blob: BlobId, expected: u32) {
        *self.entry(blob) = (expected, 0);
    }

    /// What the row said and what was counted.
    pub(super) fn of(&self, blob: BlobId) -> (u32, u32) {
        let (piece, at) = place(blob);
        self.0.get(&piece).and_then(|piece| piece.get(at)).copied().unwrap_or_default()
    }
}

fn place(blob: BlobId) -> (u64, usize) {
    let at = usize::try_from(blob.0 % PIECE as u64).unwrap_or(0);
    (blob.0 / PIECE as u64, at)
}
