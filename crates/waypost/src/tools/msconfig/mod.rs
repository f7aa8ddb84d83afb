//! `msconfig`: changes and shows options, one command at a time or in a dialogue.

mod command;
mod completion;
mod dialogue;
mod listing;
mod session;

use crate::failure::Failure;
use crate::output::{progress, tell};
#[cfg(test)]
pub(crate) use command::COMMANDS;
use command::{Command, NewValue};
use session::Session;
pub(in crate::tools) use session::note;
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
    // Also before a refusal: the value was seen by then.
    if let Some(warning) = seen(&session, command) {
        progress(warning);
    }
    session.execute(command)?;
    let before = session.stored().clone();
    let number = session.store(&writer, &command.remark())?;
    Ok(listing::outcome(number, &before, session.stored()))
}

/// What to say of a secret on the command line.
fn seen(session: &Session<'_>, command: &Command) -> Option<String> {
    let Command::Set { name, value: NewValue::Given(_), restricted } = command else { return None };
    session.find(name).ok().filter(|place| place.record.secret)?;
    let flag = if *restricted { "-restricted " } else { "" };
    Some(format!(
        "msconfig: others on this host can see command lines, and shells keep them; next time: \
         msconfig set {flag}-prompt {name}"
    ))
}

/// A refused configuration is the caller's fault, the rest is not.
pub(in crate::tools) fn write_failure(error: WriteError) -> Failure {
    match error {
        WriteError::Refused(_) => Failure::usage(error),
        WriteError::Changed(_) | WriteError::Io(..) => Failure::new(error),
    }
}

#[cfg(test)]
mod tests;
