//! The events of this process as lines of its log.
//!
//! A worker's lines go to its standard error, where the watcher reads them; the watcher's own go straight
//! into its log. Either way a full queue drops lines and counts them: a slow disk under the log must not
//! stop mail.

use crate::logs::{self, LogOptions};
use std::fmt;
use std::io;
use std::sync::OnceLock;
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Registry, reload};
use waypost_log::{Book, Destination, Intake, OneLine, Settings, start_of_line};
use waypost_options::Config;

/// Starts the log of a worker: lines on standard error, written by a thread. They are flushed when the
/// value is dropped.
pub(crate) fn start(config: &Config, process: &'static str) -> io::Result<Book> {
    let settings = Settings { name: process, destination: Destination::StandardError };
    let book = Book::start(settings, process)?;
    follow(config, process, &book.intake());
    Ok(book)
}

/// Takes all events of this process into a log.
pub(crate) fn follow(config: &Config, process: &'static str, intake: &Intake) {
    let options = logs::options_of(process);
    let (level, handle) = reload::Layer::new(level(&config.read(&options.loglevel)));
    let intake = intake.clone();
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .event_format(Format { process, pid: std::process::id() })
        .with_writer(move || intake.clone());
    let subscriber = Registry::default().with(level).with(lines);
    let _ = LEVEL.set((handle, options));
    // A process has one log; a second start would be a fault of this program, and the first stays.
    let _ = tracing::subscriber::set_global_default(subscriber);
    log_panics();
}

/// The level of this process's log, once it has one, and where it is set.
static LEVEL: OnceLock<(reload::Handle<LevelFilter, Registry>, &LogOptions)> = OnceLock::new();

/// Takes in a changed level.
pub(crate) fn reconfigure(config: &Config) {
    let Some((handle, options)) = LEVEL.get() else { return };
    if let Err(error) = handle.reload(level(&config.read(&options.loglevel))) {
        tracing::error!(%error, "level of the log not changed");
    }
}

/// The levels of the administrator's guide; there are fewer kinds of events.
fn level(name: &str) -> LevelFilter {
    match name {
        logs::NOTHING => LevelFilter::OFF,
        "Critical" | "Error" => LevelFilter::ERROR,
        "Warning" => LevelFilter::WARN,
        "Debug" => LevelFilter::DEBUG,
        _ => LevelFilter::INFO,
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

/// The shape of a line.
struct Format {
    process: &'static str,
    pid: u32,
}

impl<S, N> FormatEvent<S, N> for Format
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
        let start = start_of_line(event.metadata().level().as_str(), self.process, self.pid);
        writeln!(writer, "{start} {}", OneLine(&fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_of_the_guide_are_known() {
        let names = ["Nolog", "Critical", "Error", "Warning", "Notice", "Information", "Debug"];
        let levels = names.map(level);
        assert_eq!(levels[0], LevelFilter::OFF);
        assert_eq!(levels[1..3], [LevelFilter::ERROR; 2]);
        assert_eq!(levels[3], LevelFilter::WARN);
        assert_eq!(levels[4..6], [LevelFilter::INFO; 2]);
        assert_eq!(levels[6], LevelFilter::DEBUG);
    }
}
