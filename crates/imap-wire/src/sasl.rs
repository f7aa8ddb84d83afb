//! Lines of an authentication exchange (RFC 3501 section 6.2.2, RFC 4959).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use waypost_types::Secret;

/// A client's line in an authentication exchange.
#[derive(Debug, Clone)]
pub enum SaslLine {
    /// `*`: the client gives up; the answer is `BAD`.
    Cancel,
    /// The decoded response.
    Data(Secret<Vec<u8>>),
}

/// Reads a raw line of an exchange; `None` when it is not base64.
pub fn decode_sasl(line: &[u8]) -> Option<SaslLine> {
    if line == b"*" {
        return Some(SaslLine::Cancel);
    }
    decode(line).map(SaslLine::Data)
}

/// An initial response: `=` stands for an empty one (RFC 4959 section 3).
pub(crate) fn decode_initial(text: &[u8]) -> Option<Secret<Vec<u8>>> {
    decode(if text == b"=" { b"" } else { text })
}

/// Base64 of a server's challenge.
pub(crate) fn encode(data: &[u8]) -> String {
    STANDARD.encode(data)
}

fn decode(text: &[u8]) -> Option<Secret<Vec<u8>>> {
    STANDARD.decode(text).ok().map(Secret::new)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;

    #[test]
    fn lines_of_an_exchange() {
        assert!(matches!(decode_sasl(b"*"), Some(SaslLine::Cancel)));
        assert!(decode_sasl(b"not base64!").is_none());
        let Some(SaslLine::Data(data)) = decode_sasl(b"AGFsaWNlAHB3") else { unreachable!() };
        assert_eq!(data.expose(), b"\0alice\0pw");
        assert!(decode_initial(b"=").unwrap().expose().is_empty());
    }
}
