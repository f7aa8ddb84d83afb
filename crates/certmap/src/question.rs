//! What the directory is asked for a certificate.

use crate::certificate::ClientCertificate;
use crate::component::{Kind, MAIL};
use crate::maps::{CertMap, CertMaps, Component};
use std::fmt;
use waypost_ldap_filter::{DistinguishedName, Filter, NamePart, Relation, SearchBase};

/// What the directory is asked, in this order; the first answer counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The filter for entries that hold the name of the subject; everywhere.
    pub by_subject: Option<Filter>,
    /// Where else is searched, and by what.
    pub by_components: Result<(SearchBase, Filter), NoQuestion>,
    /// Whether the entry must hold the certificate.
    pub verify_certificate: bool,
}

/// Why there is nothing to ask: what is to be asked for is not in the certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoQuestion(String);

impl fmt::Display for NoQuestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoQuestion {}

/// What is asked where there is no `certmap.conf`: the user whose `mail` is an address of the certificate.
///
/// # Errors
/// When it has none.
pub fn by_mail(certificate: &ClientCertificate) -> Result<Filter, NoQuestion> {
    let addresses = certificate.mails();
    any(MAIL.in_filter, addresses)
        .ok_or_else(|| NoQuestion("the certificate has no mail address".to_owned()))
}

impl CertMaps {
    /// The map for a certificate, and what is asked.
    pub fn question(&self, certificate: &ClientCertificate) -> (&CertMap, Question) {
        let map = self.map_of(certificate);
        (map, map.question(certificate))
    }
}

impl CertMap {
    fn question(&self, certificate: &ClientCertificate) -> Question {
        let attribute = self.subject_attribute.as_deref();
        let filter = self.filter(certificate);
        Question {
            by_subject: attribute.and_then(|attribute| by_subject(attribute, certificate)),
            by_components: filter.and_then(|filter| Ok((self.base(certificate)?, filter))),
            verify_certificate: self.verify_certificate,
        }
    }

    fn base(&self, certificate: &ClientCertificate) -> Result<SearchBase, NoQuestion> {
        let Some(components) = &self.dn_comps else { return self.subject_as_base(certificate) };
        if components.is_empty() {
            return Ok(SearchBase::Tree);
        }
        let listed = |part: &NamePart| {
            let its = |component: &&Component| component.from.label == part.attribute;
            let component = components.iter().find(its)?;
            Some(NamePart::new(component.in_name(), part.value.clone()))
        };
        let parts: Vec<NamePart> = certificate.subject().parts().filter_map(listed).collect();
        if parts.is_empty() {
            return Err(missing("DNComps", components));
        }
        Ok(SearchBase::Below(DistinguishedName::of_parts(parts)))
    }

    /// With a filter the search goes below the subject's entry; without one, only that entry can be meant.
    fn subject_as_base(&self, certificate: &ClientCertificate) -> Result<SearchBase, NoQuestion> {
        let parts = certificate.subject().parts().map(|part| {
            let kind = Kind::named(&part.attribute);
            let attribute = kind.map_or(part.attribute.as_str(), |kind| kind.in_name);
            NamePart::new(attribute, part.value.clone())
        });
        let name = DistinguishedName::of_parts(parts);
        match (name.is_empty(), self.filter_comps.is_empty()) {
            (true, _) => Err(NoQuestion("the certificate has no subject".to_owned())),
            (false, true) => Ok(SearchBase::Entry(name)),
            (false, false) => Ok(SearchBase::Below(name)),
        }
    }

    fn filter(&self, certificate: &ClientCertificate) -> Result<Filter, NoQuestion> {
        if self.filter_comps.is_empty() {
            return Ok(Filter::Present("objectclass".to_owned()));
        }
        let comparisons = self.filter_comps.iter().flat_map(|one| one.comparisons(certificate));
        let mut comparisons: Vec<Filter> = comparisons.collect();
        match comparisons.len() {
            0 => Err(missing("FilterComps", &self.filter_comps)),
            1 => Ok(comparisons.remove(0)),
            _ => Ok(Filter::And(comparisons)),
        }
    }
}

impl Component {
    fn in_name(&self) -> &str {
        self.to.as_deref().unwrap_or(self.from.in_name)
    }

    /// What the entry must have. All values of an attribute, but of mail addresses one: an entry has one
    /// primary address.
    fn comparisons(&self, certificate: &ClientCertificate) -> Vec<Filter> {
        let attribute = self.to.as_deref().unwrap_or(self.from.in_filter);
        if self.from != MAIL {
            return certificate.values(self.from).map(|value| equal(attribute, value)).collect();
        }
        let mut mails = certificate.subject_mails();
        if mails.is_empty() {
            // Authorities put the address here today (RFC 5280 section 4.1.2.6).
            mails = certificate.alternative_mails();
        }
        any(attribute, mails).into_iter().collect()
    }
}

/// Directories may hold the name as text with or without spaces behind its commas.
fn by_subject(attribute: &str, certificate: &ClientCertificate) -> Option<Filter> {
    let name = certificate.subject();
    if name.is_empty() {
        return None;
    }
    let texts = [name.joined(","), name.joined(", ")];
    any(attribute, texts.iter().map(String::as_str))
}

fn equal(attribute: &str, value: &str) -> Filter {
    let (attribute, value) = (attribute.to_owned(), value.as_bytes().to_vec());
    Filter::Compare { attribute, relation: Relation::Equal, value }
}

/// The attribute has one of these values; `None` without values.
fn any<'a>(attribute: &str, values: impl IntoIterator<Item = &'a str>) -> Option<Filter> {
    let mut comparisons: Vec<Filter> = Vec::new();
    for comparison in values.into_iter().map(|value| equal(attribute, value)) {
        if !comparisons.contains(&comparison) {
            comparisons.push(comparison);
        }
    }
    match comparisons.len() {
        0 => None,
        1 => comparisons.pop(),
        _ => Some(Filter::Or(comparisons)),
    }
}

fn missing(property: &str, components: &[Component]) -> NoQuestion {
    let named: Vec<_> = components.iter().map(|one| one.from.label.to_lowercase()).collect();
    NoQuestion(format!("the certificate has none of {property} {}", named.join(", ")))
}
