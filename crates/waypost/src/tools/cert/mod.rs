//! `waypost cert`: makes, shows, checks and installs the server's certificate.

mod check;
mod clients;
mod findings;
mod install;
mod self_signed;
mod show;

use crate::certificate::Pair;
use crate::failure::Failure;
use crate::{config_file, settings};
use clap::{Args, Subcommand};
use std::path::{Path, PathBuf};
use waypost_net::tls::{CertificateFiles, TlsIdentity};
use waypost_options::Config;

pub(crate) use show::print as show_file;

/// The longest validity of a self-signed certificate in days.
const DAYS_MAX: i64 = 3_650;

#[derive(Debug, Subcommand)]
pub(crate) enum CertCommand {
    /// Make a key and a certificate that it signs itself
    SelfSigned(SelfSignedArguments),
    /// Show what is written in the configured certificate, or in that of a file
    Show {
        /// A certificate or chain in PEM form
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Show the authorities whose certificates let clients log in, and the maps of certificates' owners
    Clients,
    /// Check the configured certificate and its key; exit status 0 good, 1 warning, 2 bad
    #[command(after_help = "Warnings are given from 30 days before the certificate expires.")]
    Check {
        /// A name that clients call the server [default: base.hostname, which only gives a warning]
        #[arg(long, value_name = "NAME")]
        host: Option<String>,
    },
    /// Check a certificate and its key, and put them in the place of the configured ones
    Install {
        /// The certificate chain in PEM form, the server's own certificate first
        #[arg(long, value_name = "FILE")]
        cert: PathBuf,
        /// The private key in PEM form
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct SelfSignedArguments {
    /// A host name or address that clients call the server; may be repeated [default: base.hostname]
    #[arg(long = "name", value_name = "HOST")]
    names: Vec<String>,
    /// How many days it is valid
    #[arg(long, value_name = "N", default_value_t = 365, value_parser = clap::value_parser!(i64).range(1..=DAYS_MAX))]
    days: i64,
    /// Replace a certificate that is not self-signed
    #[arg(long)]
    force: bool,
}

/// Carries out a subcommand.
pub(crate) fn run(file: &Path, command: &CertCommand) -> Result<(), Failure> {
    match command {
        CertCommand::SelfSigned(arguments) => self_signed::run(file, arguments),
        CertCommand::Show { file: Some(certificate) } => show_file(certificate),
        CertCommand::Show { file: None } => {
            show_file(&configured(&config_file::load(file)?)?.certificate)
        }
        CertCommand::Clients => clients::run(&config_file::load(file)?),
        CertCommand::Check { host } => check::run(&config_file::load(file)?, host.as_deref()),
        CertCommand::Install { cert, key } => install::run(file, cert, key),
    }
}

/// Where the configured certificate and key are.
fn configured(config: &Config) -> Result<Pair, Failure> {
    let files = settings::certificate_files(config).ok_or_else(|| {
        Failure::usage(
            "no certificate is configured (base.sslcertfile, base.sslkeyfile); `waypost cert \
             self-signed` makes one, `waypost cert install` takes one in",
        )
    })?;
    Ok(Pair { certificate: files.certificate().to_owned(), key: files.key().to_owned() })
}

/// Reads a certificate and its key, with the configured passphrase.
fn read(config: &Config, pair: &Pair) -> Result<TlsIdentity, Failure> {
    let files = CertificateFiles::new(pair.certificate.clone(), pair.key.clone());
    files.read(settings::key_passphrase(config)).map_err(Failure::usage)
}
