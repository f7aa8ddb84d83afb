//! Queues that fill, ends that hang or fail, and settings that change.

#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

use super::*;
use crate::limits::LINE_BYTES;
use crate::settings::{Destination, Facility, FileSettings};
use crate::syslog::Syslog;
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

/// A disk that takes each write only when the test says so.
struct Gate {
    open: Receiver<io::Result<()>>,
    written: Sender<String>,
}

impl Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // The test has ended when nobody opens the gate any more.
        self.open.recv().map_err(io::Error::other)??;
        let _ = self.written.send(String::from_utf8(bytes.to_vec()).unwrap());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn gated(lines: usize) -> (Book, Sender<io::Result<()>>, Receiver<String>) {
    gated_sink(lines, false)
}

fn gated_sink(lines: usize, takes_many: bool) -> (Book, Sender<io::Result<()>>, Receiver<String>) {
    let (opener, open) = channel();
    let (written, lines_written) = channel();
    let sink = Sink::to_writer(Box::new(Gate { open, written }), takes_many);
    (Book::start_with(sink, "test", "waypost", lines).unwrap(), opener, lines_written)
}

fn settings(folder: &Path) -> Settings {
    let keep = FileSettings {
        folder: folder.to_owned(),
        max_file_bytes: 0,
        rollover: Duration::ZERO,
        max_files: 0,
        max_bytes: 0,
        expiry: Duration::ZERO,
        min_free_bytes: 0,
    };
    Settings { name: "imap", destination: Destination::File(keep) }
}

fn text(folder: &Path) -> String {
    fs::read_to_string(folder.join("imap")).unwrap_or_default()
}

#[test]
fn a_disk_that_hangs_stops_nobody_and_what_is_dropped_is_told() {
    let (book, opener, written) = gated(3);
    let mut intake = book.intake();
    let before = Instant::now();
    // One line may be with the disk already, three wait.
    (0..1_000).for_each(|_| intake.write_all(b"line\n").unwrap());
    assert!(intake.offer(b"said".to_vec(), "imapd", 7).is_err());
    assert!(before.elapsed() < Duration::from_secs(5));
    let dropped = intake.dropped.load(Ordering::Relaxed);
    assert!((996..=997).contains(&dropped), "{dropped}");
    (0..10).for_each(|_| opener.send(Ok(())).unwrap());
    let told = written.iter().find(|line| line.contains("were lost")).unwrap();
    assert!(told.contains("log=test lines=99"), "{told}");
}

#[test]
fn long_lines_fill_the_queue_sooner() {
    let (book, opener, written) = gated(QUEUE_LINES);
    let line = [b'x'; LINE_BYTES];
    let put = || book.intake().put(line.to_vec());
    let room = QUEUE_BYTES / LINE_BYTES;
    assert_eq!((0..QUEUE_LINES).take_while(|_| put().is_ok()).count(), room);
    (0..room).for_each(|_| opener.send(Ok(())).unwrap());
    assert_eq!(written.iter().take(room).count(), room);
    while book.intake.waiting.load(Ordering::Relaxed) > 0 {
        std::thread::yield_now();
    }
    assert!(put().is_ok());
}

#[test]
fn lines_that_a_disk_refuses_are_told_when_it_takes_some_again() {
    let (book, opener, written) = gated(10);
    let mut intake = book.intake();
    let full = || Err(io::ErrorKind::StorageFull.into());
    for taken in [full(), full(), Ok(()), Ok(())] {
        opener.send(taken).unwrap();
    }
    for line in ["1\n", "2\n", "3\n"] {
        intake.write_all(line.as_bytes()).unwrap();
    }
    assert_eq!(written.recv().unwrap(), "3\n");
    assert!(written.recv().unwrap().ends_with("lines of the log were lost log=test lines=2\n"));
}

#[test]
fn lines_that_come_one_upon_the_other_are_written_together() {
    let (book, opener, written) = gated_sink(10, true);
    let all = "1\n2\n3\n4\n5\n";
    all.split_inclusive('\n').for_each(|line| book.intake().write_all(line.as_bytes()).unwrap());
    // The first may have been on its way to the disk alone.
    (0..2).for_each(|_| opener.send(Ok(())).unwrap());
    let mut text = written.recv().unwrap();
    if text != all {
        text += &written.recv().unwrap();
    }
    assert_eq!(text, all);
}

#[test]
fn lines_that_are_lost_together_are_all_counted() {
    let (opener, open) = channel();
    let (written, lines_written) = channel();
    let mut sink = Sink::to_writer(Box::new(Gate { open, written }), true);
    opener.send(Err(io::ErrorKind::StorageFull.into())).unwrap();
    sink.write_all(&[b"1".to_vec(), b"2".to_vec(), b"3".to_vec()], stamp::now());
    opener.send(Ok(())).unwrap();
    sink.tell_lost("waypost", stamp::now());
    assert!(lines_written.recv().unwrap().ends_with("log=test lines=3\n"));
}

#[test]
fn lines_that_come_together_are_put_aside_as_single_ones() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(folder.path());
    let Destination::File(keep) = &mut settings.destination else { panic!("not a file") };
    keep.max_file_bytes = 25;
    let mut sink = Sink::open(settings, stamp::now()).unwrap();
    let lines: Vec<Vec<u8>> = (1..=5_u8).map(|number| [b'0' + number; 9].to_vec()).collect();
    sink.write_all(&lines[..2], stamp::now());
    sink.write_all(&lines[2..], stamp::now());
    let files = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let mut texts: Vec<_> = files.map(|path| fs::read_to_string(path).unwrap()).collect();
    texts.sort();
    assert_eq!(texts.len(), 3);
    let all = ["111111111", "222222222", "333333333", "444444444", "555555555"];
    assert_eq!(texts.concat().lines().collect::<Vec<_>>(), all);
}

#[test]
fn an_end_that_hangs_does_not_hold_up_the_end() {
    let (book, _opener, _written) = gated(3);
    book.intake().write_all(b"line\n").unwrap();
    let before = Instant::now();
    drop(book);
    assert!(before.elapsed() < FLUSH_TIME + Duration::from_secs(2));
}

#[test]
fn what_was_written_is_there_after_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let book = Book::start(settings(folder.path()), "waypost").unwrap();
    (0..500).for_each(|number| book.intake().write_all(format!("{number}\n").as_bytes()).unwrap());
    drop(book);
    assert_eq!(text(folder.path()).lines().count(), 500);
}

#[test]
fn a_change_moves_the_log_and_one_that_fails_leaves_it() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    let book = Book::start(settings(&one), "waypost").unwrap();
    let mut intake = book.intake();
    intake.write_all(b"first\n").unwrap();
    while text(&one).is_empty() {
        std::thread::yield_now();
    }
    book.change(settings(&two));
    intake.write_all(b"second\n").unwrap();
    while text(&two).is_empty() {
        std::thread::yield_now();
    }
    book.change(settings(&two.join("imap/below")));
    intake.write_all(b"third\n").unwrap();
    drop(book);
    assert_eq!(text(&one), "first\n");
    let after = text(&two);
    assert!(after.starts_with("second\n") && after.ends_with("third\n"), "{after}");
    assert!(after.contains("ERROR waypost["), "{after}");
}

#[test]
fn nothing_is_written_nowhere_and_a_bad_folder_is_told_at_once() {
    let silent = Settings { name: "imap", destination: Destination::Nowhere };
    let book = Book::start(silent, "waypost").unwrap();
    book.intake().write_all(b"line\n").unwrap();
    assert!(Book::start(settings(Path::new("/proc/none")), "waypost").is_err());
}

#[test]
fn syslog_that_comes_later_hears_how_much_it_missed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let facility = Facility::named("local3").unwrap();
    let sink = Sink::to_syslog(Syslog::at(facility, path.clone()));
    let book = Book::start_with(sink, "test", "waypost", 10).unwrap();
    let said = || b"2026-02-03T12:00:00.000Z INFO imapd[7] ready".to_vec();
    book.intake().offer(said(), "imapd", 7).unwrap();
    book.intake().offer(said(), "imapd", 7).unwrap();
    std::thread::sleep(crate::limits::RETRY_PAUSE + Duration::from_millis(100));
    let receiver = UnixDatagram::bind(&path).unwrap();
    receiver.set_read_timeout(Some(Duration::from_secs(9))).unwrap();
    book.intake().offer(said(), "imapd", 7).unwrap();
    let mut bytes = [0; 1_000];
    let mut receive = || {
        let length = receiver.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    };
    assert_eq!(receive(), "<158>waypost-imapd[7]: ready");
    let told = receive();
    assert!(told.starts_with("<156>waypost[") && told.ends_with("lines=2"), "{told}");
}
