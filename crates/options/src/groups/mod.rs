//! The groups of options, one file each, and the registry of all.

pub(crate) mod auth;
pub(crate) mod base;
pub(crate) mod imap;
pub(crate) mod ldap;
pub(crate) mod lmtp;
pub mod logfile;
pub(crate) mod metrics;
pub(crate) mod pop;
#[allow(unreachable_pub, reason = "declared as the groups of the release are")]
pub(crate) mod sample;
pub(crate) mod store;
pub(crate) mod watcher;

use crate::record::OptionRecord;
use std::sync::OnceLock;

/// Options that belong together: those of this release, or in tests others.
pub type Registry = &'static [&'static OptionRecord];

/// Every option of this release, by group and in the order of declaration.
pub fn registry() -> Registry {
    static ALL: OnceLock<Vec<&'static OptionRecord>> = OnceLock::new();
    ALL.get_or_init(|| GROUPS.concat())
}

/// The groups in the order of the manual.
const GROUPS: &[Registry] = &[
    base::RECORDS,
    auth::RECORDS,
    ldap::RECORDS,
    store::RECORDS,
    imap::RECORDS,
    pop::RECORDS,
    lmtp::RECORDS,
    watcher::RECORDS,
    logfile::base::RECORDS,
    logfile::store::RECORDS,
    logfile::imap::RECORDS,
    logfile::pop::RECORDS,
    logfile::lmtp::RECORDS,
    metrics::RECORDS,
];

/// Declares the options of one group: a handle each, the list of their records, and for tests the list of
/// those whose default their handle cannot read.
///
/// Before a handle may stand `#[secret]`, `#[restricted]`, `#[named]` or several, as `#[named, secret]`.
/// A secret is a `Kind::Text` without a default.
macro_rules! options {
    (group $group:literal; $(
        $(#[$($attribute:ident),+])?
        $handle:ident: $type:ty = $name:literal $(| $alias:expr)?, $kind:expr, $applies:expr,
            $help:literal, $details:expr, $guide:literal;
    )*) => {
        $(
            #[doc = concat!("`", $group, ".", $name, "`: ", $help, ".")]
            pub const $handle: $crate::record::Opt<$type> =
                $crate::record::Opt::new($crate::record::OptionRecord {
                    group: $group,
                    name: $name,
                    alias: $crate::groups::alias!($($alias)?),
                    kind: $kind,
                    applies: $applies,
                    secret: false,
                    restricted: false,
                    named: false,
                    help: $help,
                    details: $details,
                    guide: $guide,
                }$($(.$attribute())+)?);
        )*

        pub(crate) const RECORDS: &[&$crate::record::OptionRecord] = &[$(&$handle.record),*];

        #[cfg(test)]
        pub(crate) fn unreadable() -> Vec<String> {
            let mut names = Vec::new();
            $(
                if !$crate::value::tests::reads_all::<$type>(&$handle) {
                    names.push($handle.record.full_name());
                }
            )*
            names
        }
    };
}
pub(crate) use options;

/// The alias of an option that may have one.
macro_rules! alias {
    () => {
        None
    };
    ($alias:expr) => {
        Some($alias)
    };
}
pub(crate) use alias;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_handle_reads_its_own_kind() {
        let unreadable = [
            base::unreadable(),
            auth::unreadable(),
            ldap::unreadable(),
            store::unreadable(),
            imap::unreadable(),
            pop::unreadable(),
            lmtp::unreadable(),
            watcher::unreadable(),
            logfile::unreadable(),
            metrics::unreadable(),
            sample::unreadable(),
        ];
        assert_eq!(unreadable.concat(), Vec::<String>::new());
    }

    #[test]
    fn names_are_unique_and_plain() {
        let mut seen = HashSet::new();
        for record in registry() {
            assert!(seen.insert(record.full_name()), "{} is there twice", record.full_name());
            let alias = record.alias.map(str::to_owned);
            assert!(
                alias.is_none_or(|alias| seen.insert(alias)),
                "alias of {}",
                record.full_name()
            );
            let plain =
                |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase());
            let is_plain = record.group.split('.').all(plain) && plain(record.name);
            assert!(is_plain, "{}", record.full_name());
        }
    }

    #[test]
    fn no_option_is_a_group_too() {
        for name in registry().iter().map(|record| record.full_name()) {
            let below = format!("{name}.");
            let is_group = |r: &&OptionRecord| r.group == name || r.group.starts_with(&below);
            assert!(!registry().iter().any(is_group), "{name}");
        }
    }

    #[test]
    fn secrets_are_texts_without_a_default() {
        for record in registry().iter().filter(|record| record.secret) {
            let name = record.full_name();
            assert_eq!(record.kind, crate::Kind::Text { default: "" }, "{name}");
        }
    }

    #[test]
    fn every_option_is_explained() {
        for record in registry() {
            let name = record.full_name();
            assert!(!record.help.is_empty() && record.help.len() <= 80, "help of {name}");
            assert!(!record.help.ends_with('.'), "full stop in the help of {name}");
            assert!(!record.guide.is_empty(), "guide section of {name}");
        }
    }
}
