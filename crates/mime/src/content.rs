//! Content-Type, Content-Disposition and Content-Language values (RFC 2045, 2183, 3282).

use crate::limits::{LANGUAGES_MAX, PARAMETERS_MAX};

/// Parameter names and values in the order sent; RFC 2231 names stay as they are.
pub(crate) type Parameters = Vec<(Vec<u8>, Vec<u8>)>;

/// A media type as sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ContentType {
    pub(crate) media: Vec<u8>,
    pub(crate) subtype: Vec<u8>,
    pub(crate) parameters: Parameters,
}

impl ContentType {
    /// A type without parameters; text gets the charset RFC 2045 section 5.2 assumes.
    pub(crate) fn plain(media: &[u8], subtype: &[u8]) -> Self {
        let parameters = if media.eq_ignore_ascii_case(b"text") {
            vec![(b"charset".to_vec(), b"us-ascii".to_vec())]
        } else {
            Vec::new()
        };
        Self { media: media.to_vec(), subtype: subtype.to_vec(), parameters }
    }

    /// Reads a field value; None when there is no `type/subtype` in it.
    pub(crate) fn read(value: &[u8]) -> Option<Self> {
        let mut items = Items { rest: value };
        let (media, subtype) = items.word().and_then(split_media)?;
        let mut parameters = items.parameters();
        let text = media.eq_ignore_ascii_case(b"text");
        if text && !parameters.iter().any(|(n, _)| n.eq_ignore_ascii_case(b"charset")) {
            parameters.push((b"charset".to_vec(), b"us-ascii".to_vec()));
        }
        Some(Self { media, subtype, parameters })
    }

    pub(crate) fn is(&self, media: &str, subtype: &str) -> bool {
        self.media.eq_ignore_ascii_case(media.as_bytes())
            && self.subtype.eq_ignore_ascii_case(subtype.as_bytes())
    }

    pub(crate) fn is_text(&self) -> bool {
        self.media.eq_ignore_ascii_case(b"text")
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<&[u8]> {
        let same = |n: &[u8]| n.eq_ignore_ascii_case(name.as_bytes());
        self.parameters.iter().find(|(n, _)| same(n)).map(|(_, v)| v.as_slice())
    }
}

/// A Content-Disposition value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Disposition {
    pub(crate) kind: Vec<u8>,
    pub(crate) parameters: Parameters,
}

impl Disposition {
    pub(crate) fn read(value: &[u8]) -> Option<Self> {
        let mut items = Items { rest: value };
        let kind = items.word().filter(|w| !w.is_empty())?;
        Some(Self { kind, parameters: items.parameters() })
    }
}

/// The tags of a Content-Language value.
pub(crate) fn read_languages(value: &[u8]) -> Vec<Vec<u8>> {
    let tags = value.split(|&b| b == b',').map(<[u8]>::trim_ascii);
    tags.filter(|tag| !tag.is_empty()).take(LANGUAGES_MAX).map(<[u8]>::to_vec).collect()
}

/// The first token of a value such as Content-Transfer-Encoding.
pub(crate) fn read_token(value: &[u8]) -> Option<Vec<u8>> {
    Items { rest: value }.word().filter(|w| !w.is_empty())
}

fn split_media(word: Vec<u8>) -> Option<(Vec<u8>, Vec<u8>)> {
    let slash = word.iter().position(|&b| b == b'/')?;
    let (media, subtype) = word.split_at(slash);
    let subtype = subtype.get(1..)?;
    let token = |t: &[u8]| !t.is_empty() && t.iter().all(|b| b.is_ascii_graphic() && *b != b'"');
    (token(media) && token(subtype)).then(|| (media.to_vec(), subtype.to_vec()))
}

/// Semicolon-separated items, quoted strings and comments respected.
struct Items<'a> {
    rest: &'a [u8],
}

impl Items<'_> {
    /// What stands before the next semicolon.
    fn word(&mut self) -> Option<Vec<u8>> {
        self.item(false).map(|(word, _)| word)
    }

    fn parameters(&mut self) -> Parameters {
        let mut parameters = Vec::new();
        while parameters.len() < PARAMETERS_MAX {
            let Some((name, value)) = self.item(true) else { break };
            if let (false, Some(value)) = (name.is_empty(), value) {
                parameters.push((name, value));
            }
        }
        parameters
    }

    /// Reads `word` or, with `pair`, `name=value`, and the semicolon after it; None at the end.
    fn item(&mut self, pair: bool) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
        if self.rest.is_empty() {
            return None;
        }
        let mut name = Vec::new();
        let mut value: Option<Vec<u8>> = None;
        while let Some((&byte, rest)) = self.rest.split_first() {
            self.rest = rest;
            let fresh = value.is_none();
            let into = value.as_mut().unwrap_or(&mut name);
            match byte {
                b';' => break,
                b'"' => self.quoted(into),
                b'(' if into.is_empty() || into.ends_with(b" ") => self.comment(),
                b'=' if pair && fresh => value = Some(Vec::new()),
                b' ' | b'\t' | b'\r' | b'\n' if into.is_empty() => {}
                b'\t' | b'\r' | b'\n' => into.push(b' '),
                _ => into.push(byte),
            }
        }
        Some((trimmed(name), value.map(trimmed)))
    }

    fn quoted(&mut self, into: &mut Vec<u8>) {
        let mut bytes = self.rest.iter();
        while let Some(&byte) = bytes.next() {
            match byte {
                b'"' => break,
                b'\\' => into.extend(bytes.next()),
                _ => into.push(byte),
            }
        }
        self.rest = bytes.as_slice();
    }

    fn comment(&mut self) {
        let end = self.rest.iter().position(|&b| b == b')').map_or(self.rest.len(), |at| at + 1);
        self.rest = self.rest.get(end..).unwrap_or_default();
    }
}

fn trimmed(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.trim_ascii_end().len());
    bytes
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;

    fn show(value: &str) -> String {
        let lossy = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        ContentType::read(value.as_bytes()).map_or("-".to_owned(), |c| {
            let parameters =
                c.parameters.iter().map(|(n, v)| format!(";{}={}", lossy(n), lossy(v)));
            format!("{}/{}{}", lossy(&c.media), lossy(&c.subtype), parameters.collect::<String>())
        })
    }

    #[test]
    fn types_as_sent() {
        assert_eq!(show("Text/Plain; Charset=\"utf-8\""), "Text/Plain;Charset=utf-8");
        assert_eq!(show("text/html"), "text/html;charset=us-ascii");
        assert_eq!(
            show("a/b; name=my file.pdf ;x*0*=utf-8''a"),
            "a/b;name=my file.pdf;x*0*=utf-8''a"
        );
        assert_eq!(show("a/b (note); (c) q=\"x;\\\"y\" ;; =z; novalue"), "a/b;q=x;\"y");
        assert_eq!(
            show("multipart/mixed; boundary=\"foo bar\""),
            "multipart/mixed;boundary=foo bar"
        );
    }

    #[test]
    fn broken_types_are_none() {
        for value in ["", "text", "/plain", "text/", "te xt/plain", "\"text/plain", ";"] {
            let shown = show(value);
            assert!(shown == "-" || value == "\"text/plain", "{value}: {shown}");
        }
    }

    #[test]
    fn other_values() {
        let disposition = Disposition::read(b"attachment; filename=\"a b\"").unwrap();
        assert_eq!(disposition.kind, b"attachment");
        assert_eq!(disposition.parameters, [(b"filename".to_vec(), b"a b".to_vec())]);
        assert!(Disposition::read(b" ; a=b").is_none());
        assert_eq!(read_languages(b"en, ,de-CH"), [b"en".to_vec(), b"de-CH".to_vec()]);
        assert_eq!(read_token(b" base64 (x)").unwrap(), b"base64");
    }
}
