//! Commands as types: what a client asks, checked for syntax and not for state.

use crate::{
    Charset, FetchItem, ListPattern, ReturnOptions, SearchKey, SequenceSet, SortCriterion,
    ThreadAlgorithm,
};
use std::fmt;
use waypost_types::{FlagSet, MailboxName, ModSeq, Secret, SpecialUse};

/// A command's tag: 1 to [`Tag::MAX_BYTES`] bytes of ASTRING-CHAR without `+` (RFC 3501 section 9).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tag(String);

impl Tag {
    /// The longest tag in bytes; the tags of real clients have under 20.
    pub const MAX_BYTES: usize = 64;

    /// Checks a tag.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let fits = !bytes.is_empty() && bytes.len() <= Self::MAX_BYTES;
        let allowed = |b: &u8| crate::text::is_astring_char(*b) && b.is_ascii() && *b != b'+';
        if !fits || !bytes.iter().all(allowed) {
            return None;
        }
        String::from_utf8(bytes.to_vec()).ok().map(Self)
    }

    /// The tag as the client wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A whole command with its tag.
#[derive(Debug, Clone)]
pub struct Tagged {
    /// The tag that the completion repeats.
    pub tag: Tag,
    /// What is asked.
    pub command: Command,
}

/// A command. APPEND is not among them: it streams, see [`AppendStart`](crate::AppendStart).
#[derive(Debug, Clone)]
pub enum Command {
    /// `CAPABILITY`
    Capability,
    /// `NOOP`
    Noop,
    /// `LOGOUT`
    Logout,
    /// `ID` with its pairs; `ID NIL` gives none (RFC 2971).
    Id(Vec<(String, Option<String>)>),

    /// `STARTTLS`
    StartTls,
    /// `AUTHENTICATE`, with the initial response of SASL-IR, already decoded (RFC 4959).
    Authenticate {
        /// The mechanism's name in upper case.
        mechanism: String,
        /// The initial response; empty when the client sent `=`.
        initial: Option<Secret<Vec<u8>>>,
    },
    /// `LOGIN`
    Login {
        /// The user's name as typed.
        user: String,
        /// The password's bytes as typed.
        password: Secret<Vec<u8>>,
    },

    /// `ENABLE` with capability names in upper case (RFC 5161).
    Enable(Vec<String>),
    /// `SELECT`
    Select {
        /// The mailbox to open.
        mailbox: MailboxName,
        /// Whether `(CONDSTORE)` was given (RFC 7162 section 3.1.8).
        condstore: bool,
    },
    /// `EXAMINE`
    Examine {
        /// The mailbox to open for reading.
        mailbox: MailboxName,
        /// Whether `(CONDSTORE)` was given.
        condstore: bool,
    },
    /// `CREATE`; one trailing separator has been dropped (RFC 3501 section 6.3.3).
    Create {
        /// The new mailbox.
        mailbox: MailboxName,
        /// What `(USE (...))` asks for (RFC 6154 section 3).
        special_use: Vec<SpecialUse>,
    },
    /// `DELETE`
    Delete {
        /// The mailbox to delete.
        mailbox: MailboxName,
    },
    /// `RENAME`
    Rename {
        /// The present name.
        from: MailboxName,
        /// The new name.
        to: MailboxName,
    },
    /// `SUBSCRIBE`
    Subscribe {
        /// The name to add.
        mailbox: MailboxName,
    },
    /// `UNSUBSCRIBE`
    Unsubscribe {
        /// The name to drop.
        mailbox: MailboxName,
    },
    /// `LIST`
    List(ListArguments),
    /// `LSUB`
    Lsub(ListArguments),
    /// `NAMESPACE` (RFC 2342)
    Namespace,
    /// `STATUS`
    Status {
        /// The mailbox asked about.
        mailbox: MailboxName,
        /// What is asked, in the client's order, each once.
        items: Vec<StatusItem>,
    },
    /// `IDLE`; call [`Decoder::expect_line`](crate::Decoder::expect_line) for its `DONE` (RFC 2177).
    Idle,
    /// `GETQUOTA` (RFC 9208 section 4.1.1)
    GetQuota {
        /// The quota root.
        root: String,
    },
    /// `GETQUOTAROOT` (RFC 9208 section 4.1.2)
    GetQuotaRoot {
        /// The mailbox, which need not exist.
        mailbox: MailboxName,
    },
    /// `SETQUOTA` (RFC 9208 section 4.1.3); what it asks for is read and not kept.
    SetQuota {
        /// The quota root.
        root: String,
    },

    /// `CHECK`
    Check,
    /// `CLOSE`
    Close,
    /// `UNSELECT` (RFC 3691)
    Unselect,
    /// `EXPUNGE`
    Expunge,
    /// `UID EXPUNGE` (RFC 4315 section 2.1)
    UidExpunge {
        /// UIDs to which the expunge is limited.
        set: SequenceSet,
    },
    /// `SEARCH` and `UID SEARCH`
    Search {
        /// Whether the answer lists UIDs.
        uid: bool,
        /// `RETURN`: the answer is an `ESEARCH` of this (RFC 4731).
        returns: Option<ReturnOptions>,
        /// The charset in which the strings were sent; they are UTF-8 here.
        charset: Charset,
        /// What to search for.
        criteria: SearchKey,
    },
    /// `SORT` and `UID SORT` (RFC 5256)
    Sort {
        /// Whether the answer lists UIDs.
        uid: bool,
        /// `RETURN`: the answer is an `ESEARCH` of this (RFC 5267 section 3).
        returns: Option<ReturnOptions>,
        /// The order; never empty.
        order: Vec<SortCriterion>,
        /// The charset in which the strings were sent; they are UTF-8 here.
        charset: Charset,
        /// What to search for.
        criteria: SearchKey,
    },
    /// `THREAD` and `UID THREAD` (RFC 5256)
    Thread {
        /// Whether the answer lists UIDs.
        uid: bool,
        /// How messages are joined.
        algorithm: ThreadAlgorithm,
        /// The charset in which the strings were sent; they are UTF-8 here.
        charset: Charset,
        /// What to search for.
        criteria: SearchKey,
    },
    /// `FETCH` and `UID FETCH`
    Fetch {
        /// Whether the set holds UIDs.
        uid: bool,
        /// The messages.
        set: SequenceSet,
        /// What to fetch, macros expanded, in the client's order.
        items: Vec<FetchItem>,
        /// `CHANGEDSINCE` (RFC 7162 section 3.1.4.1).
        changed_since: Option<ModSeq>,
    },
    /// `STORE` and `UID STORE`
    Store {
        /// Whether the set holds UIDs.
        uid: bool,
        /// The messages.
        set: SequenceSet,
        /// `UNCHANGEDSINCE` (RFC 7162 section 3.1.3).
        unchanged_since: Option<ModSeq>,
        /// The change of flags.
        change: FlagChange,
    },
    /// `COPY` and `UID COPY`
    Copy {
        /// Whether the set holds UIDs.
        uid: bool,
        /// The messages.
        set: SequenceSet,
        /// Where the copies go.
        mailbox: MailboxName,
    },
    /// `MOVE` and `UID MOVE` (RFC 6851)
    Move {
        /// Whether the set holds UIDs.
        uid: bool,
        /// The messages.
        set: SequenceSet,
        /// Where the messages go.
        mailbox: MailboxName,
    },
}

impl Command {
    /// The command's name for logs and completions, without `UID`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Capability => "CAPABILITY",
            Self::Noop => "NOOP",
            Self::Logout => "LOGOUT",
            Self::Id(_) => "ID",
            Self::StartTls => "STARTTLS",
            Self::Authenticate { .. } => "AUTHENTICATE",
            Self::Login { .. } => "LOGIN",
            Self::Enable(_) => "ENABLE",
            Self::Select { .. } => "SELECT",
            Self::Examine { .. } => "EXAMINE",
            Self::Create { .. } => "CREATE",
            Self::Delete { .. } => "DELETE",
            Self::Rename { .. } => "RENAME",
            Self::Subscribe { .. } => "SUBSCRIBE",
            Self::Unsubscribe { .. } => "UNSUBSCRIBE",
            Self::List(_) => "LIST",
            Self::Lsub(_) => "LSUB",
            Self::Namespace => "NAMESPACE",
            Self::Status { .. } => "STATUS",
            Self::Idle => "IDLE",
            Self::GetQuota { .. } => "GETQUOTA",
            Self::GetQuotaRoot { .. } => "GETQUOTAROOT",
            Self::SetQuota { .. } => "SETQUOTA",
            Self::Check => "CHECK",
            Self::Close => "CLOSE",
            Self::Unselect => "UNSELECT",
            Self::Expunge | Self::UidExpunge { .. } => "EXPUNGE",
            Self::Search { .. } => "SEARCH",
            Self::Sort { .. } => "SORT",
            Self::Thread { .. } => "THREAD",
            Self::Fetch { .. } => "FETCH",
            Self::Store { .. } => "STORE",
            Self::Copy { .. } => "COPY",
            Self::Move { .. } => "MOVE",
        }
    }
}

/// What LIST and LSUB ask. A struct, so that selection and return options (RFC 5258) can join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListArguments {
    /// The reference name in UTF-8; already part of every pattern.
    pub reference: String,
    /// Patterns with the reference in front; one until LIST-EXTENDED is offered.
    pub patterns: Vec<ListPattern>,
    /// The mailbox argument was empty: the client asks for the separator and the root of
    /// `reference` (RFC 3501 section 6.3.8).
    pub asks_separator: bool,
    /// Only mailboxes with a special use (RFC 6154 section 2).
    pub special_use_only: bool,
}

impl ListArguments {
    /// What every name that can be in the answer begins with.
    pub fn start(&self) -> &str {
        match self.patterns.as_slice() {
            [pattern] => pattern.start(),
            _ => "",
        }
    }
}

/// What STATUS can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StatusItem {
    /// `MESSAGES`
    Messages,
    /// `RECENT`
    Recent,
    /// `UIDNEXT`
    UidNext,
    /// `UIDVALIDITY`
    UidValidity,
    /// `UNSEEN`
    Unseen,
    /// `HIGHESTMODSEQ` (RFC 7162 section 3.1.7)
    HighestModSeq,
    /// `MAILBOXID` (RFC 8474 section 4.3)
    MailboxId,
    /// `DELETED` (RFC 9208 section 4.1.4)
    Deleted,
    /// `DELETED-STORAGE` (RFC 9208 section 4.1.4)
    DeletedStorage,
}

impl StatusItem {
    /// Every item.
    pub const ALL: [Self; 9] = [
        Self::Messages,
        Self::Recent,
        Self::UidNext,
        Self::UidValidity,
        Self::Unseen,
        Self::HighestModSeq,
        Self::MailboxId,
        Self::Deleted,
        Self::DeletedStorage,
    ];

    /// The item's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Messages => "MESSAGES",
            Self::Recent => "RECENT",
            Self::UidNext => "UIDNEXT",
            Self::UidValidity => "UIDVALIDITY",
            Self::Unseen => "UNSEEN",
            Self::HighestModSeq => "HIGHESTMODSEQ",
            Self::MailboxId => "MAILBOXID",
            Self::Deleted => "DELETED",
            Self::DeletedStorage => "DELETED-STORAGE",
        }
    }
}

/// What STORE does to flags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlagChange {
    /// How the flags are combined with those of the message.
    pub kind: FlagChangeKind,
    /// Whether `.SILENT` was given.
    pub silent: bool,
    /// The flags; `\Recent` is left out, since no client can change it.
    pub flags: FlagSet,
}

/// How STORE combines flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlagChangeKind {
    /// `FLAGS`
    Replace,
    /// `+FLAGS`
    Add,
    /// `-FLAGS`
    Remove,
}

/// A mailbox attribute as LIST shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MailboxAttribute {
    /// `\Noinferiors`
    NoInferiors,
    /// `\Noselect`
    NoSelect,
    /// `\NonExistent` (RFC 5258 section 3)
    NonExistent,
    /// `\Marked`
    Marked,
    /// `\Unmarked`
    Unmarked,
    /// `\HasChildren` (RFC 3348)
    HasChildren,
    /// `\HasNoChildren` (RFC 3348)
    HasNoChildren,
    /// `\Subscribed` (RFC 5258 section 3)
    Subscribed,
    /// A special use (RFC 6154 section 2).
    Special(SpecialUse),
}

impl MailboxAttribute {
    /// The attribute with its backslash.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoInferiors => "\\Noinferiors",
            Self::NoSelect => "\\Noselect",
            Self::NonExistent => "\\NonExistent",
            Self::Marked => "\\Marked",
            Self::Unmarked => "\\Unmarked",
            Self::HasChildren => "\\HasChildren",
            Self::HasNoChildren => "\\HasNoChildren",
            Self::Subscribed => "\\Subscribed",
            Self::Special(special_use) => special_use.attribute(),
        }
    }
}
