//! Many emails, one after the other. What belongs to one email lies together in its tree, so the row or
//! the form of the next email lies a few entries behind.

use super::snapshot::LocalSnapshot;
use crate::codec::rows::EmailRecord;
use crate::codec::{corrupt, unseal};
use crate::env::{Table, Walk};
use crate::keys;
use heed::RoTxn;
use std::borrow::Cow;
use waypost_mime::Form;
use waypost_store::{EmailRow, Emails, StoreError};
use waypost_types::{AccountId, EmailId};

/// An email whose number is greater than that of the one before by at most this is walked to: it has
/// four entries in the tree, a few more when it was copied.
const NEAR: u32 = 4;

/// Emails of an account.
pub(super) struct LocalEmails<'s> {
    snapshot: &'s LocalSnapshot<'s>,
    account: AccountId,
    rows: Values<'s>,
    forms: Values<'s>,
}

/// Values of one of the tables whose keys are emails.
struct Values<'s> {
    walk: Walk<'s>,
    last: Option<EmailId>,
}

impl<'s> Values<'s> {
    const fn new(table: Table, txn: &'s RoTxn<'s>) -> Self {
        Self { walk: Walk::new(table, txn), last: None }
    }

    fn of(&mut self, account: AccountId, email: EmailId) -> Result<Option<&'s [u8]>, StoreError> {
        let key = keys::email(account, email);
        let ahead = self.last.replace(email).and_then(|last| email.0.checked_sub(last.0));
        match ahead {
            Some(1..=NEAR) => self.walk.walk(&key),
            _ => self.walk.jump(&key),
        }
    }
}

impl<'s> LocalEmails<'s> {
    pub(super) fn new(snapshot: &'s LocalSnapshot<'s>, account: AccountId) -> Self {
        let values = |table: &Table| Values::new(*table, &snapshot.txn);
        let (rows, forms) = (values(&snapshot.tables().emails), values(&snapshot.tables().forms));
        Self { snapshot, account, rows, forms }
    }
}

impl<'s> Emails<'s> for LocalEmails<'s> {
    fn row(&mut self, email: EmailId) -> Result<Option<EmailRow>, StoreError> {
        let account = self.account;
        let Some(value) = self.rows.of(account, email)? else { return Ok(None) };
        let damaged = || corrupt(format!("email {email} of account {account}"));
        EmailRecord::decode(value).map(|record| Some(record.row)).ok_or_else(damaged)
    }

    fn form_bytes(&mut self, email: EmailId) -> Result<Cow<'s, [u8]>, StoreError> {
        let account = self.account;
        let damaged = || corrupt(format!("form of email {email} of account {account}"));
        let value = self.forms.of(account, email)?;
        let bytes = value.map(|value| unseal(value).ok_or_else(damaged)).transpose()?;
        if let Some(bytes) = bytes.filter(|bytes| bytes.first() == Some(&Form::VERSION)) {
            return Ok(Cow::Borrowed(bytes));
        }
        // An older one, one of a parser that is not known, or none.
        let form = match bytes.and_then(Form::decode) {
            Some(form) => form,
            None => self.snapshot.rebuild(account, email)?,
        };
        Ok(Cow::Owned(form.encode()))
    }
}
