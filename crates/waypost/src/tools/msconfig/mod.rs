//! `msconfig`: changes and shows options, one command at a time or in a dialogue.

mod command;
mod completion;
mod dialogue;
mod listing;
mod session;

use crate::failure::Failure;
use crate::output::tell;
use command::Command;
use session::Session;
use std::path::Path;
use waypost_options::{ConfigFile, WriteError};

/// Carries out the command in `words`, or asks for commands when there is none.
pub(crate) fn run(file: &Path, words: &[String]) -> Result<(), Failure> {
    let file = ConfigFile::new(file).map_err(write_failure)?;
    if words.is_empty() {
        return dialogue::run(&file);
    }
    let command = Command::parse(words)?;
    for line in once(&file, &command)? {
        tell(line);
    }
    Ok(())
}

/// A single command stores what it changes.
fn once(file: &ConfigFile, command: &Command) -> Result<Vec<String>, Failure> {
    match command {
        Command::Write { .. } | Command::Exit | Command::Quit => Err(Failure::usage(
            "a command on the command line is stored at once; `write`, `exit` and `quit` belong to \
             the dialogue, which `msconfig` alone begins",
        )),
        Command::Set { .. } | Command::Unset { .. } | Command::Revert { .. } => {
            change(file, command)
        }
        Command::Diff { from: None, to: None } => listing::last_change(file),
        _ => Session::open(file)?.execute(command),
    }
}

/// Nobody else changes the file between reading and storing.
fn change(file: &ConfigFile, command: &Command) -> Result<Vec<String>, Failure> {
    let writer = file.lock().map_err(write_failure)?;
    let mut session = Session::open(file)?;
    session.execute(command)?;
    let before = session.stored().clone();
    let number = session.store(&writer, &command.remark())?;
    Ok(listing::outcome(number, &before, session.stored()))
}

/// A refused configuration is the caller's fault, the rest is not.
fn write_failure(error: WriteError) -> Failure {
    match error {
        WriteError::Refused(_) => Failure::usage(error),
        WriteError::Changed(_) | WriteError::Io(..) => Failure::new(error),
    }
}
