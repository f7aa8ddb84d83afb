//! `mboxutil`: mailboxes of users, also those that were deleted and messages that were expunged.

use super::imsconnutil::account;
use super::{block_on, open_store};
use crate::cli::MboxutilArguments;
use crate::failure::Failure;
use crate::output::tell;
use crate::ownership;
use std::path::Path;
use waypost_options::Config;
use waypost_store::{Copied, Mailbox, Mutation, Outcome, StoreError, limits};
use waypost_store_local::client::StoreAccess;
use waypost_supervisor::ToolRights;
use waypost_types::{AccountId, AccountName, MailboxName, Moment, Uid, UidSet};

/// How names of mailboxes begin.
const PREFIX: &str = "user/";
const SECONDS_PER_HOUR: i64 = 3_600;

/// Does what one of the options asks for.
pub(crate) fn run(file: &Path, arguments: &MboxutilArguments) -> Result<(), Failure> {
    let config = ownership::load_for_tool(file, ToolRights::WriteFiles)?;
    let places = arguments.mailboxes.iter().map(|name| Place::parse(&config, name));
    let places: Vec<Place> = places.collect::<Result<_, _>>()?;
    if places.is_empty() && !arguments.list {
        return Err(Failure::usage("which mailbox? It is written user/USER/FOLDER"));
    }
    if arguments.rename && places.len() != 2 {
        return Err(Failure::usage("-r needs two names: the old and the new one"));
    }
    block_on(async {
        let access = open_store(&config).await?;
        match arguments {
            arguments if arguments.list => list(&access, &places, arguments.short),
            arguments if arguments.rename => rename(&access, &places).await,
            arguments => each(&access, &places, arguments).await,
        }
    })
}

/// A mailbox by the name that an administrator gives it.
struct Place {
    text: String,
    account: AccountName,
    mailbox: MailboxName,
}

impl Place {
    fn parse(config: &Config, text: &str) -> Result<Self, Failure> {
        let wrong = || Failure::usage(format!("{text:?} is not written user/USER/FOLDER"));
        let name = text.strip_prefix(PREFIX).ok_or_else(wrong)?;
        let (user, folder) = name.split_once('/').unwrap_or((name, "INBOX"));
        let mailbox = MailboxName::new(folder)
            .map_err(|error| Failure::usage(format!("{text:?}: {error}")))?;
        Ok(Self { text: text.to_owned(), account: account(config, user)?, mailbox })
    }

    fn account(&self, access: &StoreAccess) -> Result<AccountId, Failure> {
        let snapshot = access.store().snapshot().map_err(Failure::new)?;
        let found = snapshot.account(&self.account).map_err(Failure::new)?;
        let missing = || Failure::new(format!("{} has no mail yet", self.account));
        found.map(|account| account.id).ok_or_else(missing)
    }

    /// The mailbox, if there is one.
    fn find(&self, access: &StoreAccess) -> Result<Option<Mailbox>, Failure> {
        let account = self.account(access)?;
        let snapshot = access.store().snapshot().map_err(Failure::new)?;
        snapshot.mailbox_named(account, &self.mailbox).map_err(Failure::new)
    }

    fn found(&self, access: &StoreAccess) -> Result<Mailbox, Failure> {
        let missing = || Failure::new(format!("there is no mailbox {}", self.text));
        self.find(access)?.ok_or_else(missing)
    }
}

fn list(access: &StoreAccess, places: &[Place], short: bool) -> Result<(), Failure> {
    let accounts = {
        let snapshot = access.store().snapshot().map_err(Failure::new)?;
        snapshot.accounts().map_err(Failure::new)?
    };
    for account in accounts {
        if !places.is_empty() && !places.iter().any(|place| place.account == account.name) {
            continue;
        }
        // A snapshot lives for one account: a reader must not hold up the store for a long list.
        let snapshot = access.store().snapshot().map_err(Failure::new)?;
        for mailbox in snapshot.mailboxes(account.id).map_err(Failure::new)? {
            let name = format!("{PREFIX}{}/{}", account.name, mailbox.name);
            let counters = mailbox.counters;
            if short {
                tell(name);
            } else {
                tell(format_args!("{:>9} {:>14} {name}", counters.messages, counters.bytes));
            }
        }
    }
    Ok(())
}

/// Does the same with each mailbox; the first failure ends it.
async fn each(
    access: &StoreAccess,
    places: &[Place],
    arguments: &MboxutilArguments,
) -> Result<(), Failure> {
    for place in places {
        let done = if arguments.create {
            create(access, place).await
        } else if arguments.delete {
            delete(access, place).await
        } else {
            restore(access, place, arguments.hours).await
        };
        tell(done?);
    }
    Ok(())
}

async fn submit(
    access: &StoreAccess,
    place: &Place,
    mutation: Mutation,
) -> Result<Outcome, Failure> {
    access.store().submit(mutation).await.map_err(|error| match error {
        StoreError::MailboxExists => Failure::new(format!("{} is there already", place.text)),
        error => Failure::new(format!("{}: {error}", place.text)),
    })
}

async fn create(access: &StoreAccess, place: &Place) -> Result<String, Failure> {
    let ensure = Mutation::EnsureAccount(place.account.clone());
    let Outcome::Account(account) = submit(access, place, ensure).await? else {
        return Err(Failure::new("the store answered something else"));
    };
    let name = place.mailbox.clone();
    submit(access, place, Mutation::CreateMailbox { account, name, special_use: None }).await?;
    Ok(format!("{} is created", place.text))
}

async fn delete(access: &StoreAccess, place: &Place) -> Result<String, Failure> {
    let Mailbox { account, id: mailbox, .. } = place.found(access)?;
    submit(access, place, Mutation::DeleteMailbox { account, mailbox }).await?;
    Ok(format!("{0} is deleted; `mboxutil -R {0}` brings it back until it is purged", place.text))
}

async fn rename(access: &StoreAccess, places: &[Place]) -> Result<(), Failure> {
    let [from, to] = places else { return Ok(()) };
    if from.account != to.account {
        return Err(Failure::usage("a mailbox stays with its user"));
    }
    let Mailbox { account, id: mailbox, .. } = from.found(access)?;
    let rename = Mutation::RenameMailbox { account, mailbox, to: to.mailbox.clone() };
    submit(access, to, rename).await?;
    tell(format_args!("{} is now {}", from.text, to.text));
    Ok(())
}

/// Brings back expunged messages of a mailbox that is there, or the mailbox itself.
async fn restore(
    access: &StoreAccess,
    place: &Place,
    hours: Option<i64>,
) -> Result<String, Failure> {
    let account = place.account(access)?;
    let now = Moment::now().wall.seconds;
    let since = hours.map_or(0, |hours| now.saturating_sub(hours.saturating_mul(SECONDS_PER_HOUR)));
    let gone = access.gone(account, since).map_err(Failure::new)?;
    if let Some(mailbox) = place.find(access)? {
        let uids = gone.messages.get(&mailbox.id).cloned().unwrap_or_default();
        let count = messages(access, place, &mailbox, &uids).await?;
        return Ok(format!("{}: {count} messages are back, without their flags", place.text));
    }
    // The one that was deleted last had the name last.
    let dead = gone.mailboxes.iter().rev().find(|(_, dead)| dead.name == place.mailbox);
    let nothing =
        || Failure::new(format!("there is no mailbox {} that could be brought back", place.text));
    let (deleted, dead) = dead.ok_or_else(nothing)?;
    let (mailbox, deleted, name) = (dead.id, *deleted, place.mailbox.clone());
    submit(access, place, Mutation::UndeleteMailbox { account, mailbox, deleted, name }).await?;
    Ok(format!("{} is back with {} messages", place.text, dead.counters.messages))
}

/// In pieces that others need not wait for.
async fn messages(
    access: &StoreAccess,
    place: &Place,
    mailbox: &Mailbox,
    uids: &UidSet,
) -> Result<u32, Failure> {
    let all: Vec<Uid> = uids.iter().collect();
    let mut count = 0;
    for some in all.chunks(limits::STEP_ROWS) {
        let uids = some.iter().copied().collect();
        let undelete = Mutation::Undelete { account: mailbox.account, mailbox: mailbox.id, uids };
        if let Outcome::Copied(Copied { target, .. }) = submit(access, place, undelete).await? {
            count += target.len();
        }
    }
    Ok(count)
}
