//! Response codes: what a program may conclude from OK, NO and BAD (RFC 3501 section 7.1, RFC 5530
//! and the extensions' own).

use crate::text::{push_astring, push_number};
use std::borrow::Cow;
use std::ops::RangeInclusive;
use waypost_types::{FlagSet, ModSeq, Uid, UidSet, UidValidity};

/// A response code in brackets.
#[derive(Debug, Clone, PartialEq)]
pub enum ResponseCode {
    /// `ALERT`: the text must be shown to the user.
    Alert,
    /// `ALREADYEXISTS`
    AlreadyExists,
    /// `APPENDUID` (RFC 4315 section 3)
    AppendUid {
        /// The destination's validity.
        validity: UidValidity,
        /// The UIDs assigned, in order.
        uids: UidSet,
    },
    /// `AUTHENTICATIONFAILED`
    AuthenticationFailed,
    /// `AUTHORIZATIONFAILED`
    AuthorizationFailed,
    /// `BADCHARSET` with the charsets that are supported.
    BadCharset(Vec<Cow<'static, str>>),
    /// `CANNOT`: the operation can never succeed, such as an invalid name.
    Cannot,
    /// `CAPABILITY`
    Capability(Vec<Cow<'static, str>>),
    /// `CLIENTBUG`
    ClientBug,
    /// `CLOSED`: responses after this speak of the newly selected mailbox (RFC 7162 section 3.2.11).
    Closed,
    /// `CONTACTADMIN`
    ContactAdmin,
    /// `COPYUID` (RFC 4315 section 3); both sets ascend, so pairs are by position.
    CopyUid {
        /// The destination's validity.
        validity: UidValidity,
        /// UIDs of the source.
        source: UidSet,
        /// UIDs of the copies.
        destination: UidSet,
    },
    /// `CORRUPTION`
    Corruption,
    /// `EXPIRED`
    Expired,
    /// `EXPUNGEISSUED`
    ExpungeIssued,
    /// `HASCHILDREN`
    HasChildren,
    /// `HIGHESTMODSEQ` (RFC 7162 section 3.1.2.1)
    HighestModSeq(ModSeq),
    /// `INUSE`
    InUse,
    /// `LIMIT`
    Limit,
    /// `MAILBOXID` (RFC 8474 section 4)
    MailboxId(String),
    /// `MODIFIED`: numbers that failed UNCHANGEDSINCE, UIDs or sequence numbers as in the command
    /// (RFC 7162 section 3.1.3).
    Modified(UidSet),
    /// `NOMODSEQ` (RFC 7162 section 3.1.2.2)
    NoModSeq,
    /// `NONEXISTENT`
    NonExistent,
    /// `NOPERM`
    NoPerm,
    /// `OVERQUOTA`
    OverQuota,
    /// `PARSE`
    Parse,
    /// `PERMANENTFLAGS`
    PermanentFlags {
        /// Flags that can be changed for good.
        flags: FlagSet,
        /// `\*`: new keywords may be made.
        new_keywords: bool,
    },
    /// `PRIVACYREQUIRED`
    PrivacyRequired,
    /// `READ-ONLY`
    ReadOnly,
    /// `READ-WRITE`
    ReadWrite,
    /// `SERVERBUG`
    ServerBug,
    /// `TOOBIG` (RFC 7889 section 4)
    TooBig,
    /// `TRYCREATE`
    TryCreate,
    /// `UIDNEXT`
    UidNext(Uid),
    /// `UIDNOTSTICKY` (RFC 4315 section 3)
    UidNotSticky,
    /// `UIDVALIDITY`
    UidValidity(UidValidity),
    /// `UNAVAILABLE`
    Unavailable,
    /// `UNSEEN` with the sequence number of the first message without `\Seen`.
    Unseen(u32),
    /// `USEATTR` (RFC 6154 section 6)
    UseAttr,
}

impl ResponseCode {
    const fn name(&self) -> &'static str {
        match self {
            Self::Alert => "ALERT",
            Self::AlreadyExists => "ALREADYEXISTS",
            Self::AppendUid { .. } => "APPENDUID",
            Self::AuthenticationFailed => "AUTHENTICATIONFAILED",
            Self::AuthorizationFailed => "AUTHORIZATIONFAILED",
            Self::BadCharset(_) => "BADCHARSET",
            Self::Cannot => "CANNOT",
            Self::Capability(_) => "CAPABILITY",
            Self::ClientBug => "CLIENTBUG",
            Self::Closed => "CLOSED",
            Self::ContactAdmin => "CONTACTADMIN",
            Self::CopyUid { .. } => "COPYUID",
            Self::Corruption => "CORRUPTION",
            Self::Expired => "EXPIRED",
            Self::ExpungeIssued => "EXPUNGEISSUED",
            Self::HasChildren => "HASCHILDREN",
            Self::HighestModSeq(_) => "HIGHESTMODSEQ",
            Self::InUse => "INUSE",
            Self::Limit => "LIMIT",
            Self::MailboxId(_) => "MAILBOXID",
            Self::Modified(_) => "MODIFIED",
            Self::NoModSeq => "NOMODSEQ",
            Self::NonExistent => "NONEXISTENT",
            Self::NoPerm => "NOPERM",
            Self::OverQuota => "OVERQUOTA",
            Self::Parse => "PARSE",
            Self::PermanentFlags { .. } => "PERMANENTFLAGS",
            Self::PrivacyRequired => "PRIVACYREQUIRED",
            Self::ReadOnly => "READ-ONLY",
            Self::ReadWrite => "READ-WRITE",
            Self::ServerBug => "SERVERBUG",
            Self::TooBig => "TOOBIG",
            Self::TryCreate => "TRYCREATE",
            Self::UidNext(_) => "UIDNEXT",
            Self::UidNotSticky => "UIDNOTSTICKY",
            Self::UidValidity(_) => "UIDVALIDITY",
            Self::Unavailable => "UNAVAILABLE",
            Self::Unseen(_) => "UNSEEN",
            Self::UseAttr => "USEATTR",
        }
    }

    /// Appends the code with its brackets.
    pub(crate) fn push(&self, out: &mut Vec<u8>) {
        out.push(b'[');
        out.extend_from_slice(self.name().as_bytes());
        self.push_arguments(out);
        out.push(b']');
    }

    fn push_arguments(&self, out: &mut Vec<u8>) {
        match self {
            Self::AppendUid { validity, uids } => push_uids(out, *validity, &[uids]),
            Self::CopyUid { validity, source, destination } => {
                push_uids(out, *validity, &[source, destination]);
            }
            Self::BadCharset(names) => push_charsets(out, names),
            Self::Capability(names) => names.iter().for_each(|name| {
                out.push(b' ');
                out.extend_from_slice(name.as_bytes());
            }),
            Self::HighestModSeq(mod_seq) => push_argument(out, mod_seq.0),
            Self::MailboxId(id) => {
                out.extend_from_slice(b" (");
                push_astring(out, id.as_bytes());
                out.push(b')');
            }
            Self::Modified(set) => {
                out.push(b' ');
                push_ranges(out, set);
            }
            Self::PermanentFlags { flags, new_keywords } => {
                out.push(b' ');
                push_flag_list(out, flags, new_keywords.then_some("\\*"));
            }
            Self::UidNext(uid) => push_argument(out, u64::from(uid.0)),
            Self::UidValidity(validity) => push_argument(out, u64::from(validity.0)),
            Self::Unseen(number) => push_argument(out, u64::from(*number)),
            _ => {}
        }
    }
}

fn push_argument(out: &mut Vec<u8>, number: u64) {
    out.push(b' ');
    push_number(out, number);
}

fn push_uids(out: &mut Vec<u8>, validity: UidValidity, sets: &[&UidSet]) {
    push_argument(out, u64::from(validity.0));
    for set in sets {
        out.push(b' ');
        push_ranges(out, set);
    }
}

fn push_charsets(out: &mut Vec<u8>, names: &[Cow<'static, str>]) {
    for (index, name) in names.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b" (" } else { b" " });
        push_astring(out, name.as_bytes());
    }
    if !names.is_empty() {
        out.push(b')');
    }
}

/// Appends a set as `1:3,7`.
pub(crate) fn push_ranges(out: &mut Vec<u8>, set: &UidSet) {
    for (index, range) in set.ranges().into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_range(out, &range);
    }
}

fn push_range(out: &mut Vec<u8>, range: &RangeInclusive<u32>) {
    push_number(out, u64::from(*range.start()));
    if range.start() != range.end() {
        out.push(b':');
        push_number(out, u64::from(*range.end()));
    }
}

/// Appends flags in parentheses, `last` after the others.
pub(crate) fn push_flag_list(out: &mut Vec<u8>, flags: &FlagSet, last: Option<&str>) {
    let system = flags.system.iter().map(|flag| flag.name());
    let keywords = flags.keywords.iter().map(|keyword| keyword.as_str());
    push_words(out, system.chain(keywords).chain(last));
}

/// Appends words in parentheses.
pub(crate) fn push_words<'a>(out: &mut Vec<u8>, words: impl Iterator<Item = &'a str>) {
    out.push(b'(');
    for (index, word) in words.enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word.as_bytes());
    }
    out.push(b')');
}
