//! The POP3 service: one file per command group, a snapshot per session.
