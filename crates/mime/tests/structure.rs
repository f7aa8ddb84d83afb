//! ENVELOPE, BODYSTRUCTURE, sections and texts of well-formed messages.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may unwrap")]

mod support;

use support::check;
use waypost_mime::{
    EightBit, Form, FormHead, FormSortKeys, FormThreadKeys, Part, Scanner, parse, part_text,
};

const NESTED: &str = "From: a@b\r\nSubject: outer\r\nMIME-Version: 1.0\r\n\
    Content-Type: multipart/mixed; boundary=out\r\n\r\npreamble\r\n\
    --out\r\n\r\none\r\n\r\n\
    --out\r\nContent-Type: application/pdf; name=\"a b.pdf\"\r\n\
    Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=a.pdf\r\n\
    Content-Language: en, de\r\nContent-ID: <i>\r\nContent-Description: d\r\n\
    Content-MD5: m==\r\nContent-Location: http://x/\r\n\r\nAAAA\r\n\
    --out\r\nContent-Type: message/rfc822\r\n\r\n\
    Subject: inner\r\nContent-Type: multipart/alternative; boundary=in\r\n\r\n\
    --in\r\nContent-Type: text/plain; charset=utf-8\r\n\r\ninner text\r\n\
    --in\r\nContent-Type: text/html\r\n\r\n<p>inner</p>\r\n--in--\r\n\
    --out\r\nContent-Type: message/rfc822\r\n\r\nSubject: leaf\r\n\r\nbody\r\n\
    --out--\r\nepilogue\r\n";

fn structure(message: &str) -> String {
    let form = check(message.as_bytes());
    String::from_utf8(form.bodystructure().into_owned()).unwrap()
}

fn body(message: &str) -> String {
    String::from_utf8(check(message.as_bytes()).body().into_owned()).unwrap()
}

fn bytes<'a>(message: &'a str, part: &Part) -> &'a str {
    &message[usize::try_from(part.body_start).unwrap()..usize::try_from(part.end).unwrap()]
}

#[test]
fn single_part_of_rfc_3501() {
    // The example of RFC 3501 section 8: 3,028 octets on 92 lines.
    let text = format!("{}{}\r\n", "x\r\n".repeat(91), "y".repeat(3_028 - 91 * 3 - 2));
    let message = format!(
        "Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\
        Content-Transfer-Encoding: 7BIT\r\n\r\n{text}"
    );
    let expected = "(\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 3028 92)";
    assert_eq!(body(&message), expected);
}

#[test]
fn two_parts_of_rfc_3501() {
    // The example of RFC 3501 section 7.4.2.
    let first = format!("{}{}\r\n", "x\r\n".repeat(22), "y".repeat(1_152 - 22 * 3 - 2));
    let second = format!("{}{}\r\n", "x\r\n".repeat(72), "y".repeat(4_554 - 72 * 3 - 2));
    let message = format!(
        "Content-Type: MULTIPART/MIXED; BOUNDARY=b\r\n\r\n\
        --b\r\nContent-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\nContent-Transfer-Encoding: 7BIT\r\n\r\n{first}\r\n\
        --b\r\nContent-Type: TEXT/PLAIN; CHARSET=US-ASCII; NAME=\"cc.diff\"\r\n\
        Content-ID: <960723163407.20117h@cac.washington.edu>\r\n\
        Content-Description: Compiler diff\r\nContent-Transfer-Encoding: BASE64\r\n\r\n{second}\r\n--b--\r\n"
    );
    let expected = "((\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 1152 23)\
        (\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\" \"NAME\" \"cc.diff\") \
        \"<960723163407.20117h@cac.washington.edu>\" \"Compiler diff\" \
        \"BASE64\" 4554 73) \"MIXED\")";
    assert_eq!(body(&message), expected);
}

#[test]
fn missing_type_is_ascii_text() {
    let expected =
        "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 4 1 NIL NIL NIL NIL)";
    assert_eq!(structure("Subject: x\r\n\r\nab\r\n"), expected);
}

#[test]
fn extension_data_of_parts_and_multiparts() {
    let text = structure(NESTED);
    assert!(text.contains(
        "(\"application\" \"pdf\" (\"name\" \"a b.pdf\") \"<i>\" \"d\" \"base64\" 4 \"m==\" \
         (\"attachment\" (\"filename\" \"a.pdf\")) (\"en\" \"de\") \"http://x/\")"
    ));
    assert!(text.ends_with(" \"mixed\" (\"boundary\" \"out\") NIL NIL NIL)"), "{text}");
}

#[test]
fn embedded_message_has_envelope_body_and_lines() {
    let text = body(NESTED);
    let inner = "(NIL \"leaf\" NIL NIL NIL NIL NIL NIL NIL NIL) \
        (\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 4 0) 2)";
    assert!(text.contains(inner), "{text}");
}

#[test]
fn sections_follow_rfc_3501() {
    let form = parse(NESTED.as_bytes()).form;
    let at = |path: &[u32]| form.section(path).map(|p| bytes(NESTED, p));
    assert_eq!(at(&[1]), Some("one\r\n"));
    assert_eq!(at(&[2]), Some("AAAA"));
    assert_eq!(at(&[3, 1]), Some("inner text"));
    assert_eq!(at(&[3, 2]), Some("<p>inner</p>"));
    assert_eq!(at(&[4]), Some("Subject: leaf\r\n\r\nbody"));
    assert_eq!(at(&[4, 1]), Some("body"));
    for path in [&[0][..], &[5], &[1, 1], &[3, 3], &[4, 2], &[4, 1, 1], &[u32::MAX]] {
        assert_eq!(at(path), None, "{path:?}");
    }
    let embedded = form.embedded(form.section(&[4]).unwrap()).unwrap();
    assert_eq!(bytes(NESTED, embedded), "body");
    let start = usize::try_from(embedded.header_start).unwrap();
    assert!(NESTED[start..].starts_with("Subject: leaf"));
    assert!(form.embedded(form.section(&[1]).unwrap()).is_none());
}

#[test]
fn digest_parts_are_messages() {
    let message = "Content-Type: multipart/digest; boundary=d\n\n--d\n\nSubject: x\n\nhi\n\n\
        --d\nContent-Type: text/plain\n\nplain\n--d--\n";
    let form = check(message.as_bytes());
    assert_eq!(form.section(&[1]).unwrap().media, "message/rfc822");
    assert_eq!(bytes(message, form.section(&[1, 1]).unwrap()), "hi\n");
    assert!(form.section(&[2]).unwrap().is_text());
}

#[test]
fn texts_for_search_and_sort() {
    let message = "Message-ID: <m@x>\r\nIn-Reply-To: <r2@x>\r\nReferences: <r1@x>\r\n <r2@x>\r\n\
        Date: Thu, 1 Jan 1970 01:00:00 +0100\r\nSubject: Re: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\
        From: =?iso-8859-1?q?J=F6rg?= <JOERG@x>\r\nTo: list: b@c;\r\nCc: D@e, f@g\r\n\r\nHello\r\nyou\r\n";
    let parsed = parse(message.as_bytes());
    assert_eq!(parsed.message_id.as_deref(), Some("m@x"));
    assert_eq!(parsed.references, ["r2@x", "r1@x"]);
    assert_eq!(parsed.sent_date.unwrap().seconds, 0);
    let form = parsed.form;
    assert_eq!(form.references, ["r1@x", "r2@x"]);
    assert_eq!((form.subject.as_str(), form.base_subject.as_str()), ("Re: Grüße", "grüsse"));
    assert_eq!(form.from, "Jörg <JOERG@x>");
    assert_eq!((&*form.sort_from, &*form.sort_to, &*form.sort_cc), ("joerg", "list", "d"));
    assert_eq!((form.preview.as_str(), form.lines), ("Hello you", 12));
    assert!(!form.utf8 && !form.cut);
}

#[test]
fn preview_prefers_plain_text_of_the_message_itself() {
    assert_eq!(parse(NESTED.as_bytes()).form.preview, "one");
    let html = "Content-Type: multipart/alternative; boundary=b\n\n--b\n\n \n\
        --b\nContent-Type: text/html\n\n<style>p{}</style><p>a &amp;\nb</p>\n--b--\n";
    assert_eq!(parse(html.as_bytes()).form.preview, "a & b");
    let attached = "Content-Disposition: attachment\n\nnot shown";
    assert_eq!(parse(attached.as_bytes()).form.preview, "");
}

#[test]
fn part_text_is_decoded() {
    let message = "Content-Type: text/plain; charset=iso-8859-1\n\
        Content-Transfer-Encoding: quoted-printable\n\nGr=FC=\n=DFe";
    let form = parse(message.as_bytes()).form;
    let part = form.section(&[1]).unwrap();
    assert_eq!(part_text(part, bytes(message, part).as_bytes()), "Grüße");
}

#[test]
fn raw_eight_bit_is_safe_and_told() {
    let message = "Subject: Grüße\nFrom: Jörg <j@x>\nContent-Type: a/b; name=\"ü\"\n\n";
    let form = check(message.as_bytes());
    assert!(form.utf8);
    assert_eq!(form.subject, "Grüße");
    assert!(form.envelope().starts_with(b"(NIL \"=?UTF-8?B?R3LDvMOfZQ==?=\""));
    let mut scanner = Scanner::with_eight_bit(EightBit::Keep);
    scanner.push(message.as_bytes());
    let kept = scanner.finish().form;
    assert!(kept.envelope().starts_with("(NIL \"Grüße\" ((\"Jörg\"".as_bytes()));
}

#[test]
fn stored_form_is_small_and_versioned() {
    let message = format!(
        "Message-ID: <{id}>\r\nIn-Reply-To: <{id}>\r\nReferences: <{id}> <{id}>\r\n\
         Date: Thu, 1 Jan 2026 01:00:00 +0100\r\nSubject: Minutes of the meeting\r\n\
         From: Somebody Important <somebody@example.com>\r\n\
         To: {to}\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n\
         --b\r\n\r\n{text}\r\n--b\r\nContent-Type: text/html\r\n\r\n{text}\r\n--b--\r\n",
        id = "5f0c1e72-3b7a-4b8e-9f0a-1c2d3e4f5a6b@mail.example.com",
        to = ["Some Other Person <other@example.com>"; 4].join(", "),
        text = "Some words of a mail that goes on and on.\r\n".repeat(120),
    );
    assert!((9_000..12_000).contains(&message.len()));
    let form = check(message.as_bytes());
    let mut encoded = form.encode();
    assert!(encoded.len() < 1_100, "{}", encoded.len());
    let head = FormHead::decode(&encoded).unwrap();
    assert_eq!((&*head.subject(), head.cut()), ("Minutes of the meeting", false));
    assert_eq!((&*head.from(), &*head.to()), (&*form.from, &*form.to));
    let (mut envelope, mut structure) = (Vec::new(), Vec::new());
    head.put_envelope(&mut envelope);
    head.put_bodystructure(&mut structure);
    assert_eq!((&*envelope, &*structure), (form.envelope(), &*form.bodystructure()));
    assert_eq!(head.body(), *form.body());
    assert_ne!(head.body(), structure);
    assert_eq!(head.display_from(), "Somebody Important");
    let keys = FormThreadKeys::decode(&encoded).unwrap();
    assert_eq!(keys.keys.head, head);
    assert_eq!(FormSortKeys::decode(&encoded).as_ref(), Some(&keys.keys));
    let sort = &keys.keys;
    let sort_keys = (&*sort.sort_from(), &*sort.sort_to(), &*sort.sort_cc());
    assert_eq!(sort_keys, ("somebody", "other", ""));
    // The form has it in small letters; what is compared for order sees no difference.
    assert_eq!(sort.base_subject(), "Minutes of the meeting");
    assert_eq!(form.base_subject, "minutes of the meeting");
    assert_eq!(keys.message_id().as_deref(), form.message_id.as_deref());
    assert_eq!(keys.references(), form.references);
    assert_eq!(FormHead::decode(&encoded[..40]), None);
    assert_eq!(Form::decode(&[]), None);
    assert_eq!(Form::decode(&encoded[..encoded.len() - 1]), None);
    encoded[0] = Form::VERSION.wrapping_add(1);
    assert_eq!(Form::decode(&encoded), None);
    assert_eq!(FormHead::decode(&encoded), None);
}
