//! Damage that sessions meet is repaired by the server, and so is what a tool asks for.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may unwrap")]

use super::{ScrubPace, StoredConfig, bind_socket, run_stored};
use crate::check::{CheckOptions, check};
use crate::client::{ClientConfig, StoreAccess, StoreClient, mend_numbers};
use crate::codec::rows::{self, BlobRow};
use crate::engine::{EngineConfig, NUMBERS_KEY, RepairPlan};
use crate::env::{self, Meta};
use crate::keys;
use crate::proto::StatusReport;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use waypost_store::{
    Append, Deliver, FlagAction, Mailbox, Mutation, Outcome, Recipient, Store, StoreError,
    model::payload,
};
use waypost_types::{
    AccountId, AccountName, FlagSet, MailboxId, MailboxName, QuotaLimits, SystemFlag, UidSet,
    UnixTime,
};

const MESSAGE: &[u8] = b"Subject: kept\r\n\r\nkept\r\n";

struct Server {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), StoreError>>,
}

fn store_path(place: &TempDir) -> PathBuf {
    place.path().join("store")
}

fn client_config(place: &TempDir) -> ClientConfig {
    ClientConfig::new(store_path(place), place.path().join("stored.sock"))
}

fn start(place: &TempDir) -> Server {
    start_with(place, ScrubPace { round: Duration::ZERO, ..ScrubPace::default() })
}

fn start_with(place: &TempDir, scrub: ScrubPace) -> Server {
    let listener = bind_socket(&client_config(place).socket_path).unwrap();
    let config = StoredConfig { scrub, ..StoredConfig::new(EngineConfig::new(store_path(place))) };
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async { drop(stopped.await) };
    let task = tokio::spawn(async move { run_stored(listener, config, shutdown).await });
    Server { stop, task }
}

impl Server {
    async fn stop(self) {
        drop(self.stop);
        self.task.await.unwrap().unwrap();
    }
}

async fn ada(store: &dyn Store) -> AccountId {
    let name = AccountName::new("ada").unwrap();
    match store.submit(Mutation::EnsureAccount(name)).await {
        Ok(Outcome::Account(id)) => id,
        other => panic!("{other:?}"),
    }
}

fn inbox(store: &dyn Store, account: AccountId) -> Mailbox {
    let snapshot = store.snapshot().unwrap();
    snapshot.mailbox_named(account, &MailboxName::inbox()).unwrap().unwrap()
}

/// Files a message in the inbox of ada.
async fn fill(store: &dyn Store) -> Mailbox {
    let mailbox = inbox(store, ada(store).await);
    let append = Append {
        account: mailbox.account,
        mailbox: mailbox.id,
        payload: payload(MESSAGE.to_vec()),
        flags: FlagSet::default(),
        internal_date: UnixTime::utc(1_700_000_000),
        limits: QuotaLimits::default(),
    };
    store.submit(Mutation::Append(append)).await.unwrap();
    inbox(store, mailbox.account)
}

/// Writes behind everybody's back into a store that nobody has open.
fn spoil(path: &Path, change: impl FnOnce(&Meta, &mut heed::RwTxn<'_>)) {
    let meta = Meta::open_writer(path, EngineConfig::MAP_SIZE).unwrap();
    let mut txn = meta.env.write_txn().unwrap();
    change(&meta, &mut txn);
    txn.commit().unwrap();
}

fn spoil_page(path: &Path, mailbox: MailboxId) {
    spoil(path, |meta, txn| {
        env::put(&meta.tables.pages, txn, &keys::page(mailbox, 0, 0), b"spoiled").unwrap();
    });
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..4_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never: {what}");
}

/// A store with a spoiled page, and nobody who has it open.
async fn spoiled() -> (TempDir, Mailbox) {
    let place = tempfile::tempdir().unwrap();
    let server = start(&place);
    let store = StoreClient::connect(client_config(&place)).await.unwrap();
    let mailbox = fill(&store).await;
    drop(store);
    server.stop().await;
    until("everybody has gone", || Meta::open_writer(&store_path(&place), 1 << 40).is_ok()).await;
    spoil_page(&store_path(&place), mailbox.id);
    (place, mailbox)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_reader_meets_is_repaired_without_being_asked() {
    let (place, mailbox) = spoiled().await;
    let server = start(&place);
    let store = StoreClient::connect(client_config(&place)).await.unwrap();
    let read = store.snapshot().unwrap().page(mailbox.id, 0);
    assert!(matches!(read, Err(StoreError::Corrupt(_))), "{read:?}");
    until("repaired", || store.snapshot().unwrap().page(mailbox.id, 0).is_ok()).await;
    let path = store_path(&place);
    until("clean", || check(&path, &CheckOptions::default()).unwrap().is_clean()).await;
    let is = inbox(&store, mailbox.account);
    assert_eq!((is.uid_validity, is.uid_next), (mailbox.uid_validity, mailbox.uid_next));
    assert_eq!(is.counters.messages, 1);
    let report = store.status().await.unwrap();
    assert!(report.suspects == 1 && report.faults_found > 0, "{report:?}");
    let mut repaired = report.repaired;
    for _ in 0..1_000 {
        if repaired > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
        repaired = store.status().await.unwrap().repaired;
    }
    assert!(repaired > 0);
    drop(store);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_change_meets_is_repaired_too() {
    let (place, mailbox) = spoiled().await;
    let server = start(&place);
    let store = StoreClient::connect(client_config(&place)).await.unwrap();
    let mut flags = FlagSet::default();
    flags.system.insert(SystemFlag::Seen);
    let set = Mutation::SetFlags {
        account: mailbox.account,
        mailbox: mailbox.id,
        uids: UidSet::range(1..=1),
        action: FlagAction::Add,
        flags,
        unchanged_since: None,
    };
    let refused = store.submit(set.clone()).await;
    assert!(matches!(refused, Err(StoreError::Corrupt(_))), "{refused:?}");
    until("repaired", || inbox(&store, mailbox.account).modseq > mailbox.modseq).await;
    store.submit(set).await.unwrap();
    assert_eq!(inbox(&store, mailbox.account).counters.unseen, 0);
    drop(store);
    server.stop().await;
}

/// One bit of a number is enough to name another account or mailbox.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_name_leads_to_nobody_elses_mail() {
    let place = tempfile::tempdir().unwrap();
    let server = start(&place);
    let store = StoreClient::connect(client_config(&place)).await.unwrap();
    let mailbox = fill(&store).await;
    let (ada, bob) = (AccountName::new("ada").unwrap(), AccountName::new("bob").unwrap());
    let made = store.submit(Mutation::EnsureAccount(bob)).await;
    let Ok(Outcome::Account(of_bob)) = made else { panic!("{made:?}") };
    let trash = MailboxName::new("Trash").unwrap();
    let find = |name: &MailboxName| store.snapshot().unwrap().mailbox_named(mailbox.account, name);
    let of_trash = find(&trash).unwrap().unwrap().id;
    drop(store);
    server.stop().await;
    until("everybody has gone", || Meta::open_writer(&store_path(&place), 1 << 40).is_ok()).await;
    let inbox_key = keys::named(mailbox.account, MailboxName::inbox().as_str());
    let other = |meta: &Meta, txn: &mut heed::RwTxn<'_>, account: bool| {
        let number = rows::encode_number(u64::from(if account { of_bob.0 } else { of_trash.0 }));
        let (tables, name) = (&meta.tables, ada.as_str().as_bytes());
        match account {
            true => env::put(&tables.account_names, txn, name, &number).unwrap(),
            false => env::put(&tables.mailbox_names, txn, &inbox_key, &number).unwrap(),
        }
    };
    for account in [true, false] {
        spoil(&store_path(&place), |meta, txn| other(meta, txn, account));
        let server = start(&place);
        let store = StoreClient::connect(client_config(&place)).await.unwrap();
        let recipient = Recipient {
            account: ada.clone(),
            folder: None,
            flags: FlagSet::default(),
            limits: QuotaLimits::default(),
        };
        let deliver = Deliver {
            payload: payload(MESSAGE.to_vec()),
            recipients: vec![recipient],
            internal_date: UnixTime::utc(1_700_000_000),
        };
        let told = store.submit(Mutation::Deliver(deliver)).await;
        let is_refused = match &told {
            Ok(Outcome::Delivered(each)) => each.iter().all(Result::is_err),
            told => told.is_err(),
        };
        assert!(is_refused, "{told:?}");
        let reads = || {
            let snapshot = store.snapshot().unwrap();
            let found = snapshot.account(&ada)?.unwrap();
            snapshot.mailbox_named(found.id, &MailboxName::inbox()).map(Option::unwrap)
        };
        until("repaired", || reads().is_ok()).await;
        let is = reads().unwrap();
        assert_eq!((is.id, is.counters.messages), (mailbox.id, 1));
        drop(store);
        server.stop().await;
        until("everybody has gone", || Meta::open_writer(&store_path(&place), 1 << 40).is_ok())
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_not_found_by_name_gets_no_second_account() {
    let (place, mailbox) = spoiled().await;
    spoil(&store_path(&place), |meta, txn| {
        let number = rows::encode_number(u64::from(mailbox.account.0));
        env::put(&meta.tables.account_names, txn, b"ada\x60", &number).unwrap();
        env::delete(&meta.tables.account_names, txn, b"ada").unwrap();
        env::put(&meta.tables.accounts, txn, &keys::account(AccountId(77)), b"spoiled").unwrap();
    });
    let server = start(&place);
    let store = StoreClient::connect(client_config(&place)).await.unwrap();
    let ensure = || Mutation::EnsureAccount(AccountName::new("ada").unwrap());
    let refused = store.submit(ensure()).await;
    assert!(matches!(refused, Err(StoreError::Corrupt(_))), "{refused:?}");
    let other = Mutation::EnsureAccount(AccountName::new("bob").unwrap());
    let made = store.submit(other).await;
    assert!(matches!(made, Ok(Outcome::Account(_))), "{made:?}");
    let is_found = || {
        let name = AccountName::new("ada").unwrap();
        store.snapshot().unwrap().account(&name).is_ok_and(|found| found.is_some())
    };
    until("found by name again", is_found).await;
    let found = store.submit(ensure()).await;
    assert!(matches!(found, Ok(Outcome::Account(id)) if id == mailbox.account), "{found:?}");
    drop(store);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_repairs_with_and_without_a_server() {
    for with_server in [false, true] {
        let (place, mailbox) = spoiled().await;
        let server = with_server.then(|| start(&place));
        if with_server {
            drop(StoreClient::connect(client_config(&place)).await.unwrap());
        }
        let config = ClientConfig { watches: false, ..client_config(&place) };
        let access = StoreAccess::open(config).await.unwrap();
        assert_eq!(matches!(access, StoreAccess::Remote(_)), with_server);
        let path = store_path(&place);
        let report = check(&path, &CheckOptions::default()).unwrap();
        assert!(!report.is_clean());
        let said = access.repair(RepairPlan::new(&report.findings)).await.unwrap();
        assert!(said.iter().any(|line| line.contains("back without flags")), "{said:?}");
        assert!(check(&path, &CheckOptions::default()).unwrap().is_clean());
        assert_eq!(inbox(access.store(), mailbox.account).counters.messages, 1);
        drop(access);
        if let Some(server) = server {
            server.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_without_its_numbers_is_mended_before_it_is_opened() {
    let (place, _) = spoiled().await;
    let path = store_path(&place);
    spoil(&path, |meta, txn| {
        env::put(&meta.tables.state, txn, NUMBERS_KEY, b"spoiled").unwrap();
    });
    assert!(mend_numbers(&client_config(&place)).await.unwrap());
    assert!(!mend_numbers(&client_config(&place)).await.unwrap());
    let access = StoreAccess::open(client_config(&place)).await.unwrap();
    let report = check(&path, &CheckOptions::default()).unwrap();
    access.repair(RepairPlan::new(&report.findings)).await.unwrap();
    assert!(check(&path, &CheckOptions::default()).unwrap().is_clean());
}

/// Waits for figures of the server.
async fn until_report(store: &StoreClient, holds: impl Fn(&StatusReport) -> bool) -> StatusReport {
    for _ in 0..4_000 {
        let report = store.status().await.unwrap();
        if holds(&report) {
            return report;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never: {:?}", store.status().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_scrub_reads_every_message_and_finds_the_damaged_one() {
    let place = tempfile::tempdir().unwrap();
    let server = start(&place);
    let store = StoreClient::connect(client_config(&place)).await.unwrap();
    for _ in 0..3 {
        fill(&store).await;
    }
    assert_eq!(store.status().await.unwrap().scrubbed_bytes, 0, "it is switched off");
    drop(store);
    server.stop().await;

    let pace = || ScrubPace { round: Duration::from_secs(1), bytes_per_second: u64::MAX };
    let server = start_with(&place, pace());
    let store = StoreClient::connect(client_config(&place)).await.unwrap();
    let report = until_report(&store, |report| report.scrub_rounds >= 1).await;
    assert!(
        report.scrubbed_bytes >= 3 * MESSAGE.len() as u64 && report.scrub_faults == 0,
        "{report:?}"
    );
    let segment = std::fs::read_dir(store_path(&place).join("segments")).unwrap().next();
    let path = segment.unwrap().unwrap().path();
    // Behind the records lies room that no message is in.
    let bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(MESSAGE.len()).rposition(|window| window == MESSAGE).unwrap();
    let file = std::fs::File::options().write(true).open(path).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"?", at as u64).unwrap();
    let report = until_report(&store, |report| report.scrub_faults >= 1).await;
    // Nothing but a backup has the bytes: a further round tells nothing new and repairs nothing.
    let rounds = report.scrub_rounds + 2;
    let report = until_report(&store, |report| report.scrub_rounds >= rounds).await;
    assert_eq!((report.scrub_faults, report.repaired), (1, 0), "{report:?}");
    drop(store);
    server.stop().await;
}

/// A store with messages that nobody has open.
async fn leave_filled(place: &tempfile::TempDir) {
    let server = start(place);
    let store = StoreClient::connect(client_config(place)).await.unwrap();
    for _ in 0..3 {
        fill(&store).await;
    }
    drop(store);
    server.stop().await;
    until("everybody has gone", || Meta::open_writer(&store_path(place), 1 << 40).is_ok()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_scrub_finds_and_the_rest_tells_of_is_repaired() {
    let place = tempfile::tempdir().unwrap();
    leave_filled(&place).await;
    spoil(&store_path(&place), |meta, txn| {
        let blobs = env::all(&meta.tables.blobs, txn).unwrap().map(|entry| entry.unwrap());
        let rows: Vec<_> = blobs.map(|(key, value)| (key.to_vec(), value.to_vec())).collect();
        let mut row = BlobRow::decode(&rows[0].1).unwrap();
        row.offset += 8;
        env::put(&meta.tables.blobs, txn, &rows[0].0, &row.encode()).unwrap();
        env::put(&meta.tables.blobs, txn, &rows[1].0, b"spoiled").unwrap();
    });
    let pace = ScrubPace { round: Duration::from_secs(1), bytes_per_second: u64::MAX };
    let server = start_with(&place, pace);
    let store = StoreClient::connect(client_config(&place)).await.unwrap();
    let report = until_report(&store, |report| report.repaired >= 2).await;
    assert_eq!(report.scrub_faults, 2, "{report:?}");
    let path = store_path(&place);
    until("clean", || check(&path, &CheckOptions::default()).unwrap().is_clean()).await;
    // The store is clean a moment before the repair counts what it did, and before one that was asked for meanwhile.
    let rounds = store.status().await.unwrap().scrub_rounds + 1;
    let settled =
        |report: &StatusReport| report.scrub_rounds >= rounds && report.repairs_waiting == 0;
    let before = until_report(&store, settled).await;
    let rounds = before.scrub_rounds + 2;
    let report = until_report(&store, |report| report.scrub_rounds >= rounds).await;
    assert_eq!((report.scrub_faults, report.repaired), (2, before.repaired), "{report:?}");
    drop(store);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scrub_goes_on_where_it_stood() {
    let place = tempfile::tempdir().unwrap();
    leave_filled(&place).await;
    spoil(&store_path(&place), |meta, txn| {
        let blobs = env::all(&meta.tables.blobs, txn).unwrap();
        let numbers = blobs.map(|entry| crate::codec::Take(entry.unwrap().0).u64().unwrap());
        let two = crate::codec::rows::encode_number(numbers.collect::<Vec<_>>()[1]);
        env::put(&meta.tables.state, txn, crate::engine::Engine::SCRUB_KEY, &two).unwrap();
    });
    let round = Duration::from_secs(3_600);
    let server = start_with(&place, ScrubPace { round, bytes_per_second: u64::MAX });
    let store = StoreClient::connect(client_config(&place)).await.unwrap();
    let report = until_report(&store, |report| report.scrub_rounds == 1).await;
    assert_eq!(report.scrubbed_bytes, MESSAGE.len() as u64, "only the third message was left");
    drop(store);
    server.stop().await;
}
