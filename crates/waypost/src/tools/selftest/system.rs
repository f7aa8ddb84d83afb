//! What the store needs of the system: locks between processes, files mapped into memory that are
//! shared, pages of counters, and the rules that keep workers from writing mail.

use super::Verdict;
use crate::failure::{Context, Failure};
use std::fs::{File, TryLockError};
use std::path::Path;
use waypost_counters::Page;
use waypost_store::Store;
use waypost_store_local::confine::{ConfinePlan, Confinement, confine};
use waypost_store_local::engine::EngineConfig;
use waypost_store_local::local::LocalStore;
use waypost_store_local::reader::Reader;

/// Processes and seats of the page of counters that is tried.
const COUNTERS: (usize, u64) = (2, 16);

/// Tries each of them.
pub(super) fn check(folder: &Path, verdict: &mut Verdict) -> Result<(), Failure> {
    locks(&folder.join("lock"), verdict)?;
    maps(&folder.join("map"), verdict);
    match Page::shared(COUNTERS.0, COUNTERS.1) {
        Ok(page) if page.fd().is_some() => verdict.good("memory is shared between processes"),
        Ok(_) => verdict.bad("memory is not shared between processes"),
        Err(error) => {
            verdict.bad(format_args!("memory cannot be shared between processes: {error}"))
        }
    }
    rules(folder, verdict);
    Ok(())
}

fn locks(path: &Path, verdict: &mut Verdict) -> Result<(), Failure> {
    let open = || File::options().write(true).create(true).truncate(false).open(path);
    let (first, second) = (open().context(path.display())?, open().context(path.display())?);
    let held = first.try_lock();
    match (held, second.try_lock()) {
        (Ok(()), Err(TryLockError::WouldBlock)) => {
            verdict.good("a lock on a file keeps others away");
        }
        (Err(error), _) => verdict.bad(format_args!("files cannot be locked here: {error}")),
        (Ok(()), _) => {
            verdict.bad("locks on files keep nobody away here: two writers could damage the store")
        }
    }
    Ok(())
}

/// The metadata are a file that every process maps into memory.
fn maps(path: &Path, verdict: &mut Verdict) {
    let tried = LocalStore::open(EngineConfig::new(path)).and_then(|store| {
        let accounts = store.snapshot()?.accounts()?.len();
        drop(store);
        let reader = Reader::open(path)?;
        let again = reader.snapshot()?.accounts()?.len();
        Ok(accounts == again)
    });
    match tried {
        Ok(true) => verdict.good("files are mapped into memory"),
        Ok(false) => verdict.bad("what is written to a file is not seen in its map"),
        Err(error) => verdict.bad(format_args!("files cannot be mapped into memory: {error}")),
    }
}

/// The rules bind the thread that asks for them, so one is tried that ends with this check.
fn rules(folder: &Path, verdict: &mut Verdict) {
    let plan = ConfinePlan { read: vec![folder.to_path_buf()], ..ConfinePlan::default() };
    let forbidden = folder.join("forbidden");
    let tried = std::thread::spawn(move || {
        let confined = confine(&plan);
        (confined, File::create(forbidden).is_err())
    });
    match tried.join() {
        Ok((Ok(Confinement::Full | Confinement::Partial), true)) => {
            verdict.good("workers can be kept from writing mail (Landlock)");
        }
        Ok((Ok(Confinement::None), _)) => {
            verdict.note("this kernel cannot keep workers from writing mail: it has no Landlock");
        }
        Ok((Ok(_), false)) => {
            verdict.bad("Landlock says that it keeps workers from writing, and does not")
        }
        Ok((Err(error), _)) => verdict.note(format_args!("Landlock cannot be used: {error}")),
        Err(_) => verdict.bad("the check of Landlock failed"),
    }
}
