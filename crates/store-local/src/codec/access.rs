//! The value of an account's last log-ins and log-outs: a tag and a time for each that is known.
//!
//! A tag that a later program adds is passed over, so it needs no new version.

use super::{Take, VERSION};
use waypost_store::{AccessKind, AccessService, LastAccess};

/// Its value.
pub(crate) fn encode(times: &LastAccess) -> Vec<u8> {
    let mut out = vec![VERSION];
    for (service, kind, at) in times.known() {
        out.push(tag(service, kind));
        out.extend_from_slice(&at.to_be_bytes());
    }
    out
}

/// Reads a value; `None` when it is damaged.
pub(crate) fn decode(value: &[u8]) -> Option<LastAccess> {
    let mut take = Take(value);
    take.version()?;
    let mut times = LastAccess::default();
    while !take.0.is_empty() {
        let (found, at) = (take.u8()?, take.i64()?);
        for service in AccessService::ALL {
            let kind = AccessKind::ALL.into_iter().find(|kind| tag(service, *kind) == found);
            kind.into_iter().for_each(|kind| times.note(service, kind, at));
        }
    }
    Some(times)
}

/// The service in the upper bits, the kind in the lowest: part of the format.
const fn tag(service: AccessService, kind: AccessKind) -> u8 {
    let service = match service {
        AccessService::Imap => 1,
        AccessService::Pop => 2,
        AccessService::Http => 3,
    };
    let kind = match kind {
        AccessKind::LogIn => 0,
        AccessKind::LogOut => 1,
    };
    service << 1 | kind
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_come_back_in_the_bytes_of_the_format() {
        let mut times = LastAccess::default();
        times.note(AccessService::Pop, AccessKind::LogOut, 258);
        assert_eq!(encode(&times), [1, 5, 0, 0, 0, 0, 0, 0, 1, 2]);
        for (number, service) in (0..).zip(AccessService::ALL) {
            times.note(service, AccessKind::LogIn, number);
            times.note(service, AccessKind::LogOut, -number);
        }
        let value = encode(&times);
        assert_eq!(decode(&value), Some(times));
        for cut in (0..value.len()).filter(|cut| cut % 9 != 1) {
            assert_eq!(decode(&value[..cut]), None, "cut at {cut}");
        }
    }

    #[test]
    fn what_a_later_program_adds_is_passed_over() {
        let mut times = LastAccess::default();
        times.note(AccessService::Imap, AccessKind::LogIn, 7);
        let mut value = encode(&times);
        value.extend_from_slice(&[0xff, 0, 0, 0, 0, 0, 0, 0, 9]);
        assert_eq!(decode(&value), Some(times));
        value[0] += 1;
        assert_eq!(decode(&value), None);
    }

    proptest! {
        #[test]
        fn nonsense_never_panics(bytes: Vec<u8>) {
            let _ = decode(&bytes);
        }
    }
}
