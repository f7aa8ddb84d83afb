//! The end of a session: what it leaves in the store (RFC 1939 section 6).

use crate::reply::SERVICE;
use std::sync::Arc;
use waypost_net::session::BoxFuture;
use waypost_store::{FlagAction, Mutation, Outcome, Store, StoreError};
use waypost_types::{AccountId, FlagSet, MailboxId, SystemFlag, UidSet};

/// What is to be written.
pub(crate) struct Update {
    pub(crate) account: AccountId,
    pub(crate) mailbox: MailboxId,
    /// Messages to remove.
    pub(crate) deleted: UidSet,
    /// Messages that get `\Seen`.
    pub(crate) seen: UidSet,
}

impl Update {
    pub(crate) fn is_empty(&self) -> bool {
        self.deleted.is_empty() && self.seen.is_empty()
    }

    /// Writes it; answers how many messages left. A flag that cannot be set is logged and no more:
    /// the client did not ask for it.
    pub(crate) fn write(
        self,
        store: Arc<dyn Store>,
        connection: u64,
    ) -> BoxFuture<Result<u32, StoreError>> {
        Box::pin(async move {
            let removed = self.expunge(&*store).await?;
            if let Err(error) = self.mark(&*store).await {
                tracing::warn!(service = SERVICE, connection, account = self.account.0, %error,
                    "messages not marked as seen");
            }
            Ok(removed)
        })
    }

    async fn expunge(&self, store: &dyn Store) -> Result<u32, StoreError> {
        if self.deleted.is_empty() {
            return Ok(0);
        }
        let (account, mailbox) = (self.account, self.mailbox);
        let uids = Some(self.deleted.clone());
        let expunge = Mutation::Expunge { account, mailbox, uids, only_deleted: false };
        match store.submit(expunge).await? {
            Outcome::Expunged { uids, .. } => Ok(uids.len()),
            other => Err(StoreError::Io(format!("the store answered {other:?} to an expunge"))),
        }
    }

    async fn mark(&self, store: &dyn Store) -> Result<(), StoreError> {
        if self.seen.is_empty() {
            return Ok(());
        }
        let seen = Mutation::SetFlags {
            account: self.account,
            mailbox: self.mailbox,
            uids: self.seen.clone(),
            action: FlagAction::Add,
            flags: FlagSet::system(&[SystemFlag::Seen]),
            unchanged_since: None,
        };
        store.submit(seen).await.map(|_| ())
    }
}
