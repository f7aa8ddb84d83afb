//! What the watcher hands to its processes: the settings they work with, the certificate, and what certificates of
//! clients are judged by.
//!
//! So one process reads the configuration, its secrets and the private key, and all that are started or
//! refreshed together work with the same. The others cannot read these files.

use crate::certificate::Kept;
use crate::failure::Failure;
use crate::settings::clients::Clients;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use waypost_auth::CertMaps;
use waypost_net::tls::{ClientTrust, TlsIdentity};
use waypost_options::Config;
use waypost_types::Secret;

/// What a process works with.
pub(crate) struct Handover {
    pub(crate) config: Config,
    /// The certificate with its key; `None` for a service without TLS.
    pub(crate) identity: Option<TlsIdentity>,
    /// Whose certificates of clients are trusted.
    pub(crate) trust: Option<ClientTrust>,
    /// How their owners are found.
    pub(crate) cert_maps: Option<Arc<CertMaps>>,
}

/// The form between processes of one version. It borrows, so that secrets are copied once.
#[derive(Serialize, Deserialize)]
struct Wire<'a> {
    config: &'a str,
    #[serde(borrow)]
    identity: Option<WireIdentity<'a>>,
    #[serde(borrow)]
    trust: Option<WireTrust<'a>>,
    maps: Option<&'a str>,
}

#[derive(Serialize, Deserialize)]
struct WireTrust<'a> {
    authorities: &'a [u8],
    revoked: Option<&'a [u8]>,
}

#[derive(Serialize, Deserialize)]
struct WireIdentity<'a> {
    certificate: &'a [u8],
    key: &'a [u8],
    passphrase: Option<&'a str>,
}

/// As bytes for a process.
pub(crate) fn pack(config: &Config, kept: &Kept) -> Result<Secret<Vec<u8>>, String> {
    let config = config.to_wire();
    let Clients { trust, maps } = &kept.clients;
    let identity = kept.identity.as_ref().map(|identity| WireIdentity {
        certificate: &identity.certificate,
        key: identity.key.expose(),
        passphrase: identity.passphrase.as_ref().map(|phrase| phrase.expose().as_str()),
    });
    let trust = trust.as_ref().map(|trust| WireTrust {
        authorities: &trust.authorities,
        revoked: trust.revoked.as_deref(),
    });
    let wire = Wire { config: config.expose(), identity, trust, maps: maps.as_deref() };
    postcard::to_stdvec(&wire).map(Secret::new).map_err(|error| error.to_string())
}

/// From the watcher's bytes.
pub(crate) fn unpack(bytes: &Secret<Vec<u8>>) -> Result<Handover, Failure> {
    let Wire { config, identity, trust, maps } =
        postcard::from_bytes(bytes.expose()).map_err(Failure::usage)?;
    let config = Config::from_wire(config).map_err(Failure::usage)?;
    let identity = identity.map(|wire| TlsIdentity {
        certificate: wire.certificate.to_vec(),
        key: Secret::new(wire.key.to_vec()),
        passphrase: wire.passphrase.map(|phrase| Secret::new(phrase.to_owned())),
    });
    let trust = trust.map(|wire| ClientTrust {
        authorities: wire.authorities.to_vec(),
        revoked: wire.revoked.map(<[u8]>::to_vec),
    });
    let cert_maps = maps.map(CertMaps::read).transpose().map_err(Failure::usage)?.map(Arc::new);
    Ok(Handover { config, identity, trust, cert_maps })
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
        let trust = ClientTrust { authorities: b"ca".to_vec(), revoked: Some(b"crl".to_vec()) };
        let maps = Some("certmap default default\n".to_owned());
        let clients = Clients { trust: Some(trust.clone()), maps };
        let kept = Kept { identity: Some(identity), clients, complaint: None };
        let got = unpack(&pack(&config, &kept).unwrap()).unwrap();
        assert_eq!(got.config.read(&IMAP_PORT), 1143);
        let identity = got.identity.unwrap();
        assert_eq!(identity.certificate, b"chain");
        assert!(identity.key.matches(b"key"));
        assert!(identity.passphrase.unwrap().matches(b"open"));
        assert_eq!(got.trust, Some(trust));
        assert_eq!(got.cert_maps.unwrap().all().count(), 1);
        let nothing = unpack(&pack(&config, &Kept::default()).unwrap()).unwrap();
        assert!(nothing.identity.is_none() && nothing.trust.is_none());
        assert!(nothing.cert_maps.is_none());
        assert!(unpack(&Secret::new(b"nonsense".to_vec())).is_err());
    }
}
