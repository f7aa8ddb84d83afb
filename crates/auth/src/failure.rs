//! Why a login failed: one face for the client, one for the log.

use std::fmt;
use waypost_directory::DirectoryError;

/// A failed login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginFailure {
    /// What the client may know.
    pub kind: FailureKind,
    /// What the log says. Never for a client: it tells an unknown user from a wrong password.
    pub reason: String,
}

/// What a client may know of a failed login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The name or the password is wrong; which of them is not said.
    BadCredentials,
    /// The certificate is not trusted, or cannot be read.
    CertificateRefused,
    /// The certificate is trusted, but is not that of exactly one user.
    CertificateUnknown,
    /// The password is right, but too old to be taken.
    PasswordExpired,
    /// The password is right, but the user must choose another one first.
    PasswordMustChange,
    /// The password is right, but the account or its domain is shut, or may not use this service.
    Disabled,
    /// The password is right, but the user may not act as the authorization identity.
    NotAuthorized,
    /// The password is right, but another host stores the mail.
    WrongHost,
    /// The password is right, but the partition that stores the mail is not here now.
    MailElsewhere,
    /// The connection is not encrypted, and passwords need encryption.
    PrivacyRequired,
    /// The connection is encrypted, but with a key that is too short to send a password.
    WeakCipher,
    /// The service takes no passwords at all.
    PasswordsRefused,
    /// The directory cannot answer now.
    Unavailable,
    /// Too many logins wait for their password to be hashed.
    TooBusy,
    /// The user's entry or the directory is damaged.
    Damaged,
}

impl FailureKind {
    /// A text for the client, with what to do next.
    pub const fn text(self) -> &'static str {
        match self {
            Self::BadCredentials => "the user name or the password is wrong",
            Self::CertificateRefused => {
                "your certificate is not accepted; ask the administrator for one that is"
            }
            Self::CertificateUnknown => {
                "no account belongs to your certificate; ask the administrator"
            }
            Self::PasswordExpired => {
                "your password has expired; set a new one where your organisation changes passwords"
            }
            Self::PasswordMustChange => {
                "you must change your password before you log in; do it where your organisation \
                 changes passwords"
            }
            Self::Disabled => "this account may not log in here; ask the administrator",
            Self::NotAuthorized => "you may not log in on behalf of that user",
            Self::WrongHost => "this account is on another server; ask the administrator which",
            Self::MailElsewhere => {
                "your mail cannot be reached here now; try again later, and if it stays so ask the \
                 administrator"
            }
            Self::PrivacyRequired => "start TLS before you send a password",
            Self::WeakCipher => {
                "the encryption of this connection is too weak for a password; let your client \
                 offer ciphers with longer keys"
            }
            Self::PasswordsRefused => {
                "this server takes no passwords, not even over TLS; ask the administrator how to \
                 log in"
            }
            Self::Unavailable => "logins cannot be checked now; try again later",
            Self::TooBusy => "too many logins at once; try again in a moment",
            Self::Damaged => "this login cannot be checked; ask the administrator",
        }
    }

    /// The IMAP response code without brackets (RFC 5530 section 3).
    pub const fn imap_code(self) -> &'static str {
        match self {
            Self::BadCredentials | Self::CertificateRefused | Self::CertificateUnknown => {
                "AUTHENTICATIONFAILED"
            }
            Self::NotAuthorized => "AUTHORIZATIONFAILED",
            Self::Disabled | Self::WrongHost | Self::PasswordsRefused | Self::Damaged => {
                "CONTACTADMIN"
            }
            Self::PasswordExpired | Self::PasswordMustChange => "EXPIRED",
            Self::PrivacyRequired | Self::WeakCipher => "PRIVACYREQUIRED",
            Self::MailElsewhere | Self::Unavailable | Self::TooBusy => "UNAVAILABLE",
        }
    }

    /// The POP3 response code without brackets (RFC 3206 sections 4 and 5). `AUTH` makes clients ask for
    /// another password, so it stays away where the password is not at fault.
    pub const fn pop3_code(self) -> &'static str {
        match self {
            Self::BadCredentials
            | Self::CertificateRefused
            | Self::CertificateUnknown
            | Self::NotAuthorized
            | Self::Disabled
            | Self::PasswordExpired
            | Self::PasswordMustChange => "AUTH",
            Self::WrongHost
            | Self::PrivacyRequired
            | Self::WeakCipher
            | Self::PasswordsRefused
            | Self::Damaged => "SYS/PERM",
            Self::MailElsewhere | Self::Unavailable | Self::TooBusy => "SYS/TEMP",
        }
    }

    /// Whether the same attempt may succeed later without anybody's doing.
    pub const fn is_temporary(self) -> bool {
        matches!(self, Self::Unavailable | Self::TooBusy)
    }

    /// Whether the answer waits, because it would help somebody who guesses.
    pub(crate) const fn is_delayed(self) -> bool {
        matches!(
            self,
            Self::BadCredentials
                | Self::CertificateRefused
                | Self::CertificateUnknown
                | Self::NotAuthorized
        )
    }
}

impl LoginFailure {
    pub(crate) fn new(kind: FailureKind, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into() }
    }

    /// The text for the client.
    pub const fn text(&self) -> &'static str {
        self.kind.text()
    }

    /// The IMAP response code without brackets.
    pub const fn imap_code(&self) -> &'static str {
        self.kind.imap_code()
    }

    /// The POP3 response code without brackets.
    pub const fn pop3_code(&self) -> &'static str {
        self.kind.pop3_code()
    }
}

/// Shows the client's text only, so that a reason cannot slip into a reply.
impl fmt::Display for LoginFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for LoginFailure {}

impl From<DirectoryError> for LoginFailure {
    fn from(error: DirectoryError) -> Self {
        let temporary = error.is_temporary();
        let kind = if temporary { FailureKind::Unavailable } else { FailureKind::Damaged };
        Self::new(kind, error.to_string())
    }
}
