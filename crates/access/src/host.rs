//! Patterns of hosts: addresses, networks, names, and the words that stand for many.

use crate::connection::{Connection, Known, Whose};
use crate::fault::Fault;
use crate::truth::Truth;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest name of a host in bytes (RFC 1035 section 2.3.4), and of one of its parts.
const NAME_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

const NO_HOST: &str = "this is no host name, IP address or network";
const NO_ADDRESS: &str = "this is no IP address; a prefix of one ends in a dot, as 192.0.2.";
const NO_PREFIX: &str =
    "a prefix of an IPv4 address has one to three numbers up to 255, each with a dot";
const NO_NETWORK: &str =
    "a network is written 192.0.2.0/24, 192.0.2.0/255.255.255.0 or 2001:db8::/32";
const STRAY_BITS: &str =
    "the address has bits that the mask takes away, so nothing could match; clear them";
const MAPPED: &str = "write the IPv4 address that this stands for";
const STAR: &str = "`*` stands alone; all hosts of a domain are written .example.com";

/// Which hosts are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HostPattern {
    /// `ALL`, `*`
    All,
    /// `LOCAL`: a name without a dot.
    Local,
    /// `KNOWN`: name and address are known, and lead to each other.
    Known,
    /// `UNKNOWN`: the name or the address is not known.
    Unknown,
    /// `DNSSPOOFER`: it has names, and none leads back to its address.
    Spoofed,
    /// `.example.com`: every name that ends so; with the dot, lower case.
    Suffix(String),
    /// One name, lower case.
    Name(String),
    /// IPv4 addresses that the mask turns into this one.
    V4 { net: u32, mask: u32 },
    /// IPv6 addresses that the mask turns into this one.
    V6 { net: u128, mask: u128 },
}

impl HostPattern {
    /// Reads a word that begins at byte `at` of its text.
    pub(crate) fn parse(word: &str, at: usize) -> Result<Self, Fault> {
        let found = wildcard(word).map_or_else(|| host(word), Ok);
        found.map_err(|what| Fault::new(at, what))
    }

    /// Whether it means the one end of a connection.
    pub(crate) fn matches(&self, connection: &Connection, whose: Whose) -> Truth {
        let end = connection.end(whose);
        match self {
            Self::All => Truth::Yes,
            Self::V4 { .. } | Self::V6 { .. } => {
                end.address().map_or(Truth::Maybe, |address| Truth::from(self.holds(address)))
            }
            _ => match end.names() {
                None => Truth::Ask(whose),
                Some(names) => Truth::from(self.fits(names)),
            },
        }
    }

    fn holds(&self, address: IpAddr) -> bool {
        match (self, address) {
            (Self::V4 { net, mask }, IpAddr::V4(address)) => address.to_bits() & mask == *net,
            (Self::V6 { net, mask }, IpAddr::V6(address)) => address.to_bits() & mask == *net,
            _ => false,
        }
    }

    fn fits(&self, known: &Known) -> bool {
        match (self, known) {
            (Self::Known, Known::Names(_))
            | (Self::Unknown, Known::Unknown)
            | (Self::Spoofed, Known::Spoofed) => true,
            (_, Known::Names(names)) => names.iter().any(|name| self.is_name(name)),
            _ => false,
        }
    }

    fn is_name(&self, name: &str) -> bool {
        match self {
            Self::Local => !name.contains('.'),
            // The suffix begins with its dot, so a longer name has something before it.
            Self::Suffix(suffix) => name.len() > suffix.len() && name.ends_with(suffix),
            Self::Name(own) => own == name,
            _ => false,
        }
    }
}

/// Whether a word stands for everything.
pub(crate) fn is_all(word: &str) -> bool {
    word == "*" || word.eq_ignore_ascii_case("ALL")
}

fn wildcard(word: &str) -> Option<HostPattern> {
    const WORDS: [(&str, HostPattern); 4] = [
        ("LOCAL", HostPattern::Local),
        ("KNOWN", HostPattern::Known),
        ("UNKNOWN", HostPattern::Unknown),
        ("DNSSPOOFER", HostPattern::Spoofed),
    ];
    if is_all(word) {
        return Some(HostPattern::All);
    }
    WORDS.into_iter().find(|(name, _)| word.eq_ignore_ascii_case(name)).map(|(_, pattern)| pattern)
}

fn host(word: &str) -> Result<HostPattern, &'static str> {
    let (word, rest) = unbracketed(word)?;
    if let Some(length) = rest.strip_prefix('/') {
        return network(word, length);
    }
    if let Some((net, mask)) = word.split_once('/') {
        return network(net, mask);
    }
    if let Ok(address) = word.parse::<IpAddr>() {
        return pattern(address, u32::MAX, u128::MAX);
    }
    match word {
        _ if word.contains('*') => Err(STAR),
        _ if word.contains(':') => Err(NO_ADDRESS),
        _ if word.len() > 1 && word.ends_with('.') => prefix(word),
        _ if word.starts_with('.') => {
            name(&word[1..]).map(|name| HostPattern::Suffix(format!(".{name}")))
        }
        _ => name(word).map(HostPattern::Name),
    }
}

/// The word without the brackets that may stand around an IPv6 address, and what follows them.
fn unbracketed(word: &str) -> Result<(&str, &str), &'static str> {
    let Some(inner) = word.strip_prefix('[') else { return Ok((word, "")) };
    let (inner, rest) = inner.split_once(']').ok_or("the bracket is not closed")?;
    let is_fit = inner.parse::<Ipv6Addr>().is_ok() && (rest.is_empty() || rest.starts_with('/'));
    if is_fit { Ok((inner, rest)) } else { Err("brackets hold an IPv6 address") }
}

fn network(net: &str, mask: &str) -> Result<HostPattern, &'static str> {
    let net: IpAddr = net.parse().map_err(|_| NO_NETWORK)?;
    let (v4, v6) = match (net, mask.parse::<Ipv4Addr>(), mask.parse::<u32>()) {
        (IpAddr::V4(_), Ok(mask), _) => (mask.to_bits(), 0),
        (IpAddr::V4(_), _, Ok(length @ 0..=32)) => (ones(length), 0),
        (IpAddr::V6(_), _, Ok(length @ 0..=128)) => {
            (0, u128::MAX.checked_shl(128 - length).unwrap_or_default())
        }
        _ => return Err(NO_NETWORK),
    };
    pattern(net, v4, v6)
}

/// The mask of an IPv4 network with so many leading bits.
fn ones(length: u32) -> u32 {
    u32::MAX.checked_shl(32 - length).unwrap_or_default()
}

/// Refuses what no address could meet.
fn pattern(net: IpAddr, v4: u32, v6: u128) -> Result<HostPattern, &'static str> {
    let (pattern, is_possible) = match net {
        IpAddr::V4(net) => {
            let (net, mask) = (net.to_bits(), v4);
            (HostPattern::V4 { net, mask }, net & mask == net)
        }
        IpAddr::V6(net) if net.to_ipv4_mapped().is_some() => return Err(MAPPED),
        IpAddr::V6(net) => {
            let (net, mask) = (net.to_bits(), v6);
            (HostPattern::V6 { net, mask }, net & mask == net)
        }
    };
    if is_possible { Ok(pattern) } else { Err(STRAY_BITS) }
}

/// `192.0.2.`: the addresses that begin so.
fn prefix(word: &str) -> Result<HostPattern, &'static str> {
    let numbers = word.strip_suffix('.').unwrap_or(word).split('.').map(octet);
    let numbers = numbers.collect::<Option<Vec<u8>>>().ok_or(NO_PREFIX)?;
    let length = match numbers.len() {
        1 => 8,
        2 => 16,
        3 => 24,
        _ => return Err(NO_PREFIX),
    };
    let mut octets = [0; 4];
    octets.iter_mut().zip(numbers).for_each(|(octet, number)| *octet = number);
    Ok(HostPattern::V4 { net: u32::from_be_bytes(octets), mask: ones(length) })
}

fn octet(digits: &str) -> Option<u8> {
    let is_plain = digits.bytes().all(|b| b.is_ascii_digit());
    if is_plain { digits.parse().ok() } else { None }
}

/// The name of a host or a domain, in lower case.
fn name(word: &str) -> Result<String, &'static str> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    let is_label =
        |label: &str| (1..=LABEL_BYTES_MAX).contains(&label.len()) && label.bytes().all(is_plain);
    if word.len() > NAME_BYTES_MAX || !word.split('.').all(is_label) {
        return Err(NO_HOST);
    }
    let last = word.rsplit('.').next().unwrap_or(word);
    if last.bytes().all(|b| b.is_ascii_digit()) {
        return Err(NO_ADDRESS);
    }
    Ok(word.to_ascii_lowercase())
}

#[cfg(test)]
#[path = "host_tests.rs"]
mod tests;
