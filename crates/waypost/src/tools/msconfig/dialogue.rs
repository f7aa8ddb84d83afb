//! The dialogue: commands at a prompt that shows whether something is not stored yet.
//!
//! What the screen shows is what the administrator's guide prints: a change and `write` are silent, and on
//! leaving stand the commands that make the changes take effect.

use super::command::{self, Command};
use super::completion::Names;
use super::session::Session;
use crate::failure::{Context, Failure};
use crate::output::{progress, tell};
use rustyline::config::{BellStyle, Config as EditorConfig};
use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;
use rustyline::{CompletionType, Editor};
use std::io::{self, IsTerminal};
use waypost_options::{Config, ConfigFile, commands};

/// The prompt when everything is stored.
const STORED: &str = "msconfig> ";
/// The prompt when it is not.
const NOT_STORED: &str = "msconfig# ";
/// The question of `exit`.
const QUESTION: &str = "There are changes that are not stored. Store them (yes, no, cancel)? ";
/// The commands that can be called back.
const REMEMBERED_LINES: usize = 500;

/// Asks for commands until one ends the program. A script on standard input ends at its first fault.
pub(super) fn run(file: &ConfigFile) -> Result<(), Failure> {
    let mut dialogue = Dialogue::new(file)?;
    let ended = dialogue.work();
    // Also after a fault: what was stored before it waits for its services.
    for line in commands(&dialogue.before, dialogue.session.stored()) {
        tell(line);
    }
    ended
}

struct Dialogue<'a> {
    session: Session<'a>,
    before: Config,
    editor: Editor<Names, MemHistory>,
    is_script: bool,
}

/// Whether there is a next command.
#[derive(PartialEq, Eq)]
enum Next {
    Command,
    End,
}

impl<'a> Dialogue<'a> {
    fn new(file: &'a ConfigFile) -> Result<Self, Failure> {
        let session = Session::open(file)?;
        let config = EditorConfig::builder()
            .completion_type(CompletionType::List)
            .bell_style(BellStyle::None)
            .max_history_size(REMEMBERED_LINES)
            .context("cannot remember commands")?
            .build();
        let history = MemHistory::with_config(&config);
        let mut editor =
            Editor::with_history(config, history).context("cannot use the terminal")?;
        editor.set_helper(Some(Names { config: session.config().clone() }));
        let is_script = !io::stdin().is_terminal();
        Ok(Self { before: session.stored().clone(), session, editor, is_script })
    }

    fn work(&mut self) -> Result<(), Failure> {
        loop {
            match self.turn() {
                Ok(Next::Command) => (),
                Ok(Next::End) => return Ok(()),
                Err(failure) if self.is_script => return Err(failure),
                Err(failure) => progress(failure),
            }
        }
    }

    fn turn(&mut self) -> Result<Next, Failure> {
        let prompt = match self.session.is_touched() {
            _ if self.is_script => "",
            true => NOT_STORED,
            false => STORED,
        };
        let line = match self.editor.readline(prompt) {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => return Ok(Next::Command),
            Err(ReadlineError::Eof) => return self.exit(),
            // Nobody can be asked any more.
            Err(error) => {
                self.is_script = true;
                return Err(error).context("cannot read a command");
            }
        };
        // Several lines are there when they were pasted.
        for line in line.lines() {
            if self.obey(line)? == Next::End {
                return Ok(Next::End);
            }
        }
        Ok(Next::Command)
    }

    fn obey(&mut self, line: &str) -> Result<Next, Failure> {
        let words = command::words(line)?;
        if words.is_empty() {
            return Ok(Next::Command);
        }
        if !self.session.holds_a_secret(&words) {
            self.editor.add_history_entry(line).context("cannot remember the command")?;
        }
        let done = self.execute(&Command::parse(&words)?);
        self.editor.set_helper(Some(Names { config: self.session.config().clone() }));
        done
    }

    fn execute(&mut self, command: &Command) -> Result<Next, Failure> {
        match command {
            Command::Exit => return self.exit(),
            Command::Quit => return Ok(Next::End),
            Command::Write { remark } => self.session.write(remark)?,
            command => {
                self.session.execute(command)?.iter().for_each(tell);
                if matches!(command, Command::Set { .. } | Command::Unset { .. }) {
                    self.warn();
                }
            }
        }
        Ok(Next::Command)
    }

    /// Says in time what `write` would refuse; the next command may put it right.
    fn warn(&self) {
        for problem in self.session.conflicts() {
            tell(format_args!("not yet fit to be stored: {}", problem.reason));
        }
    }

    fn exit(&mut self) -> Result<Next, Failure> {
        if !self.session.is_touched() {
            return Ok(Next::End);
        }
        if self.is_script {
            let text = "changes were not stored; `write` stores them, `quit` discards them";
            return Err(Failure::new(text));
        }
        // The end of input leaves everything as it is stored.
        let answer = self.editor.readline(QUESTION).unwrap_or_else(|_| "no".to_owned());
        match answer.trim().to_ascii_lowercase().as_str() {
            "y" | "yes" => self.session.write("").map(|()| Next::End),
            "n" | "no" => Ok(Next::End),
            _ => Ok(Next::Command),
        }
    }
}
