//! A started process's side of being watched: signs of life, orders, and the end with the watcher.

use crate::frames::{
    ALIVE, DISCONNECT, DISCONNECTED, Frame, Frames, LIST, NOT_RELOADED, READY, RELOAD, RELOADED,
    UNCONFINED, USERS,
};
use crate::limits::{HEARTBEAT, STOP_GRACE};
use crate::users::UserRow;
use rustix::process::{Signal, getpid, kill_process};
use std::io;
use std::os::unix::net::UnixStream as BlockingStream;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, mpsc, watch};
use waypost_types::Secret;

/// A stopping process that is not gone after this long kills itself, should the watcher not do it.
const LAST_RESORT: Duration = STOP_GRACE.saturating_mul(2);
/// Answers that wait to be sent; the one who gives them waits when there are more.
const ANSWERS: usize = 4;

/// Bytes of users that are told at a time.
const USERS_PART_BYTES: usize = 64 << 10;

/// Work that comes with a sign of life.
type AtBeat = Box<dyn Fn() + Send + Sync>;

/// What a process knows of its users.
pub struct UserDesk {
    /// Everybody who is logged in.
    pub list: Box<dyn Fn() -> Vec<UserRow> + Send + Sync>,
    /// Ends the connections of an account; answers with how many there are.
    pub disconnect: Box<dyn Fn(&str) -> u64 + Send + Sync>,
}

/// An order to take in settings.
#[derive(Debug, Clone)]
pub struct Order {
    /// Its number, for the answer.
    pub number: u64,
    /// As [`crate::Hooks::make_settings`] has made them.
    pub settings: Arc<Secret<Vec<u8>>>,
}

/// The orders to take in settings. Of those that come while one is carried out the last counts.
#[derive(Debug)]
pub struct Reloads {
    asked: watch::Receiver<Order>,
    answers: mpsc::Sender<Frame>,
}

impl Reloads {
    /// Waits for the next order; `None` when no more can come.
    pub async fn next(&mut self) -> Option<Order> {
        self.asked.changed().await.ok()?;
        Some(self.asked.borrow_and_update().clone())
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
    users: Arc<OnceLock<UserDesk>>,
    at_beat: Arc<OnceLock<AtBeat>>,
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
        let nothing = Order { number: 0, settings: Arc::new(Secret::new(Vec::new())) };
        let (asked_sender, asked) = watch::channel(nothing);
        let (answers, answered) = mpsc::channel(ANSWERS);
        let (users, at_beat) = (Arc::default(), Arc::default());
        let (from, to) = stream.into_split();
        let link = Link {
            from,
            to,
            ready: Arc::clone(&ready),
            unconfined: Arc::clone(&unconfined),
            asked: asked_sender,
            answered,
            _answers: answers.clone(),
            users: Arc::clone(&users),
            at_beat: Arc::clone(&at_beat),
        };
        let reloads = Some(Reloads { asked, answers });
        tokio::spawn(async move {
            link.attend(signals).await;
            last_resort();
            // The receivers may all be gone already: then the process is ending anyhow.
            let _ = stop_sender.send(true);
            stop_sender.closed().await;
        });
        Ok(Self { ready, unconfined, stop, reloads, users, at_beat })
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

    /// Has `work` done with every sign of life from now on, every [`HEARTBEAT`]: a timer of its own would
    /// wake the process once more. The first call counts. It must not block.
    pub fn at_every_beat(&self, work: impl Fn() + Send + Sync + 'static) {
        let _ = self.at_beat.set(Box::new(work));
    }

    /// Says who knows the users; the first call counts.
    pub fn answer_with(&self, users: UserDesk) {
        let _ = self.users.set(users);
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
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    ready: Arc<Notify>,
    unconfined: Arc<Notify>,
    asked: watch::Sender<Order>,
    answered: mpsc::Receiver<Frame>,
    /// Keeps `answered` open when nobody carries out orders.
    _answers: mpsc::Sender<Frame>,
    users: Arc<OnceLock<UserDesk>>,
    at_beat: Arc<OnceLock<AtBeat>>,
}

impl Link {
    /// Answers when the process shall end.
    async fn attend(mut self, mut signals: Signals) {
        let mut beat = tokio::time::interval(HEARTBEAT);
        let mut frames = Frames::default();
        loop {
            let say = tokio::select! {
                _ = beat.tick() => self.beat(),
                () = self.ready.notified() => vec![Frame::new(READY, 0)],
                () = self.unconfined.notified() => vec![Frame::new(UNCONFINED, 0)],
                answer = self.answered.recv() => answer.into_iter().collect(),
                order = frames.next(&mut self.from) => match order {
                    Ok(order) => self.obey(order),
                    Err(_) => return,
                },
                _ = signals.terminate.recv() => return,
                // Settings come from the watcher, which is the one to tell.
                _ = signals.hang_up.recv() => Vec::new(),
            };
            for frame in say {
                if self.to.write_all(frame.bytes().expose()).await.is_err() {
                    return;
                }
            }
        }
    }

    fn beat(&self) -> Vec<Frame> {
        if let Some(work) = self.at_beat.get() {
            work();
        }
        vec![Frame::new(ALIVE, 0)]
    }

    /// Begins to carry out an order; answers with what can be said at once.
    fn obey(&self, order: Frame) -> Vec<Frame> {
        let Frame { code, number, payload } = order;
        match code {
            RELOAD => {
                self.asked.send_replace(Order { number, settings: Arc::new(payload) });
                Vec::new()
            }
            LIST => self.list(number),
            DISCONNECT => {
                let account = String::from_utf8_lossy(payload.expose());
                let count = self.users.get().map_or(0, |users| (users.disconnect)(&account));
                vec![Frame::with(DISCONNECTED, number, count.to_le_bytes().to_vec())]
            }
            // Of a later version.
            _ => Vec::new(),
        }
    }

    /// The users in parts of whole lines, and the sign that there are no more.
    fn list(&self, number: u64) -> Vec<Frame> {
        let rows = self.users.get().map_or_else(Vec::new, |users| (users.list)());
        let mut parts = vec![String::new()];
        for row in rows {
            match parts.last_mut() {
                Some(part) if part.len() < USERS_PART_BYTES => part.push_str(&format!("{row}\n")),
                _ => parts.push(format!("{row}\n")),
            }
        }
        let frame = |part: String| Frame::with(USERS, number, part.into_bytes());
        let parts = parts.into_iter().filter(|part| !part.is_empty()).map(frame);
        parts.chain([Frame::new(USERS, number)]).collect()
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

    #[tokio::test(start_paused = true)]
    async fn work_is_done_with_every_sign_of_life() {
        let (mut watcher, child) = BlockingStream::pair().unwrap();
        let attendant = Attendant::start(child).unwrap();
        let (done, mut count) = mpsc::unbounded_channel();
        attendant.at_every_beat(move || done.send(()).unwrap());
        for _ in 0..3 {
            count.recv().await.unwrap();
        }
        let mut signs = [0; 3];
        watcher.read_exact(&mut signs).unwrap();
        assert_eq!(signs, [ALIVE; 3]);
    }

    #[tokio::test]
    async fn orders_are_passed_on_and_the_end_of_the_watcher_stops() {
        let (mut watcher, child) = BlockingStream::pair().unwrap();
        let mut attendant = Attendant::start(child).unwrap();
        let mut reloads = attendant.reloads().unwrap();
        let order = Frame::with(RELOAD, 9, b"settings".to_vec());
        watcher.write_all(order.bytes().expose()).unwrap();
        let order = reloads.next().await.unwrap();
        assert_eq!((order.number, order.settings.expose().as_slice()), (9, &b"settings"[..]));
        let mut stop = attendant.stop();
        assert!(!*stop.borrow());
        drop(watcher);
        assert!(*stop.wait_for(|stop| *stop).await.unwrap());
    }

    fn row(connection: u64) -> UserRow {
        UserRow {
            connection,
            account: "alice".to_owned(),
            mechanism: "PLAIN".to_owned(),
            tls_bits: 0,
            since: 0,
            client: None,
            server: None,
        }
    }

    #[tokio::test]
    async fn answers_carry_the_number_of_their_question() {
        const USERS_HERE: u64 = 5_000;
        let (watcher, child) = BlockingStream::pair().unwrap();
        watcher.set_nonblocking(true).unwrap();
        let mut watcher = UnixStream::from_std(watcher).unwrap();
        let mut attendant = Attendant::start(child).unwrap();
        attendant.answer_with(UserDesk {
            list: Box::new(|| (0..USERS_HERE).map(row).collect()),
            disconnect: Box::new(|account| u64::try_from(account.len()).unwrap()),
        });
        let orders = [
            Frame::new(LIST, 4),
            Frame::with(DISCONNECT, 5, b"bob".to_vec()),
            Frame::new(RELOAD, 6),
        ];
        for order in orders {
            watcher.write_all(order.bytes().expose()).await.unwrap();
        }
        let mut reloads = attendant.reloads().unwrap();
        let number = reloads.next().await.unwrap().number;
        reloads.finished(number, false).await;
        let mut frames = Frames::default();
        let mut users = crate::users::UserParts::default();
        let mut heard = Vec::new();
        while heard.len() < 2 {
            let frame = frames.next(&mut watcher).await.unwrap();
            match frame.code {
                ALIVE => {}
                USERS => users.take(frame.number, frame.payload.expose()),
                _ => heard.push(frame),
            }
        }
        assert!(users.answers(4));
        assert_eq!(users.rows(), (0..USERS_HERE).map(row).collect::<Vec<_>>());
        let ended = Frame::with(DISCONNECTED, 5, 3_u64.to_le_bytes().to_vec());
        assert_eq!(heard, [ended, Frame::new(NOT_RELOADED, 6)]);
    }
}
