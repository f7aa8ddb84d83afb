//! `waypost cert self-signed`, and what it has in common with `install`: where the files are to be.

use super::SelfSignedArguments;
use crate::certificate::{CertificateFacts, Pair, SelfSigned, day, self_signed};
use crate::failure::{Context, Failure};
use crate::output::tell;
use crate::settings;
use crate::tools::msconfig::{note, write_failure};
use rustls_pki_types::ServerName;
use std::path::Path;
use waypost_options::{
    BASE_SSLCERTFILE, BASE_SSLKEYFILE, Config, ConfigFile, Draft, IMAP_ENABLE, IMAP_ENABLESSLPORT,
    OptionRecord, POP_ENABLE, POP_ENABLESSLPORT, Place, Writer, commands,
};
use waypost_types::Moment;

/// The names of the files, beside the configuration, when the options name none.
static FILES: [(&OptionRecord, &str); 2] =
    [(&BASE_SSLCERTFILE.record, "cert.pem"), (&BASE_SSLKEYFILE.record, "key.pem")];

/// Makes a key and a certificate, puts them in place, and says what to do next.
pub(super) fn run(file: &Path, arguments: &SelfSignedArguments) -> Result<(), Failure> {
    let config_file = ConfigFile::new(file).map_err(write_failure)?;
    let target = Target::open(&config_file)?;
    if !arguments.force {
        check_replaceable(&target.pair)?;
    }
    let names = names(&target.before, arguments)?;
    let now = Moment::now().wall.seconds;
    let made = self_signed(&names, now, arguments.days).context("cannot make a certificate")?;
    let SelfSigned { certificate, key } = made;
    let pair = &target.pair;
    let installed = pair.install(certificate.as_bytes(), key.as_bytes(), file);
    installed.context(format!("cannot write {}", pair.certificate.display()))?;
    let end = day(now.saturating_add(arguments.days.saturating_mul(86_400)));
    tell(format_args!(
        "wrote {} and {}: a certificate for {}, valid to {end}",
        pair.certificate.display(),
        pair.key.display(),
        names.join(", ")
    ));
    let before = target.before.clone();
    let after = target.store("cert self-signed")?;
    next_steps(&before, &after);
    Ok(())
}

/// The names to put in, each one fit to be called by a client.
fn names(config: &Config, arguments: &SelfSignedArguments) -> Result<Vec<String>, Failure> {
    let mut names = arguments.names.clone();
    if names.is_empty() {
        names.push(settings::hostname(config));
    }
    for name in &names {
        let host = name.strip_prefix("*.").unwrap_or(name);
        if ServerName::try_from(host).is_err() {
            return Err(Failure::usage(format!("{name:?} is no host name and no IP address")));
        }
    }
    Ok(names)
}

/// A certificate that somebody else has signed is not made again as easily.
fn check_replaceable(pair: &Pair) -> Result<(), Failure> {
    let path = pair.certificate.display();
    if !pair.certificate.exists() {
        return Ok(());
    }
    let why = match CertificateFacts::of_file(&pair.certificate) {
        Ok(facts) if facts.self_signed => return Ok(()),
        Ok(facts) => format!("{path} is signed by {}", facts.issuer),
        Err(error) => error,
    };
    Err(Failure::usage(format!("{why}; --force replaces it and keeps it as {path}.old")))
}

fn next_steps(before: &Config, after: &Config) {
    let steps = match commands(before, after) {
        steps if steps.is_empty() => vec!["refresh".to_owned()],
        steps => steps,
    };
    tell("running services take it in, and offer STARTTLS and STLS, after:");
    steps.iter().for_each(|step| tell(format_args!("  {step}")));
    ssl_ports(after);
}

/// Says how SSL ports are opened that are not.
pub(super) fn ssl_ports(config: &Config) {
    let closed: Vec<_> =
        [("imap", &IMAP_ENABLE, &IMAP_ENABLESSLPORT), ("pop", &POP_ENABLE, &POP_ENABLESSLPORT)]
            .into_iter()
            .filter(|(_, enable, ssl)| config.read(*enable) && !config.read(*ssl))
            .collect();
    if !closed.is_empty() {
        tell("SSL ports are opened with:");
    }
    for (service, _, ssl) in closed {
        let name = ssl.record.full_name();
        tell(format_args!("  msconfig set {name} 1 && stop-msg {service} && start-msg {service}"));
    }
}

/// Where certificate and key are to be, and the configuration that says so once they are.
pub(super) struct Target<'a> {
    pub(super) pair: Pair,
    /// What was configured before.
    pub(super) before: Config,
    draft: Draft,
    writer: Writer<'a>,
}

impl<'a> Target<'a> {
    /// Reads the configuration, which may lack nothing but the certificate, and keeps others from it.
    pub(super) fn open(file: &'a ConfigFile) -> Result<Self, Failure> {
        let writer = file.lock().map_err(write_failure)?;
        let mut draft = file.draft().map_err(Failure::usage)?;
        let before = draft.config().clone();
        let named =
            before.read(&BASE_SSLCERTFILE).is_some() || before.read(&BASE_SSLKEYFILE).is_some();
        if !named {
            for (record, name) in FILES {
                draft.set(&Place::of(record), name).map_err(Failure::usage)?;
            }
        }
        let problems = draft.conflicts();
        if !problems.is_empty() {
            let reasons: Vec<String> = problems.into_iter().map(|p| p.reason).collect();
            return Err(Failure::usage(reasons.join("; ")));
        }
        let pair = super::configured(draft.config())?;
        if pair.certificate == pair.key {
            return Err(Failure::usage(
                "base.sslcertfile and base.sslkeyfile are one file; give the key one of its own",
            ));
        }
        Ok(Self { pair, before, draft, writer })
    }

    /// Stores the options when they are new; answers with what is configured then.
    pub(super) fn store(self, remark: &str) -> Result<Config, Failure> {
        let stored = self.writer.store(&self.draft, &note(remark)?).map_err(write_failure)?;
        if let Some(number) = stored {
            let names = FILES.map(|(record, _)| record.full_name()).join(" and ");
            tell(format_args!("stored {names} as generation {number}"));
        }
        Ok(self.draft.config().clone())
    }
}
