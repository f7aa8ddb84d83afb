//! `waypost check-config`.

use crate::failure::Failure;
use crate::output::tell;
use crate::{config_file, settings};
use std::path::Path;

/// Reads the file and what it points to.
pub(crate) fn run(file: &Path) -> Result<(), Failure> {
    let config = config_file::load(file)?;
    settings::tls(&config)?;
    tell(format_args!("{}: no fault found", file.display()));
    Ok(())
}
