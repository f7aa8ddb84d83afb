//! Passwords from a person or a script, never from the command line.

use crate::cli::PasswordSource;
use crate::failure::{Context, Failure};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use waypost_types::Secret;

/// The longest password line in bytes.
const LINE_BYTES: u64 = 4_096;
/// The terminal of this process, whatever standard input is.
const TERMINAL: &str = "/dev/tty";

/// Reads a new password from where the command line says.
pub(crate) fn new_password(source: &PasswordSource) -> Result<Secret<String>, Failure> {
    if source.password_stdin {
        return password_line();
    }
    let (first, second) = ask_twice().map_err(|error| {
        Failure::new(format!("cannot ask for a password: {error}; use --password-stdin"))
    })?;
    if first.matches(second.expose().as_bytes()) {
        Ok(first)
    } else {
        Err(Failure::new("the two passwords differ; nothing was changed"))
    }
}

/// Reads a password, or a hash of one, from the first line of standard input.
pub(crate) fn password_line() -> Result<Secret<String>, Failure> {
    read_line(io::stdin().lock()).context("cannot read the password")
}

/// Reads a value that must not be seen: from the terminal when a person types, else the next line of
/// standard input.
pub(crate) fn hidden_value(question: &str) -> Result<Secret<String>, Failure> {
    if !io::stdin().is_terminal() {
        return read_line(io::stdin().lock()).context("cannot read the value");
    }
    let terminal = File::options().read(true).write(true).open(TERMINAL);
    let asked = terminal.and_then(|terminal| {
        let _silent = Silent::new(&terminal)?;
        ask(&terminal, question)
    });
    asked.context("cannot ask for the value")
}

fn ask_twice() -> io::Result<(Secret<String>, Secret<String>)> {
    let terminal = File::options().read(true).write(true).open(TERMINAL)?;
    let _silent = Silent::new(&terminal)?;
    Ok((ask(&terminal, "Password: ")?, ask(&terminal, "Again: ")?))
}

fn ask(mut terminal: &File, question: &str) -> io::Result<Secret<String>> {
    terminal.write_all(question.as_bytes())?;
    let answer = read_line(BufReader::new(terminal));
    terminal.write_all(b"\n")?;
    answer
}

fn read_line(source: impl BufRead) -> io::Result<Secret<String>> {
    let mut line = String::new();
    source.take(LINE_BYTES).read_line(&mut line)?;
    let ends = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(ends);
    Ok(Secret::new(line))
}

/// A terminal that does not show what is typed; restored when dropped.
struct Silent<'a> {
    terminal: &'a File,
    before: Termios,
}

impl<'a> Silent<'a> {
    fn new(terminal: &'a File) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(terminal, OptionalActions::Flush, &silent)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Silent<'_> {
    fn drop(&mut self) {
        // Nobody is left to tell when the terminal has gone away.
        let _ = tcsetattr(self.terminal, OptionalActions::Flush, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_line_loses_its_end_only() {
        let read = |text: &str| read_line(text.as_bytes()).unwrap().expose().clone();
        assert_eq!(read(" secret \r\nmore"), " secret ");
        assert_eq!(read("secret"), "secret");
        assert_eq!(read(""), "");
    }
}
