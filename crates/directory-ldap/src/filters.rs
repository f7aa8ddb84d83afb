//! The filters that the engine itself needs. Their values are values, never text.

use waypost_ldap_filter::{Filter, Relation};

/// The attribute has this value.
pub(crate) fn equal(attribute: &str, value: &str) -> Filter {
    let (attribute, value) = (attribute.to_ascii_lowercase(), value.as_bytes().to_vec());
    Filter::Compare { attribute, relation: Relation::Equal, value }
}

/// The attribute has any value.
pub(crate) fn present(attribute: &str) -> Filter {
    Filter::Present(attribute.to_ascii_lowercase())
}

/// One of the attributes has this value.
pub(crate) fn any_equal(attributes: &[&str], value: &str) -> Filter {
    Filter::Or(attributes.iter().map(|attribute| equal(attribute, value)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_stays_a_value() {
        assert_eq!(equal("mail", "a*)(b=").to_string(), "(mail=a\\2a\\29\\28b=)");
        assert_eq!(present("objectClass").to_string(), "(objectclass=*)");
        assert_eq!(any_equal(&["a", "b"], "c").to_string(), "(|(a=c)(b=c))");
    }
}
