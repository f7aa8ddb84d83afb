//! SORT and THREAD (RFC 5256 section 5, RFC 5957 section 5, RFC 5267 section 6).

use super::cursor::Cursor;
use super::fault::{Fault, Parse};
use super::search::{charset, keys, return_options};
use super::upper;
use crate::command::Command;
use crate::limits::Limits;
use crate::sort::{SortCriterion, SortKey, ThreadAlgorithm};

/// The longest name of a sort key or an algorithm in bytes.
const NAME_BYTES: usize = 16;

pub(super) fn sort(cursor: &mut Cursor<'_>, uid: bool) -> Parse<Command> {
    cursor.space()?;
    let returns = return_options(cursor)?;
    let order = cursor.list(Limits::SORT_CRITERIA, criterion)?;
    cursor.space()?;
    let charset = charset(cursor)?;
    Ok(Command::Sort { uid, returns, order, charset, criteria: keys(cursor)? })
}

pub(super) fn thread(cursor: &mut Cursor<'_>, uid: bool) -> Parse<Command> {
    cursor.space()?;
    let mut name = [0; NAME_BYTES];
    let name = upper(cursor.atom()?, &mut name);
    let is = |algorithm: &ThreadAlgorithm| algorithm.name().as_bytes() == name;
    let unknown = Fault::bad("unknown threading algorithm");
    let algorithm = ThreadAlgorithm::ALL.into_iter().find(is).ok_or(unknown)?;
    cursor.space()?;
    let charset = charset(cursor)?;
    Ok(Command::Thread { uid, algorithm, charset, criteria: keys(cursor)? })
}

/// `["REVERSE" SP] sort-key`
fn criterion(cursor: &mut Cursor<'_>) -> Parse<SortCriterion> {
    let reverse = cursor.eat_word(b"REVERSE ");
    let mut name = [0; NAME_BYTES];
    let name = upper(cursor.atom()?, &mut name);
    let is = |key: &SortKey| key.name().as_bytes() == name;
    let key = SortKey::ALL.into_iter().find(is).ok_or(Fault::bad("unknown sort key"))?;
    Ok(SortCriterion { key, reverse })
}
