//! Each damage of each table is repaired: the store is whole again, and every message is where it was.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may unwrap")]

use super::*;
use crate::check::tests::{NOW, Pick, Rich, TABLES, is_of_dead};
use crate::check::{CheckReport, Problem};
use crate::codec::rows;
use std::os::unix::fs::FileExt;
use waypost_store::{FlagAction, Mutation, Outcome};
use waypost_types::{
    FlagSet, Keyword, MailboxName, QuotaLimits, SystemFlag, Uid, UidSet, UidValidity, UnixTime,
};

type Dump = Vec<(Pick, Vec<(Vec<u8>, Vec<u8>)>)>;

fn dump(rich: &Rich) -> Dump {
    let outcomes: (Part, Pick) = (Part::Outcomes, |t| &t.outcomes);
    let all = TABLES.into_iter().chain([outcomes]);
    all.map(|(_, table)| (table, rich.entries(table))).collect()
}

fn restore(rich: &mut Rich, dump: &Dump) {
    let reader = rich.engine.reader();
    let meta = reader.meta();
    let mut txn = meta.env.write_txn().unwrap();
    for (table, entries) in dump {
        let table = table(&meta.tables);
        table.clear(&mut txn).unwrap();
        for (key, value) in entries {
            env::put(table, &mut txn, key, value).unwrap();
        }
    }
    txn.commit().unwrap();
    rich.engine.cache = Cache::default();
}

/// Every message with its user, mailbox, UID and bytes.
fn content(rich: &Rich) -> Vec<(String, String, u32, Vec<u8>)> {
    let reader = rich.engine.reader();
    let snapshot = reader.snapshot().unwrap();
    let mut all = Vec::new();
    for account in snapshot.accounts().unwrap() {
        for mailbox in snapshot.mailboxes(account.id).unwrap() {
            for uid in snapshot.live(&mailbox).unwrap().iter() {
                let row = snapshot.message(mailbox.id, uid).unwrap().unwrap();
                let body = snapshot.body(account.id, row.email).unwrap();
                let mut bytes = Vec::new();
                body.append_to(0..body.size(), &mut bytes).unwrap();
                assert_eq!(snapshot.form(account.id, row.email).unwrap().subject, "s");
                let names = (account.name.to_string(), mailbox.name.to_string());
                all.push((names.0, names.1, uid.0, bytes));
            }
        }
    }
    all.sort();
    all
}

/// A deleted mailbox that nothing says was deleted comes back rather than being lost.
fn assert_same(
    before: &[(String, String, u32, Vec<u8>)],
    mut after: Vec<(String, String, u32, Vec<u8>)>,
    part: Part,
    key: &[u8],
) {
    if part == Part::Purge {
        after.retain(|(_, mailbox, ..)| !mailbox.starts_with("Recovered/"));
    }
    assert!(after == before, "{part} {key:?}: messages differ");
}

fn repair(rich: &mut Rich, report: &CheckReport) -> Vec<String> {
    rich.engine.repair(RepairPlan::new(&report.findings), NOW).unwrap()
}

/// Repairs, a second time when the first brought more to light.
fn heal(rich: &mut Rich, what: &str) {
    let report = rich.check();
    assert!(!report.is_clean(), "{what}: nothing was found");
    let said = repair(rich, &report);
    let again = rich.check();
    assert!(again.is_clean(), "{what}: {said:#?} left {:#?}", again.findings);
    assert!(!said.is_empty(), "{what}: was done in silence");
}

#[test]
fn every_entry_that_is_deleted_comes_back() {
    let mut rich = Rich::new();
    let (before, dump) = (content(&rich), dump(&rich));
    for (part, table) in TABLES.into_iter().filter(|(part, _)| *part != Part::Access) {
        for (key, _) in rich.entries(table) {
            if part == Part::State || is_of_dead(&rich, part, &key) {
                continue;
            }
            rich.set(table, &key, None);
            heal(&mut rich, &format!("{part} {key:?} deleted"));
            assert_same(&before, content(&rich), part, &key);
            restore(&mut rich, &dump);
        }
    }
}

#[test]
fn every_entry_that_is_damaged_is_made_right() {
    let mut rich = Rich::new();
    let (before, dump) = (content(&rich), dump(&rich));
    for (part, table) in TABLES {
        for (key, value) in rich.entries(table) {
            if part == Part::State || is_of_dead(&rich, part, &key) {
                continue;
            }
            let mut altered = value.clone();
            altered[0] ^= 0x40;
            rich.set(table, &key, Some(&altered));
            heal(&mut rich, &format!("{part} {key:?} altered"));
            assert_same(&before, content(&rich), part, &key);
            restore(&mut rich, &dump);
        }
    }
}

/// A flipped bit in a number of a key: nothing overflows over it, and what lies there is found to be wrong.
#[test]
fn an_entry_under_a_number_that_cannot_be_is_brought_back() {
    let mut rich = Rich::new();
    let (before, dump) = (content(&rich), dump(&rich));
    let accounts: (Part, Pick, usize) = (Part::Accounts, |t| &t.accounts, 2);
    let pages: (Part, Pick, usize) = (Part::Pages, |t| &t.pages, 4);
    for (part, table, at) in [accounts, pages] {
        for (key, value) in rich.entries(table) {
            if is_of_dead(&rich, part, &key) {
                continue;
            }
            let mut wrong = key.clone();
            wrong[at] ^= 0x80;
            rich.set(table, &key, None);
            rich.set(table, &wrong, Some(&value));
            heal(&mut rich, &format!("{part} {key:?} under {wrong:?}"));
            assert_same(&before, content(&rich), part, &key);
            restore(&mut rich, &dump);
        }
    }
}

#[test]
fn a_row_that_names_another_email_is_made_right() {
    let mut rich = Rich::new();
    let (before, dump) = (content(&rich), dump(&rich));
    let table: Pick = |t| &t.messages;
    for (key, value) in rich.entries(table) {
        if is_of_dead(&rich, Part::Messages, &key) {
            continue;
        }
        // One that is not there, and one that is and may have the same size.
        for bit in [1 << 11, 1] {
            let mut row = rows::decode_message(&value).unwrap();
            row.email.0 ^= bit;
            rich.set(table, &key, Some(&rows::encode_message(&row)));
            heal(&mut rich, &format!("{key:?} names email {}", row.email));
            assert_same(&before, content(&rich), Part::Messages, &key);
            restore(&mut rich, &dump);
        }
    }
}

fn inbox(rich: &Rich) -> waypost_store::Mailbox {
    let reader = rich.engine.reader();
    let snapshot = reader.snapshot().unwrap();
    snapshot.mailbox_named(rich.account, &MailboxName::inbox()).unwrap().unwrap()
}

#[test]
fn uid_validity_changes_exactly_when_a_record_is_lost() {
    let mut rich = Rich::new();
    let (was, dump) = (inbox(&rich), dump(&rich));
    let inboxes: [(Pick, Vec<u8>, bool); 4] = [
        (|t| &t.pages, keys::page(was.id, 0, 0).to_vec(), false),
        (|t| &t.messages, keys::message(was.id, Uid(2)).to_vec(), false),
        (|t| &t.mailbox_names, keys::named(was.account, "INBOX"), false),
        (|t| &t.mailboxes, keys::mailbox(was.account, was.id).to_vec(), true),
    ];
    for (table, key, changes) in inboxes {
        rich.set(table, &key, Some(b"\xffdamaged"));
        heal(&mut rich, "damaged");
        let is = inbox(&rich);
        assert_eq!(is.uid_validity != was.uid_validity, changes, "{key:?}");
        assert!(is.uid_validity >= was.uid_validity && is.uid_validity != UidValidity(0));
        assert_eq!((is.id, is.counters.messages, is.uid_next), (was.id, 4, was.uid_next));
        // A name is no state of the mailbox; everything else makes clients look again.
        assert!(is.modseq > was.modseq || key.starts_with(&was.account.0.to_be_bytes()));
        restore(&mut rich, &dump);
    }
}

#[test]
fn sent_dates_that_differ_are_seen_and_go_and_older_rows_are_right() {
    let mut rich = Rich::new();
    let was = inbox(&rich);
    let row = |rich: &Rich, mailbox, uid| {
        let reader = rich.engine.reader();
        reader.snapshot().unwrap().message(mailbox, Uid(uid)).unwrap().unwrap()
    };
    // Without a Date header it was sent when it arrived.
    assert_eq!(row(&rich, was.id, 2).sent, Some(NOW));
    let put = |rich: &Rich, sent| {
        let row = waypost_store::MessageRow { sent, ..row(rich, was.id, 2) };
        let key = keys::message(was.id, Uid(2));
        rich.set(|t| &t.messages, &key, Some(&crate::codec::rows::encode_message(&row)));
    };
    put(&rich, Some(UnixTime { seconds: NOW.seconds - 1, ..NOW }));
    heal(&mut rich, "another sent date");
    assert_eq!(row(&rich, was.id, 2).sent, None, "the form tells");
    put(&rich, None);
    assert!(rich.check().is_clean(), "a row of an older program");
    let name = MailboxName::new("copies").unwrap();
    let (account, special_use) = (was.account, None);
    let made = rich.run(Mutation::CreateMailbox { account, name, special_use });
    let Outcome::Mailbox(to) = made else { panic!("{made:?}") };
    let (from, uids, limits) = (was.id, UidSet::range(2..=3), QuotaLimits::default());
    rich.run(Mutation::Copy { account, from, uids, to, limits });
    assert_eq!([1, 2].map(|uid| row(&rich, to, uid).sent), [None, Some(NOW)]);
    assert!(rich.check().is_clean());
}

#[test]
fn forms_of_older_programs_are_right_and_read() {
    let rich = Rich::new();
    let reader = rich.engine.reader();
    let snapshot = reader.snapshot().unwrap();
    let (account, email) = (rich.account, waypost_types::EmailId(2));
    let form = snapshot.form(account, email).unwrap();
    // A form of version 1, field by field. Its texts differ, for it must be seen that none is made anew.
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (envelope, structure) = (text(form.envelope()), text(&form.bodystructure()));
    let extensions: [(u32, u32); 0] = [];
    let front = (&envelope, &structure, &extensions[..], (false, false));
    let numbers = (form.size, form.header_len, form.lines, form.sent_date);
    let texts = ("older", "", "", "", "", ("", ""), ("", "", ""), "older", "");
    let ids = (Some("1@x"), None::<&str>, &[""; 0][..]);
    let stored = postcard::to_extend(&(front, numbers, texts, (ids, &form.parts)), vec![1]);
    let key = keys::email(account, email);
    rich.set(|t| &t.forms, &key, Some(&crate::codec::seal(&stored.unwrap())));
    let snapshot = reader.snapshot().unwrap();
    assert_eq!(snapshot.form(account, email).unwrap().subject, "older");
    let bytes = snapshot.emails(account).form_bytes(email).unwrap().into_owned();
    let head = waypost_mime::FormHead::decode(&bytes).unwrap();
    assert_eq!(head.subject(), "older");
    let mut told = Vec::new();
    head.put_bodystructure(&mut told);
    assert_eq!(text(&told), structure);
    assert!(rich.check().is_clean());
}

#[test]
fn a_repaired_mailbox_goes_on() {
    let mut rich = Rich::new();
    let was = inbox(&rich);
    rich.set(|t| &t.pages, &keys::page(was.id, 0, 0), None);
    rich.set(|t| &t.keywords, &keys::keyword(was.id, 0), Some(b"?"));
    heal(&mut rich, "page and keyword");
    rich.deliver(&["ada"], 50);
    let mut flags = FlagSet::default();
    flags.insert_keyword(Keyword::new("again").unwrap());
    flags.system.insert(SystemFlag::Flagged);
    let (account, mailbox) = (was.account, was.id);
    let uids = UidSet::range(1..=9);
    let set = Mutation::SetFlags {
        account,
        mailbox,
        uids: uids.clone(),
        action: FlagAction::Add,
        flags,
        unchanged_since: None,
    };
    assert!(matches!(rich.run(set), Outcome::Flags { changed, .. } if changed.len() == 5));
    assert_eq!(inbox(&rich).uid_next, Uid(7));
    let gone = Mutation::Expunge { account, mailbox, uids: Some(uids), only_deleted: false };
    rich.run(gone);
    let later = UnixTime::utc(NOW.seconds + 7_200);
    while rich.engine.purge_step(&|_, _| None, later).unwrap().more {}
    assert!(rich.check().is_clean());
}

#[test]
fn a_keyword_without_a_name_says_so_and_stays() {
    let mut rich = Rich::new();
    let was = inbox(&rich);
    rich.set(|t| &t.keywords, &keys::keyword(was.id, 0), None);
    heal(&mut rich, "keyword");
    let reader = rich.engine.reader();
    let snapshot = reader.snapshot().unwrap();
    let names = snapshot.keywords(was.id).unwrap();
    assert_eq!(names[0].1.as_str(), "recovered-0");
}

#[test]
fn a_message_whose_bytes_are_gone_stays_and_is_named() {
    let mut rich = Rich::new();
    let (_, value) = rich.entries(|t| &t.blobs).remove(0);
    let row = crate::codec::rows::BlobRow::decode(&value).unwrap();
    let path = crate::segment::path(rich.dir.path(), row.segment);
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.write_all_at(b"?", row.end() - 3).unwrap();
    let report = rich.check();
    assert!(RepairPlan::new(&report.findings).is_empty(), "nothing can be done");
    assert!(report.findings.iter().all(|one| one.problem == Problem::Damaged));
    // A lost form of such a message is not made from wrong bytes.
    let (key, _) = rich.entries(|t| &t.forms).remove(0);
    rich.set(|t| &t.forms, &key, None);
    let report = rich.check();
    repair(&mut rich, &report);
    assert!(rich.entries(|t| &t.forms).iter().all(|(other, _)| *other != key));
    assert_eq!(inbox(&rich).counters.messages, 4);
}

#[test]
fn numbers_that_are_lost_are_made_above_all_others() {
    let rich = Rich::new();
    let path = rich.dir.path().to_path_buf();
    let numbers = rich.entries(|t| &t.state).into_iter().find(|(key, _)| key == b"numbers");
    let (key, _) = numbers.unwrap();
    rich.set(|t| &t.state, &key, None);
    let Rich { dir, engine, .. } = rich;
    drop(engine);
    let config = || crate::engine::EngineConfig {
        map_size: 1 << 30,
        ..crate::engine::EngineConfig::new(&path)
    };
    assert!(matches!(Engine::open(config()), Err(StoreError::Corrupt(_))), "ids would come again");
    assert!(mend(&config(), NOW).unwrap());
    let mut engine = Engine::open(config()).unwrap();
    let report = engine.reader().check(&crate::check::CheckOptions::default()).unwrap();
    engine.repair(RepairPlan::new(&report.findings), NOW).unwrap();
    let report = engine.reader().check(&crate::check::CheckOptions::default()).unwrap();
    assert!(report.is_clean(), "{:#?}", report.findings);
    drop(dir);
}

#[test]
fn a_message_is_found_again_where_it_is() {
    let mut rich = Rich::new();
    let before = content(&rich);
    let (key, value) = rich.entries(|t| &t.blobs).remove(1);
    let right = crate::codec::rows::BlobRow::decode(&value).unwrap();
    let moved = crate::codec::rows::BlobRow { offset: right.offset + 8, ..right };
    let late = crate::codec::rows::BlobRow { front: right.front + 8, ..right };
    for wrong in [moved, late] {
        rich.set(|t| &t.blobs, &key, Some(&wrong.encode()));
        heal(&mut rich, "place");
        assert!(content(&rich) == before);
    }
}
