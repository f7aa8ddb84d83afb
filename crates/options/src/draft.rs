//! A configuration that is being changed. Comments and order of the file stay.

use crate::config::{Config, MAX_FILE_BYTES};
use crate::error::Problem;
use crate::record::{Kind, OptionRecord};
use crate::value::Value;
use std::path::{Path, PathBuf};
use toml_edit::{DocumentMut, Item, Table, TableLike};

/// A configuration between reading and storing. Each option in it is valid by itself at any time;
/// what does not fit together is told by [`Draft::conflicts`], so that two ports can change places.
#[derive(Clone)]
pub struct Draft {
    document: DocumentMut,
    config: Config,
    read: String,
    folder: PathBuf,
}

impl Draft {
    /// Takes a text in. One that is damaged or has unknown options is refused, because what would be
    /// written over it is not what its author meant.
    pub(crate) fn new(text: &str, folder: &Path) -> Result<Self, Vec<Problem>> {
        let config = Config::parse_options(text, folder)?;
        let document = text.parse().map_err(|error| vec![problem(&error)])?;
        Ok(Self { document, config, read: text.to_owned(), folder: folder.to_owned() })
    }

    /// The text now.
    pub fn text(&self) -> String {
        self.document.to_string()
    }

    /// The text that was read, which the next version is written over.
    pub(crate) fn text_read(&self) -> &str {
        &self.read
    }

    /// The values now.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What would keep the draft from being stored; without lines, for there is no such file.
    pub fn conflicts(&self) -> Vec<Problem> {
        let mut conflicts = self.config.conflicts();
        conflicts.iter_mut().for_each(|problem| problem.line = None);
        if self.text().len() as u64 > MAX_FILE_BYTES {
            let reason = format!("the file would be larger than {MAX_FILE_BYTES} bytes");
            conflicts.push(Problem { line: None, reason });
        }
        conflicts
    }

    /// Sets an option to what somebody typed; the error says what would be accepted, and why.
    pub fn set(&mut self, record: &OptionRecord, text: &str) -> Result<(), String> {
        let value = Value::from_text(record, text).map_err(|e| refusal(record, text, &e))?;
        let mut value = value.to_toml();
        let table = self.table(record)?;
        match table.get_mut(record.name) {
            Some(item) => {
                if let Some(old) = item.as_value() {
                    *value.decor_mut() = old.decor().clone();
                }
                *item = Item::Value(value);
            }
            None => {
                table.insert(record.name, Item::Value(value));
            }
        }
        self.settle()
    }

    /// Gives an option its default again; whether it was set.
    pub fn unset(&mut self, record: &OptionRecord) -> Result<bool, String> {
        if !self.config.is_set(record) {
            return Ok(false);
        }
        self.table(record)?.remove(record.name);
        self.settle().map(|()| true)
    }

    /// Replaces the whole text, for the way back to an earlier one.
    pub fn replace(&mut self, text: &str) -> Result<(), Vec<Problem>> {
        let read = std::mem::take(&mut self.read);
        let replaced = Self::new(text, &self.folder);
        self.read = read;
        let Self { document, config, .. } = replaced?;
        (self.document, self.config) = (document, config);
        Ok(())
    }

    fn table(&mut self, record: &OptionRecord) -> Result<&mut dyn TableLike, String> {
        if !self.document.contains_key(record.group) {
            self.add_group(record.group);
        }
        let item = &mut self.document[record.group];
        let table = item.as_table_like_mut();
        table.ok_or_else(|| format!("`{}` is not a group in the file", record.group))
    }

    /// Adds a group at the end of the file, also behind the comments that stand there.
    fn add_group(&mut self, group: &str) {
        let end = self.document.trailing().as_str().unwrap_or_default().to_owned();
        let gap = if self.document.is_empty() && end.is_empty() { "" } else { "\n" };
        let mut table = Table::new();
        table.decor_mut().set_prefix(format!("{end}{gap}"));
        self.document.set_trailing("");
        self.document.insert(group, Item::Table(table));
    }

    /// Reads the values again, by the same way as every other program will.
    fn settle(&mut self) -> Result<(), String> {
        let config = Config::parse_options(&self.text(), &self.folder);
        self.config = config.map_err(|problems| {
            problems.into_iter().map(|p| p.reason).collect::<Vec<_>>().join("; ")
        })?;
        Ok(())
    }
}

fn problem(error: &toml_edit::TomlError) -> Problem {
    Problem { line: None, reason: error.message().trim().replace('\n', "; ") }
}

/// Bounds have reasons, which the details of the option name.
fn refusal(record: &OptionRecord, text: &str, expected: &str) -> String {
    let found = if record.secret { String::new() } else { format!(", not {text}") };
    let reason = match record.kind {
        Kind::Integer { .. } if !record.details.is_empty() => format!("; {}", record.details),
        _ => String::new(),
    };
    format!("{} {expected}{found}{reason}", record.full_name())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;
    use crate::lookup::find;
    use crate::*;

    fn draft(text: &str) -> Draft {
        Draft::new(text, Path::new("/f")).unwrap()
    }

    fn set(draft: &mut Draft, name: &str, text: &str) {
        draft.set(find(name).unwrap(), text).unwrap();
    }

    #[test]
    fn comments_and_order_stay() {
        let text =
            "# top\n[pop] # mail\nport = 1110 # ours\n# why\nidletimeout = 20\n\n[imap]\n# end\n";
        let mut draft = draft(text);
        set(&mut draft, "pop.port", "2110");
        set(&mut draft, "service.pop.enable", "yes");
        set(&mut draft, "imap.banner", "say \"hi\"");
        assert!(draft.unset(find("pop.idletimeout").unwrap()).unwrap());
        assert!(!draft.unset(find("pop.idletimeout").unwrap()).unwrap());
        set(&mut draft, "log.level", "debug");
        let text = draft.text();
        assert!(text.starts_with("# top\n[pop] # mail\nport = 2110 # ours\n"), "{text}");
        assert!(text.contains("enable = 1\n") && !text.contains("idletimeout"), "{text}");
        assert!(text.ends_with("# end\n\n[log]\nlevel = \"debug\"\n"), "{text}");
        let config = draft.config();
        assert_eq!(config.read(&IMAP_BANNER), "say \"hi\"");
        assert_eq!((config.read(&POP_PORT), config.read(&POP_ENABLE)), (2110, true));
        assert_eq!(config.read(&LOG_LEVEL), "debug");
    }

    #[test]
    fn every_way_to_write_a_group_can_be_changed() {
        for text in ["pop.port = 1\n", "pop = { port = 1 }\n", "[pop]\nport = 1\n", ""] {
            let mut draft = draft(text);
            set(&mut draft, "pop.port", "2110");
            set(&mut draft, "pop.enablesslport", "-1");
            let read = Config::from_str(&format!("{}\n", draft.text()));
            assert!(read.is_err(), "the SSL port has no certificate: {}", draft.text());
            assert!(draft.config().read(&POP_ENABLESSLPORT), "{}", draft.text());
            assert_eq!(draft.config().read(&POP_PORT), 2110);
            draft.unset(find("pop.port").unwrap()).unwrap();
            assert_eq!(draft.config().read(&POP_PORT), 110, "{}", draft.text());
        }
    }

    #[test]
    fn every_default_can_be_set() {
        let mut draft = draft("");
        for record in registry() {
            let text = match Value::default_of(record) {
                Value::Switch(on) => u8::from(on).to_string(),
                Value::Integer(number) => number.to_string(),
                Value::Text(text) => text,
            };
            draft.set(record, &text).unwrap();
        }
        assert_eq!(draft.conflicts(), []);
        assert!(changed(&Config::from_str("").unwrap(), draft.config()).is_empty());
    }

    #[test]
    fn what_is_refused_says_why_and_changes_nothing() {
        let mut draft = draft("[pop]\nport = 1110\n");
        let refused = draft.set(find("pop.idletimeout").unwrap(), "9").unwrap_err();
        assert_eq!(
            refused,
            "pop.idletimeout takes a number from 10 to 10080 minutes, not 9; \
             RFC 1939 section 3 allows no less than 10 minutes."
        );
        let refused = draft.set(find("imap.idletimeout").unwrap(), "29").unwrap_err();
        assert!(refused.contains("RFC 3501"), "{refused}");
        assert!(draft.set(find("pop.port").unwrap(), "65536").is_err());
        assert!(draft.set(find("pop.enable").unwrap(), "maybe").is_err());
        assert!(draft.set(find("pop.banner").unwrap(), "a\nb").is_err());
        assert_eq!(draft.text(), "[pop]\nport = 1110\n");
    }

    #[test]
    fn a_refused_secret_is_not_repeated() {
        let mut record = *find("base.hostname").unwrap();
        record.secret = true;
        let refused = draft("").set(&record, "xyzzy\n").unwrap_err();
        assert!(refused.contains("takes one line") && !refused.contains("xyzzy"), "{refused}");
    }

    #[test]
    fn ports_can_change_places_and_a_clash_is_told() {
        let mut draft = draft("");
        set(&mut draft, "pop.port", "143");
        assert!(draft.conflicts()[0].reason.contains("imap.port and pop.port are both 143"));
        set(&mut draft, "imap.port", "110");
        assert_eq!(draft.conflicts(), []);
    }

    #[test]
    fn a_file_that_is_not_understood_is_not_taken_in() {
        for text in ["[pop]\nport = = 1\n", "[pop]\nprot = 1\n", "[pop]\nport = 0\n", "[x]\n"] {
            assert!(Draft::new(text, Path::new("/f")).is_err(), "{text}");
        }
        assert!(Draft::new("[pop]\nport = 143\n", Path::new("/f")).is_ok(), "can be mended");
        let mut draft = draft("[pop]\nport = 1110\n");
        assert!(draft.replace("[pop]\nprot = 1\n").is_err());
        assert_eq!((draft.text(), draft.text_read()), (draft.read.clone(), draft.read.as_str()));
        draft.replace("[pop]\nport = 2110\n").unwrap();
        assert_eq!(draft.text_read(), "[pop]\nport = 1110\n");
        assert_eq!(draft.config().read(&POP_PORT), 2110);
    }
}
