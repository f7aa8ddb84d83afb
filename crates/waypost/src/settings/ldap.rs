//! From options to the settings of a directory that is reached over LDAP.

use super::{default_domain, search_filter};
use crate::failure::Failure;
use std::path::PathBuf;
use waypost_directory_ldap::{
    BindIdentity, DomainScheme, LdapConfig, LdapDirectory, LdapHost, Security,
};
use waypost_options::{
    BASE_DCROOT, BASE_LDAPCAFILE, BASE_LDAPCONNECTIONS, BASE_LDAPCONNECTTIMEOUT,
    BASE_LDAPREQUIRETLS, BASE_LDAPSCHEMA, BASE_LDAPSEARCHTIMEOUT, BASE_UGLDAPBASEDN,
    BASE_UGLDAPBINDCRED, BASE_UGLDAPBINDDN, BASE_UGLDAPHOST, BASE_UGLDAPPORT, BASE_UGLDAPUSESSL,
    Config,
};
use waypost_types::Secret;

/// What the system needs to turn names of hosts into addresses, and where it keeps the certificates of
/// authorities; what is missing is left out.
const SYSTEM_FILES: [&str; 12] = [
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/run/systemd/resolve",
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
];

/// Whether users are on an LDAP server.
pub(crate) fn is_used(config: &Config) -> bool {
    config.read(&BASE_UGLDAPHOST).is_some()
}

/// Tools of the embedded directory do not change one that is not asked.
pub(crate) fn refuse_if_used(config: &Config) -> Result<(), Failure> {
    let Some(hosts) = config.read(&BASE_UGLDAPHOST) else { return Ok(()) };
    Err(Failure::usage(format!(
        "users and domains are on the LDAP server {hosts} (base.ugldaphost): manage them there; \
         `waypost directory check` looks at them"
    )))
}

/// The directory of the server that is named.
pub(crate) fn directory(config: &Config) -> Result<LdapDirectory, Failure> {
    LdapDirectory::new(settings(config)?).map_err(Failure::new)
}

/// Whether the options fit together, if LDAP is used at all; no server is asked and no thread started.
pub(crate) fn check(config: &Config) -> Result<(), Failure> {
    if !is_used(config) {
        return Ok(());
    }
    let checked = settings(config)?.check_authorities();
    checked.map_err(|error| Failure::usage(format!("base.ldapcafile: {error}")))
}

/// What a confined process reads to reach the server.
pub(crate) fn files(config: &Config) -> Vec<PathBuf> {
    if !is_used(config) {
        return Vec::new();
    }
    let authorities = config.read(&BASE_LDAPCAFILE);
    SYSTEM_FILES.into_iter().map(PathBuf::from).chain(authorities).collect()
}

fn settings(config: &Config) -> Result<LdapConfig, Failure> {
    let security = security(config);
    let port = match config.read(&BASE_UGLDAPPORT) {
        0 => security.port(),
        port => port,
    };
    let hosts = config.read(&BASE_UGLDAPHOST).unwrap_or_default();
    let hosts = LdapHost::parse_list(&hosts, port)
        .map_err(|word| Failure::usage(format!("base.ugldaphost: {word:?} is no host")))?;
    Ok(LdapConfig {
        hosts,
        security,
        ca_file: config.read(&BASE_LDAPCAFILE),
        identity: identity(config)?,
        base_dn: base_dn(config)?,
        domains: domains(config),
        default_domain: default_domain(config),
        search_filter: search_filter(config),
        connect_timeout: config.read(&BASE_LDAPCONNECTTIMEOUT),
        operation_timeout: config.read(&BASE_LDAPSEARCHTIMEOUT),
        connections: config.read(&BASE_LDAPCONNECTIONS),
    })
}

fn security(config: &Config) -> Security {
    if config.read(&BASE_UGLDAPUSESSL) {
        Security::Ldaps
    } else if config.read(&BASE_LDAPREQUIRETLS) {
        Security::StartTls
    } else {
        Security::None
    }
}

fn base_dn(config: &Config) -> Result<String, Failure> {
    let base = config.read(&BASE_UGLDAPBASEDN);
    let missing =
        || Failure::usage("base.ugldaphost is set, so base.ugldapbasedn must say where users lie");
    if base.trim().is_empty() { Err(missing()) } else { Ok(base) }
}

fn identity(config: &Config) -> Result<Option<BindIdentity>, Failure> {
    let Some(dn) = config.read(&BASE_UGLDAPBINDDN) else { return Ok(None) };
    let password = config.read(&BASE_UGLDAPBINDCRED);
    let empty = |password: &Secret<String>| password.expose().is_empty();
    match password.filter(|password| !empty(password)) {
        Some(password) => Ok(Some(BindIdentity { dn, password })),
        None => Err(Failure::usage(
            "base.ugldapbinddn is set without a password; set it with `msconfig set -prompt \
             base.ugldapbindcred`",
        )),
    }
}

fn domains(config: &Config) -> DomainScheme {
    match config.read(&BASE_LDAPSCHEMA).as_str() {
        "1" => DomainScheme::DcTree { root: config.read(&BASE_DCROOT) },
        "none" => DomainScheme::Single,
        _ => DomainScheme::Native,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(text: &str) -> String {
        let config = Config::from_str(text).unwrap();
        settings(&config).err().map_or_else(String::new, |failure| failure.to_string())
    }

    #[test]
    fn options_become_settings() {
        let text = "base.ugldaphost = \"a b:1389\"\nbase.ugldapbasedn = \"o=x\"\n\
                    base.ugldapusessl = true\nbase.ldapschema = \"1\"\nbase.ldapsearchtimeout = 3";
        let settings = settings(&Config::from_str(text).unwrap()).unwrap();
        assert_eq!(settings.hosts.iter().map(|host| host.port).collect::<Vec<_>>(), [636, 1389]);
        assert_eq!(settings.security, Security::Ldaps);
        assert_eq!(settings.domains, DomainScheme::DcTree { root: "o=internet".to_owned() });
        assert_eq!(settings.operation_timeout.as_secs(), 3);
        assert!(settings.identity.is_none());
    }

    #[test]
    fn what_is_missing_is_named() {
        assert!(failure("base.ugldaphost = \"a\"").contains("base.ugldapbasedn"));
        let text =
            "base.ugldaphost = \"a\"\nbase.ugldapbasedn = \"o=x\"\nbase.ugldapbinddn = \"cn=x\"";
        assert!(failure(text).contains("base.ugldapbindcred"));
    }

    #[test]
    fn the_embedded_directory_is_not_changed_meanwhile() {
        let config = Config::from_str("base.ugldaphost = \"a\"").unwrap();
        assert!(refuse_if_used(&config).is_err());
        assert!(refuse_if_used(&Config::from_str("").unwrap()).is_ok());
    }
}
