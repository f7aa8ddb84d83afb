//! Connection states (RFC 3501 section 3). A state owns only what it may touch, so a command of
//! another state cannot reach it.

use std::collections::HashSet;
use std::sync::Arc;
use std::task::{Context, Waker};
use waypost_auth::Identity;
use waypost_imap_wire::{OutOfRange, ResponseCode, SequenceSet, Status, Writer};
use waypost_store::{KeywordId, Mailbox, Mutation, Snapshot, Store, StoreError, View, Watch};
use waypost_types::{AccountId, FlagSet, Keyword, MailboxId, MailboxName, SystemFlag, Uid, UidSet};

/// The state of a connection.
pub(crate) enum State {
    /// Nobody has logged in.
    NotAuthenticated(NotAuthenticated),
    /// A user has logged in and has no mailbox open.
    Authenticated(Box<User>),
    /// A user has a mailbox open.
    Selected(Box<Selected>),
    /// The connection is about to close.
    Logout,
}

/// Before login.
#[derive(Debug, Default)]
pub(crate) struct NotAuthenticated {
    /// Failed logins so far.
    pub(crate) failures: u8,
}

/// A logged-in user.
pub(crate) struct User {
    pub(crate) identity: Identity,
    pub(crate) account: AccountId,
    pub(crate) watch: Box<dyn Watch>,
    pub(crate) enabled: Enabled,
}

/// Extensions that change responses and were enabled by the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Enabled(u8);

impl Enabled {
    /// Modification sequences in every flags response (RFC 7162 section 3.1).
    pub(crate) const CONDSTORE: Self = Self(1);

    /// Whether all of `extension` is enabled.
    pub(crate) const fn has(self, extension: Self) -> bool {
        self.0 & extension.0 == extension.0
    }

    /// Enables an extension; false when it was enabled before.
    pub(crate) const fn insert(&mut self, extension: Self) -> bool {
        let new = !self.has(extension);
        self.0 |= extension.0;
        new
    }
}

/// A user with a mailbox open.
pub(crate) struct Selected {
    pub(crate) user: Box<User>,
    pub(crate) name: MailboxName,
    pub(crate) read_only: bool,
    pub(crate) view: View,
    /// Messages that are `\Recent` for this session.
    pub(crate) recent: UidSet,
    /// The keywords that the client was last told of.
    keywords: Arc<[(KeywordId, Keyword)]>,
}

impl State {
    /// The user, when one has logged in.
    pub(crate) fn user(&self) -> Option<&User> {
        match self {
            Self::Authenticated(user) => Some(user),
            Self::Selected(selected) => Some(&selected.user),
            Self::NotAuthenticated(_) | Self::Logout => None,
        }
    }

    /// The user, to change what is enabled.
    pub(crate) fn user_mut(&mut self) -> Option<&mut User> {
        match self {
            Self::Authenticated(user) => Some(user),
            Self::Selected(selected) => Some(&mut selected.user),
            Self::NotAuthenticated(_) | Self::Logout => None,
        }
    }

    /// The open mailbox.
    pub(crate) fn selected_mut(&mut self) -> Option<&mut Selected> {
        match self {
            Self::Selected(selected) => Some(selected),
            _ => None,
        }
    }

    /// Closes the open mailbox, if any; true when there was one.
    pub(crate) fn deselect(&mut self) -> bool {
        let closing = matches!(self, Self::Selected(_));
        if closing {
            *self = match std::mem::replace(self, Self::Logout) {
                Self::Selected(selected) => {
                    selected.user.watch.showing(None);
                    Self::Authenticated(selected.user)
                }
                other => other,
            };
        }
        closing
    }

    /// Opens a mailbox that was found; only a state with a user can.
    pub(crate) fn select(&mut self, opened: Opened) {
        self.deselect();
        *self = match std::mem::replace(self, Self::Logout) {
            Self::Authenticated(user) => Self::Selected(Box::new(opened.for_user(user))),
            other => other,
        };
    }
}

/// A mailbox as SELECT found it.
pub(crate) struct Opened {
    pub(crate) view: View,
    pub(crate) mailbox: Mailbox,
    pub(crate) read_only: bool,
    pub(crate) keywords: Arc<[(KeywordId, Keyword)]>,
}

impl Opened {
    fn for_user(self, user: Box<User>) -> Selected {
        user.watch.showing(Some((self.mailbox.id, self.view.modseq())));
        Selected {
            user,
            name: self.mailbox.name,
            read_only: self.read_only,
            recent: recent_of(self.view.shown(), self.mailbox.recent_from),
            view: self.view,
            keywords: self.keywords,
        }
    }
}

impl Selected {
    pub(crate) fn account(&self) -> AccountId {
        self.view.account
    }

    pub(crate) fn mailbox(&self) -> MailboxId {
        self.view.mailbox
    }

    pub(crate) fn has_condstore(&self) -> bool {
        self.user.enabled.has(Enabled::CONDSTORE)
    }

    /// The messages that a set of a command means; `uid` tells which numbers it holds.
    pub(crate) fn resolve(&self, set: &SequenceSet, uid: bool) -> Result<UidSet, OutOfRange> {
        match uid {
            true => Ok(set.resolve_uids(self.view.shown())),
            false => set.resolve_sequence(self.view.shown()),
        }
    }

    /// The number under which a command with or without `UID` speaks of these messages.
    pub(crate) fn numbers(&self, uids: &UidSet, uid: bool) -> UidSet {
        if uid {
            return uids.clone();
        }
        uids.iter().filter_map(|uid| self.view.shown().sequence_of(uid)).map(Uid).collect()
    }

    /// Tells the store from when on expunged messages must stay readable; those that wait to be
    /// announced hold the older mark.
    pub(crate) fn keep_shown(&self) {
        if self.view.expunged().is_empty() {
            self.user.watch.showing(Some((self.mailbox(), self.view.modseq())));
        }
    }

    /// Tells the keywords of the mailbox when there are some that the client does not know; comes
    /// before every response that may carry flags.
    pub(crate) fn tell_keywords(
        &mut self,
        snapshot: &dyn Snapshot,
        out: &mut Vec<u8>,
    ) -> Result<Arc<[(KeywordId, Keyword)]>, StoreError> {
        let keywords = snapshot.keywords(self.mailbox())?;
        if has_new(&keywords, &self.keywords) {
            write_flags(out, &keywords, self.read_only);
        }
        self.keywords = Arc::clone(&keywords);
        Ok(keywords)
    }

    /// Counts messages from `recent_from` on that are shown since `before` as recent here, and
    /// takes the mark from them, so that no later session sees them as recent.
    pub(crate) fn take_recent(&mut self, store: &dyn Store, before: &UidSet, recent_from: Uid) {
        let first_new = before.last().map_or(1, |uid| uid.0.saturating_add(1));
        let from = Uid(recent_from.0.max(first_new));
        self.recent.extend_from(&recent_of(self.view.shown(), from));
        self.submit_taken(store, recent_from);
    }

    /// Tells the store which messages were shown as recent. EXAMINE leaves them recent
    /// (RFC 3501 section 6.3.2). The answer is not awaited: `\Recent` need not be durable.
    pub(crate) fn submit_taken(&self, store: &dyn Store, recent_from: Uid) {
        let Some(last) = self.view.shown().last() else { return };
        if self.read_only || last < recent_from {
            return;
        }
        let before = Uid(last.0.saturating_add(1));
        let (account, mailbox) = (self.account(), self.mailbox());
        let mut answer = store.submit(Mutation::TakeRecent { account, mailbox, before });
        // One poll hands the mutation over; dropping the future does not take it back.
        let _ = answer.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }
}

/// Whether one of `now` is not among `before`.
fn has_new(now: &Arc<[(KeywordId, Keyword)]>, before: &Arc<[(KeywordId, Keyword)]>) -> bool {
    if Arc::ptr_eq(now, before) {
        return false;
    }
    let before: HashSet<&Keyword> = before.iter().map(|(_, keyword)| keyword).collect();
    now.iter().any(|(_, keyword)| !before.contains(keyword))
}

/// The live messages at or above `from`.
pub(crate) fn recent_of(live: &UidSet, from: Uid) -> UidSet {
    live.iter_from(from).collect()
}

/// Writes FLAGS and PERMANENTFLAGS for a mailbox with these keywords.
pub(crate) fn write_flags(out: &mut Vec<u8>, keywords: &[(KeywordId, Keyword)], read_only: bool) {
    let mut flags = FlagSet::system(&SystemFlag::ALL);
    flags.keywords = keywords.iter().map(|(_, keyword)| keyword.clone()).collect();
    flags.keywords.sort();
    let mut writer = Writer::new(out);
    writer.flags(&flags);
    let code = match read_only {
        true => ResponseCode::PermanentFlags { flags: FlagSet::default(), new_keywords: false },
        false => ResponseCode::PermanentFlags { flags, new_keywords: true },
    };
    let text = if read_only { "No flag can be changed" } else { "Flags that can be changed" };
    writer.untagged(Status::Ok, Some(&code), text);
}
