//! `waypost user export --ldif` and `waypost user import --ldif`.

use crate::failure::{Context, Failure};
use crate::output::tell;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::Path;
use waypost_directory::{EmbeddedDirectory, LdifEntry, read_ldif};

/// The name of standard input.
const STANDARD_INPUT: &str = "-";

/// Prints domains and users, hashes included: they are what makes the copy worth having.
pub(super) fn export(
    directory: &EmbeddedDirectory,
    base: &str,
    domain: Option<&str>,
) -> Result<(), Failure> {
    let mut output = BufWriter::new(io::stdout().lock());
    let mut written = Ok(());
    let exported = directory.export(base, domain, |entry| {
        if written.is_ok() {
            written = output.write_all(entry.as_bytes());
        }
    });
    exported.map_err(Failure::new)?;
    match written.and_then(|()| output.flush()) {
        // A reader that has seen enough (`| head`) is no fault.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write the export"),
    }
}

/// Takes a file in.
pub(super) fn import(directory: &EmbeddedDirectory, file: &Path) -> Result<(), Failure> {
    let imported = directory.import(&entries(file)?);
    let done = imported.map_err(|error| {
        Failure::new(format!("{}, {error}; nothing was changed", file.display()))
    })?;
    tell(format_args!(
        "took in {} domains and {} users; left out {} other entries and {} values that are no text",
        done.domains, done.users, done.others, done.binary
    ));
    Ok(())
}

fn entries(file: &Path) -> Result<Vec<LdifEntry>, Failure> {
    let read = if file == Path::new(STANDARD_INPUT) {
        read_ldif(io::stdin().lock())
    } else {
        read_ldif(BufReader::new(File::open(file).context(file.display())?))
    };
    read.map_err(|error| Failure::new(format!("{}, {error}; nothing was changed", file.display())))
}
