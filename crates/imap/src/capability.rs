//! What is offered when: the list differs before and after STARTTLS and login.

use std::borrow::Cow;
use waypost_imap_wire::ResponseCode;

/// Extensions that work in every state.
const ALWAYS: [&str; 5] = ["IMAP4rev1", "LITERAL+", "SASL-IR", "ID", "ENABLE"];

/// Extensions of a logged-in session.
const AFTER_LOGIN: [&str; 19] = [
    "NAMESPACE",
    "CHILDREN",
    "UNSELECT",
    "UIDPLUS",
    "MOVE",
    "IDLE",
    "SPECIAL-USE",
    "CREATE-SPECIAL-USE",
    "OBJECTID",
    "CONDSTORE",
    "ESEARCH",
    "SORT",
    "SORT=DISPLAY",
    "ESORT",
    "THREAD=ORDEREDSUBJECT",
    "THREAD=REFERENCES",
    "QUOTA",
    "QUOTA=RES-STORAGE",
    "QUOTA=RES-MESSAGE",
];

/// What decides over the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// A user has logged in.
    pub(crate) logged_in: bool,
    /// STARTTLS would succeed: a certificate is there and TLS is not on yet.
    pub(crate) starttls: bool,
    /// Passwords are taken over this connection.
    pub(crate) passwords: bool,
    /// The client has shown a certificate that is accepted.
    pub(crate) certificate: bool,
}

impl Standing {
    /// After a login nothing else decides.
    pub(crate) const LOGGED_IN: Self =
        Self { logged_in: true, starttls: false, passwords: false, certificate: false };
}

/// The capabilities in the order in which they are shown.
pub(crate) fn names(standing: Standing) -> Vec<&'static str> {
    let mut names = ALWAYS.to_vec();
    if standing.logged_in {
        names.extend(AFTER_LOGIN);
        return names;
    }
    if standing.starttls {
        names.push("STARTTLS");
    }
    if standing.passwords {
        names.extend(["AUTH=PLAIN", "AUTH=LOGIN"]);
    } else {
        names.push("LOGINDISABLED");
    }
    if standing.certificate {
        names.push("AUTH=EXTERNAL");
    }
    names
}

/// The capabilities as a response code.
pub(crate) fn code(standing: Standing) -> ResponseCode {
    ResponseCode::Capability(names(standing).into_iter().map(Cow::Borrowed).collect())
}
