//! Options of the log.

use super::options;
use crate::record::Applies::{Refresh, RestartAll};
use crate::record::Kind;
use std::path::PathBuf;

options! {
    group "log";

    LOG_LEVEL: String = "level",
        Kind::Choice { default: "information", choices: &["error", "warning", "information", "debug"] },
        Refresh("all"),
        "the least severe events that are logged",
        "",
        "Logs";
    LOG_FILE: Option<PathBuf> = "file", Kind::Path { default: "-" }, RestartAll,
        "the file that the log goes to",
        "`-` is standard error.",
        "Logs";
}
