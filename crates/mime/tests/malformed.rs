//! Messages no standard allows: the best structure, never a failure.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may unwrap")]

mod support;

use support::{check, parse_in_chunks};
use waypost_mime::{Form, limits};

fn part<'a>(form: &Form, message: &'a [u8], path: &[u32]) -> Option<&'a [u8]> {
    let part = form.section(path)?;
    message.get(usize::try_from(part.body_start).unwrap()..usize::try_from(part.end).unwrap())
}

#[track_caller]
fn expect_parts(message: &str, expected: &[(&[u32], Option<&str>)]) -> Form {
    let form = check(message.as_bytes());
    for (path, text) in expected {
        let found = part(&form, message.as_bytes(), path).map(String::from_utf8_lossy);
        assert_eq!(found.as_deref(), *text, "{path:?}");
    }
    form
}

#[test]
fn nothing_at_all() {
    for message in ["", "\n", "\r\n", "\r", "\0", ":", "a", "a:", "--", "\n\n"] {
        let form = check(message.as_bytes());
        assert_eq!(form.parts.len(), 1);
        assert_eq!(form.section(&[1]), form.parts.first());
    }
}

#[test]
fn header_without_blank_line() {
    let form = expect_parts("Subject: x\r\nTo: y@z", &[(&[1], Some(""))]);
    assert_eq!((form.subject.as_str(), form.header_len), ("x", 19));
}

#[test]
fn lines_without_colon_are_passed_over() {
    let form =
        expect_parts("From me Fri 10:00\nnonsense\n more\nSubject: x\n\nb", &[(&[1], Some("b"))]);
    assert_eq!(form.subject, "x");
}

#[test]
fn unterminated_multipart_ends_with_the_message() {
    let message = "Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\n\ntwo\n";
    expect_parts(message, &[(&[1], Some("one")), (&[2], Some("two\n")), (&[3], None)]);
}

#[test]
fn inner_multipart_is_ended_by_the_outer_boundary() {
    let message = "Content-Type: multipart/mixed; boundary=o\n\n\
        --o\nContent-Type: multipart/mixed; boundary=i\n\n--i\n\ninner\n--o\n\nouter\n--o--\n";
    expect_parts(message, &[(&[1, 1], Some("inner")), (&[2], Some("outer"))]);
}

#[test]
fn boundary_that_begins_like_another() {
    let message = "Content-Type: multipart/mixed; boundary=ab\n\n\
        --ab\nContent-Type: multipart/mixed; boundary=abc\n\n--abc\n\none\n--abc--\n\
        --ab \t\n\ntwo\n--ab-\n--ab--x\n--abcd\n--ab--\n";
    let two = "two\n--ab-\n--ab--x\n--abcd";
    expect_parts(message, &[(&[1, 1], Some("one")), (&[2], Some(two)), (&[3], None)]);
}

#[test]
fn multipart_without_boundary_shows_its_text() {
    for kind in ["multipart/mixed", "multipart/mixed; boundary=", "multipart/mixed; boundary=never"]
    {
        let message = format!("Content-Type: {kind}\n\nsome text\n");
        let form = expect_parts(&message, &[(&[1], Some("some text\n")), (&[2], None)]);
        assert!(form.parts[0].is_multipart() && form.parts[1].is_text());
    }
}

#[test]
fn boundary_inside_a_header() {
    let message = "Content-Type: multipart/mixed; boundary=b\n\n\
        --b\nContent-Type: text/html\n--b\nContent-Type: message/rfc822\n--b\n\nthree\n--b--\n";
    let form = expect_parts(message, &[(&[1], Some("")), (&[2], Some("")), (&[3], Some("three"))]);
    assert_eq!(form.section(&[1]).unwrap().media, "text/html");
    assert!(form.section(&[2]).unwrap().is_message());
}

#[test]
fn empty_parts() {
    let message =
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n--b\r\n\r\n\r\n--b--";
    expect_parts(message, &[(&[1], Some("")), (&[2], Some("")), (&[3], None)]);
}

#[test]
fn mixed_line_ends_and_bare_returns() {
    let message = "Subject: a\rb\nContent-Type: multipart/mixed; boundary=b\r\n\n--b\n\r\none\r\n--b\r\n\ntwo\rx\n--b--\r\n";
    let form = expect_parts(message, &[(&[1], Some("one")), (&[2], Some("two\rx"))]);
    assert!(form.envelope().starts_with(b"(NIL {3}\r\na\rb "));
}

#[test]
fn folded_boundary() {
    let message = "Content-Type: multipart/mixed; boundary=\"foo\n bar\"\n\n--foo bar\n\nhello\n\n--foo bar--\n";
    expect_parts(message, &[(&[1], Some("hello\n"))]);
}

#[test]
fn zero_bytes_and_broken_charsets() {
    let message = b"Subject: a\0b \xff\xfe\nContent-Type: text/\0; charset=\xff\n\nx\0y\xff";
    let form = check(message);
    assert!(form.utf8);
    assert!(!form.envelope().contains(&0));
}

#[test]
fn nesting_stops_at_the_limit() {
    let mut message = String::new();
    for depth in 0..limits::DEPTH_MAX * 2 {
        message += &format!("Content-Type: multipart/mixed; boundary=b{depth}\n\n--b{depth}\n");
    }
    let form = check(message.as_bytes());
    assert_eq!(form.parts.len(), limits::DEPTH_MAX);
    assert!(form.cut);
    let last = form.parts.last().unwrap();
    assert_eq!((last.media.as_str(), last.is_multipart()), ("application/octet-stream", false));
    let messages = "Content-Type: message/rfc822\n\n".repeat(limits::DEPTH_MAX * 2);
    assert_eq!(check(messages.as_bytes()).parts.len(), limits::DEPTH_MAX);
}

#[test]
fn parts_stop_at_the_limit() {
    let message =
        format!("Content-Type: multipart/mixed; boundary=b\n\n{}", "--b\n\nx\n".repeat(5_000));
    let form = check(message.as_bytes());
    assert_eq!(form.parts.len(), limits::PARTS_MAX);
    assert!(form.cut);
    let digest = format!(
        "Content-Type: multipart/digest; boundary=b\n\n{}",
        "--b\n\nA: b\n\nx\n".repeat(5_000)
    );
    assert!(check(digest.as_bytes()).parts.len() <= limits::PARTS_MAX + 1);
}

#[test]
fn long_headers_are_cut() {
    let endless = format!("Subject: {}\nTo: a@b\n\nbody", "x".repeat(limits::LINE_KEPT_MAX));
    let form = check(endless.as_bytes());
    assert!(form.cut && form.subject.is_empty());
    assert_eq!(form.to, "a@b");
    let fields = format!("{}Subject: late\n\nb", "X: y\n".repeat(limits::HEADER_FIELDS_MAX));
    let form = check(fields.as_bytes());
    assert!(form.cut && form.subject.is_empty());
    let folded = format!("To: a@b\n{}\nSubject: s\n\nb", " , c@d\n".repeat(20_000).trim_end());
    let form = check(folded.as_bytes());
    assert!(form.cut && form.to.starts_with("a@b"));
    assert_eq!(form.subject, "s");
}

#[test]
fn many_embedded_headers_stay_bounded() {
    let header = format!("To: {}\nContent-Type: message/rfc822\n\n", "a,".repeat(30_000));
    let message = header.repeat(60);
    let form = check(message.as_bytes());
    assert!(form.cut);
    assert!(form.encode().len() < 4 * limits::RETAINED_BYTES_MAX);
}

#[test]
fn hostile_values_take_little_time() {
    let start = std::time::Instant::now();
    for piece in ["<,", "<\"", "=?x?q? ", "(", "\"", "[a]", "re: ", "[fwd:", "\\", "a:;", "@", "&#"]
    {
        let value = piece.repeat(60_000 / piece.len());
        check(
            format!("Subject: {value}\nFrom: {value}\nTo: {value}\nDate: {value}\n\n<{value}")
                .as_bytes(),
        );
        check(
            format!("Content-Type: text/html; {value}\nReferences: {value}\n\n<{value}").as_bytes(),
        );
    }
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

#[test]
fn long_lines_in_chunks() {
    let long = "y".repeat(limits::LINE_KEPT_MAX + 10);
    for message in [
        format!("A: b\n\n{long}\r\nz\r\n"),
        format!("A: {long}\r\nSubject: x\r\n\r\n{long}"),
        format!(
            "Content-Type: multipart/mixed; boundary=b\n\n--b{}x\n--b\n\n1\n--b--{long}\r\n--b--",
            " ".repeat(70_000)
        ),
    ] {
        for sizes in [&[1][..], &[7], &[65_535, 1], &[4_096]] {
            parse_in_chunks(message.as_bytes(), sizes);
        }
        check(message.as_bytes());
    }
}

/// Charsets with states, with pairs, and of one byte; and one that does not exist.
const CHARSETS: [&str; 14] = [
    "utf-7",
    "utf-16",
    "utf-16le",
    "utf-16be",
    "iso-2022-jp",
    "iso-2022-kr",
    "hz-gb-2312",
    "gb18030",
    "big5",
    "euc-jp",
    "shift_jis",
    "koi8-r",
    "iso-8859-8-i",
    "x-none",
];

#[test]
fn no_charset_fails_on_any_bytes() {
    // Marks of shifts and pairs among bytes of all kinds, from a generator of fixed seed.
    let marks = b"+-&$B(J~{}\x1b\x0e\x0f\xff";
    let mut state = 1_u32;
    let mut random = |below: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        usize::try_from(state >> 16).unwrap() % below
    };
    for round in 0..2_000 {
        let length = random(24);
        let bytes: Vec<u8> = (0..length)
            .map(|_| match random(2) {
                0 => marks[random(marks.len())],
                _ => u8::try_from(random(256)).unwrap(),
            })
            .collect();
        let text: String = bytes.iter().map(|byte| format!("={byte:02X}")).collect();
        let charset = CHARSETS[round % CHARSETS.len()];
        check(format!("Subject: =?{charset}?q?{text}?=\r\n\r\n").as_bytes());
    }
}
