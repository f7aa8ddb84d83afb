//! The decision itself: directory, password, status, service, host. Blocking; one call per attempt.
//!
//! The password is checked before status, service and host are *told*, so that only who knows it learns
//! that an account is shut. Users that do not exist cost the same time as those that do.

use crate::config::AuthConfig;
use crate::failure::{FailureKind, LoginFailure};
use crate::login::{Identity, LoginName, for_log};
use waypost_directory::{Directory, Domain, User, standing};
use waypost_types::Secret;

/// Checks a name and a password.
pub(crate) fn decide(
    directory: &dyn Directory,
    config: &AuthConfig,
    name: &LoginName,
    password: &Secret<String>,
) -> Result<Identity, LoginFailure> {
    let (domain, user) = match look_up(directory, name)? {
        Ok(found) => found,
        Err(missing) => {
            directory.verify_nobody(password)?;
            return Err(LoginFailure::new(FailureKind::BadCredentials, missing));
        }
    };
    if !directory.verify_password(&user, password)? {
        return Err(LoginFailure::new(FailureKind::BadCredentials, "wrong password"));
    }
    check_standing(&domain, &user)?;
    check_service(&domain, &user)?;
    check_host(config, &user)?;
    Ok(Identity::from(user))
}

/// Checks the authorization identity: so far everybody acts as themselves only.
pub(crate) fn authorize(
    config: &AuthConfig,
    identity: Identity,
    authorization_id: Option<&str>,
) -> Result<Identity, LoginFailure> {
    let Some(wanted) = authorization_id.filter(|id| !id.is_empty()) else { return Ok(identity) };
    if LoginName::parse(wanted, config).is_some_and(|name| name.names(&identity)) {
        return Ok(identity);
    }
    let reason = format!("{} may not act as {:?}", identity.account, for_log(wanted));
    Err(LoginFailure::new(FailureKind::NotAuthorized, reason))
}

/// The domain and the user of a name; the inner error says which of them is missing.
fn look_up(
    directory: &dyn Directory,
    name: &LoginName,
) -> Result<Result<(Domain, User), &'static str>, LoginFailure> {
    let Some(domain) = directory.domain(&name.domain)? else { return Ok(Err("unknown domain")) };
    let user = directory.user_by_login(&name.uid, &domain.name)?;
    Ok(user.map(|user| (domain, user)).ok_or("unknown user"))
}

fn check_standing(domain: &Domain, user: &User) -> Result<(), LoginFailure> {
    let standing = standing(domain, user);
    if standing.status.may_log_in() {
        return Ok(());
    }
    let reason = format!("{} is {}", standing.attribute, standing.status);
    Err(LoginFailure::new(FailureKind::Disabled, reason))
}

/// Service filters are not evaluated yet, so an entry that has one lets nobody in: a restriction that
/// is not understood must not be ignored.
fn check_service(domain: &Domain, user: &User) -> Result<(), LoginFailure> {
    let filters = [
        ("mailDomainAllowedServiceAccess", &domain.mail_domain_allowed_service_access),
        ("mailAllowedServiceAccess", &user.mail_allowed_service_access),
    ];
    let Some((attribute, _)) = filters.into_iter().find(|(_, filter)| filter.is_some()) else {
        return Ok(());
    };
    let reason = format!("{attribute} is set, and this release does not evaluate it");
    Err(LoginFailure::new(FailureKind::Disabled, reason))
}

fn check_host(config: &AuthConfig, user: &User) -> Result<(), LoginFailure> {
    match &user.mail_host {
        Some(host) if !host.eq_ignore_ascii_case(&config.hostname) => {
            Err(LoginFailure::new(FailureKind::WrongHost, format!("mailHost is {host}")))
        }
        _ => Ok(()),
    }
}
