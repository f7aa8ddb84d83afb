//! `waypost status`: the watcher's state file, for people.

use crate::config_file;
use crate::failure::{Context, Failure};
use crate::output::tell;
use std::path::Path;
use waypost_options::BASE_RUNDIR;
use waypost_supervisor::{ProcessState, Row, read_state};

/// Prints the processes; fails when the server does not run, or not all of it.
pub(crate) fn run(file: &Path) -> Result<(), Failure> {
    let config = config_file::load(file)?;
    let rundir = config.read(&BASE_RUNDIR);
    let rows = read_state(&rundir).context(format!("cannot read {}", rundir.display()))?;
    let rows = rows.ok_or_else(|| Failure::new("not running; `waypost run` starts it"))?;
    tell(format_args!(
        "{:<10} {:<9} {:>8} {:>8}  LISTENS ON",
        "PROCESS", "STATE", "PID", "RESTARTS"
    ));
    rows.iter().for_each(print);
    for row in rows.iter().filter(|row| !row.confined) {
        tell(format_args!(
            "warning: {} is not fully kept from writing the store; see the log",
            row.name
        ));
    }
    // Between the claim on the folder and the first state there is no row.
    if !rows.is_empty() && rows.iter().all(|row| row.state == ProcessState::Ready) {
        Ok(())
    } else {
        Err(Failure::new("not every process is ready; the log says why (log.file)"))
    }
}

fn print(row: &Row) {
    let process = row.process.map_or_else(|| "-".to_owned(), |number| number.to_string());
    let (name, state, restarts) = (&row.name, row.state.name(), row.restarts);
    tell(format_args!(
        "{name:<10} {state:<9} {process:>8} {restarts:>8}  {}",
        row.places.join(" ")
    ));
}
