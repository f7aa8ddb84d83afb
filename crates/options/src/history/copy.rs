//! Copying a configuration with its history, for backups.

use super::{FILE_MODE, FOLDER_MODE, Files, WriteError, Writer, at};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

impl Writer<'_> {
    /// Copies the configuration file to `target`, and beside it the secrets and the history, where
    /// nothing must be yet. All of it is on stable storage when this returns.
    pub fn copy_to(&self, target: &Path) -> Result<(), WriteError> {
        let Files { options, secrets } = Files::beside(target);
        let found = &self.file.files;
        let mode = fs::metadata(&found.options).map_err(at(&found.options))?.permissions();
        copy(&found.options, &options)?;
        fs::set_permissions(&options, mode).map_err(at(&options))?;
        if found.secrets.exists() {
            copy(&found.secrets, &secrets)?;
        }
        let history = target.with_file_name("history");
        DirBuilder::new().mode(FOLDER_MODE).create(&history).map_err(at(&history))?;
        for number in self.file.numbers()? {
            let Files { options, secrets } = self.file.generation_files(number);
            for source in [options, secrets].iter().filter(|path| path.exists()) {
                if let Some(name) = source.file_name() {
                    copy(source, &history.join(name))?;
                }
            }
        }
        sync(&history)?;
        sync(target.parent().unwrap_or(Path::new("/")))
    }
}

/// Copies a file, private from its first byte.
fn copy(source: &Path, target: &Path) -> Result<(), WriteError> {
    let mut from = File::open(source).map_err(at(source))?;
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(FILE_MODE).open(target);
    let copied = file.and_then(|mut file| {
        io::copy(&mut from, &mut file)?;
        file.sync_all()
    });
    copied.map_err(at(target))
}

fn sync(folder: &Path) -> Result<(), WriteError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))
}
