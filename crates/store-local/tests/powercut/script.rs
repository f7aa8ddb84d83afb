//! What is done to the store while it is recorded: every kind of change, one after the other, and
//! some at once. After each answer a mark with the content that was acknowledged goes into the
//! recording.

use crate::content::{self, Content};
use crate::place::{Place, Stored};
use bytes::Bytes;
use std::fs::File;
use std::io::{IoSlice, Write};
use std::path::Path;
use std::time::Duration;
use waypost_powercut::control::Word;
use waypost_powercut::record::{Kind, front};
use waypost_store::model::payload;
use waypost_store::{
    Append, Deliver, FlagAction, Mutation, Outcome, Payload, Recipient, Store, StoreError,
};
use waypost_store_local::client::StoreClient;
use waypost_types::{
    AccountId, AccountName, FlagSet, Keyword, MailboxId, MailboxName, QuotaLimits, SystemFlag, Uid,
    UidSet, UnixTime,
};

/// The word of a mark behind mutations that were under way at once, one for each account.
pub(crate) const GROUP: &str = "group";
/// The word of a mark behind a backup.
pub(crate) const BACKUP: &str = "backup";
const STEP: &str = "step";

const ACCOUNTS: [&str; 3] = ["ada", "bob", "cyd"];
/// More than travels in a mutation.
pub(crate) const LARGE_BYTES: usize = (1 << 20) + 70_000;
/// Rounds of the mixed part.
const ROUNDS: u32 = 8;

/// Faults of the disk while the script runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Faults {
    /// None.
    None,
    /// Every few steps a sync of this kind fails.
    Syncs(Word),
}

/// The one who asks for changes and marks what was acknowledged.
struct Driver<'a> {
    place: &'a Place,
    store: StoreClient,
    log: File,
    faults: Faults,
    stored: Option<Stored>,
    steps: u32,
    /// Faults that showed: refused changes and ends of `stored`.
    seen: u32,
}

/// Runs the whole script.
pub(crate) async fn run(place: &Place, faults: Faults) {
    let stored = Some(place.stored());
    let log = File::options().append(true).open(place.log()).unwrap();
    let store = place.client().await;
    let mut driver = Driver { place, store, log, faults, stored, steps: 0, seen: 0 };
    driver.first_mail().await;
    driver.mailboxes().await;
    driver.large_messages().await;
    driver.restart();
    for round in 0..ROUNDS {
        driver.mixed(round).await;
    }
    driver.compact().await;
    driver.back_up().await;
    driver.orphans().await;
    for round in ROUNDS..2 * ROUNDS {
        driver.mixed(round).await;
    }
    if faults == Faults::None {
        driver.purged().await;
    } else {
        assert!(driver.seen > 3, "the faults did not happen");
    }
    driver.calm();
    driver.revive();
    driver.stored.take().unwrap().stop();
}

impl Driver<'_> {
    /// Submits mutations at once, waits for the answers, and marks what is there now.
    async fn step(&mut self, word: &str, mutations: Vec<Mutation>) -> Vec<Option<Outcome>> {
        self.steps += 1;
        if let Faults::Syncs(kind) = self.faults
            && self.steps.is_multiple_of(5)
        {
            self.place.control.set(kind, 1).unwrap();
        }
        let submit = |one| tokio::spawn(self.store.submit(one));
        let answers: Vec<_> = mutations.into_iter().map(submit).collect();
        while !answers.iter().all(tokio::task::JoinHandle::is_finished) {
            tokio::time::sleep(Duration::from_millis(1)).await;
            self.revive();
        }
        let mut outcomes = Vec::new();
        for answer in answers {
            let answer = answer.await.unwrap();
            outcomes.push(answer.map_err(|error| self.refused(&error)).ok());
        }
        self.mark(word);
        outcomes
    }

    /// Only faults explain that a change is refused.
    fn refused(&mut self, error: &StoreError) {
        assert!(self.faults != Faults::None, "{error}");
        assert!(matches!(error, StoreError::Io(_)), "{error}");
        self.seen += 1;
    }

    /// Starts `stored` anew when it has ended by itself.
    fn revive(&mut self) {
        if self.stored.as_mut().is_some_and(Stored::has_ended) {
            assert!(self.faults != Faults::None, "stored ended");
            self.stored = Some(self.place.stored());
            self.seen += 1;
        }
    }

    async fn one(&mut self, mutation: Mutation) -> Option<Outcome> {
        self.step(STEP, vec![mutation]).await.pop().unwrap()
    }

    fn content(&self) -> Content {
        content::of(&*self.store.snapshot().unwrap()).unwrap()
    }

    /// A mark, in one write, as the records are.
    fn mark(&mut self, word: &str) {
        let data = content::to_mark(word, &self.content());
        let front = front(Kind::Mark, 0, 0, data.len());
        let pieces = [IoSlice::new(&front), IoSlice::new(&data)];
        assert_eq!(self.log.write_vectored(&pieces).unwrap(), front.len() + data.len());
    }

    fn account(&self, name: &str) -> AccountId {
        let name = AccountName::new(name).unwrap();
        self.store.snapshot().unwrap().account(&name).unwrap().unwrap().id
    }

    fn mailbox(&self, account: &str, name: &str) -> Option<MailboxId> {
        let account = self.account(account);
        let name = MailboxName::new(name).unwrap();
        let found = self.store.snapshot().unwrap().mailbox_named(account, &name).unwrap();
        found.map(|mailbox| mailbox.id)
    }

    fn live(&self, account: &str, name: &str) -> Vec<Uid> {
        let account = self.account(account);
        let name = MailboxName::new(name).unwrap();
        let snapshot = self.store.snapshot().unwrap();
        let mailbox = snapshot.mailbox_named(account, &name).unwrap().unwrap();
        snapshot.live(&mailbox).unwrap().iter().collect()
    }

    fn append(&self, account: &str, mailbox: &str, payload: Payload, flags: FlagSet) -> Mutation {
        Mutation::Append(Append {
            account: self.account(account),
            mailbox: self.mailbox(account, mailbox).unwrap(),
            payload,
            flags,
            internal_date: UnixTime::utc(1_700_000_000 + i64::from(self.steps)),
            limits: QuotaLimits::default(),
        })
    }

    async fn first_mail(&mut self) {
        for name in ACCOUNTS {
            self.one(Mutation::EnsureAccount(AccountName::new(name).unwrap())).await;
        }
        self.one(deliver(letter(1, 300), &[("ada", None)])).await;
        let crowd = [("ada", None), ("bob", Some("Nowhere")), ("cyd", Some("Sent")), ("dan", None)];
        self.one(deliver(letter(2, 5_000), &crowd)).await;
        let mut mixed = deliver(letter(3, 2_000), &[("ada", None), ("bob", None), ("cyd", None)]);
        if let Mutation::Deliver(deliver) = &mut mixed {
            deliver.recipients[1].flags = too_many_keywords();
        }
        if let Some(Outcome::Delivered(results)) = self.one(mixed).await {
            let taken: Vec<bool> = results.iter().map(Result::is_ok).collect();
            assert_eq!(taken, [true, false, true]);
        }
    }

    async fn mailboxes(&mut self) {
        let account = self.account("ada");
        let name = |name: &str| MailboxName::new(name).unwrap();
        let create = |name| Mutation::CreateMailbox { account, name, special_use: None };
        self.one(create(name("Work/Old/Older"))).await;
        self.one(create(name("Gone"))).await;
        self.one(Mutation::Subscribe { account, name: name("Work"), on: true }).await;
        let append = self.append("ada", "INBOX", letter(10, 900), flags(&["$Forwarded", "blue"]));
        self.one(append).await;
        if let Some(mailbox) = self.mailbox("ada", "Gone") {
            let append = self.append("ada", "Gone", letter(11, 700), FlagSet::default());
            self.one(append).await;
            self.one(Mutation::DeleteMailbox { account, mailbox }).await;
        }
        if let Some(mailbox) = self.mailbox("ada", "Work") {
            self.one(Mutation::RenameMailbox { account, mailbox, to: name("Play") }).await;
        }
        let mailbox = self.mailbox("ada", "INBOX").unwrap();
        self.one(Mutation::RenameMailbox { account, mailbox, to: name("Saved") }).await;
        self.one(deliver(letter(12, 400), &[("ada", None)])).await;
    }

    async fn large_messages(&mut self) {
        for number in 20..22 {
            let Ok(payload) = self.upload(number).await else { continue };
            let append = self.append("bob", "INBOX", payload, FlagSet::default());
            self.one(append).await;
        }
        if let Ok(payload) = self.upload(22).await {
            self.one(deliver(payload, &[("ada", None), ("cyd", None)])).await;
        }
    }

    async fn upload(&mut self, number: u32) -> Result<Payload, StoreError> {
        self.revive();
        let letter = letter_bytes(number, LARGE_BYTES);
        let mut upload = self.store.upload();
        for chunk in letter.chunks(200_000) {
            upload = upload.write(Bytes::copy_from_slice(chunk)).await?;
        }
        upload.finish().await
    }

    /// Changes of all kinds: some of one account, some of several accounts at once.
    async fn mixed(&mut self, round: u32) {
        let number = 100 + round * 10;
        let crowd: Vec<_> = ACCOUNTS.iter().map(|name| (*name, None)).collect();
        self.one(deliver(letter(number, 3_000 * round as usize + 200), &crowd)).await;
        let together = ACCOUNTS.iter().zip(1..).map(|(name, at)| {
            self.append(name, "INBOX", letter(number + at, 9_000), flags(&["green"]))
        });
        let together = together.collect();
        self.step(GROUP, together).await;
        let account = self.account("ada");
        let inbox = self.mailbox("ada", "INBOX").unwrap();
        let live = self.live("ada", "INBOX");
        let uids: UidSet = live.iter().copied().step_by(2).collect();
        let set = |action, flags| Mutation::SetFlags {
            account,
            mailbox: inbox,
            uids: uids.clone(),
            action,
            flags,
            unchanged_since: None,
        };
        let seen = FlagSet::system(&[SystemFlag::Seen, SystemFlag::Deleted]);
        let action = [FlagAction::Add, FlagAction::Replace, FlagAction::Remove][round as usize % 3];
        self.one(set(action, flags(&["blue", &format!("word{round}")]))).await;
        self.one(set(FlagAction::Add, seen)).await;
        let to = self.mailbox("ada", "Saved").unwrap_or(inbox);
        // In one commit, and in steps with a commit each.
        let some: UidSet = live.iter().copied().take([2, 5][round as usize % 2]).collect();
        self.one(copy(account, inbox, &some, to)).await;
        if to != inbox {
            self.one(Mutation::Move { account, from: inbox, uids: some, to }).await;
        }
        let expunge = |account, mailbox, only_deleted| Mutation::Expunge {
            account,
            mailbox,
            uids: None,
            only_deleted,
        };
        self.one(expunge(account, inbox, true)).await;
        if round.is_multiple_of(3) {
            let bob = expunge(self.account("bob"), self.mailbox("bob", "INBOX").unwrap(), false);
            let cyd = expunge(self.account("cyd"), self.mailbox("cyd", "INBOX").unwrap(), false);
            self.step(GROUP, vec![bob, cyd]).await;
        }
    }

    /// An orderly end of `stored` and a new one.
    fn restart(&mut self) {
        self.revive();
        self.stored.take().unwrap().stop();
        self.stored = Some(self.place.stored());
    }

    /// Takes back a fault that has not happened yet.
    fn calm(&self) {
        if let Faults::Syncs(kind) = self.faults {
            self.place.control.set(kind, 0).unwrap();
        }
    }

    /// Moves what is left of all segments together.
    async fn compact(&mut self) {
        self.calm();
        self.revive();
        self.store.compact(1).await.unwrap();
        self.mark(STEP);
    }

    async fn back_up(&mut self) {
        self.calm();
        self.revive();
        let target = self.place.root().join("backup");
        self.store.backup(Path::new(&target)).await.unwrap();
        self.mark(BACKUP);
    }

    /// Uploads that nobody files, and a clock that runs ahead until their files are removed.
    async fn orphans(&mut self) {
        for number in 30..32 {
            drop(self.upload(number).await);
        }
        let files = || std::fs::read_dir(self.place.store().join("segments")).unwrap().count();
        let before = files();
        for offset in (7_200..).step_by(700).take(100) {
            self.place.control.set(Word::ClockOffset, offset).unwrap();
            tokio::time::sleep(Duration::from_millis(60)).await;
            if files() < before {
                break;
            }
        }
        assert!(files() < before, "no file without a row was removed");
        self.place.control.set(Word::ClockOffset, 0).unwrap();
    }

    /// Waits until the purge has had its way.
    async fn purged(&mut self) {
        for _ in 0..2_000 {
            if self.store.status().await.unwrap().purge_steps > 3 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("nothing is purged");
    }
}

pub(crate) fn deliver(payload: Payload, to: &[(&str, Option<&str>)]) -> Mutation {
    let recipient = |(account, folder): &(&str, Option<&str>)| Recipient {
        account: AccountName::new(account).unwrap(),
        folder: folder.map(|name| MailboxName::new(name).unwrap()),
        flags: FlagSet::default(),
        limits: QuotaLimits::default(),
    };
    let recipients = to.iter().map(recipient).collect();
    Mutation::Deliver(Deliver { payload, recipients, internal_date: UnixTime::utc(1_700_000_000) })
}

fn copy(account: AccountId, from: MailboxId, uids: &UidSet, to: MailboxId) -> Mutation {
    let (uids, limits) = (uids.clone(), QuotaLimits::default());
    Mutation::Copy { account, from, uids, to, limits }
}

pub(crate) fn letter(number: u32, size: usize) -> Payload {
    payload(letter_bytes(number, size))
}

/// A message in which every line differs, so that no part can stand for another.
pub(crate) fn letter_bytes(number: u32, size: usize) -> Vec<u8> {
    let mut text = format!("Message-ID: <{number}@cut>\r\nSubject: letter {number}\r\n\r\n");
    for line in 0.. {
        if text.len() >= size {
            break;
        }
        text += &format!(
            "letter {number} line {line} {:x}\r\n",
            line * 2_654_435_761_u64 + u64::from(number)
        );
    }
    text.into_bytes()
}

fn flags(words: &[&str]) -> FlagSet {
    let mut flags = FlagSet::system(&[SystemFlag::Flagged]);
    words.iter().for_each(|word| flags.insert_keyword(Keyword::new(word).unwrap()));
    flags
}

/// More than a mailbox may have: whoever gets such a message refuses it, alone.
fn too_many_keywords() -> FlagSet {
    let mut flags = FlagSet::default();
    for number in 0..4_001 {
        flags.insert_keyword(Keyword::new(&format!("k{number}")).unwrap());
    }
    flags
}
