//! Values of options: how text becomes one, and how a handle reads it.

use crate::record::{Kind, OptionRecord, Unit};
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml_edit::Item;
use waypost_types::Secret;

/// The longest text value in bytes.
const MAX_TEXT_BYTES: usize = 1_000;
/// The longest text with a grammar of its own in bytes: lists are longer than names.
const MAX_FORMAL_BYTES: usize = 4_096;
/// What the administrator's guide once writes for "on".
const ALSO_ON: i64 = -1;

/// A checked value.
#[derive(Debug, Clone)]
pub enum Value {
    /// Of a switch.
    Switch(bool),
    /// Of an integer.
    Integer(i64),
    /// Of a secret; empty when there is none.
    Secret(Secret<String>),
    /// Of all others.
    Text(String),
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Switch(a), Self::Switch(b)) => a == b,
            (Self::Integer(a), Self::Integer(b)) => a == b,
            (Self::Secret(a), Self::Secret(b)) => a.matches(b.expose().as_bytes()),
            (Self::Text(a), Self::Text(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Value {}

impl Value {
    /// The default of an option.
    pub fn default_of(record: &OptionRecord) -> Self {
        match record.kind {
            _ if record.secret => Self::Secret(Secret::new(String::new())),
            Kind::Switch { default } => Self::Switch(default),
            Kind::Integer { default, .. } => Self::Integer(default),
            Kind::Text { default }
            | Kind::Address { default }
            | Kind::Path { default }
            | Kind::Choice { default, .. } => Self::Text(default.to_owned()),
            Kind::Formal { .. } => Self::Text(String::new()),
        }
    }

    /// Checks what somebody typed.
    pub(crate) fn from_text(record: &OptionRecord, text: &str) -> Result<Self, Misfit> {
        Self::from_toml(record, &toml_edit::value(text))
    }

    /// As the file holds it, a secret included.
    pub fn reveal(&self) -> String {
        self.to_toml().to_string()
    }

    /// The value as the file holds it.
    pub(crate) fn to_toml(&self) -> toml_edit::Value {
        match self {
            Self::Switch(on) => i64::from(*on).into(),
            Self::Integer(number) => (*number).into(),
            Self::Secret(text) => text.expose().as_str().into(),
            Self::Text(text) => text.as_str().into(),
        }
    }

    /// Reads and checks what stands in the file.
    pub(crate) fn from_toml(record: &OptionRecord, item: &Item) -> Result<Self, Misfit> {
        match record.kind {
            Kind::Switch { .. } => switch(item).map(Self::Switch).map_err(Misfit::Takes),
            Kind::Integer { unit, min, max, .. } => {
                integer(item, unit, min, max).map_err(Misfit::Takes)
            }
            kind if record.secret => text(kind, item).map(Secret::new).map(Self::Secret),
            kind => text(kind, item).map(Self::Text),
        }
    }
}

/// Why something is no value of an option.
#[derive(Debug)]
pub(crate) enum Misfit {
    /// What would be accepted, behind the name of the option.
    Takes(String),
    /// What is wrong and where, said by the option's own grammar.
    Fault(String),
}

impl Misfit {
    /// The refusal of `found`, which is left out when nobody may see it.
    pub(crate) fn told(&self, name: &str, found: Option<&str>) -> String {
        match (self, found) {
            (Self::Takes(expected), Some(found)) => format!("{name} {expected}, not {found}"),
            (Self::Takes(expected), None) => format!("{name} {expected}"),
            (Self::Fault(_), None) => format!("{name} is not written as it must be"),
            (Self::Fault(fault), Some(_)) => format!("{name}: {fault}"),
        }
    }
}

/// As the file would hold it: texts in quotes, switches as 1 and 0. Of a secret only whether it is set.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret(text) if text.expose().is_empty() => f.write_str("(not set)"),
            Self::Secret(_) => f.write_str("(hidden)"),
            value => value.to_toml().fmt(f),
        }
    }
}

fn switch(item: &Item) -> Result<bool, String> {
    let by_number = match item.as_integer() {
        Some(0) => Some(false),
        Some(1 | ALSO_ON) => Some(true),
        _ => None,
    };
    let by_word = match item.as_str().map(str::to_ascii_lowercase).as_deref() {
        Some("1" | "-1" | "yes" | "true") => Some(true),
        Some("0" | "no" | "false") => Some(false),
        _ => None,
    };
    let found = item.as_bool().or(by_number).or(by_word);
    found.ok_or_else(|| "takes 1 or 0, \"yes\" or \"no\", true or false".to_owned())
}

fn integer(item: &Item, unit: Unit, min: i64, max: i64) -> Result<Value, String> {
    let number = item.as_integer().or_else(|| item.as_str()?.parse().ok());
    let within = number.filter(|n| (min..=max).contains(n));
    let unit = if unit.name().is_empty() { String::new() } else { format!(" {}", unit.name()) };
    within.map(Value::Integer).ok_or_else(|| format!("takes a number from {min} to {max}{unit}"))
}

fn text(kind: Kind, item: &Item) -> Result<String, Misfit> {
    let takes = |expected: &str| Misfit::Takes(expected.to_owned());
    let text = item.as_str().ok_or_else(|| takes("takes a text in quotes"))?;
    check_form(kind, text).map_err(Misfit::Takes)?;
    if let Kind::Choice { choices, .. } = kind
        && let Some(choice) = choices.iter().find(|choice| choice.eq_ignore_ascii_case(text))
    {
        return Ok((*choice).to_owned());
    }
    check_text(kind, text)?;
    Ok(text.to_owned())
}

/// Length and letters. A grammar sees the ends of lines and says itself where they may stand.
fn check_form(kind: Kind, text: &str) -> Result<(), String> {
    let is_formal = matches!(kind, Kind::Formal { .. });
    let (what, most) =
        if is_formal { ("text", MAX_FORMAL_BYTES) } else { ("one line", MAX_TEXT_BYTES) };
    let is_control = |letter: char| letter.is_control() && !(is_formal && letter == '\n');
    if text.len() <= most && !text.chars().any(is_control) {
        return Ok(());
    }
    Err(format!("takes {what} of at most {most} bytes without control characters"))
}

fn check_text(kind: Kind, text: &str) -> Result<(), Misfit> {
    let expected = match kind {
        Kind::Text { default } if text.is_empty() && !default.is_empty() => {
            "must not be empty".to_owned()
        }
        Kind::Address { .. } if !text.is_empty() && text.parse::<IpAddr>().is_err() => {
            "takes an IP address such as 127.0.0.1 or ::1".to_owned()
        }
        Kind::Path { default } if is_no_path(text) && !is_no_path(default) => {
            "takes a path".to_owned()
        }
        Kind::Choice { choices, .. } => format!("takes one of: {}", choices.join(", ")),
        Kind::Formal { grammar } if !text.is_empty() => {
            let fault = |fault| Misfit::Fault(format!("{fault}\n  it is written {}", grammar.form));
            return (grammar.check)(text).map_err(fault);
        }
        _ => return Ok(()),
    };
    Err(Misfit::Takes(expected))
}

fn is_no_path(text: &str) -> bool {
    text.is_empty() || text == "-"
}

/// A type that a handle reads. Implemented here only: a group chooses among these types.
pub trait OptionType: Sized + Default {
    /// The value, or `None` when the option's kind does not fit the type. Tests read every option, so
    /// that no released handle has this fault.
    fn from_value(record: &OptionRecord, value: &Value, folder: &Path) -> Option<Self>;
}

impl OptionType for bool {
    fn from_value(_: &OptionRecord, value: &Value, _: &Path) -> Option<Self> {
        match value {
            Value::Switch(on) => Some(*on),
            _ => None,
        }
    }
}

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl OptionType for $type {
            fn from_value(_: &OptionRecord, value: &Value, _: &Path) -> Option<Self> {
                match value {
                    Value::Integer(number) => Self::try_from(*number).ok(),
                    _ => None,
                }
            }
        }
    )*};
}
integers!(i32, i64, u16, u32, u64, usize);

impl OptionType for Duration {
    fn from_value(record: &OptionRecord, value: &Value, _: &Path) -> Option<Self> {
        match (value, record.kind) {
            (Value::Integer(number), Kind::Integer { unit, .. }) => {
                let number = u64::try_from(*number).ok()?;
                Some(Self::from_secs(number.checked_mul(unit.seconds()?)?))
            }
            _ => None,
        }
    }
}

impl OptionType for String {
    fn from_value(_: &OptionRecord, value: &Value, _: &Path) -> Option<Self> {
        match value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        }
    }
}

/// An empty secret is `None`.
impl OptionType for Option<Secret<String>> {
    fn from_value(_: &OptionRecord, value: &Value, _: &Path) -> Option<Self> {
        match value {
            Value::Secret(text) => {
                Some(Some(text.clone()).filter(|text| !text.expose().is_empty()))
            }
            _ => None,
        }
    }
}

/// An empty text is `None`.
impl OptionType for Option<String> {
    fn from_value(record: &OptionRecord, value: &Value, folder: &Path) -> Option<Self> {
        let text = String::from_value(record, value, folder)?;
        Some(Some(text).filter(|text| !text.is_empty()))
    }
}

/// An empty address is `None`.
impl OptionType for Option<IpAddr> {
    fn from_value(_: &OptionRecord, value: &Value, _: &Path) -> Option<Self> {
        match value {
            Value::Text(text) if text.is_empty() => Some(None),
            Value::Text(text) => text.parse().ok().map(Some),
            _ => None,
        }
    }
}

/// A path that must be there, made absolute by the configuration file's folder.
impl OptionType for PathBuf {
    fn from_value(record: &OptionRecord, value: &Value, folder: &Path) -> Option<Self> {
        Option::<Self>::from_value(record, value, folder).flatten()
    }
}

/// An empty path or `-` is `None`.
impl OptionType for Option<PathBuf> {
    fn from_value(_: &OptionRecord, value: &Value, folder: &Path) -> Option<Self> {
        match value {
            Value::Text(text) if is_no_path(text) => Some(None),
            Value::Text(text) => Some(Some(folder.join(text))),
            _ => None,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::record::Opt;

    /// Whether a handle reads its default and both its bounds.
    pub(crate) fn reads_all<T: OptionType>(handle: &Opt<T>) -> bool {
        let record = &handle.record;
        let mut values = vec![Value::default_of(record)];
        if let Kind::Integer { default, min, max, .. } = record.kind {
            assert!((min..=max).contains(&default), "default of {}", record.full_name());
            values.extend([Value::Integer(min), Value::Integer(max)]);
        }
        if let Kind::Choice { default, choices } = record.kind {
            assert!(choices.contains(&default), "default of {}", record.full_name());
        }
        values.iter().all(|value| T::from_value(record, value, Path::new("/")).is_some())
    }
}
