//! The demo's users, with random passwords that the environment file remembers.

use super::configuration::DOMAIN;
use super::env_file::{EnvFile, password_key};
use crate::failure::{Context, Failure};
use crate::settings;
use std::collections::BTreeMap;
use waypost_directory::{AdminError, Directory, EmbeddedDirectory, NewUser};
use waypost_options::Config;
use waypost_types::Secret;

/// Who can log in.
pub(super) const USERS: [&str; 2] = ["alice", "bob"];
/// Letters of a password; 16 of them hold 80 random bits.
const PASSWORD_LETTERS: usize = 16;
/// 32 letters and digits that are not mistaken for one another.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Passwords by user.
pub(super) type Passwords = BTreeMap<String, String>;

/// Makes domain and users where they are missing. A password that the file remembers stays; one that
/// is lost is replaced.
pub(super) fn ensure(config: &Config, known: &EnvFile) -> Result<Passwords, Failure> {
    let directory = settings::writable_directory(config)?;
    if directory.domain(DOMAIN).map_err(Failure::new)?.is_none() {
        directory.add_domain(DOMAIN).map_err(Failure::new)?;
    }
    let mut passwords = Passwords::new();
    for user in USERS {
        let password = match known.value(&password_key(user)) {
            Some(password) => password.to_owned(),
            None => random_password()?,
        };
        settle(&directory, user, &password).map_err(Failure::new)?;
        passwords.insert(user.to_owned(), password);
    }
    Ok(passwords)
}

fn settle(directory: &EmbeddedDirectory, uid: &str, password: &str) -> Result<(), AdminError> {
    let secret = Secret::new(password.to_owned());
    let Some(user) = directory.user_by_login(uid, DOMAIN)? else {
        let new = NewUser {
            uid: uid.to_owned(),
            domain: DOMAIN.to_owned(),
            password: secret,
            cn: None,
            mail: None,
            mail_alternate_addresses: Vec::new(),
            quota: None,
            message_quota: None,
        };
        return directory.add_user(&new).map(|_| ());
    };
    if directory.verify_password(&user, &secret)?.is_right() {
        return Ok(());
    }
    directory.set_password(uid, DOMAIN, &secret)
}

fn random_password() -> Result<String, Failure> {
    let mut bytes = [0; PASSWORD_LETTERS];
    getrandom::fill(&mut bytes).context("no random numbers")?;
    let letter = |byte: u8| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]);
    Ok(bytes.into_iter().map(letter).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_differ_and_need_no_quotes() {
        let (one, two) = (random_password().unwrap(), random_password().unwrap());
        assert_ne!(one, two);
        assert_eq!(one.len(), PASSWORD_LETTERS);
        assert!(one.chars().all(|c| c.is_ascii_alphanumeric()));
    }
}
