//! What the watcher hands to its processes: the settings they work with, and the certificate.
//!
//! So one process reads the configuration, its secrets and the private key, and all that are started or
//! refreshed together work with the same. The others cannot read these files.

use crate::failure::Failure;
use serde::{Deserialize, Serialize};
use waypost_net::tls::TlsIdentity;
use waypost_options::Config;
use waypost_types::Secret;

/// What a process works with.
pub(crate) struct Handover {
    pub(crate) config: Config,
    /// The certificate with its key; `None` for a service without TLS.
    pub(crate) identity: Option<TlsIdentity>,
}

/// The form between processes of one version. It borrows, so that secrets are copied once.
#[derive(Serialize, Deserialize)]
struct Wire<'a> {
    config: &'a str,
    #[serde(borrow)]
    identity: Option<WireIdentity<'a>>,
}

#[derive(Serialize, Deserialize)]
struct WireIdentity<'a> {
    certificate: &'a [u8],
    key: &'a [u8],
    passphrase: Option<&'a str>,
}

/// As bytes for a process.
pub(crate) fn pack(
    config: &Config,
    identity: Option<&TlsIdentity>,
) -> Result<Secret<Vec<u8>>, String> {
    let config = config.to_wire();
    let identity = identity.map(|identity| WireIdentity {
        certificate: &identity.certificate,
        key: identity.key.expose(),
        passphrase: identity.passphrase.as_ref().map(|phrase| phrase.expose().as_str()),
    });
    let wire = Wire { config: config.expose(), identity };
    postcard::to_stdvec(&wire).map(Secret::new).map_err(|error| error.to_string())
}

/// From the watcher's bytes.
pub(crate) fn unpack(bytes: &Secret<Vec<u8>>) -> Result<Handover, Failure> {
    let Wire { config, identity } = postcard::from_bytes(bytes.expose()).map_err(Failure::usage)?;
    let config = Config::from_wire(config).map_err(Failure::usage)?;
    let identity = identity.map(|wire| TlsIdentity {
        certificate: wire.certificate.to_vec(),
        key: Secret::new(wire.key.to_vec()),
        passphrase: wire.passphrase.map(|phrase| Secret::new(phrase.to_owned())),
    });
    Ok(Handover { config, identity })
}

#[cfg(test)]
mod tests {
    use super::*;
    use waypost_options::IMAP_PORT;

    #[test]
    fn what_is_handed_over_arrives() {
        let config = Config::from_str("imap.port = 1143").unwrap();
        let identity = TlsIdentity {
            certificate: b"chain".to_vec(),
            key: Secret::new(b"key".to_vec()),
            passphrase: Some(Secret::new("open".to_owned())),
        };
        let got = unpack(&pack(&config, Some(&identity)).unwrap()).unwrap();
        assert_eq!(got.config.read(&IMAP_PORT), 1143);
        let identity = got.identity.unwrap();
        assert_eq!(identity.certificate, b"chain");
        assert!(identity.key.matches(b"key"));
        assert!(identity.passphrase.unwrap().matches(b"open"));
        assert!(unpack(&pack(&config, None).unwrap()).unwrap().identity.is_none());
        assert!(unpack(&Secret::new(b"nonsense".to_vec())).is_err());
    }
}
