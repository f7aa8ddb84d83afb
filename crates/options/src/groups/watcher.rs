//! Options of the watcher, which starts and watches the other processes.

use super::options;
use crate::record::Applies::RestartServer;
use crate::record::{Kind, Unit};
use std::time::Duration;

options! {
    group "watcher";

    WATCHER_AUTORESTART: bool = "autorestart" | "local.autorestart", Kind::Switch { default: true }, RestartServer,
        "whether a process that ends by itself is started again",
        "",
        "Automatic restart";
    WATCHER_AUTORESTARTWINDOW: Duration = "autorestartwindow" | "local.autorestart.timeout",
        Kind::integer(Unit::Seconds, 600, 1, 86_400), RestartServer,
        "the time over which the ends of a process are counted",
        "",
        "Automatic restart";
    WATCHER_AUTORESTARTCOUNT: u32 = "autorestartcount", Kind::integer(Unit::Count, 10, 1, 1_000),
        RestartServer,
        "how often a process may end within the window before it is given up",
        "",
        "Automatic restart";
}
