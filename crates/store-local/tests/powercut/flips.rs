//! Bits of the metadata's file are flipped, one at a time: no process ends or hangs over it, and after a repair,
//! or after the metadata were made anew, every message is there.

use crate::content;
use crate::place::memory_folder;
use crate::script::{deliver, letter, letter_bytes};
use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use waypost_powercut::dice::Dice;
use waypost_store::conformance::wait;
use waypost_store::{FlagAction, Mutation, Outcome, Store};
use waypost_store_local::check::{CheckOptions, CheckReport, Remedy, check};
use waypost_store_local::engine::{EngineConfig, RepairPlan, mend, reconstruct};
use waypost_store_local::local::LocalStore;
use waypost_store_local::reader::Reader;
use waypost_types::{
    AccountId, AccountName, FlagSet, Keyword, MailboxName, QuotaLimits, SystemFlag, Uid, UidSet,
    UnixTime,
};

/// The variable that tells this program to look at the damaged store it names.
const DAMAGED: &str = "WAYPOST_TEST_DAMAGED";
/// Flips of the ordinary test; `WAYPOST_FLIPS` asks for more.
const FLIPS: usize = 300;
/// A child that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);
const PAGE: usize = 4_096;
/// Messages of each account.
const MESSAGES: u32 = 60;
const ACCOUNTS: [&str; 4] = ["ada", "bob", "cyd", "dan"];
const NOW: UnixTime = UnixTime::utc(1_800_000_000);
/// How often a repair is repeated.
const ROUNDS: usize = 4;

fn config(store: &Path) -> EngineConfig {
    EngineConfig { map_size: 256 << 20, segment_bytes: 128 << 10, ..EngineConfig::new(store) }
}

/// A store with something in every table and free pages, closed.
fn make(store: &Path) {
    let open = LocalStore::open(config(store)).unwrap();
    for number in 0..MESSAGES {
        let everybody = ACCOUNTS.map(|name| (name, None));
        let whose = &everybody[number as usize % 4..];
        wait(open.submit(deliver(letter(number, 700), whose))).unwrap();
    }
    for name in ACCOUNTS {
        let account = AccountName::new(name).unwrap();
        let account = open.snapshot().unwrap().account(&account).unwrap().unwrap().id;
        change(&open, account);
    }
}

fn change(store: &LocalStore, account: AccountId) {
    let submit = |mutation| wait(store.submit(mutation)).unwrap();
    let name = MailboxName::new("Kept").unwrap();
    let create = Mutation::CreateMailbox { account, name: name.clone(), special_use: None };
    let Outcome::Mailbox(to) = submit(create) else { panic!("no mailbox") };
    let snapshot = store.snapshot().unwrap();
    let inbox = snapshot.mailbox_named(account, &MailboxName::inbox()).unwrap().unwrap().id;
    let (uids, limits) = (UidSet::range(3..=9), QuotaLimits::default());
    submit(Mutation::Copy { account, from: inbox, uids, to, limits });
    let mut flags = FlagSet::system(&[SystemFlag::Flagged, SystemFlag::Deleted]);
    flags.insert_keyword(Keyword::new("seldom").unwrap());
    let (action, uids) = (FlagAction::Add, UidSet::range(1..=4));
    let unchanged_since = None;
    let set = Mutation::SetFlags { account, mailbox: inbox, uids, action, flags, unchanged_since };
    submit(set);
    submit(Mutation::Subscribe { account, name, on: true });
    let uids = Some(UidSet::range(1..=2));
    submit(Mutation::Expunge { account, mailbox: inbox, uids, only_deleted: true });
}

/// How often each account has each message, by the number in its subject.
type Messages = BTreeMap<(String, u32), usize>;

/// All messages that can be read, and what else is shown: wrong bytes, and errors.
#[derive(Default)]
struct Shown {
    messages: Messages,
    wrong: Vec<String>,
    errors: usize,
}

fn shown(store: &Path) -> Shown {
    let mut shown = Shown::default();
    let reader = Reader::open(store).unwrap();
    let snapshot = reader.snapshot().unwrap();
    let Ok(accounts) = snapshot.accounts() else { return shown };
    for account in accounts {
        let Ok(mailboxes) = snapshot.mailboxes(account.id) else { continue };
        for mailbox in mailboxes {
            let Ok(live) = snapshot.live(&mailbox) else { continue };
            for uid in live.iter() {
                match content::body(&*snapshot, &mailbox, uid) {
                    Ok(bytes) => shown.add(account.name.as_str(), &bytes, uid),
                    Err(_) => shown.errors += 1,
                }
            }
        }
    }
    shown
}

impl Shown {
    fn add(&mut self, account: &str, bytes: &[u8], uid: Uid) {
        let text = String::from_utf8_lossy(bytes);
        let number = text
            .split("Subject: letter ")
            .nth(1)
            .and_then(|rest| rest.split("\r\n").next()?.parse().ok());
        match number.filter(|number| letter_bytes(*number, 700) == bytes) {
            Some(number) => *self.messages.entry((account.to_owned(), number)).or_default() += 1,
            None => self.wrong.push(format!("{account} UID {uid}")),
        }
    }

    /// What of the wanted is not there.
    fn missing(&self, wanted: &Messages) -> Option<(String, u32)> {
        let is_there = |(key, count): &(&(String, u32), &usize)| {
            self.messages.get(*key).is_some_and(|found| found >= count)
        };
        wanted.iter().find(|one| !is_there(one)).map(|(key, _)| key.clone())
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// A place in the file: heads and fronts of pages oftener than the rest.
fn place(dice: &mut Dice, used: usize) -> (usize, u8) {
    let pages = used / PAGE;
    let at = match dice.below(5) {
        0 => dice.below(2) * PAGE + dice.below(152),
        1 | 2 => dice.below(pages) * PAGE + dice.below(64),
        _ => dice.below(used),
    };
    (at, 1 << dice.below(8))
}

fn flip(store: &Path, at: usize, bit: u8) {
    let at = at as u64;
    let file = File::options().read(true).write(true).open(store.join("meta/data.mdb")).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ bit], at).unwrap();
}

/// Bytes of the file up to the last page in use.
fn used(store: &Path) -> usize {
    let bytes = std::fs::read(store.join("meta/data.mdb")).unwrap();
    let last = |head: usize| u64::from_le_bytes(bytes[head + 136..head + 144].try_into().unwrap());
    usize::try_from((last(0).max(last(PAGE)) + 1) * PAGE as u64).unwrap()
}

fn ended(child: &mut Child) -> Option<ExitStatus> {
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    None
}

#[test]
fn flipped_bits_of_the_metadata_end_no_process_and_lose_no_message() {
    let folder = memory_folder();
    let whole = folder.path().join("whole");
    make(&whole);
    let used = used(&whole);
    let count = std::env::var("WAYPOST_FLIPS").map_or(FLIPS, |text| text.parse().unwrap());
    // The same flips each time, so that what another change breaks is told from what was never right.
    let seed = std::env::var("WAYPOST_SEED").map_or(1, |text| text.parse().unwrap());
    println!("seed {seed}, {count} flips in {} pages", used / PAGE);
    let mut dice = Dice::new(seed);
    let mut failed = Vec::new();
    for number in 0..count {
        let (at, bit) = place(&mut dice, used);
        let store = folder.path().join(format!("{number}"));
        copy(&whole, &store);
        flip(&store, at, bit);
        let program = std::env::current_exe().unwrap();
        let mut child = Command::new(program)
            .args(["--exact", "flips::damaged", "--nocapture"])
            .env(DAMAGED, &store)
            .stdout(Stdio::from(File::create(store.join("told")).unwrap()))
            .stderr(Stdio::from(File::create(store.join("failed")).unwrap()))
            .spawn()
            .unwrap();
        let status = ended(&mut child);
        if !status.is_some_and(|status| status.success()) {
            let told = std::fs::read_to_string(store.join("failed")).unwrap();
            failed.push(format!(
                "page {} at {} bit {bit}: {status:?} {told}",
                at / PAGE,
                at % PAGE
            ));
        }
        let told = std::fs::read_to_string(store.join("told")).unwrap();
        told.lines().filter(|line| line.starts_with("flip:")).for_each(|line| {
            println!("page {} at {} bit {bit} {line}", at / PAGE, at % PAGE);
        });
        std::fs::remove_dir_all(&store).unwrap();
    }
    assert!(failed.is_empty(), "seed {seed}: {} of {count}: {}", failed.len(), failed.join("\n"));
}

fn checked(store: &Path) -> CheckReport {
    check(store, &CheckOptions::default()).unwrap()
}

/// The child's side; nothing when the tests run.
#[test]
fn damaged() {
    let Some(store) = std::env::var_os(DAMAGED).map(PathBuf::from) else { return };
    let wanted = shown(&store.parent().unwrap().join("whole"));
    assert!(wanted.wrong.is_empty() && wanted.errors == 0);
    let report = checked(&store);
    let is_structural = |report: &CheckReport| {
        report.findings.iter().any(|finding| finding.remedy() == Remedy::Reconstruct)
    };
    if is_structural(&report) {
        println!("flip: structure: {}", report.findings[0]);
        reconstruct(&config(&store), NOW, true).unwrap();
    } else {
        let now = shown(&store);
        let (errors, wrong) = (now.errors, now.wrong.len());
        assert_eq!(wrong, 0, "{:?}", now.wrong);
        let foreign = now
            .messages
            .iter()
            .filter(|(key, found)| wanted.messages.get(*key).is_none_or(|wanted| *found > wanted));
        println!(
            "flip: {} findings, {errors} errors, {} shown beyond: {:?}",
            report.found,
            foreign.count(),
            report.findings.first().map(ToString::to_string)
        );
        repair(&store, report);
    }
    let report = checked(&store);
    assert!(report.is_clean(), "{:?}", report.findings);
    let found = shown(&store);
    assert_eq!(found.missing(&wanted.messages), None);
    assert!(found.wrong.is_empty() && found.errors == 0, "{:?}", found.wrong);
}

fn repair(store: &Path, mut report: CheckReport) {
    mend(&config(store), NOW).unwrap();
    for _ in 0..ROUNDS {
        let plan = RepairPlan::new(&report.findings);
        if plan.is_empty() {
            return;
        }
        let open = LocalStore::open(config(store)).unwrap();
        wait(open.repair(plan)).unwrap();
        drop(open);
        report = checked(store);
    }
}
