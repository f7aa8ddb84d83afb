//! When each account was last logged in to and out of, service by service.
//!
//! The times are for administrators. They are no change of the store that a client waits for:
//! noting one costs a login nothing, and the latest may be lost in a crash.

use serde::{Deserialize, Serialize};
use std::fmt;
use waypost_types::AccountName;

/// A service whose log-ins are noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AccessService {
    /// HTTP (web mail).
    Http,
    /// IMAP4.
    Imap,
    /// POP3.
    Pop,
}

impl AccessService {
    /// Every service.
    pub const ALL: [Self; 3] = [Self::Http, Self::Imap, Self::Pop];

    /// The name in options, tools and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Imap => "imap",
            Self::Pop => "pop",
        }
    }
}

impl fmt::Display for AccessService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which end of a session is noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AccessKind {
    /// Its successful log-in.
    LogIn,
    /// Its end, however it came.
    LogOut,
}

impl AccessKind {
    /// Both ends.
    pub const ALL: [Self; 2] = [Self::LogIn, Self::LogOut];
}

/// A log-in or log-out to be noted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Whose mail was reached; the account need not exist in the store yet.
    pub account: AccountName,
    /// By which service.
    pub service: AccessService,
    /// Which end of the session.
    pub kind: AccessKind,
    /// When, in seconds since 1970.
    pub at: i64,
}

/// The two times of an account and a service, in seconds since 1970; `None`: not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct AccessTimes {
    /// The last log-in.
    pub log_in: Option<i64>,
    /// The last log-out.
    pub log_out: Option<i64>,
}

impl AccessTimes {
    /// The time of one kind.
    pub const fn of(&self, kind: AccessKind) -> Option<i64> {
        match kind {
            AccessKind::LogIn => self.log_in,
            AccessKind::LogOut => self.log_out,
        }
    }

    const fn of_mut(&mut self, kind: AccessKind) -> &mut Option<i64> {
        match kind {
            AccessKind::LogIn => &mut self.log_in,
            AccessKind::LogOut => &mut self.log_out,
        }
    }
}

/// What is known of one account. In whatever order times are noted, the newest stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LastAccess([AccessTimes; AccessService::ALL.len()]);

impl LastAccess {
    /// The times of a service.
    pub const fn of(&self, service: AccessService) -> AccessTimes {
        self.0[service as usize]
    }

    /// Notes a time, unless a newer one of its kind is known.
    pub fn note(&mut self, service: AccessService, kind: AccessKind, at: i64) {
        let known = self.0[service as usize].of_mut(kind);
        *known = (*known).max(Some(at));
    }

    /// Notes all that another knows.
    pub fn merge(&mut self, other: &Self) {
        for (service, kind, at) in other.known() {
            self.note(service, kind, at);
        }
    }

    /// Every time that is known, in the order of services.
    pub fn known(&self) -> impl Iterator<Item = (AccessService, AccessKind, i64)> + use<> {
        let times = *self;
        AccessService::ALL
            .into_iter()
            .flat_map(|service| AccessKind::ALL.map(|kind| (service, kind)))
            .filter_map(move |(service, kind)| {
                times.of(service).of(kind).map(|at| (service, kind, at))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_time_stands_whatever_came_first() {
        let mut known = LastAccess::default();
        for at in [5, 9, -3, 7] {
            known.note(AccessService::Pop, AccessKind::LogIn, at);
        }
        assert_eq!(known.of(AccessService::Pop), AccessTimes { log_in: Some(9), log_out: None });
        assert_eq!(known.of(AccessService::Imap), AccessTimes::default());
    }

    #[test]
    fn a_merge_is_the_same_from_either_side() {
        let mut one = LastAccess::default();
        one.note(AccessService::Http, AccessKind::LogIn, 1);
        one.note(AccessService::Imap, AccessKind::LogOut, 8);
        let mut two = LastAccess::default();
        two.note(AccessService::Http, AccessKind::LogIn, 2);
        let (mut there, mut back) = (one, two);
        there.merge(&two);
        back.merge(&one);
        assert_eq!(there, back);
        let known: Vec<_> = there.known().map(|(service, _, at)| (service.name(), at)).collect();
        assert_eq!(known, [("http", 2), ("imap", 8)]);
    }
}
