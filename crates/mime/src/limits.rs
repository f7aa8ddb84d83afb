//! Every limit of this crate, with its unit and its reason.

/// Entities open inside one another; a multipart or message any deeper is shown as a leaf.
pub const DEPTH_MAX: usize = 64;
/// Parts of one message; what follows the last is left inside its parent, unlisted.
pub const PARTS_MAX: usize = 1_000;
/// Bytes of one line that are looked at; the rest only counts towards offsets and sizes.
pub const LINE_KEPT_MAX: usize = 64 * 1024;
/// Bytes of one part's header that are looked at.
pub const HEADER_BYTES_MAX: usize = 256 * 1024;
/// Header fields of one part that are looked at.
pub const HEADER_FIELDS_MAX: usize = 2_000;
/// Bytes of one unfolded header field value.
pub const FIELD_BYTES_MAX: usize = 64 * 1024;
/// Bytes of header values and envelopes kept for one whole message, so that memory does not follow its size.
pub const RETAINED_BYTES_MAX: usize = 1024 * 1024;
/// Addresses (and group marks) of one header field.
pub const ADDRESSES_MAX: usize = 4_000;
/// Bytes looked at for the `>` that ends an address; without one it ends at the next comma.
pub const ANGLE_BYTES_MAX: usize = 4 * 1024;
/// Bytes looked at in vain for such a `>` in one header field; then only the plain reading is tried,
/// so that a field of many `<` costs no more than its length.
pub const ANGLE_VAIN_BYTES_MAX: usize = 64 * 1024;
/// Bytes of one encoded word; RFC 2047 allows 75, senders do not always split.
pub const ENCODED_WORD_BYTES_MAX: usize = 4 * 1024;
/// Bytes looked at in vain for the end of an encoded word in one header field; then the rest is plain
/// text, so that a field of many beginnings costs no more than its length.
pub const ENCODED_WORD_VAIN_BYTES_MAX: usize = 256 * 1024;
/// Comments nested in an address or date.
pub const COMMENT_DEPTH_MAX: usize = 16;
/// Parameters of one Content-Type or Content-Disposition field.
pub const PARAMETERS_MAX: usize = 100;
/// Tags of one Content-Language field.
pub const LANGUAGES_MAX: usize = 50;
/// Bytes of a boundary; RFC 2046 allows 70, senders do not always count.
pub const BOUNDARY_BYTES_MAX: usize = 256;
/// Bytes of one message id; a line of RFC 5322 holds 998.
pub const MESSAGE_ID_BYTES_MAX: usize = 998;
/// Message ids kept for threading.
pub const REFERENCES_MAX: usize = 20;
/// Bytes of one decoded header text in a form.
pub const TEXT_BYTES_MAX: usize = 8 * 1024;
/// Bytes of the sort keys taken from an address.
pub const SORT_KEY_BYTES_MAX: usize = 128;
/// Encoded bytes of the first text/plain part kept for the preview.
pub const PREVIEW_PLAIN_BYTES_MAX: usize = 4 * 1024;
/// Encoded bytes of the first text/html part kept for the preview; style sheets come first.
pub const PREVIEW_HTML_BYTES_MAX: usize = 16 * 1024;
/// Characters of a preview (RFC 8970 section 3.3: 200 recommended, 256 allowed).
pub const PREVIEW_CHARS_MAX: usize = 200;
/// Encoded bytes of one part that are decoded for SEARCH.
pub const PART_TEXT_BYTES_MAX: usize = 4 * 1024 * 1024;

const _: () = assert!(BOUNDARY_BYTES_MAX < LINE_KEPT_MAX);
const _: () = assert!(FIELD_BYTES_MAX <= HEADER_BYTES_MAX);
const _: () = assert!(PARTS_MAX + DEPTH_MAX < u16::MAX as usize);
const _: () = assert!(PREVIEW_CHARS_MAX <= 256);
