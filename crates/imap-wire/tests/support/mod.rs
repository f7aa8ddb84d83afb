//! Drives a decoder like a session would, in pieces of any size, and tells the frames as text.

use bytes::BytesMut;
use waypost_imap_wire::{Command, Decoder, Frame, Limits};

/// Frames of `input` given in pieces of these sizes, over and over; an empty list gives it whole.
/// Messages of odd size are refused, the bytes of others are joined to one entry.
pub(crate) fn frames(limits: Limits, input: &[u8], sizes: &[usize]) -> Vec<String> {
    let mut driver = Driver { decoder: Decoder::new(limits), told: Vec::new(), message: None };
    let mut buffer = BytesMut::new();
    let mut rest = input;
    let mut turn = 0;
    while !rest.is_empty() {
        let size = sizes.get(turn % sizes.len().max(1)).copied().unwrap_or(rest.len());
        let (piece, after) = rest.split_at(size.clamp(1, rest.len()));
        buffer.extend_from_slice(piece);
        rest = after;
        turn += 1;
        if !driver.drain(&mut buffer) {
            break;
        }
    }
    driver.told
}

/// Checks that the frames do not depend on how the input arrives, with the limits of both states.
#[allow(dead_code, reason = "not every test that drives a decoder checks whole inputs")]
pub(crate) fn check(input: &[u8]) {
    let odd = input.first().map_or(1, |byte| usize::from(*byte) % 61 + 1);
    for limits in [Limits::STRANGER, Limits::USER] {
        let whole = frames(limits, input, &[]);
        assert_eq!(whole, frames(limits, input, &[1]));
        assert_eq!(whole, frames(limits, input, &[odd, 3]));
    }
}

struct Driver {
    decoder: Decoder,
    told: Vec<String>,
    message: Option<Vec<u8>>,
}

impl Driver {
    /// False after the end of the connection.
    fn drain(&mut self, buffer: &mut BytesMut) -> bool {
        loop {
            let frame = self.decoder.next(buffer);
            match &frame {
                Frame::NeedInput => return true,
                Frame::Literal(bytes) => {
                    assert!(!bytes.is_empty(), "a literal frame has bytes");
                    self.message.get_or_insert_default().extend_from_slice(bytes);
                    continue;
                }
                Frame::AppendStart(start) if start.size % 2 == 1 => self.decoder.refuse_literal(),
                Frame::AppendStart(_) => self.decoder.accept_literal(),
                Frame::Command(tagged) => self.prepare(&tagged.command),
                _ => {}
            }
            if let Some(message) = self.message.take() {
                self.told.push(format!("message {message:?}"));
            }
            self.told.push(format!("{frame:?}"));
            if matches!(frame, Frame::Fatal { .. }) {
                return false;
            }
        }
    }

    fn prepare(&mut self, command: &Command) {
        if matches!(command, Command::Idle | Command::Authenticate { initial: None, .. }) {
            self.decoder.expect_line();
        }
    }
}
