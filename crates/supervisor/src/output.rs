//! What processes say on standard error: read line by line and handed on with the speaker's name.
//!
//! Nothing here grows with what a process says. While nobody takes its lines they stay in the pipe, and
//! when that is full the process has to see how it copes; the watcher goes on.

use crate::service::Service;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{sleep, timeout};

/// Bytes read in one turn; then others have theirs.
const TURN_BYTES: usize = 16 << 10;
/// The longest line in bytes; what is longer becomes several.
const LINE_BYTES: usize = 9 << 10;
/// The pause before a line that nobody took is offered again.
const OFFER_PAUSE: Duration = Duration::from_millis(20);
/// How long the last words of a process that has ended are waited for.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Who has said something.
#[derive(Debug, Clone, Copy)]
pub struct Speaker {
    /// Its service.
    pub service: Service,
    /// Its process number.
    pub process: u32,
}

/// Takes a line without its end; gives it back when there is no room for it now.
pub type OnOutput = Arc<dyn Fn(Speaker, Vec<u8>) -> Result<(), Vec<u8>> + Send + Sync>;

/// Reads in the background what a process says.
#[derive(Debug)]
pub(crate) struct Listening(JoinHandle<()>);

impl Listening {
    /// Must be called on a tokio runtime.
    pub(crate) fn start(
        pipe: impl AsyncRead + Unpin + Send + 'static,
        speaker: Speaker,
        take: OnOutput,
    ) -> Self {
        Self(tokio::spawn(listen(pipe, speaker, take)))
    }

    /// Waits until the last words of a process that has ended were taken, but not for long.
    pub(crate) async fn finish(self) {
        // The task goes on should it take longer.
        let _ = timeout(LAST_WORDS, self.0).await;
    }
}

async fn listen(mut pipe: impl AsyncRead + Unpin, speaker: Speaker, take: OnOutput) {
    let mut chunk = vec![0; TURN_BYTES];
    let mut lines = Lines::default();
    while let Ok(length @ 1..) = pipe.read(&mut chunk).await {
        for line in lines.add(chunk.get(..length).unwrap_or_default()) {
            offer(speaker, line, &take).await;
        }
        yield_now().await;
    }
    if let Some(line) = lines.rest() {
        offer(speaker, line, &take).await;
    }
}

async fn offer(speaker: Speaker, mut line: Vec<u8>, take: &OnOutput) {
    while let Err(returned) = take(speaker, line) {
        line = returned;
        sleep(OFFER_PAUSE).await;
    }
}

/// Bytes become lines.
#[derive(Debug, Default)]
struct Lines {
    begun: Vec<u8>,
}

impl Lines {
    /// The lines that are ended by these bytes, without empty ones.
    fn add(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut done = Vec::new();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, is_ended) = part.strip_suffix(b"\n").map_or((part, false), |t| (t, true));
            for piece in text.chunks(LINE_BYTES) {
                if self.begun.len().saturating_add(piece.len()) > LINE_BYTES {
                    done.extend(self.rest());
                }
                self.begun.extend_from_slice(piece);
            }
            if is_ended {
                done.extend(self.rest());
            }
        }
        done
    }

    /// What has no end yet.
    fn rest(&mut self) -> Option<Vec<u8>> {
        let line = std::mem::take(&mut self.begun);
        (!line.is_empty()).then_some(line)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;
    use std::sync::Mutex;
    use tokio::io::AsyncWriteExt;

    const SPEAKER: Speaker = Speaker { service: Service::Imap, process: 7 };

    fn lines(chunks: &[&str]) -> Vec<String> {
        let mut lines = Lines::default();
        let mut found: Vec<_> = chunks.iter().flat_map(|c| lines.add(c.as_bytes())).collect();
        found.extend(lines.rest());
        found.into_iter().map(|line| String::from_utf8(line).unwrap()).collect()
    }

    #[test]
    fn lines_are_put_together_and_bounded() {
        assert_eq!(lines(&["a", "b\nc\n\n", "d"]), ["ab", "c", "d"]);
        let long = "x".repeat(LINE_BYTES * 2 + 1);
        let lengths = |chunks: &[&str]| lines(chunks).iter().map(String::len).collect::<Vec<_>>();
        assert_eq!(lengths(&[&long, "\n", "end"]), [LINE_BYTES, LINE_BYTES, 1, 3]);
        let most = "x".repeat(LINE_BYTES - 1);
        assert_eq!(lengths(&[&most, "yz\n"]), [LINE_BYTES - 1, 2]);
    }

    /// A log that hangs at first.
    #[derive(Default)]
    struct Taken {
        flows: bool,
        lines: Vec<String>,
    }

    fn taker() -> (OnOutput, Arc<Mutex<Taken>>) {
        let state: Arc<Mutex<Taken>> = Arc::default();
        let taken = Arc::clone(&state);
        let take = move |_: Speaker, line: Vec<u8>| {
            let mut taken = taken.lock().unwrap();
            if !taken.flows {
                return Err(line);
            }
            taken.lines.push(String::from_utf8(line).unwrap());
            Ok(())
        };
        (Arc::new(take), state)
    }

    #[tokio::test(start_paused = true)]
    async fn a_log_that_takes_nothing_fills_the_pipe_and_loses_no_line() {
        let (take, state) = taker();
        let (mut process, pipe) = tokio::io::duplex(1_000);
        let listening = Listening::start(pipe, SPEAKER, take);
        let said: Vec<String> = (0..20_000).map(|number| number.to_string()).collect();
        let text = said.join("\n");
        let speak = process.write_all(text.as_bytes());
        tokio::pin!(speak);
        assert!(timeout(Duration::from_secs(600), &mut speak).await.is_err(), "no end to the pipe");
        state.lock().unwrap().flows = true;
        speak.await.unwrap();
        drop(process);
        listening.finish().await;
        assert_eq!(state.lock().unwrap().lines, said);
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_a_process_does_not_wait_for_its_log() {
        let (take, _state) = taker();
        let listening = Listening::start(&b"last words"[..], SPEAKER, take);
        let before = tokio::time::Instant::now();
        listening.finish().await;
        assert_eq!(before.elapsed(), LAST_WORDS);
    }
}
