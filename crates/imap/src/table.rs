//! Every command the service knows: in which states it is allowed, where it is defined, which
//! capability it belongs to and what it may announce. The dispatcher obeys the table, not the
//! command.

use crate::state::State;
use waypost_imap_wire::Command;

/// States in which a command is allowed, as a bit mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct States(u8);

impl States {
    const NOT_AUTHENTICATED: u8 = 1;
    const AUTHENTICATED: u8 = 2;
    const SELECTED: u8 = 4;

    /// Before and after login.
    pub const ANY: Self = Self(Self::NOT_AUTHENTICATED | Self::AUTHENTICATED | Self::SELECTED);
    /// Before login only.
    pub const BEFORE_LOGIN: Self = Self(Self::NOT_AUTHENTICATED);
    /// After login.
    pub const LOGGED_IN: Self = Self(Self::AUTHENTICATED | Self::SELECTED);
    /// With a mailbox open.
    pub const MAILBOX_OPEN: Self = Self(Self::SELECTED);

    /// Whether the command is allowed now.
    pub(crate) const fn allow(self, state: &State) -> bool {
        let bit = match state {
            State::NotAuthenticated(_) => Self::NOT_AUTHENTICATED,
            State::Authenticated(_) => Self::AUTHENTICATED,
            State::Selected(_) => Self::SELECTED,
            State::Logout => 0,
        };
        self.0 & bit != 0
    }

    /// What to say to a command that comes in another state.
    pub(crate) const fn refusal(self) -> &'static str {
        match self {
            Self::BEFORE_LOGIN => "You are logged in already",
            Self::MAILBOX_OPEN => "Open a mailbox first",
            _ => "Log in first",
        }
    }
}

/// What is announced about the open mailbox before a command's tagged response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announce {
    /// Nothing: the command leaves the mailbox, or answers without the store.
    Nothing,
    /// Arrivals and flags, but no EXPUNGE: sequence numbers must hold while the command and those
    /// sent behind it speak of them (RFC 3501 section 7.4.1).
    KeepNumbers,
    /// Everything.
    All,
}

/// One command.
#[derive(Debug)]
pub struct Row {
    /// The name in logs; a command with `UID` is a row of its own.
    pub name: &'static str,
    /// Where it is allowed.
    pub states: States,
    /// The RFC that defines it, as `number section`.
    pub rfc: &'static str,
    /// The capability it belongs to.
    pub capability: &'static str,
    /// What it announces.
    pub announce: Announce,
}

const fn row(
    name: &'static str,
    states: States,
    rfc: &'static str,
    capability: &'static str,
    announce: Announce,
) -> Row {
    Row { name, states, rfc, capability, announce }
}

use Announce::{All, KeepNumbers, Nothing};

/// APPEND streams and so is none of [`COMMANDS`].
pub static APPEND: Row = row("APPEND", States::LOGGED_IN, "3501 6.3.11", "IMAP4rev1", All);

/// The commands in the order of RFC 3501, the extensions' after them.
#[rustfmt::skip]
pub static COMMANDS: [Row; 46] = [
    row("CAPABILITY", States::ANY, "3501 6.1.1", "IMAP4rev1", Nothing),
    row("NOOP", States::ANY, "3501 6.1.2", "IMAP4rev1", All),
    row("LOGOUT", States::ANY, "3501 6.1.3", "IMAP4rev1", Nothing),
    row("STARTTLS", States::BEFORE_LOGIN, "3501 6.2.1", "STARTTLS", Nothing),
    row("AUTHENTICATE", States::BEFORE_LOGIN, "3501 6.2.2", "AUTH=PLAIN", Nothing),
    row("LOGIN", States::BEFORE_LOGIN, "3501 6.2.3", "IMAP4rev1", Nothing),
    row("SELECT", States::LOGGED_IN, "3501 6.3.1", "IMAP4rev1", Nothing),
    row("EXAMINE", States::LOGGED_IN, "3501 6.3.2", "IMAP4rev1", Nothing),
    row("CREATE", States::LOGGED_IN, "3501 6.3.3", "IMAP4rev1", All),
    row("DELETE", States::LOGGED_IN, "3501 6.3.4", "IMAP4rev1", All),
    row("RENAME", States::LOGGED_IN, "3501 6.3.5", "IMAP4rev1", All),
    row("SUBSCRIBE", States::LOGGED_IN, "3501 6.3.6", "IMAP4rev1", All),
    row("UNSUBSCRIBE", States::LOGGED_IN, "3501 6.3.7", "IMAP4rev1", All),
    row("LIST", States::LOGGED_IN, "3501 6.3.8", "IMAP4rev1", All),
    row("LSUB", States::LOGGED_IN, "3501 6.3.9", "IMAP4rev1", All),
    row("STATUS", States::LOGGED_IN, "3501 6.3.10", "IMAP4rev1", All),
    row("CHECK", States::MAILBOX_OPEN, "3501 6.4.1", "IMAP4rev1", All),
    row("CLOSE", States::MAILBOX_OPEN, "3501 6.4.2", "IMAP4rev1", Nothing),
    row("EXPUNGE", States::MAILBOX_OPEN, "3501 6.4.3", "IMAP4rev1", All),
    row("SEARCH", States::MAILBOX_OPEN, "3501 6.4.4", "IMAP4rev1", KeepNumbers),
    row("FETCH", States::MAILBOX_OPEN, "3501 6.4.5", "IMAP4rev1", KeepNumbers),
    row("STORE", States::MAILBOX_OPEN, "3501 6.4.6", "IMAP4rev1", KeepNumbers),
    row("COPY", States::MAILBOX_OPEN, "3501 6.4.7", "IMAP4rev1", All),
    row("UID SEARCH", States::MAILBOX_OPEN, "3501 6.4.8", "IMAP4rev1", All),
    row("UID FETCH", States::MAILBOX_OPEN, "3501 6.4.8", "IMAP4rev1", All),
    row("UID STORE", States::MAILBOX_OPEN, "3501 6.4.8", "IMAP4rev1", All),
    row("UID COPY", States::MAILBOX_OPEN, "3501 6.4.8", "IMAP4rev1", All),
    row("IDLE", States::LOGGED_IN, "2177 3", "IDLE", All),
    row("NAMESPACE", States::LOGGED_IN, "2342 5", "NAMESPACE", All),
    row("ID", States::ANY, "2971 3.1", "ID", Nothing),
    row("UNSELECT", States::MAILBOX_OPEN, "3691 2", "UNSELECT", Nothing),
    row("UID EXPUNGE", States::MAILBOX_OPEN, "4315 2.1", "UIDPLUS", All),
    row("ENABLE", States::LOGGED_IN, "5161 3.1", "ENABLE", Nothing),
    row("MOVE", States::MAILBOX_OPEN, "6851 3.1", "MOVE", All),
    row("UID MOVE", States::MAILBOX_OPEN, "6851 3.2", "MOVE", All),
    row("FETCH CHANGEDSINCE", States::MAILBOX_OPEN, "7162 3.1.4", "CONDSTORE", KeepNumbers),
    row("STORE UNCHANGEDSINCE", States::MAILBOX_OPEN, "7162 3.1.3", "CONDSTORE", KeepNumbers),
    row("UID FETCH CHANGEDSINCE", States::MAILBOX_OPEN, "7162 3.1.4", "CONDSTORE", All),
    row("UID STORE UNCHANGEDSINCE", States::MAILBOX_OPEN, "7162 3.1.3", "CONDSTORE", All),
    row("SORT", States::MAILBOX_OPEN, "5256 3", "SORT", KeepNumbers),
    row("UID SORT", States::MAILBOX_OPEN, "5256 3", "SORT", All),
    row("THREAD", States::MAILBOX_OPEN, "5256 3", "THREAD=REFERENCES", KeepNumbers),
    row("UID THREAD", States::MAILBOX_OPEN, "5256 3", "THREAD=REFERENCES", All),
    row("GETQUOTA", States::LOGGED_IN, "9208 4.1.1", "QUOTA", All),
    row("GETQUOTAROOT", States::LOGGED_IN, "9208 4.1.2", "QUOTA", All),
    row("SETQUOTA", States::LOGGED_IN, "9208 4.1.3", "QUOTA", All),
];

/// The row of a command.
pub(crate) fn row_of(command: &Command) -> Option<&'static Row> {
    let name = name_of(command);
    COMMANDS.iter().find(|row| row.name == name)
}

fn name_of(command: &Command) -> &'static str {
    match command {
        Command::UidExpunge { .. } => "UID EXPUNGE",
        Command::Search { uid: true, .. } => "UID SEARCH",
        Command::Sort { uid: true, .. } => "UID SORT",
        Command::Thread { uid: true, .. } => "UID THREAD",
        Command::Fetch { uid: true, changed_since: Some(_), .. } => "UID FETCH CHANGEDSINCE",
        Command::Fetch { changed_since: Some(_), .. } => "FETCH CHANGEDSINCE",
        Command::Fetch { uid: true, .. } => "UID FETCH",
        Command::Store { uid: true, unchanged_since: Some(_), .. } => "UID STORE UNCHANGEDSINCE",
        Command::Store { unchanged_since: Some(_), .. } => "STORE UNCHANGEDSINCE",
        Command::Store { uid: true, .. } => "UID STORE",
        Command::Copy { uid: true, .. } => "UID COPY",
        Command::Move { uid: true, .. } => "UID MOVE",
        other => other.name(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability;
    use bytes::BytesMut;
    use std::collections::BTreeSet;
    use waypost_imap_wire::{Decoder, Frame, Limits};

    /// One line for every row; what the table calls by another name than its first word is found by
    /// its arguments.
    #[test]
    fn every_row_is_reached_by_a_command() {
        let reached: BTreeSet<&str> =
            LINES.iter().map(|line| row_of(&parse(line)).expect("a row").name).collect();
        let rows: BTreeSet<&str> = COMMANDS.iter().map(|row| row.name).collect();
        assert_eq!(reached, rows);
    }

    fn parse(line: &str) -> Command {
        let mut input = BytesMut::from(format!("t {line}\r\n").as_bytes());
        match Decoder::new(Limits::USER).next(&mut input) {
            Frame::Command(tagged) => tagged.command,
            other => panic!("{line}: {other:?}"),
        }
    }

    const LINES: [&str; 46] = [
        "CAPABILITY",
        "NOOP",
        "LOGOUT",
        "STARTTLS",
        "AUTHENTICATE PLAIN",
        "LOGIN a b",
        "SELECT a",
        "EXAMINE a",
        "CREATE a",
        "DELETE a",
        "RENAME a b",
        "SUBSCRIBE a",
        "UNSUBSCRIBE a",
        "LIST \"\" *",
        "LSUB \"\" *",
        "STATUS a (MESSAGES)",
        "CHECK",
        "CLOSE",
        "EXPUNGE",
        "SEARCH ALL",
        "FETCH 1 FLAGS",
        "STORE 1 FLAGS ()",
        "COPY 1 a",
        "UID SEARCH ALL",
        "UID FETCH 1 FLAGS",
        "UID STORE 1 FLAGS ()",
        "UID COPY 1 a",
        "IDLE",
        "NAMESPACE",
        "ID NIL",
        "UNSELECT",
        "UID EXPUNGE 1",
        "ENABLE CONDSTORE",
        "MOVE 1 a",
        "UID MOVE 1 a",
        "FETCH 1 FLAGS (CHANGEDSINCE 1)",
        "STORE 1 (UNCHANGEDSINCE 1) FLAGS ()",
        "UID FETCH 1 FLAGS (CHANGEDSINCE 1)",
        "UID STORE 1 (UNCHANGEDSINCE 1) FLAGS ()",
        "SORT (DATE) UTF-8 ALL",
        "UID SORT (DATE) UTF-8 ALL",
        "THREAD REFERENCES UTF-8 ALL",
        "UID THREAD REFERENCES UTF-8 ALL",
        "GETQUOTA \"\"",
        "GETQUOTAROOT a",
        "SETQUOTA \"\" (STORAGE 1)",
    ];

    #[test]
    fn names_are_unique() {
        let names: BTreeSet<_> = COMMANDS.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), COMMANDS.len());
    }

    #[test]
    fn every_capability_of_the_table_is_offered_somewhere() {
        let standing = capability::Standing {
            logged_in: false,
            starttls: true,
            passwords: true,
            certificate: true,
        };
        let mut offered = capability::names(standing);
        offered.extend(capability::names(capability::Standing { logged_in: true, ..standing }));
        for row in COMMANDS.iter().chain([&APPEND]) {
            assert!(offered.contains(&row.capability), "{} of {}", row.capability, row.rfc);
        }
    }

    #[test]
    fn sequence_numbers_hold_through_fetch_store_and_search() {
        for name in ["FETCH", "STORE", "SEARCH", "SORT", "THREAD"] {
            let row = COMMANDS.iter().find(|row| row.name == name).expect("in the table");
            assert_eq!(row.announce, Announce::KeepNumbers, "{name}");
        }
    }
}
