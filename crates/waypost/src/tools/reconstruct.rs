//! `waypost reconstruct`: metadata made anew from the segments, when they are lost or cannot be read.

use crate::cli::ReconstructArguments;
use crate::failure::{Context, Failure};
use crate::output::tell;
use crate::{ownership, settings};
use std::path::Path;
use waypost_options::Config;
use waypost_store::StoreError;
use waypost_store_local::check;
use waypost_store_local::engine::{EngineConfig, Rebuilt, reconstruct};
use waypost_store_local::reader::Reader;
use waypost_supervisor::{AskError, Plan, Request, ToolRights, ask};
use waypost_types::Moment;

/// Makes the metadata anew and says what is proven and what is not.
pub(crate) fn run(file: &Path, arguments: &ReconstructArguments) -> Result<(), Failure> {
    let config = ownership::load_for_tool(file, ToolRights::WriteFiles)?;
    let path = settings::store_path(&config);
    refuse_server(&config)?;
    if !arguments.force && !arguments.dry_run && is_readable(&path) {
        return Err(Failure::usage(
            "the metadata can be read: `waypost check` says whether they are whole, and `waypost repair` \
             mends them without a new UIDVALIDITY; --force makes them anew nevertheless",
        ));
    }
    let rebuilt = reconstruct(&EngineConfig::new(&path), Moment::now().wall, !arguments.dry_run);
    let rebuilt = rebuilt.map_err(|error| match error {
        StoreError::Unavailable(why) => Failure::new(format!("{why}; stop it first")),
        error => Failure::new(format!("the metadata cannot be made anew: {error}")),
    })?;
    report(&rebuilt, arguments.dry_run);
    Ok(())
}

/// Processes that serve would go on with the old metadata.
fn refuse_server(config: &Config) -> Result<(), Failure> {
    match ask(&Plan::control_socket(config), &Request::Status) {
        Err(AskError::NotRunning) => Ok(()),
        Err(error) => Err(error).context("whether the server runs is not known"),
        Ok(_) => Err(Failure::new(
            "the server runs; end it first: `stop-msg watcher` (under systemd: `systemctl stop waypost`)",
        )),
    }
}

/// Whether metadata are there whose pages hang together, and that can be opened and list their accounts.
fn is_readable(path: &Path) -> bool {
    if !check::is_readable(path).unwrap_or(false) {
        return false;
    }
    let Ok(reader) = Reader::open(path) else { return false };
    reader.snapshot().and_then(|snapshot| snapshot.accounts()).is_ok()
}

fn report(rebuilt: &Rebuilt, dry_run: bool) {
    rebuilt.lines.iter().for_each(tell);
    let Rebuilt { accounts, mailboxes, proven, messages, doubtful, .. } = rebuilt;
    tell(format_args!(
        "{accounts} accounts, {mailboxes} mailboxes, {messages} messages; {proven} mailboxes are proven to be as they \
         were, {} get a new UIDVALIDITY",
        mailboxes - proven
    ));
    for (count, what) in [
        (
            *doubtful,
            "are in mailboxes that changed after their state was saved: those of them that were \
          expunged since are back, and flags may be older",
        ),
        (
            rebuilt.damaged,
            "have damaged bytes; they stay where they are, and only a backup has them whole",
        ),
        (rebuilt.lost, "are known and in no segment; only a backup has them"),
        (
            rebuilt.unfiled,
            "are of nobody that is known; they are in the INBOX of the store id `recovered`",
        ),
    ] {
        if count > 0 {
            tell(format_args!("{count} messages {what}"));
        }
    }
    match (&rebuilt.old, dry_run) {
        (_, true) => tell("nothing was changed"),
        (Some(old), false) => tell(format_args!("the old metadata are in {}", old.display())),
        (None, false) => tell("the new metadata are in place"),
    }
}
