//! The maps of a `certmap.conf`, and which of them is for a certificate.

use crate::certificate::ClientCertificate;
use crate::component::Kind;

/// The name of the map that must come first, and of its issuer.
pub(crate) const DEFAULT: &str = "default";
/// What holds names of certificates' subjects unless `CmapLdapAttr` says otherwise.
pub(crate) const SUBJECT_ATTRIBUTE: &str = "certsubjectdn";

/// All maps, the default one first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertMaps {
    pub(crate) default: CertMap,
    pub(crate) others: Vec<CertMap>,
}

/// What is done with certificates of an issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertMap {
    /// What the file calls it.
    pub name: String,
    /// Whose certificates it is for; the default map's is for all others.
    pub issuer: String,
    /// The line of the file that begins it.
    pub line: usize,
    /// `DNComps`: from which attributes of the subject the base of the search is made. `None` takes the
    /// subject's name as it is; an empty list searches everywhere.
    pub dn_comps: Option<Vec<Component>>,
    /// `FilterComps`: from which attributes of the subject the filter is made.
    pub filter_comps: Vec<Component>,
    /// `verifycert`: whether the entry must hold the certificate.
    pub verify_certificate: bool,
    /// `CmapLdapAttr`: the attribute that holds names of subjects; `None` asks for none.
    pub subject_attribute: Option<String>,
}

/// A component of a list: an attribute of the subject, and what it is called in the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// The attribute of the subject.
    pub from: Kind,
    /// `FROM=TO`: the attribute of the directory, in lower case; `None` is the same attribute.
    pub to: Option<String>,
}

impl CertMap {
    pub(crate) fn new(name: &str, issuer: &str, line: usize) -> Self {
        Self {
            name: name.to_owned(),
            issuer: issuer.to_owned(),
            line,
            dn_comps: None,
            filter_comps: Vec::new(),
            verify_certificate: false,
            subject_attribute: Some(SUBJECT_ATTRIBUTE.to_owned()),
        }
    }
}

impl CertMaps {
    /// The map of the certificate's issuer, compared as text without case, else the default one.
    pub fn map_of(&self, certificate: &ClientCertificate) -> &CertMap {
        let issuer = certificate.issuer().to_string();
        let is_its = |map: &&CertMap| folded(&map.issuer) == folded(&issuer);
        self.others.iter().find(is_its).unwrap_or(&self.default)
    }

    /// Every map in the order of the file.
    pub fn all(&self) -> impl Iterator<Item = &CertMap> {
        std::iter::once(&self.default).chain(&self.others)
    }
}

/// How issuers are compared. Spaces count: one after a comma makes another issuer.
pub(crate) fn folded(issuer: &str) -> String {
    issuer.to_lowercase()
}
