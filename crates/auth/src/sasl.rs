//! The SASL mechanisms PLAIN (RFC 4616), LOGIN and EXTERNAL (RFC 4422 appendix A), server side: from messages to
//! name and password, or to whom the owner of the client's certificate acts as.
//!
//! LOGIN never became a standard; old clients know nothing else. The server asks for the name, then for the
//! password, and there is no authorization identity.
//!
//! Names and passwords are taken as they are but for control characters, which are refused (RFC 4013
//! section 2.3 prohibits them); Unicode normalisation is left out, as most clients leave it out.

use crate::login::{Credential, LoginAttempt, MAX_LOGIN_BYTES, Service};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use std::net::IpAddr;
use waypost_types::Secret;

/// The longest password in bytes; the directory stores none that is longer.
pub const MAX_PASSWORD_BYTES: usize = 1_000;
/// The longest message in bytes: two names, two separators and a password.
pub const MAX_MESSAGE_BYTES: usize = 2 * MAX_LOGIN_BYTES + 2 + MAX_PASSWORD_BYTES;
/// The longest message in base64, in bytes.
pub const MAX_BASE64_BYTES: usize = MAX_MESSAGE_BYTES.div_ceil(3) * 4;

/// A mechanism. Those of [`Mechanism::BY_PASSWORD`] send the password itself, so `plaintextmincipher` rules them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// Everything in one message.
    Plain,
    /// Name and password one after the other.
    Login,
    /// The client's certificate has said who it is.
    External,
}

impl Mechanism {
    /// The mechanisms that take a password, in the order in which they are offered.
    pub const BY_PASSWORD: [Self; 2] = [Self::Plain, Self::Login];

    /// The name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
            Self::External => "EXTERNAL",
        }
    }

    /// The mechanism of a name in capitals.
    pub fn named(name: &str) -> Option<Self> {
        let all = [Self::Plain, Self::Login, Self::External];
        all.into_iter().find(|mechanism| mechanism.name() == name)
    }
}

/// An exchange under way; it waits for a message of the client.
#[derive(Debug)]
pub struct Exchange(Awaited);

#[derive(Debug)]
enum Awaited {
    Message,
    Name,
    Password { login: String },
    Authorization,
}

/// What follows a message.
#[derive(Debug)]
pub enum Turn {
    /// The client is asked for another one.
    Ask(Exchange),
    /// Name and password are there.
    Done(Plain),
    /// Whom the owner of the certificate wants to act as; `None` is himself.
    External(Option<String>),
}

impl Exchange {
    /// Begins; the client may send its first message with the command (RFC 4959, RFC 5034).
    pub const fn begin(mechanism: Mechanism) -> Self {
        Self(match mechanism {
            Mechanism::Plain => Awaited::Message,
            Mechanism::Login => Awaited::Name,
            Mechanism::External => Awaited::Authorization,
        })
    }

    /// What the client is asked with, before base64.
    pub const fn challenge(&self) -> &'static [u8] {
        match self.0 {
            Awaited::Message | Awaited::Authorization => b"",
            Awaited::Name => b"Username:",
            Awaited::Password { .. } => b"Password:",
        }
    }

    /// Takes a message in.
    pub fn respond(self, message: &[u8]) -> Result<Turn, SaslError> {
        match self.0 {
            Awaited::Message => Plain::parse(message).map(Turn::Done),
            Awaited::Name => {
                let login = filled(message, MAX_LOGIN_BYTES)?.to_owned();
                Ok(Turn::Ask(Self(Awaited::Password { login })))
            }
            Awaited::Password { login } => {
                let password = Secret::new(filled(message, MAX_PASSWORD_BYTES)?.to_owned());
                Ok(Turn::Done(Plain { authorization_id: None, login, password }))
            }
            Awaited::Authorization => {
                let id = text(message, MAX_LOGIN_BYTES)?;
                Ok(Turn::External((!id.is_empty()).then(|| id.to_owned())))
            }
        }
    }
}

/// Decodes the base64 text of a message. A lone `=`, which IMAP and POP3 send for an empty initial response
/// (RFC 4959 section 3), is an empty message.
pub fn decode(text: &[u8]) -> Result<Secret<Vec<u8>>, SaslError> {
    if text.len() > MAX_BASE64_BYTES {
        return Err(SaslError::TooLong);
    }
    let text = if text == b"=" { b"" } else { text };
    STANDARD.decode(text).map(Secret::new).map_err(|_| SaslError::Base64)
}

/// The base64 text of a challenge.
pub fn encode(challenge: &[u8]) -> String {
    STANDARD.encode(challenge)
}

/// A message of the mechanism PLAIN, or what one of LOGIN comes to.
#[derive(Debug, Clone)]
pub struct Plain {
    /// The identity to act as; `None` when the client left it empty.
    pub authorization_id: Option<String>,
    /// The login name.
    pub login: String,
    /// The password.
    pub password: Secret<String>,
}

/// Why a message is malformed; the text is fit for a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaslError {
    /// No base64.
    Base64,
    /// Longer than [`MAX_MESSAGE_BYTES`], or a part longer than its own limit.
    TooLong,
    /// Not three parts with NULs between, or a name or password is empty.
    Parts,
    /// No name or no password.
    Empty,
    /// No UTF-8, or a control character.
    Character,
}

impl fmt::Display for SaslError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Base64 => "the response is not valid base64",
            Self::TooLong => "the response is too long",
            Self::Parts => "the response is not a PLAIN message",
            Self::Empty => "a user name and a password are needed",
            Self::Character => "the response has a character that is not allowed",
        })
    }
}

impl std::error::Error for SaslError {}

impl Plain {
    /// Reads a message: `[authzid] NUL authcid NUL passwd`.
    pub fn parse(message: &[u8]) -> Result<Self, SaslError> {
        if message.len() > MAX_MESSAGE_BYTES {
            return Err(SaslError::TooLong);
        }
        let mut parts = message.split(|byte| *byte == 0);
        let (Some(authorization), Some(login), Some(password), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(SaslError::Parts);
        };
        if login.is_empty() || password.is_empty() {
            return Err(SaslError::Parts);
        }
        let authorization = text(authorization, MAX_LOGIN_BYTES)?;
        Ok(Self {
            authorization_id: (!authorization.is_empty()).then(|| authorization.to_owned()),
            login: text(login, MAX_LOGIN_BYTES)?.to_owned(),
            password: Secret::new(text(password, MAX_PASSWORD_BYTES)?.to_owned()),
        })
    }

    /// The login attempt that the message asks for.
    pub fn into_attempt(
        self,
        service: Service,
        peer: Option<IpAddr>,
        tls: Option<u32>,
    ) -> LoginAttempt {
        let Self { authorization_id, login, password } = self;
        let credential = Credential::Password(password);
        LoginAttempt { service, login, authorization_id, credential, peer, tls }
    }
}

fn filled(part: &[u8], most: usize) -> Result<&str, SaslError> {
    let text = text(part, most)?;
    if text.is_empty() { Err(SaslError::Empty) } else { Ok(text) }
}

fn text(part: &[u8], most: usize) -> Result<&str, SaslError> {
    if part.len() > most {
        return Err(SaslError::TooLong);
    }
    let text = std::str::from_utf8(part).map_err(|_| SaslError::Character)?;
    if text.chars().any(char::is_control) { Err(SaslError::Character) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;

    #[test]
    fn the_examples_of_the_rfc_are_read() {
        let plain = Plain::parse(b"\0tim\0tanstaaftanstaaf").unwrap();
        assert_eq!((plain.authorization_id, plain.login.as_str()), (None, "tim"));
        assert_eq!(plain.password.expose(), "tanstaaftanstaaf");
        let plain = Plain::parse(b"Ursel\0Kurt\0xipj3plmq").unwrap();
        assert_eq!(plain.authorization_id.as_deref(), Some("Ursel"));
        assert_eq!(plain.login, "Kurt");
    }

    #[test]
    fn external_says_whom_to_act_as() {
        let begin = || Exchange::begin(Mechanism::External);
        assert_eq!(begin().challenge(), b"");
        let said = |message: &[u8]| match begin().respond(message) {
            Ok(Turn::External(id)) => id,
            other => panic!("{other:?}"),
        };
        assert_eq!(said(b""), None);
        assert_eq!(said(b"bob@example.com").as_deref(), Some("bob@example.com"));
        let refused = |message: &[u8]| begin().respond(message).unwrap_err();
        assert_eq!(refused(b"b\0b"), SaslError::Character);
        assert_eq!(refused(b"\xff"), SaslError::Character);
        assert_eq!(refused(&[b'x'; MAX_LOGIN_BYTES + 1]), SaslError::TooLong);
    }

    fn from_base64(text: &[u8]) -> Result<Plain, SaslError> {
        Plain::parse(decode(text)?.expose())
    }

    #[test]
    fn login_asks_for_name_and_password() {
        let exchange = Exchange::begin(Mechanism::Login);
        assert_eq!(encode(exchange.challenge()), "VXNlcm5hbWU6");
        let Turn::Ask(exchange) = exchange.respond(b"tim").unwrap() else { panic!("asks") };
        assert_eq!(encode(exchange.challenge()), "UGFzc3dvcmQ6");
        let Turn::Done(plain) = exchange.respond(b"pass").unwrap() else { panic!("ends") };
        assert_eq!((plain.login.as_str(), plain.password.expose().as_str()), ("tim", "pass"));
        assert_eq!(plain.authorization_id, None);
        let refused =
            |message: &[u8]| Exchange::begin(Mechanism::Login).respond(message).unwrap_err();
        assert_eq!(refused(b""), SaslError::Empty);
        assert_eq!(refused(b"ti\0m"), SaslError::Character);
        assert_eq!(refused(&[b'x'; MAX_LOGIN_BYTES + 1]), SaslError::TooLong);
        let Turn::Ask(exchange) = Exchange::begin(Mechanism::Login).respond(b"tim").unwrap() else {
            panic!("asks")
        };
        assert_eq!(exchange.respond(b"").unwrap_err(), SaslError::Empty);
    }

    #[test]
    fn base64_is_decoded_strictly() {
        let plain = from_base64(b"AHRpbQBwYXNz").unwrap();
        assert_eq!((plain.login.as_str(), plain.password.expose().as_str()), ("tim", "pass"));
        assert_eq!(from_base64(b"AHRpbQBwYXN").unwrap_err(), SaslError::Base64);
        assert_eq!(from_base64(b"AHRp bQBwYXNz").unwrap_err(), SaslError::Base64);
        assert_eq!(from_base64(b"=").unwrap_err(), SaslError::Parts);
        assert_eq!(from_base64(b"").unwrap_err(), SaslError::Parts);
        assert_eq!(from_base64(&[b'A'; 4_000]).unwrap_err(), SaslError::TooLong);
    }

    #[test]
    fn malformed_messages_are_refused() {
        let refused = |message: &[u8]| Plain::parse(message).unwrap_err();
        assert_eq!(refused(b"tim\0pass"), SaslError::Parts);
        assert_eq!(refused(b"\0tim\0pass\0"), SaslError::Parts);
        assert_eq!(refused(b"\0\0pass"), SaslError::Parts);
        assert_eq!(refused(b"\0tim\0"), SaslError::Parts);
        assert_eq!(refused(b"\0tim\0\xff"), SaslError::Character);
        assert_eq!(refused(b"\0ti\rm\0pass"), SaslError::Character);
        assert_eq!(refused("\0tim\0p\u{85}".as_bytes()), SaslError::Character);
        let long = [b"\0".as_slice(), &[b'x'; MAX_LOGIN_BYTES + 1], b"\0p"].concat();
        assert_eq!(refused(&long), SaslError::TooLong);
        assert_eq!(refused(&[b'x'; MAX_MESSAGE_BYTES + 1]), SaslError::TooLong);
    }

    #[test]
    fn the_longest_message_fits_in_base64() {
        let (name, password) = ([b'n'; MAX_LOGIN_BYTES], [b'p'; MAX_PASSWORD_BYTES]);
        let message = [name.as_slice(), b"\0", &name, b"\0", &password].concat();
        let plain = from_base64(STANDARD.encode(&message).as_bytes()).unwrap();
        assert_eq!(plain.password.expose().len(), MAX_PASSWORD_BYTES);
    }

    #[test]
    fn the_debug_text_keeps_the_password_secret() {
        let plain = Plain::parse(b"\0tim\0pass").unwrap();
        assert!(!format!("{plain:?}").contains("pass\""), "{plain:?}");
    }
}
