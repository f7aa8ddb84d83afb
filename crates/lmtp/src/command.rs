//! Command lines (RFC 5321 section 4.1.1, RFC 2033 section 4).

use crate::path::{self, PathError};

/// A command with its argument.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Lhlo(String),
    Mail(Mail),
    Rcpt(String),
    Data,
    Rset,
    Noop,
    Vrfy,
    Quit,
}

/// MAIL FROM with its parameters.
#[derive(Debug, PartialEq, Eq, Default)]
pub(crate) struct Mail {
    /// The reverse-path; empty for `<>`.
    pub(crate) from: String,
    /// SIZE (RFC 1870).
    pub(crate) size: Option<u64>,
    /// SMTPUTF8 (RFC 6531).
    pub(crate) utf8: bool,
}

/// Why a line is refused: a complete reply without its line end.
pub(crate) type Refusal = &'static str;

/// Parses a line without its line end.
pub(crate) fn parse(line: &[u8]) -> Result<Command, Refusal> {
    let line = std::str::from_utf8(line).map_err(|_| "500 5.5.2 the line is not UTF-8")?;
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    match verb.to_ascii_uppercase().as_str() {
        "LHLO" => lhlo(rest),
        "MAIL" => mail(rest),
        "RCPT" => rcpt(rest),
        "DATA" => bare(rest, Command::Data),
        "RSET" => bare(rest, Command::Rset),
        "QUIT" => bare(rest, Command::Quit),
        "NOOP" => Ok(Command::Noop),
        "VRFY" => Ok(Command::Vrfy),
        "HELO" | "EHLO" => Err("500 5.5.1 this is LMTP: say LHLO"),
        _ => Err("500 5.5.2 unknown command"),
    }
}

fn bare(rest: &str, command: Command) -> Result<Command, Refusal> {
    if rest.trim().is_empty() { Ok(command) } else { Err("501 5.5.4 no parameter is allowed here") }
}

fn lhlo(rest: &str) -> Result<Command, Refusal> {
    let name = rest.trim();
    if name.is_empty() {
        return Err("501 5.5.4 say LHLO and your host name");
    }
    Ok(Command::Lhlo(name.to_owned()))
}

fn mail(rest: &str) -> Result<Command, Refusal> {
    let path = keyword(rest, "FROM:").ok_or("501 5.5.4 say MAIL FROM:<address>")?;
    let path = path::parse(path).map_err(|error| match error {
        PathError::Syntax => "501 5.1.7 the sender's address is malformed",
        PathError::Length => "501 5.1.7 the sender's address is too long",
    })?;
    let mut mail = Mail { from: path.address, ..Mail::default() };
    for parameter in path.parameters.split_ascii_whitespace() {
        set(&mut mail, parameter)?;
    }
    if !mail.utf8 && !mail.from.is_ascii() {
        return Err("550 5.6.7 a sender's address in UTF-8 needs the parameter SMTPUTF8");
    }
    Ok(Command::Mail(mail))
}

fn set(mail: &mut Mail, parameter: &str) -> Result<(), Refusal> {
    let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
    match name.to_ascii_uppercase().as_str() {
        "SIZE" => {
            let digits = value.len() <= 20 && value.bytes().all(|b| b.is_ascii_digit());
            let size = value.parse().ok().filter(|_| digits);
            mail.size = Some(size.ok_or("501 5.5.4 SIZE needs a number of bytes")?);
        }
        "BODY" if value.eq_ignore_ascii_case("7BIT") => {}
        "BODY" if value.eq_ignore_ascii_case("8BITMIME") => {}
        "SMTPUTF8" if value.is_empty() => mail.utf8 = true,
        _ => return Err("555 5.5.4 a parameter of MAIL is not known here"),
    }
    Ok(())
}

fn rcpt(rest: &str) -> Result<Command, Refusal> {
    let path = keyword(rest, "TO:").ok_or("501 5.5.4 say RCPT TO:<address>")?;
    let path = path::parse(path).map_err(|error| match error {
        PathError::Syntax => "501 5.1.3 the recipient's address is malformed",
        PathError::Length => "501 5.1.3 the recipient's address is too long",
    })?;
    if path.address.is_empty() {
        return Err("501 5.1.3 the recipient's address is empty");
    }
    if !path.parameters.is_empty() {
        return Err("555 5.5.4 a parameter of RCPT is not known here");
    }
    Ok(Command::Rcpt(path.address))
}

fn keyword<'a>(rest: &'a str, word: &str) -> Option<&'a str> {
    let rest = rest.trim_start();
    let head = rest.get(..word.len())?;
    head.eq_ignore_ascii_case(word).then(|| &rest[word.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_parameters_are_read_and_unknown_ones_refused() {
        let line = b"mail from:<a@b> size=10 BODY=8BITMIME SMTPUTF8";
        let mail = Mail { from: "a@b".to_owned(), size: Some(10), utf8: true };
        assert_eq!(parse(line), Ok(Command::Mail(mail)));
        for bad in ["SIZE=x", "SIZE=", "BODY=BINARYMIME", "RET=FULL", "SMTPUTF8=1", "SIZE=+1"] {
            let line = format!("MAIL FROM:<a@b> {bad}");
            assert!(parse(line.as_bytes()).is_err(), "{bad}");
        }
        assert!(parse("MAIL FROM:<ä@b>".as_bytes()).is_err());
    }

    #[test]
    fn other_commands_are_read() {
        assert_eq!(parse(b"RCPT TO: <a@b>"), Ok(Command::Rcpt("a@b".to_owned())));
        assert_eq!(parse(b"data"), Ok(Command::Data));
        assert!(parse(b"DATA now").is_err());
        assert!(parse(b"EHLO x").is_err_and(|text| text.contains("LHLO")));
        assert!(parse(b"\xff\xfe").is_err());
        assert!(parse(b"RCPT TO:<>").is_err());
        assert!(parse("RCPT T\u{e4}:<a>".as_bytes()).is_err());
    }
}
