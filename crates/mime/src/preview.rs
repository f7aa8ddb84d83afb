//! The preview of RFC 8970: the first words of the first text part.

use crate::decode::{decode_charset, decode_transfer};
use crate::form::Encoding;
use crate::html::html_text;
use crate::limits::{PREVIEW_CHARS_MAX, PREVIEW_HTML_BYTES_MAX, PREVIEW_PLAIN_BYTES_MAX};

/// The bytes of the text parts a preview may come from, capped.
#[derive(Debug, Default)]
pub(crate) struct Previewer {
    plain: Option<Source>,
    html: Option<Source>,
}

/// Which text a part would give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Text {
    Plain,
    Html,
}

#[derive(Debug)]
struct Source {
    bytes: Vec<u8>,
    encoding: Encoding,
    charset: Vec<u8>,
    /// Something else than white space was seen.
    filled: bool,
}

impl Previewer {
    /// Whether a part of this kind should be fed: no earlier one of its kind had any text, and
    /// HTML is not wanted where plain text is at hand.
    pub(crate) fn begin(&mut self, text: Text, encoding: Encoding, charset: &[u8]) -> bool {
        let filled = |s: &Option<Source>| s.as_ref().is_some_and(|s| s.filled);
        if filled(&self.plain) || (text == Text::Html && filled(&self.html)) {
            return false;
        }
        let charset = charset.to_vec();
        let source = Source { bytes: Vec::new(), encoding, charset, filled: false };
        *self.slot(text) = Some(source);
        true
    }

    /// Takes a line without its line end; false when no more are wanted.
    pub(crate) fn line(&mut self, text: Text, line: &[u8]) -> bool {
        let limit = match text {
            Text::Plain => PREVIEW_PLAIN_BYTES_MAX,
            Text::Html => PREVIEW_HTML_BYTES_MAX,
        };
        let Some(source) = self.slot(text) else { return false };
        let room = limit.saturating_sub(source.bytes.len());
        let kept = line.get(..room).unwrap_or(line);
        source.filled = source.filled || !kept.trim_ascii().is_empty();
        source.bytes.extend_from_slice(kept);
        if kept.len() < line.len() {
            return false;
        }
        source.bytes.push(b'\n');
        source.bytes.len() < limit
    }

    /// At most [`PREVIEW_CHARS_MAX`] characters on one line; empty when there is no text.
    pub(crate) fn finish(self) -> String {
        let plain = self.plain.map(|s| plain_preview(&s.text())).unwrap_or_default();
        if !plain.is_empty() {
            return plain;
        }
        self.html.map(|s| squeeze(html_text(&s.text()).chars())).unwrap_or_default()
    }

    fn slot(&mut self, text: Text) -> &mut Option<Source> {
        match text {
            Text::Plain => &mut self.plain,
            Text::Html => &mut self.html,
        }
    }
}

impl Source {
    fn text(&self) -> String {
        let mut text = decode_charset(&self.charset, &decode_transfer(self.encoding, &self.bytes));
        // The cap may have cut a character in two.
        while text.ends_with('\u{fffd}') {
            text.pop();
        }
        text
    }
}

/// Quoted lines tell less than what was written in answer to them.
fn plain_preview(text: &str) -> String {
    let own = text.lines().filter(|line| !line.starts_with('>'));
    let own = squeeze(own.flat_map(|line| line.chars().chain(Some(' '))));
    if own.is_empty() { squeeze(text.chars()) } else { own }
}

/// One line with single spaces, without characters that cannot be seen.
fn squeeze(text: impl Iterator<Item = char>) -> String {
    let mut out = String::new();
    let mut count = 0;
    let mut gap = false;
    for c in text {
        if c.is_whitespace() || c.is_control() {
            gap = !out.is_empty();
            continue;
        }
        if matches!(c, '\u{ad}' | '\u{34f}' | '\u{200b}'..='\u{200f}' | '\u{feff}') {
            continue;
        }
        let needed = 1 + usize::from(gap);
        if count + needed > PREVIEW_CHARS_MAX {
            break;
        }
        if std::mem::take(&mut gap) {
            out.push(' ');
        }
        out.push(c);
        count += needed;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preview(lines: &[&str], text: Text, encoding: Encoding) -> String {
        let mut previewer = Previewer::default();
        assert!(previewer.begin(text, encoding, b"utf-8"));
        for line in lines {
            previewer.line(text, line.as_bytes());
        }
        previewer.finish()
    }

    #[test]
    fn plain_text_is_squeezed() {
        let seven = Encoding::SevenBit;
        assert_eq!(preview(&["> q", " a \t b", "", "c"], Text::Plain, seven), "a b c");
        assert_eq!(preview(&["> q"], Text::Plain, seven), "> q");
        assert_eq!(
            preview(&["Gr=C3=BC=", "=C3=9Fe"], Text::Plain, Encoding::QuotedPrintable),
            "Grüße"
        );
        assert_eq!(preview(&["aGVs", "bG8="], Text::Plain, Encoding::Base64), "hello");
    }

    #[test]
    fn length_is_limited() {
        let long = "ü ".repeat(1_000);
        let text = preview(&[&long, &long, &long], Text::Plain, Encoding::EightBit);
        assert_eq!(text.chars().count(), PREVIEW_CHARS_MAX - 1);
        let long = "x".repeat(100_000);
        assert_eq!(preview(&[&long], Text::Html, Encoding::SevenBit).len(), PREVIEW_CHARS_MAX);
    }

    #[test]
    fn html_waits_for_plain() {
        let mut previewer = Previewer::default();
        assert!(previewer.begin(Text::Html, Encoding::SevenBit, b""));
        previewer.line(Text::Html, b"<p>html</p>");
        assert!(previewer.begin(Text::Plain, Encoding::SevenBit, b""));
        previewer.line(Text::Plain, b"plain");
        assert!(!previewer.begin(Text::Html, Encoding::SevenBit, b""));
        assert_eq!(previewer.finish(), "plain");
    }
}
