//! Crashes: a writer of a store of its own is killed under deliveries, again and again, while its clients
//! stay; in the end everything that was acknowledged must be there, once.

use super::Verdict;
use crate::failure::{Context, Failure};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use waypost_mime::Scanner;
use waypost_store::{Content, Deliver, Mutation, Outcome, Payload, Recipient, Store};
use waypost_store_local::check::{CheckOptions, check as check_store};
use waypost_store_local::client::{ClientConfig, StoreClient};
use waypost_store_local::engine::{EngineConfig, reconstruct};
use waypost_store_local::reader::Reader;
use waypost_store_local::server::{StoredConfig, bind_socket, run_stored};
use waypost_types::{AccountName, FlagSet, MailboxName, Moment, QuotaLimits};

/// Clients that deliver at once.
const CLIENTS: u32 = 4;
/// The shortest and the longest time between two kills.
const ROUND: (Duration, Duration) = (Duration::from_millis(300), Duration::from_millis(1_500));
/// Kills at least, whatever the time.
const KILLS: u32 = 3;
/// What the end needs: reading everything back.
const FAREWELL: Duration = Duration::from_secs(5);
/// How long a client waits for its writer to come.
const PATIENCE: Duration = Duration::from_secs(10);

/// The subjects of what was acknowledged.
type Acknowledged = Arc<Mutex<Vec<String>>>;

/// The writer's process, killed when it is dropped.
struct Writer(Child);

impl Writer {
    fn start(place: &Path) -> Result<Self, Failure> {
        let own = std::env::current_exe().context("this program cannot be found")?;
        let child = Command::new(own)
            .arg("selftest-writer")
            .arg(place)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        child.map(Self).context("a writer cannot be started")
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _gone = self.0.wait();
    }
}

fn store(place: &Path) -> PathBuf {
    place.join("store")
}

fn socket(place: &Path) -> PathBuf {
    place.join("s")
}

/// The process that is killed: `stored` without a watcher. It ends when its parent does.
pub(crate) fn writer(place: &Path) -> Result<(), Failure> {
    let listener = bind_socket(&socket(place)).context("no socket")?;
    let config = StoredConfig::new(EngineConfig::new(store(place)));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    std::thread::spawn(move || {
        let _ended = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        drop(stop);
    });
    super::super::block_on(async {
        run_stored(listener, config, async { drop(stopped.await) })
            .await
            .context("the writer ended")
    })
}

/// Kills the writer until `end`, at least a few times, and looks at what is left.
pub(super) fn check(folder: &Path, end: Instant, verdict: &mut Verdict) -> Result<(), Failure> {
    let place = folder.join("crash");
    crate::settings::private_folder(&place)?;
    let acknowledged = Acknowledged::default();
    let kills = super::super::block_on(torment(&place, end, &acknowledged))?;
    let acknowledged =
        std::mem::take(&mut *acknowledged.lock().unwrap_or_else(PoisonError::into_inner));
    compare(&place, &acknowledged, kills, verdict)?;
    rebuild(&place, &acknowledged, verdict)
}

async fn torment(place: &Path, end: Instant, acknowledged: &Acknowledged) -> Result<u32, Failure> {
    let mut writer = Writer::start(place)?;
    let client = connect(place).await?;
    let goes_on = Arc::new(AtomicBool::new(true));
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        let (client, goes_on) = (Arc::clone(&client), Arc::clone(&goes_on));
        clients.spawn(deliver(client, number, goes_on, Arc::clone(acknowledged)));
    }
    let mut kills = 0;
    while kills < KILLS || Instant::now() + FAREWELL < end {
        tokio::time::sleep(some_time()).await;
        drop(writer);
        kills += 1;
        writer = Writer::start(place)?;
    }
    tokio::time::sleep(ROUND.0).await;
    goes_on.store(false, Ordering::Release);
    while clients.join_next().await.is_some() {}
    drop(client);
    drop(writer);
    Ok(kills)
}

/// A time between two kills, no two alike.
fn some_time() -> Duration {
    let mut random = [0; 2];
    // Without random numbers all rounds are equally long.
    let _even = getrandom::fill(&mut random);
    let span = ROUND.1.saturating_sub(ROUND.0);
    ROUND.0 + span * u32::from(u16::from_ne_bytes(random)) / u32::from(u16::MAX)
}

async fn connect(place: &Path) -> Result<Arc<StoreClient>, Failure> {
    let end = Instant::now() + PATIENCE;
    loop {
        let config = ClientConfig::new(store(place), socket(place));
        match StoreClient::connect(config).await {
            Ok(client) => return Ok(Arc::new(client)),
            Err(error) if Instant::now() > end => {
                return Err(Failure::new(format!("the writer does not come: {error}")));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Delivers one message after the other until told to end; notes those that were acknowledged.
async fn deliver(
    client: Arc<StoreClient>,
    number: u32,
    goes_on: Arc<AtomicBool>,
    acknowledged: Acknowledged,
) {
    let Ok(account) = AccountName::new(&format!("user{number}")) else { return };
    for count in 0_u32.. {
        if !goes_on.load(Ordering::Acquire) {
            return;
        }
        let subject = format!("{number}-{count}");
        let mutation = Mutation::Deliver(message(&account, &subject));
        if let Ok(Outcome::Delivered(results)) = client.submit(mutation).await
            && results.iter().all(Result::is_ok)
        {
            acknowledged.lock().unwrap_or_else(PoisonError::into_inner).push(subject);
        }
    }
}

fn message(account: &AccountName, subject: &str) -> Deliver {
    let text = format!("Subject: {subject}\r\n\r\n{}", "A line of a message.\r\n".repeat(50));
    let mut scanner = Scanner::new();
    scanner.push(text.as_bytes());
    let content = Content::Inline(text.into_bytes().into());
    let recipient = Recipient {
        account: account.clone(),
        folder: None,
        flags: FlagSet::default(),
        limits: QuotaLimits::NONE,
    };
    Deliver {
        payload: Payload { content, parsed: Box::new(scanner.finish()) },
        recipients: vec![recipient],
        internal_date: Moment::now().wall,
    }
}

/// How often each subject is there.
fn found(place: &Path) -> Result<BTreeMap<String, u32>, Failure> {
    let read = || {
        let reader = Reader::open(&store(place))?;
        let snapshot = reader.snapshot()?;
        let mut found = BTreeMap::new();
        for account in snapshot.accounts()? {
            let inbox = snapshot.mailbox_named(account.id, &MailboxName::inbox())?;
            let Some(inbox) = inbox else { continue };
            for uid in snapshot.live(&inbox)?.iter() {
                if let Some(row) = snapshot.message(inbox.id, uid)? {
                    let subject = snapshot.form(account.id, row.email)?.subject.clone();
                    *found.entry(subject).or_default() += 1;
                }
            }
        }
        Ok::<_, waypost_store::StoreError>(found)
    };
    read().context("what was stored cannot be read")
}

/// What is missing, and what is there more than once.
fn faults(acknowledged: &[String], found: &BTreeMap<String, u32>) -> (usize, usize) {
    let missing = acknowledged.iter().filter(|subject| !found.contains_key(*subject)).count();
    (missing, found.values().filter(|count| **count > 1).count())
}

fn compare(
    place: &Path,
    acknowledged: &[String],
    kills: u32,
    verdict: &mut Verdict,
) -> Result<(), Failure> {
    let count = acknowledged.len();
    match faults(acknowledged, &found(place)?) {
        _ if count == 0 => verdict.bad("no delivery was acknowledged at all"),
        (0, 0) => verdict.good(format_args!(
            "the writer was killed {kills} times under deliveries: all {count} acknowledged messages are there, \
             each once, and its clients went on"
        )),
        (missing, doubled) => verdict.bad(format_args!(
            "after {kills} kills {missing} of {count} acknowledged messages are missing and {doubled} are there \
             more than once"
        )),
    }
    let report = check_store(&store(place), &CheckOptions::default());
    match report.context("the store cannot be checked")?.found {
        0 => verdict.good("the store is whole after that"),
        found => verdict.bad(format_args!("the store has {found} faults after that")),
    }
    Ok(())
}

/// The same store once more, from its segments alone.
fn rebuild(place: &Path, acknowledged: &[String], verdict: &mut Verdict) -> Result<(), Failure> {
    std::fs::remove_dir_all(store(place).join("meta")).context("the metadata cannot be removed")?;
    let config = EngineConfig::new(store(place));
    let rebuilt = reconstruct(&config, Moment::now().wall, true);
    rebuilt.context("the metadata cannot be made anew")?;
    match faults(acknowledged, &found(place)?) {
        (0, 0) => verdict.good("the metadata were deleted and made anew from the segments: nothing is missing"),
        (missing, doubled) => verdict.bad(format_args!(
            "the metadata were deleted and made anew: {missing} messages are missing, {doubled} are doubled"
        )),
    }
    Ok(())
}
