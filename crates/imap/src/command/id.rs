//! ID (RFC 2971): name and version; the host stays untold before login.

use crate::config::Config;
use waypost_imap_wire::Writer;

/// Writes the ID response.
pub(crate) fn write_id(out: &mut Vec<u8>, config: &Config) {
    Writer::new(out).id(&[("name", &config.product), ("version", &config.version)]);
}
