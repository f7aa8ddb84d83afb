//! Whole metadata are found whole, also while they are written; what is damaged is found, and whom it concerns.

#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

use super::page::{Head, Page, Value};
use super::{Area, Pages, Structure, examine, examine_open};
use crate::env::{DATA_FILE, META_DIR, Meta, put};
use crate::keys;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use tempfile::TempDir;
use waypost_types::{AccountId, EmailId};

const MAP: usize = 1 << 28;

/// Emails of 40 accounts: some 100 pages below one root.
fn fill(meta: &Meta) {
    let mut txn = meta.env.write_txn().unwrap();
    for account in 1..=40 {
        for email in 1..=40 {
            let key = keys::email(AccountId(account), EmailId(email));
            put(&meta.tables.emails, &mut txn, &key, &[7; 200]).unwrap();
        }
    }
    txn.commit().unwrap();
}

fn delete(meta: &Meta, account: u32) {
    let mut txn = meta.env.write_txn().unwrap();
    for email in 1..=40 {
        let key = keys::email(AccountId(account), EmailId(email));
        meta.tables.emails.delete(&mut txn, &key).unwrap();
    }
    txn.commit().unwrap();
}

/// A store that nobody has open.
fn filled() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    let meta = Meta::open_writer(place.path(), MAP).unwrap();
    fill(&meta);
    delete(&meta, 20);
    fill(&meta);
    drop(meta);
    place
}

fn file(partition: &Path) -> File {
    let path = partition.join(META_DIR).join(DATA_FILE);
    File::options().read(true).write(true).open(path).unwrap()
}

fn flip(place: &TempDir, page: u64, at: u64, bit: u8) {
    let (file, at) = (file(place.path()), page * rustix::param::page_size() as u64 + at);
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ bit], at).unwrap();
}

/// The newest head, and the root of the tree of emails with its page.
fn root_of_mail(partition: &Path) -> (Head, u64, Vec<u8>) {
    let pages = Pages::open(partition).unwrap();
    let head = pages.heads().newest().unwrap();
    let trees = pages.read(head.main.root, pages.page_bytes).unwrap();
    let trees = Page::read(&trees, head.main.root).unwrap();
    let mail = trees.nodes.iter().find(|node| node.key == b"mail").unwrap();
    let Value::Tree(record) = mail.value else { panic!("no tree") };
    (head, record.root, pages.read(record.root, pages.page_bytes).unwrap())
}

/// Lets the last branch of the tree of emails lead to a page that cannot be, as LMDB sees.
pub(crate) fn cut_last_emails(partition: &Path) {
    let (_, number, page) = root_of_mail(partition);
    let word = |at: usize| u64::from(u16::from_le_bytes([page[at], page[at + 1]]));
    let last = usize::try_from(word(12)).unwrap() - 2;
    let at = number * page.len() as u64 + word(last);
    file(partition).write_all_at(&[0xff; 6], at).unwrap();
}

/// Damages both heads.
pub(crate) fn damage_heads(partition: &Path) {
    for number in [0, 1] {
        let at = number * rustix::param::page_size() as u64 + 16;
        file(partition).write_all_at(b"none", at).unwrap();
    }
}

fn seen(place: &TempDir) -> Structure {
    examine(place.path()).unwrap()
}

#[test]
fn whole_metadata_are_found_whole() {
    let place = filled();
    let structure = seen(&place);
    assert!(structure.is_whole() && structure.pages > 100, "{structure:?}");
    let empty = tempfile::tempdir().unwrap();
    let meta = Meta::open_writer(empty.path(), MAP).unwrap();
    assert!(seen(&empty).is_whole() && examine_open(&meta).unwrap().is_whole());
}

#[test]
fn metadata_that_are_written_meanwhile_are_found_whole() {
    let place = filled();
    let meta = Meta::open_writer(place.path(), MAP).unwrap();
    let (ends, rounds) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let writer = std::thread::spawn({
        let (meta, ends, rounds) = (Arc::clone(&meta), Arc::clone(&ends), Arc::clone(&rounds));
        move || {
            while !ends.load(Ordering::Acquire) {
                delete(&meta, 1 + rounds.fetch_add(1, Ordering::AcqRel) % 40);
                fill(&meta);
            }
        }
    });
    // Under load the writer may come to its turn late.
    let mut looks = 0;
    while looks < 20 || rounds.load(Ordering::Acquire) < 3 {
        looks += 1;
        let structure = examine_open(&meta).unwrap();
        assert!(structure.is_whole(), "{structure:?}");
        let structure = seen(&place);
        assert!(structure.is_whole(), "{structure:?}");
    }
    ends.store(true, Ordering::Release);
    writer.join().unwrap();
}

#[test]
fn damage_of_heads_is_found() {
    // The number of the page, its kind, the magic, the last page, the number of the commit, the root.
    for at in [0, 10, 16, 139, 144, 128] {
        for page in [0, 1] {
            let place = filled();
            let newest = u64::from(root_of_mail(place.path()).0.commit % 2 == page);
            flip(&place, page, at, 4);
            let structure = seen(&place);
            // Where the older head leads to is not looked at.
            if newest == 1 || at != 128 {
                assert!(!structure.is_whole(), "page {page} at {at}");
                assert_eq!(structure.faults[0].area(), Area::Everything);
            }
        }
    }
}

#[test]
fn damage_of_a_leaf_concerns_the_accounts_on_it() {
    // Number, kind, bounds, the place of a node, and the length of a key in a node.
    for (at, bit) in [(1, 1), (10, 1), (12, 2), (14, 8), (16, 64), (17, 128)] {
        let place = filled();
        let (_, _, root) = root_of_mail(place.path());
        let root = Page::read(&root, u64::from_le_bytes(root[..8].try_into().unwrap())).unwrap();
        let Value::Child(child) = root.nodes[9].value else { panic!("no child") };
        flip(&place, child, at, bit);
        let structure = seen(&place);
        assert!(!structure.is_whole(), "{at}");
        let number = |at: usize| u32::from_be_bytes(root.nodes[at].key[..4].try_into().unwrap());
        let Area::Accounts(low, high) = structure.faults[0].area() else { panic!("{structure:?}") };
        assert!(low >= number(8) && low <= number(9) && high == number(10), "{structure:?}");
    }
}

#[test]
fn a_page_in_use_that_is_listed_as_free_is_found() {
    let place = filled();
    let pages = Pages::open(place.path()).unwrap();
    let (head, root, _) = root_of_mail(place.path());
    let leaf = pages.read(head.free.root, pages.page_bytes).unwrap();
    let node = &Page::read(&leaf, head.free.root).unwrap().nodes[0];
    let Value::Here(list) = node.value else { panic!("no list") };
    let at = leaf.windows(list.len()).position(|window| window == list).unwrap() as u64;
    let base = head.free.root * pages.page_bytes as u64;
    // One free page, and it is the root of the emails.
    file(place.path()).write_all_at(&1_u64.to_le_bytes(), base + at).unwrap();
    file(place.path()).write_all_at(&root.to_le_bytes(), base + at + 8).unwrap();
    let structure = seen(&place);
    assert!(structure.summary().contains("listed as free"), "{structure:?}");
}
