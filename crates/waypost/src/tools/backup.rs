//! `waypost backup`: a folder from which the server can be started again.

use super::{block_on, open_store};
use crate::failure::{Context, Failure};
use crate::output::tell;
use crate::ownership;
use crate::settings;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use waypost_options::{Config, ConfigFile, WriteError};
use waypost_supervisor::ToolRights;

/// Names in the copy; the defaults of `store.path` and `base.directorypath`.
const STORE: &str = "store";
const DIRECTORY: &str = "directory";
const CONFIG: &str = "config.toml";

/// Copies store, users, configuration with secrets and history, and, where they lie beside it, certificate and key.
pub(crate) fn run(file: &Path, folder: &Path) -> Result<(), Failure> {
    let config = ownership::load_for_tool(file, ToolRights::WriteFiles)?;
    let folder = std::path::absolute(folder).context(folder.display())?;
    check_empty(&folder)?;
    settings::private_folder(&folder)?;
    let store = folder.join(STORE);
    block_on(async {
        let access = open_store(&config).await?;
        access.backup(&store).await.context("the store was not copied")
    })?;
    // Users on an LDAP server are its administrator's to save.
    if !settings::ldap::is_used(&config) {
        let directory = folder.join(DIRECTORY);
        let opened = settings::embedded_directory(&config)?;
        opened.copy_to(&directory).map_err(Failure::new)?;
    }
    copy_configuration(file, &folder.join(CONFIG)).context("the configuration was not copied")?;
    copy_certificate(file, &config, &folder).context("the certificate was not copied")?;
    tell(format_args!("copied to {}", folder.display()));
    Ok(())
}

/// Options, secrets and history, while nobody changes them.
fn copy_configuration(file: &Path, target: &Path) -> Result<(), WriteError> {
    let file = ConfigFile::new(file)?;
    file.lock()?.copy_to(target)
}

fn check_empty(folder: &Path) -> Result<(), Failure> {
    let empty = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(error) => return Err(Failure::new(format!("{}: {error}", folder.display()))),
    };
    let refusal = || {
        let text = format!("{} is not empty; name a new or an empty folder", folder.display());
        Failure::usage(text)
    };
    empty.then_some(()).ok_or_else(refusal)
}

/// Files beside the configuration belong to it; those elsewhere, to the system.
fn copy_certificate(file: &Path, config: &Config, folder: &Path) -> io::Result<()> {
    let files = settings::certificate_files(config);
    for source in files.iter().flat_map(|files| [files.certificate(), files.key()]) {
        if let Some(target) = beside(file, source, folder) {
            if let Some(parent) = target.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::copy(source, target)?;
        }
    }
    Ok(())
}

fn beside(file: &Path, source: &Path, folder: &Path) -> Option<PathBuf> {
    let relative = source.strip_prefix(file.parent()?).ok()?;
    Some(folder.join(relative))
}
