//! What SEARCH can ask (RFC 3501 section 6.4.4, RFC 7162 section 3.1.5, RFC 8474 section 5).

use crate::{Day, SequenceSet};
use waypost_types::{Keyword, ModSeq, SystemFlag};

/// A search key. `UNSEEN`, `NEW` and the like are written with [`SearchKey::Not`] and
/// [`SearchKey::And`].
#[derive(Debug, Clone, PartialEq)]
pub enum SearchKey {
    /// Every message.
    All,
    /// All of these; never empty.
    And(Vec<Self>),
    /// `BCC`
    Bcc(String),
    /// `BEFORE`: internal date, in its own zone, before this day.
    Before(Day),
    /// `BODY`
    Body(String),
    /// `CC`
    Cc(String),
    /// `EMAILID`
    EmailId(ObjectId),
    /// `ANSWERED`, `DELETED`, `DRAFT`, `FLAGGED`, `SEEN`
    Flag(SystemFlag),
    /// `FROM`
    From(String),
    /// `HEADER`; an empty value asks that the field is present.
    Header {
        /// The field's name.
        name: String,
        /// The text in it.
        value: String,
    },
    /// `KEYWORD`
    Keyword(Keyword),
    /// `LARGER`, in bytes.
    Larger(u32),
    /// `MODSEQ`: changed at or after this (RFC 7162 section 3.1.5).
    ModSeq {
        /// The one flag asked about, if any; servers without sequences per flag ignore it.
        scope: Option<ModSeqScope>,
        /// The least modification sequence.
        at_least: ModSeq,
    },
    /// `NOT`
    Not(Box<Self>),
    /// `ON`
    On(Day),
    /// `OR`
    Or(Box<Self>, Box<Self>),
    /// `RECENT`
    Recent,
    /// `SENTBEFORE`: the Date header's day, time and zone disregarded.
    SentBefore(Day),
    /// `SENTON`
    SentOn(Day),
    /// `SENTSINCE`
    SentSince(Day),
    /// Messages by sequence number.
    Sequence(SequenceSet),
    /// `SINCE`
    Since(Day),
    /// `SMALLER`, in bytes.
    Smaller(u32),
    /// `SUBJECT`
    Subject(String),
    /// `TEXT`
    Text(String),
    /// `THREADID`
    ThreadId(ObjectId),
    /// `TO`
    To(String),
    /// `UID`
    Uid(SequenceSet),
}

impl SearchKey {
    /// Whether a MODSEQ key is anywhere inside: the answer then carries a modification sequence and
    /// CONDSTORE is enabled (RFC 7162 section 3.1).
    pub fn mentions_mod_seq(&self) -> bool {
        match self {
            Self::ModSeq { .. } => true,
            Self::Not(key) => key.mentions_mod_seq(),
            Self::Or(left, right) => left.mentions_mod_seq() || right.mentions_mod_seq(),
            Self::And(keys) => keys.iter().any(Self::mentions_mod_seq),
            _ => false,
        }
    }
}

/// The metadata item of `MODSEQ "/flags/\\Seen" all 5` (RFC 7162 section 3.1.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModSeqScope {
    /// The entry's name, such as `/flags/\Seen`.
    pub entry: String,
}

/// An object identifier: 1 to 255 letters, digits, `_` and `-` (RFC 8474 section 7).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ObjectId(String);

impl ObjectId {
    /// The longest object identifier in bytes (RFC 8474 section 7).
    pub const MAX_BYTES: usize = 255;

    /// Checks an object identifier.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let allowed = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_' || *b == b'-';
        if bytes.is_empty() || bytes.len() > Self::MAX_BYTES || !bytes.iter().all(allowed) {
            return None;
        }
        String::from_utf8(bytes.to_vec()).ok().map(Self)
    }

    /// The identifier.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A charset of SEARCH. Both are read as UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Charset {
    /// `US-ASCII`, also when no charset was named.
    #[default]
    UsAscii,
    /// `UTF-8`
    Utf8,
}

impl Charset {
    /// Every charset, for `[BADCHARSET (...)]`.
    pub const ALL: [Self; 2] = [Self::UsAscii, Self::Utf8];

    /// The charset's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UsAscii => "US-ASCII",
            Self::Utf8 => "UTF-8",
        }
    }
}
