//! Which names the embedded directory accepts for new users, domains and addresses.

use super::admin::AdminError;
use crate::address::{fold, split_address};
use crate::store_id::forbidden_uid;

/// The longest uid in bytes: uid, `@` and domain together stay below the longest store id, and a key
/// below LMDB's 511 bytes.
pub(super) const MAX_UID_BYTES: usize = 100;
/// The longest domain name in bytes; with the uid it fits the longest store id.
pub(super) const MAX_DOMAIN_BYTES: usize = 150;
/// The longest local part in bytes (RFC 5321 section 4.5.3.1.1).
const MAX_LOCAL_BYTES: usize = 64;
/// The longest label of a domain name in bytes (RFC 1035 section 2.3.4).
const MAX_LABEL_BYTES: usize = 63;

/// Checks and folds a uid. Beyond what no store id may hold, `@` and `+` are refused because they separate
/// uid, domain and sub-address.
pub(super) fn uid(text: &str) -> Result<String, AdminError> {
    let folded = fold(text);
    let bad = |rule: String| AdminError::BadName { what: "user name", name: text.to_owned(), rule };
    if let Some(reason) = forbidden_uid(&folded) {
        return Err(bad(format!("it {reason}")));
    }
    let starts_well = folded.starts_with(char::is_alphanumeric);
    let allowed = |c: char| c.is_alphanumeric() || "._-=".contains(c);
    if starts_well && folded.len() <= MAX_UID_BYTES && folded.chars().all(allowed) {
        return Ok(folded);
    }
    Err(bad(format!(
        "use letters, digits, `.`, `_`, `-` and `=`, begin with a letter or digit, at most \
         {MAX_UID_BYTES} bytes"
    )))
}

/// Checks and folds a domain name.
pub(super) fn domain(text: &str) -> Result<String, AdminError> {
    let folded = fold(text);
    let label = |l: &str| {
        (1..=MAX_LABEL_BYTES).contains(&l.len())
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !l.starts_with('-')
            && !l.ends_with('-')
    };
    if folded.len() <= MAX_DOMAIN_BYTES && folded.split('.').all(label) {
        return Ok(folded);
    }
    Err(AdminError::BadName {
        what: "domain name",
        name: text.to_owned(),
        rule: format!(
            "use labels of ASCII letters, digits and `-` with dots between (an international name \
             in its xn-- form), at most {MAX_DOMAIN_BYTES} bytes"
        ),
    })
}

/// Checks and folds an address; returns the address and its domain.
pub(super) fn address(text: &str) -> Result<(String, String), AdminError> {
    let bad = |rule: &str| AdminError::BadName {
        what: "mail address",
        name: text.to_owned(),
        rule: rule.to_owned(),
    };
    let (local, domain_text) = split_address(text).ok_or_else(|| bad("write user@domain"))?;
    let local = fold(local);
    let printable = |c: char| !c.is_control() && !c.is_whitespace() && !"@\"\\<>(),;:".contains(c);
    if local.len() > MAX_LOCAL_BYTES || !local.chars().all(printable) {
        return Err(bad("the part before `@` has at most 64 bytes and no quotes, spaces or lists"));
    }
    let domain = domain(domain_text)?;
    Ok((format!("{local}@{domain}"), domain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_folded_and_checked() {
        assert_eq!(uid("Alice.B").ok().as_deref(), Some("alice.b"));
        for bad in ["", ".a", "a@b", "a+b", "a/b", "a b", "a\u{0}", "anyone", "group=a"] {
            assert!(uid(bad).is_err(), "{bad:?}");
        }
        assert!(uid(&"a".repeat(MAX_UID_BYTES + 1)).is_err());
        assert_eq!(domain("Example.COM").ok().as_deref(), Some("example.com"));
        for bad in ["", "a..b", "-a.b", "a-.b", "a b", "bücher.example", "a."] {
            assert!(domain(bad).is_err(), "{bad:?}");
        }
        assert!(address("a b@example.com").is_err());
        assert!(address("example.com").is_err());
        let folded = address("Info+X@Example.com").ok();
        assert_eq!(folded, Some(("info+x@example.com".to_owned(), "example.com".to_owned())));
    }
}
