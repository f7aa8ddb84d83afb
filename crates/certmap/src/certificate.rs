//! What is written in a client's certificate.
//!
//! Nothing here says that it is true: signature, authority and validity are for others to judge first.

use crate::component::{Kind, MAIL};
use std::fmt;
use waypost_ldap_filter::{DistinguishedName, NamePart};
use x509_parser::prelude::{
    AttributeTypeAndValue, FromDer, GeneralName, X509Certificate, X509Name,
};

/// The longest certificate that is read, in bytes; one of a person has a tenth of that.
const CERTIFICATE_BYTES_MAX: usize = 16 * 1024;
/// The most attributes of a name.
const NAME_PARTS_MAX: usize = 64;
/// The longest value of an attribute in bytes; RFC 5280 appendix A.1 allows 64 to 256 characters.
const VALUE_BYTES_MAX: usize = 1_024;
/// The most mail addresses.
const MAILS_MAX: usize = 16;

/// A client's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    der: Vec<u8>,
    subject: DistinguishedName,
    issuer: DistinguishedName,
    /// The addresses among the alternative names of the subject (`rfc822Name`).
    alternative_mails: Vec<String>,
}

/// Why a certificate cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableCertificate(String);

impl fmt::Display for UnreadableCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the certificate cannot be read: {}", self.0)
    }
}

impl std::error::Error for UnreadableCertificate {}

fn unreadable(why: impl fmt::Display) -> UnreadableCertificate {
    UnreadableCertificate(why.to_string())
}

impl ClientCertificate {
    /// Reads a certificate in DER.
    ///
    /// # Errors
    /// When it is none, larger than any person's, or has a name that no directory can hold.
    pub fn read(der: &[u8]) -> Result<Self, UnreadableCertificate> {
        if der.len() > CERTIFICATE_BYTES_MAX {
            return Err(unreadable(format_args!("larger than {CERTIFICATE_BYTES_MAX} bytes")));
        }
        let (_, parsed) = X509Certificate::from_der(der).map_err(unreadable)?;
        Ok(Self {
            der: der.to_vec(),
            subject: name(parsed.subject())?,
            issuer: name(parsed.issuer())?,
            alternative_mails: alternative_mails(&parsed)?,
        })
    }

    /// All of it, in DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Whose it is.
    pub fn subject(&self) -> &DistinguishedName {
        &self.subject
    }

    /// Who has signed it. Its text is what a map of `certmap.conf` names.
    pub fn issuer(&self) -> &DistinguishedName {
        &self.issuer
    }

    /// The values of a kind in the subject, in the order of the name.
    pub(crate) fn values(&self, kind: Kind) -> impl Iterator<Item = &str> {
        let of_kind = move |part: &&NamePart| part.attribute == kind.label;
        self.subject.parts().filter(of_kind).map(|part| part.value.as_str())
    }

    /// The mail addresses of the subject's name.
    pub(crate) fn subject_mails(&self) -> Vec<&str> {
        self.values(MAIL).collect()
    }

    /// Every mail address in it, each once.
    pub fn mails(&self) -> Vec<&str> {
        let mut mails = self.subject_mails();
        for mail in &self.alternative_mails {
            if !mails.iter().any(|known| known.eq_ignore_ascii_case(mail)) {
                mails.push(mail);
            }
        }
        mails
    }

    /// The addresses among the alternative names.
    pub(crate) fn alternative_mails(&self) -> Vec<&str> {
        self.alternative_mails.iter().map(String::as_str).collect()
    }
}

/// A name in a certificate begins with the country; that of an entry ends with it.
fn name(name: &X509Name<'_>) -> Result<DistinguishedName, UnreadableCertificate> {
    if name.iter_attributes().count() > NAME_PARTS_MAX {
        return Err(unreadable(format_args!("a name of more than {NAME_PARTS_MAX} attributes")));
    }
    let steps = name.iter_rdn().map(|step| step.iter().map(part).collect());
    let mut steps = steps.collect::<Result<Vec<Vec<NamePart>>, _>>()?;
    steps.reverse();
    Ok(DistinguishedName::new(steps))
}

fn part(attribute: &AttributeTypeAndValue<'_>) -> Result<NamePart, UnreadableCertificate> {
    let oid = attribute.attr_type().to_id_string();
    let kind = Kind::numbered(&oid);
    let value = text(attribute);
    let value = value.ok_or_else(|| unreadable(format_args!("a value of {oid} is no text")))?;
    if value.len() > VALUE_BYTES_MAX || value.contains('\0') {
        let limit =
            format_args!("a value of {oid} holds a NUL or more than {VALUE_BYTES_MAX} bytes");
        return Err(unreadable(limit));
    }
    Ok(NamePart::new(kind.map_or(oid, |kind| kind.label.to_owned()), value))
}

/// Values are text of one alphabet or another (RFC 5280 section 4.1.2.4).
fn text(attribute: &AttributeTypeAndValue<'_>) -> Option<String> {
    const BMP_STRING: u32 = 30;
    const UNIVERSAL_STRING: u32 = 28;
    const T61_STRING: u32 = 20;
    let value = attribute.attr_value();
    let data = value.data;
    match value.tag().0 {
        BMP_STRING => {
            let units = data.chunks_exact(2).map(|two| u16::from_be_bytes([two[0], two[1]]));
            let units: Vec<u16> = units.collect();
            (data.len() % 2 == 0).then(|| String::from_utf16(&units).ok()).flatten()
        }
        UNIVERSAL_STRING => {
            let number = |four: &[u8]| four.try_into().ok().map(u32::from_be_bytes);
            let letter = |four: &[u8]| number(four).and_then(char::from_u32);
            (data.len() % 4 == 0).then(|| data.chunks_exact(4).map(letter).collect()).flatten()
        }
        // What was written as T.61 is Latin-1 wherever it is not ASCII.
        T61_STRING => Some(data.iter().copied().map(char::from).collect()),
        _ => attribute.as_str().ok().map(str::to_owned),
    }
}

fn alternative_mails(parsed: &X509Certificate<'_>) -> Result<Vec<String>, UnreadableCertificate> {
    let found = parsed.subject_alternative_name().map_err(unreadable)?;
    let names = found.map_or(&[][..], |found| &found.value.general_names);
    let mail = |name: &GeneralName<'_>| match name {
        GeneralName::RFC822Name(mail) => Some((*mail).to_owned()),
        _ => None,
    };
    let mails: Vec<String> = names.iter().filter_map(mail).collect();
    let fits = |mail: &String| mail.len() <= VALUE_BYTES_MAX && !mail.contains('\0');
    if mails.len() > MAILS_MAX || !mails.iter().all(fits) {
        return Err(unreadable("too many or too long mail addresses"));
    }
    Ok(mails)
}
