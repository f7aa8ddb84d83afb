//! Lines of JSON (RFC 8259) for programs that read a tool's answer: flat objects, one a line.

use std::fmt::Write as _;

/// An object being written.
pub(super) struct Object(String);

impl Object {
    pub(super) fn new() -> Self {
        Self("{".to_owned())
    }

    fn name(&mut self, name: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.string(name);
        self.0.push(':');
    }

    /// Adds a text.
    pub(super) fn text(&mut self, name: &str, value: &str) -> &mut Self {
        self.name(name);
        self.string(value);
        self
    }

    /// Adds a number, when there is one.
    pub(super) fn number(&mut self, name: &str, value: Option<u64>) -> &mut Self {
        if let Some(value) = value {
            self.name(name);
            let _infallible = write!(self.0, "{value}");
        }
        self
    }

    /// The line.
    pub(super) fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }

    fn string(&mut self, text: &str) {
        self.0.push('"');
        for letter in text.chars() {
            match letter {
                '"' | '\\' => self.0.extend(['\\', letter]),
                letter if letter.is_control() => {
                    // Control characters of Unicode lie below 0x10000: one unit each.
                    let _infallible = write!(self.0, "\\u{:04x}", u32::from(letter));
                }
                letter => self.0.push(letter),
            }
        }
        self.0.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_escaped_and_absent_numbers_left_out() {
        let mut line = Object::new();
        line.text("a\"", "x\\y\n\u{85}ü").number("n", None).number("m", Some(7));
        assert_eq!(line.end(), r#"{"a\"":"x\\y\u000a\u0085ü","m":7}"#);
    }
}
