//! What a check finds: where, what is wrong with it, and what can be done.

use serde::{Deserialize, Serialize};
use std::fmt;
use waypost_types::{AccountId, AccountName, BlobId, EmailId, MailboxId, MailboxName, Uid};

macro_rules! parts {
    ($($(#[$doc:meta])* $name:ident = $text:literal),* $(,)?) => {
        /// A part of the store: a table, or the files.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Part { $($(#[$doc])* $name,)* }

        impl Part {
            /// Its name in reports.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

parts! {
    /// Numbers of the whole store.
    State = "state",
    /// Accounts.
    Accounts = "accounts",
    /// Names of accounts.
    AccountNames = "account_names",
    /// Mailboxes.
    Mailboxes = "mailboxes",
    /// Names of mailboxes.
    MailboxNames = "mailbox_names",
    /// Subscriptions.
    Subscriptions = "subscriptions",
    /// State pages.
    Pages = "pages",
    /// Keywords.
    Keywords = "keywords",
    /// Message rows.
    Messages = "messages",
    /// Emails.
    Emails = "emails",
    /// Which messages are copies of an email.
    Copies = "copies",
    /// Threads.
    Threads = "threads",
    /// Message-IDs.
    MessageIds = "message_ids",
    /// Parsed forms.
    Forms = "forms",
    /// Where stored messages are.
    Blobs = "blobs",
    /// What is known of segments.
    Segments = "segments",
    /// States saved in the segments.
    Saved = "saved",
    /// The change log.
    Changes = "changes",
    /// What waits to be purged.
    Purge = "purge",
    /// Outcomes of mutations.
    Outcomes = "outcomes",
    /// Last log-ins and log-outs.
    Access = "access",
    /// The files of the segments.
    Files = "files",
    /// The pages of the metadata's file.
    Structure = "structure",
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Problem {
    /// It cannot be read, or its checksum is wrong.
    Damaged,
    /// Others need it, and it is not there.
    Missing,
    /// It belongs to nothing.
    Stray,
    /// It says something else than what it was made from.
    Wrong,
}

impl Problem {
    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Damaged => "damaged",
            Self::Missing => "missing",
            Self::Stray => "stray",
            Self::Wrong => "wrong",
        }
    }
}

/// What a repair can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Remedy {
    /// It is made anew from the rest; nothing is lost.
    Rebuild,
    /// It is removed; nobody misses it.
    Remove,
    /// It is made anew as far as the rest tells; the repair says what could not be.
    Salvage,
    /// Only a backup has it.
    Restore,
    /// The metadata as a whole are made anew from the segments.
    Reconstruct,
}

impl Remedy {
    /// What it is in a report for people.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Rebuild => "`waypost repair` makes it anew",
            Self::Remove => "`waypost repair` removes it",
            Self::Salvage => "`waypost repair` makes anew what the rest of the store tells of it",
            Self::Restore => "only a backup has it",
            Self::Reconstruct => "`waypost reconstruct` makes the metadata anew",
        }
    }

    /// Its name in reports for programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rebuild => "rebuild",
            Self::Remove => "remove",
            Self::Salvage => "salvage",
            Self::Restore => "restore",
            Self::Reconstruct => "reconstruct",
        }
    }
}

/// Where something is, as far as it concerns one account, mailbox or message.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Place {
    /// The account.
    pub account: Option<AccountId>,
    /// The mailbox.
    pub mailbox: Option<MailboxId>,
    /// The message in it.
    pub uid: Option<Uid>,
    /// The email.
    pub email: Option<EmailId>,
    /// The stored message.
    pub blob: Option<BlobId>,
    /// The segment.
    pub segment: Option<u64>,
}

impl Place {
    /// The store as a whole.
    pub const STORE: Self =
        Self { account: None, mailbox: None, uid: None, email: None, blob: None, segment: None };

    /// An account.
    pub const fn account(account: AccountId) -> Self {
        Self { account: Some(account), ..Self::STORE }
    }

    /// A mailbox of an account.
    pub const fn mailbox(account: AccountId, mailbox: MailboxId) -> Self {
        Self { account: Some(account), mailbox: Some(mailbox), ..Self::STORE }
    }

    /// A message.
    pub const fn message(account: AccountId, mailbox: MailboxId, uid: Uid) -> Self {
        Self { uid: Some(uid), ..Self::mailbox(account, mailbox) }
    }

    /// An email of an account.
    pub const fn email(account: AccountId, email: EmailId) -> Self {
        Self { email: Some(email), ..Self::account(account) }
    }

    /// A stored message.
    pub const fn blob(blob: BlobId) -> Self {
        Self { blob: Some(blob), ..Self::STORE }
    }

    /// A segment.
    pub const fn segment(segment: u64) -> Self {
        Self { segment: Some(segment), ..Self::STORE }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// In which part of the store.
    pub part: Part,
    /// What is wrong.
    pub problem: Problem,
    /// Where.
    pub place: Place,
    /// The account by name, where it is known.
    pub user: Option<AccountName>,
    /// The mailbox by name, where it is known.
    pub mailbox: Option<MailboxName>,
    /// The rest in words.
    pub detail: String,
}

impl Finding {
    /// What a repair can do about it.
    pub const fn remedy(&self) -> Remedy {
        match (self.part, self.problem) {
            (Part::Files, _) => Remedy::Restore,
            (Part::Structure, _) => Remedy::Reconstruct,
            (_, Problem::Stray) => Remedy::Remove,
            (Part::Outcomes | Part::Access | Part::Changes | Part::Subscriptions, _) => {
                Remedy::Remove
            }
            (
                Part::Accounts
                | Part::Mailboxes
                | Part::Pages
                | Part::Keywords
                | Part::Messages
                | Part::Emails
                | Part::Blobs,
                Problem::Damaged | Problem::Missing,
            ) => Remedy::Salvage,
            _ => Remedy::Rebuild,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}:", self.part, self.problem.name())?;
        let Place { account, mailbox, uid, email, blob, segment } = self.place;
        match (&self.user, account) {
            (Some(user), _) => write!(f, " user {user}")?,
            (None, Some(account)) => write!(f, " account {account}")?,
            (None, None) => {}
        }
        match (&self.mailbox, mailbox) {
            (Some(name), _) => write!(f, " mailbox {name}")?,
            (None, Some(mailbox)) => write!(f, " mailbox number {mailbox}")?,
            (None, None) => {}
        }
        if let Some(uid) = uid {
            write!(f, " UID {uid}")?;
        }
        if let Some(email) = email {
            write!(f, " email {email}")?;
        }
        if let Some(blob) = blob {
            write!(f, " blob {blob}")?;
        }
        if let Some(segment) = segment {
            write!(f, " segment {segment}")?;
        }
        let gap = if self.place == Place::STORE { "" } else { ":" };
        write!(f, "{gap} {}", self.detail)
    }
}
