//! The scanner: functions and banned calls, read from tokens.
//!
//! Tokens rather than lines, so that text in strings and comments is never mistaken for code; tokens
//! rather than a syntax tree, so that what stands inside a macro call is seen too.

use super::finding::{Finding, Rule};
use super::lengths::Function;
use super::source::Source;
use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use std::collections::HashSet;

/// What the scanner found in one file.
#[derive(Debug, Default)]
pub(crate) struct Scanned {
    /// Every function with a body.
    pub(crate) functions: Vec<Function>,
    /// Every banned call.
    pub(crate) findings: Vec<Finding>,
    /// The handles of options that are declared outside tests, and their lines.
    pub(crate) handles: Vec<(String, usize)>,
    /// Names of constants in code that is no test.
    pub(crate) constants: HashSet<String>,
}

/// Calls `TYPE::function` that read a clock.
const CLOCK_CALLS: [(&str, &str); 6] = [
    ("Instant", "now"),
    ("SystemTime", "now"),
    ("OffsetDateTime", "now_utc"),
    ("OffsetDateTime", "now_local"),
    ("Utc", "now"),
    ("Local", "now"),
];

/// The call that a driver makes to learn the time; protocol code is told.
const DRIVER_CLOCK: (&str, &str) = ("Moment", "now");

/// Types that protocol code must not know.
const SOCKET_TYPES: [&str; 6] =
    ["TcpListener", "TcpStream", "UdpSocket", "UnixDatagram", "UnixListener", "UnixStream"];

/// Macros that write to the program's output.
const PRINT_MACROS: [&str; 5] = ["println", "print", "eprintln", "eprint", "dbg"];

/// Macros that stand for work not done.
const TODO_MACROS: [&str; 2] = ["todo", "unimplemented"];

/// The macro that declares options.
const OPTIONS_MACRO: &str = "options";

/// Scans a file; the error says where it is not Rust.
pub(crate) fn scan(source: &Source) -> Result<Scanned, Finding> {
    let tokens: TokenStream = source.text.parse().map_err(|error: proc_macro2::LexError| {
        let line = error.span().start().line;
        Finding::new(&source.path, line, Rule::Syntax, format!("not Rust: {error}"))
    })?;
    let mut scanner = Scanner { source, scanned: Scanned::default() };
    scanner.walk(tokens, source.is_test());
    Ok(scanner.scanned)
}

struct Scanner<'a> {
    source: &'a Source,
    scanned: Scanned,
}

impl Scanner<'_> {
    /// Walks the tokens of one group. `in_test` says that they are compiled for tests only.
    fn walk(&mut self, stream: TokenStream, in_test: bool) {
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        let mut in_test = in_test;
        let mut item_is_test = false;
        for at in 0..tokens.len() {
            let rest = &tokens[at..];
            match attribute(rest) {
                Some(Attribute::TestItem) => item_is_test = true,
                Some(Attribute::TestModule) => in_test = true,
                Some(Attribute::Ignore(span)) => self.report_ignore(span),
                None => {}
            }
            self.look(rest, in_test || item_is_test);
            if let TokenTree::Group(group) = &tokens[at] {
                self.walk(group.stream(), in_test || item_is_test);
            }
            item_is_test &= !ends_item(&tokens[at]);
        }
    }

    /// Looks at what begins with the first token.
    fn look(&mut self, rest: &[TokenTree], in_test: bool) {
        self.scanned.functions.extend(function(rest));
        let Some(TokenTree::Ident(ident)) = rest.first() else {
            if elapsed_call(rest) && !in_test {
                self.report_clock(rest[0].span());
            }
            return;
        };
        let (name, span) = (ident.to_string(), ident.span());
        if !in_test && is_constant(&name) {
            self.scanned.constants.insert(name.clone());
        }
        match path_call(rest) {
            Some(next) if self.reads_clock(&name, &next) && !in_test => self.report_clock(span),
            Some(next) if name == "process" && next == "exit" => self.report_exit(span),
            _ => {}
        }
        match name.as_str() {
            "unsafe" => self.report_unsafe(span),
            socket if SOCKET_TYPES.contains(&socket) && !in_test => self.report_socket(span),
            OPTIONS_MACRO if macro_call(rest) && !in_test => {
                self.scanned.handles.extend(rest.get(2).map(declared).unwrap_or_default());
            }
            macro_name if macro_call(rest) => self.look_at_macro(macro_name, span, in_test),
            _ => {}
        }
    }

    fn look_at_macro(&mut self, name: &str, span: Span, in_test: bool) {
        if TODO_MACROS.contains(&name) {
            self.report(span, Rule::Todo, format!("`{name}!` stands for missing work: do it"));
        }
        if PRINT_MACROS.contains(&name) && self.source.is_library() && !in_test {
            let message = format!("`{name}!` in a library: log by `tracing`, or return the text");
            self.report(span, Rule::Print, message);
        }
    }

    fn reads_clock(&self, type_name: &str, function: &str) -> bool {
        let call = (type_name, function);
        CLOCK_CALLS.contains(&call) || (call == DRIVER_CLOCK && self.source.is_protocol())
    }

    fn report_socket(&mut self, span: Span) {
        if self.source.is_protocol() {
            let message =
                "protocol code owns no socket: take bytes from `Io`, the loop in `net` reads";
            self.report(span, Rule::Socket, message.to_owned());
        }
    }

    fn report_clock(&mut self, span: Span) {
        let message =
            "reads a clock: take `now: Moment` as an argument; drivers call `Moment::now`";
        self.report(span, Rule::Clock, message.to_owned());
    }

    fn report_exit(&mut self, span: Span) {
        if !self.source.is_main() {
            let message = "ends the process: return an error, `main` gives the exit code";
            self.report(span, Rule::Exit, message.to_owned());
        }
    }

    fn report_unsafe(&mut self, span: Span) {
        let message = "`unsafe`: find a safe way, or list this file with its reason";
        self.report(span, Rule::Unsafe, message.to_owned());
    }

    fn report_ignore(&mut self, span: Span) {
        let message = "a test that is never run proves nothing: mend it or remove it";
        self.report(span, Rule::Ignore, message.to_owned());
    }

    fn report(&mut self, span: Span, rule: Rule, message: String) {
        let line = span.start().line;
        self.scanned.findings.push(Finding::new(&self.source.path, line, rule, message));
    }
}

/// The handles in the body of the macro that declares options: what begins a declaration, before a colon.
fn declared(body: &TokenTree) -> Vec<(String, usize)> {
    let TokenTree::Group(body) = body else { return Vec::new() };
    let tokens: Vec<TokenTree> = body.stream().into_iter().collect();
    let handles = tokens.windows(3).filter_map(|window| match window {
        [before, TokenTree::Ident(name), colon] if punct(colon, ':') => {
            let begins = punct(before, ';') || matches!(before, TokenTree::Group(_));
            begins.then(|| (name.to_string(), name.span().start().line))
        }
        _ => None,
    });
    handles.collect()
}

/// Whether a name is written as constants are.
fn is_constant(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    name.len() > 1 && name.bytes().all(plain)
}

/// The attributes that the scanner cares for.
enum Attribute {
    /// `#[test]`, `#[tokio::test]`, `#[cfg(test)]`: the item that follows is test code.
    TestItem,
    /// `#![cfg(test)]`: all around it is test code.
    TestModule,
    /// `#[ignore]`.
    Ignore(Span),
}

fn attribute(rest: &[TokenTree]) -> Option<Attribute> {
    if !punct(rest.first()?, '#') {
        return None;
    }
    let inner = punct(rest.get(1)?, '!');
    let TokenTree::Group(group) = rest.get(1 + usize::from(inner))? else { return None };
    if group.delimiter() != Delimiter::Bracket {
        return None;
    }
    let idents = all_idents(group.stream());
    let names: Vec<String> = idents.iter().map(ToString::to_string).collect();
    let cfg_test = names.first().is_some_and(|first| first == "cfg")
        && names.iter().any(|name| name == "test")
        && names.iter().all(|name| name != "not");
    let ignore = names.iter().position(|name| name == "ignore");
    match (cfg_test, inner) {
        (true, true) => Some(Attribute::TestModule),
        (true, false) => Some(Attribute::TestItem),
        _ if own_name(group).is_some_and(|name| name == "test") => Some(Attribute::TestItem),
        _ => ignores(group, &names).then(|| Attribute::Ignore(idents[ignore.unwrap_or(0)].span())),
    }
}

/// Whether an attribute is `ignore`, plain or by `cfg_attr`.
fn ignores(group: &Group, names: &[String]) -> bool {
    let conditional = names.first().is_some_and(|first| first == "cfg_attr");
    own_name(group).is_some_and(|name| name == "ignore")
        || (conditional && names.iter().any(|name| name == "ignore"))
}

/// The last identifier of an attribute's path: `test` in `tokio::test(flavor = "...")`.
fn own_name(group: &Group) -> Option<String> {
    let path = group.stream().into_iter().take_while(|token| match token {
        TokenTree::Ident(_) => true,
        TokenTree::Punct(punct) => punct.as_char() == ':',
        _ => false,
    });
    let idents = path.filter_map(|token| match token {
        TokenTree::Ident(ident) => Some(ident.to_string()),
        _ => None,
    });
    idents.last()
}

fn all_idents(stream: TokenStream) -> Vec<Ident> {
    let mut idents = Vec::new();
    for token in stream {
        match token {
            TokenTree::Ident(ident) => idents.push(ident),
            TokenTree::Group(group) => idents.extend(all_idents(group.stream())),
            _ => {}
        }
    }
    idents
}

/// The function that begins with the first token, if it has a name and a body.
fn function(rest: &[TokenTree]) -> Option<Function> {
    let (TokenTree::Ident(keyword), TokenTree::Ident(name)) = (rest.first()?, rest.get(1)?) else {
        return None;
    };
    if keyword != "fn" {
        return None;
    }
    let line = keyword.span().start().line;
    let end = body(rest)?.span_close().end().line;
    Some(Function { name: name.to_string(), line, lines: end + 1 - line })
}

/// The body of a function: the first braces before a semicolon that are no const argument `<{ N }>`.
fn body(rest: &[TokenTree]) -> Option<&Group> {
    for at in 2..rest.len() {
        match &rest[at] {
            TokenTree::Punct(punct) if punct.as_char() == ';' => return None,
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                let opened = punct(&rest[at - 1], '<');
                let closed = rest.get(at + 1).is_some_and(|next| punct(next, '>'));
                if !opened && !closed {
                    return Some(group);
                }
            }
            _ => {}
        }
    }
    None
}

/// `b` of a path `a::b` that begins with the first token.
fn path_call(rest: &[TokenTree]) -> Option<String> {
    match rest.get(1..4)? {
        [first, second, TokenTree::Ident(name)] if punct(first, ':') && punct(second, ':') => {
            Some(name.to_string())
        }
        _ => None,
    }
}

/// `.elapsed()`: an `Instant` that asks the clock by itself.
fn elapsed_call(rest: &[TokenTree]) -> bool {
    match rest.get(..3) {
        Some([dot, TokenTree::Ident(name), TokenTree::Group(group)]) => {
            punct(dot, '.') && name == "elapsed" && group.stream().is_empty()
        }
        _ => false,
    }
}

/// Whether the first token is a macro that is called: `name!` with brackets, not `name != x`.
fn macro_call(rest: &[TokenTree]) -> bool {
    rest.get(1).is_some_and(|token| punct(token, '!'))
        && matches!(rest.get(2), Some(TokenTree::Group(_)))
}

fn punct(token: &TokenTree, wanted: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == wanted)
}

fn ends_item(token: &TokenTree) -> bool {
    match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        other => punct(other, ';'),
    }
}

#[cfg(test)]
#[path = "scan_tests.rs"]
mod tests;
