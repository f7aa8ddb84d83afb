//! What an account holds, and what it may hold.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a limit counts. The names are those of RFC 9208 section 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum QuotaResource {
    /// The sizes of all messages.
    Storage,
    /// The number of messages.
    Message,
}

/// What an account holds, over all its mailboxes. An expunged message counts no more, although its
/// bytes are given back later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// The sum of the sizes of all messages.
    pub bytes: u64,
    /// How many messages there are.
    pub messages: u64,
}

/// What an account may hold. The default is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct QuotaLimits {
    /// The most bytes; `None` is no limit.
    pub bytes: Option<u64>,
    /// The most messages; `None` is no limit.
    pub messages: Option<u64>,
}

/// Messages that do not fit under a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverQuota {
    /// Which limit.
    pub resource: QuotaResource,
    /// What the account holds.
    pub used: u64,
    /// What was to be added.
    pub added: u64,
    /// The limit.
    pub limit: u64,
}

impl Usage {
    /// One message of this size.
    pub const fn of_message(bytes: u64) -> Self {
        Self { bytes, messages: 1 }
    }

    /// Both together.
    #[must_use]
    pub const fn plus(self, more: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_add(more.bytes),
            messages: self.messages.saturating_add(more.messages),
        }
    }

    /// What is left when `less` is taken away.
    #[must_use]
    pub const fn minus(self, less: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_sub(less.bytes),
            messages: self.messages.saturating_sub(less.messages),
        }
    }
}

impl std::iter::Sum for Usage {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Self::plus)
    }
}

impl QuotaLimits {
    /// No limit.
    pub const NONE: Self = Self { bytes: None, messages: None };

    /// Whether `added` fits beside what is used: afterwards neither limit may be exceeded, so nothing is ever
    /// above its limit because of something that was added under it. Adding nothing always fits.
    pub fn check(&self, used: Usage, added: Usage) -> Result<(), OverQuota> {
        let resources = [
            (QuotaResource::Storage, self.bytes, used.bytes, added.bytes),
            (QuotaResource::Message, self.messages, used.messages, added.messages),
        ];
        for (resource, limit, used, added) in resources {
            let Some(limit) = limit else { continue };
            if added > 0 && used.saturating_add(added) > limit {
                return Err(OverQuota { resource, used, added, limit });
            }
        }
        Ok(())
    }
}

impl OverQuota {
    /// Whether it would not fit either if the account were empty, so that waiting cannot help.
    pub const fn is_permanent(&self) -> bool {
        self.added > self.limit
    }
}

impl fmt::Display for OverQuota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { used, added, limit, .. } = self;
        let what = match self.resource {
            QuotaResource::Storage => "bytes",
            QuotaResource::Message => "messages",
        };
        write!(f, "{used} {what} used and {added} to come exceed the quota of {limit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USED: Usage = Usage { bytes: 90, messages: 3 };

    #[test]
    fn a_limit_may_be_reached_and_not_passed() {
        let limits = QuotaLimits { bytes: Some(100), messages: Some(4) };
        assert_eq!(limits.check(USED, Usage::of_message(10)), Ok(()));
        let over = limits.check(USED, Usage::of_message(11)).unwrap_err();
        assert_eq!(over.resource, QuotaResource::Storage);
        assert!(!over.is_permanent());
        let over = limits.check(USED, Usage { bytes: 2, messages: 2 }).unwrap_err();
        assert_eq!(over.resource, QuotaResource::Message);
        assert!(limits.check(USED, Usage::of_message(101)).unwrap_err().is_permanent());
        assert_eq!(QuotaLimits::NONE.check(USED, Usage::of_message(u64::MAX)), Ok(()));
    }

    #[test]
    fn who_is_over_a_limit_may_still_add_nothing() {
        let limits = QuotaLimits { bytes: Some(0), messages: Some(0) };
        assert_eq!(limits.check(USED, Usage::default()), Ok(()));
        assert!(limits.check(Usage::default(), Usage::of_message(1)).unwrap_err().is_permanent());
    }
}
