//! Rotation and limits of a log in a file, on a clock of the test's own.

#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

use super::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration as Span;
use time::Duration;
use time::macros::datetime;

const START: OffsetDateTime = datetime!(2026-02-03 12:00 UTC);

struct World {
    folder: tempfile::TempDir,
    log: LogFile,
    free: Arc<AtomicU64>,
}

impl World {
    fn new(change: impl Fn(&mut FileSettings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = FileSettings {
            folder: folder.path().join("log"),
            max_file_bytes: 0,
            rollover: Span::ZERO,
            max_files: 0,
            max_bytes: 0,
            expiry: Span::ZERO,
            min_free_bytes: 0,
        };
        change(&mut settings);
        let free = Arc::new(AtomicU64::new(u64::MAX));
        let log = Self::log(settings, &free);
        Self { folder, log, free }
    }

    fn log(settings: FileSettings, free: &Arc<AtomicU64>) -> LogFile {
        let free = Arc::clone(free);
        LogFile::with_free("imap", settings, Box::new(move |_| Ok(free.load(Ordering::Relaxed))))
    }

    fn restart(&mut self) {
        self.log = Self::log(self.log.settings.clone(), &self.free);
    }

    /// Writes ten bytes with their line end.
    fn write(&mut self, text: &str, after: i64) {
        self.log.write(text.as_bytes(), START + Duration::seconds(after)).unwrap();
    }

    fn tend(&mut self, after: i64) {
        self.log.tend(START + Duration::seconds(after)).unwrap().unwrap();
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// What stands in the files, oldest first, the current one last.
    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path()).unwrap().map(|entry| entry.unwrap().path());
        let mut paths: Vec<_> = entries.collect();
        paths.sort();
        paths.rotate_left(1);
        paths.iter().map(|path| fs::read_to_string(path).unwrap().replace('\n', ";")).collect()
    }
}

#[test]
fn a_full_file_is_put_aside_and_no_line_is_lost_or_cut() {
    let mut world = World::new(|keep| keep.max_file_bytes = 25);
    for text in ["111111111", "222222222", "333333333", "444444444", "555555555"] {
        world.write(text, 0);
    }
    assert_eq!(world.files(), ["111111111;222222222;", "333333333;444444444;", "555555555;"]);
    world.write(&"6".repeat(99), 0);
    world.write("777777777", 0);
    let long = format!("{};", "6".repeat(99));
    assert_eq!(world.files()[2..], ["555555555;", &long, "777777777;"]);
}

#[test]
fn an_old_file_is_put_aside_also_when_nothing_is_written() {
    let mut world = World::new(|keep| keep.rollover = Span::from_secs(100));
    world.write("111111111", 0);
    world.write("222222222", 99);
    world.write("333333333", 100);
    assert_eq!(world.files(), ["111111111;222222222;", "333333333;"]);
    world.tend(150);
    assert_eq!(world.files().len(), 2);
    world.tend(200);
    assert_eq!(world.files()[1..], ["333333333;", ""]);
    world.tend(900);
    assert_eq!(world.files().len(), 3, "an empty file has no age");
}

#[test]
fn a_restart_goes_on_with_the_file_and_its_age() {
    let mut world = World::new(|keep| keep.rollover = Span::from_secs(100));
    world.write("2026-02-03T12:00:00.000Z INFO a[1] one", 0);
    world.restart();
    world.write("2026-02-03T12:01:00.000Z INFO a[1] two", 60);
    assert_eq!(world.files().len(), 1);
    world.restart();
    world.write("2026-02-03T12:02:00.000Z INFO a[1] three", 120);
    assert_eq!(world.files().len(), 2);
    assert!(world.files()[0].ends_with("two;"));
}

#[test]
fn count_total_and_expiry_are_held() {
    let mut world = World::new(|keep| (keep.max_file_bytes, keep.max_files) = (10, 3));
    for text in ["111111111", "222222222", "333333333", "444444444"] {
        world.write(text, 0);
    }
    assert_eq!(world.files(), ["222222222;", "333333333;", "444444444;"]);

    let mut world = World::new(|keep| (keep.max_file_bytes, keep.max_bytes) = (20, 45));
    for text in ["111111111", "222222222", "333333333", "444444444", "555555555"] {
        world.write(text, 0);
    }
    assert_eq!(world.files(), ["333333333;444444444;", "555555555;"]);
    world.write("666666666", 0);
    assert_eq!(world.files().concat().len(), 40);

    let mut world =
        World::new(|keep| (keep.max_file_bytes, keep.expiry) = (10, Span::from_secs(60)));
    world.write("111111111", 0);
    world.write("222222222", 0);
    world.write("333333333", 30);
    world.tend(61);
    assert_eq!(world.files(), ["222222222;", "333333333;"]);
    world.tend(9_999);
    assert_eq!(world.files(), ["333333333;"], "the file that is written stays");
}

#[test]
fn a_disk_that_fills_costs_the_oldest_files() {
    let mut world = World::new(|keep| (keep.max_file_bytes, keep.min_free_bytes) = (10, 1_000));
    world.write("111111111", 0);
    world.write("222222222", 0);
    world.free.store(999, Ordering::Relaxed);
    world.tend(10);
    assert_eq!(world.files(), ["222222222;"]);
}

#[test]
fn a_line_that_does_not_fit_leaves_nothing_behind() {
    let full = File::options().read(true).append(true).open("/dev/full").unwrap();
    let mut world = World::new(|_| ());
    world.write("111111111", 0);
    let sound = std::mem::replace(&mut world.log.open.as_mut().unwrap().file, full);
    let error = world.log.write(b"lost", START).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    world.log.open.as_mut().unwrap().file = sound;
    world.write("222222222", 0);
    assert_eq!(world.files(), ["111111111;222222222;"]);
}

#[test]
fn half_a_line_of_a_crash_is_ended() {
    let mut world = World::new(|_| ());
    world.write("111111111", 0);
    fs::write(world.path().join("imap"), "111111111\n22").unwrap();
    world.restart();
    world.write("333333333", 0);
    assert_eq!(world.files(), ["111111111;22;333333333;"]);
}

#[test]
fn a_file_that_somebody_moved_is_begun_anew() {
    let mut world = World::new(|_| ());
    world.write("111111111", 0);
    fs::rename(world.path().join("imap"), world.path().join("moved")).unwrap();
    world.tend(10);
    world.write("222222222", 10);
    assert_eq!(fs::read_to_string(world.path().join("imap")).unwrap(), "222222222\n");
}

#[test]
fn a_folder_that_cannot_be_made_is_tried_again_after_a_pause() {
    let mut world = World::new(|_| ());
    fs::write(world.path(), "in the way").unwrap();
    let at = |millis: i64| START + Duration::milliseconds(millis);
    assert!(world.log.write(b"lost", at(0)).is_err());
    fs::remove_file(world.path()).unwrap();
    assert!(world.log.write(b"lost", at(999)).is_err());
    assert!(world.log.write(b"there", at(1_000)).is_ok());
    assert_eq!(world.files(), ["there;"]);
}

#[test]
fn a_file_that_cannot_be_put_aside_is_written_on() {
    let mut world = World::new(|keep| keep.max_file_bytes = 10);
    world.write("111111111", 0);
    fs::create_dir(world.path().join("imap.20260203T120000.000Z")).unwrap();
    fs::write(world.path().join("imap.20260203T120000.000Z/foreign"), "").unwrap();
    world.write("222222222", 0);
    let text = || fs::read_to_string(world.path().join("imap")).unwrap();
    assert_eq!(text(), "111111111\n222222222\n");
    assert!(world.log.tend(START).unwrap().is_err());
    world.write("333333333", 2);
    assert_eq!(fs::read_to_string(world.path().join("imap")).unwrap(), "333333333\n");
}
