//! One manual page, as it is put together.

use clap::{Arg, Command};
use clap_mangen::Man;
use roff::{Inline, Roff, bold, roman};

/// A page and its text so far, in the language of `man`.
pub(super) struct Page(Vec<u8>);

impl Page {
    /// A page with its title and name; `section` is that of the manual.
    pub(super) fn new(name: &str, section: &str, names: &str, what: &str) -> Self {
        let version = concat!("Waypost ", env!("CARGO_PKG_VERSION"));
        let mut roff = Roff::new();
        roff.control("TH", [name.to_uppercase().as_str(), section, "", version, "Waypost"]);
        roff.control("SH", ["NAME"]).text([roman(format!("{names} - {what}"))]);
        let mut page = Self(Vec::new());
        page.add(&roff);
        page
    }

    /// Synopsis and options of a program, as its command line has them.
    pub(super) fn command_line(&mut self, command: &Command) -> &mut Self {
        let man = Man::new(command.clone());
        // Writing to memory does not fail.
        man.render_synopsis_section(&mut self.0).unwrap();
        man.render_options_section(&mut self.0).unwrap();
        self
    }

    /// A heading.
    pub(super) fn section(&mut self, title: &str) -> &mut Self {
        self.with(|roff| roff.control("SH", [title]))
    }

    /// A paragraph.
    pub(super) fn paragraph(&mut self, text: &str) -> &mut Self {
        self.with(|roff| roff.control("PP", []).text(inlines(text)))
    }

    /// A term, and what there is to say of it.
    pub(super) fn term(&mut self, term: &str, text: &str) -> &mut Self {
        self.with(|roff| roff.control("TP", []).text([bold(term)]).text(inlines(text)))
    }

    /// A paragraph that belongs to the last term.
    pub(super) fn more(&mut self, text: &str) -> &mut Self {
        self.with(|roff| roff.control("IP", []).text(inlines(text)))
    }

    /// Lines that stay as they are.
    pub(super) fn example(&mut self, text: &str) -> &mut Self {
        self.with(|roff| {
            roff.control("PP", []).control("RS", ["4"]).control("EX", []);
            for line in text.lines() {
                roff.text([roman(line)]);
            }
            roff.control("EE", []).control("RE", [])
        })
    }

    /// What to read next: pages written as `name(8)`.
    pub(super) fn see_also(&mut self, pages: &[&str]) -> String {
        self.section("SEE ALSO");
        let mut line = Vec::new();
        for page in pages {
            let (name, rest) = page.split_at(page.find('(').unwrap_or(page.len()));
            let between = if line.is_empty() { "" } else { ", " };
            line.extend([roman(between), bold(name), roman(rest)]);
        }
        self.with(|roff| roff.text(line));
        String::from_utf8(std::mem::take(&mut self.0)).unwrap()
    }

    fn with(&mut self, write: impl FnOnce(&mut Roff) -> &mut Roff) -> &mut Self {
        let mut roff = Roff::new();
        write(&mut roff);
        self.add(&roff)
    }

    fn add(&mut self, roff: &Roff) -> &mut Self {
        self.0.extend(roff.to_roff().into_bytes());
        self
    }
}

/// Text in which backticks enclose what is typed or shown as it is.
fn inlines(text: &str) -> Vec<Inline> {
    let parts = text.split('`').enumerate();
    parts.map(|(at, part)| if at % 2 == 0 { roman(part) } else { bold(part) }).collect()
}

/// A command with its arguments, on one line.
pub(super) fn usage(command: &Command) -> String {
    let own = command.get_arguments().filter(|arg| !arg.is_hide_set() && !is_everywhere(arg));
    let words: Vec<String> = own.map(argument).collect();
    format!("{} {}", command.get_bin_name().unwrap_or_default(), words.join(" ")).trim().to_owned()
}

/// The arguments that every command takes.
fn is_everywhere(arg: &Arg) -> bool {
    ["config", "help", "version"].contains(&arg.get_id().as_str())
}

fn argument(arg: &Arg) -> String {
    let text = arg.to_string();
    if arg.is_required_set() || text.starts_with('[') { text } else { format!("[{text}]") }
}
