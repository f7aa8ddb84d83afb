//! HTML to the plain text of a preview: tags, comments and style sheets removed.

/// Elements whose content is not for reading.
const HIDDEN: [&str; 5] = ["head", "style", "script", "template", "title"];
/// Characters of a character reference, from `&` to `;`.
const REFERENCE_CHARS_MAX: usize = 10;

/// The readable text of a piece of HTML, which may end anywhere. Every tag counts as white space
/// unless it only marks up characters.
pub(crate) fn html_text(html: &str) -> String {
    let mut out = String::with_capacity(html.len() / 2);
    let mut rest = html;
    while let Some(at) = rest.find(['<', '&']) {
        let (text, tail) = rest.split_at(at);
        out.push_str(text);
        rest = if tail.starts_with('<') {
            skip_tag(tail, &mut out)
        } else {
            reference(tail, &mut out)
        };
    }
    out.push_str(rest);
    out
}

/// Skips the tag, comment or hidden element at the start of `html`.
fn skip_tag<'a>(html: &'a str, out: &mut String) -> &'a str {
    if let Some(comment) = html.strip_prefix("<!--") {
        return after(comment, "-->");
    }
    let inner = html.get(1..).unwrap_or_default();
    if !inner.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')) {
        out.push('<');
        return inner;
    }
    let name_end = inner
        .char_indices()
        .find(|(at, c)| !(c.is_ascii_alphanumeric() || (*at == 0 && *c == '/')))
        .map_or(inner.len(), |(at, _)| at);
    let name = inner.get(..name_end).unwrap_or_default().to_ascii_lowercase();
    if !matches!(
        name.trim_start_matches('/'),
        "b" | "i" | "u" | "em" | "strong" | "span" | "a" | "font"
    ) {
        out.push(' ');
    }
    let rest = after(inner, ">");
    if HIDDEN.contains(&name.as_str()) { skip_element(rest, &name) } else { rest }
}

fn skip_element<'a>(html: &'a str, name: &str) -> &'a str {
    let mut rest = html;
    loop {
        rest = after(rest, "</");
        let closes = rest.get(..name.len()).is_some_and(|n| n.eq_ignore_ascii_case(name));
        if rest.is_empty() || closes {
            return after(rest, ">");
        }
    }
}

fn after<'a>(text: &'a str, mark: &str) -> &'a str {
    text.split_once(mark).map_or("", |(_, rest)| rest)
}

/// Decodes the character reference at the start of `html`; a lone `&` stands for itself.
fn reference<'a>(html: &'a str, out: &mut String) -> &'a str {
    let end = html.bytes().take(REFERENCE_CHARS_MAX).position(|b| b == b';');
    let known = end.and_then(|end| {
        let c = referenced(html.get(1..end)?)?;
        Some((c, html.get(end + 1..)?))
    });
    match known {
        Some((c, rest)) => {
            out.push(c);
            rest
        }
        None => {
            out.push('&');
            html.get(1..).unwrap_or_default()
        }
    }
}

fn referenced(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(digits) => u32::from_str_radix(digits, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code);
    }
    NAMED.iter().find(|(known, _)| *known == name).map(|(_, c)| *c)
}

/// The references mail is likely to hold in its first words.
const NAMED: [(&str, char); 48] = [
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("nbsp", ' '),
    ("shy", '\u{ad}'),
    ("zwnj", '\u{200c}'),
    ("zwj", '\u{200d}'),
    ("copy", '©'),
    ("reg", '®'),
    ("trade", '™'),
    ("hellip", '…'),
    ("ndash", '–'),
    ("mdash", '—'),
    ("lsquo", '‘'),
    ("rsquo", '’'),
    ("sbquo", '‚'),
    ("ldquo", '“'),
    ("rdquo", '”'),
    ("bdquo", '„'),
    ("laquo", '«'),
    ("raquo", '»'),
    ("bull", '•'),
    ("middot", '·'),
    ("euro", '€'),
    ("pound", '£'),
    ("auml", 'ä'),
    ("ouml", 'ö'),
    ("uuml", 'ü'),
    ("Auml", 'Ä'),
    ("Ouml", 'Ö'),
    ("Uuml", 'Ü'),
    ("szlig", 'ß'),
    ("agrave", 'à'),
    ("aacute", 'á'),
    ("acirc", 'â'),
    ("ccedil", 'ç'),
    ("egrave", 'è'),
    ("eacute", 'é'),
    ("Eacute", 'É'),
    ("ecirc", 'ê'),
    ("iacute", 'í'),
    ("ntilde", 'ñ'),
    ("oacute", 'ó'),
    ("ocirc", 'ô'),
    ("oslash", 'ø'),
    ("uacute", 'ú'),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_hidden_elements_go() {
        let html = "<html><HEAD><title>t</title></head><style>p{}</style>a<b>b</b><p>c<!-- > -->d";
        assert_eq!(html_text(html).split_whitespace().collect::<Vec<_>>(), ["ab", "cd"]);
        assert_eq!(
            html_text("1 < 2 &amp; &#65;&#x42;&bogus; & &#xffffffff;").trim_end(),
            "1 < 2 & AB&bogus; & &#xffffffff;"
        );
    }

    #[test]
    fn ends_anywhere() {
        for html in ["<", "<a", "<!--", "<style>x", "&", "&#", "&#x", "</", "<é", "<style></é"] {
            html_text(html);
        }
        assert_eq!(html_text("<style>x</é"), " ");
    }
}
