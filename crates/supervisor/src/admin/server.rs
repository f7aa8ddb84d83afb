//! The watcher's side of the control socket.

use super::{Answer, END, Request};
use crate::limits::{
    ANSWER_BYTES, ASK_WAIT, CONTROL_PAUSE, RELOAD_WAIT, REQUEST_BYTES, REQUEST_TIME, REQUESTS,
    START_WAIT, STOP_WAIT,
};
use crate::service::Service;
use crate::state::{Board, Entry, ProcessState};
use rustix::net::sockopt::socket_peercred;
use rustix::process::geteuid;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::timeout;

/// What the watcher says at once to a request, and what the answer still waits for.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) answers: Vec<Answer>,
    pub(crate) waiting: Option<Waiting>,
}

/// What an answer waits for.
#[derive(Debug)]
pub(crate) enum Waiting {
    /// That services serve.
    Ready(Vec<Service>),
    /// That services have ended.
    Stopped(Vec<Service>),
    /// That services have answered the order of this number.
    Reloaded(Vec<Service>, u64),
    /// That the processes have told their users in answer to the question of this number.
    Users(Vec<Service>, u64),
    /// That every process has answered the order of this number about an account.
    Disconnected(String, u64),
}

/// A request on its way to the watcher, with the place for its outcome.
pub(crate) type Errand = (Request, oneshot::Sender<Outcome>);

/// Where the watcher finds the requests.
pub(crate) type Desk = mpsc::Receiver<Errand>;

/// The control socket.
pub(crate) struct Listener {
    socket: UnixListener,
    board: Arc<Board>,
    errands: mpsc::Sender<Errand>,
}

impl Listener {
    /// Takes requests from `socket` for the watcher behind the desk.
    pub(crate) fn new(
        socket: std::os::unix::net::UnixListener,
        board: Arc<Board>,
    ) -> io::Result<(Self, Desk)> {
        socket.set_nonblocking(true)?;
        let socket = UnixListener::from_std(socket)?;
        let (errands, desk) = mpsc::channel(REQUESTS);
        Ok((Self { socket, board, errands }, desk))
    }

    /// Where other tasks leave requests for the watcher.
    pub(crate) fn errands(&self) -> mpsc::Sender<Errand> {
        self.errands.clone()
    }

    /// Answers requests until the task is ended.
    pub(crate) async fn run(self) {
        let permits = Arc::new(Semaphore::new(REQUESTS));
        loop {
            // Fails only when the semaphore is closed, which nobody does.
            let Ok(permit) = Arc::clone(&permits).acquire_owned().await else { return };
            let stream = match self.socket.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "control socket");
                    tokio::time::sleep(CONTROL_PAUSE).await;
                    continue;
                }
            };
            let (board, errands) = (Arc::clone(&self.board), self.errands.clone());
            tokio::spawn(async move {
                if let Err(error) = serve(stream, &board, &errands).await {
                    tracing::warn!(%error, "request not answered");
                }
                drop(permit);
            });
        }
    }
}

async fn serve(
    mut stream: UnixStream,
    board: &Board,
    errands: &mpsc::Sender<Errand>,
) -> io::Result<()> {
    check_peer(&stream)?;
    let line = timeout(REQUEST_TIME, read_line(&mut stream)).await??;
    let answers = match Request::parse(&line) {
        Ok(request) => {
            if request != Request::Status {
                tracing::info!(%request, "told by an administrator");
            }
            carry_out(request, board, errands).await
        }
        Err(error) => vec![Answer::Failed(error)],
    };
    let mut text: String = answers.iter().map(|answer| format!("{answer}\n")).collect();
    // Only a list of users can come near.
    if text.len() as u64 + END.len() as u64 >= ANSWER_BYTES {
        text = format!(
            "{}\n",
            Answer::Failed("the answer is too long; ask for one service".to_owned())
        );
    }
    text.push_str(END);
    text.push('\n');
    timeout(REQUEST_TIME, stream.write_all(text.as_bytes())).await?
}

/// The permissions of the socket say the same; they do not hold for descriptors passed on.
fn check_peer(stream: &UnixStream) -> io::Result<()> {
    let peer = socket_peercred(stream)?.uid;
    if peer.is_root() || peer == geteuid() {
        return Ok(());
    }
    let text = format!("user {} may not control the server", peer.as_raw());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
}

async fn read_line(stream: &mut UnixStream) -> io::Result<String> {
    let mut line = String::new();
    let most = u64::try_from(REQUEST_BYTES).unwrap_or(u64::MAX);
    BufReader::new(stream.take(most)).read_line(&mut line).await?;
    let whole = line.strip_suffix('\n').map(str::to_owned);
    whole.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no whole line"))
}

/// Has the watcher do what is asked, and waits until it is done.
pub(crate) async fn carry_out(
    request: Request,
    board: &Board,
    errands: &mpsc::Sender<Errand>,
) -> Vec<Answer> {
    let ending = || vec![Answer::Failed("the server is ending".to_owned())];
    let (sender, receiver) = oneshot::channel();
    if errands.send((request, sender)).await.is_err() {
        return ending();
    }
    let Ok(Outcome { mut answers, waiting }) = receiver.await else { return ending() };
    if let Some(waiting) = waiting {
        answers.extend(waiting.finish(board).await);
    }
    answers
}

impl Waiting {
    /// Waits, and says what came of it.
    pub(crate) async fn finish(self, board: &Board) -> Vec<Answer> {
        match self {
            Self::Ready(services) => {
                let decided = |entry: &Entry| {
                    matches!(entry.row.state, ProcessState::Ready | ProcessState::GivenUp)
                };
                settle(board, START_WAIT, |entries| of(entries, &services).all(decided)).await;
                answer(board, &services, started)
            }
            Self::Stopped(services) => {
                let all = |entries: &[Entry]| of(entries, &services).all(has_ended);
                settle(board, STOP_WAIT, all).await;
                answer(board, &services, stopped)
            }
            Self::Reloaded(services, number) => {
                let heard = |entry: &Entry| !serves(entry) || entry.reloaded.0 >= number;
                let all = |entries: &[Entry]| of(entries, &services).all(heard);
                settle(board, RELOAD_WAIT, all).await;
                answer(board, &services, |service, of_it| reloaded(service, of_it, number))
            }
            Self::Users(services, number) => {
                let heard = |entry: &Entry| !serves(entry) || entry.users.answers(number);
                settle(board, ASK_WAIT, |entries| of(entries, &services).all(heard)).await;
                board.look(|entries| users(entries, &services, number))
            }
            Self::Disconnected(account, number) => {
                let heard = |entry: &Entry| !serves(entry) || entry.disconnected.0 >= number;
                settle(board, ASK_WAIT, |entries| entries.iter().all(heard)).await;
                vec![board.look(|entries| disconnected(entries, &account, number))]
            }
        }
    }
}

/// Waits until the processes are as wanted, or the time is over.
async fn settle(board: &Board, limit: Duration, wanted: impl Fn(&[Entry]) -> bool) {
    let mut changes = board.changes();
    let until = async {
        while !board.look(|entries| wanted(entries)) {
            // The board outlives its watchers.
            if changes.changed().await.is_err() {
                return;
            }
        }
    };
    // What came of it is read from the board.
    let _ = timeout(limit, until).await;
}

fn of<'a>(entries: &'a [Entry], services: &'a [Service]) -> impl Iterator<Item = &'a Entry> {
    entries.iter().filter(|entry| entry.row.service().is_some_and(|one| services.contains(&one)))
}

fn answer(
    board: &Board,
    services: &[Service],
    say: impl Fn(Service, &[&Entry]) -> Answer,
) -> Vec<Answer> {
    board.look(|entries| {
        let one = |service: &Service| {
            let of_it: Vec<&Entry> = of(entries, std::slice::from_ref(service)).collect();
            say(*service, &of_it)
        };
        services.iter().map(one).collect()
    })
}

/// The users of the processes that have answered; who asks hears of those that have not.
fn users(entries: &mut [Entry], services: &[Service], number: u64) -> Vec<Answer> {
    let mut answers = Vec::new();
    let asked = |entry: &&mut Entry| {
        entry.row.service().is_some_and(|one| services.contains(&one)) && serves(entry)
    };
    for entry in entries.iter_mut().filter(asked) {
        let name = entry.row.name.clone();
        if entry.users.answers(number) {
            let rows = entry.users.rows().into_iter();
            answers.extend(rows.map(|row| Answer::User(name.clone(), Box::new(row))));
            entry.users.clear();
        } else {
            answers.push(Answer::Failed(format!("{name} did not say who is logged in")));
        }
    }
    answers
}

fn disconnected(entries: &[Entry], account: &str, number: u64) -> Answer {
    let serving = || entries.iter().filter(|entry| serves(entry));
    let heard = |entry: &&Entry| entry.disconnected.0 >= number;
    let count: u64 = serving().filter(heard).map(|entry| entry.disconnected.1).sum();
    match serving().all(|entry| heard(&entry)) {
        true => Answer::Done(format!("{account}: {count} connections are ended")),
        false => Answer::Failed(format!(
            "{account}: {count} connections are ended, but not every process has answered"
        )),
    }
}

fn serves(entry: &Entry) -> bool {
    entry.row.state == ProcessState::Ready
}

fn has_ended(entry: &Entry) -> bool {
    matches!(entry.row.state, ProcessState::Stopped | ProcessState::GivenUp)
}

fn started(service: Service, entries: &[&Entry]) -> Answer {
    if entries.iter().all(|entry| serves(entry)) {
        return Answer::Done(format!("{service} is started"));
    }
    let lost = entries.iter().any(|entry| entry.row.state == ProcessState::GivenUp);
    Answer::Failed(match lost {
        true => format!(
            "{service} ends as soon as it is started; its log says why ({service}.logfile.logdir)"
        ),
        false => format!("{service} does not serve yet; `waypost status` shows when it does"),
    })
}

fn stopped(service: Service, entries: &[&Entry]) -> Answer {
    match entries.iter().all(|entry| has_ended(entry)) {
        true => Answer::Done(format!("{service} is stopped")),
        false => Answer::Failed(format!("{service} has not ended yet; `stop-msg -f` kills it")),
    }
}

fn reloaded(service: Service, entries: &[&Entry], number: u64) -> Answer {
    let mut of_running = entries.iter().filter(|entry| serves(entry));
    if of_running.clone().any(|entry| entry.reloaded.0 >= number && !entry.reloaded.1) {
        let text = "could not read its settings again and keeps the old ones; its log says why";
        return Answer::Failed(format!("{service} {text} ({service}.logfile.logdir)"));
    }
    match of_running.all(|entry| entry.reloaded.0 >= number) {
        true => Answer::Done(format!("{service} is refreshed")),
        false => Answer::Failed(format!("{service} did not say in time that it is refreshed")),
    }
}
