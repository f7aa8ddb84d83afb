//! Patterns of LIST and LSUB (RFC 3501 section 6.3.8), matched in bounded time.

use waypost_types::MailboxName;

/// A pattern in UTF-8: `*` matches anything, `%` anything but the separator.
///
/// Matching follows all possible positions at once, as bits of words, and never backtracks: a byte of a
/// name costs a few operations for every 64 bytes of the pattern, whatever the wildcards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPattern {
    text: String,
    /// Positions and the end behind them, in words.
    words: usize,
    /// How many positions there are.
    end: usize,
    /// `*`
    any: Vec<u64>,
    /// `%`
    level: Vec<u64>,
    /// The positions of each byte that the pattern names.
    bytes: Vec<(u8, Vec<u64>)>,
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
        let words = tokens.len() / WORD + 1;
        let mut pattern = Self {
            text: text.to_owned(),
            words,
            end: tokens.len(),
            any: vec![0; words],
            level: vec![0; words],
            bytes: Vec::new(),
        };
        tokens.iter().enumerate().for_each(|(at, token)| pattern.place(at, *token));
        pattern
    }

    fn place(&mut self, at: usize, token: Token) {
        let set = match token {
            Token::Any => &mut self.any,
            Token::Level => &mut self.level,
            Token::Byte(byte) => {
                let known = self.bytes.iter().position(|(known, _)| *known == byte);
                let known = known.unwrap_or_else(|| {
                    self.bytes.push((byte, vec![0; self.words]));
                    self.bytes.len() - 1
                });
                match self.bytes.get_mut(known) {
                    Some((_, set)) => set,
                    None => return,
                }
            }
        };
        if let Some(word) = set.get_mut(at / WORD) {
            *word |= 1 << (at % WORD);
        }
    }

    /// The pattern as given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What every name that it matches, and every name below one, begins with. Empty where that may be
    /// `INBOX`, which is matched in any case.
    pub fn start(&self) -> &str {
        let end = self.text.find(['*', '%']).unwrap_or(self.text.len());
        let start = self.text.get(..end).unwrap_or_default();
        let shared = start.len().min(INBOX.len());
        let is_inbox = start.as_bytes().get(..shared).is_some_and(|front| {
            INBOX.as_bytes().get(..shared).is_some_and(|inbox| inbox.eq_ignore_ascii_case(front))
        });
        if is_inbox { "" } else { start }
    }

    /// Whether the pattern matches the whole name. `INBOX` as first level matches in any case.
    pub fn matches(&self, name: &MailboxName) -> bool {
        self.matches_text(name.as_str())
    }

    /// Like [`ListPattern::matches`] for a text that may be a level without a mailbox.
    pub fn matches_text(&self, name: &str) -> bool {
        let levels = name.bytes().filter(|byte| *byte == b'/').count();
        self.matched_levels(name) >> levels.min(63) & 1 == 1
    }

    /// Which beginnings of the name match: bit 0 is its first level alone, bit 1 its first two, and so on.
    /// Costs no more than a match of the name. Names have at most 64 levels.
    pub fn matched_levels(&self, name: &str) -> u64 {
        let folded = inbox_bytes(name);
        let mut active = vec![0; self.words];
        if let Some(first) = active.first_mut() {
            *first = 1;
        }
        self.pass_wildcards(&mut active);
        let (mut matched, mut level) = (0, 0_u32);
        for (index, byte) in name.bytes().enumerate() {
            if byte == b'/' {
                matched |= self.accepts(&active).checked_shl(level).unwrap_or(0);
                level += 1;
            }
            if !self.advance(&mut active, byte, index < folded) {
                return matched;
            }
        }
        matched | self.accepts(&active).checked_shl(level).unwrap_or(0)
    }

    /// About how many operations a match of the name takes.
    pub fn cost(&self, name: &str) -> usize {
        self.words * name.len()
    }

    /// 1 when the end is reached.
    fn accepts(&self, active: &[u64]) -> u64 {
        active.get(self.end / WORD).map_or(0, |word| word >> (self.end % WORD) & 1)
    }

    /// Moves every active position over one byte; false when none is left.
    fn advance(&self, active: &mut [u64], byte: u8, fold: bool) -> bool {
        let same = self.positions_of(byte);
        let other = if fold { self.positions_of(byte.to_ascii_lowercase()) } else { &[] };
        let (mut carry, mut alive) = (0, 0);
        for (at, word) in active.iter_mut().enumerate() {
            let of = |set: &[u64]| set.get(at).copied().unwrap_or(0);
            let stays = of(&self.any) | if byte == b'/' { 0 } else { of(&self.level) };
            let moved = *word & (of(same) | of(other));
            *word = (*word & stays) | (moved << 1) | carry;
            carry = moved >> (WORD - 1);
            alive |= *word;
        }
        self.pass_wildcards(active);
        alive != 0
    }

    /// Where a wildcard may match nothing, the position after it is active too. No two wildcards follow
    /// each other.
    fn pass_wildcards(&self, active: &mut [u64]) {
        let mut carry = 0;
        for ((word, any), level) in active.iter_mut().zip(&self.any).zip(&self.level) {
            let moved = *word & (any | level);
            *word |= (moved << 1) | carry;
            carry = moved >> (WORD - 1);
        }
    }

    fn positions_of(&self, byte: u8) -> &[u64] {
        self.bytes.iter().find(|(known, _)| *known == byte).map_or(&[], |(_, set)| set)
    }
}

/// The name that is matched in any case.
const INBOX: &str = "INBOX";
/// Bits of a word.
const WORD: usize = 64;

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
    let rest = name.strip_prefix(INBOX);
    if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) { INBOX.len() } else { 0 }
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
    fn names_begin_as_the_pattern_up_to_its_first_wildcard() {
        let start = |pattern: &str| ListPattern::new(pattern).start().to_owned();
        assert_eq!([start("a/b"), start("a/%"), start("a*b")], ["a/b", "a/", "a"]);
        assert_eq!([start("*"), start(""), start("%/x")], ["", "", ""]);
        assert_eq!([start("inbox"), start("Inb*"), start("i%"), start("INBOX/x/*")], [""; 4]);
        assert_eq!([start("Invoices"), start("\u{e9}/%")], ["Invoices", "\u{e9}/"]);
    }

    #[test]
    fn many_wildcards_cost_no_more_than_the_product() {
        let pattern = ListPattern::new(&"*a".repeat(200));
        let name = "a".repeat(399) + "b";
        assert!(!pattern.matches_text(&name));
        assert!(ListPattern::new(&"%*".repeat(500)).matches_text(&name));
    }

    #[test]
    fn beginnings_of_a_name_are_matched_with_it() {
        let levels = |pattern: &str, name: &str| ListPattern::new(pattern).matched_levels(name);
        assert_eq!(levels("%", "a/b/c"), 0b001);
        assert_eq!(levels("*", "a/b/c"), 0b111);
        assert_eq!(levels("a/%", "a/b/c"), 0b010);
        assert_eq!(levels("a*c", "a/b/c"), 0b100);
        assert_eq!(levels("inbox", "INBOX/b"), 0b01);
        assert_eq!(levels("*", &["a"; 70].join("/")), u64::MAX);
    }

    proptest! {
        #[test]
        fn patterns_of_several_words_match_as_the_definition(
            pattern in "[ab/*%]{0,10}",
            name in "[ab/]{0,10}",
        ) {
            let (before, after) = ("x".repeat(60), "y".repeat(70));
            let pattern = format!("{before}{pattern}{after}");
            let found = ListPattern::new(&pattern).matches_text(&format!("{before}{name}{after}"));
            let (short, name) = (&pattern[60..pattern.len() - 70], name.as_bytes());
            prop_assert_eq!(found, naive(short.as_bytes(), name));
        }

        #[test]
        fn what_matches_and_what_lies_below_begins_so(
            pattern in "[inab/*%]{0,6}",
            name in "(INBOX|in|[ab])(/[ab]){0,3}",
        ) {
            let pattern = ListPattern::new(&pattern);
            prop_assert!(pattern.matched_levels(&name) == 0 || name.starts_with(pattern.start()));
        }

        #[test]
        fn matches_as_the_definition(pattern in "[ab/*%]{0,10}", name in "[ab/]{0,10}") {
            let found = ListPattern::new(&pattern).matches_text(&name);
            prop_assert_eq!(found, naive(pattern.as_bytes(), name.as_bytes()));
        }
    }
}
