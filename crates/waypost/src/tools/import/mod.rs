//! `waypost import`: messages of an mbox file or a Maildir become messages of a mailbox.

mod maildir;
mod mbox;
mod sink;

use super::{block_on, find_user, limits_for, open_store};
use crate::cli::ImportArguments;
use crate::failure::Failure;
use crate::output::tell;
use crate::ownership;
use sink::Sink;
use std::path::Path;
use waypost_options::Config;
use waypost_supervisor::ToolRights;
use waypost_types::{AccountName, MailboxName, QuotaLimits};

/// Imports what the command line names.
pub(crate) fn run(file: &Path, arguments: &ImportArguments) -> Result<(), Failure> {
    let config = ownership::load_for_tool(file, ToolRights::ReadFiles)?;
    let (user, _) = find_user(&config, &arguments.user)?;
    let folder =
        arguments.folder.as_deref().map_or_else(|| Ok(MailboxName::inbox()), MailboxName::new);
    let folder = folder.map_err(|error| Failure::usage(format!("--folder: {error}")))?;
    let limits = limits_for(&config, &user, arguments.ignore_quota);
    block_on(import(&config, (user.account, limits), folder, arguments))
}

async fn import(
    config: &Config,
    (account, limits): (AccountName, QuotaLimits),
    folder: MailboxName,
    arguments: &ImportArguments,
) -> Result<(), Failure> {
    let access = open_store(config).await?;
    let mut sink = Sink::open(access.store(), account, limits, arguments.skip).await?;
    let read = match (&arguments.mbox, &arguments.maildir) {
        (Some(mbox), _) => mbox::import(mbox, &folder, &mut sink).await,
        (None, Some(maildir)) => {
            let root = arguments.folder.is_some().then_some(&folder);
            maildir::import(maildir, root, &mut sink).await
        }
        // The command line demands one of them.
        (None, None) => Ok(()),
    };
    let stored = sink.finish().await;
    let done = sink.done();
    match read.and(stored) {
        Ok(()) => {
            tell(format_args!("imported {done} messages, {} bytes", sink.bytes()));
            Ok(())
        }
        Err(failure) => Err(Failure::new(format!(
            "{failure}\n{done} messages are imported; the same command with --skip {} goes on \
             after them, with --skip {} it leaves out the one that comes next",
            arguments.skip + done,
            arguments.skip + done + 1
        ))),
    }
}
