//! `mailAllowedServiceAccess` and `mailDomainAllowedServiceAccess`: which services a user may use, and from
//! where.
//!
//! The decision depends on the service and the client's address, so it is made at every login, also at one whose
//! password is remembered. The rules therefore go with the identity. Both attributes must let the client in; one
//! that cannot be understood lets nobody in.

use crate::failure::{FailureKind, LoginFailure};
use crate::login::{Identity, LoginAttempt};
use crate::pipeline::{Decided, Run};
use crate::trace::{Rule, Step};
use std::sync::Arc;
use tokio::runtime::Builder;
use waypost_access::{Connection, Decision, End, Filters, Grounds, Names, Reading, decide};
use waypost_directory::{Domain, User};

/// What the explanation of a login calls it.
const STEP: &str = "service";
const OF_USER: &str = "mailAllowedServiceAccess";
const OF_DOMAIN: &str = "mailDomainAllowedServiceAccess";

/// The rules of a user and of the user's domain, as they are written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ServiceAccess(Arc<[Rules]>);

/// One attribute.
#[derive(Debug, PartialEq, Eq)]
struct Rules {
    attribute: &'static str,
    /// Whose it is, for the log.
    entry: String,
    text: String,
}

impl ServiceAccess {
    /// What the entries say.
    pub(crate) fn of(domain: &Domain, user: &User) -> Self {
        let rules = |attribute, entry: &str, text: &Option<String>| {
            let text = text.clone()?;
            Some(Rules { attribute, entry: entry.to_owned(), text })
        };
        let of_domain = rules(OF_DOMAIN, &domain.name, &domain.mail_domain_allowed_service_access);
        let of_user = rules(OF_USER, &user.entry, &user.mail_allowed_service_access);
        Self([of_domain, of_user].into_iter().flatten().collect())
    }

    /// Whether this client may use this service. `hostname` stands for the server where rules name one.
    pub(crate) async fn check(
        &self,
        attempt: &LoginAttempt,
        hostname: &str,
        names: &dyn Names,
    ) -> Decided<()> {
        self.judge(attempt, hostname, names).await.1
    }

    /// The same with a step for each attribute.
    async fn judge(
        &self,
        attempt: &LoginAttempt,
        hostname: &str,
        names: &dyn Names,
    ) -> (Vec<Step>, Decided<()>) {
        let service = attempt.service.name();
        let (client, server) = (End::at(attempt.peer), End::named(hostname));
        let mut connection = Connection { service, client, server };
        let mut steps = Vec::new();
        for rules in self.0.iter() {
            let step = Step::new(STEP, service, Rule::of(&rules.entry, rules.attribute));
            match rules.check(&mut connection, names).await {
                Ok(grounds) => steps.push(step.answer(grounds.to_string())),
                Err(failure) => {
                    steps.push(Step { passed: false, ..step.answer(failure.reason.clone()) });
                    return (steps, Err(failure));
                }
            }
        }
        if steps.is_empty() {
            let step = Step::new(STEP, service, Rule::Always("no service filter is set"));
            steps.push(step.answer("every service is allowed"));
        }
        (steps, Ok(()))
    }
}

/// Judges with a blocking wait, on a thread of its own so that it does not matter where, and notes the steps.
pub(crate) fn explain(
    run: &mut Run<'_>,
    attempt: &LoginAttempt,
    identity: &Identity,
    names: &dyn Names,
) -> Decided<()> {
    let unavailable = |why: &dyn std::fmt::Display| {
        LoginFailure::new(FailureKind::Unavailable, format!("cannot look up names: {why}"))
    };
    let hostname = &run.config.hostname;
    let judge = || {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| unavailable(&error))?;
        Ok::<_, LoginFailure>(runtime.block_on(identity.access.judge(attempt, hostname, names)))
    };
    let judged = std::thread::scope(|scope| scope.spawn(judge).join());
    let (steps, outcome) = judged.map_err(|_| unavailable(&"the thread ended early"))??;
    run.steps.extend(steps);
    outcome
}

impl Rules {
    /// What grants it.
    async fn check(&self, connection: &mut Connection, names: &dyn Names) -> Decided<Grounds> {
        let filters = Filters::of_attribute(&self.text, Reading::Tolerant).map_err(|fault| {
            self.refusal(format_args!("is not understood, so it lets nobody in: {fault}"))
        })?;
        let Decision { granted, grounds } = decide(&filters, connection, names).await;
        if granted {
            return Ok(grounds);
        }
        Err(self.refusal(format_args!("refuses {}: {grounds}", connection.service)))
    }

    fn refusal(&self, why: std::fmt::Arguments<'_>) -> LoginFailure {
        let reason = format!("{} of {} {why}", self.attribute, self.entry);
        LoginFailure::new(FailureKind::Disabled, reason)
    }
}

#[cfg(test)]
#[path = "service_access_tests.rs"]
mod tests;
