//! SEARCH (RFC 3501 section 6.4.4), extended by RETURN (RFC 4466 section 2.6, RFC 4731).

use super::cursor::Cursor;
use super::fault::{Fault, FaultCode, Parse};
use super::upper;
use crate::command::Command;
use crate::date::Day;
use crate::limits::Limits;
use crate::search::{Charset, ModSeqScope, ObjectId, SearchKey};
use crate::sort::ReturnOptions;
use waypost_types::{ModSeq, SystemFlag};

/// The longest name of a search key in bytes.
const KEY_BYTES: usize = 16;

pub(super) fn search(cursor: &mut Cursor<'_>, uid: bool) -> Parse<Command> {
    cursor.space()?;
    let returns = return_options(cursor)?;
    let charset = if cursor.eat_word(b"CHARSET ") { charset(cursor)? } else { Charset::UsAscii };
    Ok(Command::Search { uid, returns, charset, criteria: keys(cursor)? })
}

/// Search keys, which end the command.
pub(super) fn keys(cursor: &mut Cursor<'_>) -> Parse<SearchKey> {
    Keys { left: cursor.limits().search_keys }.sequence(cursor, 0)
}

/// `"RETURN" SP "(" [search-return-opt *(SP search-return-opt)] ")" SP`, if it is there. Both CONTEXT
/// and UPDATE (RFC 5267) are unknown here.
pub(super) fn return_options(cursor: &mut Cursor<'_>) -> Parse<Option<ReturnOptions>> {
    if !cursor.eat_word(b"RETURN ") {
        return Ok(None);
    }
    let mut options = ReturnOptions::default();
    if cursor.eat_word(b"()") {
        options.all = true;
    } else {
        cursor.list(Limits::OPTION_WORDS, |cursor| return_option(cursor, &mut options))?;
    }
    cursor.space()?;
    Ok(Some(options))
}

fn return_option(cursor: &mut Cursor<'_>, options: &mut ReturnOptions) -> Parse<()> {
    let mut name = [0; KEY_BYTES];
    let option = match upper(cursor.atom()?, &mut name) {
        b"ALL" => &mut options.all,
        b"COUNT" => &mut options.count,
        b"MAX" => &mut options.max,
        b"MIN" => &mut options.min,
        _ => return Err(Fault::bad("unknown return option")),
    };
    *option = true;
    Ok(())
}

/// A charset and the space after it.
pub(super) fn charset(cursor: &mut Cursor<'_>) -> Parse<Charset> {
    let name = cursor.astring()?;
    cursor.space()?;
    let is = |charset: &Charset| charset.name().as_bytes().eq_ignore_ascii_case(&name);
    let unknown = Fault::no(FaultCode::BadCharset, "this charset is not supported");
    Charset::ALL.into_iter().find(is).ok_or(unknown)
}

/// Reads search keys and counts them.
struct Keys {
    left: usize,
}

impl Keys {
    /// One or more keys with spaces between: all of them must match.
    fn sequence(&mut self, cursor: &mut Cursor<'_>, depth: usize) -> Parse<SearchKey> {
        let first = self.key(cursor, depth)?;
        if cursor.peek() != Some(b' ') {
            return Ok(first);
        }
        let mut keys = vec![first];
        while cursor.peek() == Some(b' ') && !cursor.rest().iter().all(|b| *b == b' ') {
            cursor.space()?;
            keys.push(self.key(cursor, depth)?);
        }
        Ok(match keys.len() {
            1 => keys.pop().unwrap_or(SearchKey::All),
            _ => SearchKey::And(keys),
        })
    }

    fn key(&mut self, cursor: &mut Cursor<'_>, depth: usize) -> Parse<SearchKey> {
        if depth > cursor.limits().search_depth {
            return Err(Fault::limit("search keys are nested too deeply"));
        }
        self.left = self.left.checked_sub(1).ok_or(Fault::limit("too many search keys"))?;
        if cursor.at_sequence_set() {
            return cursor.sequence_set().map(SearchKey::Sequence);
        }
        if cursor.eat(b'(') {
            let inner = self.sequence(cursor, depth + 1)?;
            cursor.expect(b')')?;
            return Ok(inner);
        }
        let mut name = [0; KEY_BYTES];
        let name = upper(cursor.atom()?, &mut name);
        if let Some(key) = plain_key(name) {
            return Ok(key);
        }
        self.key_with_keys(cursor, name, depth)
    }

    fn key_with_keys(
        &mut self,
        cursor: &mut Cursor<'_>,
        name: &[u8],
        depth: usize,
    ) -> Parse<SearchKey> {
        match name {
            b"NOT" => {
                cursor.space()?;
                Ok(not(self.key(cursor, depth + 1)?))
            }
            b"OR" => {
                cursor.space()?;
                let left = self.key(cursor, depth + 1)?;
                cursor.space()?;
                let right = self.key(cursor, depth + 1)?;
                Ok(SearchKey::Or(Box::new(left), Box::new(right)))
            }
            _ => text_key(cursor, name),
        }
    }
}

fn not(key: SearchKey) -> SearchKey {
    SearchKey::Not(Box::new(key))
}

/// The keys without an argument.
fn plain_key(name: &[u8]) -> Option<SearchKey> {
    let is = SearchKey::Flag;
    Some(match name {
        b"ALL" => SearchKey::All,
        b"ANSWERED" => is(SystemFlag::Answered),
        b"DELETED" => is(SystemFlag::Deleted),
        b"DRAFT" => is(SystemFlag::Draft),
        b"FLAGGED" => is(SystemFlag::Flagged),
        b"NEW" => SearchKey::And(vec![SearchKey::Recent, not(is(SystemFlag::Seen))]),
        b"OLD" => not(SearchKey::Recent),
        b"RECENT" => SearchKey::Recent,
        b"SEEN" => is(SystemFlag::Seen),
        b"UNANSWERED" => not(is(SystemFlag::Answered)),
        b"UNDELETED" => not(is(SystemFlag::Deleted)),
        b"UNDRAFT" => not(is(SystemFlag::Draft)),
        b"UNFLAGGED" => not(is(SystemFlag::Flagged)),
        b"UNSEEN" => not(is(SystemFlag::Seen)),
        _ => return None,
    })
}

/// The keys whose argument is a string.
fn text_key(cursor: &mut Cursor<'_>, name: &[u8]) -> Parse<SearchKey> {
    let make = match name {
        b"BCC" => SearchKey::Bcc,
        b"BODY" => SearchKey::Body,
        b"CC" => SearchKey::Cc,
        b"FROM" => SearchKey::From,
        b"SUBJECT" => SearchKey::Subject,
        b"TEXT" => SearchKey::Text,
        b"TO" => SearchKey::To,
        b"HEADER" => return header_key(cursor),
        _ => return date_key(cursor, name),
    };
    cursor.space()?;
    cursor.text().map(make)
}

fn header_key(cursor: &mut Cursor<'_>) -> Parse<SearchKey> {
    cursor.space()?;
    let name = cursor.text()?;
    cursor.space()?;
    let value = cursor.text()?;
    Ok(SearchKey::Header { name, value })
}

/// The keys whose argument is a day.
fn date_key(cursor: &mut Cursor<'_>, name: &[u8]) -> Parse<SearchKey> {
    let make = match name {
        b"BEFORE" => SearchKey::Before,
        b"ON" => SearchKey::On,
        b"SENTBEFORE" => SearchKey::SentBefore,
        b"SENTON" => SearchKey::SentOn,
        b"SENTSINCE" => SearchKey::SentSince,
        b"SINCE" => SearchKey::Since,
        _ => return other_key(cursor, name),
    };
    cursor.space()?;
    let text = cursor.astring()?;
    Day::parse(&text).map(make).ok_or(Fault::bad("the date is not valid"))
}

fn other_key(cursor: &mut Cursor<'_>, name: &[u8]) -> Parse<SearchKey> {
    if !matches!(
        name,
        b"KEYWORD"
            | b"UNKEYWORD"
            | b"LARGER"
            | b"SMALLER"
            | b"UID"
            | b"MODSEQ"
            | b"EMAILID"
            | b"THREADID"
    ) {
        return Err(Fault::bad("unknown search key"));
    }
    cursor.space()?;
    Ok(match name {
        b"KEYWORD" => SearchKey::Keyword(cursor.keyword()?),
        b"UNKEYWORD" => not(SearchKey::Keyword(cursor.keyword()?)),
        b"LARGER" => SearchKey::Larger(cursor.number()?),
        b"SMALLER" => SearchKey::Smaller(cursor.number()?),
        b"UID" => SearchKey::Uid(cursor.sequence_set()?),
        b"EMAILID" => SearchKey::EmailId(object_id(cursor)?),
        b"THREADID" => SearchKey::ThreadId(object_id(cursor)?),
        _ => mod_seq(cursor)?,
    })
}

fn object_id(cursor: &mut Cursor<'_>) -> Parse<ObjectId> {
    ObjectId::new(&cursor.astring()?).ok_or(Fault::bad("the object identifier is not valid"))
}

/// `MODSEQ [entry-name SP entry-type-req SP] number` (RFC 7162 section 7).
fn mod_seq(cursor: &mut Cursor<'_>) -> Parse<SearchKey> {
    let mut scope = None;
    if cursor.peek() == Some(b'"') {
        let entry = cursor.string_text()?;
        cursor.space()?;
        let kind = cursor.atom()?;
        let known = ["priv", "shared", "all"];
        if !known.iter().any(|name| name.as_bytes().eq_ignore_ascii_case(kind)) {
            return Err(Fault::SYNTAX);
        }
        cursor.space()?;
        scope = Some(ModSeqScope { entry });
    }
    Ok(SearchKey::ModSeq { scope, at_least: ModSeq(cursor.number64()?) })
}
