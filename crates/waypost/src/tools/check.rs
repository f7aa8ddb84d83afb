//! `waypost check-config`.

use crate::failure::Failure;
use crate::{config_file, settings};
use std::path::Path;

/// Reads the file and what it points to.
pub(crate) fn run(file: &Path) -> Result<(), Failure> {
    let config = config_file::load(file)?;
    settings::tls(&config)?;
    println!("{}: no fault found", file.display());
    Ok(())
}
