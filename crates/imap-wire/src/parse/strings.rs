//! Strings of the grammar: quoted strings, literals, astrings, mailbox names and flags.

use super::cursor::Cursor;
use super::fault::{Fault, Parse};
use crate::mutf7::{self, InvalidName};
use crate::text::{is_astring_char, is_list_char};
use std::borrow::Cow;
use waypost_types::{FlagSet, Keyword, KeywordError, MailboxName, NameError, SystemFlag};

const UTF8: &str = "a string is not valid UTF-8";
const NUL: &str = "a string has a NUL byte";

impl<'a> Cursor<'a> {
    /// `string`: quoted or literal.
    pub(super) fn string(&mut self) -> Parse<Cow<'a, [u8]>> {
        match self.peek() {
            Some(b'"') => self.quoted(),
            Some(b'{') => self.literal().map(Cow::Borrowed),
            _ => Err(Fault::SYNTAX),
        }
    }

    /// `astring`: a string or a word.
    pub(super) fn astring(&mut self) -> Parse<Cow<'a, [u8]>> {
        self.string_or(is_astring_char)
    }

    /// An astring that must be UTF-8.
    pub(super) fn text(&mut self) -> Parse<String> {
        utf8(self.astring()?)
    }

    /// `string` in UTF-8.
    pub(super) fn string_text(&mut self) -> Parse<String> {
        utf8(self.string()?)
    }

    /// `nstring` in UTF-8.
    pub(super) fn nstring_text(&mut self) -> Parse<Option<String>> {
        if self.eat_word(b"NIL") {
            return Ok(None);
        }
        self.string_text().map(Some)
    }

    /// `mailbox`, checked.
    pub(super) fn mailbox(&mut self) -> Parse<MailboxName> {
        let name = decode_name(&self.astring()?)?;
        mailbox_name(&name)
    }

    /// The mailbox of CREATE: a trailing separator only declares an intention
    /// (RFC 3501 section 6.3.3).
    pub(super) fn new_mailbox(&mut self) -> Parse<MailboxName> {
        let name = decode_name(&self.astring()?)?;
        mailbox_name(name.strip_suffix(MailboxName::SEPARATOR).unwrap_or(&name))
    }

    /// A reference name, which need not be a mailbox's.
    pub(super) fn reference(&mut self) -> Parse<String> {
        decode_name(&self.astring()?)
    }

    /// `list-mailbox`
    pub(super) fn list_mailbox(&mut self) -> Parse<String> {
        decode_name(&self.string_or(is_list_char)?)
    }

    /// `flag-list`, perhaps empty.
    pub(super) fn flag_list(&mut self) -> Parse<FlagSet> {
        let mut flags = FlagBuilder::default();
        self.expect(b'(')?;
        if self.eat(b')') {
            return Ok(flags.set);
        }
        loop {
            self.flag_into(&mut flags)?;
            if self.eat(b')') {
                return Ok(flags.set);
            }
            self.expect(b' ')?;
        }
    }

    /// The flags of STORE: a list, or flags with spaces between.
    pub(super) fn store_flags(&mut self) -> Parse<FlagSet> {
        if self.peek() == Some(b'(') {
            return self.flag_list();
        }
        let mut flags = FlagBuilder::default();
        self.flag_into(&mut flags)?;
        while self.eat(b' ') {
            self.flag_into(&mut flags)?;
        }
        Ok(flags.set)
    }

    fn flag_into(&mut self, flags: &mut FlagBuilder) -> Parse<()> {
        flags.count += 1;
        if flags.count > self.limits().flags {
            return Err(Fault::limit("the command names too many flags"));
        }
        if self.peek() == Some(b'\\') {
            return flags.add_system(self.system_flag()?);
        }
        flags.set.insert_keyword(self.keyword()?);
        Ok(())
    }

    /// A backslash and a word.
    pub(super) fn system_flag(&mut self) -> Parse<&'a str> {
        let length = self.rest().iter().skip(1).take_while(|b| b.is_ascii_alphanumeric()).count();
        let name = self.take(1 + length).unwrap_or_default();
        std::str::from_utf8(name).map_err(|_| Fault::SYNTAX)
    }

    /// `flag-keyword`
    pub(super) fn keyword(&mut self) -> Parse<Keyword> {
        let word = std::str::from_utf8(self.atom()?).map_err(|_| Fault::SYNTAX)?;
        Keyword::new(word).map_err(|error| match error {
            KeywordError::Length => Fault::limit("the keyword is too long"),
            KeywordError::Character => Fault::bad("the keyword is not valid"),
        })
    }

    fn string_or(&mut self, allowed: impl Fn(u8) -> bool) -> Parse<Cow<'a, [u8]>> {
        match self.peek() {
            Some(b'"' | b'{') => self.string(),
            _ => self.take_some(allowed).map(Cow::Borrowed),
        }
    }

    fn quoted(&mut self) -> Parse<Cow<'a, [u8]>> {
        self.expect(b'"')?;
        let plain = self.take_while(|b| !matches!(b, b'"' | b'\\' | b'\r' | b'\n' | 0));
        if self.eat(b'"') {
            return Ok(Cow::Borrowed(plain));
        }
        let mut text = plain.to_vec();
        loop {
            match self.take(1) {
                Some(b"\"") => return Ok(Cow::Owned(text)),
                Some(b"\\") => text.push(self.escaped()?),
                Some([b'\r' | b'\n' | 0]) | None => {
                    return Err(Fault::bad("a quoted string does not end"));
                }
                Some(byte) => text.extend_from_slice(byte),
            }
        }
    }

    /// After a backslash. Clients that escape other characters are forgiven.
    fn escaped(&mut self) -> Parse<u8> {
        match self.take(1) {
            Some([byte]) if !matches!(byte, b'\r' | b'\n' | 0) => Ok(*byte),
            _ => Err(Fault::bad("a quoted string does not end")),
        }
    }

    fn literal(&mut self) -> Parse<&'a [u8]> {
        self.expect(b'{')?;
        let size = self.number64()?;
        self.eat(b'+');
        self.expect(b'}')?;
        if self.rest().is_empty() {
            return Err(Fault::Incomplete);
        }
        if !self.eat_word(b"\r\n") {
            return Err(Fault::LITERAL);
        }
        let size = usize::try_from(size).map_err(|_| Fault::LITERAL)?;
        let bytes = self.take(size).ok_or(Fault::LITERAL)?;
        if bytes.contains(&0) { Err(Fault::bad(NUL)) } else { Ok(bytes) }
    }
}

#[derive(Default)]
struct FlagBuilder {
    set: FlagSet,
    count: usize,
}

impl FlagBuilder {
    /// `\Recent` is dropped: only the server sets it, yet clients send back what they were shown.
    fn add_system(&mut self, name: &str) -> Parse<()> {
        if !name.eq_ignore_ascii_case("\\Recent") {
            let flag = SystemFlag::parse(name).ok_or(Fault::bad("unknown system flag"))?;
            self.set.system.insert(flag);
        }
        Ok(())
    }
}

fn utf8(bytes: Cow<'_, [u8]>) -> Parse<String> {
    String::from_utf8(bytes.into_owned()).map_err(|_| Fault::bad(UTF8))
}

fn decode_name(bytes: &[u8]) -> Parse<String> {
    mutf7::decode(bytes).map_err(|_| Fault::bad(InvalidName::TEXT))
}

fn mailbox_name(name: &str) -> Parse<MailboxName> {
    MailboxName::new(name).map_err(|error| {
        Fault::cannot(match error {
            NameError::Length => "the mailbox name is empty or too long",
            NameError::Depth => "the mailbox name has too many levels",
            NameError::EmptyLevel => "the mailbox name has an empty level",
            NameError::Character => "the mailbox name has a character that is not allowed",
        })
    })
}
