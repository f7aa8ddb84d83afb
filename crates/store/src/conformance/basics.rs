//! Single cases, one promise each.

use super::{
    Case, account, append, create, deliver, fill, flags_of, keywords, mailbox, message, recipient,
    snapshot, submit, uids,
};
use crate::{ChangeKind, Changes, Content, FlagAction, Mutation, Outcome, Store, StoreError, View};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use waypost_types::{
    AccountId, FlagSet, MailboxId, MailboxName, ModSeq, SpecialUse, SystemFlag, Uid, UidSet,
};

/// Every case with what it promises.
pub(super) const CASES: &[(&str, Case)] = &[
    ("a new account has an inbox and the special-use mailboxes, subscribed", new_account),
    ("a delivery gives each recipient a result and shares the bytes", delivery),
    ("an append keeps bytes, flags and date", append_keeps),
    ("counters are exact after every kind of change", counters),
    ("flags are added, removed and replaced; unchanged_since protects", flags),
    ("keywords are equal in any case and never dropped silently", keyword_table),
    ("expunge takes only deleted messages when told so; rows stay readable", expunge),
    ("copy keeps flags and date, gives ascending UIDs, is one change", copy),
    ("move leaves nothing behind", move_messages),
    ("create makes missing parents; a taken name is refused", create_parents),
    ("rename takes children along; ids stay", rename),
    ("renaming the inbox moves its mail and leaves it empty", rename_inbox),
    ("mailboxes are found by how their names begin", names_from),
    ("delete: children stay, the inbox cannot go, the id is never reused", delete),
    ("subscriptions are names", subscriptions),
    ("threads follow references with an equal base subject", threads),
    ("the change log tells what happened, in order", change_log),
    ("recent is taken once and changes no modification sequence", recent),
    ("a mutation on a missing mailbox changes nothing", missing),
    ("expunged messages come back as new ones, without flags, once", undelete),
    ("a watch is woken by its account and by no other", watch),
    ("an upload in chunks gives the same bytes", upload),
    ("pages cover mailboxes over 512 messages with holes", pages),
];

fn new_account(store: &dyn Store) {
    let id = account(store, "Alice");
    assert_eq!(account(store, "alice"), id, "a second EnsureAccount finds the first");
    let snap = snapshot(store);
    let list = snap.mailboxes(id).expect("readable");
    let names: Vec<&str> = list.iter().map(|m| m.name.as_str()).collect();
    assert_eq!(names, ["Archive", "Drafts", "INBOX", "Junk", "Sent", "Trash"]);
    let uses = list.iter().filter_map(|m| m.special_use).count();
    assert_eq!(uses, SpecialUse::ALL.len());
    assert_eq!(snap.subscriptions(id).expect("readable").len(), 6);
    assert!(list.iter().all(|m| m.modseq >= ModSeq(1) && m.uid_validity.0 > 0));
}

fn delivery(store: &dyn Store) {
    let alice = account(store, "alice");
    create(store, alice, "lists/rust").expect("created");
    let to = vec![
        recipient("alice", Some("lists/rust")),
        recipient("bob", Some("nowhere")),
        recipient("alice", None),
    ];
    let payload = message("one", "d1@x", None, "shared text");
    let Content::Inline(sent) = payload.content.clone() else {
        panic!("small messages are inline")
    };
    let results: Vec<_> =
        deliver(store, payload, to).into_iter().map(|r| r.expect("delivered")).collect();
    let names: Vec<&str> = results.iter().map(|d| d.name.as_str()).collect();
    assert_eq!(names, ["lists/rust", "INBOX", "INBOX"]);
    assert_eq!(results[0].email, results[2].email, "one email for both copies of an account");
    let snap = snapshot(store);
    let mut blobs = Vec::new();
    for delivered in &results {
        let body = snap.body(delivered.account, delivered.email).expect("body");
        let mut bytes = Vec::new();
        body.append_to(0..u64::MAX, &mut bytes).expect("readable");
        assert_eq!(bytes, sent);
        assert_eq!(body.size(), sent.len() as u64);
        blobs.push(snap.email(delivered.account, delivered.email).expect("row").expect("row").blob);
    }
    assert!(blobs.iter().all(|blob| *blob == blobs[0]), "one stored copy for all recipients");
    let copies = snap.copies(alice, results[0].email).expect("copies");
    assert_eq!(copies.len(), 2);
}

fn append_keeps(store: &dyn Store) {
    let id = account(store, "alice");
    let sent = mailbox(store, id, "Sent");
    let mut flags = keywords(&["$Forwarded", "work"]);
    flags.system.insert(SystemFlag::Seen);
    let payload = message("kept", "a1@x", None, "body");
    let uid = append(store, (id, sent.id), payload, flags.clone()).expect("appended");
    let snap = snapshot(store);
    assert_eq!(flags_of(&*snap, sent.id, uid), Some(flags));
    let row = snap.message(sent.id, uid).expect("row").expect("row");
    assert_eq!((row.internal_date.seconds, row.internal_date.zone_minutes), (1_600_000_000, 90));
    let form = snap.form(id, row.email).expect("form");
    assert_eq!(form.subject, "kept");
    let mut part = Vec::new();
    snap.body(id, row.email).expect("body").append_to(0..5, &mut part).expect("range");
    assert_eq!(part, b"From:");
}

fn counters(store: &dyn Store) {
    let id = account(store, "alice");
    fill(store, "alice", 5);
    let inbox = mailbox(store, id, "INBOX");
    assert_eq!((inbox.counters.messages, inbox.counters.unseen), (5, 5));
    assert_eq!(inbox.uid_next, Uid(6));
    set(store, id, inbox.id, &[1, 2], FlagAction::Add, &[SystemFlag::Seen, SystemFlag::Deleted]);
    let after = mailbox(store, id, "INBOX").counters;
    assert_eq!((after.messages, after.unseen, after.deleted), (5, 3, 2));
    purge(store, id, inbox.id, None, true);
    let after = mailbox(store, id, "INBOX").counters;
    assert_eq!((after.messages, after.unseen, after.deleted), (3, 3, 0));
    let size: u64 = [3, 4, 5]
        .iter()
        .map(|n| snapshot(store).message(inbox.id, Uid(*n)).expect("row").expect("row").size)
        .sum();
    assert_eq!(after.bytes, size);
}

fn flags(store: &dyn Store) {
    let id = account(store, "alice");
    fill(store, "alice", 3);
    let inbox = mailbox(store, id, "INBOX").id;
    let before = mailbox(store, id, "INBOX").modseq;
    let (changed, _) = set(store, id, inbox, &[1, 2, 99], FlagAction::Add, &[SystemFlag::Flagged]);
    assert_eq!(changed, uids(&[1, 2]), "a UID that is not there is left out");
    let (changed, _) = set(store, id, inbox, &[1, 2, 3], FlagAction::Add, &[SystemFlag::Flagged]);
    assert_eq!(changed, uids(&[3]), "what is set already does not change");
    let mutation = Mutation::SetFlags {
        account: id,
        mailbox: inbox,
        uids: uids(&[1, 2, 3]),
        action: FlagAction::Replace,
        flags: FlagSet::system(&[SystemFlag::Draft]),
        unchanged_since: Some(before.next()),
    };
    let Ok(Outcome::Flags { changed, modified, .. }) = submit(store, mutation) else {
        panic!("SetFlags answers Flags")
    };
    assert_eq!((changed, modified), (uids(&[1, 2]), uids(&[3])));
    let snap = snapshot(store);
    let draft = Some(FlagSet::system(&[SystemFlag::Draft]));
    assert_eq!(flags_of(&*snap, inbox, Uid(1)), draft);
    drop(snap);
    set(store, id, inbox, &[1], FlagAction::Remove, &[SystemFlag::Draft]);
    assert_eq!(flags_of(&*snapshot(store), inbox, Uid(1)), Some(FlagSet::default()));
}

fn keyword_table(store: &dyn Store) {
    let id = account(store, "alice");
    fill(store, "alice", 2);
    let inbox = mailbox(store, id, "INBOX").id;
    let add = |list: &[u32], words: &[&str], action| {
        let mutation = Mutation::SetFlags {
            account: id,
            mailbox: inbox,
            uids: uids(list),
            action,
            flags: keywords(words),
            unchanged_since: None,
        };
        submit(store, mutation)
    };
    add(&[1], &["Work"], FlagAction::Add).expect("set");
    let Ok(Outcome::Flags { changed, .. }) = add(&[1, 2], &["WORK"], FlagAction::Add) else {
        panic!("SetFlags answers Flags")
    };
    assert_eq!(changed, uids(&[2]), "the same keyword in another case");
    let names = snapshot(store).keywords(inbox).expect("table");
    assert_eq!(names.iter().filter(|(_, k)| k.as_str() == "Work").count(), 1);
    let words: Vec<String> = (0..crate::limits::KEYWORDS).map(|n| format!("k{n}")).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let refused = add(&[1], &words, FlagAction::Add);
    assert_eq!(refused, Err(StoreError::Limit(crate::LimitName::Keywords)));
    assert_eq!(flags_of(&*snapshot(store), inbox, Uid(1)), Some(keywords(&["Work"])));
    add(&[1, 2], &["work"], FlagAction::Remove).expect("removed");
    add(&[1], &words, FlagAction::Add).expect("room again after the unused one is freed");
    assert_eq!(flags_of(&*snapshot(store), inbox, Uid(1)), Some(keywords(&words)));
}

fn expunge(store: &dyn Store) {
    let id = account(store, "alice");
    fill(store, "alice", 4);
    let inbox = mailbox(store, id, "INBOX").id;
    set(store, id, inbox, &[2, 3], FlagAction::Add, &[SystemFlag::Deleted]);
    assert_eq!(purge(store, id, inbox, Some(&[1, 2]), true), uids(&[2]));
    assert_eq!(purge(store, id, inbox, Some(&[1]), false), uids(&[1]));
    let snap = snapshot(store);
    let record = snap.mailbox(id, inbox).expect("readable").expect("there");
    assert_eq!(*snap.live(&record).expect("live"), uids(&[3, 4]));
    let row = snap.message(inbox, Uid(2)).expect("readable").expect("row of a just expunged one");
    let body = snap.body(id, row.email).expect("bytes of a just expunged one");
    assert_eq!(body.size(), row.size);
    assert!(snap.copies(id, row.email).expect("copies").is_empty());
}

fn copy(store: &dyn Store) {
    let id = account(store, "alice");
    fill(store, "alice", 3);
    let inbox = mailbox(store, id, "INBOX").id;
    let archive = mailbox(store, id, "Archive").id;
    set(store, id, inbox, &[3], FlagAction::Add, &[SystemFlag::Seen]);
    let before = mailbox(store, id, "Archive").modseq;
    let mutation = Mutation::Copy {
        account: id,
        from: inbox,
        uids: uids(&[1, 3, 77]),
        to: archive,
        limits: Default::default(),
    };
    let Ok(Outcome::Copied(copied)) = submit(store, mutation) else {
        panic!("Copy answers Copied")
    };
    assert_eq!((copied.source, copied.target), (uids(&[1, 3]), uids(&[1, 2])));
    let snap = snapshot(store);
    assert_eq!(flags_of(&*snap, archive, Uid(2)), Some(FlagSet::system(&[SystemFlag::Seen])));
    let (old, new) = (snap.message(inbox, Uid(3)), snap.message(archive, Uid(2)));
    let (old, new) = (old.expect("row").expect("row"), new.expect("row").expect("row"));
    assert_eq!((old.email, old.internal_date), (new.email, new.internal_date));
    let record = snap.mailbox(id, archive).expect("readable").expect("there");
    assert!(record.modseq > before && record.counters.messages == 2);
    let empty = Mutation::Copy {
        account: id,
        from: inbox,
        uids: uids(&[50]),
        to: archive,
        limits: Default::default(),
    };
    drop(snap);
    let Ok(Outcome::Copied(copied)) = submit(store, empty) else { panic!("an empty copy is fine") };
    assert!(copied.source.is_empty());
}

fn move_messages(store: &dyn Store) {
    let id = account(store, "alice");
    fill(store, "alice", 3);
    let (inbox, trash) = (mailbox(store, id, "INBOX").id, mailbox(store, id, "Trash").id);
    let mutation = Mutation::Move { account: id, from: inbox, uids: uids(&[1, 2]), to: trash };
    let Ok(Outcome::Copied(copied)) = submit(store, mutation) else {
        panic!("Move answers Copied")
    };
    assert_eq!(copied.source, uids(&[1, 2]));
    assert_eq!(mailbox(store, id, "INBOX").counters.messages, 1);
    let record = mailbox(store, id, "Trash");
    assert_eq!(record.counters.messages, 2);
    assert_eq!(*snapshot(store).live(&record).expect("live"), copied.target);
}

fn create_parents(store: &dyn Store) {
    let id = account(store, "alice");
    create(store, id, "Büro/Projekte/Äpfel").expect("created");
    let names: Vec<String> = snapshot(store)
        .mailboxes(id)
        .expect("readable")
        .iter()
        .map(|m| m.name.to_string())
        .filter(|name| name.starts_with('B'))
        .collect();
    assert_eq!(names, ["Büro", "Büro/Projekte", "Büro/Projekte/Äpfel"]);
    assert_eq!(create(store, id, "Büro"), Err(StoreError::MailboxExists));
    assert_eq!(create(store, id, "inbox"), Err(StoreError::MailboxExists));
}

fn rename(store: &dyn Store) {
    let id = account(store, "alice");
    let leaf = create(store, id, "a/b/c").expect("created");
    let other = create(store, id, "ab").expect("created");
    let top = mailbox(store, id, "a");
    let to = MailboxName::new("x/y").expect("valid");
    let answer = submit(store, Mutation::RenameMailbox { account: id, mailbox: top.id, to });
    assert_eq!(answer, Ok(Outcome::Mailbox(top.id)));
    assert_eq!(mailbox(store, id, "x/y/b/c").id, leaf);
    assert_eq!(mailbox(store, id, "ab").id, other, "a name that only begins alike stays");
    assert_eq!(mailbox(store, id, "x/y").uid_validity, top.uid_validity);
    mailbox(store, id, "x");
    let below = MailboxName::new("x/y/z").expect("valid");
    let loops = submit(store, Mutation::RenameMailbox { account: id, mailbox: top.id, to: below });
    assert!(matches!(loops, Err(StoreError::NotPermitted(_))), "{loops:?}");
}

fn rename_inbox(store: &dyn Store) {
    let id = account(store, "alice");
    fill(store, "alice", 3);
    create(store, id, "INBOX/child").expect("created");
    let inbox = mailbox(store, id, "INBOX").id;
    let to = MailboxName::new("old").expect("valid");
    let answer = submit(store, Mutation::RenameMailbox { account: id, mailbox: inbox, to });
    let old = mailbox(store, id, "old");
    assert_eq!(answer, Ok(Outcome::Mailbox(old.id)));
    assert_eq!(old.counters.messages, 3);
    assert_eq!(mailbox(store, id, "INBOX").counters.messages, 0);
    mailbox(store, id, "INBOX/child");
}

fn names_from(store: &dyn Store) {
    let account = account(store, "alice");
    for name in ["work/a", "work/b", "worker", "wor", "Work"] {
        create(store, account, name).expect("created");
    }
    let snap = snapshot(store);
    let from = |start: &str| {
        let found = snap.mailboxes_from(account, start).expect("readable");
        found.into_iter().map(|mailbox| mailbox.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(from("work"), ["work", "work/a", "work/b", "worker"]);
    assert_eq!(from("work/"), ["work/a", "work/b"]);
    assert_eq!(from("work/b"), ["work/b"]);
    assert!(from("x").is_empty());
    let all = snap.mailboxes(account).expect("readable");
    assert_eq!(snap.mailboxes_from(account, "").expect("readable"), all);
}

fn delete(store: &dyn Store) {
    let id = account(store, "alice");
    let child = create(store, id, "p/child").expect("created");
    let parent = mailbox(store, id, "p");
    let gone = submit(store, Mutation::DeleteMailbox { account: id, mailbox: parent.id });
    assert_eq!(gone, Ok(Outcome::Done));
    assert_eq!(mailbox(store, id, "p/child").id, child);
    let again = submit(store, Mutation::DeleteMailbox { account: id, mailbox: parent.id });
    assert_eq!(again, Err(StoreError::NoSuchMailbox));
    let new = create(store, id, "p").expect("the name is free again");
    assert!(new > parent.id, "numbers are never reused");
    assert!(mailbox(store, id, "p").uid_validity > parent.uid_validity);
    let inbox = mailbox(store, id, "INBOX").id;
    let refused = submit(store, Mutation::DeleteMailbox { account: id, mailbox: inbox });
    assert!(matches!(refused, Err(StoreError::NotPermitted(_))), "{refused:?}");
}

fn subscriptions(store: &dyn Store) {
    let id = account(store, "alice");
    let name = MailboxName::new("not/there").expect("valid");
    let on = Mutation::Subscribe { account: id, name: name.clone(), on: true };
    assert_eq!(submit(store, on.clone()), Ok(Outcome::Done));
    assert_eq!(submit(store, on), Ok(Outcome::Done));
    let list = snapshot(store).subscriptions(id).expect("readable");
    assert_eq!(list.iter().filter(|n| **n == name).count(), 1);
    let off = Mutation::Subscribe { account: id, name: name.clone(), on: false };
    assert_eq!(submit(store, off), Ok(Outcome::Done));
    assert!(!snapshot(store).subscriptions(id).expect("readable").contains(&name));
}

fn threads(store: &dyn Store) {
    let id = account(store, "alice");
    let to = || vec![recipient("alice", None)];
    let first = deliver(store, message("plan", "t1@x", None, "1"), to());
    let reply = deliver(store, message("Re: plan", "t2@x", Some("t1@x"), "2"), to());
    let other = deliver(store, message("new topic", "t3@x", Some("t1@x"), "3"), to());
    let email = |results: Vec<Result<crate::Delivered, StoreError>>| {
        results.into_iter().next().expect("one").expect("delivered").email
    };
    let (first, reply, other) = (email(first), email(reply), email(other));
    let snap = snapshot(store);
    let thread = |email| snap.email(id, email).expect("row").expect("row").thread;
    assert_eq!(thread(first), thread(reply));
    assert_ne!(thread(first), thread(other), "another subject begins another thread");
    assert_eq!(snap.thread(id, thread(first)).expect("thread"), [first, reply]);
}

fn change_log(store: &dyn Store) {
    let id = account(store, "alice");
    let start = snapshot(store).account_by_id(id).expect("readable").expect("there").modseq;
    fill(store, "alice", 2);
    let inbox = mailbox(store, id, "INBOX").id;
    set(store, id, inbox, &[1], FlagAction::Add, &[SystemFlag::Deleted]);
    purge(store, id, inbox, None, true);
    let snap = snapshot(store);
    let Ok(Changes::Complete(changes)) = snap.changes(id, start) else {
        panic!("log reaches back")
    };
    let kinds: Vec<&ChangeKind> = changes.iter().map(|change| &change.kind).collect();
    let (one, two) = (uids(&[1]), uids(&[2]));
    let expected = [
        ChangeKind::Arrived(one.clone()),
        ChangeKind::Arrived(two),
        ChangeKind::Flags(one.clone()),
        ChangeKind::Expunged(one),
    ];
    assert_eq!(kinds, expected.iter().collect::<Vec<_>>());
    assert!(changes.windows(2).all(|pair| pair[0].modseq < pair[1].modseq));
    let end = snap.account_by_id(id).expect("readable").expect("there").modseq;
    assert_eq!(changes.last().map(|change| change.modseq), Some(end));
    assert_eq!(snap.changes(id, end), Ok(Changes::Complete(Vec::new())));
}

fn recent(store: &dyn Store) {
    let id = account(store, "alice");
    fill(store, "alice", 2);
    let inbox = mailbox(store, id, "INBOX");
    assert_eq!(inbox.recent_from, Uid(1));
    let take = Mutation::TakeRecent { account: id, mailbox: inbox.id, before: Uid(3) };
    assert_eq!(submit(store, take), Ok(Outcome::Done));
    fill(store, "alice", 1);
    let after = mailbox(store, id, "INBOX");
    assert_eq!(after.recent_from, Uid(3));
    assert_eq!(after.modseq, inbox.modseq.next());
}

fn undelete(store: &dyn Store) {
    let id = account(store, "alice");
    fill(store, "alice", 3);
    let inbox = mailbox(store, id, "INBOX").id;
    set(store, id, inbox, &[1, 2], FlagAction::Add, &[SystemFlag::Deleted]);
    purge(store, id, inbox, None, true);
    let all = Mutation::Undelete { account: id, mailbox: inbox, uids: uids(&[1, 2, 3, 9]) };
    let Ok(Outcome::Copied(copied)) = submit(store, all.clone()) else { panic!("undeleted") };
    assert_eq!((copied.source, copied.target), (uids(&[1, 2]), uids(&[4, 5])));
    let snap = snapshot(store);
    assert_eq!(flags_of(&*snap, inbox, Uid(4)), Some(FlagSet::default()));
    let email = |uid| snap.message(inbox, Uid(uid)).expect("readable").map(|row| row.email);
    assert_eq!(email(4), email(1));
    assert_eq!(mailbox(store, id, "INBOX").counters.messages, 3);
    let Ok(Outcome::Copied(again)) = submit(store, all) else { panic!("undeleted") };
    assert!(again.target.is_empty(), "they are there");
}

fn missing(store: &dyn Store) {
    let id = account(store, "alice");
    let nowhere = MailboxId(1_000_000);
    let before = snapshot(store).account_by_id(id).expect("readable");
    let refused = append(store, (id, nowhere), message("s", "m@x", None, "b"), FlagSet::default());
    assert_eq!(refused, Err(StoreError::NoSuchMailbox));
    let inbox = mailbox(store, id, "INBOX").id;
    let copy = Mutation::Copy {
        account: id,
        from: inbox,
        uids: uids(&[1]),
        to: nowhere,
        limits: Default::default(),
    };
    assert_eq!(submit(store, copy), Err(StoreError::NoSuchMailbox));
    let stranger = Mutation::DeleteMailbox { account: AccountId(999_999), mailbox: inbox };
    assert_eq!(submit(store, stranger), Err(StoreError::NoSuchAccount));
    let bob = account(store, "bob");
    let others = Mutation::DeleteMailbox { account: bob, mailbox: inbox };
    assert_eq!(submit(store, others), Err(StoreError::NoSuchMailbox));
    assert_eq!(snapshot(store).account_by_id(id).expect("readable"), before);
}

fn watch(store: &dyn Store) {
    let (alice, bob) = (account(store, "alice"), account(store, "bob"));
    let counter = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&counter);
    let wake: crate::Wake = Arc::new(move || {
        seen.fetch_add(1, Ordering::SeqCst);
    });
    let guard = store.watch(alice, wake);
    std::thread::sleep(std::time::Duration::from_millis(50));
    let before = counter.load(Ordering::SeqCst);
    fill(store, "alice", 1);
    let patience = std::time::Duration::from_millis(5);
    let woken = || counter.load(Ordering::SeqCst) > before;
    assert!(
        (0..600).any(|_| woken() || {
            std::thread::sleep(patience);
            false
        }),
        "woken"
    );
    drop(guard);
    std::thread::sleep(std::time::Duration::from_millis(50));
    let before = counter.load(Ordering::SeqCst);
    fill(store, "alice", 1);
    fill(store, "bob", 1);
    std::thread::sleep(std::time::Duration::from_millis(50));
    assert_eq!(counter.load(Ordering::SeqCst), before, "no wake-up after the watch ended");
    assert_ne!(alice, bob);
}

fn upload(store: &dyn Store) {
    let id = account(store, "alice");
    let sent = mailbox(store, id, "Sent").id;
    let line = b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789ab\r\n";
    let mut bytes = b"Subject: large\r\n\r\n".to_vec();
    while bytes.len() < 3 * crate::limits::INLINE_BYTES {
        bytes.extend_from_slice(line);
    }
    let mut upload = store.upload();
    for chunk in bytes.chunks(40_001) {
        upload = super::wait(upload.write(bytes::Bytes::copy_from_slice(chunk))).expect("taken");
    }
    let payload = super::wait(upload.finish()).expect("finished");
    assert_eq!(payload.size(), bytes.len() as u64);
    let uid = append(store, (id, sent), payload, FlagSet::default()).expect("appended");
    let snap = snapshot(store);
    let row = snap.message(sent, uid).expect("row").expect("row");
    let mut read = Vec::new();
    snap.body(id, row.email).expect("body").append_to(0..row.size, &mut read).expect("read");
    assert!(read == bytes, "the bytes come back as they went in");
    assert_eq!(snap.form(id, row.email).expect("form").subject, "large");
}

fn pages(store: &dyn Store) {
    let id = account(store, "alice");
    fill(store, "alice", 30);
    let (inbox, archive) = (mailbox(store, id, "INBOX").id, mailbox(store, id, "Archive").id);
    for _ in 0..40 {
        let all = UidSet::range(1..=30);
        let copy = Mutation::Copy {
            account: id,
            from: inbox,
            uids: all,
            to: archive,
            limits: Default::default(),
        };
        submit(store, copy).expect("copied");
    }
    let record = mailbox(store, id, "Archive");
    let (mut view, _) = View::open(&*snapshot(store), id, archive).expect("opens").expect("there");
    assert_eq!((view.shown().len(), record.counters.messages), (1_200, 1_200));
    let odd: Vec<u32> = (1..=1_200).filter(|n| n % 2 == 1).collect();
    purge(store, id, archive, Some(&odd), false);
    view.catch_up(&*snapshot(store)).expect("catches up");
    let news = view.announce(true);
    assert_eq!(news.expunged, uids(&odd));
    assert_eq!(view.shown().len(), 600);
    let snap = snapshot(store);
    let first = snap.page_from(archive, 0).expect("page").expect("page");
    assert_eq!(first.live.len(), 255, "the even UIDs 2 to 510");
    let last = snap.page_from(archive, 2).expect("page").expect("page");
    assert_eq!(last.number, 2);
    assert!(snap.page_from(archive, 3).expect("page").is_none());
}

fn set(
    store: &dyn Store,
    account: AccountId,
    mailbox: MailboxId,
    list: &[u32],
    action: FlagAction,
    flags: &[SystemFlag],
) -> (UidSet, UidSet) {
    let flags = FlagSet::system(flags);
    let uids = uids(list);
    let mutation =
        Mutation::SetFlags { account, mailbox, uids, action, flags, unchanged_since: None };
    match submit(store, mutation) {
        Ok(Outcome::Flags { changed, modified, .. }) => (changed, modified),
        other => panic!("SetFlags answered {other:?}"),
    }
}

fn purge(
    store: &dyn Store,
    account: AccountId,
    mailbox: MailboxId,
    list: Option<&[u32]>,
    only_deleted: bool,
) -> UidSet {
    let uids = list.map(uids);
    match submit(store, Mutation::Expunge { account, mailbox, uids, only_deleted }) {
        Ok(Outcome::Expunged { uids, .. }) => uids,
        other => panic!("Expunge answered {other:?}"),
    }
}
