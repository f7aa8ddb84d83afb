//! What the directory's password policy says at a bind: a response control, or a sentence.

use crate::connection::SUCCESS;
use ldap3::LdapResult;
use ldap3::controls::RawControl;
use waypost_directory::{DirectoryError, PasswordVerdict};

/// The control of draft-behera-ldap-password-policy, in request and response.
const POLICY_CONTROL: &str = "1.3.6.1.4.1.42.2.27.8.5.1";
/// The older response control of an expired password, which some servers still send.
const EXPIRED_CONTROL: &str = "2.16.840.1.113730.3.4.4";
/// `invalidCredentials`, also for users that do not exist.
const INVALID_CREDENTIALS: u32 = 49;
/// Other codes that say no to this user or this password only: `inappropriateAuthentication`,
/// `constraintViolation`, `noSuchObject`, `invalidDNSyntax`, `insufficientAccessRights`.
const REFUSALS: [u32; 5] = [48, 19, 32, 34, 50];
/// The longest message that is kept for the log, in bytes.
const MESSAGE_BYTES_MAX: usize = 200;

/// The errors of the control.
const PASSWORD_EXPIRED: u8 = 0;
const ACCOUNT_LOCKED: u8 = 1;
const CHANGE_AFTER_RESET: u8 = 2;

/// Asks for the policy's word.
pub(crate) fn request() -> Vec<RawControl> {
    vec![RawControl { ctype: POLICY_CONTROL.to_owned(), crit: false, val: None }]
}

/// What an answer to a bind means for the password.
pub(crate) fn verdict(result: &LdapResult) -> Result<PasswordVerdict, DirectoryError> {
    let message = message(&result.text);
    let said = error_of(result).or_else(|| error_in(&result.text.to_ascii_lowercase()));
    Ok(match (result.rc, said) {
        (SUCCESS, Some(CHANGE_AFTER_RESET | PASSWORD_EXPIRED)) => {
            PasswordVerdict::MustChange { message }
        }
        (SUCCESS, _) => PasswordVerdict::Right,
        (_, Some(PASSWORD_EXPIRED)) => PasswordVerdict::Expired { message },
        (_, Some(ACCOUNT_LOCKED)) => PasswordVerdict::Locked { message },
        (_, Some(CHANGE_AFTER_RESET)) => PasswordVerdict::MustChange { message },
        (INVALID_CREDENTIALS, _) => PasswordVerdict::Wrong,
        (code, _) if REFUSALS.contains(&code) => {
            tracing::warn!(code, message, "the directory refused to check a password");
            PasswordVerdict::Wrong
        }
        _ => return Err(DirectoryError::Unavailable { cause: format!("bind: {result}") }),
    })
}

fn message(text: &str) -> String {
    text[..text.floor_char_boundary(MESSAGE_BYTES_MAX)].to_owned()
}

fn error_of(result: &LdapResult) -> Option<u8> {
    let value = |oid: &str| result.ctrls.iter().find(|control| control.1.ctype == oid);
    if value(EXPIRED_CONTROL).is_some() {
        return Some(PASSWORD_EXPIRED);
    }
    error_number(value(POLICY_CONTROL)?.1.val.as_deref()?)
}

/// `SEQUENCE { warning [0] ... OPTIONAL, error [1] ENUMERATED OPTIONAL }`; all lengths are short ones.
fn error_number(value: &[u8]) -> Option<u8> {
    let (0x30, mut content) = element(value)?.0 else { return None };
    while !content.is_empty() {
        let ((tag, inner), rest) = element(content)?;
        if tag == 0x81 {
            return inner.first().copied();
        }
        content = rest;
    }
    None
}

type Element<'a> = (u8, &'a [u8]);

fn element(bytes: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let [tag, length, rest @ ..] = bytes else { return None };
    let (inner, rest) = rest.split_at_checked(usize::from(*length))?;
    Some(((*tag, inner), rest))
}

/// Servers without the control tell in words; Active Directory in numbers.
fn error_in(text: &str) -> Option<u8> {
    const WORDS: [(&str, u8); 9] = [
        ("data 532", PASSWORD_EXPIRED),
        ("data 701", PASSWORD_EXPIRED),
        ("data 773", CHANGE_AFTER_RESET),
        ("data 775", ACCOUNT_LOCKED),
        ("password expired", PASSWORD_EXPIRED),
        ("password has expired", PASSWORD_EXPIRED),
        ("must be changed", CHANGE_AFTER_RESET),
        ("account locked", ACCOUNT_LOCKED),
        ("retry limit", ACCOUNT_LOCKED),
    ];
    WORDS.into_iter().find(|(words, _)| text.contains(words)).map(|(_, error)| error)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;
    use ldap3::controls::Control;

    fn answer(rc: u32, text: &str, control: Option<&[u8]>) -> LdapResult {
        let control = control.map(|value| {
            let (ctype, val) = (POLICY_CONTROL.to_owned(), Some(value.to_vec()));
            Control(None, RawControl { ctype, crit: false, val })
        });
        let (matched, text) = (String::new(), text.to_owned());
        LdapResult { rc, matched, text, refs: Vec::new(), ctrls: control.into_iter().collect() }
    }

    #[test]
    fn the_control_tells_refusals_apart() {
        let verdict_of = |rc, bytes: &[u8]| verdict(&answer(rc, "", Some(bytes))).unwrap();
        let message = String::new;
        let expired = PasswordVerdict::Expired { message: message() };
        assert_eq!(verdict_of(49, &[0x30, 3, 0x81, 1, 0]), expired);
        let locked = PasswordVerdict::Locked { message: message() };
        assert_eq!(verdict_of(49, &[0x30, 3, 0x81, 1, 1]), locked);
        let change = PasswordVerdict::MustChange { message: message() };
        assert_eq!(verdict_of(0, &[0x30, 3, 0x81, 1, 2]), change);
        let soon = [0x30, 5, 0xa0, 3, 0x80, 1, 60];
        assert_eq!(verdict_of(0, &soon), PasswordVerdict::Right, "a warning lets in");
        let both = [0x30, 8, 0xa0, 3, 0x81, 1, 0, 0x81, 1, 0];
        assert_eq!(verdict_of(49, &both), expired, "the warning's own tag is not the error's");
        for cut in 0..both.len() {
            assert_eq!(verdict_of(49, &both[..cut]), PasswordVerdict::Wrong, "cut at {cut}");
        }
    }

    #[test]
    fn words_tell_too_and_trouble_is_no_wrong_password() {
        let verdict_of = |rc, text| verdict(&answer(rc, text, None));
        let text = "80090308: LdapErr: DSID-0C090446, comment: AcceptSecurityContext, data 773, v";
        assert_eq!(
            verdict_of(49, text).unwrap(),
            PasswordVerdict::MustChange { message: text.into() }
        );
        assert_eq!(verdict_of(49, "").unwrap(), PasswordVerdict::Wrong);
        assert_eq!(verdict_of(0, "").unwrap(), PasswordVerdict::Right);
        for trouble in [1, 2, 8, 13, 80] {
            assert!(verdict_of(trouble, "").unwrap_err().is_temporary(), "{trouble}");
        }
    }
}
