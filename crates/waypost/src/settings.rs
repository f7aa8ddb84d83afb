//! From options to the settings of the services.

pub(crate) mod clients;
pub(crate) mod ldap;

use crate::failure::{Context, Failure};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use waypost_access::{Filters, RuleList};
use waypost_auth::{AuthConfig, CertMaps, PasswordLogin};
use waypost_directory::{Directory, EmbeddedDirectory, QuotaRules};
use waypost_ldap_filter::Template;
use waypost_net::limits::{AddressLimit, Limits};
use waypost_net::tls::{CertificateFiles, TlsError, TlsPolicy, TlsSettings};
use waypost_options::{
    AUTH_SEARCHFILTER, AUTH_SEARCHFORDOMAIN, BASE_AUTHCACHESIZE, BASE_AUTHCACHETTL,
    BASE_DEFAULTDOMAIN, BASE_DIRECTORYPATH, BASE_HOSTNAME, BASE_LOGINSEPARATOR,
    BASE_SSLADJUSTCIPHERSUITES, BASE_SSLCERTFILE, BASE_SSLKEYFILE, BASE_SSLKEYPASSWORD,
    BASE_TLSMINVERSION, Banner, Config, ConnLimits, IMAP_BANNER, IMAP_CONNLIMITS,
    IMAP_DOMAINALLOWED, IMAP_DOMAINNOTALLOWED, IMAP_IDLETIMEOUT, IMAP_MAXMESSAGESIZE,
    IMAP_MAXSESSIONS, IMAP_MAXTHREADS, IMAP_PLAINTEXTMINCIPHER, LMTP_DOMAINALLOWED,
    LMTP_DOMAINNOTALLOWED, LMTP_IDLETIMEOUT, LMTP_MAXMESSAGESIZE, LMTP_MAXSESSIONS, Opt,
    POP_BANNER, POP_CONNLIMITS, POP_DOMAINALLOWED, POP_DOMAINNOTALLOWED, POP_IDLETIMEOUT,
    POP_MAXSESSIONS, POP_MAXTHREADS, POP_PLAINTEXTMINCIPHER, STORE_ADMINS, STORE_CLEANUPAGE,
    STORE_COMPACTPERCENT, STORE_COMPACTRATE, STORE_DEFAULTMAILBOXQUOTA, STORE_DEFAULTMESSAGEQUOTA,
    STORE_PATH, STORE_QUOTAENFORCEMENT, STORE_SCRUBDAYS, STORE_SCRUBRATE, cipher_suites,
    expand_banner, store_admins,
};
use waypost_store_local::client::ClientConfig;
use waypost_store_local::engine::EngineConfig;
use waypost_store_local::server::{CompactPace, ScrubPace, StoredConfig};
use waypost_supervisor::Plan;
use waypost_types::{AccountName, Secret, TlsVersion};

/// The product's name in greetings and the ID response.
const PRODUCT: &str = "Waypost";
/// Its version in full.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Its version in short.
const SHORT_VERSION: &str =
    concat!(env!("CARGO_PKG_VERSION_MAJOR"), ".", env!("CARGO_PKG_VERSION_MINOR"));
/// Deliveries that look up recipients at once in one process; a look-up takes microseconds.
const LMTP_THREADS: u32 = 64;

/// The server's name: what is configured, else what the system says.
pub(crate) fn hostname(config: &Config) -> String {
    config
        .read(&BASE_HOSTNAME)
        .unwrap_or_else(|| rustix::system::uname().nodename().to_string_lossy().into_owned())
}

/// Settings of the login pipeline, with the maps of certificates' owners.
pub(crate) fn auth(config: &Config, cert_maps: Option<Arc<CertMaps>>) -> AuthConfig {
    AuthConfig {
        default_domain: default_domain(config),
        login_separators: config.read(&BASE_LOGINSEPARATOR),
        search_for_domain: config.read(&AUTH_SEARCHFORDOMAIN),
        search_filter: search_filter(config),
        store_admins: admins(config),
        hostname: hostname(config),
        imap_passwords: PasswordLogin::from_min_cipher(config.read(&IMAP_PLAINTEXTMINCIPHER)),
        pop_passwords: PasswordLogin::from_min_cipher(config.read(&POP_PLAINTEXTMINCIPHER)),
        quota: quota(config),
        cert_maps,
        remember_for: config.read(&BASE_AUTHCACHETTL),
        remember_logins: config.read(&BASE_AUTHCACHESIZE),
    }
}

/// How a login name finds its user; the text was checked when the configuration was read.
fn search_filter(config: &Config) -> Template {
    Template::for_logins(&config.read(&AUTH_SEARCHFILTER)).unwrap_or_default()
}

fn admins(config: &Config) -> Vec<AccountName> {
    let text = config.read(&STORE_ADMINS);
    store_admins(&text).filter_map(|id| AccountName::new(id).ok()).collect()
}

/// Settings of IMAP.
pub(crate) fn imap(config: &Config) -> waypost_imap::Config {
    waypost_imap::Config {
        banner: banner(config, &IMAP_BANNER, "IMAP4rev1"),
        product: PRODUCT.to_owned(),
        version: VERSION.to_owned(),
        idle_timeout: config.read(&IMAP_IDLETIMEOUT),
        max_message_bytes: config.read(&IMAP_MAXMESSAGESIZE),
    }
}

/// Settings of POP3.
pub(crate) fn pop3(config: &Config) -> waypost_pop3::Config {
    waypost_pop3::Config {
        hostname: hostname(config),
        banner: banner(config, &POP_BANNER, "POP3"),
        version: VERSION.to_owned(),
        idle_timeout: config.read(&POP_IDLETIMEOUT),
    }
}

/// Settings of LMTP.
pub(crate) fn lmtp(config: &Config) -> waypost_lmtp::Config {
    waypost_lmtp::Config {
        hostname: hostname(config),
        max_message_bytes: config.read(&LMTP_MAXMESSAGESIZE),
        idle_timeout: config.read(&LMTP_IDLETIMEOUT),
        quota: quota(config),
    }
}

/// The server's part of quotas.
pub(crate) fn quota(config: &Config) -> QuotaRules {
    // Less than 0 is no limit.
    let limit = |option| u64::try_from(config.read(option)).ok();
    QuotaRules {
        default_bytes: limit(&STORE_DEFAULTMAILBOXQUOTA),
        default_messages: limit(&STORE_DEFAULTMESSAGEQUOTA),
        enforced: config.read(&STORE_QUOTAENFORCEMENT),
    }
}

fn banner(config: &Config, option: &Opt<String>, protocol: &str) -> String {
    let host = hostname(config);
    let version = SHORT_VERSION;
    let values = Banner { host: &host, protocol, product: PRODUCT, version, long_version: VERSION };
    expand_banner(&config.read(option), &values)
}

/// Connection limits of IMAP.
pub(crate) fn imap_limits(config: &Config) -> Limits {
    let limits = Limits::new(count(config, &IMAP_MAXSESSIONS), count(config, &IMAP_MAXTHREADS));
    Limits { per_address: per_address(config.read(&IMAP_CONNLIMITS)), ..limits }
}

/// Connection limits of POP3.
pub(crate) fn pop_limits(config: &Config) -> Limits {
    let limits = Limits::new(count(config, &POP_MAXSESSIONS), count(config, &POP_MAXTHREADS));
    Limits { per_address: per_address(config.read(&POP_CONNLIMITS)), ..limits }
}

/// Connection limits of LMTP.
pub(crate) fn lmtp_limits(config: &Config) -> Limits {
    Limits::new(count(config, &LMTP_MAXSESSIONS), LMTP_THREADS)
}

/// Who may connect to IMAP.
pub(crate) fn imap_filters(config: &Config) -> Filters {
    filters(config, &IMAP_DOMAINALLOWED, &IMAP_DOMAINNOTALLOWED)
}

/// Who may connect to POP3.
pub(crate) fn pop_filters(config: &Config) -> Filters {
    filters(config, &POP_DOMAINALLOWED, &POP_DOMAINNOTALLOWED)
}

/// Who may connect to LMTP.
pub(crate) fn lmtp_filters(config: &Config) -> Filters {
    filters(config, &LMTP_DOMAINALLOWED, &LMTP_DOMAINNOTALLOWED)
}

fn filters(config: &Config, allowed: &Opt<RuleList>, denied: &Opt<RuleList>) -> Filters {
    Filters::of_options(config.read(allowed), config.read(denied))
}

fn per_address(limits: ConnLimits) -> Option<AddressLimit> {
    (!limits.is_empty()).then(|| AddressLimit::new(move |address| limits.limit(address)))
}

fn count(config: &Config, option: &Opt<usize>) -> u32 {
    u32::try_from(config.read(option)).unwrap_or(u32::MAX)
}

/// The files of certificate and key, when both are set.
pub(crate) fn certificate_files(config: &Config) -> Option<CertificateFiles> {
    let certificate = config.read(&BASE_SSLCERTFILE)?;
    Some(CertificateFiles::new(certificate, config.read(&BASE_SSLKEYFILE)?))
}

/// What opens an encrypted key.
pub(crate) fn key_passphrase(config: &Config) -> Option<Secret<String>> {
    config.read(&BASE_SSLKEYPASSWORD)
}

/// Which TLS versions and cipher suites clients may use.
pub(crate) fn tls_policy(config: &Config) -> TlsPolicy {
    let default = TlsPolicy::default();
    let version = TlsVersion::named(&config.read(&BASE_TLSMINVERSION));
    let suites = cipher_suites(&config.read(&BASE_SSLADJUSTCIPHERSUITES));
    TlsPolicy {
        min_version: version.unwrap_or(default.min_version),
        suites: suites.unwrap_or(default.suites),
    }
}

/// Whether the configured certificate can be used, if there is one.
pub(crate) fn check_certificate(config: &Config) -> Result<(), Failure> {
    let Some(files) = certificate_files(config) else { return Ok(()) };
    let identity = files.read(key_passphrase(config)).map_err(certificate_failure)?;
    let made = TlsSettings::new(&identity, &tls_policy(config), None);
    made.map(drop).map_err(certificate_failure)
}

/// A certificate that cannot be used.
pub(crate) fn certificate_failure(error: TlsError) -> Failure {
    Failure::usage(format!(
        "base.sslcertfile, base.sslkeyfile: {error}; `waypost cert check` looks closer"
    ))
}

/// The folder of the store.
pub(crate) fn store_path(config: &Config) -> PathBuf {
    config.read(&STORE_PATH)
}

/// The engine of the store's writer.
fn engine(config: &Config) -> EngineConfig {
    let mut engine = EngineConfig::new(store_path(config));
    engine.cleanup_age = config.read(&STORE_CLEANUPAGE);
    engine
}

/// How the writer's process runs.
pub(crate) fn stored(config: &Config) -> StoredConfig {
    let compact = CompactPace {
        percent: config.read(&STORE_COMPACTPERCENT),
        bytes_per_second: config.read(&STORE_COMPACTRATE),
        ..CompactPace::default()
    };
    let scrub = ScrubPace {
        round: config.read(&STORE_SCRUBDAYS),
        bytes_per_second: config.read(&STORE_SCRUBRATE),
    };
    StoredConfig { compact, scrub, ..StoredConfig::new(engine(config)) }
}

/// How a process reaches the store; `watches` when it has sessions.
pub(crate) fn store_client(config: &Config, role: &str, watches: bool) -> ClientConfig {
    let mut client = ClientConfig::new(store_path(config), Plan::stored_socket(config));
    role.clone_into(&mut client.role);
    client.watches = watches;
    client
}

/// The domain whose users have store ids without a domain.
fn default_domain(config: &Config) -> String {
    config.read(&BASE_DEFAULTDOMAIN)
}

/// The folder of the embedded directory.
pub(crate) fn directory_path(config: &Config) -> PathBuf {
    config.read(&BASE_DIRECTORYPATH)
}

/// The directory for look-ups: of an LDAP server if one is named, else the embedded one.
pub(crate) fn directory(config: &Config) -> Result<Box<dyn Directory>, Failure> {
    if ldap::is_used(config) {
        return Ok(Box::new(ldap::directory(config)?));
    }
    Ok(Box::new(embedded_directory(config)?))
}

/// The embedded directory for what only it can do.
pub(crate) fn embedded_directory(config: &Config) -> Result<EmbeddedDirectory, Failure> {
    ldap::refuse_if_used(config)?;
    let domain = default_domain(config);
    EmbeddedDirectory::open_read_only(&directory_path(config), &domain).map_err(Failure::new)
}

/// The directory for changes; made when it is missing.
pub(crate) fn writable_directory(config: &Config) -> Result<EmbeddedDirectory, Failure> {
    ldap::refuse_if_used(config)?;
    let domain = default_domain(config);
    EmbeddedDirectory::open_writable(&directory_path(config), &domain).map_err(Failure::new)
}

/// Makes a folder that only this user may enter, with its parents.
pub(crate) fn private_folder(path: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::DirBuilderExt;
    const PRIVATE: u32 = 0o700;
    let made = std::fs::DirBuilder::new().recursive(true).mode(PRIVATE).create(path);
    made.context(format!("cannot make the folder {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greetings_name_host_protocol_and_product() {
        let config = Config::from_str("base.hostname = \"mail.example\"").unwrap();
        let greeting = imap(&config).banner;
        assert!(greeting.starts_with("mail.example IMAP4rev1 service (Waypost "), "{greeting}");
        assert!(pop3(&config).banner.contains(" POP3 service"));
    }

    #[test]
    fn a_host_without_a_configured_name_has_the_systems() {
        let name = hostname(&Config::from_str("").unwrap());
        assert!(!name.is_empty());
    }

    #[test]
    fn options_reach_the_services() {
        let text = "imap.idletimeout = 45\nimap.maxsessions = 7\nimap.maxthreads = 3\n\
                    lmtp.maxmessagesize = 100000\nimap.plaintextmincipher = 128\n\
                    store.cleanupage = 2\nstore.defaultmailboxquota = 5000000000\n\
                    store.quotaenforcement = 0\nbase.defaultdomain = \"d.example\"";
        let config = Config::from_str(text).unwrap();
        assert_eq!(imap(&config).idle_timeout.as_secs(), 45 * 60);
        assert_eq!(auth(&config, None).imap_passwords, PasswordLogin::Encrypted { bits: 128 });
        assert_eq!(auth(&config, None).default_domain, "d.example");
        assert_eq!(lmtp(&config).max_message_bytes, 100_000);
        assert_eq!(engine(&config).cleanup_age.as_secs(), 2 * 3_600);
        let rules = quota(&config);
        assert_eq!((rules.default_bytes, rules.default_messages), (Some(5_000_000_000), None));
        assert!(!rules.enforced);
        let limits = imap_limits(&config);
        assert_eq!((limits.max_sessions, limits.max_threads), (7, 3));
    }
}
