//! NAMESPACE (RFC 2342): one personal namespace at the root.

use waypost_imap_wire::{NamespaceEntry, Writer};
use waypost_types::MailboxName;

/// Writes the NAMESPACE response.
pub(crate) fn write_namespace(out: &mut Vec<u8>) {
    let personal = NamespaceEntry { prefix: String::new(), separator: MailboxName::SEPARATOR };
    Writer::new(out).namespace([&[personal], &[], &[]]);
}
