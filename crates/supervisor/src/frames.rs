//! What a process and its watcher say to each other after the first line: a code, for most codes with a
//! number and some bytes.
//!
//! A number asked with an order comes back with its answer, so that the watcher knows which answers
//! are to its last question.

use std::fmt;
use std::io::{self, Read};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use waypost_types::Secret;
use zeroize::{Zeroize, Zeroizing};

/// From the process: alive.
pub(crate) const ALIVE: u8 = b'a';
/// From the process: not confined as it should be.
pub(crate) const UNCONFINED: u8 = b'u';
/// From the process: serving.
pub(crate) const READY: u8 = b'r';
/// From the process: settings were taken in; the number asked follows.
pub(crate) const RELOADED: u8 = b'd';
/// From the process: settings could not be taken in; the number asked follows.
pub(crate) const NOT_RELOADED: u8 = b'e';
/// From the process: some of its users, with the number asked; without bytes, the last of them.
pub(crate) const USERS: u8 = b'n';
/// From the process: that many connections were asked to end; the number asked follows, then the count.
pub(crate) const DISCONNECTED: u8 = b'k';
/// From the watcher, before all else: the place of the process among its like, and its settings.
pub(crate) const BEGIN: u8 = b's';
/// From the watcher: take in these settings.
pub(crate) const RELOAD: u8 = b'l';
/// From the watcher: tell who is logged in.
pub(crate) const LIST: u8 = b'c';
/// From the watcher: end the connections of the account whose name follows.
pub(crate) const DISCONNECT: u8 = b'x';

/// The most bytes of one message; settings are by far the largest.
pub(crate) const PAYLOAD_BYTES: usize = 8 << 20;
/// What is waiting to be sent to a process that does not read is bounded by this, in bytes.
const OUTBOX_BYTES: usize = 4 * PAYLOAD_BYTES;
/// Number and length, in bytes.
const HEAD_BYTES: usize = size_of::<u64>() + size_of::<u32>();
/// Bytes read at a time.
const READ_BYTES: usize = 4_096;

/// One message.
#[derive(Clone)]
pub(crate) struct Frame {
    pub(crate) code: u8,
    /// The number asked, where the code has one.
    pub(crate) number: u64,
    /// May hold passwords.
    pub(crate) payload: Secret<Vec<u8>>,
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.payload.expose().len();
        write!(f, "{} {} with {bytes} bytes", char::from(self.code), self.number)
    }
}

impl PartialEq for Frame {
    fn eq(&self, other: &Self) -> bool {
        (self.code, self.number) == (other.code, other.number)
            && self.payload.matches(other.payload.expose())
    }
}

impl Frame {
    /// A message whose code says all, or needs a number only.
    pub(crate) fn new(code: u8, number: u64) -> Self {
        Self::with(code, number, Vec::new())
    }

    /// A message with bytes; what is over [`PAYLOAD_BYTES`] is cut off, and its reader will refuse it.
    pub(crate) fn with(code: u8, number: u64, mut payload: Vec<u8>) -> Self {
        payload.truncate(PAYLOAD_BYTES);
        Self { code, number, payload: Secret::new(payload) }
    }

    /// The message as it is sent.
    pub(crate) fn bytes(&self) -> Secret<Vec<u8>> {
        let payload = self.payload.expose();
        let mut bytes = Vec::with_capacity(1 + HEAD_BYTES + payload.len());
        bytes.push(self.code);
        if has_head(self.code) {
            let length = u32::try_from(payload.len()).unwrap_or_default();
            bytes.extend(self.number.to_le_bytes());
            bytes.extend(length.to_le_bytes());
            bytes.extend(payload);
        }
        Secret::new(bytes)
    }

    /// Waits for a message on a blocking stream, and takes no byte of the next.
    pub(crate) fn read(stream: &mut impl Read) -> io::Result<Self> {
        let mut part = Vec::new();
        while let Some(missing) = missing(&part)? {
            let start = part.len();
            part.resize(start + missing, 0);
            stream.read_exact(part.get_mut(start..).unwrap_or_default())?;
        }
        Ok(parse(part))
    }
}

/// Codes that stand alone. Those of a later version are taken as such.
fn has_head(code: u8) -> bool {
    [RELOADED, NOT_RELOADED, USERS, DISCONNECTED, BEGIN, RELOAD, LIST, DISCONNECT].contains(&code)
}

/// How many bytes are missing of a message; `None` when it is whole.
fn missing(part: &[u8]) -> io::Result<Option<usize>> {
    let Some((code, rest)) = part.split_first() else { return Ok(Some(1)) };
    if !has_head(*code) {
        return Ok(None);
    }
    let Some((head, payload)) = rest.split_at_checked(HEAD_BYTES) else {
        return Ok(Some(HEAD_BYTES - rest.len()));
    };
    let length = usize::try_from(length(head)).unwrap_or(usize::MAX);
    if length > PAYLOAD_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a message is too long"));
    }
    Ok(Some(length.saturating_sub(payload.len())).filter(|missing| *missing > 0))
}

fn length(head: &[u8]) -> u32 {
    head.last_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

fn parse(mut whole: Vec<u8>) -> Frame {
    let code = whole.first().copied().unwrap_or_default();
    let head = whole.get(1..1 + HEAD_BYTES).unwrap_or_default();
    let number = head.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let payload = whole.split_off(whole.len().min(1 + HEAD_BYTES));
    Frame { code, number, payload: Secret::new(payload) }
}

/// Gathers messages from a stream.
#[derive(Default)]
pub(crate) struct Frames {
    /// A message that has not come whole; never longer than the longest.
    part: Zeroizing<Vec<u8>>,
}

impl Frames {
    /// The next message. May be given up at any time: what came in part is kept.
    pub(crate) async fn next(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
    ) -> io::Result<Frame> {
        while let Some(missing) = missing(&self.part)? {
            let mut bytes = [0; READ_BYTES];
            let room = bytes.get_mut(..missing.min(READ_BYTES)).unwrap_or_default();
            let got = stream.read(room).await?;
            if got == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.part.extend(bytes.iter().take(got));
        }
        Ok(parse(std::mem::take(&mut *self.part)))
    }
}

/// Messages on their way to a process that may read slowly.
#[derive(Default)]
pub(crate) struct Outbox {
    bytes: Zeroizing<Vec<u8>>,
    sent: usize,
}

impl Outbox {
    /// Adds a message. One for a process that has not read for long is dropped: it hangs, will be
    /// replaced, and the next one is told everything anew.
    pub(crate) fn push(&mut self, frame: &Frame) {
        if self.bytes.len() - self.sent <= OUTBOX_BYTES {
            self.bytes.extend(frame.bytes().expose());
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Sends what there is. May be given up at any time: what was sent is noted.
    pub(crate) async fn send(&mut self, stream: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        while let Some(rest) = self.bytes.get(self.sent..).filter(|rest| !rest.is_empty()) {
            let sent = stream.write(rest).await?;
            if sent == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.sent += sent;
        }
        self.bytes.zeroize();
        self.sent = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::net::UnixStream;

    fn samples() -> Vec<Frame> {
        vec![
            Frame::new(ALIVE, 0),
            Frame::with(USERS, 7, b"someone".to_vec()),
            Frame::new(RELOADED, u64::MAX),
            Frame::with(RELOAD, 8, vec![b'x'; 10_000]),
            Frame::new(READY, 0),
        ]
    }

    fn on_the_wire() -> Vec<u8> {
        samples().iter().flat_map(|frame| frame.bytes().expose().clone()).collect()
    }

    #[tokio::test]
    async fn messages_come_back_whole_however_they_are_cut() {
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        let mut frames = Frames::default();
        let mut got = Vec::new();
        for bytes in on_the_wire().chunks(7) {
            ours.write_all(bytes).await.unwrap();
            // Given up whenever the message is not whole.
            let soon = Duration::from_millis(1);
            while let Ok(frame) = tokio::time::timeout(soon, frames.next(&mut theirs)).await {
                got.push(frame.unwrap());
            }
        }
        drop(ours);
        while let Ok(frame) = frames.next(&mut theirs).await {
            got.push(frame);
        }
        assert_eq!(got, samples());
    }

    #[test]
    fn a_blocking_reader_takes_one_message_at_a_time() {
        let wire = on_the_wire();
        let mut rest = wire.as_slice();
        for sample in samples() {
            assert_eq!(Frame::read(&mut rest).unwrap(), sample);
        }
        assert!(rest.is_empty());
        assert!(Frame::read(&mut rest).is_err());
    }

    #[test]
    fn a_message_over_the_limit_is_refused() {
        let mut wire = vec![RELOAD];
        wire.extend([0; 8]);
        wire.extend(u32::MAX.to_le_bytes());
        assert!(Frame::read(&mut wire.as_slice()).is_err());
    }

    #[test]
    fn what_settings_say_is_not_shown() {
        let text = format!("{:?}", Frame::with(RELOAD, 1, b"password".to_vec()));
        assert_eq!(text, "l 1 with 8 bytes");
    }

    #[tokio::test]
    async fn an_outbox_sends_as_its_reader_reads_and_is_bounded() {
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        let mut outbox = Outbox::default();
        let large = Frame::with(RELOAD, 1, vec![b'x'; PAYLOAD_BYTES]);
        for _ in 0..10 {
            outbox.push(&large);
        }
        let wire = large.bytes().expose().len();
        assert!(outbox.bytes.len() <= OUTBOX_BYTES + wire);
        let sent = outbox.bytes.len() / wire;
        let soon = Duration::from_millis(20);
        assert!(tokio::time::timeout(soon, outbox.send(&mut ours)).await.is_err(), "nobody reads");
        let reader = tokio::spawn(async move {
            let mut frames = Frames::default();
            for _ in 0..sent {
                assert_eq!(frames.next(&mut theirs).await.unwrap(), large);
            }
        });
        outbox.send(&mut ours).await.unwrap();
        reader.await.unwrap();
        assert!(outbox.is_empty());
    }
}
