//! Reading, and the store itself.

use crate::{
    Access, Account, Changes, EmailRow, KeywordId, LastAccess, Mailbox, MessageRow, Mutation,
    Outcome, Payload, StatePage, StoreError,
};
use bytes::Bytes;
use std::borrow::Cow;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use waypost_mime::Form;
use waypost_types::{
    AccountId, AccountName, EmailId, Keyword, MailboxId, MailboxName, ModSeq, ThreadId, Uid, UidSet,
};

/// A future that owns what it needs.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send + 'static>>;

/// Called when a watched account may have changed. Must be quick and must not block.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// A message store.
pub trait Store: Send + Sync + 'static {
    /// A consistent state of the store as of now. It holds a read transaction: drop it before
    /// waiting for anything.
    fn snapshot(&self) -> Result<Box<dyn Snapshot + '_>, StoreError>;

    /// Submits a mutation. The future answers after the change is on stable storage; a snapshot
    /// opened then shows it. Dropping the future does not take the mutation back.
    fn submit(&self, mutation: Mutation) -> BoxFuture<Result<Outcome, StoreError>>;

    /// Begins to take in a message of unknown size.
    fn upload(&self) -> Box<dyn Upload>;

    /// Wakes `wake` after changes of the account, until the watch is dropped. Wake-ups may be
    /// coalesced, late, doubled, or (when the writer restarts) spurious.
    fn watch(&self, account: AccountId, wake: Wake) -> Box<dyn Watch>;

    /// Notes log-ins and log-outs and returns at once. Snapshots show them soon: after a change
    /// that this store submits later, unless many notes wait, or after about half a minute. Notes
    /// wait in a bounded place; a crash, a full disk or too many of them lose some, which the
    /// engine counts. Nothing else ever fails or waits because of a note.
    fn note_access(&self, notes: Vec<Access>);
}

/// Takes in a message chunk by chunk in bounded memory, parsing it on the way.
pub trait Upload: Send {
    /// Takes a chunk; the future answers when the next one may come.
    fn write(self: Box<Self>, chunk: Bytes) -> BoxFuture<Result<Box<dyn Upload>, StoreError>>;

    /// Ends the message. Dropping an upload instead aborts it.
    fn finish(self: Box<Self>) -> BoxFuture<Result<Payload, StoreError>>;
}

/// A session's interest in an account.
pub trait Watch: Send + Sync {
    /// Says which mailbox the session shows and as of when, so that messages expunged later are
    /// not purged while it may still fetch them. `None`: it shows no mailbox.
    fn showing(&self, mailbox: Option<(MailboxId, ModSeq)>);
}

/// The bytes of one message; stays readable after its snapshot has ended.
pub trait Body: Send + Sync {
    /// Size in bytes.
    fn size(&self) -> u64;

    /// Appends the bytes of `range`, cut to the size, to `out`.
    fn append_to(&self, range: Range<u64>, out: &mut Vec<u8>) -> Result<(), StoreError>;
}

/// One consistent state of the store. Absent things are `None`; damage is an error.
pub trait Snapshot {
    /// The account with this store id.
    fn account(&self, name: &AccountName) -> Result<Option<Account>, StoreError>;

    /// The account with this number.
    fn account_by_id(&self, account: AccountId) -> Result<Option<Account>, StoreError>;

    /// Every account, by number.
    fn accounts(&self) -> Result<Vec<Account>, StoreError>;

    /// The mailboxes of an account in the order of their names.
    fn mailboxes(&self, account: AccountId) -> Result<Vec<Mailbox>, StoreError>;

    /// Those of them whose names begin with a text. Cost: an engine may look at no others.
    fn mailboxes_from(&self, account: AccountId, start: &str) -> Result<Vec<Mailbox>, StoreError> {
        let mut mailboxes = self.mailboxes(account)?;
        mailboxes.retain(|mailbox| mailbox.name.as_str().starts_with(start));
        Ok(mailboxes)
    }

    /// The mailbox with this name.
    fn mailbox_named(
        &self,
        account: AccountId,
        name: &MailboxName,
    ) -> Result<Option<Mailbox>, StoreError>;

    /// The mailbox with this number; `None` also when it belongs to another account.
    fn mailbox(
        &self,
        account: AccountId,
        mailbox: MailboxId,
    ) -> Result<Option<Mailbox>, StoreError>;

    /// The subscribed names, in order.
    fn subscriptions(&self, account: AccountId) -> Result<Vec<MailboxName>, StoreError>;

    /// The keywords of a mailbox by ascending number.
    fn keywords(&self, mailbox: MailboxId) -> Result<Arc<[(KeywordId, Keyword)]>, StoreError>;

    /// The live UIDs of a mailbox; sessions of one process share the set.
    fn live(&self, mailbox: &Mailbox) -> Result<Arc<UidSet>, StoreError>;

    /// The least live UID without `\Seen`.
    fn first_unseen(&self, mailbox: &Mailbox) -> Result<Option<Uid>, StoreError>;

    /// The state page with this number; `None` when none of its UIDs is live.
    fn page(&self, mailbox: MailboxId, number: u32) -> Result<Option<StatePage>, StoreError>;

    /// The first state page with this number or a greater one.
    fn page_from(&self, mailbox: MailboxId, number: u32) -> Result<Option<StatePage>, StoreError>;

    /// The row of a message; also of one just expunged and not yet purged.
    fn message(&self, mailbox: MailboxId, uid: Uid) -> Result<Option<MessageRow>, StoreError>;

    /// Hands out the rows of messages from `from` to `to`, ascending. Those that are missing or damaged
    /// are left out: [`Snapshot::message`] says which.
    fn rows(
        &self,
        mailbox: MailboxId,
        from: Uid,
        to: Uid,
        take: &mut dyn FnMut(Uid, MessageRow),
    ) -> Result<(), StoreError>;

    /// The row of an email.
    fn email(&self, account: AccountId, email: EmailId) -> Result<Option<EmailRow>, StoreError>;

    /// The parsed form of an email; rebuilt from its bytes when none is stored or an older parser
    /// made it.
    fn form(&self, account: AccountId, email: EmailId) -> Result<Form, StoreError>;

    /// Rows and forms of many emails of an account.
    fn emails(&self, account: AccountId) -> Box<dyn Emails<'_> + '_>;

    /// The bytes of an email.
    fn body(&self, account: AccountId, email: EmailId) -> Result<Arc<dyn Body>, StoreError>;

    /// Where copies of an email are, in order; expunged ones are left out.
    fn copies(
        &self,
        account: AccountId,
        email: EmailId,
    ) -> Result<Vec<(MailboxId, Uid)>, StoreError>;

    /// The emails of a thread, in order; a stored email without any live copy may be among them.
    fn thread(&self, account: AccountId, thread: ThreadId) -> Result<Vec<EmailId>, StoreError>;

    /// The changes of an account after `since`.
    fn changes(&self, account: AccountId, since: ModSeq) -> Result<Changes, StoreError>;

    /// When an account was last logged in to and out of; `None` when nothing was ever noted.
    fn last_access(&self, account: &AccountName) -> Result<Option<LastAccess>, StoreError>;

    /// The same of all accounts, a page of at most [`crate::limits::ACCESS_PAGE`] at a time: those
    /// whose names come after `after`, in the order of their bytes. The page after the last one is
    /// empty.
    fn last_accesses(
        &self,
        after: Option<&AccountName>,
    ) -> Result<Vec<(AccountName, LastAccess)>, StoreError>;
}

/// Emails of an account, asked for one after the other. Any order is right; ascending numbers, which
/// messages have that were delivered one after the other, cost least.
pub trait Emails<'s> {
    /// The row of an email; `None` when there is none.
    fn row(&mut self, email: EmailId) -> Result<Option<EmailRow>, StoreError>;

    /// The form as [`Form::encode`] gives it, of the present version; rebuilt like that of
    /// [`Snapshot::form`], with the same errors.
    fn form_bytes(&mut self, email: EmailId) -> Result<Cow<'s, [u8]>, StoreError>;
}

/// [`Emails`] of a snapshot that has no quicker way to them than one by one.
pub struct SingleEmails<'s> {
    snapshot: &'s dyn Snapshot,
    account: AccountId,
}

impl<'s> SingleEmails<'s> {
    /// Those of an account.
    pub const fn new(snapshot: &'s dyn Snapshot, account: AccountId) -> Self {
        Self { snapshot, account }
    }
}

impl<'s> Emails<'s> for SingleEmails<'s> {
    fn row(&mut self, email: EmailId) -> Result<Option<EmailRow>, StoreError> {
        self.snapshot.email(self.account, email)
    }

    fn form_bytes(&mut self, email: EmailId) -> Result<Cow<'s, [u8]>, StoreError> {
        self.snapshot.form(self.account, email).map(|form| Cow::Owned(form.encode()))
    }
}
