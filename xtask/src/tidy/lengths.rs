//! How long functions and files may be, and how long they are.

use super::finding::{Finding, Rule};
use super::source::Source;

/// The most lines of a function, from `fn` to its closing brace.
pub(crate) const FUNCTION_LINES_MAX: usize = 70;

/// The most lines of a file.
pub(crate) const FILE_LINES_MAX: usize = 600;

/// A function as the scanner saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Function {
    /// Its name.
    pub(crate) name: String,
    /// The line of `fn`, counted from 1.
    pub(crate) line: usize,
    /// Lines from `fn` to the closing brace, both counted.
    pub(crate) lines: usize,
}

/// The lengths of all functions of the tree.
#[derive(Debug, Default)]
pub(crate) struct Lengths(Vec<usize>);

/// The functions and the file that are over their limits.
pub(crate) fn check(source: &Source, functions: &[Function]) -> Vec<Finding> {
    let long = functions.iter().filter(|function| function.lines > FUNCTION_LINES_MAX);
    let functions = long.map(|function| over_limit(source, function));
    functions.chain(check_file(source)).collect()
}

fn over_limit(source: &Source, function: &Function) -> Finding {
    let message = format!(
        "`{}` has {} lines, the limit is {FUNCTION_LINES_MAX}: move a step of it into a function of its own",
        function.name, function.lines
    );
    let finding = Finding::new(&source.path, function.line, Rule::FunctionLength, message);
    Finding { item: Some(function.name.clone()), ..finding }
}

fn check_file(source: &Source) -> Option<Finding> {
    let lines = source.text.lines().count();
    let message = format!("{lines} lines, the limit is {FILE_LINES_MAX}: split the file by duty");
    (lines > FILE_LINES_MAX)
        .then(|| Finding::new(&source.path, FILE_LINES_MAX + 1, Rule::FileLength, message))
}

impl Lengths {
    /// Takes in the functions of one file.
    pub(crate) fn add(&mut self, functions: &[Function]) {
        self.0.extend(functions.iter().map(|function| function.lines));
    }

    /// Count, median, 95th percentile and longest, for the closing line.
    pub(crate) fn summary(&self) -> String {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        format!(
            "{} functions: median {} lines, 95th percentile {}, longest {}",
            sorted.len(),
            percentile(&sorted, 50),
            percentile(&sorted, 95),
            percentile(&sorted, 100)
        )
    }
}

/// The smallest value that is at least as large as `percent` of all; 0 of an empty list.
fn percentile(sorted: &[usize], percent: usize) -> usize {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(lines: usize) -> Function {
        Function { name: "f".to_owned(), line: 3, lines }
    }

    fn source(lines: usize) -> Source {
        Source { path: "a.rs".to_owned(), text: "x\n".repeat(lines) }
    }

    #[test]
    fn a_function_over_the_limit_is_named() {
        let functions = [function(FUNCTION_LINES_MAX), function(FUNCTION_LINES_MAX + 1)];
        let findings = check(&source(1), &functions);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].item.as_deref(), Some("f"));
        assert_eq!((findings[0].line, findings[0].rule), (3, Rule::FunctionLength));
    }

    #[test]
    fn a_file_over_the_limit_is_named() {
        assert_eq!(check(&source(FILE_LINES_MAX), &[]), []);
        let findings = check(&source(FILE_LINES_MAX + 1), &[]);
        assert_eq!(findings.len(), 1);
        assert_eq!((findings[0].line, findings[0].rule), (FILE_LINES_MAX + 1, Rule::FileLength));
    }

    #[test]
    fn percentiles_are_values_of_the_list() {
        let sorted: Vec<usize> = (1..=20).collect();
        assert_eq!(percentile(&sorted, 50), 10);
        assert_eq!(percentile(&sorted, 95), 19);
        assert_eq!(percentile(&sorted, 100), 20);
        assert_eq!(percentile(&[7], 50), 7);
        assert_eq!(percentile(&[], 50), 0);
    }

    #[test]
    fn the_summary_counts_every_file() {
        let mut lengths = Lengths::default();
        lengths.add(&[function(4), function(2)]);
        lengths.add(&[function(9)]);
        let expected = "3 functions: median 4 lines, 95th percentile 9, longest 9";
        assert_eq!(lengths.summary(), expected);
    }
}
