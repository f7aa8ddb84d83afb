//! What must hold for the text functions; shared by the tests and the fuzz target.

use waypost_mime::{
    base_subject, decode_header_text, fold_case, header_fields, parse_date, select_fields,
};

/// Reads any bytes as a header and as the value of a field.
pub(crate) fn check(input: &[u8]) {
    let text = decode_header_text(input);
    assert!(!text.contains(['\r', '\n', '\0']), "{text:?}");
    let base = base_subject(&text).text;
    assert_eq!(base_subject(&base).text, base, "of {text:?}");
    let folded = fold_case(&text);
    assert_eq!(fold_case(&folded), folded, "of {text:?}");
    let _ = parse_date(&String::from_utf8_lossy(input));
    let fields: Vec<_> = header_fields(input).collect();
    let raw: Vec<u8> = fields.iter().flat_map(|(_, raw)| *raw).copied().collect();
    assert!(input.starts_with(&raw));
    let names: Vec<&[u8]> = fields.iter().map(|(name, _)| *name).take(3).collect();
    let (some, others) = (select_fields(input, &names, false), select_fields(input, &names, true));
    assert!(some.ends_with(b"\r\n") && others.ends_with(b"\r\n"));
    assert!(some.len() + others.len() >= raw.len());
}
