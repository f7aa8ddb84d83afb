//! A store that counts open snapshots and can be told to fail.

use bytes::Bytes;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use waypost_mime::Form;
use waypost_store::model::ModelStore;
use waypost_store::{
    Access, Account, Body, BoxFuture, Changes, EmailRow, Emails, KeywordId, LastAccess, Mailbox,
    MessageRow, Mutation, Outcome, Payload, SingleEmails, Snapshot, StatePage, Store, StoreError,
    Upload, Wake, Watch,
};
use waypost_types::{
    AccountId, AccountName, EmailId, Keyword, MailboxId, MailboxName, ModSeq, ThreadId, Uid, UidSet,
};

/// The reference model behind a probe.
#[derive(Default)]
pub(crate) struct Probe {
    pub(crate) model: ModelStore,
    open: AtomicUsize,
    /// What mutations answer instead of being applied.
    pub(crate) refuse: Mutex<Option<StoreError>>,
    /// Emails whose form cannot be read.
    pub(crate) damaged: Mutex<Vec<EmailId>>,
    /// Whether rows are those of an older program, which do not say when a message was sent.
    pub(crate) unsent: AtomicBool,
    /// Rows and forms of emails that were read.
    pub(crate) emails_read: AtomicUsize,
    /// Whether uploads fail at their first chunk.
    pub(crate) refuse_uploads: Mutex<bool>,
    /// The mailbox look-up that fails, counted from the next one; 0 for none.
    pub(crate) fail_look_up: AtomicUsize,
}

impl Probe {
    /// Snapshots open now.
    pub(crate) fn open_snapshots(&self) -> usize {
        self.open.load(SeqCst)
    }

    fn row(&self, row: MessageRow) -> MessageRow {
        MessageRow { sent: row.sent.filter(|_| !self.unsent.load(SeqCst)), ..row }
    }
}

impl Store for Probe {
    fn snapshot(&self) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        self.open.fetch_add(1, SeqCst);
        Ok(Box::new(Probed { inner: self.model.snapshot()?, probe: self }))
    }

    fn submit(&self, mutation: Mutation) -> BoxFuture<Result<Outcome, StoreError>> {
        match self.refuse.lock().unwrap().clone() {
            Some(failure) => Box::pin(async move { Err(failure) }),
            None => self.model.submit(mutation),
        }
    }

    fn upload(&self) -> Box<dyn Upload> {
        match *self.refuse_uploads.lock().unwrap() {
            true => Box::new(NoUpload),
            false => self.model.upload(),
        }
    }

    fn watch(&self, account: AccountId, wake: Wake) -> Box<dyn Watch> {
        self.model.watch(account, wake)
    }

    fn note_access(&self, notes: Vec<Access>) {
        self.model.note_access(notes);
    }
}

struct NoUpload;

impl Upload for NoUpload {
    fn write(self: Box<Self>, _: Bytes) -> BoxFuture<Result<Box<dyn Upload>, StoreError>> {
        Box::pin(async { Err(StoreError::NoSpace) })
    }

    fn finish(self: Box<Self>) -> BoxFuture<Result<Payload, StoreError>> {
        Box::pin(async { Err(StoreError::NoSpace) })
    }
}

struct Probed<'s> {
    inner: Box<dyn Snapshot + 's>,
    probe: &'s Probe,
}

impl Drop for Probed<'_> {
    fn drop(&mut self) {
        self.probe.open.fetch_sub(1, SeqCst);
    }
}

macro_rules! forward {
    ($($name:ident($($arg:ident: $type:ty),*) -> $answer:ty;)*) => {
        $(fn $name(&self, $($arg: $type),*) -> Result<$answer, StoreError> {
            self.inner.$name($($arg),*)
        })*
    };
}

impl Snapshot for Probed<'_> {
    forward! {
        account(name: &AccountName) -> Option<Account>;
        account_by_id(account: AccountId) -> Option<Account>;
        accounts() -> Vec<Account>;
        mailboxes(account: AccountId) -> Vec<Mailbox>;
        mailbox_named(account: AccountId, name: &MailboxName) -> Option<Mailbox>;
        subscriptions(account: AccountId) -> Vec<MailboxName>;
        keywords(mailbox: MailboxId) -> Arc<[(KeywordId, Keyword)]>;
        live(mailbox: &Mailbox) -> Arc<UidSet>;
        first_unseen(mailbox: &Mailbox) -> Option<Uid>;
        page(mailbox: MailboxId, number: u32) -> Option<StatePage>;
        page_from(mailbox: MailboxId, number: u32) -> Option<StatePage>;
        body(account: AccountId, email: EmailId) -> Arc<dyn Body>;
        copies(account: AccountId, email: EmailId) -> Vec<(MailboxId, Uid)>;
        thread(account: AccountId, thread: ThreadId) -> Vec<EmailId>;
        changes(account: AccountId, since: ModSeq) -> Changes;
        last_access(account: &AccountName) -> Option<LastAccess>;
        last_accesses(after: Option<&AccountName>) -> Vec<(AccountName, LastAccess)>;
    }

    fn mailbox(
        &self,
        account: AccountId,
        mailbox: MailboxId,
    ) -> Result<Option<Mailbox>, StoreError> {
        let left = self.probe.fail_look_up.load(SeqCst);
        self.probe.fail_look_up.store(left.saturating_sub(1), SeqCst);
        match left {
            1 => Err(StoreError::Io("read".into())),
            _ => self.inner.mailbox(account, mailbox),
        }
    }

    fn rows(
        &self,
        mailbox: MailboxId,
        from: Uid,
        to: Uid,
        take: &mut dyn FnMut(Uid, MessageRow),
    ) -> Result<(), StoreError> {
        self.inner.rows(mailbox, from, to, &mut |uid, row| take(uid, self.probe.row(row)))
    }

    fn message(&self, mailbox: MailboxId, uid: Uid) -> Result<Option<MessageRow>, StoreError> {
        Ok(self.inner.message(mailbox, uid)?.map(|row| self.probe.row(row)))
    }

    fn email(&self, account: AccountId, email: EmailId) -> Result<Option<EmailRow>, StoreError> {
        self.probe.emails_read.fetch_add(1, SeqCst);
        self.inner.email(account, email)
    }

    fn emails(&self, account: AccountId) -> Box<dyn Emails<'_> + '_> {
        Box::new(SingleEmails::new(self, account))
    }

    fn form(&self, account: AccountId, email: EmailId) -> Result<Form, StoreError> {
        self.probe.emails_read.fetch_add(1, SeqCst);
        if self.probe.damaged.lock().unwrap().contains(&email) {
            return Err(StoreError::Corrupt("checksum".into()));
        }
        self.inner.form(account, email)
    }
}
