//! i;unicode-casemap (RFC 5051): how SORT orders texts and THREAD compares them (RFC 5255 section 4).

use icu_normalizer::DecomposingNormalizerBorrowed;

/// Appends the bytes of a text that i;unicode-casemap compares: every character in title case by the
/// simple mapping, then decomposed, as UTF-8. Their order as bytes is the order of the texts.
pub fn collate(text: &str, out: &mut Vec<u8>) {
    if text.is_ascii() {
        out.extend(text.bytes().map(|byte| byte.to_ascii_uppercase()));
        return;
    }
    let titled: String = text.chars().map(title_case).collect();
    let decomposed = DecomposingNormalizerBorrowed::new_nfkd();
    out.extend_from_slice(decomposed.normalize(&titled).as_bytes());
}

/// The simple title case mapping, which is the simple upper case mapping but for two families.
fn title_case(char: char) -> char {
    match char {
        // Letters that are two in one have a form of which only the first is a capital.
        '\u{1c4}'..='\u{1c6}' => '\u{1c5}',
        '\u{1c7}'..='\u{1c9}' => '\u{1c8}',
        '\u{1ca}'..='\u{1cc}' => '\u{1cb}',
        '\u{1f1}'..='\u{1f3}' => '\u{1f2}',
        // Georgian has capitals, but no titles.
        '\u{10d0}'..='\u{10ff}' => char,
        // Greek letters with iota below; in upper case they are two characters.
        '\u{1f80}'..='\u{1f87}' | '\u{1f90}'..='\u{1f97}' | '\u{1fa0}'..='\u{1fa7}' => {
            char::from_u32(u32::from(char) + 8).unwrap_or(char)
        }
        '\u{1fb3}' | '\u{1fc3}' | '\u{1ff3}' => char::from_u32(u32::from(char) + 9).unwrap_or(char),
        other => {
            let mut upper = other.to_uppercase();
            match (upper.next(), upper.next()) {
                (Some(one), None) => one,
                _ => other,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cmp::Ordering;

    fn compare(a: &str, b: &str) -> Ordering {
        let key = |text| {
            let mut key = Vec::new();
            collate(text, &mut key);
            key
        };
        key(a).cmp(&key(b))
    }

    #[test]
    fn case_and_composition_do_not_count() {
        let equal = [
            ("abc", "ABC"),
            ("\u{e9}t\u{e9}", "E\u{301}TE\u{301}"),
            ("\u{3c3}", "\u{3c2}"),
            ("\u{1c6}", "\u{1c4}"),
            ("\u{1fb3}", "\u{1fbc}"),
            ("\u{212a}", "k"),
            ("\u{ff21}", "a"),
        ];
        for (a, b) in equal {
            assert_eq!(compare(a, b), Ordering::Equal, "{a} {b}");
        }
    }

    #[test]
    fn order_is_that_of_title_case() {
        // Between capitals and small letters stand six signs, which come after all letters.
        let ascending = ["", " ", "1", "A", "b", "E", "\u{e9}", "F", "z", "[", "_", "{", "\u{df}"];
        for pair in ascending.windows(2) {
            assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
        }
    }
}
