//! Making certificates.

use rcgen::{
    CertificateParams, DnType, Error, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
};
use time::OffsetDateTime;

/// The longest common name in characters (RFC 5280 appendix A.1, ub-common-name).
const COMMON_NAME_CHARS: usize = 64;
/// The seconds of a day.
const DAY: i64 = 86_400;
/// A certificate is valid so many seconds before and after its days: clocks of clients differ.
const SLACK: i64 = 3_600;

/// A certificate that its own key has signed, and that key, in PEM form.
pub(crate) struct SelfSigned {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// Makes an ECDSA P-256 key and a certificate for `names`, valid for some days from `now`.
pub(crate) fn self_signed(names: &[String], now: i64, days: i64) -> Result<SelfSigned, Error> {
    let key = KeyPair::generate()?;
    let mut params = server_params(names)?;
    let time = |seconds| {
        OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    };
    params.not_before = time(now.saturating_sub(SLACK));
    params.not_after = time(now.saturating_add(days.saturating_mul(DAY)).saturating_add(SLACK));
    let certificate = params.self_signed(&key)?.pem();
    Ok(SelfSigned { certificate, key: key.serialize_pem() })
}

/// What every server certificate has: names, and no right to sign others.
pub(crate) fn server_params(names: &[String]) -> Result<CertificateParams, Error> {
    let mut params = CertificateParams::new(names)?;
    if let Some(name) = names.first().filter(|name| name.chars().count() <= COMMON_NAME_CHARS) {
        params.distinguished_name.push(DnType::CommonName, name);
    }
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}
