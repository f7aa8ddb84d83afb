//! The embedded message store engine and its single writer.
