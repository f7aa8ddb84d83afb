//! `waypost cert show`.

use crate::certificate::{CertificateFacts, Validity, count, day, read_chain};
use crate::failure::Failure;
use crate::output::tell;
use std::path::Path;
use waypost_types::Moment;

/// Prints the facts of the first certificate of a file.
pub(crate) fn print(file: &Path) -> Result<(), Failure> {
    let chain = read_chain(file).map_err(Failure::usage)?;
    let facts = CertificateFacts::of_file(file).map_err(Failure::usage)?;
    for (what, value) in lines(&facts, chain.len(), Moment::now().wall.seconds) {
        tell(format_args!("{:<13}{value}", format!("{what}:")));
    }
    Ok(())
}

fn lines(facts: &CertificateFacts, chain: usize, now: i64) -> Vec<(&'static str, String)> {
    let issuer = if facts.self_signed { "itself" } else { facts.issuer.as_str() };
    let names = if facts.names.is_empty() { "none".to_owned() } else { facts.names.join(", ") };
    let self_signed = if facts.self_signed { "yes" } else { "no" };
    let chain =
        if chain == 1 { "1 certificate".to_owned() } else { format!("{chain} certificates") };
    vec![
        ("subject", facts.subject.clone()),
        ("names", names),
        ("issuer", issuer.to_owned()),
        ("self-signed", self_signed.to_owned()),
        ("serial", facts.serial.clone()),
        ("valid from", day(facts.not_before)),
        ("expires", format!("{} ({})", day(facts.not_after), left(facts, now))),
        ("key", facts.key.clone()),
        ("SHA-256", facts.fingerprint.clone()),
        ("chain", chain),
    ]
}

/// The time that is left, in words.
pub(super) fn left(facts: &CertificateFacts, now: i64) -> String {
    match Validity::at(facts, now) {
        Validity::NotYet => "not valid yet".to_owned(),
        Validity::Good(days) | Validity::Ending(days) => format!("{} left", count(days)),
        Validity::Expired => "expired".to_owned(),
    }
}
