//! Whom a damaged page concerns, by the keys that lie on it.

use crate::codec::Take;
use serde::{Deserialize, Serialize};
use waypost_types::{AccountId, MailboxId};

/// Whose rows cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Area {
    /// Nobody's who reads mail.
    Nobody,
    /// Those of accounts, from the first to the last number.
    Accounts(u32, u32),
    /// Those of mailboxes, from the first to the last number.
    Mailboxes(u32, u32),
    /// Anybody's.
    Everything,
}

impl Area {
    /// The area of keys of a tree from `low` to `high`, both included; without an end they go to the last.
    pub(super) fn of(tree: &str, low: &[u8], high: Option<&[u8]>) -> Self {
        let numbers = |skip: usize| {
            let number = |key: &[u8]| Take(key.get(skip..)?).u32();
            (number(low).unwrap_or(0), high.and_then(number).unwrap_or(u32::MAX))
        };
        // Behind the mark of one table the numbers are in order.
        let mark = low.first().filter(|mark| high.is_some_and(|high| high.first() == Some(mark)));
        match (tree, mark) {
            ("mail" | "mailbox_names" | "subscriptions", _) => {
                let (low, high) = numbers(0);
                Self::Accounts(low, high)
            }
            ("found", Some(_)) | ("state", Some(1 | 2 | 6)) => {
                let (low, high) = numbers(1);
                Self::Accounts(low, high)
            }
            ("numbered", Some(_)) => {
                let (low, high) = numbers(1);
                Self::Mailboxes(low, high)
            }
            ("purge" | super::walk::FREE, _) => Self::Nobody,
            _ => Self::Everything,
        }
    }

    /// The account that it is about alone.
    pub(crate) fn account(self) -> Option<AccountId> {
        match self {
            Self::Accounts(low, high) if low == high => Some(AccountId(low)),
            _ => None,
        }
    }

    /// The mailbox that it is about alone.
    pub(crate) fn mailbox(self) -> Option<MailboxId> {
        match self {
            Self::Mailboxes(low, high) if low == high => Some(MailboxId(low)),
            _ => None,
        }
    }
}

/// What is not read any more, so that no process ends over it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Harm {
    everything: bool,
    accounts: Vec<(u32, u32)>,
    mailboxes: Vec<(u32, u32)>,
}

impl Harm {
    pub(super) fn new(areas: impl Iterator<Item = Area>) -> Self {
        let mut harm = Self::default();
        for area in areas {
            match area {
                Area::Nobody => {}
                Area::Accounts(low, high) => harm.accounts.push((low, high)),
                Area::Mailboxes(low, high) => harm.mailboxes.push((low, high)),
                Area::Everything => harm.everything = true,
            }
        }
        for ranges in [&mut harm.accounts, &mut harm.mailboxes] {
            ranges.sort_unstable();
            ranges.dedup();
        }
        harm
    }

    /// Whether nothing may be read.
    pub(crate) const fn is_total(&self) -> bool {
        self.everything
    }

    /// Whether the list of accounts may not be read.
    pub(crate) fn has_accounts(&self) -> bool {
        self.everything || !self.accounts.is_empty()
    }

    /// Whether rows of an account may lie on a damaged page.
    pub(crate) fn has_account(&self, account: AccountId) -> bool {
        self.everything
            || self.accounts.iter().any(|(low, high)| (*low..=*high).contains(&account.0))
    }

    /// Whether rows of a mailbox may lie on a damaged page.
    pub(crate) fn has_mailbox(&self, mailbox: MailboxId) -> bool {
        self.everything
            || self.mailboxes.iter().any(|(low, high)| (*low..=*high).contains(&mailbox.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_tell_whom_a_page_concerns() {
        let (five, nine) = ([0, 0, 0, 5, 1], [0, 0, 0, 9]);
        assert_eq!(Area::of("mail", &five, Some(&nine)), Area::Accounts(5, 9));
        assert_eq!(Area::of("mail", &[], Some(&five)), Area::Accounts(0, 5));
        assert_eq!(Area::of("mail", &nine, None), Area::Accounts(9, u32::MAX));
        let marked = |mark: u8, key: &[u8]| [&[mark], key].concat();
        let (low, high) = (marked(3, &five), marked(3, &five));
        assert_eq!(Area::of("numbered", &low, Some(&high)), Area::Mailboxes(5, 5));
        assert_eq!(Area::of("numbered", &low, Some(&marked(4, &nine))), Area::Everything);
        assert_eq!(Area::of("state", &low, Some(&high)), Area::Everything);
        assert_eq!(
            Area::of("state", &marked(1, &five), Some(&marked(1, &nine))),
            Area::Accounts(5, 9)
        );
        assert_eq!(Area::of("purge", &five, None), Area::Nobody);
        let harm = Harm::new([Area::Accounts(5, 9), Area::Mailboxes(2, 2)].into_iter());
        assert!(harm.has_account(AccountId(9)) && !harm.has_account(AccountId(4)));
        assert!(harm.has_mailbox(MailboxId(2)) && !harm.has_mailbox(MailboxId(3)));
        assert!(Harm::new([Area::Everything].into_iter()).has_mailbox(MailboxId(3)));
    }
}
