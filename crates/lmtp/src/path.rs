//! Reverse and forward paths (RFC 5321 section 4.1.2, RFC 6531 section 3.3).

/// The longest path in bytes, angle brackets excluded (RFC 5321 section 4.5.3.1.3: 256 octets; more
/// for addresses in UTF-8).
pub(crate) const PATH_BYTES: usize = 512;

/// A parsed path and what follows it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Path<'a> {
    /// The address, its local part unquoted; empty for the null reverse-path.
    pub(crate) address: String,
    /// The parameters after it.
    pub(crate) parameters: &'a str,
}

/// Why a path is refused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PathError {
    /// No `<...>`, or something wrong inside.
    Syntax,
    /// Over [`PATH_BYTES`].
    Length,
}

/// Parses `<path> parameters`. A source route is dropped (RFC 5321 appendix C).
pub(crate) fn parse(text: &str) -> Result<Path<'_>, PathError> {
    let inner = text.trim_start().strip_prefix('<').ok_or(PathError::Syntax)?;
    let end = closing(inner).ok_or(PathError::Syntax)?;
    let (path, rest) = (&inner[..end], &inner[end + 1..]);
    if path.len() > PATH_BYTES {
        return Err(PathError::Length);
    }
    if !rest.is_empty() && !rest.starts_with(' ') {
        return Err(PathError::Syntax);
    }
    let path = match path.strip_prefix('@') {
        Some(route) => route.split_once(':').ok_or(PathError::Syntax)?.1,
        None => path,
    };
    Ok(Path { address: address(path)?, parameters: rest.trim() })
}

/// The place of the `>` that ends the path: the first one outside quotes.
fn closing(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '>' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

fn address(path: &str) -> Result<String, PathError> {
    if path.is_empty() {
        return Ok(String::new());
    }
    let (local, domain) = match path.strip_prefix('"') {
        Some(rest) => quoted(rest)?,
        None => {
            let (local, domain) = path.rsplit_once('@').unwrap_or((path, ""));
            (local.to_owned(), domain)
        }
    };
    let bad = |c: char| c.is_control() || c.is_whitespace() || "<>()[]\\,;\"".contains(c);
    let domain_bad = |c: char| bad(c) && c != '[' && c != ']';
    let unquoted_bad = !path.starts_with('"') && local.contains(bad);
    if local.is_empty() || local.contains(char::is_control) || unquoted_bad {
        return Err(PathError::Syntax);
    }
    if domain.contains(domain_bad) {
        return Err(PathError::Syntax);
    }
    Ok(if domain.is_empty() { local } else { format!("{local}@{domain}") })
}

/// Unquotes a local part that began with `"`; gives it and the domain.
fn quoted(rest: &str) -> Result<(String, &str), PathError> {
    let mut local = String::new();
    let mut chars = rest.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                let domain = rest[at + 1..].strip_prefix('@').ok_or(PathError::Syntax)?;
                return Ok((local, domain));
            }
            '\\' => local.push(chars.next().ok_or(PathError::Syntax)?.1),
            c => local.push(c),
        }
    }
    Err(PathError::Syntax)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ok(text: &str) -> (String, &str) {
        let path = parse(text).expect("a path");
        (path.address, path.parameters)
    }

    #[test]
    fn paths_of_every_form_are_read() {
        assert_eq!(ok("<>"), (String::new(), ""));
        assert_eq!(ok("<a@b.c> SIZE=1"), ("a@b.c".to_owned(), "SIZE=1"));
        assert_eq!(ok("<@r1,@r2:a@b.c>").0, "a@b.c");
        assert_eq!(ok(r#"<"a >b\"c"@d>"#).0, "a >b\"c@d");
        assert_eq!(ok("<jürgen@müller.example>").0, "jürgen@müller.example");
        assert_eq!(ok("<alice>").0, "alice");
    }

    #[test]
    fn bad_paths_are_refused() {
        for bad in ["", "a@b", "<a@b", "<a@b>x", "<a b@c>", "<\"a@b>", "<a@b c>", "<@x>"] {
            assert_eq!(parse(bad), Err(PathError::Syntax), "{bad}");
        }
        let long = format!("<{}@b>", "a".repeat(PATH_BYTES));
        assert_eq!(parse(&long), Err(PathError::Length));
    }
}
