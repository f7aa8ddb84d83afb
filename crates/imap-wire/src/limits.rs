//! Limits of what a peer may send, each with its unit and reason.

/// Limits of one decoder. Take [`Limits::STRANGER`] before login, [`Limits::USER`] after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a command with its literals, without an APPEND's message.
    pub command_bytes: usize,
    /// Bytes of one literal that is not an APPEND's message.
    pub literal_bytes: usize,
    /// Literals in one command; each may cost one reading of the command so far.
    pub literals: usize,
    /// Bytes of a raw line ([`Decoder::expect_line`](crate::Decoder::expect_line)).
    pub line_bytes: usize,
    /// Bytes of a refused command, its non-synchronising literals included, that are read and
    /// dropped before the connection is given up.
    pub skip_bytes: u64,
    /// How deep search keys may nest.
    pub search_depth: usize,
    /// Search keys in one command.
    pub search_keys: usize,
    /// Ranges in one sequence set.
    pub set_ranges: usize,
    /// Items in one FETCH, after macros are expanded.
    pub fetch_items: usize,
    /// Header names in one body section.
    pub header_names: usize,
    /// Flags in one command.
    pub flags: usize,
}

/// Bytes of a command: room for the sets of clients that list every UID.
const COMMAND_BYTES: usize = 64 * 1024;
/// Bytes of a command before login: room for a user name and a password.
const STRANGER_COMMAND_BYTES: usize = 4 * 1024;
/// Bytes of an authentication line, as in RFC 4954 section 4.
const LINE_BYTES: usize = 12_288;
/// Bytes dropped of a refused command: a message sent with a non-synchronising literal.
const SKIP_BYTES: u64 = 256 * 1024 * 1024;
/// Bytes dropped of a refused command before login.
const STRANGER_SKIP_BYTES: u64 = 64 * 1024;

impl Limits {
    /// Pairs in one ID (RFC 2971 section 3.3).
    pub const ID_PAIRS: usize = 30;
    /// Bytes of a field name in ID (RFC 2971 section 3.3).
    pub const ID_FIELD_BYTES: usize = 30;
    /// Bytes of a value in ID (RFC 2971 section 3.3).
    pub const ID_VALUE_BYTES: usize = 1024;
    /// Names in one ENABLE.
    pub const ENABLE_NAMES: usize = 32;
    /// Numbers in a part path; deeper parts do not exist.
    pub const PART_DEPTH: usize = 64;
    /// Bytes of a LIST pattern with its reference; longer ones match no name.
    pub const PATTERN_BYTES: usize = 1024;
    /// Words in a list of options, such as STATUS items.
    pub const OPTION_WORDS: usize = 32;
    /// Criteria of one SORT; only the first with each of the nine keys can decide anything.
    pub const SORT_CRITERIA: usize = 32;

    /// For a client that has logged in.
    pub const USER: Self = Self {
        command_bytes: COMMAND_BYTES,
        literal_bytes: COMMAND_BYTES,
        literals: 200,
        line_bytes: LINE_BYTES,
        skip_bytes: SKIP_BYTES,
        search_depth: 32,
        search_keys: 1_000,
        set_ranges: 10_000,
        fetch_items: 100,
        header_names: 200,
        flags: 200,
    };

    /// For a client that has not logged in.
    pub const STRANGER: Self = Self {
        command_bytes: STRANGER_COMMAND_BYTES,
        literal_bytes: STRANGER_COMMAND_BYTES,
        literals: 4,
        skip_bytes: STRANGER_SKIP_BYTES,
        ..Self::USER
    };
}

const _: () = assert!(Limits::STRANGER.command_bytes <= Limits::USER.command_bytes);
const _: () = assert!(Limits::USER.literal_bytes <= Limits::USER.command_bytes);
