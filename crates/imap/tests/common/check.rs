//! What must hold for any input: whole responses, the same in any chunking, small steps, no panic.

use super::World;
use waypost_types::Moment;

/// What a step may put out beyond its share.
const SLACK: usize = 16 * 1024;

/// Sends `input` to a session; its first byte chooses the state: a stranger (0), a client that has logged in
/// (2), idles (3), has announced a message (4), has announced a literal in a search (5), is asked for a
/// SASL response (6), has logged out (7), and for all others one with INBOX open.
pub(crate) fn check(input: &[u8]) {
    let Some((first, input)) = input.split_first() else { return };
    // APPEND answers by the clock, which must not move between these sessions.
    let now = Moment::now();
    let whole = answer(now, *first, input, input.len());
    assert_responses(&whole);
    for chunk in [1, 7] {
        let parts = answer(now, *first, input, chunk);
        assert_eq!(shown(&whole), shown(&parts), "in chunks of {chunk}");
    }
}

fn answer(now: Moment, first: u8, input: &[u8], chunk: usize) -> Vec<u8> {
    let mut world = World::without_delays();
    world.deliver_bytes(include_bytes!("../messages/simple.eml").to_vec());
    world.deliver_bytes(include_bytes!("../messages/report.eml").to_vec());
    let mut hand = if matches!(first, 0 | 6) { world.stranger() } else { world.hand() };
    let before = match first {
        2 => "b UNSELECT",
        3 => "b IDLE",
        4 => "b APPEND INBOX (\\Seen) {20}",
        5 => "b SEARCH SUBJECT {5}",
        6 => "b AUTHENTICATE PLAIN",
        7 => "b LOGOUT",
        _ => "b NOOP",
    };
    hand.now = now;
    hand.say(before);
    let mut said = Vec::new();
    for bytes in input.chunks(chunk.max(1)) {
        said.append(&mut hand.send(bytes));
    }
    assert!(hand.kept_steps_small(SLACK), "{} bytes in a step", hand.largest_step);
    said
}

fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

/// Every response begins as one must and ends with its line; literals are skipped by their size.
fn assert_responses(said: &[u8]) {
    let mut rest = said;
    while !rest.is_empty() {
        rest = after_response(rest);
    }
}

fn after_response(said: &[u8]) -> &[u8] {
    let begins = said.starts_with(b"* ") || said.starts_with(b"+ ");
    assert!(begins || is_tagged(said), "no response: {}", shown(&said[..said.len().min(80)]));
    let mut rest = said;
    loop {
        let end = rest.windows(2).position(|pair| pair == b"\r\n").expect("a whole line");
        let (line, tail) = rest.split_at(end);
        rest = &tail[2..];
        match literal_of(line) {
            Some(size) => rest = rest.get(size..).expect("a whole literal"),
            None => return rest,
        }
    }
}

fn is_tagged(said: &[u8]) -> bool {
    let line = said.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let words: Vec<&[u8]> = line.splitn(3, |byte| *byte == b' ').collect();
    words.len() == 3 && matches!(words[1], b"OK" | b"NO" | b"BAD")
}

fn literal_of(line: &[u8]) -> Option<usize> {
    let inside = line.strip_suffix(b"}")?;
    let at = inside.iter().rposition(|byte| *byte == b'{')?;
    std::str::from_utf8(&inside[at + 1..]).ok()?.parse().ok()
}
