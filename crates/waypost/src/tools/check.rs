//! `waypost check-config`.

use crate::failure::Failure;
use crate::output::{progress, tell};
use crate::{config_file, ownership, settings};
use std::path::Path;
use waypost_options::SECRETS_FILE;

/// Reads the file, the secrets beside it and what they point to.
pub(crate) fn run(file: &Path) -> Result<(), Failure> {
    let config = config_file::load(file)?;
    settings::check_certificate(&config)?;
    settings::clients::read(&config)?;
    // Not a fault of the file: the user may be made after it, as packages do.
    if let Err(missing) = ownership::check_user(&config) {
        progress(format_args!("warning: {missing}"));
    }
    settings::ldap::check(&config)?;
    let secrets = file.with_file_name(SECRETS_FILE);
    for read in [file, &secrets].into_iter().filter(|path| path.exists()) {
        tell(format_args!("{}: no fault found", read.display()));
    }
    Ok(())
}
