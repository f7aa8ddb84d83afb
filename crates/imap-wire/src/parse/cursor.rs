//! A position in a command's text and the smallest pieces of the grammar.

use super::fault::{Fault, Parse};
use crate::command::Tag;
use crate::limits::Limits;
use crate::text::is_atom_char;

/// Reads a command's text from left to right.
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
    limits: &'a Limits,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a [u8], limits: &'a Limits) -> Self {
        Self { rest: text, limits }
    }

    pub(super) fn limits(&self) -> &'a Limits {
        self.limits
    }

    /// What is not read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Takes a byte if it is next.
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let rest = self.rest.strip_prefix(&[byte]);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Takes a text if it is next, in any case.
    pub(super) fn eat_word(&mut self, word: &[u8]) -> bool {
        match self.rest.split_at_checked(word.len()) {
            Some((head, rest)) if head.eq_ignore_ascii_case(word) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    pub(super) fn expect(&mut self, byte: u8) -> Parse<()> {
        if self.eat(byte) { Ok(()) } else { Err(Fault::SYNTAX) }
    }

    pub(super) fn space(&mut self) -> Parse<()> {
        if self.eat(b' ') { Ok(()) } else { Err(Fault::bad("an argument is missing")) }
    }

    /// The end of the command; spaces before it are forgiven.
    pub(super) fn end(&mut self) -> Parse<()> {
        while self.eat(b' ') {}
        if self.rest.is_empty() { Ok(()) } else { Err(Fault::bad("too many arguments")) }
    }

    /// Takes `count` bytes, which must be there.
    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(head)
    }

    /// Takes bytes as long as they are allowed, perhaps none.
    pub(super) fn take_while(&mut self, allowed: impl Fn(u8) -> bool) -> &'a [u8] {
        let end = self.rest.iter().position(|b| !allowed(*b)).unwrap_or(self.rest.len());
        self.take(end).unwrap_or_default()
    }

    /// Takes one or more bytes that are allowed.
    pub(super) fn take_some(&mut self, allowed: impl Fn(u8) -> bool) -> Parse<&'a [u8]> {
        let taken = self.take_while(allowed);
        if taken.is_empty() { Err(Fault::SYNTAX) } else { Ok(taken) }
    }

    pub(super) fn tag(&mut self) -> Parse<Tag> {
        if self.rest.is_empty() {
            return Err(Fault::bad("the line is empty"));
        }
        let text = self.take_while(|b| b != b' ');
        Tag::new(text).ok_or(Fault::bad("the tag is missing or not valid"))
    }

    pub(super) fn atom(&mut self) -> Parse<&'a [u8]> {
        self.take_some(|b| b.is_ascii() && is_atom_char(b))
    }

    /// `number` (32 bits).
    pub(super) fn number(&mut self) -> Parse<u32> {
        u32::try_from(self.number64()?).map_err(|_| Fault::bad("a number is too large"))
    }

    /// A number of 63 bits (RFC 7162 section 7, `mod-sequence-valzer`).
    pub(super) fn number64(&mut self) -> Parse<u64> {
        let digits = self.take_some(|b| b.is_ascii_digit())?;
        let too_large = Fault::bad("a number is too large");
        let step = |number: u64, digit: &u8| {
            number.checked_mul(10)?.checked_add(u64::from(digit.wrapping_sub(b'0')))
        };
        let number = digits.iter().try_fold(0, step).ok_or(too_large)?;
        if i64::try_from(number).is_ok() { Ok(number) } else { Err(too_large) }
    }

    /// `"(" item *(SP item) ")"`, at most `most` items.
    pub(super) fn list<T>(
        &mut self,
        most: usize,
        mut item: impl FnMut(&mut Self) -> Parse<T>,
    ) -> Parse<Vec<T>> {
        self.expect(b'(')?;
        let mut items = Vec::new();
        loop {
            if items.len() >= most {
                return Err(Fault::limit("a list has too many items"));
            }
            items.push(item(self)?);
            if self.eat(b')') {
                return Ok(items);
            }
            self.expect(b' ')?;
        }
    }
}
