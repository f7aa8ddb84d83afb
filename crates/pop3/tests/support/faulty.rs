//! A store that fails where it is told to.
#![allow(unreachable_pub, clippy::unwrap_used, reason = "part of a test")]

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use waypost_mime::Form;
use waypost_store::model::ModelStore;
use waypost_store::{
    Access, Account, Body, BoxFuture, Changes, EmailRow, Emails, KeywordId, LastAccess, Mailbox,
    MessageRow, Mutation, Outcome, SingleEmails, Snapshot, StatePage, Store, StoreError, Upload,
    Wake, Watch,
};
use waypost_types::{
    AccountId, AccountName, EmailId, Keyword, MailboxId, MailboxName, ModSeq, ThreadId, Uid, UidSet,
};

/// What fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Nothing,
    /// Mutations are refused.
    Mutations,
    /// No snapshot can be opened.
    Snapshots,
    /// The rows of all messages were purged.
    Rows,
    /// Bodies end in an error after so many bytes.
    Bodies(u64),
}

/// A model with a fault.
pub struct Faulty {
    pub model: Arc<ModelStore>,
    pub fault: Mutex<Fault>,
    /// What sessions said they show; the end of a watch says `None`.
    pub shown: Shown,
    /// How many mutations were submitted.
    pub mutations: AtomicUsize,
}

type Shown = Arc<Mutex<Vec<Option<(MailboxId, ModSeq)>>>>;

impl Faulty {
    pub fn new(model: Arc<ModelStore>) -> Arc<Self> {
        Arc::new(Self {
            model,
            fault: Mutex::new(Fault::Nothing),
            shown: Shown::default(),
            mutations: AtomicUsize::new(0),
        })
    }

    pub fn set(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }

    fn fault(&self) -> Fault {
        *self.fault.lock().unwrap()
    }
}

fn broken() -> StoreError {
    StoreError::Unavailable("secret detail".to_owned())
}

impl Store for Faulty {
    fn snapshot(&self) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        let fault = self.fault();
        if fault == Fault::Snapshots {
            return Err(broken());
        }
        Ok(Box::new(FaultySnapshot { inner: self.model.snapshot()?, fault }))
    }

    fn submit(&self, mutation: Mutation) -> BoxFuture<Result<Outcome, StoreError>> {
        self.mutations.fetch_add(1, Relaxed);
        match self.fault() {
            Fault::Mutations => Box::pin(async { Err(broken()) }),
            _ => self.model.submit(mutation),
        }
    }

    fn upload(&self) -> Box<dyn Upload> {
        self.model.upload()
    }

    fn watch(&self, account: AccountId, wake: Wake) -> Box<dyn Watch> {
        Box::new(Recorder(self.model.watch(account, wake), Arc::clone(&self.shown)))
    }

    fn note_access(&self, notes: Vec<Access>) {
        self.model.note_access(notes);
    }
}

struct Recorder(Box<dyn Watch>, Shown);

impl Watch for Recorder {
    fn showing(&self, mailbox: Option<(MailboxId, ModSeq)>) {
        self.1.lock().unwrap().push(mailbox);
        self.0.showing(mailbox);
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.1.lock().unwrap().push(None);
    }
}

struct FaultySnapshot<'a> {
    inner: Box<dyn Snapshot + 'a>,
    fault: Fault,
}

struct FaultyBody {
    inner: Arc<dyn Body>,
    good: u64,
}

impl Body for FaultyBody {
    fn size(&self) -> u64 {
        self.inner.size()
    }

    fn append_to(&self, range: Range<u64>, out: &mut Vec<u8>) -> Result<(), StoreError> {
        if range.end > self.good {
            out.extend_from_slice(b"half");
            return Err(broken());
        }
        self.inner.append_to(range, out)
    }
}

type Keywords = Arc<[(KeywordId, Keyword)]>;

/// Passes reads on to the model.
macro_rules! pass_on {
    ($($name:ident($($argument:ident: $of:ty),*) -> $answer:ty;)*) => {
        $(fn $name(&self, $($argument: $of),*) -> Result<$answer, StoreError> {
            self.inner.$name($($argument),*)
        })*
    };
}

impl Snapshot for FaultySnapshot<'_> {
    pass_on! {
        account(name: &AccountName) -> Option<Account>;
        account_by_id(account: AccountId) -> Option<Account>;
        accounts() -> Vec<Account>;
        mailboxes(account: AccountId) -> Vec<Mailbox>;
        mailbox_named(account: AccountId, name: &MailboxName) -> Option<Mailbox>;
        mailbox(account: AccountId, mailbox: MailboxId) -> Option<Mailbox>;
        subscriptions(account: AccountId) -> Vec<MailboxName>;
        keywords(mailbox: MailboxId) -> Keywords;
        live(mailbox: &Mailbox) -> Arc<UidSet>;
        first_unseen(mailbox: &Mailbox) -> Option<Uid>;
        page(mailbox: MailboxId, number: u32) -> Option<StatePage>;
        page_from(mailbox: MailboxId, number: u32) -> Option<StatePage>;
        email(account: AccountId, email: EmailId) -> Option<EmailRow>;
        form(account: AccountId, email: EmailId) -> Form;
        copies(account: AccountId, email: EmailId) -> Vec<(MailboxId, Uid)>;
        thread(account: AccountId, thread: ThreadId) -> Vec<EmailId>;
        changes(account: AccountId, since: ModSeq) -> Changes;
        last_access(account: &AccountName) -> Option<LastAccess>;
        last_accesses(after: Option<&AccountName>) -> Vec<(AccountName, LastAccess)>;
    }

    fn message(&self, mailbox: MailboxId, uid: Uid) -> Result<Option<MessageRow>, StoreError> {
        if self.fault == Fault::Rows { Ok(None) } else { self.inner.message(mailbox, uid) }
    }

    fn rows(
        &self,
        mailbox: MailboxId,
        from: Uid,
        to: Uid,
        take: &mut dyn FnMut(Uid, MessageRow),
    ) -> Result<(), StoreError> {
        if self.fault == Fault::Rows {
            return Ok(());
        }
        self.inner.rows(mailbox, from, to, take)
    }

    fn emails(&self, account: AccountId) -> Box<dyn Emails<'_> + '_> {
        Box::new(SingleEmails::new(self, account))
    }

    fn body(&self, account: AccountId, email: EmailId) -> Result<Arc<dyn Body>, StoreError> {
        let inner = self.inner.body(account, email)?;
        Ok(match self.fault {
            Fault::Bodies(good) => Arc::new(FaultyBody { inner, good }),
            _ => inner,
        })
    }
}
