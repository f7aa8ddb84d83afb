//! Stored passwords: new ones are argon2id in PHC string form, those of other directories are read.

use crate::hash_scheme::{Scheme, split};
use argon2::password_hash::PasswordHasher;
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
    /// The stored text is no hash of a scheme this program knows.
    Unreadable,
    /// The stored hash asks for more work than a login may cost.
    Costly,
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
            Self::Unreadable => f.write_str(
                "the stored password is no hash of a known scheme; there are {SSHA}, {SSHA256}, {SSHA512}, \
                 {CRYPT} (sha256, sha512, bcrypt), {PBKDF2}, {PBKDF2-SHA256}, {PBKDF2-SHA512} and {ARGON2}",
            ),
            Self::Costly => {
                f.write_str("the stored hash asks for more work than a login may cost; set a new password")
            }
        }
    }
}

impl std::error::Error for PasswordError {}

impl StoredPassword {
    /// The longest password in bytes.
    pub const MAX_BYTES: usize = 1_000;
    /// The longest stored hash in bytes; those of all schemes are shorter.
    pub const MAX_STORED_BYTES: usize = 512;

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

    /// Takes what `userPassword` holds: a hash in PHC form or with its scheme in braces.
    pub fn read(text: &str) -> Result<Self, PasswordError> {
        if text.len() > Self::MAX_STORED_BYTES {
            return Err(PasswordError::Unreadable);
        }
        Scheme::read(text).map(|_| Self(text.to_owned()))
    }

    /// What `userPassword` holds.
    pub fn as_text(&self) -> &str {
        &self.0
    }

    /// The name of the scheme, for administrators: it says nothing of the password.
    pub fn scheme(&self) -> String {
        let (name, rest) = split(&self.0);
        let inner = rest.strip_prefix('$').and_then(|rest| rest.split_once('$'));
        match (name, inner) {
            ("", Some((inner, _))) => format!("${inner}$"),
            (name, _) => format!("{{{}}}", name.to_ascii_uppercase()),
        }
    }

    /// Whether `password` is the stored one. Takes tens of milliseconds, more when the hash asks for it;
    /// a quick scheme is slowed down to that, so that the time does not tell a user from nobody.
    pub fn verify(&self, password: &Secret<String>) -> Result<bool, PasswordError> {
        let scheme = Scheme::read(&self.0)?;
        if scheme.is_quick() {
            Self::verify_nobody(password)?;
        }
        scheme.verify(password.expose().as_bytes())
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
        let text = stored.as_text();
        assert!(text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{text}");
        assert!(stored.verify(&secret("pässword")).unwrap());
        assert!(!stored.verify(&secret("password")).unwrap());
        let again = StoredPassword::read(stored.as_text()).unwrap();
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

    /// Made by OpenSSL, Python's hashlib and bcrypt's published vectors; all of the password "secret" but the
    /// last two.
    const FOREIGN: [(&str, &str); 10] = [
        ("secret", "{SSHA}1G904nLkTkGWjKNnQuB/hpWXC/hzYWx0c2FsdA=="),
        ("secret", "{SSHA256}oBmrdHcA6OZEkkCLeXh71YAerbvhXz1qqwjrPsXmEtNzYWx0c2FsdA=="),
        (
            "secret",
            "{SSHA512}aCu7JRc+kLsuEmFs1zTY+AiP7DSGnjjG+dH28Dp+E5usqoAixeTPihKqZmkWal4mUfp63tqvCAkFV1LKTDFH6XNhbHRzYWx0",
        ),
        ("secret", "{PBKDF2}1000$c2FsdHNhbHQ$iwnGHj3e4ShfYAA1SPz7CWOx6OI"),
        ("secret", "{PBKDF2-SHA256}1000$c2FsdHNhbHQ$hgR9HsqtKupWxpnv8y99TrPDajTT/9PcSTlNafpdLXQ"),
        (
            "secret",
            "{PBKDF2-SHA512}1000$c2FsdHNhbHQ$sm09rUzS3..3.cqsWziIoWFO8bEknKwJwGEvyD1ra4PcWJt5OiWFlM/BVv8ybJe4XW8qMpq33ecFrOaibNGiHA",
        ),
        ("secret", "{CRYPT}$5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA"),
        (
            "secret",
            "{crypt}$6$rounds=1500$saltsalt$34Syr0FSbWlp9hNFif0BNSVHRPxwiPh79DU920TQC0DoAPilRd9UG4mVZjASSDEENmIuJl1xJneHoAcjNgCp00",
        ),
        ("abc", "{CRYPT}$2a$06$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i"),
        ("a", "$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe"),
    ];

    #[test]
    fn hashes_of_other_directories_are_read() {
        for (password, text) in FOREIGN {
            let stored =
                StoredPassword::read(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(stored.verify(&secret(password)), Ok(true), "{text}");
            assert_eq!(stored.verify(&secret("Secret")), Ok(false), "{text}");
        }
        let own = StoredPassword::hash(&secret("x")).unwrap();
        let braced = StoredPassword::read(&format!("{{argon2}}{}", own.as_text())).unwrap();
        assert_eq!(braced.verify(&secret("x")), Ok(true));
        assert_eq!((own.scheme().as_str(), braced.scheme().as_str()), ("$argon2id$", "{ARGON2}"));
    }

    #[test]
    fn hashes_that_ask_for_too_much_are_refused() {
        for text in [
            "{CRYPT}$2b$15$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i",
            "{CRYPT}$6$rounds=1000001$salt$x",
            "{PBKDF2-SHA256}2000001$c2FsdHNhbHQ$AAAA",
            "$argon2id$v=19$m=131073,t=1,p=1$c29tZXNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
            "$argon2id$v=19$m=65536,t=17,p=1$c29tZXNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
        ] {
            assert_eq!(StoredPassword::read(text), Err(PasswordError::Costly), "{text}");
        }
    }

    #[test]
    fn what_is_no_hash_is_refused() {
        for text in [
            "",
            "secret",
            "{CLEARTEXT}secret",
            "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
            "{SSHA}abc",
            "{SSHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
            "{CRYPT}rl.3StKT.4T8M",
            "{CRYPT}$1$salt$hash",
            "{CRYPT}$2b$xx$If6bvum7DFjUnE9p2uDeDu0YHzrHM6tf.iqN8.yx.jNN1ILEf7h0i",
            "{CRYPT}$6$rounds=10$salt$hash",
            "{PBKDF2-SHA256}0$c2FsdA$AAAA",
            "$argon2x$v=19$m=4096,t=3,p=1$c29tZXNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
            "$argon2id$v=19$m=4096,t=3,p=1$c29tZXNhbHQ",
        ] {
            assert_eq!(StoredPassword::read(text), Err(PasswordError::Unreadable), "{text}");
        }
    }

    #[test]
    fn the_debug_text_keeps_the_hash_secret() {
        let stored = StoredPassword::hash(&secret("x")).unwrap();
        assert!(!format!("{stored:?}").contains("argon2"));
    }
}
