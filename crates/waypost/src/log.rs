//! The log: one line per event, `time level process[pid] message key=value ...`, written by a thread.
//!
//! A full queue drops lines and counts them: a slow disk under the log must not stop mail.

use std::fmt::{self, Write as _};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Registry, reload};
use waypost_options::{Config, LOG_FILE, LOG_LEVEL};

/// Lines that wait to be written.
const QUEUE_LINES: usize = 10_000;
/// The longest line in bytes; the rest is cut off.
const LINE_BYTES: usize = 8 << 10;
/// How long the end of a process waits for its last lines.
const FLUSH_TIME: Duration = Duration::from_secs(2);
/// Permissions of a new log file.
const FILE_MODE: u32 = 0o640;
/// Times are UTC, so that lines of several hosts can be merged.
const TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// Where a log goes, opened; a confined process could not open it later.
#[derive(Debug)]
pub(crate) struct Target {
    file: Option<File>,
    level: LevelFilter,
}

/// Opens the log of the configuration.
pub(crate) fn open(config: &Config) -> io::Result<Target> {
    let open = |path| OpenOptions::new().append(true).create(true).mode(FILE_MODE).open(path);
    let file = config.read(&LOG_FILE).map(open).transpose()?;
    Ok(Target { file, level: level(&config.read(&LOG_LEVEL)) })
}

fn level(name: &str) -> LevelFilter {
    match name {
        "error" => LevelFilter::ERROR,
        "warning" => LevelFilter::WARN,
        "debug" => LevelFilter::DEBUG,
        _ => LevelFilter::INFO,
    }
}

/// Starts the writing thread and takes all events of this process. The log is flushed when the
/// value is dropped.
pub(crate) fn start(target: Target, process: &'static str) -> io::Result<Log> {
    let (sender, receiver) = sync_channel(QUEUE_LINES);
    let queue = Queue { sender, dropped: Arc::new(AtomicU64::new(0)) };
    let log = Log { queue: queue.clone() };
    let dropped = Arc::clone(&queue.dropped);
    let writer = Lines { file: target.file, dropped, process };
    std::thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || writer.write_all(&receiver))?;
    let (level, handle) = reload::Layer::new(target.level);
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .event_format(Line { process })
        .with_writer(move || queue.clone());
    let subscriber = Registry::default().with(level).with(lines);
    let _ = LEVEL.set(handle);
    // A process has one log; a second start would be a fault of this program, and the first stays.
    let _ = tracing::subscriber::set_global_default(subscriber);
    log_panics();
    Ok(log)
}

/// The level of this process's log, once it has one.
static LEVEL: OnceLock<reload::Handle<LevelFilter, Registry>> = OnceLock::new();

/// Takes in a changed level. The file stays: a confined process could not open another.
pub(crate) fn reconfigure(config: &Config) {
    let level = level(&config.read(&LOG_LEVEL));
    if let Some(handle) = LEVEL.get()
        && let Err(error) = handle.reload(level)
    {
        tracing::error!(%error, "level of the log not changed");
    }
}

/// A panic becomes a line of the log instead of free text.
fn log_panics() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let text = info.payload_as_str().unwrap_or("panic");
        tracing::error!(place, text, "internal error");
    }));
}

/// A running log.
pub(crate) struct Log {
    queue: Queue,
}

impl Drop for Log {
    fn drop(&mut self) {
        let (done, written) = sync_channel(1);
        if self.queue.sender.send(Entry::Flush(done)).is_ok() {
            // A log that hangs must not hold up the end.
            let _ = written.recv_timeout(FLUSH_TIME);
        }
    }
}

enum Entry {
    Line(Vec<u8>),
    Flush(SyncSender<()>),
}

#[derive(Clone)]
struct Queue {
    sender: SyncSender<Entry>,
    dropped: Arc<AtomicU64>,
}

/// Takes one whole line with each call.
impl Write for Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Err(TrySendError::Full(_)) = self.sender.try_send(Entry::Line(line.to_vec())) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The writing thread.
struct Lines {
    file: Option<File>,
    dropped: Arc<AtomicU64>,
    process: &'static str,
}

impl Lines {
    fn write_all(mut self, entries: &Receiver<Entry>) {
        while let Ok(entry) = entries.recv() {
            match entry {
                Entry::Line(line) => self.write(&line),
                // The waiting end may have given up.
                Entry::Flush(done) => drop(done.try_send(())),
            }
            let dropped = self.dropped.swap(0, Ordering::Relaxed);
            if dropped > 0 {
                let line = format!(
                    "{} lines of the log were dropped: lines={dropped}\n",
                    stamp("WARN", self.process)
                );
                self.write(line.as_bytes());
            }
        }
    }

    /// One call for a line, so that lines of several processes do not mix.
    fn write(&mut self, line: &[u8]) {
        // There is no other place to tell that the log failed.
        let _ = match &mut self.file {
            Some(file) => file.write_all(line),
            None => io::stderr().lock().write_all(line),
        };
    }
}

/// The start of a line.
fn stamp(level: &str, process: &str) -> String {
    let now = OffsetDateTime::from(SystemTime::now());
    let time = now.format(TIME).unwrap_or_default();
    format!("{time} {level} {process}[{}]", std::process::id())
}

/// The shape of a line.
struct Line {
    process: &'static str,
}

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = String::new();
        context.format_fields(Writer::new(&mut fields), event)?;
        let start = stamp(event.metadata().level().as_str(), self.process);
        writeln!(writer, "{start} {}", OneLine(&fields))
    }
}

/// Text without control characters, so that no event can look like two, and not longer than a line.
struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.0.floor_char_boundary(LINE_BYTES);
        for char in self.0[..end].chars() {
            if char.is_control() {
                write!(f, "{}", char.escape_default())?;
            } else {
                f.write_char(char)?;
            }
        }
        if end < self.0.len() { f.write_str(" ...") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_stay_on_one_line() {
        assert_eq!(OneLine("a\r\nb\u{7f}é").to_string(), "a\\r\\nb\\u{7f}é");
        let long = "é".repeat(LINE_BYTES);
        let line = OneLine(&long).to_string();
        assert!(line.ends_with("é ...") && line.len() <= LINE_BYTES + 4);
    }

    #[test]
    fn a_full_queue_drops_and_counts() {
        let (sender, _receiver) = sync_channel(1);
        let mut queue = Queue { sender, dropped: Arc::default() };
        for _ in 0..3 {
            assert_eq!(queue.write(b"line\n").unwrap(), 5);
        }
        assert_eq!(queue.dropped.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn dropped_lines_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let dropped = Arc::new(AtomicU64::new(7));
        let file = Some(File::create(&path).unwrap());
        let (sender, receiver) = sync_channel(1);
        sender.send(Entry::Line(b"first\n".to_vec())).unwrap();
        drop(sender);
        Lines { file, dropped, process: "test" }.write_all(&receiver);
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.starts_with("first\n") && text.contains("lines=7"), "{text}");
    }

    #[test]
    fn levels_have_the_names_of_the_option() {
        assert_eq!(level("error"), LevelFilter::ERROR);
        assert_eq!(level("warning"), LevelFilter::WARN);
        assert_eq!(level("information"), LevelFilter::INFO);
        assert_eq!(level("debug"), LevelFilter::DEBUG);
    }
}
