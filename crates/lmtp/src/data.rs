//! The message after DATA: dot-unstuffing in one pass, any chunking (RFC 5321 section 4.5.2).
//!
//! Only CRLF ends a line and only CRLF.CRLF ends the message: a lone LF or CR passes as it is, so
//! that no second message can be smuggled past a peer that reads line ends otherwise.

/// Where in a line end the scanner stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    LineStart,
    Text,
    Cr,
    Dot,
    DotCr,
}

/// Unstuffs a message.
#[derive(Debug)]
pub(crate) struct Unstuffer(At);

impl Unstuffer {
    pub(crate) const fn new() -> Self {
        Self(At::LineStart)
    }

    /// Takes `input`, appends message bytes to `out`. Answers how many bytes it took and whether
    /// the final dot was among them; after it nothing more is taken.
    pub(crate) fn push(&mut self, input: &[u8], out: &mut Vec<u8>) -> (usize, bool) {
        let mut taken = 0;
        while taken < input.len() {
            if self.0 == At::Text {
                let run = text_run(&input[taken..]);
                out.extend_from_slice(&input[taken..taken + run]);
                taken += run;
                if taken == input.len() {
                    break;
                }
            }
            let byte = input[taken];
            taken += 1;
            if self.byte(byte, out) {
                return (taken, true);
            }
        }
        (taken, false)
    }

    /// Takes one byte; true when it ends the message.
    fn byte(&mut self, byte: u8, out: &mut Vec<u8>) -> bool {
        self.0 = match (self.0, byte) {
            (At::LineStart, b'.') => {
                self.0 = At::Dot;
                return false;
            }
            (At::Dot, b'\r') => {
                self.0 = At::DotCr;
                return false;
            }
            (At::DotCr, b'\n') => {
                self.0 = At::LineStart;
                return true;
            }
            (At::DotCr, _) => {
                out.push(b'\r');
                next(At::Cr, byte)
            }
            (at, byte) => next(at, byte),
        };
        out.push(byte);
        false
    }
}

fn next(at: At, byte: u8) -> At {
    match (at, byte) {
        (_, b'\r') => At::Cr,
        (At::Cr, b'\n') => At::LineStart,
        _ => At::Text,
    }
}

/// How many bytes from the start of `input` hold no CR.
fn text_run(input: &[u8]) -> usize {
    memchr::memchr(b'\r', input).unwrap_or(input.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(input: &[u8], chunk: usize) -> (Vec<u8>, usize, bool) {
        let (mut unstuffer, mut out, mut total) = (Unstuffer::new(), Vec::new(), 0);
        for piece in input.chunks(chunk) {
            let (taken, done) = unstuffer.push(piece, &mut out);
            total += taken;
            if done {
                return (out, total, true);
            }
        }
        (out, total, false)
    }

    #[test]
    fn any_chunking_gives_the_same_message() {
        let cases: [(&[u8], &[u8]); 6] = [
            (b"a\r\n.\r\nQUIT", b"a\r\n"),
            (b".\r\nrest", b""),
            (b"..\r\n...x\r\n.y\r\n.\r\n", b".\r\n..x\r\ny\r\n"),
            (b"a\n.\nb\r\n.\r\n", b"a\n.\nb\r\n"),
            (b"a\r\n.\rb\r\n.\r\n", b"a\r\n\rb\r\n"),
            (b"a\r\r\n.\r\n", b"a\r\r\n"),
        ];
        for (input, expected) in cases {
            for chunk in 1..=input.len() {
                let (out, total, done) = whole(input, chunk);
                assert!(done, "{:?} in chunks of {chunk}", String::from_utf8_lossy(input));
                assert_eq!(out, expected, "{:?}", String::from_utf8_lossy(input));
                let end = total - 3;
                assert_eq!(&input[end..total], b".\r\n");
            }
        }
    }

    #[test]
    fn a_dot_between_lone_line_feeds_does_not_end_the_message() {
        assert!(!whole(b"a\n.\n", 1).2);
        assert!(!whole(b"a\n.\r\n", 1).2);
        assert!(!whole(b"a\r.\r", 1).2);
    }
}
