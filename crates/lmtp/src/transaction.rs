//! One mail transaction: sender, recipients, and who shares a copy.

use waypost_store::{Delivered, Recipient, StoreError};
use waypost_types::{AccountName, FlagSet, MailboxName, QuotaLimits};

/// A transaction begun by MAIL.
#[derive(Debug)]
pub(crate) struct Transaction {
    /// The reverse-path; empty for `<>`.
    pub(crate) from: String,
    /// The size that was announced (RFC 1870), 0 when none was.
    pub(crate) size: u64,
    /// Whether SMTPUTF8 was asked for.
    pub(crate) utf8: bool,
    recipients: Vec<Recipient>,
    /// For each accepted RCPT, which recipient it is: two addresses of one mailbox share a copy.
    replies: Vec<usize>,
}

impl Transaction {
    pub(crate) const fn new(from: String, size: u64, utf8: bool) -> Self {
        Self { from, size, utf8, recipients: Vec::new(), replies: Vec::new() }
    }

    /// How many recipients were accepted.
    pub(crate) fn accepted(&self) -> usize {
        self.replies.len()
    }

    /// Counts an accepted recipient. A folder name that cannot be a mailbox means the inbox.
    pub(crate) fn accept(
        &mut self,
        account: AccountName,
        folder: Option<&str>,
        limits: QuotaLimits,
    ) {
        let folder = folder.and_then(|folder| MailboxName::new(folder).ok());
        let recipient = Recipient { account, folder, flags: FlagSet::default(), limits };
        let same = |known: &Recipient| {
            known.account == recipient.account && known.folder == recipient.folder
        };
        let known = self.recipients.iter().position(same);
        let at = known.unwrap_or_else(|| {
            self.recipients.push(recipient);
            self.recipients.len() - 1
        });
        self.replies.push(at);
    }

    /// The recipients of the mutation.
    pub(crate) fn recipients(&self) -> Vec<Recipient> {
        self.recipients.clone()
    }

    /// For each accepted RCPT, in order: whose mail it is, and its result.
    pub(crate) fn results<'a>(
        &'a self,
        results: &'a [Result<Delivered, StoreError>],
    ) -> impl Iterator<Item = (&'a AccountName, Option<&'a Result<Delivered, StoreError>>)> {
        let result = |at: &usize| Some((&self.recipients.get(*at)?.account, results.get(*at)));
        self.replies.iter().filter_map(result)
    }
}
