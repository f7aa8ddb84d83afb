//! Why a connection ended.

use std::io;

/// Why the loop left a connection.
#[derive(Debug)]
pub(super) enum End {
    /// The session closed; its summary says why.
    Session,
    /// The client closed, and the session had nothing left to do.
    PeerClosed,
    /// Reading failed.
    Read(io::Error),
    /// Writing failed.
    Write(io::Error),
    /// The client took none of the output for too long.
    WriteTimeout,
    /// No certificate is installed.
    NoCertificate,
    /// The TLS handshake failed.
    HandshakeFailed(io::Error),
    /// The TLS handshake took too long.
    HandshakeTimeout,
    /// A step or a call panicked.
    Panicked,
    /// The system gave no thread to run a step on.
    NoThread,
    /// The session broke the contract.
    Misuse(&'static str),
    /// The service stopped and the session did not finish in time.
    Stopped,
    /// The user was sent away and the session did not finish in time.
    Disconnected,
}

impl End {
    /// The reason for the log, where the session does not know it.
    pub(super) fn reason(&self) -> Option<&'static str> {
        Some(match self {
            Self::Session => return None,
            Self::PeerClosed => "client closed the connection",
            Self::Read(_) | Self::Write(_) => "connection lost",
            Self::WriteTimeout => "client does not read",
            Self::NoCertificate => "no certificate installed",
            Self::HandshakeFailed(_) => "TLS handshake failed",
            Self::HandshakeTimeout => "TLS handshake timed out",
            Self::NoThread => "no thread to run a command",
            Self::Panicked | Self::Misuse(_) => "internal error",
            Self::Stopped => "cut at shutdown",
            Self::Disconnected => "cut by an administrator",
        })
    }

    /// The cause below the reason.
    pub(super) fn error(&self) -> Option<&io::Error> {
        match self {
            Self::Read(e) | Self::Write(e) | Self::HandshakeFailed(e) => Some(e),
            _ => None,
        }
    }

    /// Whether it counts as a failed connection.
    pub(super) fn is_failure(&self) -> bool {
        !matches!(self, Self::Session | Self::PeerClosed | Self::Stopped | Self::Disconnected)
    }

    /// Whether the client may still be listening, so that an orderly close is worth its time.
    pub(super) fn is_clean(&self) -> bool {
        matches!(self, Self::Session | Self::PeerClosed | Self::Panicked | Self::Misuse(_))
    }
}
