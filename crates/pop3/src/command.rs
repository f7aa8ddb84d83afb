//! Command lines (RFC 1939 sections 5 to 7, RFC 2449 section 3, RFC 2595, RFC 5034, RFC 6856).

use waypost_types::Secret;

/// A command with its arguments.
#[derive(Debug)]
pub(crate) enum Command {
    User(Vec<u8>),
    /// The whole rest of the line: a password may hold blanks.
    Pass(Secret<Vec<u8>>),
    /// `None` asks for the mechanisms.
    Auth(Option<Auth>),
    Stls,
    Utf8,
    Capa,
    Quit,
    Noop,
    Stat,
    List(Option<u32>),
    Uidl(Option<u32>),
    Retr(u32),
    Top(u32, u32),
    Dele(u32),
    Rset,
}

/// AUTH with a mechanism.
#[derive(Debug)]
pub(crate) struct Auth {
    /// The mechanism, upper case.
    pub(crate) mechanism: String,
    /// The initial response in base64.
    pub(crate) initial: Option<Secret<Vec<u8>>>,
}

/// In which state a command may be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Before login.
    Authorization,
    /// After login.
    Transaction,
    /// Everywhere.
    Any,
}

/// Why a line is refused: a text for the client.
pub(crate) type Refusal = &'static str;

impl Command {
    /// Where the command may be given.
    pub(crate) const fn place(&self) -> Place {
        match self {
            Self::User(_) | Self::Pass(_) | Self::Auth(_) | Self::Stls | Self::Utf8 => {
                Place::Authorization
            }
            Self::Capa | Self::Quit => Place::Any,
            _ => Place::Transaction,
        }
    }
}

/// Parses a line without its line end.
pub(crate) fn parse(line: &[u8]) -> Result<Command, Refusal> {
    let (verb, rest) = match memchr::memchr(b' ', line) {
        Some(at) => (&line[..at], &line[at + 1..]),
        None => (line, &line[line.len()..]),
    };
    match verb.to_ascii_uppercase().as_slice() {
        b"USER" => Ok(Command::User(rest.trim_ascii().to_vec())),
        b"PASS" => Ok(Command::Pass(Secret::new(rest.to_vec()))),
        b"AUTH" => auth(rest),
        b"STLS" => bare(rest, Command::Stls),
        b"UTF8" => bare(rest, Command::Utf8),
        b"CAPA" => bare(rest, Command::Capa),
        b"QUIT" => bare(rest, Command::Quit),
        b"NOOP" => bare(rest, Command::Noop),
        b"STAT" => bare(rest, Command::Stat),
        b"RSET" => bare(rest, Command::Rset),
        b"LIST" => optional(rest).map(Command::List),
        b"UIDL" => optional(rest).map(Command::Uidl),
        b"RETR" => one(rest).map(Command::Retr),
        b"DELE" => one(rest).map(Command::Dele),
        b"TOP" => top(rest),
        _ => Err("unknown command"),
    }
}

fn bare(rest: &[u8], command: Command) -> Result<Command, Refusal> {
    if rest.trim_ascii().is_empty() { Ok(command) } else { Err("no argument is allowed here") }
}

fn words(rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    rest.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty())
}

fn auth(rest: &[u8]) -> Result<Command, Refusal> {
    let mut words = words(rest);
    let (mechanism, initial) = (words.next(), words.next());
    if words.next().is_some() {
        return Err("AUTH takes a mechanism and at most one response");
    }
    let Some(mechanism) = mechanism else { return Ok(Command::Auth(None)) };
    let mechanism = String::from_utf8_lossy(mechanism).to_ascii_uppercase();
    let initial = initial.map(|text| Secret::new(text.to_vec()));
    Ok(Command::Auth(Some(Auth { mechanism, initial })))
}

fn optional(rest: &[u8]) -> Result<Option<u32>, Refusal> {
    if rest.trim_ascii().is_empty() { Ok(None) } else { one(rest).map(Some) }
}

fn one(rest: &[u8]) -> Result<u32, Refusal> {
    let mut words = words(rest);
    match (words.next().and_then(number), words.next()) {
        (Some(number), None) => Ok(number),
        _ => Err("a message number is needed here"),
    }
}

fn top(rest: &[u8]) -> Result<Command, Refusal> {
    let mut words = words(rest);
    match (words.next().and_then(number), words.next().and_then(number), words.next()) {
        (Some(message), Some(lines), None) => Ok(Command::Top(message, lines)),
        _ => Err("TOP needs a message number and a number of lines"),
    }
}

/// Digits only; a number that no message can have becomes the greatest, which none has either.
fn number(word: &[u8]) -> Option<u32> {
    if !word.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digits = std::str::from_utf8(word).ok()?;
    Some(digits.parse().unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, reason = "tests may panic")]
    use super::*;

    #[test]
    fn verbs_are_read_in_any_case_and_numbers_strictly() {
        assert!(matches!(parse(b"list"), Ok(Command::List(None))));
        assert!(matches!(parse(b"LIST "), Ok(Command::List(None))));
        assert!(matches!(parse(b"Retr 7 "), Ok(Command::Retr(7))));
        assert!(matches!(parse(b"TOP  1  0"), Ok(Command::Top(1, 0))));
        assert!(matches!(parse(b"DELE 99999999999999999999"), Ok(Command::Dele(u32::MAX))));
        let wrong: [&[u8]; 9] = [
            b"RETR",
            b"RETR x",
            b"RETR +1",
            b"RETR 1 2",
            b"TOP 1",
            b"TOP 1 2 3",
            b"STAT 1",
            b"",
            b" STAT",
        ];
        for line in wrong {
            assert!(parse(line).is_err(), "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn a_password_keeps_its_blanks_and_stays_out_of_debug_texts() {
        let Ok(Command::Pass(password)) = parse(b"PASS  two words ") else { panic!("refused") };
        assert_eq!(password.expose(), b" two words ");
        assert!(!format!("{:?}", parse(b"PASS wonder")).contains("wonder"));
        assert!(!format!("{:?}", parse(b"AUTH PLAIN wonder")).contains("wonder"));
    }
}
