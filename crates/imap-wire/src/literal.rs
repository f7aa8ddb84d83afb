//! The literal announced at the end of a line: `{size}` or, without waiting, `{size+}` (RFC 7888).

/// A literal's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LiteralHeader {
    /// Bytes to come; `u64::MAX` when the number written is larger.
    pub(crate) size: u64,
    /// Whether the bytes come without a continuation.
    pub(crate) non_sync: bool,
}

/// The longest header with its line end, in bytes: how much of a dropped line must be kept.
pub(crate) const HEADER_BYTES: usize = 24;
/// The most digits read; a longer run is no literal.
const DIGITS: usize = 20;

impl LiteralHeader {
    /// The header that ends a line, which is given without LF.
    pub(crate) fn at_end_of(line: &[u8]) -> Option<Self> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = line.strip_suffix(b"}")?;
        let (line, non_sync) = match line.strip_suffix(b"+") {
            Some(line) => (line, true),
            None => (line, false),
        };
        let digits = line.iter().rev().take_while(|b| b.is_ascii_digit()).count();
        let (before, number) = line.split_at_checked(line.len().checked_sub(digits)?)?;
        if before.last() != Some(&b'{') || digits == 0 || digits > DIGITS {
            return None;
        }
        Some(Self { size: saturating_number(number), non_sync })
    }
}

fn saturating_number(digits: &[u8]) -> u64 {
    digits.iter().fold(0_u64, |number, digit| {
        number.saturating_mul(10).saturating_add(u64::from(digit.wrapping_sub(b'0')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_at_line_ends() {
        let header = |line: &str| {
            LiteralHeader::at_end_of(line.as_bytes()).map(|header| (header.size, header.non_sync))
        };
        assert_eq!(header("a LOGIN {5}\r"), Some((5, false)));
        assert_eq!(header("a LOGIN {0+}"), Some((0, true)));
        assert_eq!(header("{99999999999999999999}"), Some((u64::MAX, false)));
        for line in ["", "}", "5}", "{}", "{+}", "{-5}", "{5}}", "{5} ", "{123456789012345678901}"]
        {
            assert_eq!(header(line), None, "{line}");
        }
    }
}
