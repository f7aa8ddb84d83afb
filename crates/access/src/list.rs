//! Lists with exceptions: `a, b EXCEPT c EXCEPT d` is `a, b EXCEPT (c EXCEPT d)`.

use crate::fault::Fault;
use crate::truth::Truth;
use crate::{EXCEPT_MAX, SPECS_MAX};

/// The word before an exception.
const EXCEPT: &str = "EXCEPT";

/// What a list names, without what is excepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct List<T> {
    named: Vec<T>,
    except: Option<Box<Self>>,
}

/// A word of a list and where it begins, in bytes of the whole text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Word<'a> {
    pub(crate) text: &'a str,
    pub(crate) at: usize,
}

impl<T> List<T> {
    /// Reads the list in `text`, which begins at byte `at` of the whole; `what` is what it lists.
    pub(crate) fn parse(
        text: &str,
        at: usize,
        what: &str,
        read: impl Fn(Word<'_>) -> Result<T, Fault>,
    ) -> Result<Self, Fault> {
        let words = words(text, at);
        if let Some(word) = words.get(SPECS_MAX) {
            return Err(Fault::new(word.at, format!("more than {SPECS_MAX} {what} in one list")));
        }
        let parts: Vec<&[Word<'_>]> = words.split(is_except).collect();
        if parts.len() > EXCEPT_MAX + 1 {
            let fault = format!("more than {EXCEPT_MAX} times {EXCEPT} in one list of {what}");
            return Err(Fault::new(at, fault));
        }
        let mut list = None;
        // From the right: what stands last is excepted from what stands before it.
        for part in parts.into_iter().rev() {
            if part.is_empty() {
                return Err(Fault::new(
                    gap(&words, at + text.len()),
                    format!("{what} are missing"),
                ));
            }
            let named: Result<Vec<T>, Fault> = part.iter().map(|word| read(*word)).collect();
            list = Some(Self { named: named?, except: list.map(Box::new) });
        }
        list.ok_or_else(|| Fault::new(at, format!("{what} are missing")))
    }

    /// Whether the list means something of which `holds` says whether one word means it.
    pub(crate) fn means(&self, holds: &dyn Fn(&T) -> Truth) -> Truth {
        let named = Truth::any(self.named.iter().map(holds));
        match &self.except {
            None => named,
            Some(except) => named.and(|| except.means(holds).not()),
        }
    }
}

fn is_except(word: &Word<'_>) -> bool {
    word.text.eq_ignore_ascii_case(EXCEPT)
}

/// Where a part of a list is missing: at an `EXCEPT` with nothing before it, else at the end.
fn gap(words: &[Word<'_>], end: usize) -> usize {
    let is_gap = |(n, word): &(usize, &Word<'_>)| {
        is_except(word) && n.checked_sub(1).is_none_or(|before| is_except(&words[before]))
    };
    words.iter().enumerate().find(is_gap).map_or(end, |(_, word)| word.at)
}

/// The words between blanks and commas.
fn words(text: &str, at: usize) -> Vec<Word<'_>> {
    let is_gap = |letter: char| letter == ',' || letter.is_whitespace();
    let place = |word: &str| word.as_ptr().addr() - text.as_ptr().addr();
    let all = text.split(is_gap).filter(|word| !word.is_empty());
    all.map(|word| Word { text: word, at: at + place(word) }).collect()
}
