//! Random mutations by name, so that the same run works on any store.

use super::{message, recipient, snapshot, submit};
use crate::{Append, Deliver, FlagAction, LimitName, Mutation, Outcome, Store, StoreError};
use waypost_types::{
    AccountId, AccountName, FlagSet, Keyword, MailboxId, MailboxName, QuotaLimits, SystemFlag,
    UidSet, UnixTime,
};

pub(super) const ACCOUNTS: [&str; 2] = ["alice", "bob"];
const NAMES: [&str; 7] = ["INBOX", "Sent", "a", "a/b", "a/b/c", "z", "Trash"];
const WORDS: [&str; 4] = ["$Junk", "work", "Home", "x1"];

/// A small deterministic generator (splitmix64): a run is named by its seed.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`.
    pub(super) fn below(&mut self, limit: u32) -> u32 {
        u32::try_from(self.next() % u64::from(limit.max(1))).unwrap_or(0)
    }

    pub(super) fn pick<'a, T: ?Sized>(&mut self, list: &[&'a T]) -> &'a T {
        let at = self.below(u32::try_from(list.len()).unwrap_or(1));
        list[at as usize]
    }
}

/// A mutation whose account and mailboxes are names.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) account: &'static str,
    mailbox: &'static str,
    action: Action,
    limits: QuotaLimits,
}

#[derive(Debug, Clone)]
enum Action {
    Deliver { number: u32, folder: Option<&'static str>, both: bool },
    Append(u32, FlagSet),
    SetFlags(UidSet, FlagAction, FlagSet),
    Expunge(Option<UidSet>, bool),
    Copy(UidSet, &'static str, bool),
    Create,
    Rename(&'static str),
    Delete,
    Subscribe(bool),
}

impl Step {
    pub(super) fn random(dice: &mut Dice, number: u32) -> Self {
        let account = dice.pick(&ACCOUNTS);
        let mailbox = if dice.below(3) == 0 { dice.pick(&NAMES) } else { "INBOX" };
        let action = match dice.below(20) {
            0..=5 => Action::Deliver {
                number,
                folder: (dice.below(3) == 0).then(|| dice.pick(&NAMES)),
                both: dice.below(4) == 0,
            },
            6 => Action::Append(number, some_flags(dice)),
            7..=11 => Action::SetFlags(some_uids(dice), some_action(dice), some_flags(dice)),
            12..=14 => {
                Action::Expunge((dice.below(2) == 0).then(|| some_uids(dice)), dice.below(4) != 0)
            }
            15..=16 => Action::Copy(some_uids(dice), dice.pick(&NAMES), dice.below(2) == 0),
            17 => Action::Create,
            18 if dice.below(2) == 0 => Action::Rename(dice.pick(&NAMES)),
            18 => Action::Delete,
            _ => Action::Subscribe(dice.below(2) == 0),
        };
        let limits = some_limits(dice);
        Self { account, mailbox, action, limits }
    }

    /// Submits the step; the answer without numbers that may differ between stores.
    pub(super) fn run(&self, store: &dyn Store) -> String {
        let account = super::account(store, self.account);
        let named = |name: &str| find(store, account, name);
        match self.mutation(account, &named) {
            Ok(mutation) => describe(submit(store, mutation)),
            Err(error) => describe(Err(error)),
        }
    }

    fn mutation(
        &self,
        account: AccountId,
        named: &dyn Fn(&str) -> Result<MailboxId, StoreError>,
    ) -> Result<Mutation, StoreError> {
        let name = |name: &str| MailboxName::new(name).map_err(|_| StoreError::BadName);
        let mailbox = || named(self.mailbox);
        Ok(match &self.action {
            Action::Deliver { number, folder, both } => {
                Mutation::Deliver(self.delivery(*number, *folder, *both))
            }
            Action::Append(number, flags) => Mutation::Append(Append {
                account,
                mailbox: mailbox()?,
                payload: numbered(*number),
                flags: flags.clone(),
                internal_date: UnixTime::utc(i64::from(*number)),
                limits: self.limits,
            }),
            Action::SetFlags(uids, action, flags) => Mutation::SetFlags {
                account,
                mailbox: mailbox()?,
                uids: uids.clone(),
                action: *action,
                flags: flags.clone(),
                unchanged_since: None,
            },
            Action::Expunge(uids, only_deleted) => Mutation::Expunge {
                account,
                mailbox: mailbox()?,
                uids: uids.clone(),
                only_deleted: *only_deleted,
            },
            Action::Copy(uids, to, moving) => {
                let (from, uids, to) = (mailbox()?, uids.clone(), named(to)?);
                if *moving {
                    Mutation::Move { account, from, uids, to }
                } else {
                    Mutation::Copy { account, from, uids, to, limits: self.limits }
                }
            }
            Action::Create => {
                Mutation::CreateMailbox { account, name: name(self.mailbox)?, special_use: None }
            }
            Action::Rename(to) => {
                Mutation::RenameMailbox { account, mailbox: mailbox()?, to: name(to)? }
            }
            Action::Delete => Mutation::DeleteMailbox { account, mailbox: mailbox()? },
            Action::Subscribe(on) => {
                Mutation::Subscribe { account, name: name(self.mailbox)?, on: *on }
            }
        })
    }

    fn delivery(&self, number: u32, folder: Option<&str>, both: bool) -> Deliver {
        let mut recipients = vec![recipient(self.account, folder)];
        if both {
            recipients.extend(ACCOUNTS.map(|account| recipient(account, None)));
        }
        recipients.iter_mut().for_each(|recipient| recipient.limits = self.limits);
        let internal_date = UnixTime::utc(i64::from(number));
        Deliver { payload: numbered(number), recipients, internal_date }
    }
}

fn numbered(number: u32) -> crate::Payload {
    let reply = (number > 3).then(|| format!("r{}@x", number / 2));
    message(&format!("s{}", number % 3), &format!("r{number}@x"), reply.as_deref(), "random")
}

fn find(store: &dyn Store, account: AccountId, name: &str) -> Result<MailboxId, StoreError> {
    let name = MailboxName::new(name).map_err(|_| StoreError::BadName)?;
    let found = snapshot(store).mailbox_named(account, &name)?;
    found.map(|mailbox| mailbox.id).ok_or(StoreError::NoSuchMailbox)
}

fn some_uids(dice: &mut Dice) -> UidSet {
    let start = 1 + dice.below(30);
    let mut set = UidSet::range(start..=start + dice.below(6));
    if dice.below(5) == 0 {
        set.insert_range(1..=u32::MAX);
    }
    set
}

/// Mostly none; else some that a run of this length meets.
fn some_limits(dice: &mut Dice) -> QuotaLimits {
    match dice.below(6) {
        0 => QuotaLimits { messages: Some(dice.below(40).into()), bytes: None },
        1 => QuotaLimits { bytes: Some(u64::from(dice.below(40)) * 150), messages: None },
        _ => QuotaLimits::NONE,
    }
}

fn some_action(dice: &mut Dice) -> FlagAction {
    match dice.below(4) {
        0 => FlagAction::Remove,
        1 => FlagAction::Replace,
        _ => FlagAction::Add,
    }
}

fn some_flags(dice: &mut Dice) -> FlagSet {
    let mut flags = FlagSet::default();
    for _ in 0..=dice.below(2) {
        flags.system.insert(SystemFlag::ALL[dice.below(5) as usize]);
    }
    if dice.below(3) == 0 {
        let keyword = Keyword::new(dice.pick(&WORDS)).expect("a valid keyword");
        flags.insert_keyword(keyword);
    }
    flags
}

fn describe(answer: Result<Outcome, StoreError>) -> String {
    match answer {
        Ok(Outcome::Delivered(results)) => results
            .into_iter()
            .map(|r| r.map_or_else(|e| kind(&e), |d| format!("{} {} ", d.name, d.uid)))
            .collect(),
        Ok(Outcome::Appended { uid, .. }) => format!("appended {uid}"),
        Ok(Outcome::Flags { changed, modified, .. }) => {
            format!("flags {:?} {:?}", changed.ranges(), modified.ranges())
        }
        Ok(Outcome::Expunged { uids, .. }) => format!("expunged {:?}", uids.ranges()),
        Ok(Outcome::Copied(c)) => format!("copied {:?} {:?}", c.source.ranges(), c.target.ranges()),
        Ok(Outcome::Account(_) | Outcome::Mailbox(_) | Outcome::Done) => "done".to_owned(),
        Err(error) => kind(&error),
    }
}

/// The error without its details.
fn kind(error: &StoreError) -> String {
    match error {
        StoreError::NotPermitted(_) => "not permitted".to_owned(),
        StoreError::Limit(LimitName::Keywords) => "keyword limit".to_owned(),
        other => other.to_string(),
    }
}

/// The account name as the contract takes it.
pub(super) fn account_name(name: &str) -> AccountName {
    AccountName::new(name).expect("a valid name")
}
