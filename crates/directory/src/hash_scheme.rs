//! The schemes of stored passwords that are read: those of LDAP directories, with a bound on their cost.
//!
//! A hash comes from an administrator's import or a directory, and says itself how much work it wants. One
//! that wants too much is refused, because everybody may make the server compute it.

use crate::password::PasswordError;
use argon2::Params;
use argon2::password_hash::PasswordVerifier;
use argon2::password_hash::phc::PasswordHash;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, Engine, GeneralPurpose, GeneralPurposeConfig};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use subtle::ConstantTimeEq;

/// Memory of one argon2 hash in KiB; a core has one at a time.
const ARGON2_KIB_MAX: u32 = 131_072;
/// Memory times passes of argon2 in KiB: about a second.
const ARGON2_WORK_MAX: u64 = 1_048_576;
/// Rounds of PBKDF2: about a second.
const PBKDF2_ROUNDS_MAX: u32 = 2_000_000;
/// Rounds of sha256-crypt and sha512-crypt: about a second.
const SHA_CRYPT_ROUNDS_MAX: u32 = 1_000_000;
/// Cost of bcrypt, the logarithm of its rounds: about a second.
const BCRYPT_COST_MAX: u32 = 14;
/// The longest digest in bytes.
const DIGEST_BYTES_MAX: usize = 64;

/// What a stored password is checked by.
pub(crate) enum Scheme<'a> {
    /// `$argon2id$...` and its kin, also behind `{ARGON2}`.
    Argon2(Box<PasswordHash>),
    /// `{SSHA}`, `{SSHA256}`, `{SSHA512}`: one digest of password and salt.
    Salted { hash: Hash, digest: Vec<u8>, salt: Vec<u8> },
    /// `{PBKDF2-SHA256}` and its kin: `rounds$salt$digest`.
    Pbkdf2 { hash: Hash, rounds: u32, salt: Vec<u8>, digest: Vec<u8> },
    /// `$5$` and `$6$`, also behind `{CRYPT}`.
    ShaCrypt(&'a str),
    /// `$2a$`, `$2b$` and `$2y$`, also behind `{CRYPT}`.
    Bcrypt(&'a str),
}

/// A hash function inside a scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha1,
    Sha256,
    Sha512,
}

impl Hash {
    const fn bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

impl<'a> Scheme<'a> {
    /// Reads a stored password.
    pub(crate) fn read(text: &'a str) -> Result<Self, PasswordError> {
        let (name, rest) = split(text);
        match name.to_ascii_uppercase().as_str() {
            "" | "CRYPT" => crypt(rest),
            name if name.starts_with("ARGON2") => argon2(rest),
            "SSHA" => salted(Hash::Sha1, rest),
            "SSHA256" => salted(Hash::Sha256, rest),
            "SSHA512" => salted(Hash::Sha512, rest),
            "PBKDF2" | "PBKDF2-SHA1" => pbkdf2(Hash::Sha1, rest),
            "PBKDF2-SHA256" => pbkdf2(Hash::Sha256, rest),
            "PBKDF2-SHA512" => pbkdf2(Hash::Sha512, rest),
            _ => Err(PasswordError::Unreadable),
        }
    }

    /// Whether a check takes so little time that it would tell a user from nobody.
    pub(crate) const fn is_quick(&self) -> bool {
        matches!(self, Self::Salted { .. })
    }

    /// Whether `password` is the stored one; compares in constant time.
    pub(crate) fn verify(&self, password: &[u8]) -> Result<bool, PasswordError> {
        match self {
            Self::Argon2(stored) => {
                outcome(argon2::Argon2::default().verify_password(password, &**stored))
            }
            Self::Salted { hash, digest, salt } => {
                Ok(same(&digest_of(*hash, password, salt), digest))
            }
            Self::Pbkdf2 { hash, rounds, salt, digest } => {
                let mut made = [0; DIGEST_BYTES_MAX];
                let made = &mut made[..digest.len().min(DIGEST_BYTES_MAX)];
                derive(*hash, password, salt, *rounds, made);
                Ok(same(made, digest))
            }
            Self::ShaCrypt(stored) => {
                outcome(sha_crypt::ShaCrypt::default().verify_password(password, *stored))
            }
            Self::Bcrypt(stored) => {
                bcrypt::verify(password, stored).map_err(|_| PasswordError::Unreadable)
            }
        }
    }
}

/// `{NAME}` and what follows; the name is empty when there is none.
pub(crate) fn split(text: &str) -> (&str, &str) {
    text.strip_prefix('{').and_then(|rest| rest.split_once('}')).unwrap_or(("", text))
}

fn outcome(checked: argon2::password_hash::Result<()>) -> Result<bool, PasswordError> {
    use argon2::password_hash::Error;
    match checked {
        Ok(()) => Ok(true),
        Err(Error::PasswordInvalid) => Ok(false),
        Err(Error::OutOfMemory) => Err(PasswordError::Resources),
        Err(_) => Err(PasswordError::Unreadable),
    }
}

fn same(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}

/// What `crypt` of the C library writes, as far as it is read.
fn crypt(text: &str) -> Result<Scheme<'_>, PasswordError> {
    let mut fields = text.split('$').skip(1);
    match (fields.next(), fields.next()) {
        (Some("5" | "6"), Some(second)) => {
            if let Some(rounds) = second.strip_prefix("rounds=") {
                let rounds = rounds.parse().map_err(|_| PasswordError::Unreadable)?;
                within(rounds, SHA_CRYPT_ROUNDS_MAX)?;
                sha_crypt::Params::new(rounds).map_err(|_| PasswordError::Unreadable)?;
            }
            Ok(Scheme::ShaCrypt(text))
        }
        (Some("2a" | "2b" | "2y"), Some(cost)) => {
            within(cost.parse().map_err(|_| PasswordError::Unreadable)?, BCRYPT_COST_MAX)?;
            text.parse::<bcrypt::HashParts>().map_err(|_| PasswordError::Unreadable)?;
            Ok(Scheme::Bcrypt(text))
        }
        (Some(name), _) if name.starts_with("argon2") => argon2(text),
        _ => Err(PasswordError::Unreadable),
    }
}

fn argon2(text: &str) -> Result<Scheme<'_>, PasswordError> {
    let stored = PasswordHash::new(text).map_err(|_| PasswordError::Unreadable)?;
    let params = Params::try_from(&stored).map_err(|_| PasswordError::Unreadable)?;
    let is_argon2 = argon2::Algorithm::try_from(stored.algorithm.as_str()).is_ok();
    if !is_argon2 || stored.hash.is_none() || stored.salt.is_none() {
        return Err(PasswordError::Unreadable);
    }
    within(params.m_cost(), ARGON2_KIB_MAX)?;
    let work = u64::from(params.m_cost()) * u64::from(params.t_cost());
    if work > ARGON2_WORK_MAX {
        Err(PasswordError::Costly)
    } else {
        Ok(Scheme::Argon2(Box::new(stored)))
    }
}

fn salted(hash: Hash, text: &str) -> Result<Scheme<'_>, PasswordError> {
    let bytes = decode(text)?;
    let (digest, salt) = bytes.split_at_checked(hash.bytes()).ok_or(PasswordError::Unreadable)?;
    if salt.is_empty() {
        return Err(PasswordError::Unreadable);
    }
    Ok(Scheme::Salted { hash, digest: digest.to_vec(), salt: salt.to_vec() })
}

/// `rounds$salt$digest`, with `.` for `+` in base64, as the OpenLDAP module writes it.
fn pbkdf2(hash: Hash, text: &str) -> Result<Scheme<'_>, PasswordError> {
    let mut fields = text.split('$');
    let (Some(rounds), Some(salt), Some(digest), None) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err(PasswordError::Unreadable);
    };
    let rounds = rounds.parse().map_err(|_| PasswordError::Unreadable)?;
    within(rounds, PBKDF2_ROUNDS_MAX)?;
    let decode = |text: &str| decode(&text.replace('.', "+"));
    let (salt, digest) = (decode(salt)?, decode(digest)?);
    if rounds == 0 || salt.is_empty() || digest.len() != hash.bytes() {
        return Err(PasswordError::Unreadable);
    }
    Ok(Scheme::Pbkdf2 { hash, rounds, salt, digest })
}

fn within(asked: u32, most: u32) -> Result<(), PasswordError> {
    if asked > most { Err(PasswordError::Costly) } else { Ok(()) }
}

fn decode(text: &str) -> Result<Vec<u8>, PasswordError> {
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let engine = GeneralPurpose::new(&STANDARD, config);
    engine.decode(text).map_err(|_| PasswordError::Unreadable)
}

fn digest_of(hash: Hash, password: &[u8], salt: &[u8]) -> Vec<u8> {
    fn digest<D: Digest>(password: &[u8], salt: &[u8]) -> Vec<u8> {
        D::new().chain_update(password).chain_update(salt).finalize().to_vec()
    }
    match hash {
        Hash::Sha1 => digest::<Sha1>(password, salt),
        Hash::Sha256 => digest::<Sha256>(password, salt),
        Hash::Sha512 => digest::<Sha512>(password, salt),
    }
}

fn derive(hash: Hash, password: &[u8], salt: &[u8], rounds: u32, made: &mut [u8]) {
    match hash {
        Hash::Sha1 => pbkdf2::pbkdf2_hmac::<Sha1>(password, salt, rounds, made),
        Hash::Sha256 => pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, rounds, made),
        Hash::Sha512 => pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, rounds, made),
    }
}
