//! The text of one file while options in it are changed: comments, order and ways of writing stay.

use crate::record::Place;
use crate::value::Value;
use toml_edit::{DocumentMut, InlineTable, Item, Table, TableLike};

/// A file's text, taken apart.
#[derive(Clone)]
pub(crate) struct Sheet {
    document: DocumentMut,
}

impl Sheet {
    /// Takes a text apart; the error is what the parser says.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let parsed = text.parse::<DocumentMut>();
        let document = parsed.map_err(|error| error.message().trim().replace('\n', "; "))?;
        Ok(Self { document })
    }

    /// The text now.
    pub(crate) fn text(&self) -> String {
        self.document.to_string()
    }

    /// Sets an option; what surrounds an old value stays.
    pub(crate) fn set(&mut self, place: &Place, value: &Value) -> Result<(), String> {
        let mut value = value.to_toml();
        let table = self.table(place)?;
        let name = place.record.name;
        if let Some(old) = table.get(name).and_then(Item::as_value) {
            *value.decor_mut() = old.decor().clone();
        }
        match table.get_mut(name) {
            Some(item) => *item = Item::Value(value),
            None => {
                table.insert(name, Item::Value(value));
            }
        }
        Ok(())
    }

    /// Takes an option out.
    pub(crate) fn unset(&mut self, place: &Place) -> Result<(), String> {
        self.table(place)?.remove(place.record.name);
        Ok(())
    }

    /// The table of an option, made where it is missing.
    fn table(&mut self, place: &Place) -> Result<&mut dyn TableLike, String> {
        let keys = place.tables();
        if !self.document.contains_key(&keys[0]) {
            self.add_group(&keys);
        }
        let (mut form, mut item) = (Form::Header, self.document.as_item_mut());
        for key in &keys {
            item = step(item, key, form)
                .ok_or_else(|| format!("`{key}` is not a group in the file"))?;
            form = Form::of(item);
        }
        let table = item.as_table_like_mut();
        table.ok_or_else(|| format!("`{}` is not a group in the file", place.record.group))
    }

    /// Adds a group at the end of the file, also behind the comments that stand there.
    fn add_group(&mut self, keys: &[String]) {
        let end = self.document.trailing().as_str().unwrap_or_default().to_owned();
        let gap = if self.document.is_empty() && end.is_empty() { "" } else { "\n" };
        let mut table = Table::new();
        table.decor_mut().set_prefix(format!("{end}{gap}"));
        for key in keys.iter().skip(1).rev() {
            let mut above = Table::new();
            above.set_implicit(true);
            above.insert(key, Item::Table(table));
            table = above;
        }
        self.document.set_trailing("");
        self.document.insert(&keys[0], Item::Table(table));
    }
}

/// How a table is written, and so those that are made in it.
#[derive(Clone, Copy)]
enum Form {
    /// `[a]`
    Header,
    /// `a.b = 1`
    Dotted,
    /// `a = { b = 1 }`
    Inline,
}

impl Form {
    fn of(item: &Item) -> Self {
        match item.as_table() {
            Some(table) if table.is_dotted() => Self::Dotted,
            Some(_) => Self::Header,
            None => Self::Inline,
        }
    }

    fn table(self) -> Item {
        let mut table = Table::new();
        match self {
            Self::Inline => return Item::Value(InlineTable::new().into()),
            Self::Dotted => table.set_dotted(true),
            Self::Header => table.decor_mut().set_prefix("\n"),
        }
        Item::Table(table)
    }
}

/// The table of a key, made in the form of the one it is in.
fn step<'a>(item: &'a mut Item, key: &str, form: Form) -> Option<&'a mut Item> {
    let table = item.as_table_like_mut()?;
    if !table.contains_key(key) {
        table.insert(key, form.table());
    }
    table.get_mut(key)
}
