//! A message on its way out: dot-stuffing in one pass, any chunking (RFC 1939 section 3).
//!
//! The bytes go out as they are stored. A dot is stuffed after every LF, not only after CRLF as the
//! RFC has it: many clients end lines at LF, and a stored `LF . CRLF` must not end the message for
//! them. A client that knows only CRLF then sees one dot too many in such broken mail. The end is
//! always CRLF . CRLF; mail that does not end in CRLF gets one.

/// Stuffs a message, whole or its beginning (TOP).
#[derive(Debug)]
pub(crate) struct Stuffer {
    place: Place,
    /// Bytes of the current line, counted up to 2.
    in_line: usize,
    last: u8,
    /// The last line end was CRLF, or nothing has come yet.
    clean: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The whole message is wanted.
    Whole,
    /// In the header; so many body lines are wanted after it.
    Header(u32),
    /// In the body; so many lines are left.
    Body(u32),
}

impl Stuffer {
    /// For a whole message.
    pub(crate) const fn whole() -> Self {
        Self::new(Place::Whole)
    }

    /// For the header, the blank line and `lines` lines of the body (RFC 1939 section 7, TOP).
    pub(crate) const fn top(lines: u32) -> Self {
        Self::new(Place::Header(lines))
    }

    const fn new(place: Place) -> Self {
        Self { place, in_line: 0, last: 0, clean: true }
    }

    /// Takes a chunk; true when no more is wanted.
    pub(crate) fn push(&mut self, input: &[u8], output: &mut Vec<u8>) -> bool {
        let mut rest = input;
        while let Some(first) = rest.first() {
            if self.place == Place::Body(0) {
                return true;
            }
            if self.in_line == 0 && *first == b'.' {
                output.push(b'.');
            }
            let (piece, later) = match memchr::memchr(b'\n', rest) {
                Some(end) => rest.split_at(end + 1),
                None => (rest, &rest[rest.len()..]),
            };
            output.extend_from_slice(piece);
            self.follow(piece);
            rest = later;
        }
        self.place == Place::Body(0)
    }

    /// Takes the chunk that was appended to the output from `from` on, and stuffs it there: most messages
    /// have nothing to stuff and stay where they were read.
    pub(crate) fn push_appended(&mut self, output: &mut Vec<u8>, from: usize) -> bool {
        let chunk = output.get(from..).unwrap_or_default();
        let begins_with_dot = self.in_line == 0 && chunk.first() == Some(&b'.');
        let as_it_is = self.place == Place::Whole
            && !begins_with_dot
            && memchr::memmem::find(chunk, b"\n.").is_none();
        if as_it_is {
            self.pass(chunk);
            return false;
        }
        let chunk = output.split_off(from);
        self.push(&chunk, output)
    }

    /// Notes a chunk of a whole message that goes out unchanged: only its last two lines matter.
    fn pass(&mut self, chunk: &[u8]) {
        let Some(end) = memchr::memrchr(b'\n', chunk) else { return self.follow(chunk) };
        let (lines, rest) = chunk.split_at(end + 1);
        let start = lines.get(..end).and_then(|before| memchr::memrchr(b'\n', before));
        if start.is_some() {
            self.in_line = 0;
        }
        self.follow(lines.get(start.map_or(0, |start| start + 1)..).unwrap_or_default());
        if !rest.is_empty() {
            self.follow(rest);
        }
    }

    /// Appends the end of the reply.
    pub(crate) fn finish(&self, output: &mut Vec<u8>) {
        if self.in_line > 0 || !self.clean {
            output.extend_from_slice(b"\r\n");
        }
        output.extend_from_slice(b".\r\n");
    }

    /// Notes a piece that has at most one LF, at its end.
    fn follow(&mut self, piece: &[u8]) {
        let Some(text) = piece.strip_suffix(b"\n") else {
            self.in_line = (self.in_line + piece.len()).min(2);
            self.last = piece.last().copied().unwrap_or(self.last);
            return;
        };
        let before = text.last().copied();
        let length = self.in_line + text.len();
        let after_cr = before.unwrap_or(if self.in_line > 0 { self.last } else { 0 }) == b'\r';
        self.clean = after_cr;
        self.line_end(length == usize::from(after_cr));
        self.in_line = 0;
    }

    const fn line_end(&mut self, blank: bool) {
        self.place = match self.place {
            Place::Header(lines) if blank => Place::Body(lines),
            Place::Body(lines) => Place::Body(lines.saturating_sub(1)),
            other => other,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stuffed(mut stuffer: Stuffer, message: &[u8], chunk: usize) -> String {
        let mut output = Vec::new();
        for piece in message.chunks(chunk) {
            if stuffer.push(piece, &mut output) {
                break;
            }
        }
        stuffer.finish(&mut output);
        String::from_utf8_lossy(&output).into_owned()
    }

    /// The same by chunks that lie in the output already.
    fn stuffed_in_place(mut stuffer: Stuffer, message: &[u8], chunk: usize) -> String {
        let mut output = Vec::new();
        for piece in message.chunks(chunk) {
            let from = output.len();
            output.extend_from_slice(piece);
            if stuffer.push_appended(&mut output, from) {
                break;
            }
        }
        stuffer.finish(&mut output);
        String::from_utf8_lossy(&output).into_owned()
    }

    #[test]
    fn whole_messages_in_any_chunks() {
        let cases = [
            ("", ".\r\n"),
            ("a\r\n", "a\r\n.\r\n"),
            ("a", "a\r\n.\r\n"),
            ("a\r", "a\r\r\n.\r\n"),
            ("a\n", "a\n\r\n.\r\n"),
            (".\r\n..\r\n", "..\r\n...\r\n.\r\n"),
            ("a\n.\r\nb.\r\n", "a\n..\r\nb.\r\n.\r\n"),
            ("a\r.\r\n", "a\r.\r\n.\r\n"),
            ("\r\n\r\n", "\r\n\r\n.\r\n"),
            (".", "..\r\n.\r\n"),
            ("a\r\nb\r\nc\r\n", "a\r\nb\r\nc\r\n.\r\n"),
            ("a\r\nb\n", "a\r\nb\n\r\n.\r\n"),
            ("a\r\n\n", "a\r\n\n\r\n.\r\n"),
            ("a\n\r\n", "a\n\r\n.\r\n"),
            ("a\r\nb\r\nc", "a\r\nb\r\nc\r\n.\r\n"),
        ];
        for (message, expected) in cases {
            for chunk in 1..=message.len().max(1) {
                let actual = stuffed(Stuffer::whole(), message.as_bytes(), chunk);
                assert_eq!(actual, expected, "{message:?} in chunks of {chunk}");
                let actual = stuffed_in_place(Stuffer::whole(), message.as_bytes(), chunk);
                assert_eq!(actual, expected, "{message:?} in place, in chunks of {chunk}");
            }
        }
    }

    #[test]
    fn the_top_of_messages_in_any_chunks() {
        let cases = [
            (0, "A: b\r\n\r\nc\r\n", "A: b\r\n\r\n.\r\n"),
            (1, "A: b\r\n\r\n.c\r\nd\r\n", "A: b\r\n\r\n..c\r\n.\r\n"),
            (2, "A: b\n\nc\nd\ne\n", "A: b\n\nc\nd\n\r\n.\r\n"),
            (9, "A: b\r\n\r\nc\r\n", "A: b\r\n\r\nc\r\n.\r\n"),
            (3, "A: b\r\n", "A: b\r\n.\r\n"),
            (0, "\r\nc\r\n", "\r\n.\r\n"),
            (1, "A: b\r\nx\r\r\n\r\nc\r\n", "A: b\r\nx\r\r\n\r\nc\r\n.\r\n"),
            (1, "A\r\n\r\n\r\n\r\n", "A\r\n\r\n\r\n.\r\n"),
            (0, "A\r\n\r\r\n\r\nb\r\n", "A\r\n\r\r\n\r\n.\r\n"),
        ];
        for (lines, message, expected) in cases {
            for chunk in 1..=message.len() {
                let actual = stuffed(Stuffer::top(lines), message.as_bytes(), chunk);
                let in_place = stuffed_in_place(Stuffer::top(lines), message.as_bytes(), chunk);
                assert_eq!(in_place, expected, "TOP {lines} of {message:?} in place by {chunk}");
                assert_eq!(actual, expected, "TOP {lines} of {message:?} in chunks of {chunk}");
            }
        }
    }
}
