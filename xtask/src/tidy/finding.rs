//! What tidy has to say about one line.

use std::fmt;

/// A rule by the name it has in messages and in the exceptions file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rule {
    /// Reads a clock outside the places that own one.
    Clock,
    /// Ends the process outside a `main.rs`.
    Exit,
    /// An entry of the exceptions file that excuses nothing.
    Exception,
    /// A file over the limit of lines.
    FileLength,
    /// A function over the limit of lines.
    FunctionLength,
    /// A promise of the administrator's guide that no test holds, or a page that is out of date.
    Guide,
    /// A test that is never run.
    Ignore,
    /// A link to a file that is not there.
    Link,
    /// A manifest without its tier or the workspace's lints.
    Manifest,
    /// A note of unfinished work without the number of its issue.
    Marker,
    /// An option that nothing acts on.
    Option,
    /// Prints from a library.
    Print,
    /// A module without its purpose line.
    Purpose,
    /// A row of `docs/rfc.tsv` that says nothing checkable.
    Rfc,
    /// A socket in protocol code.
    Socket,
    /// A source file that is not Rust.
    Syntax,
    /// A dependency that does not point down.
    Tier,
    /// A macro that stands for missing work.
    Todo,
    /// `unsafe` outside the listed files.
    Unsafe,
}

impl Rule {
    /// The rules that an argued exception may excuse. Tiers are not among them: an arrow that points
    /// up is a flaw of the layout, never of one place.
    pub(crate) const EXCUSABLE: [Self; 7] = [
        Self::Clock,
        Self::Exit,
        Self::FileLength,
        Self::FunctionLength,
        Self::Marker,
        Self::Print,
        Self::Unsafe,
    ];

    /// The rule's name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Clock => "clock",
            Self::Exit => "exit",
            Self::Exception => "exception",
            Self::FileLength => "file-length",
            Self::FunctionLength => "function-length",
            Self::Guide => "guide",
            Self::Ignore => "ignore",
            Self::Link => "link",
            Self::Manifest => "manifest",
            Self::Marker => "marker",
            Self::Option => "option",
            Self::Print => "print",
            Self::Purpose => "purpose",
            Self::Rfc => "rfc",
            Self::Socket => "socket",
            Self::Syntax => "syntax",
            Self::Tier => "tier",
            Self::Todo => "todo",
            Self::Unsafe => "unsafe",
        }
    }
}

/// One failure. The order of the fields is the order in which failures are printed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// The file from the workspace's root, `/` between its parts.
    pub(crate) path: String,
    /// The line, counted from 1.
    pub(crate) line: usize,
    /// The rule that is broken.
    pub(crate) rule: Rule,
    /// The function that breaks it, where an exception may name one.
    pub(crate) item: Option<String>,
    /// What is wrong and what to do.
    pub(crate) message: String,
}

impl Finding {
    /// A failure without a named function.
    pub(crate) fn new(path: &str, line: usize, rule: Rule, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, rule, item: None, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.path, self.line, self.rule.name(), self.message)
    }
}
