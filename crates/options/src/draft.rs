//! A configuration that is being changed. Comments and order of the file stay.

use crate::config::{Config, MAX_FILE_BYTES};
use crate::error::Problem;
use crate::groups::Registry;
use crate::record::{Kind, Place};
use crate::sheet::Sheet;
use crate::value::{Misfit, Value};
use std::path::{Path, PathBuf};

/// A configuration between reading and storing. Each option in it is valid by itself at any time;
/// what does not fit together is told by [`Draft::conflicts`], so that two ports can change places.
#[derive(Clone)]
pub struct Draft {
    sheet: Sheet,
    config: Config,
    read: String,
    folder: PathBuf,
}

impl Draft {
    /// Takes a text in. One that is damaged or has unknown options is refused, because what would be
    /// written over it is not what its author meant.
    pub(crate) fn new(registry: Registry, text: &str, folder: &Path) -> Result<Self, Vec<Problem>> {
        let config = Config::parse_options(registry, text, folder)?;
        let sheet = Sheet::parse(text).map_err(|reason| vec![Problem { line: None, reason }])?;
        Ok(Self { sheet, config, read: text.to_owned(), folder: folder.to_owned() })
    }

    /// The text now.
    pub fn text(&self) -> String {
        self.sheet.text()
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
    pub fn set(&mut self, place: &Place, text: &str) -> Result<(), String> {
        let value = Value::from_text(place.record, text).map_err(|e| refusal(place, text, &e))?;
        self.change(|sheet| sheet.set(place, &value))
    }

    /// Gives an option its default again; whether it was set.
    pub fn unset(&mut self, place: &Place) -> Result<bool, String> {
        if !self.config.is_set(place) {
            return Ok(false);
        }
        self.change(|sheet| sheet.unset(place)).map(|()| true)
    }

    /// Replaces the whole text, for the way back to an earlier one.
    pub fn replace(&mut self, text: &str) -> Result<(), Vec<Problem>> {
        let read = self.read.clone();
        *self = Self { read, ..Self::new(self.config.registry(), text, &self.folder)? };
        Ok(())
    }

    /// Changes the text, then reads its values by the same way as every other program will; on an
    /// error everything is as it was.
    fn change(
        &mut self,
        change: impl FnOnce(&mut Sheet) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut sheet = self.sheet.clone();
        change(&mut sheet)?;
        let read = Config::parse_options(self.config.registry(), &sheet.text(), &self.folder);
        self.config = read.map_err(|problems| {
            problems.into_iter().map(|p| p.reason).collect::<Vec<_>>().join("; ")
        })?;
        self.sheet = sheet;
        Ok(())
    }
}

/// Bounds have reasons, which the details of the option name.
fn refusal(place: &Place, text: &str, misfit: &Misfit) -> String {
    let record = place.record;
    let told = misfit.told(&place.full_name(), Some(text).filter(|_| !record.secret));
    match record.kind {
        Kind::Integer { .. } if !record.details.is_empty() => format!("{told}; {}", record.details),
        _ => told,
    }
}

#[cfg(test)]
mod tests;
