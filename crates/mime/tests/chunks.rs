//! The result does not depend on how a message arrives, and no bytes cause a failure.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests may unwrap")]

mod support;

use proptest::prelude::*;
use support::{check, parse_in_chunks};

/// Pieces that make structure likely.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        "\r\n",
        "\n",
        "\r",
        "\r\n\r\n",
        "\n\n",
        "--a",
        "--ab",
        "--a--",
        "--",
        " ",
        "\t",
        ":",
        ";",
        "Content-Type: multipart/mixed; boundary=a\r\n",
        "Content-Type: multipart/digest; boundary=\"ab\"\n",
        "Content-Type: message/rfc822\r\n",
        "Content-Type: text/html; charset=utf-16\r\n",
        "Content-Transfer-Encoding: base64\r\n",
        "Content-Disposition: inline; filename*0*=x\r\n",
        "From: \"a\" <b@c>, d: e;\r\n",
        "Subject: =?utf-8?q?x=FF?= =?utf-7?b?AAA=?=\r\n",
        "Date: 1 Jan 2000 00:00 Z\r\n",
        "References: <a> <b\r\n",
        "\0",
        "\u{e9}",
        "=?",
        "<",
        "\"",
        "(",
    ]);
    prop_oneof![
        4 => known.prop_map(|s| s.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..20),
    ]
}

fn message() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(piece(), 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn chunks_do_not_matter(message in message(), sizes in prop::collection::vec(0_usize..40, 1..8)) {
        parse_in_chunks(&message, &sizes);
    }

    #[test]
    fn any_message_has_a_sound_form(message in message()) {
        check(&message);
    }

    #[test]
    fn any_bytes_have_a_sound_form(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        check(&bytes);
    }
}
