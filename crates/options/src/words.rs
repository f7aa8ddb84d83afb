//! Checks of texts that clients see or names are cut with: what they hold must make sense on the wire.

use crate::config::Config;
use crate::error::Problem;
use crate::groups::{base, imap, pop};
use crate::record::{Opt, OptionRecord};

/// A greeting is one line; RFC 5321 section 4.5.3.1.5 allows 512 bytes for a reply, and the filled-in parts need some.
const BANNER_BYTES: usize = 400;
/// RFC 1035 section 2.3.4: 255 bytes on the wire.
const HOST_BYTES: usize = 253;
const LABEL_BYTES: usize = 63;
const SEPARATORS: usize = 16;

/// Everything that is written in a way that could not work.
pub(crate) fn check(config: &Config) -> Vec<Problem> {
    let host = config.read(&base::BASE_HOSTNAME).and_then(|name| host_name(&name));
    let domain = domain(&config.read(&base::BASE_DEFAULTDOMAIN));
    let separators = separators(&config.read(&base::BASE_LOGINSEPARATOR));
    let banner = |option: &Opt<String>| banner(&config.read(option));
    let found: [(&OptionRecord, Option<String>); 5] = [
        (&base::BASE_HOSTNAME.record, host),
        (&base::BASE_DEFAULTDOMAIN.record, domain),
        (&base::BASE_LOGINSEPARATOR.record, separators),
        (&imap::IMAP_BANNER.record, banner(&imap::IMAP_BANNER)),
        (&pop::POP_BANNER.record, banner(&pop::POP_BANNER)),
    ];
    let problem = |(record, reason): (&OptionRecord, Option<String>)| {
        let reason = format!("{}: {}", record.full_name(), reason?);
        Some(Problem::new(config.line(record), reason))
    };
    found.into_iter().filter_map(problem).collect()
}

/// What is wrong with the name of a host (RFC 1123 section 2.1).
fn host_name(name: &str) -> Option<String> {
    if name.len() > HOST_BYTES {
        return Some(format!("a host name has at most {HOST_BYTES} characters"));
    }
    let is_label = |label: &str| {
        let inner = |c: u8| c.is_ascii_alphanumeric() || c == b'-';
        (1..=LABEL_BYTES).contains(&label.len())
            && label.bytes().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    (!name.split('.').all(is_label)).then(|| {
        format!(
            "{name:?} is not a host name: parts of letters, digits and hyphens with dots between, such as mail.example.com"
        )
    })
}

/// What is wrong with a domain of users; it may have letters of any script.
fn domain(name: &str) -> Option<String> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || "@/\\\"<>(),;:*".contains(c);
    let is_domain = !name.is_empty()
        && name.len() <= HOST_BYTES
        && !name.contains(odd)
        && name.split('.').all(|part| !part.is_empty());
    (!is_domain).then(|| format!("{name:?} is not a domain, such as example.com"))
}

/// What is wrong with the characters that separate uid and domain.
fn separators(text: &str) -> Option<String> {
    if text.is_empty() || text.chars().count() > SEPARATORS {
        return Some(format!("1 to {SEPARATORS} characters, such as @ or @+"));
    }
    let odd = text.chars().find(|c| c.is_alphanumeric() || c.is_whitespace() || c.is_control())?;
    Some(format!("{odd:?} cannot separate: it is a letter, a digit or not to be seen in a name"))
}

/// What is wrong with the text of a greeting.
fn banner(text: &str) -> Option<String> {
    if text.trim().is_empty() {
        return Some("a greeting cannot be empty; %h alone says the least".to_owned());
    }
    (text.len() > BANNER_BYTES).then(|| format!("a greeting has at most {BANNER_BYTES} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_are_those_of_the_dns() {
        for good in ["mail", "mail.example.com", "a-1.example", "1.example", &"a".repeat(63)] {
            assert_eq!(host_name(good), None, "{good}");
        }
        let long = ["a".repeat(63).as_str(); 4].join(".");
        for bad in ["", ".", "a..b", "a b", "-a", "a-", "a_b", "ä.example", "a\r\nb", &long] {
            assert!(host_name(bad).is_some(), "{bad}");
        }
        assert!(host_name(&"a".repeat(64)).is_some());
    }

    #[test]
    fn a_default_domain_is_one_domain() {
        for good in ["localhost", "example.com", "bücher.example"] {
            assert_eq!(domain(good), None, "{good}");
        }
        for bad in ["", "@example.com", "a b", "a,b", "example.com.", ".example", "a\nb"] {
            assert!(domain(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn separators_are_no_part_of_names() {
        for good in ["@", "@+", "+", "%!", "@-."] {
            assert_eq!(separators(good), None, "{good}");
        }
        for bad in ["", "a", "@1", "@ ", "@\n", &"@".repeat(17)] {
            assert!(separators(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn a_greeting_says_something_and_fits() {
        assert_eq!(banner("%h %p service"), None);
        for bad in ["", "  ", &"a".repeat(401)] {
            assert!(banner(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn the_configuration_names_option_and_line() {
        let config = Config::from_str("[base]\nhostname = \"a b\"\n[imap]\nbanner = \" \"\n");
        let text = config.err().unwrap().to_string();
        assert!(text.contains("base.hostname: \"a b\" is not a host name"), "{text}");
        assert!(text.contains("imap.banner: a greeting cannot be empty"), "{text}");
    }
}
