//! What SORT and THREAD can ask (RFC 5256, RFC 5957), and what of a result extended SEARCH and SORT
//! return (RFC 4731 section 3.1, RFC 5267 section 3.1).

/// By what SORT orders (RFC 5256 section 3, RFC 5957 section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SortKey {
    /// `ARRIVAL`: INTERNALDATE.
    Arrival,
    /// `CC`: mailbox of the first Cc address.
    Cc,
    /// `DATE`: when it was sent (RFC 5256 section 2.2).
    Date,
    /// `DISPLAYFROM`: name of the first From address, else the address (RFC 5957).
    DisplayFrom,
    /// `DISPLAYTO`: name of the first To address, else the address (RFC 5957).
    DisplayTo,
    /// `FROM`: mailbox of the first From address.
    From,
    /// `SIZE`: bytes of the message.
    Size,
    /// `SUBJECT`: base subject (RFC 5256 section 2.1).
    Subject,
    /// `TO`: mailbox of the first To address.
    To,
}

impl SortKey {
    /// Every key.
    pub const ALL: [Self; 9] = [
        Self::Arrival,
        Self::Cc,
        Self::Date,
        Self::DisplayFrom,
        Self::DisplayTo,
        Self::From,
        Self::Size,
        Self::Subject,
        Self::To,
    ];

    /// The key's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Arrival => "ARRIVAL",
            Self::Cc => "CC",
            Self::Date => "DATE",
            Self::DisplayFrom => "DISPLAYFROM",
            Self::DisplayTo => "DISPLAYTO",
            Self::From => "FROM",
            Self::Size => "SIZE",
            Self::Subject => "SUBJECT",
            Self::To => "TO",
        }
    }
}

/// One criterion of SORT; later ones decide where the earlier ones are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SortCriterion {
    /// By what.
    pub key: SortKey,
    /// `REVERSE`: in descending order.
    pub reverse: bool,
}

/// How THREAD joins messages (RFC 5256 section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThreadAlgorithm {
    /// `ORDEREDSUBJECT`
    OrderedSubject,
    /// `REFERENCES`
    References,
}

impl ThreadAlgorithm {
    /// Every algorithm.
    pub const ALL: [Self; 2] = [Self::OrderedSubject, Self::References];

    /// The algorithm's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OrderedSubject => "ORDEREDSUBJECT",
            Self::References => "REFERENCES",
        }
    }
}

/// What an extended SEARCH or SORT returns (RFC 4731 section 3.1); an empty list is `ALL`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReturnOptions {
    /// `MIN`: the first message.
    pub min: bool,
    /// `MAX`: the last message.
    pub max: bool,
    /// `ALL`: every message, as a set.
    pub all: bool,
    /// `COUNT`: how many they are.
    pub count: bool,
}
