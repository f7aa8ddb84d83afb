//! The contract that every directory engine keeps.

use crate::model::{Domain, User};
use std::fmt;
use waypost_ldap_filter::{Filter, SearchBase};
use waypost_types::Secret;

/// Looks up users and domains and checks passwords.
///
/// Look-ups of the embedded engine take microseconds; those of an LDAP engine wait for the network.
/// Callers on an async runtime therefore use a blocking thread, except for [`Directory::generation`].
pub trait Directory: Send + Sync {
    /// The user who logs in as `uid` in `domain`, both in any case.
    fn user_by_login(&self, uid: &str, domain: &str) -> Result<Option<User>, DirectoryError>;

    /// The users that fit a filter: those of `domain`, or of the whole directory. At most `most` of them; a
    /// caller that needs exactly one asks for two, and for more to name them.
    ///
    /// An engine without a search of its own finds users by the uid that the filter demands.
    fn find_users(
        &self,
        domain: Option<&Domain>,
        filter: &Filter,
        most: usize,
    ) -> Result<Vec<User>, DirectoryError> {
        let uid = filter.required("uid").and_then(|uid| std::str::from_utf8(uid).ok());
        let (Some(uid), Some(domain)) = (uid, domain) else { return Ok(Vec::new()) };
        let user = self.user_by_login(uid, &domain.name)?;
        Ok(user.into_iter().take(most).collect())
    }

    /// The one entry that fits a filter within a part of the directory. Of several, at most `named` are named:
    /// a caller refuses them, and its log says which.
    ///
    /// An engine whose entries have no names finds nobody but in the whole tree.
    fn find_one(
        &self,
        base: &SearchBase,
        filter: &Filter,
        named: usize,
    ) -> Result<Found, DirectoryError> {
        match base {
            SearchBase::Tree => Ok(Found::of(self.find_users(None, filter, named.max(2))?)),
            SearchBase::Below(_) | SearchBase::Entry(_) => Ok(Found::Nobody),
        }
    }

    /// Whether the entry of a user holds this certificate, byte for byte (`userCertificate`). An engine
    /// without such an attribute holds none.
    fn holds_certificate(&self, _user: &User, _der: &[u8]) -> Result<bool, DirectoryError> {
        Ok(false)
    }

    /// The user who receives mail for `local@domain`, by `mail`, `mailAlternateAddress` or
    /// `mailEquivalentAddress`, in any case. A sub-address is the caller's to split
    /// ([`crate::split_subaddress`]).
    fn resolve_address(&self, local: &str, domain: &str) -> Result<Option<User>, DirectoryError>;

    /// The domain of this name, in any case.
    fn domain(&self, name: &str) -> Result<Option<Domain>, DirectoryError>;

    /// What the directory says to `password` of the user. Slow: an embedded hash takes tens of
    /// milliseconds of one core and about 20 MiB of memory by intent, another server's answer a round
    /// trip. The caller bounds how many run at once ([`Directory::checks_at_once`]).
    fn verify_password(
        &self,
        user: &User,
        password: &Secret<String>,
    ) -> Result<PasswordVerdict, DirectoryError>;

    /// Spends the time of [`Directory::verify_password`] without a user, so that the time of an answer
    /// does not tell whether a user exists.
    fn verify_nobody(&self, password: &Secret<String>) -> Result<(), DirectoryError>;

    /// A number that changes with every change of the directory. Cheap: read once per login. `None` of
    /// an engine that cannot know: remembered credentials then live their full time
    /// (`base.authcachettl`), and a change is seen only after it.
    fn generation(&self) -> Result<Option<u64>, DirectoryError>;

    /// How many password checks may usefully run at once; `None` of an engine that keeps a core busy
    /// with each, so that one per core is right.
    fn checks_at_once(&self) -> Option<usize> {
        None
    }
}

/// What was found where one entry is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Nobody,
    /// One user.
    User(Box<User>),
    /// One entry, which is no user of a domain that the directory knows.
    NoUser(String),
    /// Several entries; some of them by name.
    Several(Vec<String>),
}

impl Found {
    /// What a search among users has found.
    pub fn of(mut users: Vec<User>) -> Self {
        match users.len() {
            0 => Self::Nobody,
            1 => users.pop().map_or(Self::Nobody, |user| Self::User(Box::new(user))),
            _ => Self::Several(users.into_iter().map(|user| user.entry).collect()),
        }
    }
}

/// What a directory says to a password. Messages are the directory's own, for the log and never for a
/// client; they are empty where it gave none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasswordVerdict {
    /// It is the user's.
    Right,
    /// It is not.
    Wrong,
    /// The directory's policy has locked the account, whether or not the password is the user's.
    Locked {
        /// What the directory said.
        message: String,
    },
    /// It is the user's, and has expired.
    Expired {
        /// What the directory said.
        message: String,
    },
    /// It is the user's, and must be changed before anything else.
    MustChange {
        /// What the directory said.
        message: String,
    },
}

impl PasswordVerdict {
    /// The verdict of an engine that knows right and wrong only.
    pub const fn of(right: bool) -> Self {
        if right { Self::Right } else { Self::Wrong }
    }

    /// Whether the user may enter with it.
    pub const fn is_right(&self) -> bool {
        matches!(self, Self::Right)
    }
}

/// Why the directory gave no answer. The texts are for the log, never for a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DirectoryError {
    /// Trying again later may help: the engine is busy, unreachable or out of resources.
    Unavailable {
        /// What failed.
        cause: String,
    },
    /// Trying again will not help: an entry or the whole directory is damaged or of a newer format.
    Damaged {
        /// What is damaged and how.
        cause: String,
    },
}

impl DirectoryError {
    /// Whether trying again later may help.
    pub const fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

impl fmt::Display for DirectoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable { cause } => write!(f, "the directory is unavailable: {cause}"),
            Self::Damaged { cause } => write!(f, "the directory is damaged: {cause}"),
        }
    }
}

impl std::error::Error for DirectoryError {}
