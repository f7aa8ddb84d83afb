//! Options of the message store.

use super::options;
use crate::record::Applies::{RestartAll, RestartServer};
use crate::record::{Kind, Unit};
use std::path::PathBuf;
use std::time::Duration;

options! {
    group "store";

    STORE_PATH: PathBuf = "path", Kind::Path { default: "store" }, RestartServer,
        "the folder of the message store",
        "It must lie on a local disk.",
        "Message store";
    STORE_CLEANUPAGE: Duration = "cleanupage", Kind::integer(Unit::Hours, 1, 0, 8_760),
        RestartAll,
        "how long expunged messages stay on disk",
        "Until then a session that still shows them can read them. 0 removes them as soon as no session \
         shows them.",
        "Message store";
}
