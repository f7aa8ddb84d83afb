//! A configuration as text for another process, which then needs to open no file, least of all secrets.

use super::{Config, Setting};
use crate::error::{ConfigError, Problem};
use crate::files::Files;
use crate::groups::{Registry, registry};
use crate::lookup::find;
use crate::value::Value;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use toml_edit::{Array, Document, DocumentMut, Item, Table};
use waypost_types::Secret;

/// The folder of relative paths as an array of bytes: names of files need not be UTF-8.
const FOLDER: &str = "folder";
/// The table of what is set, by full names.
const SETTINGS: &str = "settings";

impl Config {
    /// Everything that is set, secrets included, and the folder of relative paths.
    pub fn to_wire(&self) -> Secret<String> {
        let bytes = self.folder.as_os_str().as_bytes();
        let folder: Array = bytes.iter().map(|byte| i64::from(*byte)).collect();
        let mut settings = Table::new();
        for (name, setting) in &self.settings {
            settings.insert(name, Item::Value(setting.value.to_toml()));
        }
        let mut document = DocumentMut::new();
        document.insert(FOLDER, toml_edit::value(folder));
        document.insert(SETTINGS, Item::Table(settings));
        Secret::new(document.to_string())
    }

    /// The configuration that [`Config::to_wire`] wrote; checked again, for the other process may be of
    /// another release.
    pub fn from_wire(text: &str) -> Result<Self, ConfigError> {
        let read = Self::from_wire_of(registry(), text).and_then(Self::fit_together);
        read.map_err(|problems| {
            Files::beside(Path::new("settings of the watcher")).refusal(problems)
        })
    }

    pub(crate) fn from_wire_of(registry: Registry, text: &str) -> Result<Self, Vec<Problem>> {
        let fault = |reason: &str| vec![Problem::new(None, reason)];
        // The parser's message could repeat a secret.
        let document = Document::parse(text).map_err(|_| fault("are damaged"))?;
        let folder =
            document.get(FOLDER).and_then(folder).ok_or_else(|| fault("name no folder"))?;
        let table = document.get(SETTINGS).and_then(Item::as_table);
        let table = table.ok_or_else(|| fault("hold no options"))?;
        let settings = table.iter().map(|(name, item)| {
            let setting = setting(registry, name, item)?;
            Ok((name.to_owned(), setting))
        });
        let settings = settings.collect::<Result<_, String>>().map_err(|e| fault(&e))?;
        Ok(Self { registry, settings, folder })
    }
}

fn folder(item: &Item) -> Option<PathBuf> {
    let byte = |value: &toml_edit::Value| u8::try_from(value.as_integer()?).ok();
    let bytes: Option<Vec<u8>> = item.as_array()?.iter().map(byte).collect();
    Some(OsString::from_vec(bytes?).into())
}

fn setting(registry: Registry, name: &str, item: &Item) -> Result<Setting, String> {
    let place = find(registry, name)?;
    let value = Value::from_toml(place.record, item).map_err(|misfit| misfit.told(name, None))?;
    Ok(Setting { place, value, line: None })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may unwrap")]
    use super::*;
    use crate::files::Texts;
    use crate::groups::sample;
    use crate::*;

    #[test]
    fn what_is_sent_arrives() {
        let options = "[imap]\nport = 1143\nbanner = \"say \\\"hi\\\"\"\n[store]\npath = \"mail\"\n\
                       [sample.proxy]\ndepth = -1\n[sample.\"proxy:b.c\"]\nport = 1144\n";
        let secrets = Secret::new("[sample.\"proxy:b.c\"]\npassword = \"xyzzy\"\n".to_owned());
        let texts = Texts { options: options.to_owned(), secrets };
        let folder = Path::new(std::ffi::OsStr::from_bytes(b"/f/\xff"));
        let sent = Config::parse_options(sample::registry(), &texts, folder).unwrap();
        let wire = sent.to_wire();
        let got = Config::from_wire_of(sample::registry(), wire.expose()).unwrap();
        assert!(changed(&sent, &got).is_empty());
        assert_eq!(got.to_wire().expose(), wire.expose());
        assert_eq!(got.read(&STORE_PATH), folder.join("mail"));
        assert_eq!(got.read(&BASE_DIRECTORYPATH), folder.join("directory"));
        assert_eq!(got.read(&IMAP_BANNER), "say \"hi\"");
        assert_eq!(got.read(&sample::SAMPLE_DEPTH), -1);
        let password = got.read_named(&sample::SAMPLE_PASSWORD, "b.c").unwrap();
        assert_eq!(password.expose(), "xyzzy");
        let place = |name| find(registry(), name).unwrap();
        assert!(got.is_set(&place("imap.port")) && !got.is_set(&place("pop.port")));
    }

    #[test]
    fn what_is_not_understood_is_refused_without_its_values() {
        for (text, reason) in [
            ("folder = [47]\n[settings]\n\"pop.prot\" = 1\n", "did you mean pop.port?"),
            ("folder = [47]\n[settings]\n\"pop.port\" = \"xyzzy\"\n", "takes a number"),
            ("folder = [47]\n[settings]\n\"pop.port\" = 143\n", "are both 143"),
            ("folder = [470]\n[settings]\n", "name no folder"),
            ("folder = [47]\n", "hold no options"),
            ("= xyzzy", "are damaged"),
        ] {
            let Err(error) = Config::from_wire(text) else { panic!("accepted: {text}") };
            let error = error.to_string();
            assert!(error.contains(reason) && !error.contains("xyzzy"), "{error}");
        }
        assert!(Config::from_wire(Config::from_str("").unwrap().to_wire().expose()).is_ok());
    }
}
