//! What is known of the running processes, one watcher's claim on its folder, and the state file.

use crate::service::Service;
use crate::users::UserParts;
use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use waypost_types::Moment;

/// Locked while a watcher runs.
const LOCK_FILE: &str = "watcher.lock";
/// Rewritten whenever a process starts, becomes ready or ends.
const STATE_FILE: &str = "state";
/// How often the lock is tried while others look at it.
const LOCK_TRIES: u32 = 100;
/// The pause between two tries.
const LOCK_PAUSE: Duration = Duration::from_millis(20);
/// The largest state file in bytes.
const STATE_BYTES: u64 = 1 << 20;

/// How a process is confined, in the state file.
const CONFINED: &str = "confined";
const UNCONFINED: &str = "unconfined";

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessState {
    /// Not started yet, or waiting to be started again.
    Down,
    /// Started, not serving yet.
    Starting,
    /// Serving.
    Ready,
    /// Ended too often.
    GivenUp,
    /// Told to end, and ended.
    Stopped,
}

impl ProcessState {
    const ALL: [Self; 5] = [Self::Down, Self::Starting, Self::Ready, Self::GivenUp, Self::Stopped];

    /// The state in one word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::GivenUp => "given-up",
            Self::Stopped => "stopped",
        }
    }
}

/// One process in the state file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Role, with a number when several run.
    pub name: String,
    /// What it does.
    pub state: ProcessState,
    /// Its process number while it runs.
    pub process: Option<u32>,
    /// How often it was started again.
    pub restarts: u32,
    /// Whether the system confines it as it should be; what it last said.
    pub confined: bool,
    /// When it was started, in seconds since 1970, while it runs.
    pub since: Option<u64>,
    /// Its open connections, when a status was asked for.
    pub open: u64,
    /// Where it listens, for people.
    pub places: Vec<String>,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, state, restarts) = (&self.name, self.state.name(), self.restarts);
        let process = or_dash(self.process);
        let since = or_dash(self.since);
        let open = self.open;
        let places = if self.places.is_empty() { "-".to_owned() } else { self.places.join(",") };
        let confined = if self.confined { CONFINED } else { UNCONFINED };
        write!(f, "{name}\t{state}\t{process}\t{restarts}\t{confined}\t{since}\t{open}\t{places}")
    }
}

fn or_dash(number: Option<impl fmt::Display>) -> String {
    number.map_or_else(|| "-".to_owned(), |number| number.to_string())
}

impl Row {
    /// A process that was not started yet.
    pub(crate) fn new(name: &str, places: Vec<String>) -> Self {
        Self {
            name: name.to_owned(),
            state: ProcessState::Down,
            process: None,
            restarts: 0,
            confined: true,
            since: None,
            open: 0,
            places,
        }
    }

    /// The service that it is part of.
    pub fn service(&self) -> Option<Service> {
        Service::of_process(&self.name)
    }

    pub(crate) fn parse(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.splitn(8, '\t').collect();
        let [name, state, process, restarts, confined, since, open, places] = fields.as_slice()
        else {
            return None;
        };
        let places = places.split(',').filter(|place| *place != "-");
        Some(Self {
            name: (*name).to_owned(),
            state: ProcessState::ALL.into_iter().find(|known| known.name() == *state)?,
            process: process.parse().ok(),
            restarts: restarts.parse().ok()?,
            confined: *confined == CONFINED,
            since: since.parse().ok(),
            open: open.parse().ok()?,
            places: places.map(str::to_owned).collect(),
        })
    }
}

/// The time of day, in seconds since 1970.
pub(crate) fn seconds_now() -> u64 {
    u64::try_from(Moment::now().wall.seconds).unwrap_or_default()
}

/// A row, and what its process has answered.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) row: Row,
    /// The last order to read settings again that was answered, and whether it went well.
    pub(crate) reloaded: (u64, bool),
    /// Its users, as it last told them.
    pub(crate) users: UserParts,
    /// The last order to end connections that was answered, and how many were asked to end.
    pub(crate) disconnected: (u64, u64),
}

/// The processes of one watcher; shared by the tasks that look after them.
#[derive(Debug)]
pub(crate) struct Board {
    entries: Mutex<Vec<Entry>>,
    changed: watch::Sender<()>,
}

impl Board {
    pub(crate) fn new() -> Self {
        Self { entries: Mutex::new(Vec::new()), changed: watch::Sender::new(()) }
    }

    /// Replaces the rows of a service, which keeps its place in the order of services.
    pub(crate) fn replace(&self, service: Service, rows: Vec<Row>) {
        let entry = |row| Entry {
            row,
            reloaded: (0, true),
            users: UserParts::default(),
            disconnected: (0, 0),
        };
        let mut entries = self.lock();
        entries.retain(|entry| entry.row.service() != Some(service));
        entries.extend(rows.into_iter().map(entry));
        let order = |entry: &Entry| {
            let place = Service::ALL.into_iter().position(|one| entry.row.service() == Some(one));
            place.unwrap_or(Service::ALL.len())
        };
        // Stable, so the processes of a service stay in their order.
        entries.sort_by_key(order);
        drop(entries);
        self.changed.send_replace(());
    }

    /// Changes the row of a process; one that was replaced meanwhile is no longer there.
    pub(crate) fn update(&self, name: &str, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.lock().iter_mut().find(|entry| entry.row.name == name) {
            change(entry);
        }
        self.changed.send_replace(());
    }

    pub(crate) fn rows(&self) -> Vec<Row> {
        self.lock().iter().map(|entry| entry.row.clone()).collect()
    }

    /// Looks at all of it at once; must not wait.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&mut [Entry]) -> T) -> T {
        look(&mut self.lock())
    }

    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A watcher's claim on its run folder; others are kept out until it is dropped.
#[derive(Debug)]
pub struct Lock {
    folder: PathBuf,
    _file: File,
}

/// Why a run folder cannot be claimed.
#[derive(Debug)]
pub enum LockError {
    /// A watcher runs there.
    Running(PathBuf),
    /// The lock file cannot be used.
    Io(PathBuf, io::Error),
}

impl fmt::Display for LockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Running(folder) => write!(
                f,
                "Waypost is running already with {}; `waypost status` shows it",
                folder.display()
            ),
            Self::Io(path, error) => write!(f, "cannot lock {}: {error}", path.display()),
        }
    }
}

impl std::error::Error for LockError {}

impl Lock {
    /// Claims an existing folder.
    ///
    /// # Errors
    /// When a watcher has it, or the lock file cannot be made.
    pub fn acquire(folder: &Path) -> Result<Self, LockError> {
        let path = folder.join(LOCK_FILE);
        let options = File::options().write(true).create(true).truncate(false).open(&path);
        let file = options.map_err(|error| LockError::Io(path.clone(), error))?;
        let locked = lock_for_good(&file).map_err(|error| LockError::Io(path, error))?;
        if !locked {
            return Err(LockError::Running(folder.to_owned()));
        }
        let lock = Self { folder: folder.to_owned(), _file: file };
        // A watcher that was killed left its own behind, and everything in it looks ready.
        lock.remove_state();
        Ok(lock)
    }

    /// Replaces the state file.
    pub(crate) fn write_state(&self, rows: &[Row]) -> io::Result<()> {
        let text: String = rows.iter().map(|row| format!("{row}\n")).collect();
        let path = self.folder.join(STATE_FILE);
        let next = self.folder.join(format!("{STATE_FILE}.new"));
        fs::write(&next, text)?;
        fs::rename(next, path)
    }

    pub(crate) fn remove_state(&self) {
        // Without a lock holder nobody believes the file anyhow.
        let _ = fs::remove_file(self.folder.join(STATE_FILE));
    }
}

/// Locks a file; false when somebody else has it locked. Who only asks for the state shares the lock
/// for a moment, and that is waited for.
fn lock_for_good(file: &File) -> io::Result<bool> {
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
        match file.try_lock_shared() {
            Ok(()) => file.unlock()?,
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        std::thread::sleep(LOCK_PAUSE);
    }
    Ok(false)
}

/// The processes of the watcher that has `folder`; `None` when none runs.
///
/// # Errors
/// When the lock or the state file cannot be read.
pub fn read_state(folder: &Path) -> io::Result<Option<Vec<Row>>> {
    let lock = match File::open(folder.join(LOCK_FILE)) {
        Ok(lock) => lock,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match lock.try_lock_shared() {
        Ok(()) => return Ok(None),
        Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let mut text = String::new();
    match File::open(folder.join(STATE_FILE)) {
        Ok(file) => file.take(STATE_BYTES).read_to_string(&mut text)?,
        // Between the lock and the first state.
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(error),
    };
    Ok(Some(text.lines().filter_map(Row::parse).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_file_gives_back_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read_state(folder.path()).unwrap(), None);
        let lock = Lock::acquire(folder.path()).unwrap();
        assert_eq!(read_state(folder.path()).unwrap(), Some(Vec::new()));
        let row = |name: &str, state, process, places: &[&str]| Row {
            name: name.to_owned(),
            state,
            process,
            restarts: 3,
            confined: process.is_some(),
            since: process.map(u64::from),
            open: 5,
            places: places.iter().map(|p| (*p).to_owned()).collect(),
        };
        let rows = vec![
            row("stored", ProcessState::Ready, Some(7), &["/run/s"]),
            row("imapd.1", ProcessState::GivenUp, None, &[]),
        ];
        lock.write_state(&rows).unwrap();
        assert_eq!(read_state(folder.path()).unwrap(), Some(rows));
        drop(lock);
        assert_eq!(read_state(folder.path()).unwrap(), None, "nobody holds the lock");
    }

    #[test]
    fn the_state_of_a_killed_watcher_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        Lock::acquire(folder.path()).unwrap().write_state(&[]).unwrap();
        let line = format!("{}\n", Row::new("stored", Vec::new()));
        fs::write(folder.path().join(STATE_FILE), line).unwrap();
        let _lock = Lock::acquire(folder.path()).unwrap();
        assert_eq!(read_state(folder.path()).unwrap(), Some(Vec::new()));
    }

    #[test]
    fn who_looks_at_the_state_keeps_no_watcher_out() {
        let folder = tempfile::tempdir().unwrap();
        drop(Lock::acquire(folder.path()).unwrap());
        let look = File::open(folder.path().join(LOCK_FILE)).unwrap();
        look.lock_shared().unwrap();
        let looking = std::thread::spawn(move || {
            std::thread::sleep(LOCK_PAUSE * 3);
            drop(look);
        });
        Lock::acquire(folder.path()).unwrap();
        looking.join().unwrap();
    }

    #[test]
    fn rows_are_replaced_in_their_place() {
        let board = Board::new();
        let rows = |names: &[&str]| names.iter().map(|name| Row::new(name, Vec::new())).collect();
        board.replace(Service::Imap, rows(&["imapd.1", "imapd.2"]));
        board.replace(Service::Lmtp, rows(&["lmtpd"]));
        board.replace(Service::Store, rows(&["stored"]));
        board.replace(Service::Imap, rows(&["imapd"]));
        let names: Vec<_> = board.rows().into_iter().map(|row| row.name).collect();
        assert_eq!(names, ["stored", "imapd", "lmtpd"]);
        board.update("imapd.2", |entry| entry.row.restarts = 9);
        board.update("imapd", |entry| entry.row.restarts = 1);
        assert_eq!(board.rows().iter().map(|row| row.restarts).sum::<u32>(), 1);
    }

    #[test]
    fn a_second_watcher_is_kept_out() {
        let folder = tempfile::tempdir().unwrap();
        let first = Lock::acquire(folder.path()).unwrap();
        assert!(matches!(Lock::acquire(folder.path()), Err(LockError::Running(_))));
        drop(first);
        assert!(Lock::acquire(folder.path()).is_ok());
    }
}
