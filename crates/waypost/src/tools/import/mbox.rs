//! Messages of an mbox file: `From ` lines between them, `>From ` unquoted as `mboxrd` does.

use super::sink::{Incoming, Sink};
use crate::failure::{Context, Failure};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use time::{Date, Month, PrimitiveDateTime, Time};
use waypost_types::{FlagSet, MailboxId, MailboxName, Moment, SystemFlag, UnixTime};

/// How a separator begins.
const FROM: &[u8] = b"From ";
/// Bytes of a line that are looked at in one piece; longer lines pass in several.
const PIECE_BYTES: u64 = 64 << 10;
/// The header fields that hold flags, lower case.
const FLAG_FIELDS: [&[u8]; 2] = [b"status:", b"x-status:"];
/// Months as separators write them.
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Imports a file.
pub(super) async fn import(
    path: &Path,
    folder: &MailboxName,
    sink: &mut Sink<'_>,
) -> Result<(), Failure> {
    let file = File::open(path).context(path.display())?;
    let mailbox = sink.mailbox(folder).await?;
    let mut lines = Lines::new(BufReader::new(file));
    let mut current: Option<Message> = None;
    let mut any = false;
    // A file whose first separator is dated has dates in all of them, so that an unquoted line of a
    // text does not cut its message.
    let mut dated = false;
    while let Some(line) = lines.next().context(path.display())? {
        let separator = line.separator().filter(|found| found.date.is_some() || !dated);
        if let Some(Separator { date }) = separator {
            file_message(current.take(), mailbox, sink).await?;
            dated |= !any && date.is_some();
            any = true;
            let date = date.unwrap_or_else(|| Moment::now().wall);
            current = (!sink.skips()).then(|| Message::new(sink.begin(), date));
        } else if !any {
            let text =
                format!("{}: not an mbox file: the first line is no `From ` line", path.display());
            return Err(Failure::usage(text));
        } else if let Some(message) = current.take() {
            current = Some(message.take(&line).await?);
        }
    }
    file_message(current, mailbox, sink).await
}

async fn file_message(
    message: Option<Message>,
    mailbox: MailboxId,
    sink: &mut Sink<'_>,
) -> Result<(), Failure> {
    match message {
        Some(Message { incoming, flags, date, .. }) => {
            sink.append(incoming, mailbox, flags, date).await
        }
        None => Ok(()),
    }
}

/// A line that stands before a message.
struct Separator {
    /// `None` when it has none that can be read.
    date: Option<UnixTime>,
}

/// A piece of a line.
#[derive(Debug, Default)]
struct Piece {
    bytes: Vec<u8>,
    /// Whether it begins a line.
    first: bool,
    /// Whether an empty line, or nothing, stands before it.
    after_empty: bool,
}

impl Piece {
    fn separator(&self) -> Option<Separator> {
        let separates = self.first && self.after_empty && self.bytes.starts_with(FROM);
        separates.then(|| Separator { date: from_line_date(&self.bytes) })
    }

    fn is_empty_line(&self) -> bool {
        self.first && matches!(self.bytes.as_slice(), b"\n" | b"\r\n")
    }

    /// The bytes without one level of quotes.
    fn unquoted(&self) -> &[u8] {
        let quotes = self.bytes.iter().take_while(|byte| **byte == b'>').count();
        let quoted = self.first && quotes > 0 && self.bytes[quotes..].starts_with(FROM);
        if quoted { &self.bytes[1..] } else { &self.bytes }
    }
}

/// Reads lines in bounded pieces.
struct Lines<R> {
    source: R,
    at_start: bool,
    after_empty: bool,
}

impl<R: BufRead> Lines<R> {
    fn new(source: R) -> Self {
        Self { source, at_start: true, after_empty: true }
    }

    fn next(&mut self) -> io::Result<Option<Piece>> {
        let mut piece =
            Piece { first: self.at_start, after_empty: self.after_empty, ..Piece::default() };
        let read = (&mut self.source).take(PIECE_BYTES).read_until(b'\n', &mut piece.bytes)?;
        self.at_start = piece.bytes.ends_with(b"\n");
        self.after_empty = piece.is_empty_line();
        Ok((read > 0).then_some(piece))
    }
}

/// A message that is being read.
struct Message {
    incoming: Incoming,
    date: UnixTime,
    flags: FlagSet,
    in_header: bool,
    /// The empty line before a separator belongs to the file, not to the message.
    held: Vec<u8>,
}

impl Message {
    fn new(incoming: Incoming, date: UnixTime) -> Self {
        let (flags, held) = (FlagSet::default(), Vec::new());
        Self { incoming, date, flags, in_header: true, held }
    }

    async fn take(mut self, piece: &Piece) -> Result<Self, Failure> {
        if !self.held.is_empty() {
            let held = std::mem::take(&mut self.held);
            self.incoming = self.incoming.write(&held).await?;
        }
        if piece.is_empty_line() && !self.in_header {
            self.held.clone_from(&piece.bytes);
            return Ok(self);
        }
        if self.in_header && piece.first {
            self.in_header = !piece.is_empty_line();
            note_flags(&piece.bytes, &mut self.flags);
        }
        self.incoming = self.incoming.write(piece.unquoted()).await?;
        Ok(self)
    }
}

/// Flags that mail programs keep in the header of mbox messages.
fn note_flags(line: &[u8], flags: &mut FlagSet) {
    let field = |name: &&[u8]| {
        line.get(..name.len()).filter(|start| start.eq_ignore_ascii_case(name)).map(<[u8]>::len)
    };
    let Some(start) = FLAG_FIELDS.iter().find_map(field) else { return };
    for letter in line.iter().skip(start) {
        let flag = match letter {
            b'R' => SystemFlag::Seen,
            b'A' => SystemFlag::Answered,
            b'F' => SystemFlag::Flagged,
            b'T' => SystemFlag::Draft,
            b'D' => SystemFlag::Deleted,
            _ => continue,
        };
        flags.system.insert(flag);
    }
}

/// The date of `From sender Sat Jan  3 01:05:34 1996`, taken as UTC; a zone before or after the year
/// in digits counts.
fn from_line_date(line: &[u8]) -> Option<UnixTime> {
    let text = String::from_utf8_lossy(line);
    let words: Vec<&str> = text.split_whitespace().collect();
    let month_at = words.iter().position(|word| MONTHS.contains(word))?;
    let name = words.get(month_at)?;
    let number = MONTHS.iter().position(|month| month == name)? + 1;
    let month = Month::try_from(u8::try_from(number).ok()?).ok()?;
    let day = words.get(month_at + 1)?.parse().ok()?;
    let mut clock = words.get(month_at + 2)?.split(':').map(|part| part.parse::<u8>().ok());
    let (hour, minute) = (clock.next()??, clock.next()??);
    let second = clock.next().unwrap_or(Some(0))?;
    let rest = words.get(month_at + 3..)?;
    let is_year = |word: &&&str| word.len() == 4 && word.bytes().all(|b| b.is_ascii_digit());
    let year = rest.iter().find(is_year)?.parse().ok()?;
    let zone_minutes = rest.iter().find_map(|word| zone(word)).unwrap_or(0);
    let date = Date::from_calendar_date(year, month, day).ok()?;
    let local = PrimitiveDateTime::new(date, Time::from_hms(hour, minute, second).ok()?);
    let seconds = local.assume_utc().unix_timestamp() - i64::from(zone_minutes) * 60;
    Some(UnixTime { seconds, zone_minutes })
}

/// `+hhmm` or `-hhmm` in minutes.
fn zone(word: &str) -> Option<i16> {
    let sign = match word.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits = word.get(1..).filter(|digits| digits.len() == 4)?;
    let number: i16 = digits.parse().ok().filter(|n| (0..=2_359).contains(n))?;
    Some(sign * (number / 100 * 60 + number % 100))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_need_an_empty_line_before() {
        let text = "From a Sat Jan  3 01:05:34 1996\nFrom: x\n\nFrom here\n\n>From b\n\nFrom c\n";
        let mut lines = Lines::new(text.as_bytes());
        let mut separators = Vec::new();
        while let Some(piece) = lines.next().unwrap() {
            if piece.separator().is_some() {
                separators.push(String::from_utf8(piece.bytes).unwrap());
            }
        }
        assert_eq!(separators.len(), 3, "{separators:?}");
        assert_eq!(separators[2], "From c\n");
    }

    #[test]
    fn one_level_of_quotes_is_taken_off() {
        let unquoted = |text: &str| {
            let piece = Piece { bytes: text.into(), first: true, after_empty: false };
            String::from_utf8(piece.unquoted().to_vec()).unwrap()
        };
        assert_eq!(unquoted(">From x"), "From x");
        assert_eq!(unquoted(">>From x"), ">From x");
        assert_eq!(unquoted("> From x"), "> From x");
        assert_eq!(unquoted(">Fromx"), ">Fromx");
    }

    #[test]
    fn endless_lines_come_in_pieces() {
        let text = "x".repeat(200_000);
        let mut lines = Lines::new(text.as_bytes());
        let mut sizes = Vec::new();
        while let Some(piece) = lines.next().unwrap() {
            assert_eq!(piece.first, sizes.is_empty());
            sizes.push(piece.bytes.len() as u64);
        }
        assert!(sizes.len() == 4 && sizes.iter().all(|size| *size <= PIECE_BYTES), "{sizes:?}");
    }

    #[test]
    fn dates_of_separators_are_read() {
        let date = |text: &str| from_line_date(text.as_bytes());
        let at = |seconds, zone_minutes| Some(UnixTime { seconds, zone_minutes });
        assert_eq!(date("From a@b Thu Jan  1 00:00:01 1970\n"), at(1, 0));
        assert_eq!(date("From a@b Thu Jan  1 00:01 1970\n"), at(60, 0));
        assert_eq!(date("From a@b Thu Jan  1 01:00:00 +0100 1970\n"), at(0, 60));
        assert_eq!(date("From a@b Thu Jan  1 01:00:00 1970 -0130\n"), at(9_000, -90));
        assert_eq!(date("From a@b nonsense\n"), None);
        assert_eq!(date("From a@b Thu Feb 31 00:00:00 1970\n"), None);
    }

    #[test]
    fn flags_are_read_from_their_fields_only() {
        let flags = |line: &str| {
            let mut flags = FlagSet::default();
            note_flags(line.as_bytes(), &mut flags);
            flags
        };
        assert_eq!(flags("Status: RO\n"), FlagSet::system(&[SystemFlag::Seen]));
        let both = FlagSet::system(&[SystemFlag::Answered, SystemFlag::Flagged]);
        assert_eq!(flags("x-status: AF\n"), both);
        assert!(flags("Subject: RAFTD\n").is_empty());
    }
}
