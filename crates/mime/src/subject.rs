//! The base subject of RFC 5256 section 2.1: what remains when reply and forward marks are gone.

/// What a subject says beside the marks of replies and forwards (RFC 5256 section 2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseSubject {
    /// The base subject, in its own case; compare by [`collate`](crate::collate).
    pub text: String,
    /// A mark of a reply or a forward was removed (RFC 5256 section 3, REFERENCES).
    pub is_reply: bool,
}

/// The base subject of a decoded subject, by the steps of RFC 5256 section 2.1.
pub fn base_subject(subject: &str) -> BaseSubject {
    let spaced = collapse_spaces(subject);
    let mut text = spaced.as_str();
    let mut is_reply = false;
    loop {
        text = strip_leaders(strip_trailers(text, &mut is_reply), &mut is_reply);
        match unwrap_forward(text) {
            Some(inner) => text = inner,
            None => return BaseSubject { text: text.to_owned(), is_reply },
        }
        is_reply = true;
    }
}

fn collapse_spaces(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            ' ' | '\t' | '\r' | '\n' if out.ends_with(' ') => {}
            ' ' | '\t' | '\r' | '\n' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// Step 2: `(fwd)` and white space at the end, repeatedly.
fn strip_trailers<'a>(mut text: &'a str, is_reply: &mut bool) -> &'a str {
    loop {
        text = text.trim_end_matches(' ');
        match strip_suffix_any_case(text, "(fwd)") {
            Some(rest) => text = rest,
            None => return text,
        }
        *is_reply = true;
    }
}

/// Steps 3 to 5: leaders, then blobs as long as they leave something behind. A leader that was not
/// found behind all blobs is not found behind fewer, so the two need not alternate.
fn strip_leaders<'a>(mut text: &'a str, is_reply: &mut bool) -> &'a str {
    loop {
        if let Some(rest) = text.strip_prefix(' ') {
            text = rest;
        } else if let Some(rest) = strip_mark(text) {
            text = rest;
            *is_reply = true;
        } else {
            break;
        }
    }
    while let Some(rest) = strip_blob(text).filter(|rest| !rest.is_empty()) {
        text = rest;
    }
    text
}

/// The mark of a reply or forward in a `subj-leader`, with the blobs before it.
fn strip_mark(text: &str) -> Option<&str> {
    let mut rest = text;
    while let Some(after) = strip_blob(rest) {
        rest = after;
    }
    strip_refwd(rest)
}

/// `subj-refwd`: `re`, `fw` or `fwd`, spaces, perhaps a blob, a colon.
fn strip_refwd(text: &str) -> Option<&str> {
    let rest = ["re", "fwd", "fw"].iter().find_map(|mark| strip_prefix_any_case(text, mark))?;
    let rest = rest.trim_start_matches(' ');
    strip_blob(rest).unwrap_or(rest).strip_prefix(':')
}

/// `subj-blob`: brackets without brackets in them, and the spaces after.
fn strip_blob(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('[')?;
    let end = inner.find(['[', ']'])?;
    let rest = inner.get(end..)?.strip_prefix(']')?;
    Some(rest.trim_start_matches(' '))
}

/// Step 6: `[fwd: ...]` around the whole.
fn unwrap_forward(text: &str) -> Option<&str> {
    strip_prefix_any_case(text, "[fwd:")?.strip_suffix(']')
}

fn strip_prefix_any_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

fn strip_suffix_any_case<'a>(text: &'a str, suffix: &str) -> Option<&'a str> {
    let (rest, tail) = text.split_at_checked(text.len().checked_sub(suffix.len())?)?;
    tail.eq_ignore_ascii_case(suffix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_removed() {
        let cases = [
            ("hello", "hello"),
            ("Re: hello", "hello"),
            ("RE : Fwd: fw:hello (fwd) (FWD) ", "hello"),
            ("[list] Re: [list] hello", "hello"),
            ("Re[2]: hello", "hello"),
            ("[fwd: Re: hello (fwd)]", "hello"),
            ("[only blob]", "[only blob]"),
            ("[a][b]", "[b]"),
            ("Regarding: x", "Regarding: x"),
            ("a \t  b", "a b"),
            ("re:", ""),
            ("", ""),
            ("[fwd:]", ""),
            ("Re: é", "é"),
            ("é(fwd", "é(fwd"),
        ];
        for (subject, base) in cases {
            assert_eq!(base_subject(subject).text, base, "{subject}");
        }
    }

    #[test]
    fn replies_and_forwards_are_told_from_others() {
        for subject in ["re: a", "[x] Fw: a", "a (fwd)", "[Fwd: a]", "[fwd: ]", "Re [y]:"] {
            assert!(base_subject(subject).is_reply, "{subject}");
        }
        for subject in ["a", "[x] a", "  a  ", "[x]", "Regarding: a", "a (fwd) b", "[fwd: a", ""] {
            assert!(!base_subject(subject).is_reply, "{subject}");
        }
    }

    #[test]
    fn is_idempotent() {
        for subject in ["Re: [x] [fwd: [y] z]", "[fwd: [a] [b]]", "re re: fw: x]"] {
            let once = base_subject(subject).text;
            assert_eq!(base_subject(&once).text, once);
        }
    }
}
