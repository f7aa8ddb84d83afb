//! Very large messages, ordinary ones and such as are meant to cost a parser its memory.

use crate::Server;
use crate::beside::Beside;
use crate::client::{Client, unexpected};
use crate::load::{imap, pop};
use std::io;

/// Mailboxes of the first user.
const FROM: &str = "bench-large";
const TO: &str = "bench-large-copy";
/// Sent at once.
const CHUNK: usize = 128 << 10;

/// What a message is made of: its name, its front, and the piece that is repeated to its size.
const KINDS: [(&str, &str, &str); 6] = [
    ("lines", "Content-Type: text/plain\r\n\r\n", "The quick brown fox jumps over the dog.\r\n"),
    ("one line", "Content-Type: text/plain\r\n\r\n", "no end of this line "),
    ("parts", "Content-Type: multipart/mixed; boundary=b\r\n\r\n", "--b\r\n\r\nx\r\n"),
    ("nested parts", "", "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"),
    ("one field", "Subject: begins\r\n", " and goes on in a further line\r\n"),
    (
        "many fields",
        "",
        "Received: from a.example by b.example; Mon, 1 Jan 2024 10:00:00 +0000\r\n",
    ),
];

/// Rows for a delivery, APPEND, COPY, FETCH and RETR of a message of so many bytes, and for an APPEND of
/// each hostile kind.
pub(crate) fn run(server: &Server, bytes: u64) -> io::Result<Vec<String>> {
    let user = server.user.replace("{}", "1");
    let mut client = imap(server, &user)?;
    for mailbox in [FROM, TO] {
        // It may be there from an earlier run; a failure shows in CREATE.
        let _ = client.imap(&format!("DELETE {mailbox}"));
        client.imap(&format!("CREATE {mailbox}"))?;
    }
    empty_inbox(&mut client)?;
    let mut beside = Beside::new(server)?;
    beside.measure("LMTP delivery of a large message", || lmtp(server, &user, bytes))?;
    for kind in KINDS {
        let what = format!("APPEND of a large message, {}", kind.0);
        beside.measure(&what, || append(&mut client, kind, bytes))?;
    }
    client.imap(&format!("SELECT {FROM}"))?;
    beside.measure("COPY of a large message", || client.imap(&format!("COPY 1 {TO}")).map(drop))?;
    beside.measure("FETCH BODY[] of a large message", || {
        let answer = client.imap("FETCH 1 BODY.PEEK[]")?;
        let whole = answer.literal_bytes >= bytes;
        if whole { Ok(()) } else { Err(io::Error::other("the message came back shorter")) }
    })?;
    beside.measure("FETCH of what is known of all of them", || {
        client.imap("FETCH 1:* (ENVELOPE BODYSTRUCTURE)").map(drop)
    })?;
    // A login costs the memory of a password's hash, which is not the message's.
    let mut popper = pop(server, &user)?;
    beside.measure("RETR of a large message", || {
        let client = &mut popper;
        client.send(b"RETR 1\r\n")?;
        let whole = client.pop_lines()? >= bytes;
        client.send(b"QUIT\r\n")?;
        client.expect(b"+OK")?;
        if whole { Ok(()) } else { Err(io::Error::other("the message came back shorter")) }
    })?;
    for mailbox in [FROM, TO] {
        client.imap(&format!("DELETE {mailbox}"))?;
    }
    empty_inbox(&mut client)?;
    Ok(beside.rows())
}

fn empty_inbox(client: &mut Client) -> io::Result<()> {
    if client.imap("SELECT INBOX")?.exists == 0 {
        return Ok(());
    }
    client.imap("STORE 1:* +FLAGS.SILENT (\\Deleted)")?;
    client.imap("EXPUNGE").map(drop)
}

fn lmtp(server: &Server, user: &str, bytes: u64) -> io::Result<()> {
    let mut client = Client::connect(&server.lmtp)?;
    client.send(b"LHLO bench.example.net\r\n")?;
    client.expect(b"250")?;
    let envelope = format!("MAIL FROM:<bench@example.net>\r\nRCPT TO:<{user}>\r\nDATA\r\n");
    client.send(envelope.as_bytes())?;
    for start in [&b"250"[..], b"250", b"354"] {
        client.expect(start)?;
    }
    let [lines, ..] = KINDS;
    send(&mut client, lines, bytes)?;
    client.send(b"\r\n.\r\n")?;
    client.expect(b"250")?;
    client.send(b"QUIT\r\n")?;
    client.expect(b"221")
}

fn append(client: &mut Client, kind: (&str, &str, &str), bytes: u64) -> io::Result<()> {
    client.send(format!("a APPEND {FROM} {{{bytes}}}\r\n").as_bytes())?;
    let line = client.line()?;
    if !line.starts_with(b"+") {
        return Err(unexpected(line));
    }
    send(client, kind, bytes)?;
    client.send(b"\r\n")?;
    loop {
        let line = client.line()?;
        if line.starts_with(b"a OK") {
            return Ok(());
        }
        if !line.starts_with(b"* ") {
            return Err(unexpected(line));
        }
    }
}

/// Sends exactly so many bytes of a kind.
fn send(client: &mut Client, (_, front, piece): (&str, &str, &str), bytes: u64) -> io::Result<()> {
    let chunk = piece.repeat(CHUNK / piece.len().max(1));
    client.send(front.as_bytes())?;
    let mut left = bytes.saturating_sub(front.len() as u64);
    while left > 0 {
        let size = usize::try_from(left).unwrap_or(usize::MAX).min(chunk.len());
        client.send(chunk.as_bytes().get(..size).unwrap_or_default())?;
        left -= size as u64;
    }
    Ok(())
}
