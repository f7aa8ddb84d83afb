//! Patterns of LIST and LSUB (RFC 3501 section 6.3.8), matched in bounded time.

use waypost_types::MailboxName;

/// A pattern in UTF-8: `*` matches anything, `%` anything but the separator.
///
/// Matching follows all possible positions at once and never backtracks: its cost is at most the
/// product of the lengths of pattern and name, whatever the wildcards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPattern {
    text: String,
    tokens: Vec<Token>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Byte(u8),
    /// `%`
    Level,
    /// `*`
    Any,
}

impl ListPattern {
    /// Compiles a pattern; runs of wildcards become one.
    pub fn new(text: &str) -> Self {
        let mut tokens = Vec::with_capacity(text.len());
        for byte in text.bytes() {
            push_token(&mut tokens, byte);
        }
        Self { text: text.to_owned(), tokens }
    }

    /// The pattern as given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the pattern has no wildcard, so that one look-up answers it.
    pub fn is_literal(&self) -> bool {
        self.tokens.iter().all(|token| matches!(token, Token::Byte(_)))
    }

    /// Whether the pattern matches the whole name. `INBOX` as first level matches in any case.
    pub fn matches(&self, name: &MailboxName) -> bool {
        self.matches_text(name.as_str())
    }

    /// Like [`ListPattern::matches`] for a text that may be a level without a mailbox.
    pub fn matches_text(&self, name: &str) -> bool {
        let folded = inbox_bytes(name);
        let name = name.as_bytes();
        let mut active = vec![false; self.tokens.len() + 1];
        self.activate(&mut active, 0);
        let mut next = vec![false; active.len()];
        for (index, byte) in name.iter().enumerate() {
            next.fill(false);
            if !self.advance(&active, &mut next, *byte, index < folded) {
                return false;
            }
            std::mem::swap(&mut active, &mut next);
        }
        active.last().copied().unwrap_or(false)
    }

    /// Moves every active position over one byte; false when none is left.
    fn advance(&self, active: &[bool], next: &mut [bool], byte: u8, fold: bool) -> bool {
        let mut alive = false;
        let positions = self.tokens.iter().zip(active).enumerate().filter(|(_, (_, on))| **on);
        for (at, (token, _)) in positions {
            let to = match *token {
                Token::Any => at,
                Token::Level if byte != b'/' => at,
                Token::Byte(b) if b == byte || (fold && b.eq_ignore_ascii_case(&byte)) => at + 1,
                _ => continue,
            };
            self.activate(next, to);
            alive = true;
        }
        alive
    }

    /// Marks a position, and the one after it when a wildcard there may match nothing.
    fn activate(&self, set: &mut [bool], at: usize) {
        let wildcard = self.tokens.get(at).is_some_and(|token| !matches!(token, Token::Byte(_)));
        for position in set.iter_mut().skip(at).take(1 + usize::from(wildcard)) {
            *position = true;
        }
    }
}

fn push_token(tokens: &mut Vec<Token>, byte: u8) {
    match (byte, tokens.last()) {
        (b'*', Some(Token::Level)) => {
            tokens.pop();
            push_token(tokens, byte);
        }
        (b'*' | b'%', Some(Token::Any)) | (b'%', Some(Token::Level)) => {}
        (b'*', _) => tokens.push(Token::Any),
        (b'%', _) => tokens.push(Token::Level),
        _ => tokens.push(Token::Byte(byte)),
    }
}

/// How many leading bytes of the name match in any case.
fn inbox_bytes(name: &str) -> usize {
    let rest = name.strip_prefix("INBOX");
    if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) { 5 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn naive(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern.split_first(), name.split_first()) {
            (None, rest) => rest.is_none(),
            (Some((b'*', after)), rest) => {
                naive(after, name) || rest.is_some_and(|(_, rest)| naive(pattern, rest))
            }
            (Some((b'%', after)), rest) => {
                naive(after, name)
                    || rest.is_some_and(|(byte, rest)| *byte != b'/' && naive(pattern, rest))
            }
            (Some((byte, after)), Some((first, rest))) => byte == first && naive(after, rest),
            (Some(_), None) => false,
        }
    }

    #[test]
    fn wildcards_of_the_standard() {
        let matches = |pattern: &str, name: &str| ListPattern::new(pattern).matches_text(name);
        assert!(matches("*", "a/b/c") && matches("%", "a") && !matches("%", "a/b"));
        assert!(matches("a/%", "a/b") && !matches("a/%", "a/b/c") && matches("a/*", "a/b/c"));
        assert!(matches("%/%", "a/b") && matches("*%", "a/b") && matches("%*", "a/b"));
        assert!(!matches("", "a") && matches("", ""));
        assert!(
            matches("inbox", "INBOX") && matches("in%", "INBOX") && matches("inBox/x", "INBOX/x")
        );
        assert!(!matches("inbox/X", "INBOX/x") && !matches("inboxes", "INBOXES"));
    }

    #[test]
    fn many_wildcards_cost_no_more_than_the_product() {
        let pattern = ListPattern::new(&"*a".repeat(200));
        let name = "a".repeat(399) + "b";
        assert!(!pattern.matches_text(&name));
        assert!(ListPattern::new(&"%*".repeat(500)).matches_text(&name));
    }

    proptest! {
        #[test]
        fn matches_as_the_definition(pattern in "[ab/*%]{0,10}", name in "[ab/]{0,10}") {
            let found = ListPattern::new(&pattern).matches_text(&name);
            prop_assert_eq!(found, naive(pattern.as_bytes(), name.as_bytes()));
        }
    }
}
