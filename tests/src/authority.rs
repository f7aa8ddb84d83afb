//! An authority that issues certificates to clients, for a test.

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, DnValue, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType, date_time_ymd,
};
use std::fs;
use std::path::{Path, PathBuf};

/// A name in the order of certificates: the widest first.
pub type Subject<'a> = &'a [(DnType, &'a str)];

/// An authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its certificate in PEM form.
    pub pem: String,
}

/// A certificate in files, with its key in the same file.
pub struct Client {
    /// Certificate and key in PEM form.
    pub file: PathBuf,
    /// The certificate in DER.
    pub der: Vec<u8>,
}

impl Authority {
    /// An authority of this name.
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "Example");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key can be made");
        let pem = params.self_signed(&key).expect("a certificate can be made").pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate for a subject with mail addresses, in `folder/NAME.pem`.
    pub fn client(
        &self,
        folder: &Path,
        name: &str,
        subject: Subject<'_>,
        mails: &[&str],
    ) -> Client {
        self.client_with(folder, name, subject, mails, |_| {})
    }

    /// The same with other parameters.
    pub fn client_with(
        &self,
        folder: &Path,
        name: &str,
        subject: Subject<'_>,
        mails: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Client {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.distinguished_name = rcgen::DistinguishedName::new();
        for (kind, value) in subject {
            let value = DnValue::Utf8String((*value).to_owned());
            params.distinguished_name.push(kind.clone(), value);
        }
        let mail = |mail: &&str| SanType::Rfc822Name((*mail).try_into().expect("ASCII"));
        params.subject_alt_names = mails.iter().map(mail).collect();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        let key = KeyPair::generate().expect("a key can be made");
        let signed = params.signed_by(&key, &self.issuer).expect("a certificate can be made");
        let file = folder.join(format!("{name}.pem"));
        fs::write(&file, signed.pem() + &key.serialize_pem()).expect("a file can be written");
        Client { file, der: signed.der().to_vec() }
    }

    /// Makes a certificate expired.
    pub fn expired(params: &mut CertificateParams) {
        params.not_after = date_time_ymd(2021, 1, 1);
    }

    /// Makes it one of a server.
    pub fn of_a_server(params: &mut CertificateParams) {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    }

    /// Gives it an extension that nobody knows and that must be understood.
    pub fn strange(params: &mut CertificateParams) {
        let mut extension =
            CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 55_555, 1], vec![5, 0]);
        extension.set_criticality(true);
        params.custom_extensions.push(extension);
    }
}
