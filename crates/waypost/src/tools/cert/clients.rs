//! `waypost cert clients`: whose certificates let clients log in, and how their owners are found.

use super::show::left;
use crate::certificate::{CertificateFacts, day};
use crate::failure::Failure;
use crate::output::tell;
use crate::settings::clients::{self, Clients};
use waypost_auth::{CertMaps, ClientCertificate};
use waypost_net::tls::ClientTrust;
use waypost_options::Config;
use waypost_types::Moment;

/// Prints authorities and maps; what cannot be used is a failure that names its file.
pub(super) fn run(config: &Config) -> Result<(), Failure> {
    let clients = clients::read(config)?;
    let maps = clients.cert_maps()?;
    let Clients { trust: Some(trust), .. } = clients else {
        return Err(Failure::usage(
            "certificates of clients are not asked for: base.sslclientcafile is not set",
        ));
    };
    show_authorities(&trust)?;
    match maps {
        Some(maps) => show_maps(&maps),
        None => tell(format_args!("owner: the user whose mail is an address of the certificate")),
    }
    Ok(())
}

fn show_authorities(trust: &ClientTrust) -> Result<(), Failure> {
    let now = Moment::now().wall.seconds;
    for der in trust.certificates().map_err(Failure::usage)? {
        let facts = CertificateFacts::read(&der).map_err(Failure::usage)?;
        let name = ClientCertificate::read(&der).map_err(Failure::usage)?.subject().to_string();
        tell(format_args!("authority: {name}"));
        tell(format_args!("  expires: {} ({})", day(facts.not_after), left(&facts, now)));
        tell(format_args!("  SHA-256: {}", facts.fingerprint));
    }
    let lists = if trust.revoked.is_some() { "base.sslclientcrlfile" } else { "none" };
    tell(format_args!("lists of revoked certificates: {lists}"));
    Ok(())
}

fn show_maps(maps: &CertMaps) {
    for map in maps.all() {
        tell(format_args!("map {} (line {}): {}", map.name, map.line, map.issuer));
    }
}
