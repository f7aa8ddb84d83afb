//! Faults of the disk and of the clock under a running `stored`: reads go on, nothing acknowledged is
//! lost, and when the fault ends the service goes on by itself.

use crate::content::{self, Content};
use crate::place::{Place, Stored, engine_config};
use crate::script::{LARGE_BYTES, deliver, letter, letter_bytes};
use bytes::Bytes;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use waypost_powercut::control::{UNLIMITED, Word};
use waypost_store::conformance::wait;
use waypost_store::{Mailbox, Mutation, Outcome, Payload, Snapshot, Store, StoreError};
use waypost_store_local::client::StoreClient;
use waypost_store_local::local::LocalStore;
use waypost_types::{AccountName, MailboxName, Uid, UidSet};

/// The variable that tells this program to fill the small disk it names.
const SMALL_DISK: &str = "WAYPOST_TEST_SMALL_DISK";

async fn mail(store: &dyn Store, number: u32, size: usize) -> Result<Uid, StoreError> {
    match store.submit(deliver(letter(number, size), &[("ada", None)])).await? {
        Outcome::Delivered(mut results) => results.pop().unwrap().map(|delivered| delivered.uid),
        other => panic!("a delivery answered {other:?}"),
    }
}

fn content(store: &dyn Store) -> Content {
    content::of(&*store.snapshot().unwrap()).unwrap()
}

fn inbox(snapshot: &dyn Snapshot) -> Mailbox {
    let account = snapshot.account(&AccountName::new("ada").unwrap()).unwrap().unwrap();
    snapshot.mailbox_named(account.id, &MailboxName::inbox()).unwrap().unwrap()
}

/// Delivers until the disk is full: the numbers of the messages that were taken.
async fn fill(store: &dyn Store, from: u32) -> Vec<u32> {
    let mut taken = Vec::new();
    for number in from..from + 2_000 {
        match mail(store, number, 5_000).await {
            Ok(_) => taken.push(number),
            Err(error) => {
                assert!(matches!(error, StoreError::NoSpace | StoreError::Io(_)), "{error}");
                return taken;
            }
        }
    }
    panic!("the disk is never full");
}

/// Exactly these messages are there, each with its bytes.
fn must_hold(store: &dyn Store, numbers: &[u32], size: usize) {
    let snapshot = store.snapshot().unwrap();
    let mailbox = inbox(&*snapshot);
    let live = snapshot.live(&mailbox).unwrap();
    let found: Vec<Vec<u8>> =
        live.iter().map(|uid| content::body(&*snapshot, &mailbox, uid).unwrap()).collect();
    let wanted: Vec<Vec<u8>> = numbers.iter().map(|one| letter_bytes(*one, size)).collect();
    assert!(found == wanted, "{} messages, not {}", found.len(), wanted.len());
}

async fn full_disk(word: Word, space: u64) {
    let place = Place::new();
    let stored = place.stored();
    let store = place.client().await;
    mail(&store, 0, 5_000).await.unwrap();
    place.control.set(word, space).unwrap();
    let mut taken = vec![0];
    taken.extend(fill(&store, 1).await);
    assert!(place.control.read(Word::FullSeen).unwrap() > 0, "the disk was not full");
    must_hold(&store, &taken, 5_000);
    place.control.set(word, UNLIMITED).unwrap();
    mail(&store, 5_000, 5_000).await.unwrap();
    taken.push(5_000);
    must_hold(&store, &taken, 5_000);
    stored.stop();
    let again = place.stored();
    must_hold(&place.client().await, &taken, 5_000);
    again.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_without_space_for_messages_keeps_what_it_has() {
    full_disk(Word::SegmentSpace, 40_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_without_space_for_metadata_keeps_what_it_has() {
    full_disk(Word::MetadataSpace, 700_001).await;
}

/// A disk that really is small, in a name space of its own.
#[test]
fn a_small_disk_fills_and_recovers_when_there_is_space_again() {
    let folder = crate::place::memory_folder();
    let status = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c"])
        .arg("mount -t tmpfs -o size=4m waypost \"$0\" && exec \"$1\" --exact faults::small_disk")
        .arg(folder.path())
        .arg(std::env::current_exe().unwrap())
        .env(SMALL_DISK, folder.path())
        .status()
        .unwrap();
    assert!(status.success(), "a small file system needs a user name space: {status}");
}

/// The child's side; nothing when the tests run.
#[test]
fn small_disk() {
    let Some(folder) = std::env::var_os(SMALL_DISK) else { return };
    let (store, ballast) = (Path::new(&folder).join("store"), Path::new(&folder).join("ballast"));
    std::fs::write(&ballast, vec![1; 600_000]).unwrap();
    let open = || LocalStore::open(engine_config(&store)).unwrap();
    let running = open();
    let mut taken = wait(fill(&running, 0));
    assert!(taken.len() > 20, "{}", taken.len());
    must_hold(&running, &taken, 5_000);
    assert!(wait(mail(&running, 4_000, 5_000)).is_err(), "it is still full");
    let moved = move_first(&running, 10);
    assert_eq!(taken.splice(..10, []).count(), 10);
    must_hold(&running, &taken, 5_000);
    assert_eq!(wait(mail(&running, 4_000, 5_000)), Err(StoreError::NoSpace), "not for mail");
    std::fs::remove_file(&ballast).unwrap();
    let again = Instant::now() + Duration::from_secs(20);
    while let Err(error) = wait(mail(&running, 4_001, 5_000)) {
        assert!(error == StoreError::NoSpace && Instant::now() < again, "{error}");
        std::thread::sleep(Duration::from_millis(50));
    }
    taken.push(4_001);
    assert_eq!(*running.snapshot().unwrap().live(&moved).unwrap(), UidSet::range(1..=10));
    must_hold(&running, &taken, 5_000);
    drop(running);
    must_hold(&open(), &taken, 5_000);
}

/// Makes a mailbox and moves ada's first messages there.
fn move_first(store: &dyn Store, count: usize) -> Mailbox {
    let from = inbox(&*store.snapshot().unwrap());
    let name = MailboxName::new("Moved here").unwrap();
    let made = Mutation::CreateMailbox { account: from.account, name, special_use: None };
    let Outcome::Mailbox(to) = wait(store.submit(made)).unwrap() else { panic!("no mailbox") };
    let snapshot = store.snapshot().unwrap();
    let uids = snapshot.live(&from).unwrap().iter().take(count).collect();
    drop(snapshot);
    let moved = Mutation::Move { account: from.account, from: from.id, uids, to };
    wait(store.submit(moved)).unwrap();
    store.snapshot().unwrap().mailbox(from.account, to).unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_disk_delays_changes_and_no_reads() {
    let place = Place::new();
    let stored = place.stored();
    let store = Arc::new(place.client().await);
    mail(&*store, 0, 900).await.unwrap();
    place.control.set(Word::SyncDelay, 300_000).unwrap();
    let (done, reads) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let reader = std::thread::spawn({
        let (store, done, reads) = (Arc::clone(&store), Arc::clone(&done), Arc::clone(&reads));
        move || {
            while !done.load(Ordering::Acquire) {
                assert!(!content(&*store).is_empty());
                reads.fetch_add(1, Ordering::AcqRel);
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    });
    let before = reads.load(Ordering::Acquire);
    let answers: Vec<_> = (1..9)
        .map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { mail(&*store, number, 900).await })
        })
        .collect();
    for answer in answers {
        answer.await.unwrap().unwrap();
    }
    let meanwhile = reads.load(Ordering::Acquire) - before;
    done.store(true, Ordering::Release);
    reader.join().unwrap();
    assert!(place.control.read(Word::DelaysSeen).unwrap() >= 2);
    assert!(meanwhile >= 5, "only {meanwhile} reads beside slow syncs");
    place.control.set(Word::SyncDelay, 0).unwrap();
    assert_eq!(inbox(&*store.snapshot().unwrap()).counters.messages, 9);
    stored.stop();
}

async fn create(store: &StoreClient, name: &str) -> Mailbox {
    let snapshot = || store.snapshot().unwrap();
    let account = inbox(&*snapshot()).account;
    let name = MailboxName::new(name).unwrap();
    let create = Mutation::CreateMailbox { account, name: name.clone(), special_use: None };
    store.submit(create).await.unwrap();
    snapshot().mailbox_named(account, &name).unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_gives_no_number_twice() {
    const DAYS: i64 = 10 * 86_400;
    let place = Place::new();
    let stored = place.stored();
    let store = place.client().await;
    let mut last = (mail(&store, 0, 900).await.unwrap(), create(&store, "before").await);
    for (number, offset) in (1..).zip([DAYS, -DAYS, 0, 365 * DAYS, -DAYS]) {
        place.control.set(Word::ClockOffset, offset.cast_unsigned()).unwrap();
        let uid = mail(&store, number, 900).await.unwrap();
        let made = create(&store, &format!("after {number}")).await;
        assert!(uid > last.0 && made.id > last.1.id && made.modseq > last.1.modseq);
        assert!(made.uid_validity > last.1.uid_validity, "{offset}");
        last = (uid, made);
    }
    must_hold(&store, &[0, 1, 2, 3, 4, 5], 900);
    stored.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_takes_no_upload_away() {
    let place = Place::new();
    let stored = place.stored();
    let store = place.client().await;
    mail(&store, 0, 900).await.unwrap();
    let payload = upload(&store).await.unwrap();
    place.control.set(Word::ClockOffset, 7_200).unwrap();
    // Many rounds of the purge, which looks for files that belong to nobody.
    tokio::time::sleep(Duration::from_millis(600)).await;
    store.submit(deliver(payload, &[("ada", None)])).await.unwrap();
    let snapshot = store.snapshot().unwrap();
    let bytes = content::body(&*snapshot, &inbox(&*snapshot), Uid(2)).unwrap();
    assert!(bytes == letter_bytes(7, LARGE_BYTES));
    drop(snapshot);
    stored.stop();
}

async fn upload(store: &StoreClient) -> Result<Payload, StoreError> {
    let mut upload = store.upload();
    for chunk in letter_bytes(7, LARGE_BYTES).chunks(200_000) {
        upload = upload.write(Bytes::copy_from_slice(chunk)).await?;
    }
    upload.finish().await
}

/// How many descriptors a process has open, the two of the library left out.
fn descriptors(stored: &Stored) -> usize {
    let folder = std::fs::read_dir(format!("/proc/{}/fd", stored.pid())).unwrap();
    let numbers = folder.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    numbers.filter(|number: &usize| *number < 900).count()
}

fn limit(stored: &Stored, descriptors: usize) {
    let status = Command::new("prlimit")
        .args([&format!("--pid={}", stored.pid()), &format!("--nofile={descriptors}:4096")])
        .status();
    assert!(status.unwrap().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_descriptors_clients_that_are_there_go_on() {
    let place = Place::new();
    let stored = place.stored();
    let store = place.client().await;
    mail(&store, 0, 900).await.unwrap();
    limit(&stored, descriptors(&stored) + 3);
    let crowd: Vec<UnixStream> =
        (0..12).map(|_| UnixStream::connect(place.socket()).unwrap()).collect();
    tokio::time::sleep(Duration::from_millis(200)).await;
    mail(&store, 1, 900).await.unwrap();
    let refused = upload(&store).await.map(drop);
    assert!(matches!(refused, Err(StoreError::Io(_))), "{refused:?}");
    must_hold(&store, &[0, 1], 900);
    drop(crowd);
    limit(&stored, 1_024);
    let payload = upload(&store).await.unwrap();
    store.submit(deliver(payload, &[("bob", None)])).await.unwrap();
    mail(&place.client().await, 2, 900).await.unwrap();
    must_hold(&store, &[0, 1, 2], 900);
    stored.stop();
}

/// Flips a bit wherever a file holds a text.
fn flip(path: &Path, text: &[u8]) -> usize {
    let bytes = std::fs::read(path).unwrap();
    let file = File::options().write(true).open(path).unwrap();
    let places = bytes.windows(text.len()).enumerate().filter(|(_, window)| *window == text);
    let places: Vec<usize> = places.map(|(at, _)| at).collect();
    for at in &places {
        file.write_all_at(&[bytes[*at] ^ 4], *at as u64).unwrap();
    }
    places.len()
}

fn segments(place: &Place) -> Vec<PathBuf> {
    let folder = std::fs::read_dir(place.store().join("segments")).unwrap();
    folder.map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_bit_costs_one_message_and_is_never_shown() {
    let place = Place::new();
    let stored = place.stored();
    let store = place.client().await;
    for number in 0..4 {
        mail(&store, number, 2_000).await.unwrap();
    }
    let flipped: usize = segments(&place).iter().map(|path| flip(path, b"letter 2 line 5 ")).sum();
    assert_eq!(flipped, 1);
    let body = |uid| {
        let snapshot = store.snapshot().unwrap();
        content::body(&*snapshot, &inbox(&*snapshot), Uid(uid))
    };
    assert!(body(3).unwrap_err().contains("damaged"), "UID 3 is the damaged one");
    for (uid, number) in [(1, 0), (2, 1), (4, 3)] {
        assert!(body(uid).unwrap() == letter_bytes(number, 2_000));
    }
    mail(&store, 4, 2_000).await.unwrap();
    assert!(body(5).unwrap() == letter_bytes(4, 2_000));
    stored.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flipped_bit_in_a_form_costs_one_message() {
    let place = Place::new();
    let stored = place.stored();
    let store = place.client().await;
    for number in 0..4 {
        mail(&store, number, 2_000).await.unwrap();
    }
    assert!(flip(&place.store().join("meta/data.mdb"), b"etter 2") > 0);
    let form = |uid| {
        let snapshot = store.snapshot().unwrap();
        let mailbox = inbox(&*snapshot);
        let row = snapshot.message(mailbox.id, Uid(uid)).unwrap().unwrap();
        snapshot.form(mailbox.account, row.email).map(|form| form.subject.to_string())
    };
    let damaged = form(3);
    let is_contained = match &damaged {
        Ok(subject) => subject == "letter 2",
        Err(error) => matches!(error, StoreError::Corrupt(_)),
    };
    assert!(is_contained, "{damaged:?}");
    for (uid, number) in [(1, 0), (2, 1), (4, 3)] {
        assert_eq!(form(uid), Ok(format!("letter {number}")));
    }
    mail(&store, 4, 2_000).await.unwrap();
    stored.stop();
}
