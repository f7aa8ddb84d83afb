//! Finding and reading the configuration file.

use crate::failure::{Context, Failure};
use std::path::{Path, PathBuf};
use waypost_options::Config;

/// The demo's configuration, for the tools beside it.
const DEMO_FILE: &str = "var/config.toml";
/// The configuration of an installed server.
const SYSTEM_FILE: &str = "/etc/waypost/config.toml";

/// The configuration file: what was asked for, else the first that exists. Absolute, because it is
/// handed to other processes.
pub(crate) fn find(asked: Option<&Path>) -> Result<PathBuf, Failure> {
    let found = match asked {
        Some(path) => path.to_owned(),
        None => [DEMO_FILE, SYSTEM_FILE]
            .map(PathBuf::from)
            .into_iter()
            .find(|p| p.exists())
            .ok_or_else(|| {
                Failure::usage(format!(
                    "no configuration: neither ./{DEMO_FILE} nor {SYSTEM_FILE} exists; name one \
                     with --config FILE, or try `waypost demo`"
                ))
            })?,
    };
    std::path::absolute(&found).context(found.display())
}

/// Reads and checks it.
pub(crate) fn load(file: &Path) -> Result<Config, Failure> {
    Config::load(file).map_err(Failure::usage)
}
