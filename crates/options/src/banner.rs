//! The greeting text of POP and IMAP with its substitutions.

/// What the substitutions stand for.
#[derive(Debug, Clone, Copy)]
pub struct Banner<'a> {
    /// `%h`: the host name.
    pub host: &'a str,
    /// `%p`: the protocol, `POP` or `IMAP`.
    pub protocol: &'a str,
    /// `%P`: the product.
    pub product: &'a str,
    /// `%v`: the version in short.
    pub version: &'a str,
    /// `%V`: the version in full.
    pub long_version: &'a str,
}

/// Fills in a template. `%%` is a percent sign; an unknown code stays as it is.
pub fn expand_banner(template: &str, banner: &Banner<'_>) -> String {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find('%') {
        text.push_str(&rest[..at]);
        let code = rest[at + 1..].chars().next();
        let known = match code {
            Some('h') => banner.host,
            Some('p') => banner.protocol,
            Some('P') => banner.product,
            Some('v') => banner.version,
            Some('V') => banner.long_version,
            Some('%') => "%",
            _ => {
                text.push('%');
                rest = &rest[at + 1..];
                continue;
            }
        };
        text.push_str(known);
        // The percent sign and its code, one byte each.
        rest = &rest[at + 2..];
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_filled_in_and_others_stay() {
        let banner = Banner {
            host: "h.example",
            protocol: "POP",
            product: "Waypost",
            version: "0.1",
            long_version: "0.1.0",
        };
        let expand = |template| expand_banner(template, &banner);
        assert_eq!(expand("%h %p service (%P %V)"), "h.example POP service (Waypost 0.1.0)");
        assert_eq!(expand("%v 100%% %x %é %"), "0.1 100% %x %é %");
        assert_eq!(expand(""), "");
    }
}
