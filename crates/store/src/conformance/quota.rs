//! What accounts hold and may hold.

use super::{
    Case, account, append, create, deliver, fill, mailbox, message, recipient, snapshot, submit,
    uids,
};
use crate::{Append, Copied, Mutation, Outcome, Recipient, Store, StoreError};
use std::sync::Barrier;
use waypost_types::{
    AccountId, FlagSet, MailboxId, MailboxName, OverQuota, QuotaLimits, QuotaResource, UidSet,
    UnixTime, Usage,
};

/// Every case with what it promises.
pub(super) const CASES: &[(&str, Case)] = &[
    ("an account's usage is the sum of its mailboxes, after every kind of change", usage),
    ("a delivery is refused only to those whose quota it exceeds", mixed),
    ("copies of one delivery for one account count together", same_account),
    ("a quota may be reached and not passed", reached),
    ("append and copy are refused over quota and change nothing", append_and_copy),
    ("over quota, all that adds nothing works, and what leaves makes room", over),
    ("deliveries at the same time do not pass a quota together", together),
];

fn usage(store: &dyn Store) {
    let id = account(store, "alice");
    assert_eq!(held(store, id), Usage::default());
    fill(store, "alice", 4);
    let inbox = mailbox(store, id, "INBOX").id;
    let each = size(store, inbox);
    let all = |count: u64| Usage { bytes: each * count, messages: count };
    assert_eq!(held(store, id), all(4));
    let other = create(store, id, "other").expect("created");
    let copied = copy(store, id, (inbox, &[1, 2]), other, QuotaLimits::NONE).expect("copied");
    assert_eq!((copied.source.len(), held(store, id)), (2, all(6)));
    let moved = Mutation::Move { account: id, from: inbox, uids: uids(&[3]), to: other };
    submit(store, moved).expect("moved");
    assert_eq!(held(store, id), all(6), "a move within an account adds nothing");
    expunge(store, id, inbox, &[1]);
    assert_eq!(held(store, id), all(5));
    let to = MailboxName::new("renamed").expect("a valid name");
    submit(store, Mutation::RenameMailbox { account: id, mailbox: inbox, to }).expect("renamed");
    assert_eq!(held(store, id), all(5));
    submit(store, Mutation::DeleteMailbox { account: id, mailbox: other }).expect("deleted");
    assert_eq!(held(store, id), all(2), "a deleted mailbox counts no more");
    let sent = mailbox(store, id, "Sent").id;
    append(store, (id, sent), message("m 0", "fill-0@x", None, "text"), FlagSet::default())
        .expect("appended");
    assert_eq!(held(store, id), all(3));
}

fn mixed(store: &dyn Store) {
    let bob = account(store, "bob");
    let to = vec![
        limited("alice", QuotaLimits::NONE),
        limited("bob", QuotaLimits { messages: Some(0), bytes: None }),
        limited("carol", QuotaLimits { bytes: Some(1 << 20), messages: Some(1) }),
        limited("dave", QuotaLimits { bytes: Some(10), messages: None }),
    ];
    let results = deliver(store, message("one", "q1@x", None, "text"), to);
    let refused: Vec<bool> = results.iter().map(Result::is_err).collect();
    assert_eq!(refused, [false, true, false, true]);
    let over = over_of(&results[1]);
    assert_eq!((over.resource, over.used, over.added), (QuotaResource::Message, 0, 1));
    assert!(over.is_permanent());
    assert_eq!(over_of(&results[3]).resource, QuotaResource::Storage);
    assert_eq!(held(store, bob), Usage::default());
    assert_eq!(mailbox(store, bob, "INBOX").counters.messages, 0);
    let to = vec![limited("bob", QuotaLimits { messages: Some(0), bytes: None })];
    assert!(deliver(store, message("two", "q2@x", None, "text"), to)[0].is_err());
}

fn same_account(store: &dyn Store) {
    let id = account(store, "alice");
    create(store, id, "a").expect("created");
    let limits = QuotaLimits { messages: Some(1), bytes: None };
    let in_folder = Recipient { limits, ..recipient("alice", Some("a")) };
    let to = vec![in_folder, limited("alice", limits)];
    let results = deliver(store, message("one", "q1@x", None, "text"), to);
    assert!(results[0].is_ok(), "{results:?}");
    let over = over_of(&results[1]);
    assert_eq!((over.used, over.added, over.limit, over.is_permanent()), (1, 1, 1, false));
    assert_eq!(held(store, id).messages, 1);
}

fn reached(store: &dyn Store) {
    fill(store, "alice", 2);
    let id = account(store, "alice");
    let each = size(store, mailbox(store, id, "INBOX").id);
    let send = |bytes| {
        let to = vec![limited("alice", QuotaLimits { bytes: Some(bytes), messages: None })];
        deliver(store, message("m 0", "fill-0@x", None, "text"), to).remove(0)
    };
    let over = over_of(&send(3 * each - 1));
    assert_eq!((over.used, over.added, over.limit), (2 * each, each, 3 * each - 1));
    send(3 * each).expect("it just fits");
    assert_eq!(held(store, id).bytes, 3 * each);
}

fn append_and_copy(store: &dyn Store) {
    fill(store, "alice", 3);
    let id = account(store, "alice");
    let (inbox, sent) = (mailbox(store, id, "INBOX"), mailbox(store, id, "Sent"));
    let before = (held(store, id), snapshot(store).account_by_id(id));
    let limits = QuotaLimits { messages: Some(4), bytes: None };
    let refused = copy(store, id, (inbox.id, &[1, 2]), sent.id, limits);
    assert_eq!(over_of(&refused).added, 2, "a copy is all or nothing");
    let limits = QuotaLimits { bytes: Some(before.0.bytes), messages: None };
    let adding = Append {
        account: id,
        mailbox: sent.id,
        payload: message("kept", "a1@x", None, "body"),
        flags: super::keywords(&["new"]),
        internal_date: UnixTime::utc(5),
        limits,
    };
    let refused = submit(store, Mutation::Append(adding.clone()));
    assert_eq!(over_of(&refused).resource, QuotaResource::Storage);
    assert_eq!((held(store, id), snapshot(store).account_by_id(id)), before);
    assert!(snapshot(store).keywords(sent.id).expect("readable").is_empty());
    submit(store, Mutation::Append(Append { limits: QuotaLimits::NONE, ..adding })).expect("fits");
    let limits = QuotaLimits { messages: Some(6), bytes: None };
    copy(store, id, (inbox.id, &[1, 2]), sent.id, limits).expect("fits");
}

fn over(store: &dyn Store) {
    fill(store, "alice", 3);
    let id = account(store, "alice");
    let (inbox, sent) = (mailbox(store, id, "INBOX").id, mailbox(store, id, "Sent").id);
    let limits = QuotaLimits { messages: Some(2), bytes: Some(1) };
    let nothing = copy(store, id, (inbox, &[77]), sent, limits).expect("nothing is copied");
    assert!(nothing.source.is_empty());
    let moved = Mutation::Move { account: id, from: inbox, uids: uids(&[2]), to: sent };
    submit(store, moved).expect("moved");
    create(store, id, "new").expect("created");
    expunge(store, id, inbox, &[1, 3]);
    let limits = QuotaLimits { messages: Some(2), bytes: None };
    let to = vec![limited("alice", limits)];
    let again = deliver(store, message("after", "q9@x", None, "text"), to);
    assert!(again[0].is_ok(), "expunged messages make room at once: {again:?}");
}

fn together(store: &dyn Store) {
    const SENDERS: usize = 4;
    let (id, start) = (account(store, "alice"), Barrier::new(SENDERS));
    let send = |sender: usize| {
        start.wait();
        for n in 0..5 {
            let to = vec![limited("alice", QuotaLimits { messages: Some(7), bytes: None })];
            deliver(store, message("m", &format!("t{sender}-{n}@x"), None, "text"), to);
        }
    };
    std::thread::scope(|scope| {
        (0..SENDERS).for_each(|sender| drop(scope.spawn(move || send(sender))));
    });
    assert_eq!(held(store, id).messages, 7);
}

fn held(store: &dyn Store, account: AccountId) -> Usage {
    let found = snapshot(store).account_by_id(account).expect("readable").expect("an account");
    let sum = snapshot(store).mailboxes(account).expect("readable");
    assert_eq!(found.usage, sum.iter().map(|mailbox| mailbox.counters.usage()).sum());
    found.usage
}

/// The size of the first message of a mailbox; those of [`fill`] are equal up to ten of them.
fn size(store: &dyn Store, mailbox: MailboxId) -> u64 {
    let row = snapshot(store).message(mailbox, waypost_types::Uid(1)).expect("readable");
    row.expect("a first message").size
}

fn limited(account: &str, limits: QuotaLimits) -> Recipient {
    Recipient { limits, ..recipient(account, None) }
}

fn copy(
    store: &dyn Store,
    account: AccountId,
    (from, which): (MailboxId, &[u32]),
    to: MailboxId,
    limits: QuotaLimits,
) -> Result<Copied, StoreError> {
    let copy = Mutation::Copy { account, from, uids: uids(which), to, limits };
    match submit(store, copy)? {
        Outcome::Copied(copied) => Ok(copied),
        other => panic!("Copy answered {other:?}"),
    }
}

fn expunge(store: &dyn Store, account: AccountId, mailbox: MailboxId, which: &[u32]) {
    let uids: Option<UidSet> = Some(uids(which));
    let expunge = Mutation::Expunge { account, mailbox, uids, only_deleted: false };
    submit(store, expunge).expect("expunged");
}

fn over_of<T: std::fmt::Debug>(result: &Result<T, StoreError>) -> OverQuota {
    match result {
        Err(StoreError::OverQuota(over)) => *over,
        other => panic!("not over quota: {other:?}"),
    }
}
