//! `waypost login-explain`: what a login would come to, step by step, and where each rule stands.

use super::explain_filter;
use crate::certificate::read_chain;
use crate::cli::LoginExplainArguments;
use crate::failure::{Context, Failure};
use crate::output::tell;
use crate::prompt::password_line;
use crate::settings::clients;
use crate::{ownership, settings};
use std::path::Path;
use std::sync::Arc;
use waypost_access::{Names, NoNames};
use waypost_auth::{
    Authenticator, Credential, Explanation, Identity, LoginAttempt, PresentedCertificate, Rule,
    Service, Step,
};
use waypost_directory::Directory;
use waypost_names::Dns;
use waypost_net::tls::ClientTrust;
use waypost_options::{Config, find};
use waypost_supervisor::ToolRights;
use waypost_types::{Moment, Secret};

/// Explains; a login that would be refused is a failure, so that scripts can ask.
pub(crate) fn run(file: &Path, arguments: &LoginExplainArguments) -> Result<(), Failure> {
    let config = ownership::load_for_tool(file, ToolRights::None)?;
    let directory: Arc<dyn Directory> = settings::directory(&config)?.into();
    let clients = clients::read(&config)?;
    let auth = Authenticator::new(directory, settings::auth(&config, clients.cert_maps()?));
    let auth = auth.context("cannot check logins")?;
    // Without a name server no name is known, to the services either.
    let dns = Dns::of_system().map(|dns| Arc::new(dns) as Arc<dyn Names>);
    let names = dns.unwrap_or_else(|_| Arc::new(NoNames));
    auth.ask_names(Arc::clone(&names));
    let password = arguments.password_stdin.then(password_line).transpose()?;
    let attempt = match &arguments.certificate {
        Some(certificate) => by_certificate(arguments, certificate, clients.trust.as_ref())?,
        None => by_name(arguments),
    };
    let mut explanation = auth.explain(&attempt, password.as_ref());
    let filter = match arguments.from {
        Some(from) => Some(explain_filter::step(&config, attempt.service, from, &*names)?),
        None => explain_filter::not_judged(&config, attempt.service),
    };
    if let Some(step) = filter {
        explanation.steps.insert(0, step);
    }
    show(&config, file, &explanation);
    if let Some(Step { answer, .. }) = explanation.steps.first().filter(|step| !step.passed)
        && arguments.from.is_some()
    {
        return Err(Failure::new(format!("the connection would be refused: {answer}")));
    }
    match explanation.outcome {
        Ok(identity) => {
            tell(format_args!("\nlet in{}", described(&identity)));
            Ok(())
        }
        Err(failure) => {
            tell(format_args!("\nthe client is told: [{}] {failure}", failure.imap_code()));
            Err(Failure::new(format!("the login would be refused: {}", failure.reason)))
        }
    }
}

fn by_name(arguments: &LoginExplainArguments) -> LoginAttempt {
    LoginAttempt {
        service: service(arguments),
        login: arguments.user.clone().unwrap_or_default(),
        authorization_id: arguments.acting_as.clone(),
        credential: Credential::Password(Secret::new(String::new())),
        peer: arguments.from,
        tls: tls(arguments),
    }
}

/// The login by a certificate, which is judged as TLS would judge it now.
fn by_certificate(
    arguments: &LoginExplainArguments,
    file: &Path,
    trust: Option<&ClientTrust>,
) -> Result<LoginAttempt, Failure> {
    let chain = read_chain(file).map_err(Failure::usage)?;
    let fault = match trust {
        None => Some("base.sslclientcafile is not set, so no certificate is asked for".to_owned()),
        Some(trust) => {
            trust.judge(&chain, Moment::now().wall.seconds).map_err(Failure::usage)?.err()
        }
    };
    let der = chain.first().map(|own| own.to_vec()).unwrap_or_default();
    let presented = PresentedCertificate { der, fault };
    let id = arguments.acting_as.clone();
    Ok(presented.into_attempt(service(arguments), id, arguments.from, tls(arguments)))
}

fn service(arguments: &LoginExplainArguments) -> Service {
    if arguments.service == "pop" { Service::Pop3 } else { Service::Imap }
}

fn tls(arguments: &LoginExplainArguments) -> Option<u32> {
    Some(arguments.tls_bits).filter(|bits| *bits > 0)
}

fn show(config: &Config, file: &Path, explanation: &Explanation) {
    for (number, step) in (1..).zip(&explanation.steps) {
        let Step { name, input, filter, answer, rule, passed } = step;
        tell(format_args!("{number}. {name}: {input}"));
        if let Some(filter) = filter {
            tell(format_args!("   filter: {filter}"));
        }
        tell(format_args!("   {}: {answer}", if *passed { "answer" } else { "REFUSED" }));
        tell(format_args!("   rule: {}", place(config, file, rule)));
    }
}

/// Where a rule stands.
fn place(config: &Config, file: &Path, rule: &Rule) -> String {
    match rule {
        Rule::Always(what) => (*what).to_owned(),
        Rule::Attribute { entry, attribute } => format!("{attribute} of the entry {entry}"),
        Rule::Option(name) => {
            let place = find(config.registry(), name).ok();
            match place.and_then(|place| config.line(place.record)) {
                Some(line) => format!("{name} ({}, line {line})", file.display()),
                None => format!("{name} (not set, its default holds)"),
            }
        }
    }
}

fn described(identity: &Identity) -> String {
    let acting = identity.acting.as_ref();
    let acting = acting.map_or_else(String::new, |admin| format!(", acting: {admin}"));
    format!(" as {} ({}){acting}", identity.account, identity.mail)
}
