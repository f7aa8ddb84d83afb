//! The IMAP service: one file per command, a command table, states as types.
