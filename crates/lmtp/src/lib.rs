//! The LMTP service: local delivery with a reply per recipient.
