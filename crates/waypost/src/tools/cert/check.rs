//! `waypost cert check`.

use super::findings::{self, Finding, Grade, Host};
use super::{configured, read};
use crate::failure::Failure;
use crate::output::tell;
use crate::settings;
use waypost_options::Config;
use waypost_types::Moment;

/// Prints what is to be said of the configured certificate, and fails by the worst of it.
pub(super) fn run(config: &Config, host: Option<&str>) -> Result<(), Failure> {
    let pair = configured(config)?;
    let identity = read(config, &pair)?;
    let own = settings::hostname(config);
    let host = match host {
        Some(name) => Host { name, otherwise: Grade::Bad },
        None => Host { name: &own, otherwise: Grade::Warning },
    };
    let mut found = findings::of_identity(&identity, &host, Moment::now().wall.seconds);
    found.push(findings::of_key_file(&pair));
    tell(format_args!("{}", pair.certificate.display()));
    report(&found);
    verdict(&found)
}

/// Prints findings.
pub(super) fn report(found: &[Finding]) {
    for Finding { grade, text } in found {
        tell(format_args!("{:<9}{text}", format!("{}:", grade.name())));
    }
}

fn verdict(found: &[Finding]) -> Result<(), Failure> {
    match found.iter().map(|finding| finding.grade).max() {
        Some(Grade::Bad) => Err(Failure::usage("the certificate is bad")),
        Some(Grade::Warning) => Err(Failure::new("the certificate needs attention")),
        _ => Ok(()),
    }
}
