//! How many connections come from an address, counted without a list of addresses.
//!
//! Each row has a count per hash value; an address adds to one count of every row, and the least of them is at
//! least the number of its connections. It is more only when the address meets others in every row, which
//! [`ROWS`] rows of a width several times the number of connections make rare. In return nothing is ever
//! searched, moved or left over, and each process writes only its own rows.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;

/// Rows of counts.
pub(crate) const ROWS: usize = 3;
/// Bits of the hash that choose a count in one row; enough for the widest.
const ROW_BITS: usize = 20;

/// The places of an address within the rows of one process. The keys are secret, so that nobody can choose
/// addresses that meet those of another.
pub(crate) fn places(keys: [u64; 2], address: IpAddr, width: usize) -> [usize; ROWS] {
    let mut hasher = DefaultHasher::new();
    (keys, address).hash(&mut hasher);
    let hash = hasher.finish();
    let mask = (1_u64 << ROW_BITS) - 1;
    std::array::from_fn(|row| {
        let part = (hash >> (row * ROW_BITS)) & mask;
        let column = usize::try_from(part).unwrap_or_default() & (width - 1);
        row * width + column
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_lie_in_their_rows_and_depend_on_address_and_keys() {
        let address = |n: u8| IpAddr::from([192, 0, 2, n]);
        let width = 1 << 14;
        let one = places([1, 2], address(1), width);
        for (row, place) in one.into_iter().enumerate() {
            assert!((row * width..(row + 1) * width).contains(&place));
        }
        assert_eq!(one, places([1, 2], address(1), width));
        assert_ne!(one, places([1, 3], address(1), width));
        assert_ne!(one, places([1, 2], address(2), width));
    }
}
