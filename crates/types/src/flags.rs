//! Message flags: the five permanent system flags and keywords (RFC 3501 section 2.3.2).

use serde::{Deserialize, Serialize};
use std::fmt;

/// A permanent system flag. `\Recent` is not one: it belongs to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum SystemFlag {
    /// `\Answered`
    Answered = 1,
    /// `\Deleted`
    Deleted = 2,
    /// `\Draft`
    Draft = 4,
    /// `\Flagged`
    Flagged = 8,
    /// `\Seen`
    Seen = 16,
}

impl SystemFlag {
    /// Every system flag, in alphabetical order.
    pub const ALL: [Self; 5] =
        [Self::Answered, Self::Deleted, Self::Draft, Self::Flagged, Self::Seen];

    /// The flag as IMAP writes it, with its backslash.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Answered => "\\Answered",
            Self::Deleted => "\\Deleted",
            Self::Draft => "\\Draft",
            Self::Flagged => "\\Flagged",
            Self::Seen => "\\Seen",
        }
    }

    /// Reads a flag as IMAP writes it, any case.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|flag| flag.name().eq_ignore_ascii_case(name))
    }
}

/// A set of system flags as a bit mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
pub struct SystemFlags(pub u8);

impl SystemFlags {
    /// Whether the flag is in the set.
    pub const fn contains(self, flag: SystemFlag) -> bool {
        self.0 & flag as u8 != 0
    }

    /// Adds a flag.
    pub fn insert(&mut self, flag: SystemFlag) {
        self.0 |= flag as u8;
    }

    /// Removes a flag.
    pub fn remove(&mut self, flag: SystemFlag) {
        self.0 &= !(flag as u8);
    }

    /// The flags of the set in alphabetical order.
    pub fn iter(self) -> impl Iterator<Item = SystemFlag> {
        SystemFlag::ALL.into_iter().filter(move |flag| self.contains(*flag))
    }
}

/// A keyword: an IMAP atom of 1 to 100 bytes without a backslash; equal in any case, shown as first
/// written.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Keyword(String);

/// Why a text is no keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeywordError {
    /// Empty or over [`Keyword::MAX_BYTES`].
    Length,
    /// Holds a byte that an atom must not hold.
    Character,
}

impl Keyword {
    /// The longest keyword in bytes.
    pub const MAX_BYTES: usize = 100;

    /// Checks a keyword.
    pub fn new(text: &str) -> Result<Self, KeywordError> {
        if text.is_empty() || text.len() > Self::MAX_BYTES {
            return Err(KeywordError::Length);
        }
        let atom = |b: u8| b > 0x20 && b < 0x7f && !b"(){%*\"\\]".contains(&b);
        if text.bytes().all(atom) {
            Ok(Self(text.to_owned()))
        } else {
            Err(KeywordError::Character)
        }
    }

    /// The keyword as first written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Keyword {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}
impl Eq for Keyword {}
impl PartialOrd for Keyword {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Keyword {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let lower = |s: &Self| s.0.bytes().map(|b| b.to_ascii_lowercase()).collect::<Vec<_>>();
        lower(self).cmp(&lower(other))
    }
}
impl std::hash::Hash for Keyword {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        for b in self.0.bytes() {
            state.write_u8(b.to_ascii_lowercase());
        }
    }
}
impl fmt::Display for Keyword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Flags of one message or of one request: system flags and keywords without doubles.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FlagSet {
    /// The system flags.
    pub system: SystemFlags,
    /// The keywords, sorted, each once.
    pub keywords: Vec<Keyword>,
}

impl FlagSet {
    /// No flag at all.
    pub fn is_empty(&self) -> bool {
        self.system.0 == 0 && self.keywords.is_empty()
    }

    /// A set of system flags only.
    pub fn system(flags: &[SystemFlag]) -> Self {
        let mut set = Self::default();
        for flag in flags {
            set.system.insert(*flag);
        }
        set
    }

    /// Adds a keyword unless it is there already.
    pub fn insert_keyword(&mut self, keyword: Keyword) {
        if let Err(at) = self.keywords.binary_search(&keyword) {
            self.keywords.insert(at, keyword);
        }
    }
}
