//! The decoder's turn-taking: literals, appended messages, refusals, limits, any chunking.
#![allow(clippy::unwrap_used, reason = "tests may unwrap")]

mod support;

use bytes::BytesMut;
use proptest::prelude::*;
use support::frames;
use waypost_imap_wire::{Command, Decoder, Frame, Limits, Refusal, ResponseCode, Status};

fn user() -> (Decoder, BytesMut) {
    (Decoder::new(Limits::USER), BytesMut::new())
}

fn refusal(frame: Frame) -> Refusal {
    match frame {
        Frame::Refused(refusal) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

fn assert_next_is_noop(decoder: &mut Decoder, input: &mut BytesMut) {
    input.extend_from_slice(b"z NOOP\r\n");
    let frame = decoder.next(input);
    let Frame::Command(tagged) = frame else { panic!("not a command: {frame:?}") };
    assert_eq!(tagged.tag.as_str(), "z");
    assert!(matches!(tagged.command, Command::Noop));
    assert!(matches!(decoder.next(input), Frame::NeedInput));
    assert!(input.is_empty() && decoder.is_idle());
}

#[test]
fn a_synchronising_literal_gives_the_turn_to_the_server() {
    let (mut decoder, mut input) = user();
    input.extend_from_slice(b"A001 LOGIN {11}\r\n");
    assert!(matches!(decoder.next(&mut input), Frame::Continue));
    assert!(matches!(decoder.next(&mut input), Frame::NeedInput));
    assert!(!decoder.is_idle());
    input.extend_from_slice(b"FRED FOOBAR {7}\r\n");
    assert!(matches!(decoder.next(&mut input), Frame::Continue));
    input.extend_from_slice(b"fat man\r\n");
    let Frame::Command(tagged) = decoder.next(&mut input) else { panic!("no command") };
    let Command::Login { user, password } = tagged.command else { panic!("not LOGIN") };
    assert_eq!((user.as_str(), password.expose().as_slice()), ("FRED FOOBAR", &b"fat man"[..]));
    assert_next_is_noop(&mut decoder, &mut input);
}

#[test]
fn a_wrong_command_is_refused_before_its_literal_is_asked_for() {
    let (mut decoder, mut input) = user();
    input.extend_from_slice(b"A1 FROBNICATE {5}\r\n");
    let refused = refusal(decoder.next(&mut input));
    assert_eq!((refused.status, &*refused.text), (Status::Bad, "unknown command"));
    assert_next_is_noop(&mut decoder, &mut input);
}

#[test]
fn the_literals_of_a_refused_command_are_dropped() {
    let (mut decoder, mut input) = user();
    input.extend_from_slice(b"A1 FROB {9+}\r\nA2 NOOP\r\n {3+}\r\nabc {4}\r\n");
    assert_eq!(refusal(decoder.next(&mut input)).tag.unwrap().as_str(), "A1");
    assert_next_is_noop(&mut decoder, &mut input);
}

#[test]
fn an_appended_message_streams() {
    let (mut decoder, mut input) = user();
    input.extend_from_slice(
        b"A3 APPEND saved (\\Seen $Junk) \"17-Jul-1996 02:44:25 -0700\" {3}\r\n",
    );
    let Frame::AppendStart(start) = decoder.next(&mut input) else { panic!("no append") };
    assert_eq!((start.mailbox.as_str(), start.size, start.non_sync), ("saved", 3, false));
    assert_eq!(start.date.unwrap().seconds, 837_596_665);
    assert_eq!(start.flags.keywords.len(), 1);
    assert!(matches!(decoder.next(&mut input), Frame::NeedInput));
    decoder.accept_literal();
    input.extend_from_slice(b"ab");
    assert!(matches!(decoder.next(&mut input), Frame::Literal(bytes) if bytes == "ab"));
    assert!(matches!(decoder.next(&mut input), Frame::NeedInput));
    input.extend_from_slice(b"c\r");
    assert!(matches!(decoder.next(&mut input), Frame::Literal(bytes) if bytes == "c"));
    assert!(matches!(decoder.next(&mut input), Frame::NeedInput));
    input.extend_from_slice(b"\n");
    assert!(matches!(decoder.next(&mut input), Frame::AppendEnd));
    assert_next_is_noop(&mut decoder, &mut input);
}

#[test]
fn the_mailbox_of_an_append_may_be_a_literal() {
    let (mut decoder, mut input) = user();
    input.extend_from_slice(b"A3 APPEND {5+}\r\nsaved {0+}\r\n\r\n");
    let Frame::AppendStart(start) = decoder.next(&mut input) else { panic!("no append") };
    assert_eq!((start.mailbox.as_str(), start.size, start.non_sync), ("saved", 0, true));
    decoder.accept_literal();
    assert!(matches!(decoder.next(&mut input), Frame::AppendEnd));
    assert_next_is_noop(&mut decoder, &mut input);
}

#[test]
fn a_refused_message_is_not_sent_or_dropped() {
    let (mut decoder, mut input) = user();
    input.extend_from_slice(b"A3 APPEND saved {300000000}\r\n");
    assert!(matches!(decoder.next(&mut input), Frame::AppendStart(_)));
    decoder.refuse_literal();
    assert_next_is_noop(&mut decoder, &mut input);
    input.extend_from_slice(b"A3 APPEND saved {8+}\r\nA1 NOOP\n\r\n");
    assert!(matches!(decoder.next(&mut input), Frame::AppendStart(_)));
    decoder.refuse_literal();
    assert_next_is_noop(&mut decoder, &mut input);
    input.extend_from_slice(b"A3 APPEND saved {300000000+}\r\n");
    assert!(matches!(decoder.next(&mut input), Frame::AppendStart(_)));
    decoder.refuse_literal();
    assert!(matches!(decoder.next(&mut input), Frame::Fatal { .. }));
}

#[test]
fn a_message_can_be_refused_midway_at_bounded_memory() {
    let (mut decoder, mut input) = user();
    input.extend_from_slice(b"A3 APPEND saved {10000000+}\r\n");
    assert!(matches!(decoder.next(&mut input), Frame::AppendStart(_)));
    decoder.accept_literal();
    for step in 0..100 {
        input.extend_from_slice(&[b'x'; 100_000]);
        let frame = decoder.next(&mut input);
        assert_eq!(matches!(frame, Frame::Literal(_)), step < 40, "{frame:?}");
        assert!(input.is_empty());
        if step == 39 {
            decoder.refuse_literal();
        }
    }
    input.extend_from_slice(b"\r\n");
    assert_next_is_noop(&mut decoder, &mut input);
}

#[test]
fn a_second_message_is_refused_and_dropped() {
    let (mut decoder, mut input) = user();
    input.extend_from_slice(b"A3 APPEND saved {2+}\r\nab (\\Seen) {8+}\r\nA1 NOOP\n\r\n");
    assert!(matches!(decoder.next(&mut input), Frame::AppendStart(_)));
    decoder.accept_literal();
    assert!(matches!(decoder.next(&mut input), Frame::Literal(_)));
    assert_eq!(refusal(decoder.next(&mut input)).tag.unwrap().as_str(), "A3");
    assert_next_is_noop(&mut decoder, &mut input);
}

#[test]
fn raw_lines_are_given_once() {
    let (mut decoder, mut input) = user();
    input.extend_from_slice(b"A1 IDLE\r\nDONE {5}\r\n");
    assert!(matches!(decoder.next(&mut input), Frame::Command(_)));
    decoder.expect_line();
    assert!(matches!(decoder.next(&mut input), Frame::Line(line) if line == b"DONE {5}"));
    assert_next_is_noop(&mut decoder, &mut input);
    decoder.expect_line();
    input.extend_from_slice(&vec![b'A'; Limits::USER.line_bytes + 1]);
    input.extend_from_slice(b"{5+}\r\n");
    assert_eq!(refusal(decoder.next(&mut input)).tag, None);
    assert_next_is_noop(&mut decoder, &mut input);
}

#[test]
fn a_long_line_is_refused_and_an_endless_one_ends_the_connection() {
    let (mut decoder, mut input) = (Decoder::new(Limits::STRANGER), BytesMut::new());
    input.extend_from_slice(b"A1 LOGIN ");
    input.extend_from_slice(&[b'x'; 5_000]);
    let refused = refusal(decoder.next(&mut input));
    assert_eq!(refused.code, Some(ResponseCode::Limit));
    assert_eq!(refused.tag.unwrap().as_str(), "A1");
    input.extend_from_slice(b"\r\n");
    assert_next_is_noop(&mut decoder, &mut input);
    for _ in 0..14 {
        input.extend_from_slice(&[b'x'; 5_000]);
        let frame = decoder.next(&mut input);
        assert!(matches!(frame, Frame::Refused(_) | Frame::NeedInput | Frame::Fatal { .. }));
    }
    assert!(matches!(decoder.next(&mut input), Frame::Fatal { .. }));
    input.extend_from_slice(b"\r\nA1 NOOP\r\n");
    assert!(matches!(decoder.next(&mut input), Frame::Fatal { .. }));
}

#[test]
fn literals_are_limited_in_size_number_and_sum() {
    let limit = |text: &[u8]| {
        let (mut decoder, mut input) = (Decoder::new(Limits::STRANGER), BytesMut::from(text));
        let frames = std::iter::from_fn(|| Some(decoder.next(&mut input)));
        let refused = refusal(frames.take(20).find(|f| matches!(f, Frame::Refused(_))).unwrap());
        assert_eq!(refused.code, Some(ResponseCode::Limit), "{refused:?}");
        assert_next_is_noop(&mut decoder, &mut input);
    };
    limit(b"A1 LOGIN {4097}\r\n");
    limit(&[b"A1 LOGIN {5000+}\r\n", &[b'x'; 5_000][..], b" y\r\n"].concat());
    limit(&[b"A1 LOGIN {4000+}\r\n", &[b'x'; 4_000][..], b" {200}\r\n"].concat());
    limit(b"A1 SEARCH OR OR OR OR TO {1+}\r\na TO {1+}\r\na TO {1+}\r\na TO {1+}\r\na TO {1}\r\n");
}

#[test]
fn a_refusal_is_a_reply() {
    let (mut decoder, mut input) = user();
    input.extend_from_slice(b"A1 CREATE a//b\r\n\xff\xff\r\n");
    let mut out = Vec::new();
    refusal(decoder.next(&mut input)).write(&mut out);
    refusal(decoder.next(&mut input)).write(&mut out);
    let expected = "A1 NO [CANNOT] the mailbox name has an empty level\r\n\
                    * BAD the tag is missing or not valid\r\n";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

/// Pieces that real and wrong clients send, to be strung together.
const PIECES: [&[u8]; 24] = [
    b"A1 NOOP\r\n",
    b"a2 login alice {3}\r\n",
    b"a3 login {5+}\r\n",
    b"alice",
    b"A4 APPEND INBOX {4}\r\n",
    b"A5 APPEND INBOX (\\Seen) {5+}\r\n",
    b"A6 APPEND {5+}\r\nINBOX {6+}\r\n",
    b"\r\n",
    b"\n",
    b"A7 IDLE\r\n",
    b"DONE\r\n",
    b"A8 FETCH 1:* (UID BODY.PEEK[HEADER.FIELDS (To)]<0.9>)\r\n",
    b"A9 AUTHENTICATE PLAIN\r\n",
    b"AGFsaWNlAHB3\r\n",
    b"B1 UID SEARCH OR (UNSEEN SUBJECT {4+}\r\nabcd) NOT ALL\r\n",
    b"B2 FROB {7+}\r\n",
    b"B3 FROB {7}\r\n",
    b"B4 SELECT \"a{3}\r\n",
    b"abcdefg",
    b" ",
    b"\xff\x00",
    b"{5",
    b"+}\r\n",
    b"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
];

/// Limits so small that the pieces meet them.
const SMALL: Limits = Limits {
    command_bytes: 120,
    literal_bytes: 6,
    literals: 2,
    line_bytes: 14,
    skip_bytes: 150,
    ..Limits::USER
};

proptest! {
    #[test]
    fn chunking_does_not_matter(
        pieces in proptest::collection::vec(0..PIECES.len(), 0..14),
        sizes in proptest::collection::vec(1_usize..9, 1..6),
        small: bool,
    ) {
        let input: Vec<u8> = pieces.iter().flat_map(|n| PIECES[*n]).copied().collect();
        let limits = if small { SMALL } else { Limits::USER };
        prop_assert_eq!(frames(limits, &input, &[]), frames(limits, &input, &sizes));
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        frames(SMALL, &bytes, &[7]);
    }

    #[test]
    fn grammar_like_bytes_never_panic(
        name in "(LOGIN|SELECT|LIST|UID FETCH|UID STORE|SEARCH|STATUS|ID|CREATE|APPEND)",
        rest in "[ ()\\[\\]<>{}+.,:*%\"\\\\0-9A-Za-z\r\n]{0,60}",
    ) {
        let input = format!("A {name} {rest}\r\n");
        let whole = frames(Limits::USER, input.as_bytes(), &[]);
        prop_assert_eq!(whole, frames(Limits::USER, input.as_bytes(), &[1]));
    }
}

#[test]
fn debug_texts_keep_what_was_typed_secret() {
    let (mut decoder, mut input) = user();
    let shows = |text: &str| text.contains("119, 111, 110") || text.contains("wonder");
    input.extend_from_slice(b"a LOGIN tim wonder");
    assert!(matches!(decoder.next(&mut input), Frame::NeedInput));
    assert!(!shows(&format!("{decoder:?}")), "{decoder:?}");
    input.extend_from_slice(b"\r\nwonder\r\n");
    let frame = decoder.next(&mut input);
    assert!(!shows(&format!("{frame:?}")), "{frame:?}");
    decoder.expect_line();
    let frame = decoder.next(&mut input);
    assert!(matches!(frame, Frame::Line(_)));
    assert!(!shows(&format!("{frame:?}")), "{frame:?}");
}
