//! The attributes that names in certificates are made of: their numbers, and what they are called where.

/// A kind of attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// Its object identifier.
    pub(crate) oid: &'static str,
    /// What it is called in the text of a name.
    pub(crate) label: &'static str,
    /// What an entry of the directory calls it in its name.
    pub(crate) in_name: &'static str,
    /// What a filter calls it.
    pub(crate) in_filter: &'static str,
    /// What else it is called in `certmap.conf`.
    pub(crate) others: &'static [&'static str],
}

const fn plain(oid: &'static str, label: &'static str, ldap: &'static str) -> Kind {
    Kind { oid, label, in_name: ldap, in_filter: ldap, others: &[] }
}

/// The address for mail of PKCS #9, which filters know as `mail`.
pub(crate) const MAIL: Kind = Kind {
    oid: "1.2.840.113549.1.9.1",
    label: "E",
    in_name: "1.2.840.113549.1.9.1",
    in_filter: "mail",
    others: &["mail", "email", "emailaddress"],
};

/// Every kind that has a name (RFC 4519, RFC 5280 appendix A.1).
pub(crate) const KINDS: [Kind; 14] = [
    MAIL,
    plain("2.5.4.3", "CN", "cn"),
    plain("2.5.4.10", "O", "o"),
    plain("2.5.4.6", "C", "c"),
    plain("2.5.4.7", "L", "l"),
    plain("2.5.4.8", "ST", "st"),
    plain("2.5.4.11", "OU", "ou"),
    plain("0.9.2342.19200300.100.1.1", "UID", "uid"),
    plain("0.9.2342.19200300.100.1.25", "DC", "dc"),
    plain("2.5.4.4", "SN", "sn"),
    plain("2.5.4.42", "GIVENNAME", "givenname"),
    plain("2.5.4.5", "SERIALNUMBER", "serialnumber"),
    plain("2.5.4.9", "STREET", "street"),
    plain("2.5.4.12", "TITLE", "title"),
];

impl Kind {
    /// The kind that `certmap.conf` calls so, in any case.
    pub fn named(name: &str) -> Option<Self> {
        let is = |word: &str| word.eq_ignore_ascii_case(name);
        KINDS.into_iter().find(|kind| is(kind.label) || kind.others.iter().any(|word| is(word)))
    }

    /// The kind with this object identifier.
    pub(crate) fn numbered(oid: &str) -> Option<Self> {
        KINDS.into_iter().find(|kind| kind.oid == oid)
    }

    /// What it is called in the text of a name.
    pub const fn label(self) -> &'static str {
        self.label
    }
}
