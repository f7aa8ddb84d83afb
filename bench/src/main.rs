//! Load generator and measurements for any IMAP, POP3 or LMTP server.
fn main() {}
