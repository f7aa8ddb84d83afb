//! Where imported messages go: appends in order, several under way at once.

use crate::failure::{Context, Failure};
use crate::output::progress;
use crate::tools::newline::Newlines;
use bytes::Bytes;
use std::collections::{HashMap, VecDeque};
use waypost_store::{Append, BoxFuture, Mutation, Outcome, Store, StoreError, Upload};
use waypost_types::{
    AccountId, AccountName, FlagSet, MailboxId, MailboxName, QuotaLimits, UnixTime,
};

/// Appends under way at once; they share the store's commits.
const UNDER_WAY: usize = 64;
/// Messages between two lines of progress.
const PROGRESS_EVERY: u64 = 1_000;
/// Bytes handed to the store at a time.
const CHUNK_BYTES: usize = 64 << 10;

/// Appends messages of one account.
pub(super) struct Sink<'a> {
    store: &'a dyn Store,
    account: AccountId,
    mailboxes: HashMap<MailboxName, MailboxId>,
    under_way: VecDeque<BoxFuture<Result<Outcome, StoreError>>>,
    /// What the account may hold.
    limits: QuotaLimits,
    /// Messages still to leave out.
    skip: u64,
    done: u64,
    bytes: u64,
}

/// A message on its way in.
pub(super) struct Incoming {
    upload: Box<dyn Upload>,
    newlines: Newlines,
    gathered: Vec<u8>,
}

impl<'a> Sink<'a> {
    /// Makes the account when it is new.
    pub(super) async fn open(
        store: &'a dyn Store,
        name: AccountName,
        limits: QuotaLimits,
        skip: u64,
    ) -> Result<Self, Failure> {
        match store.submit(Mutation::EnsureAccount(name)).await.context("the store")? {
            Outcome::Account(account) => Ok(Self {
                store,
                account,
                mailboxes: HashMap::new(),
                under_way: VecDeque::new(),
                limits,
                skip,
                done: 0,
                bytes: 0,
            }),
            other => Err(Failure::new(format!("the store answered {other:?} for an account"))),
        }
    }

    /// The mailbox of this name; made and subscribed when it is missing.
    pub(super) async fn mailbox(&mut self, name: &MailboxName) -> Result<MailboxId, Failure> {
        if let Some(known) = self.mailboxes.get(name) {
            return Ok(*known);
        }
        let found = {
            let snapshot = self.store.snapshot().context("the store")?;
            snapshot.mailbox_named(self.account, name).context("the store")?.map(|found| found.id)
        };
        let mailbox = match found {
            Some(mailbox) => mailbox,
            None => self.create(name).await?,
        };
        self.mailboxes.insert(name.clone(), mailbox);
        Ok(mailbox)
    }

    async fn create(&self, name: &MailboxName) -> Result<MailboxId, Failure> {
        let (account, name) = (self.account, name.clone());
        let subscribe = Mutation::Subscribe { account, name: name.clone(), on: true };
        let text = format!("mailbox {name}");
        let create = Mutation::CreateMailbox { account, name, special_use: None };
        let created = self.store.submit(create).await.context(&text)?;
        self.store.submit(subscribe).await.context(&text)?;
        match created {
            Outcome::Mailbox(mailbox) => Ok(mailbox),
            other => Err(Failure::new(format!("the store answered {other:?} for {text}"))),
        }
    }

    /// Whether the next message was imported by an earlier run.
    pub(super) fn skips(&mut self) -> bool {
        let skips = self.skip > 0;
        self.skip = self.skip.saturating_sub(1);
        skips
    }

    /// Begins a message.
    pub(super) fn begin(&self) -> Incoming {
        Incoming {
            upload: self.store.upload(),
            newlines: Newlines::default(),
            gathered: Vec::with_capacity(CHUNK_BYTES),
        }
    }

    /// Ends a message and files it; waits for room, not for this message.
    pub(super) async fn append(
        &mut self,
        incoming: Incoming,
        mailbox: MailboxId,
        flags: FlagSet,
        internal_date: UnixTime,
    ) -> Result<(), Failure> {
        let payload = incoming.finish().await.context("the store")?;
        self.bytes += payload.size();
        let account = self.account;
        let limits = self.limits;
        let append = Append { account, mailbox, payload, flags, internal_date, limits };
        self.under_way.push_back(self.store.submit(Mutation::Append(append)));
        if self.under_way.len() >= UNDER_WAY {
            self.settle_one().await?;
        }
        Ok(())
    }

    /// Waits for all that is under way.
    pub(super) async fn finish(&mut self) -> Result<(), Failure> {
        while !self.under_way.is_empty() {
            self.settle_one().await?;
        }
        Ok(())
    }

    /// Messages stored, from the first on without a gap.
    pub(super) const fn done(&self) -> u64 {
        self.done
    }

    /// Bytes of the messages.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    async fn settle_one(&mut self) -> Result<(), Failure> {
        let Some(oldest) = self.under_way.pop_front() else { return Ok(()) };
        if let Err(error) = oldest.await {
            // Later ones may still be stored; those would be imported twice by the hint's --skip,
            // so they are waited for and told.
            let later = self.settle_rest().await;
            let text =
                if later > 0 { format!("; {later} after it are stored") } else { String::new() };
            let hint = match error {
                StoreError::OverQuota(_) => "; --ignore-quota imports all the same",
                _ => "",
            };
            return Err(Failure::new(format!("a message was not stored: {error}{text}{hint}")));
        }
        self.done += 1;
        if self.done.is_multiple_of(PROGRESS_EVERY) {
            progress(format_args!("{} messages", self.done));
        }
        Ok(())
    }

    async fn settle_rest(&mut self) -> u64 {
        let mut stored = 0;
        for one in std::mem::take(&mut self.under_way) {
            stored += u64::from(one.await.is_ok());
        }
        stored
    }
}

impl Incoming {
    /// Takes bytes of the message; bare line feeds become line ends.
    pub(super) async fn write(mut self, bytes: &[u8]) -> Result<Self, Failure> {
        self.newlines.convert(bytes, &mut self.gathered);
        if self.gathered.len() >= CHUNK_BYTES {
            let chunk = Bytes::from(std::mem::take(&mut self.gathered));
            self.upload = self.upload.write(chunk).await.context("the store")?;
        }
        Ok(self)
    }

    async fn finish(self) -> Result<waypost_store::Payload, StoreError> {
        let upload = match self.gathered.is_empty() {
            true => self.upload,
            false => self.upload.write(Bytes::from(self.gathered)).await?,
        };
        upload.finish().await
    }
}
