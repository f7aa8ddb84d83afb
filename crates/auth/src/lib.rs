//! From a login attempt to an identity: one pipeline for every service.
//!
//! [`Authenticator`] splits the login name, asks the directory, checks status, password and service,
//! and answers with an [`Identity`] or a [`LoginFailure`]. It bounds how many passwords are hashed at
//! once, remembers successful logins for a while, and lets those who fail wait. Clients learn no more
//! than they may: an unknown user, a wrong password and a disabled user with a wrong password look alike
//! and take the same time.

mod authenticator;
mod certificate;
mod config;
mod delay;
mod failure;
mod login;
mod pipeline;
mod proxy;
mod queue;
mod quota;
mod recent;
mod remembered;
pub mod sasl;
mod service_access;
mod trace;

pub use authenticator::{Authenticator, LoginFuture};
pub use config::{AuthConfig, PasswordLogin};
pub use delay::{LONGEST_DELAY, SHORTEST_DELAY};
pub use failure::{FailureKind, LoginFailure};
pub use login::{
    Credential, Identity, LoginAttempt, MAX_LOGIN_BYTES, PresentedCertificate, Service,
};
pub use queue::{HASH_QUEUE, PEER_SHARE};
pub use quota::{FRESH as QUOTA_FRESH, QuotaFuture, SessionQuota};
pub use trace::{Explanation, Rule, Step};
pub use waypost_certmap::{CertMaps, ClientCertificate};
