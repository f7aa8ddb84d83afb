//! The decoder: received bytes in, frames out. It knows where a command ends, who has the turn when
//! a literal is announced, and how to find the next command after a refused one.

use crate::command::{Tag, Tagged};
use crate::limits::Limits;
use crate::literal::{HEADER_BYTES, LiteralHeader};
use crate::parse::{self, Fault, Parsed};
use crate::response::{Status, Writer};
use crate::response_code::ResponseCode;
use bytes::{Buf, Bytes, BytesMut};
use std::borrow::Cow;
use std::fmt;
use waypost_types::{FlagSet, MailboxName, UnixTime};

/// What [`Decoder::next`] found. Its debug text leaves out what may be a password or mail.
pub enum Frame {
    /// Nothing more can be said without more input, or before an [`AppendStart`] is answered.
    NeedInput,
    /// The client waits for a continuation before it sends a literal: write `+ ...`, then go on.
    Continue,
    /// A whole command.
    Command(Tagged),
    /// The head of an APPEND; answer with [`Decoder::accept_literal`] or
    /// [`Decoder::refuse_literal`].
    AppendStart(AppendStart),
    /// The next bytes of the message being appended, never empty.
    Literal(Bytes),
    /// The APPEND is complete: its message has been delivered and its line has ended.
    AppendEnd,
    /// A command that is not carried out: answer with [`Refusal::write`]. During an APPEND it ends
    /// that command and the message is to be dropped.
    Refused(Refusal),
    /// A raw line without its line end, asked for with [`Decoder::expect_line`].
    Line(Vec<u8>),
    /// Nothing after this can be understood: say `* BYE` and close.
    Fatal {
        /// Why, fit for the client.
        text: &'static str,
    },
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeedInput => f.write_str("NeedInput"),
            Self::Continue => f.write_str("Continue"),
            Self::Command(tagged) => f.debug_tuple("Command").field(tagged).finish(),
            Self::AppendStart(start) => f.debug_tuple("AppendStart").field(start).finish(),
            Self::Literal(bytes) => write!(f, "Literal({} bytes)", bytes.len()),
            Self::AppendEnd => f.write_str("AppendEnd"),
            Self::Refused(refusal) => f.debug_tuple("Refused").field(refusal).finish(),
            Self::Line(line) => write!(f, "Line({} bytes)", line.len()),
            Self::Fatal { text } => f.debug_struct("Fatal").field("text", text).finish(),
        }
    }
}

/// The head of an APPEND.
///
/// For a synchronising literal the session that accepts writes the continuation itself; the session
/// that refuses writes its tagged NO. Either way the refused message never reaches the session.
#[derive(Debug, Clone, PartialEq)]
pub struct AppendStart {
    /// The command's tag.
    pub tag: Tag,
    /// Where the message goes.
    pub mailbox: MailboxName,
    /// Its flags; `\Recent` is left out.
    pub flags: FlagSet,
    /// Its internal date, when given.
    pub date: Option<UnixTime>,
    /// The message's size in bytes.
    pub size: u64,
    /// The message comes without waiting for a continuation.
    pub non_sync: bool,
}

/// Why a command is not carried out.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// The command's tag, when it could be read.
    pub tag: Option<Tag>,
    /// `BAD` for bad syntax, `NO` for a limit or an impossible value; written as `BAD` when there is
    /// no tag.
    pub status: Status,
    /// The response code.
    pub code: Option<ResponseCode>,
    /// The reason, fit for the client.
    pub text: Cow<'static, str>,
}

impl Refusal {
    /// Appends the reply: tagged when there is a tag, else an untagged `BAD`.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut writer = Writer::new(out);
        match &self.tag {
            Some(tag) => writer.tagged(tag, self.status, self.code.as_ref(), &self.text),
            None => writer.untagged(Status::Bad, self.code.as_ref(), &self.text),
        }
    }
}

/// Reads one client's commands. Memory: at most [`Limits::command_bytes`] and what a parsed command
/// holds; an appended message passes through without being kept. Its debug text leaves out what the
/// client sent: that may be a password.
pub struct Decoder {
    limits: Limits,
    state: State,
    /// The command so far when it did not come in one piece: lines with CRLF between, literals in
    /// place.
    buffer: Vec<u8>,
    /// Where in `buffer` the present line begins.
    line_start: usize,
    literals: usize,
    expect_line: bool,
}

enum State {
    Line,
    Literal { remaining: usize },
    Offered { tag: Tag, header: LiteralHeader },
    Message { tag: Tag, remaining: u64 },
    MessageEnd { tag: Tag },
    Skip(Skip),
    Dead { text: &'static str },
}

/// Dropping the rest of a refused command.
#[derive(Default)]
struct Skip {
    literal: u64,
    /// The end of the line so far, to see a literal's header.
    tail: Vec<u8>,
    dropped: u64,
    /// A raw line: no literal can follow it.
    raw: bool,
}

/// Buffers above this many bytes are given back after a command.
const KEPT_BUFFER_BYTES: usize = 4096;

const TOO_LONG: &str = "the command is too long";
const SKIP_TOO_LONG: &str = "too much input after a refused command";

impl Decoder {
    /// A decoder at the start of a connection.
    pub const fn new(limits: Limits) -> Self {
        Self {
            limits,
            state: State::Line,
            buffer: Vec::new(),
            line_start: 0,
            literals: 0,
            expect_line: false,
        }
    }

    /// Replaces the limits, such as after a login.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Asks for the next line as it is: an authentication response or IDLE's `DONE`. Counts for one
    /// line.
    pub fn expect_line(&mut self) {
        self.expect_line = true;
    }

    /// Whether the decoder stands between two commands and holds nothing.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Line) && self.buffer.is_empty()
    }

    /// Takes the message of the APPEND just started: its bytes follow.
    pub fn accept_literal(&mut self) {
        self.state = match std::mem::replace(&mut self.state, State::Line) {
            State::Offered { tag, header } => message_state(tag, header.size),
            other => other,
        };
    }

    /// Drops the message of the APPEND under way, at any time before its end. The rest of the
    /// command is dropped without further frames; the caller has written the tagged reply.
    pub fn refuse_literal(&mut self) {
        let skip = |literal| State::Skip(Skip { literal, ..Skip::default() });
        self.state = match std::mem::replace(&mut self.state, State::Line) {
            State::Offered { header, .. } if !header.non_sync => State::Line,
            State::Offered { header, .. } => skip(header.size),
            State::Message { remaining, .. } => skip(remaining),
            State::MessageEnd { .. } => skip(0),
            other => other,
        };
    }

    /// The next frame. Consumes `input` from the front; after [`Frame::NeedInput`] at most one byte
    /// is left unless an APPEND waits for its answer.
    pub fn next(&mut self, input: &mut BytesMut) -> Frame {
        loop {
            if let Some(frame) = self.step(input) {
                return frame;
            }
        }
    }

    fn step(&mut self, input: &mut BytesMut) -> Option<Frame> {
        match &mut self.state {
            State::Line => self.step_line(input),
            State::Literal { .. } => self.step_literal(input),
            State::Offered { .. } => Some(Frame::NeedInput),
            State::Message { .. } => self.step_message(input),
            State::MessageEnd { .. } => self.step_message_end(input),
            State::Skip(_) => self.step_skip(input),
            State::Dead { text } => {
                input.clear();
                Some(Frame::Fatal { text })
            }
        }
    }

    fn step_line(&mut self, input: &mut BytesMut) -> Option<Frame> {
        let end = memchr::memchr(b'\n', input);
        let length = self.buffer.len() + end.unwrap_or(input.len());
        let limit =
            if self.expect_line { self.limits.line_bytes } else { self.limits.command_bytes };
        if length > limit {
            return Some(self.refuse_long(input));
        }
        let Some(end) = end else {
            self.buffer.extend_from_slice(input);
            input.clear();
            return Some(Frame::NeedInput);
        };
        let piece = input.get(..end).unwrap_or_default();
        let frame = if self.buffer.is_empty() {
            self.read_line(piece)
        } else {
            let mut text = std::mem::take(&mut self.buffer);
            text.extend_from_slice(piece);
            self.read_line(&text)
        };
        input.advance(end + 1);
        frame
    }

    /// Reads a line with what of its command came before; `buffer` is empty meanwhile.
    fn read_line(&mut self, text: &[u8]) -> Option<Frame> {
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if std::mem::take(&mut self.expect_line) {
            return Some(Frame::Line(text.to_vec()));
        }
        let line = text.get(self.line_start..).unwrap_or_default();
        match LiteralHeader::at_end_of(line) {
            Some(header) => self.read_announced(text, header),
            None => Some(self.read_command(text)),
        }
    }

    fn read_command(&mut self, text: &[u8]) -> Frame {
        self.reset();
        match parse::command(text, &self.limits) {
            Ok((tag, Parsed::Command(command))) => Frame::Command(Tagged { tag, command }),
            Ok((tag, Parsed::Append(_))) => Frame::Refused(Fault::LITERAL.refusal(Some(tag))),
            Err((tag, fault)) => Frame::Refused(fault.refusal(tag)),
        }
    }

    /// Decides about a literal from what precedes it: a command that is wrong already is refused
    /// before its literal is asked for.
    fn read_announced(&mut self, text: &[u8], header: LiteralHeader) -> Option<Frame> {
        let refusal = match parse::command(text, &self.limits) {
            Ok((tag, Parsed::Append(head))) => {
                self.reset();
                self.state = State::Offered { tag: tag.clone(), header };
                return Some(Frame::AppendStart(head.start(tag, header)));
            }
            Ok((tag, Parsed::Command(_))) => Fault::SYNTAX.refusal(Some(tag)),
            Err((tag, Fault::Incomplete)) => match self.admit(text, header) {
                Ok(()) => return (!header.non_sync).then_some(Frame::Continue),
                Err(fault) => fault.refusal(tag),
            },
            Err((tag, fault)) => fault.refusal(tag),
        };
        self.reset();
        if header.non_sync {
            self.state = State::Skip(Skip { literal: header.size, ..Skip::default() });
        }
        Some(Frame::Refused(refusal))
    }

    /// Makes room for a literal within the limits.
    fn admit(&mut self, text: &[u8], header: LiteralHeader) -> Result<(), Fault> {
        let size = usize::try_from(header.size).unwrap_or(usize::MAX);
        let total = text.len().saturating_add(2).saturating_add(size);
        if size > self.limits.literal_bytes || total > self.limits.command_bytes {
            return Err(Fault::limit("the literal is too large"));
        }
        if self.literals >= self.limits.literals {
            return Err(Fault::limit("the command has too many literals"));
        }
        self.literals += 1;
        self.buffer = Vec::with_capacity(total);
        self.buffer.extend_from_slice(text);
        self.buffer.extend_from_slice(b"\r\n");
        self.state = State::Literal { remaining: size };
        Ok(())
    }

    fn step_literal(&mut self, input: &mut BytesMut) -> Option<Frame> {
        let State::Literal { remaining } = &mut self.state else { return None };
        let piece = input.split_to(input.len().min(*remaining));
        *remaining -= piece.len();
        self.buffer.extend_from_slice(&piece);
        if *remaining > 0 {
            return Some(Frame::NeedInput);
        }
        self.line_start = self.buffer.len();
        self.state = State::Line;
        None
    }

    fn step_message(&mut self, input: &mut BytesMut) -> Option<Frame> {
        let State::Message { tag, remaining } = &mut self.state else { return None };
        if input.is_empty() {
            return Some(Frame::NeedInput);
        }
        let size = usize::try_from(*remaining).unwrap_or(usize::MAX).min(input.len());
        *remaining -= size as u64;
        if *remaining == 0 {
            self.state = State::MessageEnd { tag: tag.clone() };
        }
        Some(Frame::Literal(input.split_to(size).freeze()))
    }

    fn step_message_end(&mut self, input: &mut BytesMut) -> Option<Frame> {
        let line_end = match input.as_ref() {
            [] | [b'\r'] => return Some(Frame::NeedInput),
            [b'\n', ..] => 1,
            [b'\r', b'\n', ..] => 2,
            _ => 0,
        };
        input.advance(line_end);
        let before = if line_end > 0 { State::Line } else { State::Skip(Skip::default()) };
        let State::MessageEnd { tag } = std::mem::replace(&mut self.state, before) else {
            return None;
        };
        Some(if line_end > 0 {
            Frame::AppendEnd
        } else {
            Frame::Refused(Fault::bad("one message is appended at a time").refusal(Some(tag)))
        })
    }

    fn step_skip(&mut self, input: &mut BytesMut) -> Option<Frame> {
        let State::Skip(skip) = &mut self.state else { return None };
        let limit = self.limits.skip_bytes;
        if skip.total() <= limit && input.is_empty() {
            return Some(Frame::NeedInput);
        }
        let ended = skip.total() <= limit && skip.advance(input);
        if skip.total() > limit {
            self.state = State::Dead { text: SKIP_TOO_LONG };
        } else if ended {
            self.state = State::Line;
        }
        None
    }

    /// Refuses a line over its limit, of which the end may not be here yet.
    fn refuse_long(&mut self, input: &BytesMut) -> Frame {
        let raw = std::mem::take(&mut self.expect_line);
        let head = if self.buffer.is_empty() { input.as_ref() } else { &self.buffer };
        let tag = if raw { None } else { parse::tag_of(head) };
        let dropped = self.buffer.len() as u64;
        let mut skip = Skip { raw, dropped, ..Skip::default() };
        skip.keep_tail(self.buffer.get(self.line_start..).unwrap_or_default());
        self.reset();
        self.state = State::Skip(skip);
        Frame::Refused(Fault::limit(TOO_LONG).refusal(tag))
    }

    /// Back between two commands.
    fn reset(&mut self) {
        self.state = State::Line;
        self.literals = 0;
        self.line_start = 0;
        self.buffer.clear();
        if self.buffer.capacity() > KEPT_BUFFER_BYTES {
            self.buffer = Vec::new();
        }
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("idle", &self.is_idle())
            .field("held_bytes", &self.buffer.len())
            .finish_non_exhaustive()
    }
}

fn message_state(tag: Tag, remaining: u64) -> State {
    if remaining == 0 { State::MessageEnd { tag } } else { State::Message { tag, remaining } }
}

impl Skip {
    /// Bytes dropped and announced.
    fn total(&self) -> u64 {
        self.dropped.saturating_add(self.literal)
    }

    /// Drops input up to the end of a literal or a line; true when the command has ended.
    fn advance(&mut self, input: &mut BytesMut) -> bool {
        if self.literal > 0 {
            let size = usize::try_from(self.literal).unwrap_or(usize::MAX).min(input.len());
            input.advance(size);
            self.literal -= size as u64;
            self.dropped += size as u64;
            return false;
        }
        let end = memchr::memchr(b'\n', input);
        let piece = end.unwrap_or(input.len());
        self.keep_tail(input.get(..piece).unwrap_or_default());
        let taken = piece + usize::from(end.is_some());
        input.advance(taken);
        self.dropped += taken as u64;
        end.is_some() && !self.next_literal()
    }

    /// At the end of a line: whether the client sends on without waiting. A literal for which it
    /// waits never comes, since the command has been refused.
    fn next_literal(&mut self) -> bool {
        let header = LiteralHeader::at_end_of(&self.tail).filter(|h| h.non_sync && !self.raw);
        self.tail.clear();
        self.literal = header.map_or(0, |header| header.size);
        header.is_some()
    }

    fn keep_tail(&mut self, piece: &[u8]) {
        let kept = piece.get(piece.len().saturating_sub(HEADER_BYTES)..).unwrap_or_default();
        self.tail.extend_from_slice(kept);
        let excess = self.tail.len().saturating_sub(HEADER_BYTES);
        self.tail.drain(..excess);
    }
}
