//! `waypost selftest`: whether this machine keeps what a mail server promises.
//!
//! Everything happens in a new folder that is removed at the end: a store of its own with a writer of
//! its own, never the server's. What cannot be found out without taking the power away is said.

mod crash;
mod disk;
mod system;

use crate::cli::SelftestArguments;
use crate::failure::{Context, Failure};
use crate::output::tell;
use crate::{config_file, settings};
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub(crate) use crash::writer;

/// The part of the time that looking at the disk takes.
const DISK_SHARE: u32 = 4;
/// The longest time for the disk; percentiles do not get better after it.
const DISK_MOST: Duration = Duration::from_secs(5);

/// What was found out, a line each, and whether all of it is good.
#[derive(Default)]
struct Verdict {
    bad: u32,
}

impl Verdict {
    fn good(&self, line: impl Display) {
        tell(format_args!("ok       {line}"));
    }

    /// Something that an administrator should know and that is no failure.
    fn note(&self, line: impl Display) {
        tell(format_args!("note     {line}"));
    }

    fn bad(&mut self, line: impl Display) {
        self.bad += 1;
        tell(format_args!("FAILED   {line}"));
    }
}

/// A folder that is removed with all that is in it.
struct Scratch(PathBuf);

impl Scratch {
    fn below(path: &Path) -> Result<Self, Failure> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).context("no random numbers")?;
        let name = format!("selftest-{:016x}", u64::from_ne_bytes(random));
        let scratch = path.join(name);
        settings::private_folder(&scratch)?;
        Ok(Self(scratch))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            crate::output::progress(format_args!("{} is left: {error}", self.0.display()));
        }
    }
}

/// Runs the checks and says in words what came of each.
pub(crate) fn run(config: Option<&Path>, arguments: &SelftestArguments) -> Result<(), Failure> {
    let path = match &arguments.path {
        Some(path) => path.clone(),
        None => {
            let file = config_file::find(config)?;
            let config =
                crate::ownership::load_for_tool(&file, waypost_supervisor::ToolRights::WriteFiles)?;
            settings::store_path(&config)
        }
    };
    let begun = Instant::now();
    let whole = Duration::from_secs(u64::from(arguments.seconds));
    let scratch = Scratch::below(&path)?;
    let mut verdict = Verdict::default();
    disk::check(&scratch.0, (whole / DISK_SHARE).min(DISK_MOST), &mut verdict)?;
    system::check(&scratch.0, &mut verdict)?;
    crash::check(&scratch.0, begun + whole, &mut verdict)?;
    drop(scratch);
    match verdict.bad {
        0 => {
            tell(
                "this machine keeps what is acknowledged, as far as can be found out with its power on",
            );
            Ok(())
        }
        1 => Err(Failure::new("1 check failed")),
        bad => Err(Failure::new(format!("{bad} checks failed"))),
    }
}
