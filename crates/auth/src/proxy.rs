//! Acting as another user: the authorization identity of SASL PLAIN (RFC 4616 section 2).
//!
//! Everybody may act as themselves; store administrators (`store.admins`) as any user whose own status,
//! services and host let him in. Who is no administrator is not told whether the other exists.

use crate::failure::FailureKind;
use crate::login::{Credential, Identity, LoginAttempt, LoginName, for_log};
use crate::pipeline::{Decided, Run};
use crate::trace::{Rule, Step};

/// Where administrators are listed.
const ADMINS: &str = "store.admins";

/// Who is asked for, when it is somebody else.
pub(crate) fn asked_for<'a>(
    run: &Run<'_>,
    attempt: &'a LoginAttempt,
    identity: &Identity,
) -> Option<&'a str> {
    let wanted = attempt.authorization_id.as_deref().filter(|id| !id.is_empty())?;
    let typed = match attempt.credential {
        Credential::Password(_) => &attempt.login,
        // Clients send the address that their user typed.
        Credential::Certificate(_) => &identity.mail,
    };
    let own_name = wanted.eq_ignore_ascii_case(typed)
        || wanted.eq_ignore_ascii_case(identity.account.as_str());
    let names = |name: LoginName| name.names(identity);
    let is_own = own_name || LoginName::parse(wanted, run.config).is_some_and(names);
    (!is_own).then_some(wanted)
}

/// Whether the one who has logged in may act as others.
pub(crate) fn permit(run: &mut Run<'_>, identity: &Identity, wanted: &str) -> Decided<()> {
    let account = &identity.account;
    let input = format!("{account} as {}", for_log(wanted));
    let step = Step::new("act as another", input, Rule::Option(ADMINS));
    if run.config.is_admin(account) {
        return run.pass(step, format!("{account} is a store administrator"), ());
    }
    let reason = format!("{account} may not act as {:?}: not in {ADMINS}", for_log(wanted));
    run.refuse(step, FailureKind::NotAuthorized, reason)
}

/// The identity of the user acted for, who must exist and be let in by his own rules.
pub(crate) fn become_other(
    run: &mut Run<'_>,
    identity: Identity,
    wanted: &str,
) -> Decided<Identity> {
    let by = identity.account;
    let entered = run.name(wanted).and_then(|name| run.find(&name));
    let entered = entered.and_then(|found| run.entry(found));
    match entered {
        Ok(other) => Ok(Identity { acting: (other.account != by).then_some(by), ..other }),
        Err(mut failure) => {
            // The administrator's password was right: another one would not help.
            if failure.kind == FailureKind::BadCredentials {
                failure.kind = FailureKind::NotAuthorized;
            }
            failure.reason = format!("{by} as {:?}: {}", for_log(wanted), failure.reason);
            Err(failure)
        }
    }
}
