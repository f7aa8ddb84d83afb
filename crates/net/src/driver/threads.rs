//! The threads that steps run on when they may block: made when steps wait, ended when none came for a
//! while, never more than `maxthreads`.
//!
//! A step is one slice of a command, so a command that takes long comes back for its next slice. One that
//! has used much time already lets those pass that have not: whoever asks for little waits for no more
//! than the slice that runs, however many long commands there are.

use super::core::catch;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// A thread that had nothing to do for this long ends. Making one costs some tens of microseconds, so it
/// need not be kept from one click of a person to the next.
pub(crate) const IDLE_KEPT: Duration = Duration::from_secs(5);

/// A command that has kept a thread for this long lets others pass. Most commands take less than a
/// millisecond.
const LONG_AFTER: Duration = Duration::from_millis(5);

/// Steps that may pass a waiting long one before it has its turn: long commands get at least a ninth of
/// the threads' time.
const PASSED_BY_MAX: u32 = 8;

type Job = Box<dyn FnOnce() + Send>;

/// The threads of one service in this process. Its queue holds at most a step of each connection.
#[derive(Clone)]
pub(crate) struct Threads {
    pool: Arc<Pool>,
}

struct Pool {
    max: usize,
    kept: Duration,
    /// Steps may use the runtime as its own threads do.
    runtime: Handle,
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Default)]
struct State {
    quick: VecDeque<Job>,
    long: VecDeque<Job>,
    /// Quick steps taken since the oldest long one began to wait.
    passed: u32,
    threads: usize,
    idle: usize,
}

impl State {
    fn next(&mut self) -> Option<Job> {
        let long_is_due = self.passed >= PASSED_BY_MAX && !self.long.is_empty();
        if !long_is_due && let Some(job) = self.quick.pop_front() {
            self.passed = if self.long.is_empty() { 0 } else { self.passed + 1 };
            return Some(job);
        }
        self.passed = 0;
        self.long.pop_front()
    }

    fn waiting(&self) -> usize {
        self.quick.len() + self.long.len()
    }
}

impl Threads {
    /// At most `max` threads, zero taken as one; each ends when it was idle for `kept`. Must be called
    /// within a runtime.
    pub(crate) fn new(max: usize, kept: Duration) -> Self {
        let (state, work, runtime) = (Mutex::default(), Condvar::new(), Handle::current());
        Self { pool: Arc::new(Pool { max: max.max(1), kept, runtime, state, work }) }
    }

    /// Queues `step` for a thread and answers what it answered; `None` when there is no thread and the
    /// system gives none, or when it panicked. `spent` is the time on threads that its command had.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        spent: Duration,
        step: impl FnOnce() -> T + Send + 'static,
    ) -> impl Future<Output = Option<T>> {
        let (answer, answered) = oneshot::channel();
        // A connection that was cut meanwhile takes no answer; what the step left goes with it.
        self.submit(spent, Box::new(move || drop(answer.send(step()))));
        // What waits holds no step: every connection pays for the largest of its states.
        async move { answered.await.ok() }
    }

    fn submit(&self, spent: Duration, job: Job) {
        let mut state = self.pool.state();
        let queue = if spent < LONG_AFTER { &mut state.quick } else { &mut state.long };
        queue.push_back(job);
        // A thread that was called but has not come yet counts as idle: so many, and no more, wait.
        let is_short = state.waiting() > state.idle && state.threads < self.pool.max;
        if !is_short {
            // Threads that work look for more before they rest, and one that is called should not find
            // the lock taken.
            let somebody_rests = state.idle > 0;
            drop(state);
            if somebody_rests {
                self.pool.work.notify_one();
            }
            return;
        }
        state.threads += 1;
        let pool = Arc::clone(&self.pool);
        let made = std::thread::Builder::new().name("step".to_owned()).spawn(move || pool.work());
        if let Err(error) = made {
            state.threads -= 1;
            tracing::error!(%error, threads = state.threads, "cannot start a thread");
            if state.threads == 0 {
                // Nobody would ever take what waits.
                state.quick.clear();
                state.long.clear();
            }
        }
    }
}

impl Pool {
    /// Nothing under this lock can panic half-way through a change.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The life of a thread.
    fn work(&self) {
        let _within = self.runtime.enter();
        let mut state = self.state();
        loop {
            while let Some(job) = state.next() {
                drop(state);
                // Steps catch their own panics; this one would be in what surrounds them.
                if let Err(panicked) = catch(job) {
                    tracing::error!(panic = panicked.0, "a step was lost");
                }
                state = self.state();
            }
            state.idle += 1;
            let woken = self.work.wait_timeout(state, self.kept);
            let (awake, slept) = woken.unwrap_or_else(PoisonError::into_inner);
            state = awake;
            state.idle -= 1;
            if slept.timed_out() && state.waiting() == 0 {
                state.threads -= 1;
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::sync::mpsc;
    use tokio::task::JoinSet;
    use tokio::time::sleep;

    const SOON: Duration = Duration::from_millis(20);

    impl Threads {
        fn count(&self) -> usize {
            self.pool.state().threads
        }
    }

    #[tokio::test]
    async fn threads_come_up_to_the_limit_and_go() {
        let threads = Threads::new(3, SOON);
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let mut steps = JoinSet::new();
        for number in 0..50 {
            let (threads, now, most) = (threads.clone(), Arc::clone(&now), Arc::clone(&most));
            let step = move || {
                most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                std::thread::sleep(Duration::from_millis(2));
                now.fetch_sub(1, SeqCst);
                number
            };
            steps.spawn(async move { threads.run(Duration::ZERO, step).await });
        }
        let mut answers: Vec<_> = steps.join_all().await.into_iter().map(Option::unwrap).collect();
        answers.sort_unstable();
        assert_eq!(answers, (0..50).collect::<Vec<_>>());
        assert_eq!((most.load(SeqCst), threads.count()), (3, 3));
        while threads.count() > 0 {
            sleep(SOON).await;
        }
        assert_eq!(threads.run(Duration::ZERO, || 7).await, Some(7));
    }

    #[tokio::test]
    async fn a_second_step_gets_a_second_thread_at_once() {
        let threads = Threads::new(2, SOON);
        threads.run(Duration::ZERO, || ()).await.unwrap();
        let (release, released) = mpsc::channel::<()>();
        let slow = threads.run(Duration::ZERO, move || released.recv().unwrap());
        let quick = threads.run(Duration::ZERO, move || release.send(()).unwrap());
        let both = async { tokio::join!(slow, quick) };
        assert_eq!(both.await, (Some(()), Some(())));
    }

    #[tokio::test]
    async fn long_commands_are_passed_but_not_for_ever() {
        let threads = Threads::new(1, SOON);
        let (open, gate) = mpsc::channel::<()>();
        threads.submit(Duration::ZERO, Box::new(move || gate.recv().unwrap()));
        let (say, said) = mpsc::channel();
        let speak = |spent, word| {
            let say = say.clone();
            threads.submit(spent, Box::new(move || say.send(word).unwrap()));
        };
        // The one that keeps the thread must be taken before the others queue behind it.
        while threads.pool.state().waiting() > 0 {
            sleep(SOON).await;
        }
        speak(LONG_AFTER, "long");
        for _ in 0..10 {
            speak(Duration::ZERO, "quick");
        }
        open.send(()).unwrap();
        let words: Vec<_> = (0..11).map(|_| said.recv().unwrap()).collect();
        assert_eq!(words.iter().position(|word| *word == "long"), Some(PASSED_BY_MAX as usize));
    }

    #[tokio::test]
    async fn a_panic_ends_no_thread() {
        let threads = Threads::new(1, SOON);
        assert_eq!(threads.run(Duration::ZERO, || panic!("a step panics")).await, None::<()>);
        assert_eq!(threads.run(Duration::ZERO, || 7).await, Some(7));
        assert_eq!(threads.count(), 1);
    }
}
