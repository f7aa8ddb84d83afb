//! What the watcher hands to its processes: the settings they work with.
//!
//! So one process reads the configuration and its secrets, and all that are started or refreshed
//! together work with the same. A process cannot read either file.

use crate::failure::Failure;
use waypost_options::Config;
use waypost_types::Secret;

/// The settings as bytes for a process.
pub(crate) fn pack(config: &Config) -> Secret<Vec<u8>> {
    Secret::new(config.to_wire().expose().clone().into_bytes())
}

/// The settings from the watcher's bytes.
pub(crate) fn unpack(bytes: &Secret<Vec<u8>>) -> Result<Config, Failure> {
    let text = std::str::from_utf8(bytes.expose()).map_err(Failure::usage)?;
    Config::from_wire(text).map_err(Failure::usage)
}
