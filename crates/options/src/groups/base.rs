//! Options of the whole server.

use super::options;
use crate::ciphers::cipher_suites;
use crate::record::Applies::{Refresh, Restart, RestartAll, RestartServer};
use crate::record::{Grammar, Kind, Unit};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;
use waypost_types::Secret;

/// How `base.ssladjustciphersuites` is written.
const CIPHER_SUITES: Grammar =
    Grammar { form: "[+|-]NAME[[+|-]NAME...]", check: |text| cipher_suites(text).map(|_| ()) };

options! {
    group "base";

    BASE_HOSTNAME: Option<String> = "hostname" | "local.hostname", Kind::Text { default: "" }, Refresh("all"),
        "the full name of this host",
        "Shown in greetings and trace lines, and compared with the mailHost of users. \
         Not set, it is the name the system has.",
        "General settings";
    #[restricted]
    BASE_USER: Option<String> = "user", Kind::Text { default: "" }, RestartServer,
        "the user of the system that the server runs as",
        "Root that starts the server, or runs a tool that touches users or mail, becomes this user. Not set, \
         the server stays the user that starts it. A change needs `stop-msg watcher` and another start \
         of the server; what is stored must belong to the user then.",
        "General settings";
    BASE_DEFAULTDOMAIN: String = "defaultdomain" | "service.defaultdomain", Kind::Text { default: "localhost" }, RestartAll,
        "the domain of login names that have none",
        "Users of this domain have store ids without a domain, so a change on a server that has mail \
         gives its users other mailboxes.",
        "Login";
    BASE_LOGINSEPARATOR: String = "loginseparator" | "service.loginseparator", Kind::Text { default: "@" }, Refresh("all"),
        "the characters that separate user and domain in a login name",
        "Every character of the value is a separator; `@+` also accepts `user+domain`.",
        "Login";
    BASE_LISTENADDR: Option<IpAddr> = "listenaddr" | "service.listenaddr", Kind::Address { default: "" }, Restart(&["imap", "pop"]),
        "the address that POP and IMAP listen on",
        "Not set, they listen on all addresses.",
        "General settings";
    BASE_SSLCERTFILE: Option<PathBuf> = "sslcertfile", Kind::Path { default: "" }, Refresh("all"),
        "the certificate chain in PEM form, the server's own first",
        "Without a certificate neither STARTTLS nor SSL ports are offered; `waypost cert` makes, checks and \
         installs one. A file that changes is read again by itself.",
        "Encryption";
    BASE_SSLKEYFILE: Option<PathBuf> = "sslkeyfile", Kind::Path { default: "" }, Refresh("all"),
        "the private key of the certificate in PEM form",
        "PKCS #8, PKCS #1 or SEC 1; PKCS #8 may be encrypted (base.sslkeypassword).",
        "Encryption";
    #[secret]
    BASE_SSLKEYPASSWORD: Option<Secret<String>> = "sslkeypassword", Kind::Text { default: "" }, Refresh("all"),
        "the passphrase of an encrypted private key",
        "Set it with `msconfig set -prompt base.sslkeypassword`.",
        "Encryption";
    BASE_SSLCLIENTCAFILE: Option<PathBuf> = "sslclientcafile", Kind::Path { default: "" }, Refresh("all"),
        "the authorities whose certificates let clients log in, in PEM form",
        "With it, IMAP and POP ask every TLS client for a certificate, and SASL EXTERNAL logs its owner in; a client \
         without one, or with one that is not accepted, logs in by password. Authorities of servers are not trusted for \
         this: list only those that issue certificates to your users. A file that changes is read again by itself.",
        "Logging in with certificates";
    BASE_SSLCLIENTCRLFILE: Option<PathBuf> = "sslclientcrlfile", Kind::Path { default: "" }, Refresh("all"),
        "the lists of revoked certificates of these authorities, in PEM form",
        "Certificates that are on a list are refused, and all of an authority whose list is past its next update. An \
         authority without a list revokes none. A file that changes is read again by itself.",
        "Logging in with certificates";
    BASE_CERTMAPFILE: Option<PathBuf> = "certmapfile", Kind::Path { default: "" }, Refresh("all"),
        "the maps that say which user a certificate belongs to (certmap.conf)",
        "Not set, it is the user whose mail is an e-mail address of the certificate. `waypost login-explain \
         --certificate FILE` shows what the maps come to. A file that changes is read again by itself.",
        "Logging in with certificates";
    BASE_TLSMINVERSION: String = "tlsminversion",
        Kind::Choice { default: "TLS1.2", choices: &["TLS1.2", "TLS1.3"] },
        Refresh("all"),
        "the oldest TLS version that is accepted",
        "SSL and TLS 1.0 and 1.1 are withdrawn (RFC 8996), and the TLS library of this server does not \
         have them.",
        "Encryption";
    BASE_SSLADJUSTCIPHERSUITES: String = "ssladjustciphersuites" | "local.ssladjustciphersuites",
        Kind::Formal { grammar: CIPHER_SUITES }, Refresh("all"),
        "which cipher suites are accepted",
        "Words with + (add) or - (remove) before them: names of cipher suites, or STRONG (keys of 256 bits \
         and more), MEDIUM (128 to 255), WEAK (less; there are none) and DEFAULT (MEDIUM and STRONG). \
         `STRONG` alone or `-MEDIUM` leaves 256 bits; a text that begins with a sign adjusts the default.",
        "Encryption";
    BASE_AUTHCACHETTL: Duration = "authcachettl" | "service.authcachettl", Kind::integer(Unit::Seconds, 900, 0, 86_400),
        Restart(&["imap", "pop"]),
        "how long a successful login is remembered",
        "A remembered login needs no check of its password. A change of a password or a status in the embedded \
         directory ends it at once; an LDAP server does not tell of changes, so there they are seen only after this \
         time. 0 remembers none.",
        "Login";
    BASE_AUTHCACHESIZE: usize = "authcachesize" | "service.authcachesize", Kind::integer(Unit::Count, 10_000, 2, 1_000_000),
        Restart(&["imap", "pop"]),
        "how many successful logins one process remembers",
        "Those that were not used for longest are forgotten first.",
        "Login";
    BASE_ENABLELASTACCESS: bool = "enablelastaccess" | "local.enablelastaccess", Kind::Switch { default: true }, Refresh("all"),
        "whether the times of a user's last login and logout are kept",
        "`imsconnutil -a` shows them. They are not kept as durably as mail: after a crash those of the last half \
         minute may be missing.",
        "Seeing what happens";
    BASE_DIRECTORYPATH: PathBuf = "directorypath", Kind::Path { default: "directory" },
        RestartServer,
        "the folder of the embedded directory of users and domains",
        "It must lie on a local disk.",
        "Users and domains";
    BASE_RUNDIR: PathBuf = "rundir", Kind::Path { default: "run" }, RestartServer,
        "the folder of the sockets that the server's processes share",
        "The tools find the server there: end it with `stop-msg watcher` before this is changed.",
        "General settings";
}
