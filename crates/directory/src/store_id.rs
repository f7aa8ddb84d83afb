//! Which uids the store cannot have as ids: they mean something else in access rights and mailbox names.

/// Letters with a meaning of their own in names of mailboxes and patterns.
const LETTERS: &[char] = &['%', '?', '*', '&', '/', ':', '\\'];
/// Names that stand for groups of people in access rights.
const RESERVED: [&str; 3] = ["anonymous", "anybody", "anyone"];
/// What begins the name of a group in access rights.
const GROUP: &str = "group=";

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
