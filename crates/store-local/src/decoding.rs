//! What must hold for any stored value, any record of a segment and any frame: it is read or refused, never a panic, and what is read
//! is written back as it was read. For tests and fuzzing only.

use crate::codec::rows::{self, AccountRecord, BlobRow, EmailRecord, Numbers, SegmentRow};
use crate::codec::saved::{Saved, SavedChange, SavedKey, SavedRow};
use crate::codec::{access, change, page, ranges, seal};
use crate::proto::{FrameReader, FromStored, ToStored, encode};
use crate::segment::{Header, Note};
use serde::{Serialize, de::DeserializeOwned};
use waypost_types::{AccountId, MailboxId, ModSeq};

/// Checks one input; its first byte chooses what it is read as.
pub fn check(input: &[u8]) {
    let Some((first, rest)) = input.split_first() else { return };
    match first % 15 {
        0 => check_frames::<ToStored>(rest),
        1 => check_frames::<FromStored>(rest),
        2 => check_page(rest),
        3 => check_change(rest),
        4 => both(AccountRecord::decode(rest), |value| AccountRecord::decode(&value.encode())),
        5 => check_mailbox(rest),
        6 => check_keyword(rest),
        7 => both(EmailRecord::decode(rest), |value| EmailRecord::decode(&value.encode())),
        8 => both(BlobRow::decode(rest), |value| BlobRow::decode(&value.encode())),
        9 => both(SegmentRow::decode(rest), |value| SegmentRow::decode(&value.encode())),
        10 => check_numbers(rest),
        11 => both(sealed_header(rest), |header| Header::decode(&header.encode())),
        12 => check_saved_row(rest),
        13 => check_saved(rest),
        _ => check_note(rest),
    }
}

/// What was read is read again from what is written.
fn both<T: PartialEq + std::fmt::Debug>(read: Option<T>, again: impl FnOnce(&T) -> Option<T>) {
    if let Some(value) = &read {
        assert_eq!(again(value).as_ref(), read.as_ref());
    }
}

/// The input as a body with its length, and as a stream of frames with lengths of its own.
fn check_frames<T: Serialize + DeserializeOwned>(input: &[u8]) {
    let length = u32::try_from(input.len()).unwrap_or(u32::MAX);
    for stream in [[&length.to_le_bytes(), input].concat(), input.to_vec()] {
        let mut reader = FrameReader::new(stream.as_slice());
        while let Some(Ok(Some((frame, _)))) = at_once(reader.next::<T>()) {
            let Ok(written) = encode(&frame) else { continue };
            let again = at_once(FrameReader::new(written.as_slice()).next::<T>());
            let again = again.and_then(Result::ok).flatten().map(|(frame, _)| encode(&frame).ok());
            assert_eq!(again.flatten(), Some(written));
        }
    }
}

/// The answer of a future that has nothing to wait for.
fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(value) => Some(value),
        std::task::Poll::Pending => None,
    }
}

fn check_page(input: &[u8]) {
    let value = seal(&[&[0], input].concat());
    // The front is read without the rest, which may be damaged.
    let head = page::decode_head(&value);
    let read = page::decode(7, &[value.as_slice()]);
    if let Some(page) = &read {
        assert_eq!(head.map(|head| head.live), Some(page.live));
        let parts = page::encode(page);
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        let again = page::decode(7, &parts);
        assert_eq!(
            again.as_ref().map(|page| (page.live, page.system)),
            Some((page.live, page.system))
        );
    }
}

fn check_change(input: &[u8]) {
    let _ = (change::decode(ModSeq(7), input), ranges::take(input));
    both(access::decode(input), |times| access::decode(&access::encode(times)));
}

fn check_mailbox(input: &[u8]) {
    let decode = |bytes: &[u8]| rows::decode_mailbox(AccountId(1), MailboxId(2), bytes);
    both(decode(input), |mailbox| decode(&rows::encode_mailbox(mailbox)));
    both(rows::decode_message(input), |row| rows::decode_message(&rows::encode_message(row)));
}

fn check_keyword(input: &[u8]) {
    let again =
        |(keyword, uses): &(_, _)| rows::decode_keyword(&rows::encode_keyword(keyword, *uses));
    both(rows::decode_keyword(input), again);
    let again =
        |(thread, subject): &(_, _)| rows::decode_thread(&rows::encode_thread(*thread, *subject));
    both(rows::decode_thread(input), again);
}

fn check_numbers(input: &[u8]) {
    both(Numbers::decode(input), |numbers| Numbers::decode(&numbers.encode()));
    both(rows::decode_number(input), |number| rows::decode_number(&rows::encode_number(*number)));
}

fn check_saved_row(input: &[u8]) {
    both(SavedKey::decode(input), |key| SavedKey::decode(&key.encode()));
    both(SavedRow::decode(input), |row| SavedRow::decode(&row.encode()));
}

/// The body of a saved state, and the pages in it.
fn check_saved(input: &[u8]) {
    let saved: Option<Saved> = postcard::from_bytes(input).ok();
    let again = |saved: &Saved| {
        let written = postcard::to_allocvec(saved).ok()?;
        postcard::from_bytes(&written).ok()
    };
    both(saved.clone(), again);
    let pages: Vec<(u32, Vec<Vec<u8>>)> = match saved {
        Some(Saved::Page(saved)) => vec![(7, saved.values)],
        Some(Saved::Changes(_, changes)) => {
            let shown = changes.into_iter().filter_map(|change| match change {
                SavedChange::Shown(_, shown) => Some(shown.pages),
                _ => None,
            });
            shown.flatten().collect()
        }
        _ => Vec::new(),
    };
    for (number, values) in pages {
        // Damage passes no checksum, so one that is right stands for it here.
        let sealed: Vec<Vec<u8>> = values.iter().map(|value| seal(value)).collect();
        for values in [values, sealed] {
            let parts: Vec<&[u8]> = values.iter().map(Vec::as_slice).collect();
            let _ = page::decode(number, &parts);
        }
    }
}

/// A filing note; its first byte says in which form.
fn check_note(input: &[u8]) {
    let Some((form, bytes)) = input.split_first() else { return };
    let Some(note) = Note::decode(*form, bytes) else { return };
    let Ok(pieces) = note.encode() else { return };
    let mut filed = Vec::new();
    for piece in pieces {
        let again = Note::decode(crate::segment::NOTE_FORM, &piece);
        assert!(again.is_some(), "a piece of a note cannot be read");
        filed.extend(again.into_iter().flat_map(|note| note.filed));
    }
    assert_eq!(filed, note.filed);
}

/// A header of which the checksum is right.
fn sealed_header(input: &[u8]) -> Option<Header> {
    let fields = input.get(..crate::segment::HEADER_BYTES - 4)?;
    Header::decode(&[fields, &crc32fast::hash(fields).to_be_bytes()].concat())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use proptest::prelude::*;
    use std::path::Path;

    #[test]
    fn the_kept_corpus_holds() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/store_values");
        let mut seen = 0;
        for entry in std::fs::read_dir(corpus).unwrap() {
            super::check(&std::fs::read(entry.unwrap().path()).unwrap());
            seen += 1;
        }
        assert!(seen >= 40, "the corpus has {seen} files");
    }

    proptest! {
        #[test]
        fn random_values_hold(kind in 0_u8..15, bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            super::check(&[&[kind], bytes.as_slice()].concat());
        }
    }
}
