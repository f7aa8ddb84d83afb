//! Why a command cannot be read, and the reply that says so.

use crate::command::Tag;
use crate::decoder::Refusal;
use crate::response::Status;
use crate::response_code::ResponseCode;
use crate::search::Charset;
use std::borrow::Cow;

/// The result of reading a piece of a command.
pub(crate) type Parse<T> = Result<T, Fault>;

/// Why reading stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The text ends in the header of a literal that may stand there.
    Incomplete,
    /// The command is refused.
    Refused { status: Status, code: FaultCode, text: &'static str },
}

/// The response codes that the grammar itself can find a reason for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FaultCode {
    None,
    BadCharset,
    Cannot,
    Limit,
    UseAttr,
}

impl Fault {
    /// The general syntax error.
    pub(crate) const SYNTAX: Self = Self::bad("syntax error in the command's arguments");
    /// A literal's header that no line end follows, or a message that is not a literal.
    pub(crate) const LITERAL: Self = Self::bad("a literal was expected");

    /// A syntax error.
    pub(crate) const fn bad(text: &'static str) -> Self {
        Self::Refused { status: Status::Bad, code: FaultCode::None, text }
    }

    /// A value that can never be right.
    pub(crate) const fn cannot(text: &'static str) -> Self {
        Self::no(FaultCode::Cannot, text)
    }

    /// A limit of this server.
    pub(crate) const fn limit(text: &'static str) -> Self {
        Self::no(FaultCode::Limit, text)
    }

    /// A `NO` with its code.
    pub(crate) const fn no(code: FaultCode, text: &'static str) -> Self {
        Self::Refused { status: Status::No, code, text }
    }

    /// The reply. A literal that never came is a syntax error.
    pub(crate) fn refusal(self, tag: Option<Tag>) -> Refusal {
        match self {
            Self::Incomplete => Self::LITERAL.refusal(tag),
            Self::Refused { status, code, text } => {
                Refusal { tag, status, code: code.response_code(), text: Cow::Borrowed(text) }
            }
        }
    }
}

impl FaultCode {
    fn response_code(self) -> Option<ResponseCode> {
        match self {
            Self::None => None,
            Self::BadCharset => {
                let names = Charset::ALL.iter().map(|charset| Cow::Borrowed(charset.name()));
                Some(ResponseCode::BadCharset(names.collect()))
            }
            Self::Cannot => Some(ResponseCode::Cannot),
            Self::Limit => Some(ResponseCode::Limit),
            Self::UseAttr => Some(ResponseCode::UseAttr),
        }
    }
}
