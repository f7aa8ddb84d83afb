//! A started process's side of being watched: signs of life, orders, and the end with the watcher.

use crate::counts::Counts;
use crate::frames::{
    ALIVE, COUNT, COUNTED, Frame, Frames, NOT_RELOADED, READY, RELOAD, RELOADED, UNCONFINED,
};
use crate::limits::{HEARTBEAT, STOP_GRACE};
use rustix::process::{Signal, getpid, kill_process};
use std::io;
use std::os::unix::net::UnixStream as BlockingStream;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, mpsc, watch};

/// A stopping process that is not gone after this long kills itself, should the watcher not do it.
const LAST_RESORT: Duration = STOP_GRACE.saturating_mul(2);
/// Answers that wait to be sent; the one who gives them waits when there are more.
const ANSWERS: usize = 4;

/// How a process counts its connections.
type Counter = Box<dyn Fn() -> Counts + Send + Sync>;

/// The orders to read certificate and settings again. Orders that come while one is carried out
/// become one: it reads the same files.
#[derive(Debug)]
pub struct Reloads {
    asked: watch::Receiver<u64>,
    answers: mpsc::Sender<Frame>,
}

impl Reloads {
    /// Waits for the next order and answers with its number; `None` when no more can come.
    pub async fn next(&mut self) -> Option<u64> {
        self.asked.changed().await.ok()?;
        Some(*self.asked.borrow_and_update())
    }

    /// Tells the watcher how the order ended.
    pub async fn finished(&self, number: u64, well: bool) {
        let code = if well { RELOADED } else { NOT_RELOADED };
        // Nobody listens only when the process is ending.
        let _ = self.answers.send(Frame::new(code, number)).await;
    }
}

/// Keeps up the link to the watcher, for as long as the runtime lives.
pub struct Attendant {
    ready: Arc<Notify>,
    unconfined: Arc<Notify>,
    stop: watch::Receiver<bool>,
    reloads: Option<Reloads>,
    counter: Arc<OnceLock<Counter>>,
}

impl Attendant {
    /// Starts to show signs of life. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// When the socket or the signal handlers cannot be registered.
    pub fn start(stream: BlockingStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        let stream = UnixStream::from_std(stream)?;
        let signals = Signals::register()?;
        let [ready, unconfined] = [(); 2].map(|()| Arc::new(Notify::new()));
        let (stop_sender, stop) = watch::channel(false);
        let (asked_sender, asked) = watch::channel(0);
        let (answers, answered) = mpsc::channel(ANSWERS);
        let counter = Arc::default();
        let link = Link {
            stream,
            ready: Arc::clone(&ready),
            unconfined: Arc::clone(&unconfined),
            asked: asked_sender,
            answered,
            _answers: answers.clone(),
            counter: Arc::clone(&counter),
        };
        let reloads = Some(Reloads { asked, answers });
        tokio::spawn(async move {
            link.attend(signals).await;
            last_resort();
            // The receivers may all be gone already: then the process is ending anyhow.
            let _ = stop_sender.send(true);
            stop_sender.closed().await;
        });
        Ok(Self { ready, unconfined, stop, reloads, counter })
    }

    /// Tells the watcher that this process serves.
    pub fn announce(&self) {
        self.ready.notify_one();
    }

    /// Tells the watcher that the system does not confine this process as it should be.
    pub fn warn_unconfined(&self) {
        self.unconfined.notify_one();
    }

    /// Turns true when the process shall end: told to, or left alone by its watcher.
    pub fn stop(&self) -> watch::Receiver<bool> {
        self.stop.clone()
    }

    /// The orders, once; `None` when somebody else carries them out.
    pub fn reloads(&mut self) -> Option<Reloads> {
        self.reloads.take()
    }

    /// Says how connections are counted; the first call counts.
    pub fn count_with(&self, counter: impl Fn() -> Counts + Send + Sync + 'static) {
        let _ = self.counter.set(Box::new(counter));
    }
}

struct Signals {
    terminate: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
}

impl Signals {
    fn register() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }
}

struct Link {
    stream: UnixStream,
    ready: Arc<Notify>,
    unconfined: Arc<Notify>,
    asked: watch::Sender<u64>,
    answered: mpsc::Receiver<Frame>,
    /// Keeps `answered` open when nobody carries out orders.
    _answers: mpsc::Sender<Frame>,
    counter: Arc<OnceLock<Counter>>,
}

impl Link {
    /// Answers when the process shall end.
    async fn attend(mut self, mut signals: Signals) {
        let mut beat = tokio::time::interval(HEARTBEAT);
        let mut frames = Frames::default();
        loop {
            let say = tokio::select! {
                _ = beat.tick() => Some(Frame::new(ALIVE, 0)),
                () = self.ready.notified() => Some(Frame::new(READY, 0)),
                () = self.unconfined.notified() => Some(Frame::new(UNCONFINED, 0)),
                answer = self.answered.recv() => answer,
                order = frames.next(&mut self.stream) => match order {
                    Ok(order) => self.obey(order),
                    Err(_) => return,
                },
                _ = signals.terminate.recv() => return,
                _ = signals.hang_up.recv() => {
                    self.asked.send_modify(|_| ());
                    None
                }
            };
            if let Some(frame) = say
                && self.stream.write_all(&frame.bytes()).await.is_err()
            {
                return;
            }
        }
    }

    /// Begins to carry out an order; answers with what can be said at once.
    fn obey(&self, order: Frame) -> Option<Frame> {
        match order.code {
            RELOAD => {
                self.asked.send_replace(order.number);
                None
            }
            COUNT => {
                let counts = self.counter.get().map(|count| count()).unwrap_or_default();
                Some(Frame { code: COUNTED, number: order.number, counts })
            }
            // Of a later version.
            _ => None,
        }
    }
}

/// Ends this process should its own end hang: nobody watches it any more when the watcher is gone.
fn last_resort() {
    let waiter = std::thread::Builder::new().name("last-resort".to_owned()).spawn(|| {
        std::thread::sleep(LAST_RESORT);
        kill_process(getpid(), Signal::KILL)
    });
    if let Err(error) = waiter {
        tracing::warn!(%error, "no guard against a hanging end");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    #[tokio::test]
    async fn signs_of_life_and_readiness_reach_the_watcher() {
        let (mut watcher, child) = BlockingStream::pair().unwrap();
        let attendant = Attendant::start(child).unwrap();
        attendant.announce();
        attendant.warn_unconfined();
        let read = tokio::task::spawn_blocking(move || {
            let mut bytes = [0; 3];
            watcher.read_exact(&mut bytes).unwrap();
            bytes.sort_unstable();
            bytes
        });
        assert_eq!(read.await.unwrap(), [ALIVE, READY, UNCONFINED]);
    }

    #[tokio::test]
    async fn orders_are_passed_on_and_the_end_of_the_watcher_stops() {
        let (mut watcher, child) = BlockingStream::pair().unwrap();
        let mut attendant = Attendant::start(child).unwrap();
        let mut reloads = attendant.reloads().unwrap();
        watcher.write_all(&Frame::new(RELOAD, 9).bytes()).unwrap();
        assert_eq!(reloads.next().await, Some(9));
        let mut stop = attendant.stop();
        assert!(!*stop.borrow());
        drop(watcher);
        assert!(*stop.wait_for(|stop| *stop).await.unwrap());
    }

    #[tokio::test]
    async fn answers_carry_the_number_of_their_question() {
        let (watcher, child) = BlockingStream::pair().unwrap();
        watcher.set_nonblocking(true).unwrap();
        let mut watcher = UnixStream::from_std(watcher).unwrap();
        let mut attendant = Attendant::start(child).unwrap();
        let counts = Counts { current: 3, ..Counts::default() };
        attendant.count_with(move || counts);
        watcher.write_all(&Frame::new(COUNT, 4).bytes()).await.unwrap();
        watcher.write_all(&Frame::new(RELOAD, 5).bytes()).await.unwrap();
        let mut reloads = attendant.reloads().unwrap();
        let number = reloads.next().await.unwrap();
        reloads.finished(number, false).await;
        let mut frames = Frames::default();
        let mut heard = Vec::new();
        while heard.len() < 2 {
            let frame = frames.next(&mut watcher).await.unwrap();
            heard.extend((frame.code != ALIVE).then_some(frame));
        }
        let counted = Frame { code: COUNTED, number: 4, counts };
        assert_eq!(heard, [counted, Frame::new(NOT_RELOADED, 5)]);
    }
}
