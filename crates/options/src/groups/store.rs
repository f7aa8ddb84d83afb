//! Options of the message store.

use super::options;
use crate::record::Applies::{Refresh, RestartAll, RestartServer};
use crate::record::{Grammar, Kind, Unit, point_at};
use std::path::PathBuf;
use std::time::Duration;

/// The most store administrators: each login that asks to act as another looks through them.
const ADMINS_MAX: usize = 100;

/// How `store.admins` is written.
const ADMINS: Grammar = Grammar { form: "USER[ USER...]", check: check_admins };

fn check_admins(text: &str) -> Result<(), String> {
    if store_admins(text).count() > ADMINS_MAX {
        return Err(point_at(text, 0, "there are too many administrators; 100 at most"));
    }
    let bad = |letter: char| letter.is_control() || letter == '/';
    match text.find(bad) {
        None => Ok(()),
        Some(at) => Err(point_at(text, at, "no store id holds this character")),
    }
}

/// The store ids in a value of `store.admins`: spaces or commas stand between them.
pub fn store_admins(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', '\t', ',']).filter(|id| !id.is_empty())
}

options! {
    group "store";

    STORE_PATH: PathBuf = "path", Kind::Path { default: "store" }, RestartServer,
        "the folder of the message store",
        "It must lie on a local disk.",
        "Message store";
    #[restricted]
    STORE_ADMINS: String = "admins", Kind::Formal { grammar: ADMINS }, Refresh("all"),
        "the store administrators, who may log in as any user",
        "Store ids: `user` in the default domain, `user@domain` elsewhere. An administrator gives an authorization \
         identity with SASL PLAIN and the own password; the log names both.",
        "Login";
    STORE_CLEANUPAGE: Duration = "cleanupage", Kind::integer(Unit::Hours, 1, 0, 8_760),
        RestartAll,
        "how long expunged messages stay on disk",
        "Until then a session that still shows them can read them. 0 removes them as soon as no session \
         shows them. The space of their bytes is given back by compaction.",
        "Message store";
    STORE_COMPACTPERCENT: u16 = "compactpercent", Kind::integer(Unit::Count, 20, 0, 90), RestartAll,
        "how many percent of a segment must be dead before it is compacted",
        "Messages lie in segments of up to 256 MiB. What still lives in one is copied, and the segment removed, so \
         about this part of the disk space may be bytes of messages that are gone. 0 never compacts by \
         itself; `waypost compact` does it once.",
        "Message store";
    STORE_COMPACTRATE: u64 = "compactrate", Kind::integer(Unit::Bytes, 16 << 20, 64 << 10, 1 << 40),
        RestartAll,
        "how many bytes compaction copies in a second at most",
        "While messages come in it is a quarter of that, unless more space is wasted than \
         `store.compactpercent` allows.",
        "Message store";
    STORE_SCRUBDAYS: Duration = "scrubdays", Kind::integer(Unit::Days, 30, 0, 3_650), RestartAll,
        "in how many days every stored message is read and compared with its checksum",
        "Damage of the disk is then found while a backup still has the message; the store's log names it. 0 never reads          in the background; `waypost check` does it once.",
        "Message store";
    STORE_SCRUBRATE: u64 = "scrubrate", Kind::integer(Unit::Bytes, 4 << 20, 1 << 10, 1 << 40), RestartAll,
        "how many bytes are read in a second at most for `store.scrubdays`",
        "It is less when the days suffice, and waits while mail comes in.",
        "Message store";
    STORE_DEFAULTMAILBOXQUOTA: i64 = "defaultmailboxquota", Kind::integer(Unit::Bytes, -1, -1, i64::MAX), Refresh("all"),
        "the most bytes that a user without `mailQuota` may store",
        "-1 is no limit, 0 lets nothing be stored. It counts the messages of all folders.",
        "Quotas";
    STORE_DEFAULTMESSAGEQUOTA: i64 = "defaultmessagequota", Kind::integer(Unit::Count, -1, -1, i64::MAX), Refresh("all"),
        "the most messages that a user without `mailMsgQuota` may store",
        "-1 is no limit, 0 lets nothing be stored.",
        "Quotas";
    STORE_QUOTAENFORCEMENT: bool = "quotaenforcement", Kind::Switch { default: true }, Refresh("all"),
        "whether mail over a quota is refused",
        "When off, usage is still counted and shown, and nothing is refused.",
        "Quotas";
}
