//! What must hold for the form of any message; shared by the tests and the fuzz target.
#![allow(dead_code, reason = "each test program uses a part")]

use waypost_mime::{Form, Parsed, PartKind, Scanner, limits, parse};

/// One IMAP value of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Nil,
    Number(u64),
    String(Vec<u8>),
    List(Vec<Self>),
}

/// Parses the message whole and in chunks of the given sizes, repeated; both must agree.
pub(crate) fn parse_in_chunks(message: &[u8], sizes: &[usize]) -> Parsed {
    let mut scanner = Scanner::new();
    let mut rest = message;
    for size in sizes.iter().cycle() {
        if rest.is_empty() || sizes.iter().all(|s| *s == 0) {
            break;
        }
        let (chunk, tail) = rest.split_at((*size).min(rest.len()));
        scanner.push(chunk);
        rest = tail;
    }
    scanner.push(rest);
    let chunked = scanner.finish();
    assert_eq!(chunked, parse(message), "chunks {sizes:?} change the result");
    chunked
}

/// Checks everything that no message may break.
pub(crate) fn check(message: &[u8]) -> Form {
    let form = parse(message).form;
    check_offsets(&form, message.len() as u64);
    check_sections(&form);
    check_texts(&form);
    let encoded = form.encode();
    assert_eq!(encoded.first(), Some(&Form::VERSION));
    assert_eq!(Form::decode(&encoded).as_ref(), Some(&form));
    form
}

fn check_offsets(form: &Form, size: u64) {
    assert_eq!(form.size, size);
    assert!(form.parts.len() <= limits::PARTS_MAX + limits::DEPTH_MAX);
    let root = &form.parts[0];
    assert_eq!((root.header_start, root.end, root.parent), (0, size, 0));
    assert_eq!(root.body_start, form.header_len);
    for (index, part) in form.parts.iter().enumerate() {
        assert_eq!(usize::from(part.index), index);
        assert!(part.header_start <= part.body_start && part.body_start <= part.end);
        let parent = &form.parts[usize::from(part.parent)];
        assert!(index == 0 || part.parent < part.index);
        assert!(index == 0 || parent.kind != PartKind::Leaf);
        assert!(index == 0 || parent.body_start <= part.header_start);
        assert!(part.end <= parent.end, "{part:?} in {parent:?}");
        let children = form.parts.iter().filter(|p| p.parent == part.index && p.index > part.index);
        let ends: Vec<_> = children.map(|c| (c.header_start, c.end)).collect();
        assert!(ends.is_sorted(), "children overlap: {ends:?}");
        match part.kind {
            PartKind::Leaf => assert!(ends.is_empty()),
            PartKind::Message => assert_eq!(ends.len(), 1),
            PartKind::Multipart => assert!(!ends.is_empty()),
        }
    }
}

/// Every part but the message itself and embedded multiparts has a section number.
fn check_sections(form: &Form) {
    assert_eq!(form.section(&[]), form.parts.first());
    assert_eq!(form.section(&[0]), None);
    let mut found = 0;
    let mut paths = vec![vec![]];
    while let Some(path) = paths.pop() {
        for number in 1.. {
            let path: Vec<u32> = path.iter().copied().chain([number]).collect();
            let Some(part) = form.section(&path) else { break };
            found += 1;
            if part.kind != PartKind::Leaf && !(path.len() > 1 && part.index == 0) {
                paths.push(path);
            }
            assert!(found <= 2 * form.parts.len(), "sections repeat");
        }
    }
    assert!(found >= form.parts.iter().filter(|p| p.kind == PartKind::Leaf).count());
}

fn check_texts(form: &Form) {
    let Value::List(envelope) = value(form.envelope()) else { panic!("envelope is no list") };
    assert_eq!(envelope.len(), 10);
    let structure = value(&form.bodystructure());
    let body = value(&form.body());
    assert_eq!(without_extensions(&structure), body);
    assert!(form.envelope().is_ascii() && form.bodystructure().is_ascii());
    assert!(form.preview.chars().count() <= limits::PREVIEW_CHARS_MAX);
    assert!(form.subject.len() <= limits::TEXT_BYTES_MAX);
}

/// BODY as it should follow from BODYSTRUCTURE.
fn without_extensions(structure: &Value) -> Value {
    let Value::List(items) = structure else { panic!("body is no list") };
    if let Some(Value::List(_)) = items.first() {
        let children = items.iter().take_while(|i| matches!(i, Value::List(_)));
        let mut kept: Vec<Value> = children.map(without_extensions).collect();
        let subtype = &items[kept.len()];
        assert_eq!(items.len(), kept.len() + 5, "multipart extension data");
        kept.push(subtype.clone());
        return Value::List(kept);
    }
    let named = |at: usize, name: &[u8]| match &items[at] {
        Value::String(text) => text.eq_ignore_ascii_case(name),
        _ => panic!("type is no string"),
    };
    let length = match (named(0, b"text"), named(0, b"message") && named(1, b"rfc822")) {
        (true, _) => 8,
        (_, true) => 10,
        _ => 7,
    };
    assert_eq!(items.len(), length + 4, "part extension data");
    let mut kept = items[..length].to_vec();
    if length == 10 {
        kept[8] = without_extensions(&kept[8]);
    }
    Value::List(kept)
}

/// Reads one value that must fill the text.
pub(crate) fn value(text: &[u8]) -> Value {
    let (value, rest) = read(text);
    assert!(rest.is_empty(), "left over: {:?}", String::from_utf8_lossy(rest));
    value
}

fn read(text: &[u8]) -> (Value, &[u8]) {
    match text.first().expect("value expected") {
        b'(' => read_list(&text[1..]),
        b'"' => read_quoted(&text[1..]),
        b'{' => read_literal(&text[1..]),
        b'N' => (Value::Nil, text.strip_prefix(b"NIL").expect("NIL")),
        _ => {
            let end = text.iter().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
            let digits = std::str::from_utf8(&text[..end]).expect("digits");
            (Value::Number(digits.parse().expect("number")), &text[end..])
        }
    }
}

fn read_list(mut text: &[u8]) -> (Value, &[u8]) {
    let mut items = Vec::new();
    loop {
        let (item, rest) = read(text);
        items.push(item);
        match rest.first().expect("list is closed") {
            b')' => return (Value::List(items), &rest[1..]),
            b' ' => text = &rest[1..],
            // Addresses and bodies follow each other without a space.
            b'(' => text = rest,
            other => panic!("{:?} in a list", char::from(*other)),
        }
    }
}

fn read_quoted(text: &[u8]) -> (Value, &[u8]) {
    let mut out = Vec::new();
    let mut bytes = text.iter();
    loop {
        match bytes.next().expect("string is closed") {
            b'"' => return (Value::String(out), bytes.as_slice()),
            b'\\' => out.extend(bytes.next().filter(|b| matches!(b, b'"' | b'\\'))),
            byte => {
                assert!(!matches!(byte, 0 | b'\r' | b'\n'), "control character in a string");
                out.push(*byte);
            }
        }
    }
}

fn read_literal(text: &[u8]) -> (Value, &[u8]) {
    let end = text.iter().position(|b| *b == b'}').expect("literal length");
    let length: usize = std::str::from_utf8(&text[..end]).expect("digits").parse().expect("length");
    let rest = text[end + 1..].strip_prefix(b"\r\n").expect("line end behind a literal length");
    let (literal, rest) = rest.split_at(length);
    assert!(!literal.contains(&0), "NUL in a literal");
    (Value::String(literal.to_vec()), rest)
}
