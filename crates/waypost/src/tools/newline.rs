//! Line ends: files of Unix programs have LF, mail has CRLF (RFC 5322 section 2.3).

/// Gives every line its CRLF, whatever the chunks; a CRLF stays as it is.
#[derive(Debug, Default)]
pub(super) struct Newlines {
    after_cr: bool,
}

impl Newlines {
    /// Converts a chunk.
    pub(super) fn convert(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        out.reserve(chunk.len());
        for &byte in chunk {
            if byte == b'\n' && !self.after_cr {
                out.push(b'\r');
            }
            out.push(byte);
            self.after_cr = byte == b'\r';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_line_feeds_become_line_ends_over_any_chunks() {
        for chunks in [vec!["a\nb\r\nc\r", "\nd\re\n"], vec!["a", "\nb\r", "\n", "c\r\nd\re", "\n"]]
        {
            let (mut newlines, mut out) = (Newlines::default(), Vec::new());
            chunks.iter().for_each(|chunk| newlines.convert(chunk.as_bytes(), &mut out));
            assert_eq!(out, b"a\r\nb\r\nc\r\nd\re\r\n");
        }
    }
}
