//! `docs/rfc.tsv`: which parts of which RFC are met, and where. Each row must say something that can
//! be checked: five columns, a known status, and a place in the tree for what is done.

use super::finding::{Finding, Rule};
use std::fs;
use std::path::Path;

/// Where the table stands, from the workspace's root.
const TABLE_PATH: &str = "docs/rfc.tsv";

/// The table's first line.
const HEADER: &str = "rfc\tsection\tstatus\twhere\tnote";

/// Checks the table of the workspace at `root`.
pub(crate) fn check(root: &Path) -> Result<Vec<Finding>, String> {
    let text =
        fs::read_to_string(root.join(TABLE_PATH)).map_err(|e| format!("{TABLE_PATH}: {e}"))?;
    Ok(check_text(&text, |place| root.join(place).exists()))
}

fn check_text(text: &str, exists: impl Fn(&str) -> bool) -> Vec<Finding> {
    let fail = |index: usize, message| Finding::new(TABLE_PATH, index + 1, Rule::Rfc, message);
    let header = text.lines().next() != Some(HEADER);
    let header = header.then(|| fail(0, format!("begin with the line {HEADER:?}")));
    let rows = text.lines().enumerate().skip(1);
    let failed = rows.filter_map(|(index, row)| Some(fail(index, check_row(row, &exists).err()?)));
    header.into_iter().chain(failed).collect()
}

fn check_row(row: &str, exists: impl Fn(&str) -> bool) -> Result<(), String> {
    let columns: Vec<&str> = row.split('\t').collect();
    let [rfc, section, status, place, note] = columns.as_slice() else {
        return Err(format!("{} columns, five belong here", columns.len()));
    };
    if rfc.is_empty() || !rfc.bytes().all(|b| b.is_ascii_digit()) || section.is_empty() {
        return Err("a row begins with an RFC's number and a section".to_owned());
    }
    match *status {
        "yes" | "partly" if !exists(place) => Err(format!("`{place}` does not exist")),
        "yes" => Ok(()),
        "partly" | "no" if note.is_empty() => Err("say what is missing, or why".to_owned()),
        "partly" | "no" => Ok(()),
        other => Err(format!("`{other}` is no status: yes, partly or no")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failures(rows: &str) -> Vec<String> {
        let text = format!("{HEADER}\n{rows}");
        let findings = check_text(&text, |place| place == "crates/imap");
        findings
            .into_iter()
            .map(|finding| format!("{}: {}", finding.line, finding.message))
            .collect()
    }

    #[test]
    fn rows_that_say_something_pass() {
        let rows = "3501\t6.1.2\tyes\tcrates/imap\t\n3501\t7\tpartly\tcrates/imap\tno X\n1731\tall\tno\t\tKerberos 4\n";
        assert_eq!(failures(rows), [""; 0]);
    }

    #[test]
    fn rows_that_say_nothing_fail_at_their_line() {
        assert_eq!(failures("3501\t6\tyes\tcrates/gone\t\n"), ["2: `crates/gone` does not exist"]);
        assert_eq!(failures("3501\t6\tno\t\t\n"), ["2: say what is missing, or why"]);
        assert_eq!(failures("3501\t6\tsoon\t\t\n"), ["2: `soon` is no status: yes, partly or no"]);
        assert_eq!(failures("3501\t6\tyes\n"), ["2: 3 columns, five belong here"]);
        assert_eq!(failures("RFC 1\t6\tyes\tcrates/imap\t\n").len(), 1);
    }

    #[test]
    fn the_header_is_checked() {
        assert_eq!(check_text("rfc\n", |_| true).len(), 1);
        assert_eq!(check_text("", |_| true).len(), 1);
    }
}
