//! Message ids in Message-ID, In-Reply-To and References (RFC 5322 section 3.6.4).

use crate::limits::{MESSAGE_ID_BYTES_MAX, REFERENCES_MAX};
use std::borrow::Cow;

/// The id of a Message-ID value, without angle brackets; a bare word counts, too.
pub(crate) fn message_id(value: &[u8]) -> Option<String> {
    if let Some(id) = ids(value).next() {
        return Some(id);
    }
    let bare = value.trim_ascii();
    let word = !bare.iter().any(|b| b.is_ascii_whitespace() || matches!(b, b'<' | b'>'));
    if word { clean(bare) } else { None }
}

/// An id in the form in which ids are compared: without quoting (RFC 5256 section 3, REFERENCES).
pub fn plain_message_id(id: &str) -> Cow<'_, str> {
    if !id.contains(['"', '\\']) {
        return Cow::Borrowed(id);
    }
    let mut plain = String::with_capacity(id.len());
    let mut chars = id.chars();
    while let Some(char) = chars.next() {
        match char {
            '"' => {}
            '\\' => plain.extend(chars.next()),
            char => plain.push(char),
        }
    }
    Cow::Owned(plain)
}

/// The ids in `<...>` of a value, in order.
pub(crate) fn ids(value: &[u8]) -> impl Iterator<Item = String> {
    let mut rest = value;
    std::iter::from_fn(move || {
        loop {
            let open = memchr::memchr(b'<', rest)?;
            let inner = rest.get(open + 1..)?;
            let close = memchr::memchr(b'>', inner)?;
            let (id, tail) = inner.split_at(close);
            rest = tail;
            if let Some(id) = clean(id) {
                return Some(id);
            }
        }
    })
}

/// The last ids of References, oldest first; without any, the first of In-Reply-To (RFC 5256
/// section 3, REFERENCES step 1).
pub(crate) fn thread_references(references: &[u8], in_reply_to: &[u8]) -> Vec<String> {
    let mut all: Vec<String> = ids(references).collect();
    if all.is_empty() {
        return ids(in_reply_to).take(1).collect();
    }
    all.split_off(all.len().saturating_sub(REFERENCES_MAX))
}

/// Ids in which a thread is looked for: In-Reply-To first, then References from the end.
pub(crate) fn thread_candidates(references: &[u8], in_reply_to: &[u8]) -> Vec<String> {
    let older: Vec<String> = ids(references).collect();
    let mut found: Vec<String> = Vec::new();
    for id in ids(in_reply_to).chain(older.into_iter().rev()) {
        if found.len() == REFERENCES_MAX {
            break;
        }
        if !found.contains(&id) {
            found.push(id);
        }
    }
    found
}

/// Folding may have put white space into an id.
fn clean(id: &[u8]) -> Option<String> {
    let id: Vec<u8> = id.iter().copied().filter(|b| !b.is_ascii_whitespace() && *b != 0).collect();
    let fits = !id.is_empty() && id.len() <= MESSAGE_ID_BYTES_MAX;
    fits.then(|| String::from_utf8_lossy(&id).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found() {
        assert_eq!(message_id(b" <a@b> (c)").as_deref(), Some("a@b"));
        assert_eq!(message_id(b"bare@x").as_deref(), Some("bare@x"));
        assert_eq!(message_id(b"two words"), None);
        assert_eq!(message_id(b"<>"), None);
        assert_eq!(ids(b"<a>,<>junk <b\r\n c> <open").collect::<Vec<_>>(), ["a", "bc"]);
    }

    #[test]
    fn quoting_of_ids_does_not_count() {
        assert_eq!(plain_message_id("\"01KF8JCEOCBS0045PS\"@xxx"), "01KF8JCEOCBS0045PS@xxx");
        assert_eq!(plain_message_id("\"a\\\"b\\c\"@x"), "a\"bc@x");
        assert_eq!(plain_message_id("a@x"), "a@x");
    }

    #[test]
    fn candidates_follow_the_threading_rule() {
        assert_eq!(thread_candidates(b"<a> <b> <c>", b"<c>"), ["c", "b", "a"]);
        assert_eq!(thread_references(b"", b"<x> <y>"), ["x"]);
        let many: String = (0..50).map(|n| format!("<{n}>")).collect();
        let found = thread_candidates(many.as_bytes(), b"");
        assert_eq!((found.len(), found[0].as_str()), (REFERENCES_MAX, "49"));
        assert_eq!(thread_references(many.as_bytes(), b"")[0], "30");
    }
}
