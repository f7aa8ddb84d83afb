//! The commands of `msconfig` and how they are written.

use crate::failure::Failure;

/// The names of the commands and what `help` says of them.
pub(crate) const COMMANDS: [(&str, &str); 11] = [
    (
        "set [-prompt] [-restricted] NAME [VALUE]",
        "set an option; -prompt asks for the value unseen",
    ),
    ("unset [-restricted] NAME", "give an option its default again"),
    (
        "show [-default] [-passwords] [-restricted] PATTERN",
        "show what is set, or all with -default",
    ),
    ("help [NAME]", "explain an option or a group; `?` after a beginning lists what fits"),
    ("history", "list the stored generations"),
    ("diff [N [M]]", "show what is not stored, or differs from generation N, or between N and M"),
    ("revert [-restricted] N", "go back to the options of generation N"),
    ("write [-remark=\"...\"]", "check and store the changes (dialogue)"),
    ("exit", "leave; asks when changes are not stored (dialogue)"),
    ("quit", "leave and discard what is not stored (dialogue)"),
    ("?", "the same as help"),
];

/// The value is asked for.
const PROMPT: &str = "-prompt";
/// The change of a restricted option is meant.
const RESTRICTED: &str = "-restricted";

/// A command that is well formed; the names in it may be unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    Set { name: String, value: NewValue, restricted: bool },
    Unset { name: String, restricted: bool },
    Show(Show),
    Help { name: Option<String> },
    History,
    Diff { from: Option<u32>, to: Option<u32> },
    Revert { number: u32, restricted: bool },
    Write { remark: String },
    Exit,
    Quit,
}

/// What `show` shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Show {
    /// Also what is not set.
    pub(super) default: bool,
    /// Secrets as they are.
    pub(super) passwords: bool,
    /// Restricted options alone.
    pub(super) restricted: bool,
    pub(super) pattern: String,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NewValue {
    Given(String),
    Prompted,
}

impl Command {
    /// Reads a command that is cut into words.
    pub(super) fn parse(words: &[String]) -> Result<Self, Failure> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (&name, rest) = words.split_first().ok_or_else(|| Failure::usage("no command"))?;
        let command = match (name, rest) {
            ("set", rest) => set(rest),
            ("unset", rest) => unset(rest),
            ("show", rest) => show(rest),
            ("history", []) => Some(Self::History),
            ("diff", rest) => diff(rest),
            ("revert", rest) => revert(rest),
            ("write", rest) => write(rest),
            ("exit", []) => Some(Self::Exit),
            ("quit", []) => Some(Self::Quit),
            (_, [.., last]) if last.ends_with('?') => Some(help_on(last)),
            ("help" | "?", []) => Some(Self::Help { name: None }),
            ("help", [name]) => Some(Self::Help { name: Some((*name).to_owned()) }),
            _ => None,
        };
        command.ok_or_else(|| misuse(name))
    }

    /// What the history says of a command that is stored at once.
    pub(super) fn remark(&self) -> String {
        match self {
            Self::Set { name, .. } => format!("set {name}"),
            Self::Unset { name, .. } => format!("unset {name}"),
            Self::Revert { number, .. } => format!("revert {number}"),
            _ => String::new(),
        }
    }
}

/// Cuts a line into words; spaces count between `"` or `'`.
pub(super) fn words(line: &str) -> Result<Vec<String>, Failure> {
    let (mut words, mut word, mut quote) = (Vec::new(), None, None);
    for letter in line.chars() {
        match quote {
            Some(end) if letter == end => quote = None,
            None if letter == '"' || letter == '\'' => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            None if letter.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_with(String::new).push(letter),
        }
    }
    if let Some(quote) = quote {
        return Err(Failure::usage(format!("there is no second {quote} in the line")));
    }
    words.extend(word);
    Ok(words)
}

fn set(words: &[&str]) -> Option<Command> {
    let (flags, words) = flags(words);
    let (prompt, restricted) = (flags.contains(&PROMPT), flags.contains(&RESTRICTED));
    let (name, value) = match words {
        [name] if prompt => (name, NewValue::Prompted),
        [name, last] if *last == "?" => return Some(help_on(&format!("{name}?"))),
        [name] if name.ends_with('?') => return Some(help_on(name)),
        [name, value] if !prompt => (name, NewValue::Given((*value).to_owned())),
        _ => return None,
    };
    known(flags, &[PROMPT, RESTRICTED])?;
    Some(Command::Set { name: (*name).to_owned(), value, restricted })
}

fn unset(words: &[&str]) -> Option<Command> {
    let (flags, words) = flags(words);
    known(flags, &[RESTRICTED])?;
    match words {
        [name] if name.ends_with('?') => Some(help_on(name)),
        [name] => Some(Command::Unset { name: (*name).to_owned(), restricted: !flags.is_empty() }),
        _ => None,
    }
}

fn show(words: &[&str]) -> Option<Command> {
    let mut show = Show::default();
    for word in words {
        match *word {
            "-default" => show.default = true,
            "-passwords" => show.passwords = true,
            RESTRICTED => show.restricted = true,
            word if word.starts_with('-') || !show.pattern.is_empty() => return None,
            word => show.pattern = word.to_owned(),
        }
    }
    match show.pattern.as_str() {
        // What is restricted is few enough to be named by nothing else.
        "" if show.restricted => Some(Command::Show(Show { pattern: "*".to_owned(), ..show })),
        "" => None,
        asked if asked.ends_with('?') => Some(help_on(asked)),
        _ => Some(Command::Show(show)),
    }
}

/// The words with a dash before the first without; a value may begin with one.
fn flags<'a, 'b>(words: &'a [&'b str]) -> (&'a [&'b str], &'a [&'b str]) {
    let is_flag = |word: &&str| word.starts_with('-');
    words.split_at(words.iter().position(|word| !is_flag(word)).unwrap_or(words.len()))
}

/// Nothing when a flag is none of those that a command takes.
fn known(flags: &[&str], taken: &[&str]) -> Option<()> {
    flags.iter().all(|flag| taken.contains(flag)).then_some(())
}

fn diff(words: &[&str]) -> Option<Command> {
    let numbers: Option<Vec<u32>> = words.iter().map(|word| word.parse().ok()).collect();
    match numbers?.as_slice() {
        [] => Some(Command::Diff { from: None, to: None }),
        [from] => Some(Command::Diff { from: Some(*from), to: None }),
        [from, to] => Some(Command::Diff { from: Some(*from), to: Some(*to) }),
        _ => None,
    }
}

fn revert(words: &[&str]) -> Option<Command> {
    let (flags, words) = flags(words);
    known(flags, &[RESTRICTED])?;
    let [number] = words else { return None };
    number.parse().ok().map(|number| Command::Revert { number, restricted: !flags.is_empty() })
}

fn write(words: &[&str]) -> Option<Command> {
    let remark = match words {
        [] => "",
        [word] => word.strip_prefix("-remark=")?,
        _ => return None,
    };
    Some(Command::Write { remark: remark.to_owned() })
}

/// Help on what begins like the word before the question mark.
fn help_on(word: &str) -> Command {
    let start = word.trim_end_matches('?');
    Command::Help { name: (!start.is_empty()).then(|| format!("{start}*")) }
}

fn misuse(name: &str) -> Failure {
    let is_it = |(usage, _): &&(&str, &str)| usage.split(' ').next() == Some(name);
    Failure::usage(match COMMANDS.iter().find(is_it) {
        Some((usage, _)) if name == "set" => {
            format!("usage: {usage}; a value with spaces stands between quotes")
        }
        Some((usage, _)) => format!("usage: {usage}"),
        None => format!("there is no command {name}; `help` lists the commands"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, Failure> {
        Command::parse(&words(line)?)
    }

    #[test]
    fn commands_of_the_guide_are_read() {
        let set = |name: &str, value: &str| Command::Set {
            name: name.to_owned(),
            value: NewValue::Given(value.to_owned()),
            restricted: false,
        };
        assert_eq!(parse("set pop.enable 1").unwrap(), set("pop.enable", "1"));
        assert_eq!(parse("set imap.enablesslport -1").unwrap(), set("imap.enablesslport", "-1"));
        let separators = set("base.loginseparator", "@+");
        assert_eq!(parse("set base.loginseparator \"@+\"").unwrap(), separators);
        assert_eq!(parse(" set pop.banner 'a \"b\"' ").unwrap(), set("pop.banner", "a \"b\""));
        assert_eq!(parse("set base.hostname \"\"").unwrap(), set("base.hostname", ""));
        let prompted = |restricted| Command::Set {
            name: "a".to_owned(),
            value: NewValue::Prompted,
            restricted,
        };
        assert_eq!(parse("set -prompt a").unwrap(), prompted(false));
        assert_eq!(parse("set -restricted -prompt a").unwrap(), prompted(true));
        let unset = Command::Unset { name: "a".to_owned(), restricted: true };
        assert_eq!(parse("unset -restricted a").unwrap(), unset);
        let write = Command::Write { remark: "two words".to_owned() };
        assert_eq!(parse("write -remark=\"two words\"").unwrap(), write);
        assert_eq!(parse("diff 1 2").unwrap(), Command::Diff { from: Some(1), to: Some(2) });
        let pattern = "pop.*".to_owned();
        let show = Show { default: true, passwords: true, restricted: false, pattern };
        assert_eq!(parse("show -passwords -default pop.*").unwrap(), Command::Show(show));
        let show = Show { restricted: true, pattern: "*".to_owned(), ..Show::default() };
        assert_eq!(parse("show -restricted").unwrap(), Command::Show(show));
    }

    #[test]
    fn a_question_mark_asks_for_help() {
        let help = |name: &str| Command::Help { name: Some(name.to_owned()) };
        assert_eq!(parse("?").unwrap(), Command::Help { name: None });
        assert_eq!(parse("set ?").unwrap(), Command::Help { name: None });
        assert_eq!(parse("set pop.?").unwrap(), help("pop.*"));
        assert_eq!(parse("set pop.port ?").unwrap(), help("pop.port*"));
        assert_eq!(parse("show imap?").unwrap(), help("imap*"));
    }

    #[test]
    fn what_is_not_understood_is_answered_with_the_usage() {
        for (line, answer) in [
            ("set", "usage: set [-prompt] [-restricted] NAME [VALUE]"),
            ("set pop.banner two words", "between quotes"),
            ("set -prompt", "usage: set"),
            ("set -prompt a b", "usage: set"),
            ("set -passwords a b", "usage: set"),
            ("unset -prompt a", "usage: unset"),
            ("unset", "usage: unset"),
            ("show", "usage: show"),
            ("revert x", "usage: revert [-restricted] N"),
            ("revert -prompt 1", "usage: revert"),
            ("diff 1 2 3", "usage: diff"),
            ("write now", "usage: write"),
            ("show -all x", "usage: show"),
            ("list", "no command list"),
            ("set a \"b", "no second \""),
            ("", "no command"),
        ] {
            let refused = parse(line).unwrap_err().to_string();
            assert!(refused.contains(answer), "{line}: {refused}");
        }
    }
}
