//! Options of the logs: one group for each service, and `base.logfile` for the watcher and for whatever a
//! service does not set itself.

use crate::record::OptionRecord;

/// The end of the names of these groups.
const GROUP: &str = ".logfile";
/// The group that the others take their values from.
const COMMON: &str = "base.logfile";
/// How the older names of the common group begin, of which there were two.
const OLDER: [&str; 2] = ["logfile.admin.", "logfile.default."];

/// The option whose value counts when `record` is not set.
pub(crate) fn common(record: &OptionRecord) -> Option<&'static OptionRecord> {
    let is_of_service = record.group.ends_with(GROUP) && record.group != COMMON;
    let is_it = |common: &&OptionRecord| is_of_service && common.name == record.name;
    base::RECORDS.iter().copied().find(is_it)
}

/// Whether a name is the second of the older names of an option, by the first.
pub(crate) fn is_second_alias(alias: &str, name: &str) -> bool {
    let [first, second] = OLDER;
    let option = alias.strip_prefix(first);
    option.is_some() && option == name.strip_prefix(second)
}

/// Declares the options of one log. `$unset` says what counts while an option is not set.
macro_rules! logfile {
    ($module:ident, $group:literal, $older:literal, $applies:expr, $unset:literal) => {
        #[doc = concat!("The options of `", $group, "`.")]
        pub mod $module {
            use crate::groups::options;
            use crate::record::Applies::Refresh;
            use crate::record::{Kind, Unit};
            use std::path::PathBuf;
            use std::time::Duration;

            /// A terabyte: more than any log needs, and far below what a number holds.
            const BYTES_MAX: i64 = 1 << 40;
            /// Ten years.
            const SECONDS_MAX: i64 = 315_360_000;

            options! {
                group $group;

                LOGLEVEL: String = "loglevel" | concat!($older, "loglevel"),
                    Kind::Choice {
                        default: "Notice",
                        choices: &["Nolog", "Critical", "Error", "Warning", "Notice", "Information", "Debug"],
                    },
                    $applies,
                    "the least severe events that are logged",
                    concat!("Nolog logs nothing. Critical is the same as Error, Notice the same as \
                             Information.", $unset),
                    "Logs";
                LOGDIR: Option<PathBuf> = "logdir" | concat!($older, "logdir"),
                    Kind::Text { default: "log" }, $applies,
                    "the folder that the log is written in",
                    concat!("A relative path counts from the folder of the configuration; a folder that is missing is \
                             made. `-` is standard error.", $unset),
                    "Logs";
                MAXLOGFILESIZE: u64 = "maxlogfilesize" | concat!($older, "maxlogfilesize"),
                    Kind::integer(Unit::Bytes, 20 << 20, 0, BYTES_MAX), $applies,
                    "the size at which a file is put aside and another begun",
                    concat!("0 is any size.", $unset),
                    "Logs";
                ROLLOVERTIME: Duration = "rollovertime" | concat!($older, "rollovertime"),
                    Kind::integer(Unit::Seconds, 86_400, 0, SECONDS_MAX), $applies,
                    "the age at which a file is put aside and another begun",
                    concat!("0 is any age.", $unset),
                    "Logs";
                MAXLOGFILES: usize = "maxlogfiles" | concat!($older, "maxlogfiles"),
                    Kind::integer(Unit::Count, 10, 0, 10_000), $applies,
                    "how many files are kept, with the one that is written",
                    concat!("0 is any number.", $unset),
                    "Logs";
                MAXLOGSIZE: u64 = "maxlogsize" | concat!($older, "maxlogsize"),
                    Kind::integer(Unit::Bytes, 200 << 20, 0, BYTES_MAX), $applies,
                    "how large all files together may become before the oldest are deleted",
                    concat!("0 is any size.", $unset),
                    "Logs";
                MINFREEDISKSPACE: u64 = "minfreediskspace" | concat!($older, "minfreediskspace"),
                    Kind::integer(Unit::Bytes, 5 << 20, 0, BYTES_MAX), $applies,
                    "how much of the disk stays free: the oldest files are deleted for it",
                    concat!("The file that is written is never deleted. 0 deletes none.", $unset),
                    "Logs";
                EXPIRYTIME: Duration = "expirytime" | concat!($older, "expirytime"),
                    Kind::integer(Unit::Seconds, 604_800, 0, SECONDS_MAX), $applies,
                    "the age at which a file that was put aside is deleted",
                    concat!("0 is any age.", $unset),
                    "Logs";
                SYSLOGFACILITY: String = "syslogfacility" | concat!($older, "syslogfacility"),
                    Kind::Choice {
                        default: "none",
                        choices: &[
                            "user", "mail", "daemon", "local0", "local1", "local2", "local3", "local4",
                            "local5", "local6", "local7", "none",
                        ],
                    },
                    $applies,
                    "the facility of syslog that the log goes to",
                    concat!("With another value than none all lines go to syslog or the journal, and the \
                             options of files count for nothing; loglevel still does.", $unset),
                    "Logs";
            }
        }
    };
}

logfile!(base, "base.logfile", "logfile.admin.", Refresh("all"), "");
logfile!(
    store,
    "store.logfile",
    "logfile.store.",
    Refresh("all"),
    " Not set, it has the value of the same option of base.logfile."
);
logfile!(
    imap,
    "imap.logfile",
    "logfile.imap.",
    Refresh("imap"),
    " Not set, it has the value of the same option of base.logfile."
);
logfile!(
    pop,
    "pop.logfile",
    "logfile.pop.",
    Refresh("pop"),
    " Not set, it has the value of the same option of base.logfile."
);
logfile!(
    lmtp,
    "lmtp.logfile",
    "logfile.lmtp.",
    Refresh("lmtp"),
    " Not set, it has the value of the same option of base.logfile."
);

#[cfg(test)]
pub(crate) fn unreadable() -> Vec<String> {
    let all = [base::unreadable(), store::unreadable(), imap::unreadable(), pop::unreadable()];
    [all.concat(), lmtp::unreadable()].concat()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;
    use crate::{Config, changed, commands, find, registry};

    fn config(text: &str) -> Config {
        Config::from_str(text).unwrap()
    }

    #[test]
    fn a_service_has_its_own_value_or_that_of_all() {
        let config = config(
            "[base.logfile]\nloglevel = \"Error\"\nlogdir = \"/all\"\n[imap.logfile]\nloglevel = \"debug\"",
        );
        assert_eq!(config.read(&base::LOGLEVEL), "Error");
        assert_eq!(config.read(&imap::LOGLEVEL), "Debug");
        assert_eq!(config.read(&pop::LOGLEVEL), "Error");
        assert_eq!(config.read(&store::LOGDIR), Some("/all".into()));
        assert_eq!(config.read(&lmtp::ROLLOVERTIME).as_secs(), 86_400);
    }

    #[test]
    fn a_change_for_all_is_told_once() {
        let (before, after) = (config(""), config("base.logfile.maxlogfiles = 3"));
        let names: Vec<_> = changed(&before, &after).iter().map(|one| one.full_name()).collect();
        assert_eq!(names, ["base.logfile.maxlogfiles"]);
        assert_eq!(commands(&before, &after), ["refresh"]);
        let own = config("imap.logfile.maxlogfiles = 3");
        assert_eq!(commands(&before, &own), ["refresh imap"]);
    }

    #[test]
    fn older_names_are_known() {
        let full_name = |name| find(registry(), name).unwrap().full_name();
        assert_eq!(full_name("logfile.imap.loglevel"), "imap.logfile.loglevel");
        for older in ["logfile.admin.logdir", "logfile.default.logdir"] {
            assert_eq!(full_name(older), "base.logfile.logdir");
        }
        assert!(find(registry(), "logfile.default.port").is_err());
    }
}
