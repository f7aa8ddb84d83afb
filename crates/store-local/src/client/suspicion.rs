//! Snapshots that tell `stored` of damage they meet, so that it is checked and repaired while the reader
//! gets its error, and that do not read what lies on damaged pages: that could end the process.

use super::Shared;
use crate::proto::{Harm, Suspect, ToStored};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use waypost_mime::Form;
use waypost_store::{
    Account, Body, Changes, EmailRow, Emails, KeywordId, LastAccess, Mailbox, MessageRow, Snapshot,
    StatePage, StoreError,
};
use waypost_types::{
    AccountId, AccountName, EmailId, Keyword, MailboxId, MailboxName, ModSeq, ThreadId, Uid, UidSet,
};

/// The same suspicion is told once in this time: sessions meet the same damage again and again.
const TOLD_AGAIN: Duration = Duration::from_secs(60);
/// Suspicions remembered; more damage than this is known by then.
const TOLD: usize = 1_024;

/// What was told of late.
#[derive(Default)]
pub(super) struct Told(Mutex<HashMap<Suspect, Instant>>);

impl Told {
    /// Whether this is to be told now.
    fn is_new(&self, suspect: Suspect, now: Instant) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|_, at| now.duration_since(*at) < TOLD_AGAIN);
        told.len() < TOLD && told.insert(suspect, now).is_none()
    }
}

/// What `stored` has told of damaged pages.
#[derive(Default)]
pub(super) struct KnownHarm(Mutex<Option<Arc<Harm>>>);

impl KnownHarm {
    /// Takes in what is told; damage does not end while the processes run.
    pub(super) fn take(&self, harm: Harm) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(harm));
    }

    pub(super) fn now(&self) -> Option<Arc<Harm>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A snapshot and whom it tells.
pub(super) struct Suspecting<'s> {
    pub(super) inner: Box<dyn Snapshot + 's>,
    pub(super) shared: &'s Shared,
    pub(super) harm: Option<Arc<Harm>>,
}

impl Suspecting<'_> {
    fn seen<T>(
        &self,
        account: Option<AccountId>,
        mailbox: Option<MailboxId>,
        result: Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if matches!(result, Err(StoreError::Corrupt(_))) {
            let suspect = Suspect { account, mailbox };
            if self.shared.told.is_new(suspect, Instant::now()) {
                self.shared.push(&ToStored::Suspect { suspect });
            }
        }
        result
    }

    fn all<T>(&self, read: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.spare(Harm::is_total)?;
        self.seen(None, None, read())
    }

    fn of<T>(
        &self,
        account: AccountId,
        read: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.spare(|harm| harm.has_account(account))?;
        self.seen(Some(account), None, read())
    }

    fn within<T>(
        &self,
        mailbox: MailboxId,
        read: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.spare(|harm| harm.has_mailbox(mailbox))?;
        self.seen(None, Some(mailbox), read())
    }

    /// Refuses to read what lies on damaged pages.
    fn spare(&self, is_harmed: impl FnOnce(&Harm) -> bool) -> Result<(), StoreError> {
        if self.harm.as_deref().is_some_and(is_harmed) {
            return Err(StoreError::Corrupt("it lies on damaged pages of the metadata".to_owned()));
        }
        Ok(())
    }
}

impl Snapshot for Suspecting<'_> {
    fn account(&self, name: &AccountName) -> Result<Option<Account>, StoreError> {
        self.all(|| self.inner.account(name))
    }

    fn account_by_id(&self, account: AccountId) -> Result<Option<Account>, StoreError> {
        self.of(account, || self.inner.account_by_id(account))
    }

    fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        self.spare(Harm::has_accounts)?;
        self.all(|| self.inner.accounts())
    }

    fn mailboxes(&self, account: AccountId) -> Result<Vec<Mailbox>, StoreError> {
        self.of(account, || self.inner.mailboxes(account))
    }

    fn mailboxes_from(&self, account: AccountId, start: &str) -> Result<Vec<Mailbox>, StoreError> {
        self.of(account, || self.inner.mailboxes_from(account, start))
    }

    fn mailbox_named(
        &self,
        account: AccountId,
        name: &MailboxName,
    ) -> Result<Option<Mailbox>, StoreError> {
        self.of(account, || self.inner.mailbox_named(account, name))
    }

    fn mailbox(
        &self,
        account: AccountId,
        mailbox: MailboxId,
    ) -> Result<Option<Mailbox>, StoreError> {
        self.of(account, || self.inner.mailbox(account, mailbox))
    }

    fn subscriptions(&self, account: AccountId) -> Result<Vec<MailboxName>, StoreError> {
        self.of(account, || self.inner.subscriptions(account))
    }

    fn keywords(&self, mailbox: MailboxId) -> Result<Arc<[(KeywordId, Keyword)]>, StoreError> {
        self.within(mailbox, || self.inner.keywords(mailbox))
    }

    fn live(&self, mailbox: &Mailbox) -> Result<Arc<UidSet>, StoreError> {
        self.spare(|harm| harm.has_mailbox(mailbox.id))?;
        self.of(mailbox.account, || self.inner.live(mailbox))
    }

    fn first_unseen(&self, mailbox: &Mailbox) -> Result<Option<Uid>, StoreError> {
        self.spare(|harm| harm.has_mailbox(mailbox.id))?;
        self.of(mailbox.account, || self.inner.first_unseen(mailbox))
    }

    fn page(&self, mailbox: MailboxId, number: u32) -> Result<Option<StatePage>, StoreError> {
        self.within(mailbox, || self.inner.page(mailbox, number))
    }

    fn page_from(&self, mailbox: MailboxId, number: u32) -> Result<Option<StatePage>, StoreError> {
        self.within(mailbox, || self.inner.page_from(mailbox, number))
    }

    fn message(&self, mailbox: MailboxId, uid: Uid) -> Result<Option<MessageRow>, StoreError> {
        self.within(mailbox, || self.inner.message(mailbox, uid))
    }

    fn rows(
        &self,
        mailbox: MailboxId,
        from: Uid,
        to: Uid,
        take: &mut dyn FnMut(Uid, MessageRow),
    ) -> Result<(), StoreError> {
        self.within(mailbox, || self.inner.rows(mailbox, from, to, take))
    }

    fn email(&self, account: AccountId, email: EmailId) -> Result<Option<EmailRow>, StoreError> {
        self.of(account, || self.inner.email(account, email))
    }

    fn form(&self, account: AccountId, email: EmailId) -> Result<Form, StoreError> {
        self.of(account, || self.inner.form(account, email))
    }

    fn emails(&self, account: AccountId) -> Box<dyn Emails<'_> + '_> {
        Box::new(SuspectingEmails { inner: self.inner.emails(account), snapshot: self, account })
    }

    fn body(&self, account: AccountId, email: EmailId) -> Result<Arc<dyn Body>, StoreError> {
        self.of(account, || self.inner.body(account, email))
    }

    fn copies(
        &self,
        account: AccountId,
        email: EmailId,
    ) -> Result<Vec<(MailboxId, Uid)>, StoreError> {
        self.of(account, || self.inner.copies(account, email))
    }

    fn thread(&self, account: AccountId, thread: ThreadId) -> Result<Vec<EmailId>, StoreError> {
        self.of(account, || self.inner.thread(account, thread))
    }

    fn changes(&self, account: AccountId, since: ModSeq) -> Result<Changes, StoreError> {
        self.of(account, || self.inner.changes(account, since))
    }

    fn last_access(&self, account: &AccountName) -> Result<Option<LastAccess>, StoreError> {
        self.all(|| self.inner.last_access(account))
    }

    fn last_accesses(
        &self,
        after: Option<&AccountName>,
    ) -> Result<Vec<(AccountName, LastAccess)>, StoreError> {
        self.all(|| self.inner.last_accesses(after))
    }
}

/// Emails of such a snapshot.
struct SuspectingEmails<'s> {
    inner: Box<dyn Emails<'s> + 's>,
    snapshot: &'s Suspecting<'s>,
    account: AccountId,
}

impl<'s> Emails<'s> for SuspectingEmails<'s> {
    fn row(&mut self, email: EmailId) -> Result<Option<EmailRow>, StoreError> {
        let Self { inner, snapshot, account } = self;
        snapshot.of(*account, || inner.row(email))
    }

    fn form_bytes(&mut self, email: EmailId) -> Result<Cow<'s, [u8]>, StoreError> {
        let Self { inner, snapshot, account } = self;
        snapshot.of(*account, || inner.form_bytes(email))
    }
}
