//! The configuration's two files with all their earlier states: numbered generations in `history/` beside them.
//!
//! A generation is stored before the file is replaced, and what somebody has written into the file by
//! hand becomes a generation before it is written over, so nothing that ever was in force is lost. A
//! generation is one file: four lines that say which, when, who and why, then the text. Its secrets, when
//! it has any, stand in a second one, so that the first can be shown to anybody.

use crate::config::{Config, MAX_FILE_BYTES};
use crate::draft::Draft;
use crate::error::ConfigError;
use crate::files::{Files, Texts, read_bounded};
use crate::groups::{Registry, registry};
use std::fmt;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use waypost_types::Secret;

mod copy;

/// Generations that are kept; older ones are removed when a new one is stored.
const KEPT_GENERATIONS: usize = 1_000;
/// The longest remark or name in bytes.
const MAX_NOTE_BYTES: usize = 500;
/// Room for the lines above the text of a generation.
const HEADER_BYTES: u64 = 4_096;
/// The starts of the lines above the text of a generation.
const HEADER: [&str; 4] = ["# generation: ", "# when: ", "# who: ", "# remark: "];
/// The remark of a state that was not stored by this program.
const BY_HAND: &str = "found in the file, not written by msconfig";
/// Permissions of a file while it is written, and of generations.
const FILE_MODE: u32 = 0o600;
/// Permissions of the history's folder.
const FOLDER_MODE: u32 = 0o700;

/// The configuration's files and their history.
#[derive(Debug, Clone)]
pub struct ConfigFile {
    registry: Registry,
    files: Files,
    folder: PathBuf,
    history: PathBuf,
}

/// Who changes the configuration, when and why.
#[derive(Debug, Clone)]
pub struct Note {
    /// The time, as it is shown.
    pub when: String,
    /// The person.
    pub who: String,
    /// The reason; may be empty.
    pub remark: String,
}

/// A stored state of the configuration.
#[derive(Debug, Clone)]
pub struct Generation {
    /// Its number, from 1.
    pub number: u32,
    /// Who stored it.
    pub note: Note,
    /// What the files held.
    pub(crate) texts: Texts,
}

/// Why nothing was stored.
#[derive(Debug)]
pub enum WriteError {
    /// The configuration does not fit together, or cannot be read.
    Refused(ConfigError),
    /// Somebody else has changed the file since it was read.
    Changed(PathBuf),
    /// The system refused to write or read.
    Io(PathBuf, io::Error),
}

impl ConfigFile {
    /// The file behind a path. A link is followed, so that it stays a link when the file is replaced.
    pub fn new(path: &Path) -> Result<Self, WriteError> {
        Self::with(registry(), path)
    }

    /// The file of other options than those of the release.
    pub fn with(registry: Registry, path: &Path) -> Result<Self, WriteError> {
        let mut files = Files::beside(&path.canonicalize().map_err(at(path))?);
        if let Ok(secrets) = files.secrets.canonicalize() {
            files.secrets = secrets;
        }
        let folder = files.options.parent().unwrap_or(Path::new("/")).to_owned();
        let history = folder.join("history");
        Ok(Self { registry, files, folder, history })
    }

    /// Reads the files for changes.
    pub fn draft(&self) -> Result<Draft, ConfigError> {
        let draft = Draft::new(self.registry, self.files.read()?, &self.folder);
        draft.map_err(|problems| self.files.refusal(problems))
    }

    /// A draft as a generation was.
    pub fn revert(&self, draft: &mut Draft, generation: &Generation) -> Result<(), ConfigError> {
        let replaced = draft.replace(generation.texts.clone());
        replaced.map_err(|problems| self.generation_files(generation.number).refusal(problems))
    }

    /// The newest generation that is not what a draft was read from.
    pub fn last_other(&self, draft: &Draft) -> Result<Option<Generation>, WriteError> {
        let numbers = self.numbers()?.into_iter().rev();
        let mut generations = numbers.filter_map(|number| self.generation(number));
        Ok(generations.find(|generation| generation.texts != *draft.texts_read()))
    }

    /// Waits until no other program changes the configuration, and keeps them out.
    pub fn lock(&self) -> Result<Writer<'_>, WriteError> {
        let owner = self.owner()?;
        if !self.history.is_dir() {
            let made = DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(&self.history);
            made.and_then(|()| give(&self.history, &owner)).map_err(at(&self.history))?;
        }
        let path = self.history.join("lock");
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(false).mode(FILE_MODE);
        let lock = options.open(&path).and_then(|file| file.lock().map(|()| file));
        let lock = lock.map_err(at(&path))?;
        give(&path, &owner).map_err(at(&path))?;
        Ok(Writer { file: self, _lock: lock })
    }

    /// The stored generations, oldest first. Files that are no generations are passed over.
    pub fn history(&self) -> Result<Vec<Generation>, WriteError> {
        let numbers = self.numbers()?;
        Ok(numbers.into_iter().filter_map(|number| self.generation(number)).collect())
    }

    /// A stored generation.
    pub fn generation(&self, number: u32) -> Option<Generation> {
        let files = self.generation_files(number);
        let text = read_bounded(&files.options, MAX_FILE_BYTES + HEADER_BYTES).ok()?;
        let (found, note, options) = parse_generation(&text)?;
        let secrets = match files.secrets.exists() {
            true => read_bounded(&files.secrets, MAX_FILE_BYTES).ok()?,
            false => String::new(),
        };
        let texts = Texts { options, secrets: Secret::new(secrets) };
        (found == number).then_some(Generation { number, note, texts })
    }

    /// The values of a generation.
    pub fn values(&self, generation: &Generation) -> Result<Config, ConfigError> {
        let read = Config::parse_options(self.registry, &generation.texts, &self.folder);
        read.map_err(|problems| self.generation_files(generation.number).refusal(problems))
    }

    fn generation_files(&self, number: u32) -> Files {
        let path = |end: &str| self.history.join(format!("{number:04}.{end}"));
        Files { options: path("toml"), secrets: path("secrets.toml") }
    }

    /// Who owns the configuration, and its mode.
    fn owner(&self) -> Result<Metadata, WriteError> {
        fs::metadata(&self.files.options).map_err(at(&self.files.options))
    }

    /// The numbers of the generations, rising.
    fn numbers(&self) -> Result<Vec<u32>, WriteError> {
        let entries = match fs::read_dir(&self.history) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(at(&self.history))?,
        };
        let number = |entry: io::Result<fs::DirEntry>| {
            entry.ok()?.file_name().to_str()?.strip_suffix(".toml")?.parse().ok()
        };
        let mut numbers: Vec<u32> = entries.filter_map(number).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }
}

/// The one program that may change the configuration now.
pub struct Writer<'a> {
    file: &'a ConfigFile,
    _lock: File,
}

impl Writer<'_> {
    /// Stores a draft as the next generation and puts it in force, for programs that start from now on.
    /// Answers with its number, or `None` when the text is the one in the file.
    pub fn store(&self, draft: &Draft, note: &Note) -> Result<Option<u32>, WriteError> {
        let file = self.file;
        let conflicts = draft.conflicts();
        if !conflicts.is_empty() {
            return Err(WriteError::Refused(file.files.refusal(conflicts)));
        }
        let found = file.draft().map_err(WriteError::Refused)?;
        if found.texts_read() != draft.texts_read() {
            return Err(WriteError::Changed(file.files.options.clone()));
        }
        let texts = draft.texts();
        // Printed both: a text in another order of groups comes back in that of the printer.
        if found.texts() == texts {
            return Ok(None);
        }
        let found = found.texts_read();
        let owner = file.owner()?;
        self.keep_found(found, note, &owner)?;
        let number = self.add(&texts, note, &owner)?;
        self.put_in_force(found, &texts, &owner)?;
        self.forget_oldest()?;
        Ok(Some(number))
    }

    /// Replaces what differs. The secrets go first: an option that needs one finds it.
    fn put_in_force(
        &self,
        found: &Texts,
        texts: &Texts,
        owner: &Metadata,
    ) -> Result<(), WriteError> {
        let Files { options, secrets } = &self.file.files;
        if !found.secrets.matches(texts.secrets.expose().as_bytes()) {
            replace(secrets, texts.secrets.expose().as_bytes(), owner, FILE_MODE)
                .map_err(at(secrets))?;
        }
        if found.options != texts.options {
            replace(options, texts.options.as_bytes(), owner, owner.permissions().mode())
                .map_err(at(options))?;
        }
        Ok(())
    }

    /// Keeps texts that are not those of the newest generation.
    fn keep_found(&self, found: &Texts, note: &Note, owner: &Metadata) -> Result<(), WriteError> {
        let numbers = self.file.numbers()?;
        let newest = numbers.into_iter().rev().find_map(|number| self.file.generation(number));
        if newest.is_some_and(|newest| newest.texts == *found) {
            return Ok(());
        }
        let note = Note { who: "-".to_owned(), remark: BY_HAND.to_owned(), ..note.clone() };
        self.add(found, &note, owner).map(|_| ())
    }

    /// Adds a generation. Its secrets go first: a generation that is there is whole.
    fn add(&self, texts: &Texts, note: &Note, owner: &Metadata) -> Result<u32, WriteError> {
        let number = self.file.numbers()?.last().map_or(1, |last| last.saturating_add(1));
        let Files { options, secrets } = self.file.generation_files(number);
        // A program that was killed in here has left secrets behind that belong to nothing.
        remove(&secrets).map_err(at(&secrets))?;
        if !texts.secrets.expose().is_empty() {
            replace(&secrets, texts.secrets.expose().as_bytes(), owner, FILE_MODE)
                .map_err(at(&secrets))?;
        }
        let values = [&number.to_string(), &note.when, &note.who, &note.remark];
        let header = HEADER.iter().zip(values);
        let mut whole: String =
            header.map(|(start, value)| format!("{start}{}\n", one_line(value))).collect();
        whole.push_str(&texts.options);
        replace(&options, whole.as_bytes(), owner, FILE_MODE).map_err(at(&options))?;
        Ok(number)
    }

    fn forget_oldest(&self) -> Result<(), WriteError> {
        let numbers = self.file.numbers()?;
        let surplus = numbers.len().saturating_sub(KEPT_GENERATIONS);
        for number in numbers.into_iter().take(surplus) {
            let Files { options, secrets } = self.file.generation_files(number);
            remove(&options).map_err(at(&options))?;
            remove(&secrets).map_err(at(&secrets))?;
        }
        Ok(())
    }
}

/// Number, note and text of a generation's first file.
fn parse_generation(text: &str) -> Option<(u32, Note, String)> {
    let mut rest = text;
    let mut values = [""; HEADER.len()];
    for (value, start) in values.iter_mut().zip(HEADER) {
        (*value, rest) = rest.strip_prefix(start)?.split_once('\n')?;
    }
    let [number, when, who, remark] = values.map(str::to_owned);
    Some((number.parse().ok()?, Note { when, who, remark }, rest.to_owned()))
}

/// A note on one line and within its limit, whatever somebody typed.
fn one_line(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let mut line: String = text.chars().map(plain).collect();
    line.truncate(line.floor_char_boundary(MAX_NOTE_BYTES));
    line
}

/// Writes a file whole or not at all, on stable storage when this returns.
fn replace(path: &Path, bytes: &[u8], owner: &Metadata, mode: u32) -> io::Result<()> {
    let mut next = path.as_os_str().to_owned();
    next.push(".new");
    let next = PathBuf::from(next);
    // What a program that was killed has left behind may have another mode.
    remove(&next)?;
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(FILE_MODE).open(&next)?;
    file.write_all(bytes)?;
    give(&next, owner)?;
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.sync_all()?;
    fs::rename(&next, path)?;
    File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
}

/// Removes a file, if it is there.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// Keeps the owner, for the server may run under another user than the administrator.
fn give(path: &Path, owner: &Metadata) -> io::Result<()> {
    let now = fs::metadata(path)?;
    if (now.uid(), now.gid()) == (owner.uid(), owner.gid()) {
        return Ok(());
    }
    match chown(path, Some(owner.uid()), Some(owner.gid())) {
        // The owner himself may be in another group, which he cannot give a file to, and need not.
        Err(error)
            if error.kind() == io::ErrorKind::PermissionDenied && now.uid() == owner.uid() =>
        {
            Ok(())
        }
        given => given,
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> WriteError {
    let path = path.to_owned();
    move |error| WriteError::Io(path, error)
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => error.fmt(f),
            Self::Changed(path) => write!(
                f,
                "{}: somebody else has changed the file since it was read; nothing was stored",
                path.display()
            ),
            Self::Io(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for WriteError {}

#[cfg(test)]
mod tests;
