//! Checks over several options at once.

use crate::ciphers::cipher_suites;
use crate::config::Config;
use crate::error::Problem;
use crate::groups::{base, imap, lmtp, metrics, pop};
use crate::record::{Opt, OptionRecord};
use waypost_types::{CIPHER_SUITES, TlsVersion};

/// The options that make one service listen.
struct Listeners {
    enable: &'static Opt<bool>,
    port: &'static Opt<u16>,
    ssl: Option<Ssl>,
}

struct Ssl {
    min_cipher: &'static Opt<i64>,
    enable: &'static Opt<bool>,
    port: &'static Opt<u16>,
    allowed: &'static Opt<bool>,
}

const IMAP: Listeners = Listeners {
    enable: &imap::IMAP_ENABLE,
    port: &imap::IMAP_PORT,
    ssl: Some(Ssl {
        enable: &imap::IMAP_ENABLESSLPORT,
        port: &imap::IMAP_SSLPORT,
        allowed: &imap::IMAP_SSLUSESSL,
        min_cipher: &imap::IMAP_PLAINTEXTMINCIPHER,
    }),
};
const POP: Listeners = Listeners {
    enable: &pop::POP_ENABLE,
    port: &pop::POP_PORT,
    ssl: Some(Ssl {
        enable: &pop::POP_ENABLESSLPORT,
        port: &pop::POP_SSLPORT,
        allowed: &pop::POP_SSLUSESSL,
        min_cipher: &pop::POP_PLAINTEXTMINCIPHER,
    }),
};
const LMTP: Listeners = Listeners { enable: &lmtp::LMTP_ENABLE, port: &lmtp::LMTP_PORT, ssl: None };

const METRICS: Listeners =
    Listeners { enable: &metrics::METRICS_ENABLE, port: &metrics::METRICS_PORT, ssl: None };

/// Every service that listens.
const SERVICES: &[Listeners] = &[IMAP, POP, LMTP, METRICS];

/// Everything that does not fit together.
pub(crate) fn check(config: &Config) -> Vec<Problem> {
    let mut problems: Vec<Problem> = certificate(config).into_iter().collect();
    problems.extend(SERVICES.iter().filter_map(|service| ssl_port(config, service)));
    problems.extend(SERVICES.iter().filter_map(|service| no_login(config, service)));
    problems.extend(shared_ports(config, SERVICES));
    problems.extend(no_suite(config));
    problems.extend(crate::words::check(config));
    problems
}

/// Certificate and key come together.
fn certificate(config: &Config) -> Option<Problem> {
    let (set, missing) = match has_certificate(config) {
        (true, false) => (&base::BASE_SSLCERTFILE, &base::BASE_SSLKEYFILE),
        (false, true) => (&base::BASE_SSLKEYFILE, &base::BASE_SSLCERTFILE),
        _ => return None,
    };
    let (set, missing) = (&set.record, &missing.record);
    let reason = format!("{} is set, but {} is not", set.full_name(), missing.full_name());
    Some(Problem::new(config.line(set), reason))
}

fn has_certificate(config: &Config) -> (bool, bool) {
    let certificate = config.read(&base::BASE_SSLCERTFILE).is_some();
    (certificate, config.read(&base::BASE_SSLKEYFILE).is_some())
}

/// An SSL port needs SSL and a certificate.
fn ssl_port(config: &Config, service: &Listeners) -> Option<Problem> {
    let ssl = service.ssl.as_ref()?;
    if !config.read(service.enable) || !config.read(ssl.enable) {
        return None;
    }
    let record = &ssl.enable.record;
    let needs = if !config.read(ssl.allowed) {
        format!("{} = 1", ssl.allowed.record.full_name())
    } else if has_certificate(config) == (false, false) {
        "a certificate (base.sslcertfile, base.sslkeyfile); `waypost cert self-signed` makes one"
            .to_owned()
    } else {
        return None;
    };
    let reason = format!("{} needs {needs}", record.full_name());
    Some(Problem::new(config.line(record), reason))
}

/// A login that needs TLS needs a service that has it.
fn no_login(config: &Config, service: &Listeners) -> Option<Problem> {
    let ssl = service.ssl.as_ref()?;
    let is_shut = config.read(ssl.min_cipher) > 0 && !config.read(ssl.allowed);
    let (needs, allowed) = (&ssl.min_cipher.record, &ssl.allowed.record);
    (config.read(service.enable) && is_shut).then(|| {
        let (needs_name, allowed) = (needs.full_name(), allowed.full_name());
        let reason =
            format!("{needs_name} asks for TLS, which {allowed} = 0 forbids: nobody could log in");
        Problem::new(config.line(needs), reason)
    })
}

/// The selected cipher suites must serve an allowed version.
fn no_suite(config: &Config) -> Option<Problem> {
    let (suites, version) = (&base::BASE_SSLADJUSTCIPHERSUITES, &base::BASE_TLSMINVERSION);
    let selected = cipher_suites(&config.read(suites)).ok()?;
    let least = TlsVersion::named(&config.read(version))?;
    if selected.iter().any(|suite| suite.version >= least) {
        return None;
    }
    let of_version = CIPHER_SUITES.iter().filter(|suite| suite.version >= least);
    let names: Vec<&str> = of_version.map(|suite| suite.name).collect();
    let reason = format!(
        "{} selects no cipher suite of {least}, the least version ({}); there are {}",
        suites.record.full_name(),
        version.record.full_name(),
        names.join(", ")
    );
    Some(Problem::new(config.line(&suites.record), reason))
}

/// No two listeners have one port, also those of one service, whatever their addresses: a service without an address takes
/// them all.
fn shared_ports(config: &Config, services: &[Listeners]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut seen: Vec<(u16, &OptionRecord)> = Vec::new();
    for option in services.iter().flat_map(|service| ports(config, service)) {
        let (port, record) = (config.read(option), &option.record);
        match seen.iter().find(|(other, _)| *other == port) {
            Some((_, owner)) => {
                let line = config.line(record).or_else(|| config.line(owner));
                let (one, two) = (owner.full_name(), record.full_name());
                let reason = format!("{one} and {two} are both {port}; give one another port");
                problems.push(Problem::new(line, reason));
            }
            None => seen.push((port, record)),
        }
    }
    problems
}

fn ports(config: &Config, service: &Listeners) -> Vec<&'static Opt<u16>> {
    if !config.read(service.enable) {
        return Vec::new();
    }
    let ssl = service.ssl.as_ref().filter(|ssl| config.read(ssl.enable)).map(|ssl| ssl.port);
    std::iter::once(service.port).chain(ssl).collect()
}
