//! Splitting and folding of mail addresses and names.

/// The character between user and folder in a sub-address (RFC 5233 section 4).
const SUBADDRESS_SEPARATOR: char = '+';

/// Splits `local@domain` at its last `@`; both parts must be there.
pub fn split_address(address: &str) -> Option<(&str, &str)> {
    let (local, domain) = address.rsplit_once('@')?;
    (!local.is_empty() && !domain.is_empty()).then_some((local, domain))
}

/// Splits `user+folder`. Without a separator, or with nothing before it, the whole is the user; an
/// empty folder counts as none.
pub fn split_subaddress(local: &str) -> (&str, Option<&str>) {
    match local.split_once(SUBADDRESS_SEPARATOR) {
        Some((user, folder)) if !user.is_empty() => (user, Some(folder).filter(|f| !f.is_empty())),
        _ => (local, None),
    }
}

/// Folds a name or address for comparison. Local parts are compared without case as all directories do,
/// although RFC 5321 section 2.4 would allow to tell case apart.
pub(crate) fn fold(text: &str) -> String {
    text.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_split_at_the_last_at_sign() {
        assert_eq!(split_address("a@b@c.example"), Some(("a@b", "c.example")));
        assert_eq!(split_address("@c.example"), None);
        assert_eq!(split_address("a@"), None);
        assert_eq!(split_address("a"), None);
    }

    #[test]
    fn sub_addresses_split_at_the_first_plus_sign() {
        assert_eq!(split_subaddress("alice+lists+rust"), ("alice", Some("lists+rust")));
        assert_eq!(split_subaddress("alice"), ("alice", None));
        assert_eq!(split_subaddress("alice+"), ("alice", None));
        assert_eq!(split_subaddress("+x"), ("+x", None));
    }
}
