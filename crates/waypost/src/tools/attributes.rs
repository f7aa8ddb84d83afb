//! Attributes of users and domains on the command line.

use super::access::check_attribute;
use crate::failure::Failure;
use crate::output::tell;
use waypost_directory::{Attribute, StoredPassword};

/// The attribute whose value is not shown.
const PASSWORD: &str = "userPassword";

/// Reads `ATTRIBUTE=VALUE`; several of one attribute are its values, an empty one takes it away.
pub(super) fn parse(words: &[String]) -> Result<Vec<Attribute>, Failure> {
    let mut attributes: Vec<Attribute> = Vec::new();
    for word in words {
        let Some((name, value)) = word.split_once('=') else {
            return Err(Failure::usage(format!("{word:?}: write ATTRIBUTE=VALUE")));
        };
        let same = |own: &&mut Attribute| own.name.eq_ignore_ascii_case(name);
        let value = Some(value.to_owned()).filter(|value| !value.is_empty());
        value.iter().try_for_each(|value| check_attribute(name, value))?;
        match attributes.iter_mut().find(same) {
            Some(own) => own.values.extend(value),
            None => attributes
                .push(Attribute { name: name.to_owned(), values: value.into_iter().collect() }),
        }
    }
    Ok(attributes)
}

/// Prints attributes, of a password only its scheme.
pub(super) fn show(attributes: &[Attribute]) {
    for Attribute { name, values } in attributes {
        for value in values {
            if name == PASSWORD {
                let scheme = StoredPassword::read(value).map(|stored| stored.scheme());
                tell(format_args!(
                    "# {name}: {}",
                    scheme.as_deref().unwrap_or("of an unknown scheme")
                ));
            } else {
                // A person reads it: letters of all alphabets stay, control characters become escapes.
                tell(format_args!("{name}: {}", plain(value)));
            }
        }
    }
}

fn plain(value: &str) -> String {
    let shown = |letter: char| match letter.is_control() {
        true => letter.escape_default().to_string(),
        false => letter.to_string(),
    };
    value.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_shown_in_letters() {
        assert_eq!(plain("Alice Ä\n\u{1b}[0m"), "Alice Ä\\n\\u{1b}[0m");
    }

    #[test]
    fn values_of_one_attribute_are_gathered() {
        let words = ["a=1", "b=x=y", "A=2", "c="].map(str::to_owned);
        let parsed = parse(&words).unwrap();
        let flat: Vec<_> = parsed.iter().map(|a| (a.name.as_str(), a.values.join(","))).collect();
        let expected = [("a", "1,2"), ("b", "x=y"), ("c", "")];
        assert_eq!(flat, expected.map(|(name, value)| (name, value.to_owned())));
        assert!(parse(&["a".to_owned()]).is_err());
    }
}
