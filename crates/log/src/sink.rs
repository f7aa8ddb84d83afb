//! The end of a log, whatever it is, and what could not be written there.

use crate::Level;
use crate::file::LogFile;
use crate::settings::{Destination, Settings};
use crate::stamp::start_of;
use crate::syslog::Syslog;
use std::io::{self, Write};
use time::OffsetDateTime;

/// Where lines end.
pub(crate) struct Sink {
    name: &'static str,
    end: End,
    /// Lines that could not be written and were not told of yet.
    lost: u64,
    /// Whether the last line was written.
    works: bool,
    /// What keeps it from writing, and from keeping files in order: each is told once.
    trouble: Option<io::ErrorKind>,
    disorder: Option<io::ErrorKind>,
}

enum End {
    File(Box<LogFile>),
    Nowhere,
    StandardError,
    Syslog(Syslog),
    /// Of a test.
    #[cfg(test)]
    Writer {
        writer: Box<dyn Write + Send>,
        takes_many: bool,
    },
}

impl Sink {
    /// Opens it.
    ///
    /// # Errors
    /// When the file or its folder cannot be made.
    pub(crate) fn open(settings: Settings, now: OffsetDateTime) -> io::Result<Self> {
        let end = match settings.destination {
            Destination::File(keep) => {
                let mut file = LogFile::new(settings.name, keep);
                file.open(now)?;
                End::File(Box::new(file))
            }
            Destination::Nowhere => End::Nowhere,
            Destination::StandardError => End::StandardError,
            // One that is not there yet may come: mail does not wait for it.
            Destination::Syslog(facility) => End::Syslog(Syslog::new(facility)),
        };
        Ok(Self::new(settings.name, end))
    }

    fn new(name: &'static str, end: End) -> Self {
        Self { name, end, lost: 0, works: true, trouble: None, disorder: None }
    }

    #[cfg(test)]
    pub(crate) fn to_writer(writer: Box<dyn Write + Send>, takes_many: bool) -> Self {
        Self::new("test", End::Writer { writer, takes_many })
    }

    #[cfg(test)]
    pub(crate) fn to_syslog(syslog: Syslog) -> Self {
        Self::new("test", End::Syslog(syslog))
    }

    /// Writes a line, or counts it.
    pub(crate) fn write(&mut self, line: &[u8], now: OffsetDateTime) {
        if let Err(error) = self.try_write(line, now) {
            self.lost = self.lost.saturating_add(1);
            self.tell_trouble(&error);
        }
    }

    /// Whether several lines can be written with one call.
    pub(crate) fn takes_many(&self) -> bool {
        match &self.end {
            End::File(_) | End::StandardError => true,
            End::Nowhere | End::Syslog(_) => false,
            #[cfg(test)]
            End::Writer { takes_many, .. } => *takes_many,
        }
    }

    /// Writes lines, with one call where that can be, or counts them.
    pub(crate) fn write_all(&mut self, lines: &[Vec<u8>], now: OffsetDateTime) {
        if lines.len() < 2 || !self.has_room(lines, now) {
            lines.iter().for_each(|line| self.write(line, now));
        } else if let Err(error) = self.try_write(&lines.join(&b'\n'), now) {
            self.count_lost(u64::try_from(lines.len()).unwrap_or(u64::MAX));
            self.tell_trouble(&error);
        }
    }

    /// Whether all these lines go to one place.
    fn has_room(&self, lines: &[Vec<u8>], now: OffsetDateTime) -> bool {
        let bytes: usize = lines.iter().map(|line| line.len() + 1).sum();
        match &self.end {
            End::File(file) => file.has_room(u64::try_from(bytes).unwrap_or(u64::MAX), now),
            _ => self.takes_many(),
        }
    }

    /// Adds to what was lost before it came here.
    pub(crate) fn count_lost(&mut self, lines: u64) {
        self.lost = self.lost.saturating_add(lines);
    }

    /// Takes over what another end could not write.
    pub(crate) fn inherit(&mut self, other: &Self) {
        self.lost = other.lost;
    }

    /// Tells in the log itself what was lost, if it can be told.
    pub(crate) fn tell_lost(&mut self, process: &str, now: OffsetDateTime) {
        if self.lost == 0 {
            return;
        }
        let start = start_of(now, Level::Warning.name(), process, std::process::id());
        let line =
            format!("{start} lines of the log were lost log={} lines={}", self.name, self.lost);
        if self.try_write(line.as_bytes(), now).is_ok() {
            self.lost = 0;
        }
    }

    /// Whether there is something to be done although no line comes.
    pub(crate) fn needs_time(&self) -> bool {
        self.lost > 0 || matches!(self.end, End::File(_))
    }

    /// Looks after what time alone brings about.
    pub(crate) fn tend(&mut self, now: OffsetDateTime) {
        let End::File(file) = &mut self.end else { return };
        match file.tend(now) {
            Some(Err(error)) if self.disorder != Some(error.kind()) => {
                self.disorder = Some(error.kind());
                self.say(&error);
            }
            Some(Ok(())) => self.disorder = None,
            _ => {}
        }
    }

    /// Whether the last line was written.
    pub(crate) fn works(&self) -> bool {
        self.works
    }

    /// Writes a line, or several with line ends between them.
    fn try_write(&mut self, line: &[u8], now: OffsetDateTime) -> io::Result<()> {
        let written = match &mut self.end {
            End::File(file) => file.write(line, now),
            End::Nowhere => Ok(()),
            End::StandardError => write_line(&mut io::stderr().lock(), line),
            End::Syslog(syslog) => syslog.write(line, now),
            #[cfg(test)]
            End::Writer { writer, .. } => write_line(writer, line),
        };
        self.works = written.is_ok();
        if self.works {
            self.trouble = None;
        }
        written
    }

    /// Each reason once, until something could be written again.
    fn tell_trouble(&mut self, error: &io::Error) {
        let kind = error.kind();
        let is_pause = kind == io::ErrorKind::NotConnected;
        if self.trouble != Some(kind) && !is_pause {
            self.trouble = Some(kind);
            self.say(error);
        }
    }

    /// On standard error: there is no better place to say why a log fails.
    fn say(&self, error: &io::Error) {
        if !matches!(self.end, End::StandardError) {
            let _ = writeln!(io::stderr().lock(), "waypost: log of {}: {error}", self.name);
        }
    }
}

/// One call for a line, so that lines of several writers do not mix.
fn write_line(to: &mut dyn Write, line: &[u8]) -> io::Result<()> {
    to.write_all(&[line, b"\n"].concat())
}
