//! A running log: a bounded queue and the thread behind it, the only one that waits for a disk.

use crate::limits::{FLUSH_TIME, GATHER_LINES, GATHER_TIME, QUEUE_BYTES, QUEUE_LINES, TEND_EVERY};
use crate::line::adopt;
use crate::settings::Settings;
use crate::sink::Sink;
use crate::stamp::{self, within};
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use time::OffsetDateTime;

/// How often the end of a full log looks for room.
const FLUSH_TRIES: u32 = 100;

/// A log that runs until it is dropped; its last lines are written then.
pub struct Book {
    intake: Intake,
    change: Arc<Mutex<Option<Settings>>>,
}

enum Entry {
    Line(Vec<u8>),
    /// New settings lie ready.
    Changed,
    Flush(SyncSender<()>),
}

/// The way into a book. Nobody waits here.
#[derive(Clone)]
pub struct Intake {
    sender: SyncSender<Entry>,
    /// Bytes that wait.
    waiting: Arc<AtomicUsize>,
    dropped: Arc<AtomicU64>,
}

impl Book {
    /// Opens the log and starts its thread; `process` writes what the book itself has to say.
    ///
    /// # Errors
    /// When the file or its folder cannot be made, or the thread cannot be started.
    pub fn start(settings: Settings, process: &'static str) -> io::Result<Self> {
        let name = settings.name;
        let sink = Sink::open(settings, stamp::now())?;
        Self::start_with(sink, name, process, QUEUE_LINES)
    }

    fn start_with(
        sink: Sink,
        name: &'static str,
        process: &'static str,
        lines: usize,
    ) -> io::Result<Self> {
        let (sender, entries) = sync_channel(lines);
        let intake = Intake { sender, waiting: Arc::default(), dropped: Arc::default() };
        let change = Arc::default();
        let (waiting, dropped) = (Arc::clone(&intake.waiting), Arc::clone(&intake.dropped));
        let clerk = Clerk { sink, process, waiting, dropped, change: Arc::clone(&change) };
        // A thread's name has room for 15 bytes.
        let thread = std::thread::Builder::new().name(format!("log-{name}"));
        thread.spawn(move || clerk.work(&entries))?;
        Ok(Self { intake, change })
    }

    /// The way in.
    pub fn intake(&self) -> Intake {
        self.intake.clone()
    }

    /// Has the log go on with other settings; lines that wait are written by them. Where these do not
    /// work, the old ones stay and a line of the log says why.
    pub fn change(&self, settings: Settings) {
        *self.change.lock().unwrap_or_else(PoisonError::into_inner) = Some(settings);
        // A full queue needs no wake-up.
        let _ = self.intake.sender.try_send(Entry::Changed);
    }
}

impl Drop for Book {
    fn drop(&mut self) {
        let (done, written) = sync_channel(1);
        // A log that hangs must not hold up the end.
        for _ in 0..FLUSH_TRIES {
            match self.intake.sender.try_send(Entry::Flush(done.clone())) {
                Err(TrySendError::Full(_)) => std::thread::sleep(FLUSH_TIME / FLUSH_TRIES),
                Err(TrySendError::Disconnected(_)) => return,
                Ok(()) => {
                    let _ = written.recv_timeout(FLUSH_TIME);
                    return;
                }
            }
        }
    }
}

impl Intake {
    /// Takes what a process has said, without its line end.
    ///
    /// # Errors
    /// When the queue is full: with the line, for another try.
    pub fn offer(&self, said: Vec<u8>, process: &str, pid: u32) -> Result<(), Vec<u8>> {
        self.put(adopt(said, process, pid))
    }

    /// Gives back a line for which there is no room.
    fn put(&self, line: Vec<u8>) -> Result<(), Vec<u8>> {
        let bytes = line.len();
        if self.waiting.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) > QUEUE_BYTES {
            self.waiting.fetch_sub(bytes, Ordering::Relaxed);
            return Err(line);
        }
        match self.sender.try_send(Entry::Line(line)) {
            Err(TrySendError::Full(Entry::Line(line))) => {
                self.waiting.fetch_sub(bytes, Ordering::Relaxed);
                Err(line)
            }
            // A book that is closed takes no more.
            _ => Ok(()),
        }
    }
}

/// Takes one whole line with each call; one that has no room is dropped and counted.
impl Write for Intake {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        if self.put(text.to_vec()).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is written at once.
#[derive(Default)]
struct Gathered {
    lines: Vec<Vec<u8>>,
    /// Who waits for the lines.
    flush: Option<SyncSender<()>>,
}

/// The thread behind a book.
struct Clerk {
    sink: Sink,
    process: &'static str,
    waiting: Arc<AtomicUsize>,
    dropped: Arc<AtomicU64>,
    change: Arc<Mutex<Option<Settings>>>,
}

impl Clerk {
    fn work(mut self, entries: &Receiver<Entry>) {
        let mut busy_since = None;
        loop {
            let first = match self.next(entries) {
                Err(RecvTimeoutError::Disconnected) => return self.tell_lost(stamp::now()),
                first => first.ok(),
            };
            if within(busy_since, stamp::now(), GATHER_TIME) {
                std::thread::sleep(GATHER_TIME);
            }
            let Gathered { lines, flush } = self.gather(first, entries);
            let now = stamp::now();
            self.take_change(now);
            self.write(&lines, now);
            let is_more = lines.len() >= GATHER_LINES || !self.sink.takes_many();
            busy_since = (!lines.is_empty() && !is_more).then_some(now);
            // The waiting end may have given up.
            flush.map(|done| done.try_send(()));
            self.sink.tend(now);
        }
    }

    /// Waits for the next entry, and no longer than something else is to be done.
    fn next(&self, entries: &Receiver<Entry>) -> Result<Entry, RecvTimeoutError> {
        if self.sink.needs_time() {
            entries.recv_timeout(TEND_EVERY)
        } else {
            entries.recv().map_err(|_| RecvTimeoutError::Disconnected)
        }
    }

    /// Takes what waits: one line where lines must be written one by one, otherwise more.
    fn gather(&self, first: Option<Entry>, entries: &Receiver<Entry>) -> Gathered {
        let mut gathered = Gathered::default();
        let most = if self.sink.takes_many() { GATHER_LINES } else { 1 };
        let mut next = first;
        while let Some(entry) = next {
            match entry {
                Entry::Line(line) => gathered.lines.push(line),
                Entry::Changed => {}
                Entry::Flush(done) => {
                    gathered.flush = Some(done);
                    break;
                }
            }
            let is_full = gathered.lines.len() >= most;
            next = if is_full { None } else { entries.try_recv().ok() };
        }
        gathered
    }

    /// Writes lines, and how many were lost before.
    fn write(&mut self, lines: &[Vec<u8>], now: OffsetDateTime) {
        self.sink.write_all(lines, now);
        let bytes = lines.iter().map(Vec::len).sum();
        self.waiting.fetch_sub(bytes, Ordering::Relaxed);
        // While nothing can be written, each line would be tried twice.
        if lines.is_empty() || self.sink.works() {
            self.tell_lost(now);
        }
    }

    fn tell_lost(&mut self, now: OffsetDateTime) {
        self.sink.count_lost(self.dropped.swap(0, Ordering::Relaxed));
        self.sink.tell_lost(self.process, now);
    }

    fn take_change(&mut self, now: OffsetDateTime) {
        let change = self.change.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(settings) = change else { return };
        let name = settings.name;
        match Sink::open(settings, now) {
            Ok(mut sink) => {
                sink.inherit(&self.sink);
                self.sink = sink;
            }
            Err(error) => {
                let start = stamp::start_of(now, "ERROR", self.process, std::process::id());
                let line = format!(
                    "{start} the log cannot be moved and stays where it is log={name} error={error}"
                );
                self.sink.write(line.as_bytes(), now);
            }
        }
    }
}

#[cfg(test)]
mod tests;
