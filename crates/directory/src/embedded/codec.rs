//! How a value lies in the environment: version byte, CRC-32, then postcard.
//!
//! The CRC covers version, key and content, so a value found under another key is noticed too.

use crate::contract::DirectoryError;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The version of every value's content. A change of a record's fields raises it.
const VERSION: u8 = 2;
/// The version before records had further attributes.
const VERSION_1: u8 = 1;
/// Version byte and CRC.
const HEADER_BYTES: usize = 5;

/// A value that is stored.
pub(super) trait Stored: DeserializeOwned {
    /// Decodes the content of a value of the version before; most are the same.
    fn from_version_1(content: &[u8]) -> postcard::Result<Self> {
        postcard::from_bytes(content)
    }
}

impl Stored for u32 {}
impl Stored for u64 {}
impl Stored for String {}
impl Stored for (String, String) {}

/// Encodes a value for `key`.
pub(super) fn seal<T: Serialize>(key: &[u8], value: &T) -> Result<Vec<u8>, DirectoryError> {
    let content = postcard::to_stdvec(value).map_err(|error| DirectoryError::Unavailable {
        cause: format!("encode {}: {error}", key.escape_ascii()),
    })?;
    let mut sealed = Vec::with_capacity(HEADER_BYTES + content.len());
    sealed.push(VERSION);
    sealed.extend_from_slice(&checksum(VERSION, key, &content).to_le_bytes());
    sealed.extend_from_slice(&content);
    Ok(sealed)
}

/// Decodes what [`seal`] wrote for `key`.
pub(super) fn open<T: Stored>(key: &[u8], sealed: &[u8]) -> Result<T, DirectoryError> {
    let damaged = |what: &str| DirectoryError::Damaged {
        cause: format!("the entry {} {what}", key.escape_ascii()),
    };
    let Some((header, content)) = sealed.split_first_chunk::<HEADER_BYTES>() else {
        return Err(damaged("is cut short"));
    };
    let [version, crc @ ..] = *header;
    if version != VERSION && version != VERSION_1 {
        return Err(damaged("is of a newer format; use the newer program"));
    }
    if u32::from_le_bytes(crc) != checksum(version, key, content) {
        return Err(damaged("has a wrong checksum"));
    }
    let decoded = match version {
        VERSION_1 => T::from_version_1(content),
        _ => postcard::from_bytes(content),
    };
    decoded.map_err(|_| damaged("cannot be decoded"))
}

fn checksum(version: u8, key: &[u8], content: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&[version]);
    crc.update(key);
    crc.update(content);
    crc.finalize()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;

    #[test]
    fn every_changed_bit_is_noticed() {
        let sealed = seal(b"key", &"value".to_owned()).unwrap();
        assert_eq!(open::<String>(b"key", &sealed).unwrap(), "value");
        for at in 0..sealed.len() * 8 {
            let mut bad = sealed.clone();
            bad[at / 8] ^= 1 << (at % 8);
            assert!(open::<String>(b"key", &bad).is_err(), "bit {at}");
        }
        assert!(open::<String>(b"other", &sealed).is_err());
        for end in 0..sealed.len() {
            assert!(open::<String>(b"key", &sealed[..end]).is_err(), "cut at {end}");
        }
    }
}
