//! Stored passwords: argon2id in PHC string form.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{Error as HashError, PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use std::fmt;
use std::sync::OnceLock;
use waypost_types::Secret;

/// Memory of one hash in KiB (OWASP password storage cheat sheet, argon2id, first choice).
const MEMORY_KIB: u32 = 19_456;
/// Passes over the memory.
const PASSES: u32 = 2;
/// Lanes; one, because one core per hash is the rule of the login pipeline.
const LANES: u32 = 1;
/// Salt bytes (RFC 9106 section 3.1 recommends 16).
const SALT_BYTES: usize = 16;

/// A password as it is stored: never the password itself.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredPassword(String);

/// Why a password cannot be stored or checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordError {
    /// Empty, or over [`StoredPassword::MAX_BYTES`].
    Length,
    /// Holds a control character, which no login can send.
    Character,
    /// The system gave no random numbers for the salt.
    Entropy,
    /// The hash function failed, for want of memory.
    Resources,
    /// The stored text is no argon2id hash of a kind this program knows.
    Unreadable,
}

impl fmt::Display for PasswordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length => {
                write!(f, "a password has 1 to {} bytes", StoredPassword::MAX_BYTES)
            }
            Self::Character => f.write_str("a password must not hold control characters"),
            Self::Entropy => f.write_str("the system gave no random numbers"),
            Self::Resources => f.write_str("not enough memory to hash a password"),
            Self::Unreadable => f.write_str("the stored password is no known argon2id hash"),
        }
    }
}

impl std::error::Error for PasswordError {}

impl StoredPassword {
    /// The longest password in bytes.
    pub const MAX_BYTES: usize = 1_000;

    /// Hashes a new password with a fresh salt. Takes tens of milliseconds.
    pub fn hash(password: &Secret<String>) -> Result<Self, PasswordError> {
        let text = password.expose();
        if text.is_empty() || text.len() > Self::MAX_BYTES {
            return Err(PasswordError::Length);
        }
        if text.chars().any(char::is_control) {
            return Err(PasswordError::Character);
        }
        Self::hash_unchecked(text.as_bytes())
    }

    /// Takes a stored PHC string.
    pub fn from_phc(text: &str) -> Result<Self, PasswordError> {
        let parsed = PasswordHash::new(text).map_err(|_| PasswordError::Unreadable)?;
        let known = parsed.algorithm == Algorithm::Argon2id.ident() && parsed.hash.is_some();
        if known { Ok(Self(text.to_owned())) } else { Err(PasswordError::Unreadable) }
    }

    /// The PHC string.
    pub fn as_phc(&self) -> &str {
        &self.0
    }

    /// Whether `password` is the stored one. Takes tens of milliseconds.
    pub fn verify(&self, password: &Secret<String>) -> Result<bool, PasswordError> {
        let parsed = PasswordHash::new(&self.0).map_err(|_| PasswordError::Unreadable)?;
        match hasher()?.verify_password(password.expose().as_bytes(), &parsed) {
            Ok(()) => Ok(true),
            Err(HashError::PasswordInvalid) => Ok(false),
            Err(HashError::OutOfMemory) => Err(PasswordError::Resources),
            Err(_) => Err(PasswordError::Unreadable),
        }
    }

    /// Spends the time of one [`StoredPassword::verify`]; the answer is always no.
    pub(crate) fn verify_nobody(password: &Secret<String>) -> Result<(), PasswordError> {
        static NOBODY: OnceLock<StoredPassword> = OnceLock::new();
        if let Some(stored) = NOBODY.get() {
            return stored.verify(password).map(|_| ());
        }
        // The first time the hash itself takes that long; a check on top would tell the name apart.
        let fresh = Self::hash_unchecked(b"")?;
        NOBODY.get_or_init(|| fresh);
        Ok(())
    }

    fn hash_unchecked(password: &[u8]) -> Result<Self, PasswordError> {
        let mut salt = [0u8; SALT_BYTES];
        getrandom::fill(&mut salt).map_err(|_| PasswordError::Entropy)?;
        let hashed = hasher()?.hash_password_with_salt(password, &salt);
        hashed.map(|hash| Self(hash.to_string())).map_err(|_| PasswordError::Resources)
    }
}

impl fmt::Debug for StoredPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(stored password)")
    }
}

fn hasher() -> Result<Argon2<'static>, PasswordError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None);
    let params = params.map_err(|_| PasswordError::Resources)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    #[test]
    fn a_hash_fits_its_password_only() {
        let stored = StoredPassword::hash(&secret("pässword")).unwrap();
        assert!(
            stored.as_phc().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{}",
            stored.as_phc()
        );
        assert!(stored.verify(&secret("pässword")).unwrap());
        assert!(!stored.verify(&secret("password")).unwrap());
        let again = StoredPassword::from_phc(stored.as_phc()).unwrap();
        assert!(again.verify(&secret("pässword")).unwrap());
    }

    #[test]
    fn two_hashes_of_one_password_differ() {
        let one = StoredPassword::hash(&secret("x")).unwrap();
        assert_ne!(one, StoredPassword::hash(&secret("x")).unwrap());
    }

    #[test]
    fn impossible_passwords_are_refused() {
        assert_eq!(StoredPassword::hash(&secret("")), Err(PasswordError::Length));
        let long = "x".repeat(StoredPassword::MAX_BYTES + 1);
        assert_eq!(StoredPassword::hash(&secret(&long)), Err(PasswordError::Length));
        assert_eq!(StoredPassword::hash(&secret("a\0b")), Err(PasswordError::Character));
    }

    #[test]
    fn foreign_hashes_are_refused() {
        assert_eq!(StoredPassword::from_phc("{SSHA}abc"), Err(PasswordError::Unreadable));
        let other = "$argon2i$v=19$m=4096,t=3,p=1$c29tZXNhbHQ$aGFzaGhhc2hoYXNoaGFzaA";
        assert_eq!(StoredPassword::from_phc(other), Err(PasswordError::Unreadable));
    }

    #[test]
    fn the_debug_text_keeps_the_hash_secret() {
        let stored = StoredPassword::hash(&secret("x")).unwrap();
        assert!(!format!("{stored:?}").contains("argon2"));
    }
}
