//! Options of a directory that is reached over LDAP.

use super::options;
use crate::record::Applies::Restart;
use crate::record::{Grammar, Kind, Unit};
use std::path::PathBuf;
use std::time::Duration;
use waypost_types::Secret;

/// How `base.ugldaphost` is written.
const HOSTS: Grammar = Grammar { form: "HOST[:PORT][ HOST[:PORT]...]", check: check_hosts };

/// Those that look up users.
const USERS_OF_IT: crate::record::Applies = Restart(&["imap", "pop", "lmtp"]);

fn check_hosts(text: &str) -> Result<(), String> {
    let bad = text.split([' ', ',']).filter(|word| !word.is_empty()).find(|word| !is_host(word));
    bad.map_or(Ok(()), |word| {
        Err(format!(
            "{word:?} is no host: write a name or an address, and `:PORT` if it has its own"
        ))
    })
}

fn is_host(word: &str) -> bool {
    let (name, port) = match word.strip_prefix('[') {
        Some(rest) => rest.split_once(']').unwrap_or(("", "")),
        None if word.matches(':').count() > 1 => (word, ""),
        None => word.find(':').map_or((word, ""), |at| word.split_at(at)),
    };
    let number = |text: &str| text.parse::<u16>().is_ok_and(|port| port > 0);
    let has_port = port.is_empty() || port.strip_prefix(':').is_some_and(number);
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
    has_port && !name.is_empty() && name.chars().all(fits)
}

options! {
    group "base";

    BASE_UGLDAPHOST: Option<String> = "ugldaphost" | "local.ugldaphost", Kind::Formal { grammar: HOSTS }, USERS_OF_IT,
        "the LDAP servers that hold users and domains",
        "Hosts with spaces between them, each with its own port or that of base.ugldapport. The first that \
         answers is used; one that is lost is left for the next, and used again when it is back. Not set, users \
         are those of the embedded directory (`waypost user`). `waypost directory check` looks whether \
         everything is there.",
        "Users and domains";
    BASE_UGLDAPPORT: u16 = "ugldapport" | "local.ugldapport", Kind::integer(Unit::Port, 0, 0, 65_535), USERS_OF_IT,
        "the port of LDAP servers that are written without one",
        "0 is 636 with base.ugldapusessl, else 389.",
        "Users and domains";
    BASE_UGLDAPBASEDN: String = "ugldapbasedn" | "local.ugldapbasedn", Kind::Text { default: "" }, USERS_OF_IT,
        "the entry of the directory below which users and domains lie",
        "For example `o=example` or `dc=example,dc=com`.",
        "Users and domains";
    BASE_UGLDAPBINDDN: Option<String> = "ugldapbinddn" | "local.ugldapbinddn", Kind::Text { default: "" }, USERS_OF_IT,
        "the entry that the server searches the directory as",
        "It must be allowed to read users and domains, except passwords. Not set, the server searches without a name.",
        "Users and domains";
    #[secret]
    BASE_UGLDAPBINDCRED: Option<Secret<String>> = "ugldapbindcred" | "local.ugldapbindcred", Kind::Text { default: "" }, USERS_OF_IT,
        "the password of base.ugldapbinddn",
        "Set it with `msconfig set -prompt base.ugldapbindcred`.",
        "Users and domains";
    BASE_UGLDAPUSESSL: bool = "ugldapusessl" | "local.ugldapusessl", Kind::Switch { default: false }, USERS_OF_IT,
        "whether connections to the directory begin with TLS (LDAPS)",
        "",
        "Users and domains";
    BASE_LDAPREQUIRETLS: bool = "ldaprequiretls", Kind::Switch { default: false }, USERS_OF_IT,
        "whether connections to the directory must turn to TLS with StartTLS",
        "A directory that refuses it is not used. Without this and without base.ugldapusessl, passwords reach \
         the directory in the clear.",
        "Users and domains";
    BASE_LDAPCAFILE: Option<PathBuf> = "ldapcafile", Kind::Path { default: "" }, USERS_OF_IT,
        "the authorities that certify directory servers, in PEM form",
        "Not set, those that the system trusts. The name in base.ugldaphost must be in the certificate.",
        "Users and domains";
    BASE_LDAPCONNECTTIMEOUT: Duration = "ldapconnecttimeout", Kind::integer(Unit::Seconds, 5, 1, 300), USERS_OF_IT,
        "how long connecting to a directory server may take, with TLS and bind",
        "Then the next server is used.",
        "Users and domains";
    BASE_LDAPSEARCHTIMEOUT: Duration = "ldapsearchtimeout", Kind::integer(Unit::Seconds, 10, 1, 300), USERS_OF_IT,
        "how long a search or a check of a password may take",
        "Then the next server is used; without one, the login or delivery fails for now.",
        "Users and domains";
    BASE_LDAPCONNECTIONS: usize = "ldapconnections", Kind::integer(Unit::Connections, 8, 1, 32), USERS_OF_IT,
        "how many connections to the directory each process keeps for searches",
        "As many more check passwords, so many logins at once in one process.",
        "Users and domains";
    BASE_LDAPSCHEMA: String = "ldapschema",
        Kind::Choice { default: "2", choices: &["1", "2", "none"] },
        USERS_OF_IT,
        "how the directory describes domains",
        "2: organisations bear the attributes sunPreferredDomain and associatedDomain. 1: a tree of dc entries \
         below base.dcroot leads to the users (inetDomainBaseDN). none: there are no entries for domains, and \
         all users below base.ugldapbasedn are of base.defaultdomain.",
        "Users and domains";
    BASE_DCROOT: String = "dcroot" | "service.dcroot", Kind::Text { default: "o=internet" }, USERS_OF_IT,
        "the root of the tree of domains, with base.ldapschema 1",
        "",
        "Users and domains";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_checked() {
        for good in ["ldap.example", "a:389 b  [::1]:636 ::1", "192.0.2.1"] {
            assert_eq!(check_hosts(good), Ok(()), "{good}");
        }
        for bad in ["ldap://a", "a:0", "a:x", "[::1", "a/b"] {
            assert!(check_hosts(bad).is_err(), "{bad}");
        }
    }
}
