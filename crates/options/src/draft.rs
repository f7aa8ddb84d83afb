//! A configuration that is being changed. Comments and order of its files stay.

use crate::config::{Config, MAX_FILE_BYTES};
use crate::error::{Problem, Source};
use crate::files::Texts;
use crate::groups::Registry;
use crate::record::{Kind, Place};
use crate::sheet::Sheet;
use crate::value::{Misfit, Value};
use std::path::{Path, PathBuf};
use waypost_types::Secret;

/// A configuration between reading and storing. Each option in it is valid by itself at any time;
/// what does not fit together is told by [`Draft::conflicts`], so that two ports can change places.
#[derive(Clone)]
pub struct Draft {
    options: Sheet,
    secrets: Sheet,
    config: Config,
    read: Texts,
    folder: PathBuf,
}

impl Draft {
    /// Takes texts in. One that is damaged or has unknown options is refused, because what would be
    /// written over it is not what its author meant.
    pub(crate) fn new(
        registry: Registry,
        texts: Texts,
        folder: &Path,
    ) -> Result<Self, Vec<Problem>> {
        let config = Config::parse_options(registry, &texts, folder)?;
        let sheet = |text| Sheet::parse(text).map_err(|reason| vec![Problem::new(None, reason)]);
        let options = sheet(&texts.options)?;
        let secrets = sheet(texts.secrets.expose())?;
        Ok(Self { options, secrets, config, read: texts, folder: folder.to_owned() })
    }

    /// The texts now.
    pub(crate) fn texts(&self) -> Texts {
        texts(&self.options, &self.secrets)
    }

    /// The texts that were read, which the next ones are written over.
    pub(crate) fn texts_read(&self) -> &Texts {
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
        let Texts { options, secrets } = self.texts();
        for (source, text) in [(Source::Options, &options), (Source::Secrets, secrets.expose())] {
            if text.len() as u64 > MAX_FILE_BYTES {
                let reason = format!("the file would be larger than {MAX_FILE_BYTES} bytes");
                conflicts.push(Problem { source, line: None, reason });
            }
        }
        conflicts
    }

    /// Sets an option to what somebody typed; the error says what would be accepted, and why.
    pub fn set(&mut self, place: &Place, text: &str) -> Result<(), String> {
        let value = Value::from_text(place.record, text).map_err(|e| refusal(place, text, &e))?;
        self.change(place, |sheet| sheet.set(place, &value))
    }

    /// Gives an option its default again; whether it was set.
    pub fn unset(&mut self, place: &Place) -> Result<bool, String> {
        if !self.config.is_set(place) {
            return Ok(false);
        }
        self.change(place, |sheet| sheet.unset(place)).map(|()| true)
    }

    /// Replaces the texts, for the way back to earlier ones.
    pub(crate) fn replace(&mut self, texts: Texts) -> Result<(), Vec<Problem>> {
        let next = Self::new(self.config.registry(), texts, &self.folder)?;
        *self = Self { read: self.read.clone(), ..next };
        Ok(())
    }

    /// Changes the file of an option, then reads the values by the same way as every other program
    /// will; on an error everything is as it was.
    fn change(
        &mut self,
        place: &Place,
        change: impl FnOnce(&mut Sheet) -> Result<(), String>,
    ) -> Result<(), String> {
        let (mut options, mut secrets) = (self.options.clone(), self.secrets.clone());
        change(if place.record.secret { &mut secrets } else { &mut options })?;
        let texts = texts(&options, &secrets);
        let read = Config::parse_options(self.config.registry(), &texts, &self.folder);
        self.config = read.map_err(|problems| {
            problems.into_iter().map(|p| p.reason).collect::<Vec<_>>().join("; ")
        })?;
        (self.options, self.secrets) = (options, secrets);
        Ok(())
    }
}

fn texts(options: &Sheet, secrets: &Sheet) -> Texts {
    Texts { options: options.text(), secrets: Secret::new(secrets.text()) }
}

/// Bounds have reasons, which the details of the option name in their first sentence.
fn refusal(place: &Place, text: &str, misfit: &Misfit) -> String {
    let record = place.record;
    let told = misfit.told(&place.full_name(), Some(text).filter(|_| !record.secret));
    match record.kind {
        Kind::Integer { .. } | Kind::Choice { .. } if !record.details.is_empty() => {
            let reason = record.details.split_once(". ").map_or(record.details, |(first, _)| first);
            format!("{told}; {}.", reason.trim_end_matches('.'))
        }
        _ => told,
    }
}

#[cfg(test)]
mod tests;
