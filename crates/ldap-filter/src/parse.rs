//! From the text of a filter to its tree (RFC 4515 section 3).
//!
//! Two liberties: spaces may stand between filters, and the outermost parentheses may be missing.

use crate::node::{Filter, Node, Relation, Substrings};
use crate::template::{Piece, Variable};
use crate::{MAX_FILTER_BYTES, MAX_FILTER_DEPTH};
use std::fmt;
use std::str::FromStr;

/// What is wrong with the text of a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterError {
    /// Where, in bytes from the beginning.
    pub at: usize,
    /// What: lower case, no full stop.
    pub what: String,
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (character {})", self.what, self.at + 1)
    }
}

impl std::error::Error for FilterError {}

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let tree = parse(text, false)?;
        Ok(tree.map(&mut |pieces| pieces.iter().flat_map(bytes).copied().collect()))
    }
}

fn bytes(piece: &Piece) -> &[u8] {
    match piece {
        Piece::Bytes(bytes) => bytes,
        Piece::Variable(_) => b"",
    }
}

type Tree = Node<Vec<Piece>>;
type Parsed<T> = Result<T, FilterError>;

/// Reads a text; `fills` when `%` begins a variable.
pub(crate) fn parse(text: &str, fills: bool) -> Parsed<Tree> {
    let mut parser = Parser { text: text.as_bytes(), at: 0, fills };
    if text.len() > MAX_FILTER_BYTES {
        return parser.fail(format!("a filter has at most {MAX_FILTER_BYTES} bytes"));
    }
    parser.skip_spaces();
    let is_bare = !matches!(parser.peek(), Some(b'('));
    let tree = if is_bare { parser.item()? } else { parser.filter(1)? };
    parser.skip_spaces();
    match parser.peek() {
        None => Ok(tree),
        Some(_) => parser.fail("the filter ends before this"),
    }
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    fills: bool,
}

impl Parser<'_> {
    fn fail<T>(&self, what: impl Into<String>) -> Parsed<T> {
        Err(FilterError { at: self.at, what: what.into() })
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn takes(&mut self, token: &[u8]) -> bool {
        let found = self.text[self.at..].starts_with(token);
        self.at += if found { token.len() } else { 0 };
        found
    }

    fn skip_spaces(&mut self) {
        while self.takes(b" ") {}
    }

    /// A filter in its parentheses.
    fn filter(&mut self, depth: usize) -> Parsed<Tree> {
        if depth > MAX_FILTER_DEPTH {
            return self
                .fail(format!("filters stand at most {MAX_FILTER_DEPTH} deep in one another"));
        }
        if !self.takes(b"(") {
            return self.fail("a filter begins with `(`");
        }
        self.skip_spaces();
        let tree = if self.takes(b"&") {
            Node::And(self.list(depth)?)
        } else if self.takes(b"|") {
            Node::Or(self.list(depth)?)
        } else if self.takes(b"!") {
            self.skip_spaces();
            let inner = self.filter(depth + 1)?;
            self.skip_spaces();
            Node::Not(Box::new(inner))
        } else {
            self.item()?
        };
        if self.takes(b")") { Ok(tree) } else { self.fail("a `)` is missing here") }
    }

    fn list(&mut self, depth: usize) -> Parsed<Vec<Tree>> {
        let mut parts = Vec::new();
        self.skip_spaces();
        while self.peek() == Some(b'(') {
            parts.push(self.filter(depth + 1)?);
            self.skip_spaces();
        }
        Ok(parts)
    }

    /// `attribute`, a sign, and a value.
    fn item(&mut self) -> Parsed<Tree> {
        if self.peek() == Some(b':') {
            return self.extensible(None);
        }
        let attribute = self.description("an attribute")?;
        for (sign, relation) in [
            (b">=".as_slice(), Relation::GreaterOrEqual),
            (b"<=", Relation::LessOrEqual),
            (b"~=", Relation::Approximate),
        ] {
            if self.takes(sign) {
                return Ok(Node::Compare { attribute, relation, value: self.value()? });
            }
        }
        match self.peek() {
            Some(b':') => self.extensible(Some(attribute)),
            Some(b'=') => {
                self.at += 1;
                self.equality(attribute)
            }
            _ => self.fail("one of =, >=, <=, ~= and := is missing after the attribute"),
        }
    }

    /// What follows `attribute=`: a value, or parts of one with stars between.
    fn equality(&mut self, attribute: String) -> Parsed<Tree> {
        let mut parts = vec![self.value()?];
        while self.takes(b"*") {
            parts.push(self.value()?);
        }
        let last = parts.pop().unwrap_or_default();
        if parts.is_empty() {
            return Ok(Node::Compare { attribute, relation: Relation::Equal, value: last });
        }
        let initial = parts.remove(0);
        if parts.is_empty() && initial.is_empty() && last.is_empty() {
            return Ok(Node::Present(attribute));
        }
        if parts.iter().any(Vec::is_empty) {
            return self.fail("two stars stand side by side before this");
        }
        let some = |part: Vec<Piece>| Some(part).filter(|part| !part.is_empty());
        let parts = Substrings { initial: some(initial), any: parts, last: some(last) };
        Ok(Node::Substrings { attribute, parts })
    }

    /// `[:dn][:rule]:=value`; `dn` in capitals too, as every literal of an ABNF (RFC 5234 section 2.3).
    fn extensible(&mut self, attribute: Option<String>) -> Parsed<Tree> {
        let head = self.text[self.at..].get(..b":dn:".len());
        let dn = head.is_some_and(|head| head.eq_ignore_ascii_case(b":dn:"));
        // The colon behind it begins what follows.
        self.at += if dn { b":dn".len() } else { 0 };
        let mut rule = None;
        if !self.text[self.at..].starts_with(b":=") && self.takes(b":") {
            rule = Some(self.description("a matching rule")?);
        }
        if attribute.is_none() && rule.is_none() {
            return self.fail("without an attribute a matching rule is needed");
        }
        if !self.takes(b":=") {
            return self.fail("`:=` is missing here");
        }
        Ok(Node::Extensible { attribute, dn, rule, value: self.value()? })
    }

    /// A name or a number with dots, with options after semicolons (RFC 4512 section 2.5).
    fn description(&mut self, what: &str) -> Parsed<String> {
        let rest = &self.text[self.at..];
        let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || b"-;.".contains(byte);
        let length = rest.iter().take_while(|byte| is_letter(byte)).count();
        let name = &rest[..length];
        if !name.first().is_some_and(u8::is_ascii_alphanumeric) {
            return self.fail(format!("the name of {what} is missing here"));
        }
        self.at += length;
        Ok(String::from_utf8_lossy(name).to_ascii_lowercase())
    }

    /// A value up to the next star or parenthesis.
    fn value(&mut self) -> Parsed<Vec<Piece>> {
        let (mut pieces, mut bytes) = (Vec::new(), Vec::new());
        while let Some(byte) = self.peek() {
            match byte {
                b'*' | b')' => break,
                b'(' => return self.fail("write \\28 for a parenthesis in a value"),
                0 => return self.fail("write \\00 for a NUL in a value"),
                b'\\' => bytes.push(self.escaped()?),
                b'%' if self.fills => {
                    let variable = self.variable()?;
                    if !bytes.is_empty() {
                        pieces.push(Piece::Bytes(std::mem::take(&mut bytes)));
                    }
                    pieces.push(Piece::Variable(variable));
                }
                _ => {
                    self.at += 1;
                    bytes.push(byte);
                }
            }
        }
        if !bytes.is_empty() {
            pieces.push(Piece::Bytes(bytes));
        }
        Ok(pieces)
    }

    fn escaped(&mut self) -> Parsed<u8> {
        let digits = self.text.get(self.at + 1..self.at + 3).unwrap_or_default();
        let [high, low] = digits else { return self.fail(ESCAPE) };
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
        let (Some(high), Some(low)) = (digit(*high), digit(*low)) else { return self.fail(ESCAPE) };
        self.at += 3;
        Ok(high * 16 + low)
    }

    fn variable(&mut self) -> Parsed<Variable> {
        let letter = self.text.get(self.at + 1).copied().unwrap_or_default();
        let Some(variable) = Variable::of(letter) else {
            return self.fail("after % comes U, V or o; a percent sign itself is \\25");
        };
        self.at += 2;
        Ok(variable)
    }
}

const ESCAPE: &str = "two hexadecimal digits come after a backslash; a backslash itself is \\5c";
