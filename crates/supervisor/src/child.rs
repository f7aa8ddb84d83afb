//! A started process's side of being watched: signs of life, orders, and the end with the watcher.

use crate::control::{ALIVE, READY, RELOAD, UNCONFINED};
use crate::limits::{HEARTBEAT, STOP_GRACE};
use rustix::process::{Signal, getpid, kill_process};
use std::io;
use std::os::unix::net::UnixStream as BlockingStream;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, mpsc, watch};

/// A stopping process that is not gone after this long kills itself, should the watcher not do it.
const LAST_RESORT: Duration = STOP_GRACE.saturating_mul(2);
/// Orders that wait to be carried out; a further reload is the same as the one that waits.
const ORDERS: usize = 1;

/// What the watcher or the administrator asks for while a process serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Read certificate and settings again.
    Reload,
}

/// Keeps up the link to the watcher, for as long as the runtime lives.
pub struct Attendant {
    ready: Arc<Notify>,
    unconfined: Arc<Notify>,
    stop: watch::Receiver<bool>,
    orders: Option<mpsc::Receiver<Order>>,
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
        let (order_sender, orders) = mpsc::channel(ORDERS);
        let link = Link {
            stream,
            ready: Arc::clone(&ready),
            unconfined: Arc::clone(&unconfined),
            orders: order_sender,
        };
        tokio::spawn(async move {
            link.attend(signals).await;
            last_resort();
            // The receivers may all be gone already: then the process is ending anyhow.
            let _ = stop_sender.send(true);
            stop_sender.closed().await;
        });
        Ok(Self { ready, unconfined, stop, orders: Some(orders) })
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
    pub fn orders(&mut self) -> Option<mpsc::Receiver<Order>> {
        self.orders.take()
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
    orders: mpsc::Sender<Order>,
}

impl Link {
    /// Answers when the process shall end.
    async fn attend(mut self, mut signals: Signals) {
        let mut beat = tokio::time::interval(HEARTBEAT);
        loop {
            tokio::select! {
                _ = beat.tick() => if self.say(ALIVE).await.is_err() { return },
                () = self.ready.notified() => if self.say(READY).await.is_err() { return },
                () = self.unconfined.notified() => {
                    if self.say(UNCONFINED).await.is_err() { return }
                }
                order = self.stream.read_u8() => match order {
                    Ok(RELOAD) => self.reload(),
                    // A byte of a later version.
                    Ok(_) => {}
                    Err(_) => return,
                },
                _ = signals.terminate.recv() => return,
                _ = signals.hang_up.recv() => self.reload(),
            }
        }
    }

    fn reload(&self) {
        // Full: a reload that has not begun yet will see the same files.
        let _ = self.orders.try_send(Order::Reload);
    }

    async fn say(&mut self, byte: u8) -> io::Result<()> {
        self.stream.write_all(&[byte]).await
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
        let mut orders = attendant.orders().unwrap();
        watcher.write_all(&[RELOAD]).unwrap();
        assert_eq!(orders.recv().await, Some(Order::Reload));
        let mut stop = attendant.stop();
        assert!(!*stop.borrow());
        drop(watcher);
        assert!(*stop.wait_for(|stop| *stop).await.unwrap());
    }
}
