//! The contract as tests: every engine runs [`run`]; [`follow`] compares views with a store under
//! random mutations; [`compare`] compares an engine with the model.
//!
//! Random runs are named by a seed, which a failure prints. An engine that fails panics with what it did. Nothing here depends on how an engine works.

#![allow(clippy::expect_used, reason = "the suite is test code: it panics to fail")]

mod access;
mod basics;
mod follow;
mod quota;
mod random;
mod script;

pub use follow::follow;
pub use random::compare;

use crate::{
    Append, Delivered, Mailbox, Mutation, Outcome, Payload, Recipient, Snapshot, Store, StoreError,
};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake as TaskWake, Waker};
use std::thread::{self, Thread};
use waypost_types::{
    AccountId, AccountName, FlagSet, Keyword, MailboxId, MailboxName, Uid, UidSet, UnixTime,
};

/// Runs every case on a fresh store from `make`.
pub fn run<S: Store>(make: &mut dyn FnMut() -> S) {
    for (name, case) in basics::CASES.iter().chain(access::CASES).chain(quota::CASES) {
        eprintln!("store conformance: {name}");
        case(&make());
    }
}

/// One case of the suite.
type Case = fn(&dyn Store);

/// Waits for a future on this thread, without a runtime.
pub fn wait<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl TaskWake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

fn submit(store: &dyn Store, mutation: Mutation) -> Result<Outcome, StoreError> {
    wait(store.submit(mutation))
}

fn snapshot(store: &dyn Store) -> Box<dyn Snapshot + '_> {
    store.snapshot().expect("a snapshot opens")
}

fn account(store: &dyn Store, name: &str) -> AccountId {
    let name = AccountName::new(name).expect("a valid name");
    match submit(store, Mutation::EnsureAccount(name)) {
        Ok(Outcome::Account(id)) => id,
        other => panic!("EnsureAccount answered {other:?}"),
    }
}

fn mailbox(store: &dyn Store, account: AccountId, name: &str) -> Mailbox {
    let name = MailboxName::new(name).expect("a valid name");
    let found = snapshot(store).mailbox_named(account, &name).expect("names are readable");
    found.unwrap_or_else(|| panic!("mailbox {name} exists"))
}

fn create(store: &dyn Store, account: AccountId, name: &str) -> Result<MailboxId, StoreError> {
    let name = MailboxName::new(name).expect("a valid name");
    match submit(store, Mutation::CreateMailbox { account, name, special_use: None })? {
        Outcome::Mailbox(id) => Ok(id),
        other => panic!("CreateMailbox answered {other:?}"),
    }
}

fn message(subject: &str, id: &str, reply_to: Option<&str>, body: &str) -> Payload {
    let reply = reply_to.map_or(String::new(), |r| format!("In-Reply-To: <{r}>\r\n"));
    let text = format!(
        "From: a@example.com\r\nTo: b@example.com\r\nSubject: {subject}\r\n\
         Message-ID: <{id}>\r\n{reply}Date: Mon, 1 Jan 2024 10:00:00 +0000\r\n\r\n{body}\r\n"
    );
    crate::model::payload(text.into_bytes())
}

fn recipient(account: &str, folder: Option<&str>) -> Recipient {
    Recipient {
        account: AccountName::new(account).expect("a valid name"),
        folder: folder.map(|f| MailboxName::new(f).expect("a valid name")),
        flags: FlagSet::default(),
        limits: Default::default(),
    }
}

fn deliver(
    store: &dyn Store,
    payload: Payload,
    recipients: Vec<Recipient>,
) -> Vec<Result<Delivered, StoreError>> {
    let deliver =
        crate::Deliver { payload, recipients, internal_date: UnixTime::utc(1_700_000_000) };
    match submit(store, Mutation::Deliver(deliver)) {
        Ok(Outcome::Delivered(results)) => results,
        other => panic!("Deliver answered {other:?}"),
    }
}

/// Delivers `count` small messages to the inbox of `name`.
fn fill(store: &dyn Store, name: &str, count: usize) {
    for n in 0..count {
        let payload = message(&format!("m {n}"), &format!("fill-{n}@x"), None, "text");
        deliver(store, payload, vec![recipient(name, None)])
            .into_iter()
            .for_each(|result| drop(result.expect("delivered")));
    }
}

fn append(
    store: &dyn Store,
    (account, mailbox): (AccountId, MailboxId),
    payload: Payload,
    flags: FlagSet,
) -> Result<Uid, StoreError> {
    let internal_date = UnixTime { seconds: 1_600_000_000, zone_minutes: 90 };
    let limits = Default::default();
    let append = Append { account, mailbox, payload, flags, internal_date, limits };
    match submit(store, Mutation::Append(append))? {
        Outcome::Appended { uid, .. } => Ok(uid),
        other => panic!("Append answered {other:?}"),
    }
}

fn uids(list: &[u32]) -> UidSet {
    list.iter().copied().map(Uid).collect()
}

fn keywords(words: &[&str]) -> FlagSet {
    let mut flags = FlagSet::default();
    for word in words {
        flags.insert_keyword(Keyword::new(word).expect("a valid keyword"));
    }
    flags
}

/// The flags of a live message, keywords by name.
fn flags_of(snapshot: &dyn Snapshot, mailbox: MailboxId, uid: Uid) -> Option<FlagSet> {
    let page = snapshot.page(mailbox, crate::StatePage::number_of(uid)).expect("pages readable")?;
    let state = page.state(uid.0 % crate::PAGE_UIDS)?;
    let table = snapshot.keywords(mailbox).expect("keywords readable");
    let mut flags = FlagSet { system: state.system, keywords: Vec::new() };
    for id in state.keywords {
        let known = table.iter().find(|(known, _)| *known == id);
        let (_, keyword) = known.unwrap_or_else(|| panic!("keyword {id:?} has a name"));
        flags.insert_keyword(keyword.clone());
    }
    Some(flags)
}
