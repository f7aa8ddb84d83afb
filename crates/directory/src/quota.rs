//! `mailQuota` and `mailMsgQuota`: how they are written, and what they come to with the server's defaults.

use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicBool, Ordering};
use waypost_types::QuotaLimits;

/// A limit of bytes or of messages.
///
/// The order is part of the embedded directory's format: new values go to the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Quota {
    /// At most so many; 0 allows nothing.
    AtMost(u64),
    /// No limit.
    Unlimited,
}

/// A value of `mailQuota` or `mailMsgQuota`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaValue {
    /// The limit over all mailboxes; `None` is the server's default.
    pub total: Option<Quota>,
    /// Whether limits of single folders or types of messages stand beside it, which are not enforced.
    pub has_parts: bool,
}

/// What a user's entry says; `None` is the server's default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UserQuota {
    /// `mailQuota`, in bytes.
    pub bytes: Option<Quota>,
    /// `mailMsgQuota`.
    pub messages: Option<Quota>,
}

/// The server's part of quotas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaRules {
    /// `store.defaultmailboxquota`, in bytes; `None` is no limit.
    pub default_bytes: Option<u64>,
    /// `store.defaultmessagequota`; `None` is no limit.
    pub default_messages: Option<u64>,
    /// `store.quotaenforcement`: whether mail over a quota is refused.
    pub enforced: bool,
}

/// No default limits; those of users hold.
impl Default for QuotaRules {
    fn default() -> Self {
        Self { default_bytes: None, default_messages: None, enforced: true }
    }
}

impl QuotaRules {
    /// The limits of a user, enforced or not.
    pub fn limits(&self, user: UserQuota) -> QuotaLimits {
        QuotaLimits {
            bytes: limit(user.bytes, self.default_bytes),
            messages: limit(user.messages, self.default_messages),
        }
    }

    /// The limits that the store holds a user to.
    pub fn enforced_limits(&self, user: UserQuota) -> QuotaLimits {
        if self.enforced { self.limits(user) } else { QuotaLimits::NONE }
    }
}

const fn limit(own: Option<Quota>, default: Option<u64>) -> Option<u64> {
    match own {
        None => default,
        Some(Quota::Unlimited) => None,
        Some(Quota::AtMost(most)) => Some(most),
    }
}

impl QuotaValue {
    /// Reads a value: a number with or without K, M or G (1024, its square, its cube), -1 for no limit, -2
    /// for the server's default. Behind `;` may stand limits of folders (`Archive%100M`) and types of messages
    /// (`#voice%10M`). `None` when it is none of this.
    pub fn parse(value: &str) -> Option<Self> {
        let (mut total, mut has_total, mut has_parts) = (None, false, false);
        for part in value.split(';').map(str::trim) {
            match part.rsplit_once('%') {
                Some((name, limit)) if !name.is_empty() => {
                    amount(limit)?;
                    has_parts = true;
                }
                Some(_) => return None,
                None if has_total => return None,
                None => {
                    total = amount(part)?;
                    has_total = true;
                }
            }
        }
        Some(Self { total, has_parts })
    }
}

/// One amount; the inner `None` is the server's default.
fn amount(text: &str) -> Option<Option<Quota>> {
    match text {
        "-1" => return Some(Some(Quota::Unlimited)),
        "-2" => return Some(None),
        _ => {}
    }
    let unit = text.bytes().last()?.to_ascii_uppercase();
    let shift = match unit {
        b'K' => 10,
        b'M' => 20,
        b'G' => 30,
        _ => 0,
    };
    let digits = if shift > 0 { &text[..text.len() - 1] } else { text };
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    number.checked_mul(1 << shift).map(|most| Some(Quota::AtMost(most)))
}

impl UserQuota {
    /// Reads both attributes of an entry. What cannot be read counts as the server's default, and the limits of
    /// folders are left out; the log says the first time of each.
    pub fn read(entry: &str, bytes: Option<&str>, messages: Option<&str>) -> Self {
        Self {
            bytes: read(entry, "mailQuota", bytes),
            messages: read(entry, "mailMsgQuota", messages),
        }
    }
}

fn read(entry: &str, attribute: &str, value: Option<&str>) -> Option<Quota> {
    static SAID_PARTS: AtomicBool = AtomicBool::new(false);
    static SAID_BAD: AtomicBool = AtomicBool::new(false);
    let value = value?;
    let Some(read) = QuotaValue::parse(value) else {
        if !SAID_BAD.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                entry,
                attribute,
                value,
                "this is no quota and counts as the default; there may be more like it, which \
                 `waypost directory check` counts"
            );
        }
        return None;
    };
    if read.has_parts && !SAID_PARTS.swap(true, Ordering::Relaxed) {
        tracing::warn!(
            entry,
            attribute,
            value,
            "limits of folders and types of messages are not enforced, only the total is; there may be \
             more like it, which `waypost directory check` counts"
        );
    }
    read.total
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(text: &str) -> Option<Option<Quota>> {
        QuotaValue::parse(text).filter(|value| !value.has_parts).map(|value| value.total)
    }

    #[test]
    fn quotas_have_units() {
        let most = |number| Some(Some(Quota::AtMost(number)));
        assert_eq!(total("20M"), most(20 << 20));
        assert_eq!(total("1k"), most(1_024));
        assert_eq!(total("4096G"), most(4_096 << 30));
        assert_eq!(total("4294966272"), most(4_294_966_272));
        assert_eq!(total(" 0 "), most(0));
        assert_eq!(total("-1"), Some(Some(Quota::Unlimited)));
        assert_eq!(total("-2"), Some(None));
        for bad in ["", "20MM", "M", "x", "-3", "+5", "1.5G", "2 G", "20T", "1;2", "é"]
            .into_iter()
            .chain(["99999999999999999999", "18446744073709551615G"])
        {
            assert_eq!(QuotaValue::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn limits_of_folders_stand_beside_the_total() {
        let value = |total| Some(QuotaValue { total, has_parts: true });
        let twenty = Some(Quota::AtMost(20 << 20));
        assert_eq!(QuotaValue::parse("20M;#text%10M;Archive%100M"), value(twenty));
        assert_eq!(QuotaValue::parse("Archive%100M; 20M"), value(twenty));
        assert_eq!(QuotaValue::parse("Archive%100M"), value(None));
        for bad in ["20M;", "20M;%5", "20M;Archive%", "20M;Archive%x", "20M;Archive"] {
            assert_eq!(QuotaValue::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn the_default_holds_where_the_user_says_nothing() {
        let rules = QuotaRules { default_bytes: Some(10), default_messages: None, enforced: true };
        assert_eq!(
            rules.limits(UserQuota::default()),
            QuotaLimits { bytes: Some(10), messages: None }
        );
        let own = UserQuota { bytes: Some(Quota::Unlimited), messages: Some(Quota::AtMost(0)) };
        assert_eq!(rules.limits(own), QuotaLimits { bytes: None, messages: Some(0) });
        let off = QuotaRules { enforced: false, ..rules };
        assert_eq!(off.enforced_limits(own), QuotaLimits::NONE);
        assert_eq!(off.limits(own), rules.enforced_limits(own));
    }
}
