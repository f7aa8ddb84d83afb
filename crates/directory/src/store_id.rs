//! From a uid to the id under which the store keeps the mail, and which uids cannot be such ids: they mean
//! something else in access rights and mailbox names.

use waypost_types::AccountName;

/// Letters with a meaning of their own in names of mailboxes and patterns.
const LETTERS: &[char] = &['%', '?', '*', '&', '/', ':', '\\'];
/// Names that stand for groups of people in access rights.
const RESERVED: [&str; 3] = ["anonymous", "anybody", "anyone"];
/// What begins the name of a group in access rights.
const GROUP: &str = "group=";

/// The store id of a user: the uid in the default domain, `uid@domain` elsewhere.
///
/// With a separator (`domainUidSeparator`) the domain's uids are compound: `john_siroe.com` stands for `john` of
/// `siroe.com`. A uid of such a domain that is not built so is refused, because two people could share one
/// mailbox: `john` and `john_siroe.com`, or somebody else's `mary_other.com`. For the same reason a uid of the
/// default domain may not be written as one of another, `john@siroe.com`. The error completes "the uid ...".
pub fn store_id(
    uid: &str,
    domain: &str,
    separator: Option<&str>,
    default_domain: &str,
) -> Result<AccountName, String> {
    let name = match separator.filter(|separator| !separator.is_empty()) {
        None => uid,
        Some(separator) => compound(uid, domain, separator)?,
    };
    let is_default = domain == default_domain;
    let of_another = |(_, named): (&str, &str)| !named.eq_ignore_ascii_case(domain);
    if is_default && name.rsplit_once('@').is_some_and(of_another) {
        return Err(format!("{uid} would be the store id of a user of another domain"));
    }
    let long = format!("{name}@{domain}");
    let id = AccountName::new(if is_default { name } else { &long });
    id.map_err(|error| format!("{uid} gives no valid store id: {error}"))
}

/// The name in a compound uid.
fn compound<'u>(uid: &'u str, domain: &str, separator: &str) -> Result<&'u str, String> {
    let name = uid.strip_suffix(domain).and_then(|front| front.strip_suffix(separator));
    name.filter(|name| !name.is_empty() && !name.contains('@')).ok_or_else(|| {
        format!("{uid} does not end in {separator}{domain}, as domainUidSeparator of the domain asks for")
    })
}

/// Why a uid cannot be a store id, if so; the text completes "the uid ...".
pub fn forbidden_uid(uid: &str) -> Option<&'static str> {
    let invisible = |letter: char| letter.is_control() || letter.is_whitespace();
    if uid.is_empty() {
        Some("is empty")
    } else if uid.contains(LETTERS) {
        Some("holds one of % ? * & / : \\, which mean something else in names of mailboxes")
    } else if uid.contains(invisible) {
        Some("holds a space or a control character")
    } else if uid.starts_with('-') {
        Some("begins with -, which takes rights away in access rights")
    } else if uid.to_ascii_lowercase().starts_with(GROUP) {
        Some("begins with group=, which names a group in access rights")
    } else if RESERVED.iter().any(|name| name.eq_ignore_ascii_case(uid)) {
        Some("is reserved: it names a group of people in access rights")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compound_uids_name_their_domain() {
        let id = |uid, domain, separator| {
            store_id(uid, domain, separator, "default.example").map(|id| id.as_str().to_owned())
        };
        assert_eq!(id("john", "siroe.com", None).as_deref(), Ok("john@siroe.com"));
        assert_eq!(id("john", "default.example", None).as_deref(), Ok("john"));
        assert_eq!(id("john_siroe.com", "siroe.com", Some("_")).as_deref(), Ok("john@siroe.com"));
        assert_eq!(id("j_x_siroe.com", "siroe.com", Some("_")).as_deref(), Ok("j_x@siroe.com"));
        assert_eq!(id("john.siroe.com", "siroe.com", Some(".")).as_deref(), Ok("john@siroe.com"));
        let own = id("john_default.example", "default.example", Some("_"));
        assert_eq!(own.as_deref(), Ok("john"));
        for bad in
            ["john", "john_other.com", "_siroe.com", "siroe.com", "a@b_siroe.com", "john-siroe.com"]
        {
            assert!(id(bad, "siroe.com", Some("_")).is_err(), "{bad}");
        }
    }

    #[test]
    fn no_uid_of_the_default_domain_is_a_store_id_of_another() {
        let id = |uid, domain| store_id(uid, domain, None, "default.example");
        let refused = id("john@siroe.com", "default.example").unwrap_err();
        assert!(refused.contains("a user of another domain"), "{refused}");
        assert!(id("a@b@siroe.com", "default.example").is_err());
        let own = id("john@default.example", "default.example").unwrap();
        assert_eq!(own.as_str(), "john@default.example");
        let inner = id("john@siroe.com", "other.example").unwrap();
        assert_eq!(inner.as_str(), "john@siroe.com@other.example");
    }

    #[test]
    fn ids_that_mean_something_else_are_forbidden() {
        for uid in
            ["alice", "a.b-c_d", "john_siroe.com", "a+b", "a=b", "anyone2", "1007", "a@b", "алиса"]
        {
            assert_eq!(forbidden_uid(uid), None, "{uid}");
        }
        for uid in [
            "",
            "a%",
            "a?",
            "*",
            "a&b",
            "a/b",
            "a:b",
            "a\\b",
            "a b",
            "a\u{7}",
            "a\u{7f}",
            "-a",
            "group=a",
            "GROUP=a",
            "anonymous",
            "Anybody",
            "anyone",
        ] {
            assert!(forbidden_uid(uid).is_some(), "{uid:?}");
        }
    }
}
