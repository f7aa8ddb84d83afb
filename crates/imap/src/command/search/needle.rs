//! The text that a key looks for, prepared once for many texts.

use memchr::memmem::Finder;
use waypost_mime::fold_case;

/// Texts up to this many bytes, if they are ASCII, are folded in place of a new string: most subjects and
/// addresses.
const SHORT_BYTES: usize = 256;

/// A text looked for, whatever the case of its letters.
#[derive(Debug)]
pub(super) struct Needle {
    /// Boxed: what it is prepared with is larger than the keys of a search otherwise are.
    folded: Box<Finder<'static>>,
}

impl Needle {
    pub(super) fn new(text: &str) -> Self {
        Self { folded: Box::new(Finder::new(&fold_case(text)).into_owned()) }
    }

    /// Bytes that it has when it is folded.
    pub(super) fn len(&self) -> usize {
        self.folded.needle().len()
    }

    /// Whether `text` holds it; any text holds the empty one.
    pub(super) fn is_in(&self, text: &str) -> bool {
        let mut short = [0; SHORT_BYTES];
        match short.get_mut(..text.len()) {
            Some(short) if text.is_ascii() => {
                short.copy_from_slice(text.as_bytes());
                short.make_ascii_lowercase();
                self.folded.find(short).is_some()
            }
            _ => self.folded.find(fold_case(text).as_bytes()).is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn texts_are_found_as_if_both_were_folded(
            front in "[a-zA-ZäÄßẞΣσς İı]{0,20}",
            text in "[a-zA-ZäÄßẞΣσς]{0,6}",
            padding in prop::sample::select(vec![0, 230, 250, 260]),
            there: bool,
        ) {
            let padding = " ".repeat(padding);
            let other = if there { text.to_uppercase() } else { String::new() };
            let whole = format!("{padding}{front}{other}");
            let expected = fold_case(&whole).contains(&fold_case(&text));
            prop_assert_eq!(Needle::new(&text).is_in(&whole), expected);
        }
    }
}
