//! `waypost repair`: checks the store, mends what can be mended, and checks it again.

use super::check_store::{checked, show, summary};
use super::imsconnutil::account;
use super::{block_on, open_store};
use crate::cli::RepairArguments;
use crate::failure::{Context, Failure};
use crate::output::{progress, tell};
use crate::{ownership, settings};
use std::path::Path;
use waypost_options::Config;
use waypost_store_local::check::{CheckOptions, CheckReport};
use waypost_store_local::client::mend_numbers;
use waypost_store_local::engine::RepairPlan;
use waypost_supervisor::ToolRights;

/// How often what a repair brought to light is repaired in turn.
const ROUNDS: usize = 4;

/// Says what is wrong, mends it through the running server or in this process, and says what was done
/// and what is left.
pub(crate) fn run(file: &Path, arguments: &RepairArguments) -> Result<(), Failure> {
    let config = ownership::load_for_tool(file, ToolRights::None)?;
    let account = arguments.user.as_deref().map(|user| account(&config, user)).transpose()?;
    let options = CheckOptions { account, ..CheckOptions::default() };
    if !arguments.dry_run {
        mend(&config)?;
    }
    let report = checked(&config, &options)?;
    show(&report, false);
    if report.is_clean() {
        return Ok(());
    }
    if arguments.dry_run {
        return Err(Failure::new(format!("{}; nothing was changed", summary(&report))));
    }
    let left = mended(&config, &options, report)?;
    if left.is_clean() {
        tell("the store is whole again");
        return Ok(());
    }
    tell("this is left:");
    show(&left, false);
    Err(Failure::new(format!("{} left, which cannot be repaired", summary(&left))))
}

/// A store without its numbers cannot be opened to write.
fn mend(config: &Config) -> Result<(), Failure> {
    let client = settings::store_client(config, "tool", false);
    let mended = block_on(async { Ok(mend_numbers(&client).await) })?;
    if mended.context("the store cannot be opened").map_err(Failure::unable)? {
        tell("numbers of the store: made anew, above all that were given");
    }
    Ok(())
}

/// Repairs until nothing that can be repaired is left; what is left then.
fn mended(
    config: &Config,
    options: &CheckOptions,
    mut report: CheckReport,
) -> Result<CheckReport, Failure> {
    for _ in 0..ROUNDS {
        let plan = RepairPlan::new(&report.findings);
        if plan.is_empty() {
            break;
        }
        progress(format_args!("repairing: {}", summary(&report)));
        let said = block_on(async {
            let access = open_store(config).await?;
            access.repair(plan).await.context("the repair ended")
        })?;
        said.iter().for_each(tell);
        report = checked(config, options)?;
    }
    Ok(report)
}
