//! The task that keeps this process connected to `stored`.

use super::link::Waiter;
use super::{ClientConfig, Shared};
use crate::proto::{
    FrameReader, FromStored, Hello, PROTOCOL_VERSION, StatusReport, ToStored, encode,
};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use waypost_types::AccountId;

/// The first pause before another attempt to connect; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
/// The longest pause between attempts.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// The server introduces itself within this time; it opens its store first.
const HELLO_PATIENCE: Duration = Duration::from_secs(10);
/// Notes of log-ins gather this long when nothing else is sent: a wake-up and a write of the socket
/// for each would cost more than the notes themselves.
const NOTES_PAUSE: Duration = Duration::from_millis(250);
/// When nothing can be sent any more, answers already under way are read for this long.
const LAST_ANSWERS: Duration = Duration::from_secs(1);
/// Bytes written at once, about.
const WRITE_BYTES: usize = 256 << 10;
/// Frames up to this size in bytes are gathered into one write.
const GATHERED_BYTES: usize = 16 << 10;
/// Bytes read at once.
const READ_BUFFER_BYTES: usize = 64 << 10;

type Frames = FrameReader<BufReader<OwnedReadHalf>>;

/// Connects, and connects again, until the task is aborted.
pub(crate) async fn drive(shared: Arc<Shared>) {
    let mut pause = FIRST_PAUSE;
    loop {
        match connect(&shared.config, shared.client).await {
            Ok((frames, write, hello)) => {
                pause = FIRST_PAUSE;
                let again = shared.link().connected(hello.outcomes);
                shared.connected.send_replace(true);
                if again {
                    // Listening first: what changes after the sessions have looked is told.
                    shared.watchers.listen_again(&shared);
                    shared.watchers.wake_all();
                }
                let error = converse(&shared, frames, write).await;
                tracing::warn!(%error, "the connection to the store's writer ended");
            }
            Err(error) => tracing::debug!(%error, "the store's writer cannot be reached"),
        }
        shared.connected.send_replace(false);
        shared.link().disconnected();
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn connect(
    config: &ClientConfig,
    client: u64,
) -> io::Result<(Frames, OwnedWriteHalf, Hello)> {
    let (read, mut write) = UnixStream::connect(&config.socket_path).await?.into_split();
    let hello = Hello {
        version: PROTOCOL_VERSION,
        role: config.role.clone(),
        pid: std::process::id(),
        client,
        wakes: config.watches,
        outcomes: 0,
    };
    write.write_all(&encode(&ToStored::Hello(hello))?).await?;
    let mut frames = FrameReader::new(BufReader::with_capacity(READ_BUFFER_BYTES, read));
    let first = tokio::time::timeout(HELLO_PATIENCE, frames.next::<FromStored>()).await??;
    match first {
        Some((FromStored::Hello(hello), _)) if hello.version == PROTOCOL_VERSION => {
            Ok((frames, write, hello))
        }
        Some((FromStored::Refused { reason }, _)) => Err(io::Error::other(reason)),
        Some(_) => Err(io::Error::other("the writer speaks another protocol")),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Asks the server for its figures over a connection of its own, without opening the store.
pub(crate) async fn ask_status(config: &ClientConfig) -> io::Result<StatusReport> {
    let client = getrandom::u64().map_err(io::Error::other)?;
    let (mut frames, mut write, _) = connect(config, client).await?;
    let request = 1;
    write.write_all(&encode(&ToStored::Status { request })?).await?;
    loop {
        match frames.next::<FromStored>().await? {
            Some((FromStored::StatusReport { report, .. }, _)) => return Ok(report),
            Some(_) => {}
            None => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// Sends and receives until the connection fails.
async fn converse(shared: &Shared, frames: Frames, write: OwnedWriteHalf) -> io::Error {
    let mut reading = std::pin::pin!(receive(shared, frames));
    let sent = tokio::select! {
        ended = &mut reading => return ended,
        error = send(shared, write) => error,
    };
    // A dead server's last answers can still be read: with them nothing need be asked again.
    tokio::time::timeout(LAST_ANSWERS, reading).await.unwrap_or(sent)
}

async fn send(shared: &Shared, mut write: OwnedWriteHalf) -> io::Error {
    loop {
        let frames = shared.link().take_outgoing(WRITE_BYTES);
        if frames.is_empty() {
            rest(shared).await;
            continue;
        }
        let mut gathered = Vec::new();
        for frame in frames {
            if frame.len() <= GATHERED_BYTES {
                gathered.extend_from_slice(&frame);
                continue;
            }
            if let Err(error) = write_both(&mut write, &mut gathered, &frame).await {
                return error;
            }
        }
        if let Err(error) = write.write_all(&gathered).await {
            return error;
        }
    }
}

/// Waits until something is to be sent.
async fn rest(shared: &Shared) {
    if !shared.link().has_notes() {
        shared.ready.notified().await;
    } else if tokio::time::timeout(NOTES_PAUSE, shared.ready.notified()).await.is_err() {
        shared.link().queue_notes();
    }
}

async fn write_both(
    write: &mut OwnedWriteHalf,
    gathered: &mut Vec<u8>,
    frame: &[u8],
) -> io::Result<()> {
    write.write_all(gathered).await?;
    gathered.clear();
    write.write_all(frame).await
}

async fn receive(shared: &Shared, mut frames: Frames) -> io::Error {
    loop {
        match frames.next::<FromStored>().await {
            Ok(Some((frame, _))) => take(shared, frame),
            Ok(None) => return io::ErrorKind::UnexpectedEof.into(),
            Err(error) => return error,
        }
    }
}

fn take(shared: &Shared, frame: FromStored) {
    match frame {
        FromStored::Hello(_) => {}
        FromStored::Refused { reason } => {
            tracing::warn!(reason, "the store's writer refuses this process");
        }
        FromStored::Outcome { id, outcomes, result } => shared.link().resolve(id, outcomes, result),
        FromStored::OutcomeKnown { id, outcomes, result } => {
            shared.link().known(id, outcomes, result);
            shared.ready.notify_one();
        }
        FromStored::Wake { outcomes, accounts } => {
            shared.link().heard(outcomes);
            let deaf = |account: &AccountId| !shared.watchers.wake(*account);
            let deaf: Vec<_> =
                accounts.into_iter().map(|(account, _)| account).filter(deaf).collect();
            shared.watchers.unlisten(shared, &deaf);
        }
        FromStored::Dirty { outcomes } => {
            shared.link().heard(outcomes);
            shared.watchers.wake_all();
        }
        FromStored::Credit { upload, bytes } => {
            if let Some(slot) = shared.link().upload(upload) {
                slot.grant(bytes);
            }
        }
        FromStored::UploadDone { upload, result } => {
            if let Some(slot) = shared.link().upload(upload) {
                slot.end(result);
            }
        }
        FromStored::HoldQuery { round } => {
            let holds = shared.watchers.holds();
            shared.push(&ToStored::HoldAnswer { round, holds });
        }
        // The one who asked may have gone.
        FromStored::BackupDone { request, result } => {
            if let Some(Waiter::Backup(reply)) = shared.link().waiter(request) {
                drop(reply.send(result));
            }
        }
        FromStored::StatusReport { request, report } => {
            if let Some(Waiter::Status(reply)) = shared.link().waiter(request) {
                drop(reply.send(report));
            }
        }
        FromStored::Repaired { request, result } => {
            if let Some(Waiter::Repair(reply)) = shared.link().waiter(request) {
                drop(reply.send(result));
            }
        }
        FromStored::NotesWritten { request } => {
            if let Some(Waiter::Notes(reply)) = shared.link().waiter(request) {
                let _gone = reply.send(());
            }
        }
        FromStored::Compacted { request, result } => {
            if let Some(Waiter::Compact(reply)) = shared.link().waiter(request) {
                drop(reply.send(result));
            }
        }
        FromStored::Harmed { harm } => shared.harm.take(harm),
        FromStored::Removed { segments } => {
            if let Some(reader) = shared.reader.get() {
                reader.forget(&segments);
            }
        }
    }
}
