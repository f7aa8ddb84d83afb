//! A worker's promise that it cannot damage mail: it gives up the right to write the store.

use landlock::{
    ABI, Access, AccessFs, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreated,
    RulesetCreatedAttr, RulesetError, RulesetStatus,
};
use std::io;
use std::path::{Path, PathBuf};

/// The rules asked for. Later kernels know rights that this leaves alone, above all the right to
/// connect to Unix sockets, which a worker needs to reach a restarted `stored`.
const RIGHTS: ABI = ABI::V5;

/// What a confined process may still touch in the file system.
#[derive(Debug, Clone, Default)]
pub struct ConfinePlan {
    /// The store, as given to `stored`; its metadata and segments become readable and its LMDB lock
    /// file writable. `None` for a process that never reads mail.
    pub store: Option<PathBuf>,
    /// More files and directories to read, such as certificates; missing ones are left out.
    pub read: Vec<PathBuf>,
    /// More files and directories to read and write, such as the directory's lock file; missing
    /// ones are left out.
    pub write: Vec<PathBuf>,
}

/// How far the system enforces a [`ConfinePlan`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confinement {
    /// All of it.
    Full,
    /// Some of it: the kernel knows only a part of the rules (before 6.10), or other threads ran
    /// already and stay free.
    Partial,
    /// Nothing: the kernel has no Landlock, or it is switched off.
    None,
}

impl Confinement {
    /// A sentence for the log and `status`; `None` when there is nothing to warn of.
    pub const fn warning(self) -> Option<&'static str> {
        match self {
            Self::Full => None,
            Self::Partial => Some("workers are only partly kept from writing the store"),
            Self::None => Some("workers are not kept from writing the store: no Landlock"),
        }
    }
}

/// Confines this process, for good, and gives up new privileges. Landlock binds the calling thread
/// and those it starts later: call this before any other thread exists, after the log is open.
///
/// # Errors
/// When the store's own directories are missing or the kernel refuses a rule it claims to know.
pub fn confine(plan: &ConfinePlan) -> io::Result<Confinement> {
    let alone = threads() == 1;
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(RIGHTS))
        .and_then(Ruleset::create)
        .map_err(refused)?;
    if let Some(store) = &plan.store {
        let meta = store.join("meta");
        rules = allow(rules, &meta, readable())?;
        rules = allow(rules, &store.join("segments"), readable())?;
        rules = allow(rules, &meta.join("lock.mdb"), writable_file())?;
    }
    for path in plan.read.iter().filter(|path| path.exists()) {
        rules = allow(rules, path, readable())?;
    }
    for path in plan.write.iter().filter(|path| path.exists()) {
        let rights = if path.is_dir() { AccessFs::from_all(RIGHTS) } else { writable_file() };
        rules = allow(rules, path, rights)?;
    }
    let status = rules.restrict_self().map_err(refused)?;
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced if alone => Confinement::Full,
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Confinement::Partial,
        RulesetStatus::NotEnforced => Confinement::None,
    })
}

/// Threads of this process; 0 when the system does not say.
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}

/// Reading without running programs.
fn readable() -> BitFlags<AccessFs> {
    AccessFs::ReadFile | AccessFs::ReadDir
}

/// LMDB opens its lock file for writing and sizes it when it is the first.
fn writable_file() -> BitFlags<AccessFs> {
    AccessFs::ReadFile | AccessFs::WriteFile | AccessFs::Truncate
}

fn allow(
    rules: RulesetCreated,
    path: &Path,
    rights: BitFlags<AccessFs>,
) -> io::Result<RulesetCreated> {
    let named = |error: &dyn std::fmt::Display| {
        io::Error::other(format!("cannot allow {}: {error}", path.display()))
    };
    let handle = PathFd::new(path).map_err(|error| named(&error))?;
    let rights = if path.is_dir() { rights } else { rights & AccessFs::from_file(RIGHTS) };
    rules.add_rule(PathBeneath::new(handle, rights)).map_err(|error| named(&error))
}

fn refused(error: RulesetError) -> io::Error {
    io::Error::other(error)
}
