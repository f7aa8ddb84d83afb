//! The option registry, the configuration file and typed reads of options.
//!
//! An option is declared once, in its group's file below `groups/`: type, unit, default, bounds, when a
//! change applies, secrecy, help. Everything else derives from that record: [`Config`] validates the
//! file by it, [`reference_markdown`] prints the manual from it, and [`Config::read`] takes its handle,
//! so that nobody can read an option that is not declared. Changes go through a [`Draft`], which keeps the
//! file's comments and order, and a [`ConfigFile`], which keeps every state the file has had.

mod banner;
mod changes;
mod checks;
mod ciphers;
mod config;
mod conn_limits;
mod draft;
mod error;
mod files;
mod filters;
mod groups;
mod history;
mod lookup;
mod nearest;
mod reader;
mod record;
mod reference;
mod sheet;
mod value;
mod words;

pub use banner::{Banner, expand_banner};
pub use changes::{changed, commands};
pub use ciphers::cipher_suites;
pub use config::{Config, MAX_FILE_BYTES};
pub use conn_limits::ConnLimits;
pub use draft::Draft;
pub use error::{ConfigError, Problem, Source};
pub use files::SECRETS_FILE;
pub use groups::{
    Registry, auth::*, base::*, imap::*, ldap::*, lmtp::*, logfile, metrics::*, pop::*, registry,
    store::*, watcher::*,
};
pub use history::{ConfigFile, Generation, Note, WriteError, Writer};
pub use lookup::{beginning, explained, find, matching};
pub use record::{Applies, Grammar, Kind, Opt, OptionRecord, Place, Unit, point_at};
pub use reference::{describe, notes, reference_markdown};
pub use value::{OptionType, Value};
