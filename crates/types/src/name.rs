//! Names of accounts and mailboxes.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a name is refused; the text is fit for a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameError {
    /// The whole name is empty or over its limit of bytes.
    Length,
    /// More levels than [`MailboxName::MAX_DEPTH`].
    Depth,
    /// An empty level: a leading, trailing or doubled separator.
    EmptyLevel,
    /// A control character or another that no name may hold.
    Character,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "the name is empty or too long",
            Self::Depth => "the name has too many levels",
            Self::EmptyLevel => "the name has an empty level",
            Self::Character => "the name has a character that is not allowed",
        })
    }
}
impl std::error::Error for NameError {}

/// The store id of an account: `uid` in the default domain, `uid@domain` elsewhere; lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AccountName(String);

impl AccountName {
    /// The longest store id in bytes.
    pub const MAX_BYTES: usize = 255;

    /// Checks and folds a store id to lower case.
    pub fn new(text: &str) -> Result<Self, NameError> {
        if text.is_empty() || text.len() > Self::MAX_BYTES {
            return Err(NameError::Length);
        }
        if text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '/') {
            return Err(NameError::Character);
        }
        Ok(Self(text.to_lowercase()))
    }

    /// The store id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A mailbox name in UTF-8 with `/` between levels; `INBOX` in any case is `INBOX`
/// (RFC 3501 section 5.1). Modified UTF-7 exists only in `imap-wire`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MailboxName(String);

impl MailboxName {
    /// The separator of levels.
    pub const SEPARATOR: char = '/';
    /// The longest name in bytes.
    pub const MAX_BYTES: usize = 400;
    /// The most levels.
    pub const MAX_DEPTH: usize = 32;

    /// The name of the inbox.
    pub fn inbox() -> Self {
        Self("INBOX".to_owned())
    }

    /// Checks a name; the first level `INBOX` is folded to upper case.
    pub fn new(text: &str) -> Result<Self, NameError> {
        if text.is_empty() || text.len() > Self::MAX_BYTES {
            return Err(NameError::Length);
        }
        if text.chars().any(|c| c.is_control() || c == '\u{2028}' || c == '\u{2029}') {
            return Err(NameError::Character);
        }
        if text.split(Self::SEPARATOR).any(str::is_empty) {
            return Err(NameError::EmptyLevel);
        }
        if text.split(Self::SEPARATOR).count() > Self::MAX_DEPTH {
            return Err(NameError::Depth);
        }
        let (first, rest) = text.split_at(text.find(Self::SEPARATOR).unwrap_or(text.len()));
        let first = if first.eq_ignore_ascii_case("INBOX") { "INBOX" } else { first };
        Ok(Self(format!("{first}{rest}")))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the inbox.
    pub fn is_inbox(&self) -> bool {
        self.0 == "INBOX"
    }

    /// The name one level up, if there is one.
    pub fn parent(&self) -> Option<Self> {
        self.0.rfind(Self::SEPARATOR).map(|at| Self(self.0[..at].to_owned()))
    }

    /// Whether this name lies below `ancestor`.
    pub fn is_below(&self, ancestor: &Self) -> bool {
        self.0.strip_prefix(&ancestor.0).is_some_and(|rest| rest.starts_with(Self::SEPARATOR))
    }

    /// This name with the leading `from` replaced by `to`, when it is `from` or lies below it.
    pub fn moved(&self, from: &Self, to: &Self) -> Option<Result<Self, NameError>> {
        if self == from {
            return Some(Ok(to.clone()));
        }
        self.is_below(from).then(|| Self::new(&format!("{}{}", to.0, &self.0[from.0.len()..])))
    }
}

impl fmt::Display for MailboxName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The special use of a mailbox (RFC 6154 section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SpecialUse {
    /// `\Archive`
    Archive,
    /// `\Drafts`
    Drafts,
    /// `\Junk`
    Junk,
    /// `\Sent`
    Sent,
    /// `\Trash`
    Trash,
}

impl SpecialUse {
    /// Every special use; a new account has a mailbox for each.
    pub const ALL: [Self; 5] = [Self::Archive, Self::Drafts, Self::Junk, Self::Sent, Self::Trash];

    /// The attribute as LIST shows it.
    pub const fn attribute(self) -> &'static str {
        match self {
            Self::Archive => "\\Archive",
            Self::Drafts => "\\Drafts",
            Self::Junk => "\\Junk",
            Self::Sent => "\\Sent",
            Self::Trash => "\\Trash",
        }
    }

    /// The name of its mailbox in a new account.
    pub fn default_name(self) -> MailboxName {
        MailboxName(self.attribute()[1..].to_owned())
    }
}
