//! What a process and its watcher say to each other after the first line: codes, some with numbers.
//!
//! A number asked with an order comes back with its answer, so that the watcher knows which answers
//! are to its last question.

use crate::counts::{COUNTERS, Counts};
use std::io;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;

/// From the process: alive.
pub(crate) const ALIVE: u8 = b'a';
/// From the process: not confined as it should be.
pub(crate) const UNCONFINED: u8 = b'u';
/// From the process: serving.
pub(crate) const READY: u8 = b'r';
/// From the process: settings were read again; the number asked follows.
pub(crate) const RELOADED: u8 = b'd';
/// From the process: settings could not be read again; the number asked follows.
pub(crate) const NOT_RELOADED: u8 = b'e';
/// From the process: its counters; the number asked and they follow.
pub(crate) const COUNTED: u8 = b'n';
/// From the watcher: read certificate and settings again; a number follows.
pub(crate) const RELOAD: u8 = b'l';
/// From the watcher: tell the counters; a number follows.
pub(crate) const COUNT: u8 = b'c';

/// A number on the wire, in bytes.
const NUMBER_BYTES: usize = size_of::<u64>();
/// The longest message after its code, in bytes.
const PAYLOAD_BYTES: usize = NUMBER_BYTES * (1 + COUNTERS);

/// One message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) code: u8,
    /// The number asked, where the code has one.
    pub(crate) number: u64,
    pub(crate) counts: Counts,
}

impl Frame {
    /// A message whose code says all, or needs a number only.
    pub(crate) fn new(code: u8, number: u64) -> Self {
        Self { code, number, counts: Counts::default() }
    }

    /// The message as it is sent.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let numbers = std::iter::once(self.number).chain(self.counts.to_array());
        let payload = numbers.flat_map(u64::to_le_bytes).take(payload_bytes(self.code));
        std::iter::once(self.code).chain(payload).collect()
    }

    fn parse(code: u8, payload: &[u8]) -> Self {
        let number = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_le_bytes);
        let mut numbers = payload.chunks_exact(NUMBER_BYTES).map(number);
        let asked = numbers.next().unwrap_or_default();
        let mut counts = [0; COUNTERS];
        counts.iter_mut().zip(numbers).for_each(|(count, number)| *count = number);
        Self { code, number: asked, counts: Counts::from_array(counts) }
    }
}

/// The bytes that follow a code. Codes of a later version are taken as bare.
fn payload_bytes(code: u8) -> usize {
    match code {
        RELOAD | COUNT | RELOADED | NOT_RELOADED => NUMBER_BYTES,
        COUNTED => PAYLOAD_BYTES,
        _ => 0,
    }
}

/// Gathers messages from a stream.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    /// A message that has not come whole; never longer than the longest.
    part: Vec<u8>,
}

impl Frames {
    /// The next message. May be given up at any time: what came in part is kept.
    pub(crate) async fn next(&mut self, stream: &mut UnixStream) -> io::Result<Frame> {
        loop {
            let missing = match self.part.split_first() {
                None => 1,
                Some((code, payload)) => payload_bytes(*code).saturating_sub(payload.len()),
            };
            if let (0, Some((code, payload))) = (missing, self.part.split_first()) {
                let frame = Frame::parse(*code, payload);
                self.part.clear();
                return Ok(frame);
            }
            let mut bytes = [0; PAYLOAD_BYTES];
            let room = bytes.get_mut(..missing).unwrap_or_default();
            let got = stream.read(room).await?;
            if got == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.part.extend(bytes.iter().take(got));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    #[tokio::test]
    async fn messages_come_back_whole_however_they_are_cut() {
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        let counts = Counts::from_array([1, 2, 3, 4, 5]);
        let sent = [
            Frame::new(ALIVE, 0),
            Frame { code: COUNTED, number: 7, counts },
            Frame::new(RELOADED, u64::MAX),
            Frame::new(READY, 0),
        ];
        let bytes: Vec<u8> = sent.iter().flat_map(Frame::bytes).collect();
        let mut frames = Frames::default();
        let mut got = Vec::new();
        for byte in bytes {
            ours.write_all(&[byte]).await.unwrap();
            // Given up whenever the message is not whole.
            let soon = std::time::Duration::from_millis(2);
            if let Ok(frame) = tokio::time::timeout(soon, frames.next(&mut theirs)).await {
                got.push(frame.unwrap());
            }
        }
        drop(ours);
        while let Ok(frame) = frames.next(&mut theirs).await {
            got.push(frame);
        }
        assert_eq!(got, sent);
    }
}
