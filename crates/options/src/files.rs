//! The two files of a configuration: options for everybody who may know them, secrets for their owner.

use crate::config::MAX_FILE_BYTES;
use crate::error::{ConfigError, Problem, Source};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use waypost_types::Secret;

/// The file of secrets beside the configuration file.
pub const SECRETS_FILE: &str = "secrets.toml";
/// What a group and others may do with the file of secrets: nothing.
const OTHERS: u32 = 0o077;

/// The texts of both files; without a file of secrets its text is empty.
#[derive(Debug, Clone)]
pub(crate) struct Texts {
    pub(crate) options: String,
    pub(crate) secrets: Secret<String>,
}

impl Texts {
    /// A configuration without secrets.
    pub(crate) fn without_secrets(options: &str) -> Self {
        Self { options: options.to_owned(), secrets: Secret::new(String::new()) }
    }
}

impl PartialEq for Texts {
    fn eq(&self, other: &Self) -> bool {
        self.options == other.options && self.secrets.matches(other.secrets.expose().as_bytes())
    }
}

/// Where the two files are.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    pub(crate) options: PathBuf,
    pub(crate) secrets: PathBuf,
}

impl Files {
    /// A configuration file and the secrets beside it.
    pub(crate) fn beside(path: &Path) -> Self {
        Self { options: path.to_owned(), secrets: path.with_file_name(SECRETS_FILE) }
    }

    /// Reads both.
    pub(crate) fn read(&self) -> Result<Texts, ConfigError> {
        let options = read_bounded(&self.options, MAX_FILE_BYTES);
        let options = options.map_err(|reason| self.refusal(vec![Problem::new(None, reason)]))?;
        let secrets = self.read_secrets().map_err(|reason| {
            self.refusal(vec![Problem { source: Source::Secrets, line: None, reason }])
        })?;
        Ok(Texts { options, secrets })
    }

    fn read_secrets(&self) -> Result<Secret<String>, String> {
        match fs::metadata(&self.secrets) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Secret::new(String::new()));
            }
            Ok(found) if !found.is_file() => return Err("is not a file".to_owned()),
            _ => {}
        }
        let file = open(&self.secrets)?;
        let found = file.metadata().map_err(|error| format!("cannot be read: {error}"))?;
        let mode = found.permissions().mode();
        if mode & OTHERS != 0 {
            return Err(self.too_open(mode));
        }
        read_from(file, MAX_FILE_BYTES).map(Secret::new)
    }

    fn too_open(&self, mode: u32) -> String {
        let path = self.secrets.display();
        let mode = mode & 0o777;
        format!(
            "has mode {mode:04o}, but only its owner may read or write it: `chmod 600 {path}` puts \
             that right; change the secrets in it if somebody may have read them"
        )
    }

    /// An error that names the files.
    pub(crate) fn refusal(&self, problems: Vec<Problem>) -> ConfigError {
        let shown = |path: &Path| path.display().to_string();
        ConfigError { file: shown(&self.options), secrets: shown(&self.secrets), problems }
    }
}

/// Reads a text file of at most `limit` bytes.
pub(crate) fn read_bounded(path: &Path, limit: u64) -> Result<String, String> {
    read_from(open(path)?, limit)
}

fn open(path: &Path) -> Result<File, String> {
    let failed = |error: io::Error| format!("cannot be opened: {error}");
    // A pipe of that name would be waited for.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err("is no file".to_owned());
    }
    File::open(path).map_err(failed)
}

fn read_from(file: File, limit: u64) -> Result<String, String> {
    let mut bytes = Vec::new();
    // One byte more than allowed tells "at the limit" from "over it".
    let read = file.take(limit + 1).read_to_end(&mut bytes);
    let length = read.map_err(|error| format!("cannot be read: {error}"))?;
    if length as u64 > limit {
        return Err(format!("is larger than {limit} bytes"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let before = error.as_bytes().iter().take(at);
        let line = before.filter(|byte| **byte == b'\n').count() + 1;
        format!("line {line} holds bytes that are no UTF-8 text")
    })
}
