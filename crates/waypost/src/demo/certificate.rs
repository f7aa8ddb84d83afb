//! The demo's certificate: signed by an authority of its own whose key is thrown away, so that
//! trusting that authority trusts this one certificate.

use super::Files;
use crate::certificate::{server_params, write_private};
use crate::failure::{Context, Failure};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, Error, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};

/// What clients may call the server.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
/// The years for which the certificate is valid; a demo has no renewal.
const VALID_YEARS: [i32; 2] = [2024, 2049];

/// Texts in PEM form.
struct Pems {
    ca: String,
    chain: String,
    key: String,
}

/// Makes certificate, key and authority unless they are there.
pub(super) fn ensure(files: &Files) -> Result<(), Failure> {
    if [&files.certificate, &files.key, &files.ca].into_iter().all(|file| file.exists()) {
        return Ok(());
    }
    let pems = make().context("cannot make a certificate")?;
    for (file, text) in
        [(&files.key, &pems.key), (&files.certificate, &pems.chain), (&files.ca, &pems.ca)]
    {
        write_private(file, text).context(format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

fn make() -> Result<Pems, Error> {
    let ca_key = KeyPair::generate()?;
    let ca_params = authority();
    let ca = ca_params.self_signed(&ca_key)?;
    let key = KeyPair::generate()?;
    let server = server()?.signed_by(&key, &Issuer::new(ca_params, ca_key))?;
    let chain = format!("{}{}", server.pem(), ca.pem());
    Ok(Pems { ca: ca.pem(), chain, key: key.serialize_pem() })
}

fn authority() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "Waypost demo authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    validity(params)
}

fn server() -> Result<CertificateParams, Error> {
    let mut params = server_params(&NAMES.map(str::to_owned))?;
    params.use_authority_key_identifier_extension = true;
    Ok(validity(params))
}

fn validity(mut params: CertificateParams) -> CertificateParams {
    let [from, to] = VALID_YEARS.map(|year| date_time_ymd(year, 1, 1));
    params.not_before = from;
    params.not_after = to;
    params
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use waypost_net::tls::CertificateFiles;

    #[test]
    fn the_server_can_use_it_and_a_second_run_keeps_it() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::new(folder.path());
        ensure(&files).unwrap();
        let read = |path: &Path| std::fs::read_to_string(path).unwrap();
        let (certificate, key) = (files.certificate.clone(), files.key.clone());
        CertificateFiles::new(certificate, key).read(None).unwrap().check().unwrap();
        assert!(read(&files.certificate).ends_with(&read(&files.ca)));
        let before = read(&files.certificate);
        ensure(&files).unwrap();
        assert_eq!(read(&files.certificate), before);
    }
}
