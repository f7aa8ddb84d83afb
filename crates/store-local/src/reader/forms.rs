//! Forms of many emails. What belongs to one email lies together in its tree, so the form of the next
//! email lies a few entries behind.

use super::snapshot::LocalSnapshot;
use crate::codec::{corrupt, unseal};
use crate::env::Walk;
use crate::keys;
use std::borrow::Cow;
use waypost_mime::Form;
use waypost_store::{Forms, StoreError};
use waypost_types::{AccountId, EmailId};

/// An email whose number is greater than that of the one before by at most this is walked to: it has
/// four entries in the tree, a few more when it was copied.
const NEAR: u32 = 4;

/// Forms of an account.
pub(super) struct LocalForms<'s> {
    snapshot: &'s LocalSnapshot<'s>,
    account: AccountId,
    walk: Walk<'s>,
    last: Option<EmailId>,
}

impl<'s> LocalForms<'s> {
    pub(super) fn new(snapshot: &'s LocalSnapshot<'s>, account: AccountId) -> Self {
        let walk = Walk::new(snapshot.tables().forms, &snapshot.txn);
        Self { snapshot, account, walk, last: None }
    }

    fn value(&mut self, email: EmailId) -> Result<Option<&'s [u8]>, StoreError> {
        let key = keys::email(self.account, email);
        let ahead = self.last.replace(email).and_then(|last| email.0.checked_sub(last.0));
        match ahead {
            Some(1..=NEAR) => self.walk.walk(&key),
            _ => self.walk.jump(&key),
        }
    }
}

impl<'s> Forms<'s> for LocalForms<'s> {
    fn bytes(&mut self, email: EmailId) -> Result<Cow<'s, [u8]>, StoreError> {
        let account = self.account;
        let damaged = || corrupt(format!("form of email {email} of account {account}"));
        match self.value(email)?.map(|value| unseal(value).ok_or_else(damaged)).transpose()? {
            Some(bytes) if bytes.first() == Some(&Form::VERSION) => Ok(Cow::Borrowed(bytes)),
            _ => Ok(Cow::Owned(self.snapshot.rebuild(account, email)?.encode())),
        }
    }
}
