//! How many connections an address may have: `192.0.2.0/24:50, *:20`.

use crate::record::{Grammar, OptionRecord, point_at};
use crate::value::{OptionType, Value};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

/// The most ranges of one option.
const RANGES_MAX: usize = 64;
/// Stands for every address.
const EVERYBODY: &str = "*";

/// Limits of connections by ranges of addresses; of those that hold an address the smallest counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConnLimits {
    ranges: Vec<Range>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Range {
    /// `None` holds every address of both families.
    network: Option<IpAddr>,
    prefix: u32,
    most: u64,
}

impl ConnLimits {
    /// How it is written.
    pub(crate) const GRAMMAR: Grammar = Grammar {
        form: "ADDRESS[/PREFIX]:COUNT[,...], * for every address",
        check: |text| Self::parse(text).map(|_| ()),
    };

    /// The most connections that an address may have; `None` for as many as it likes.
    pub fn limit(&self, address: IpAddr) -> Option<u64> {
        let address = address.to_canonical();
        let holding = self.ranges.iter().filter(|range| range.holds(address));
        holding.max_by_key(|range| range.network.map(|_| range.prefix)).map(|range| range.most)
    }

    /// Whether there is no limit at all.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut ranges = Vec::new();
        let mut rest = text;
        while !rest.trim_start_matches(is_gap).is_empty() {
            let word = rest.trim_start_matches(is_gap);
            let at = text.len() - word.len();
            let end = word.find(is_gap).unwrap_or(word.len());
            let range = Range::parse(&word[..end]).map_err(|what| point_at(text, at, what))?;
            if ranges.len() == RANGES_MAX {
                return Err(point_at(text, at, "there are too many ranges; 64 at most"));
            }
            ranges.push(range);
            rest = &word[end..];
        }
        Ok(Self { ranges })
    }
}

fn is_gap(letter: char) -> bool {
    letter == ',' || letter.is_whitespace()
}

impl Range {
    /// `ADDRESS:COUNT`, `ADDRESS/PREFIX:COUNT`, `ADDRESS|MASK:COUNT` (IPv4) or `*:COUNT`.
    fn parse(text: &str) -> Result<Self, &'static str> {
        let (range, most) = text.rsplit_once(':').ok_or("a colon and a count are missing here")?;
        let most = most.parse().ok().filter(|most| *most > 0);
        let most = most.ok_or("the count after the last colon must be a number above 0")?;
        if range == EVERYBODY {
            return Ok(Self { network: None, prefix: 0, most });
        }
        let (address, prefix) = match (range.split_once('/'), range.split_once('|')) {
            (Some((address, prefix)), _) => (address, Some(prefix.parse().map_err(|_| PREFIX)?)),
            (_, Some((address, mask))) => (address, Some(prefix_of(mask)?)),
            _ => (range, None),
        };
        let address: IpAddr =
            address.parse().map_err(|_| "this is no IP address, with * for every address")?;
        let bits = bits_of(address);
        let prefix = prefix.unwrap_or(bits);
        if prefix > bits { Err(PREFIX) } else { Ok(Self { network: Some(address), prefix, most }) }
    }

    fn holds(&self, address: IpAddr) -> bool {
        let top = |bits: u128, width: u32| {
            bits.checked_shr(width - self.prefix.min(width)).unwrap_or_default()
        };
        match (self.network, address) {
            (None, _) => true,
            (Some(IpAddr::V4(own)), IpAddr::V4(other)) => {
                top(own.to_bits().into(), 32) == top(other.to_bits().into(), 32)
            }
            (Some(IpAddr::V6(own)), IpAddr::V6(other)) => {
                top(own.to_bits(), 128) == top(other.to_bits(), 128)
            }
            _ => false,
        }
    }
}

const PREFIX: &str = "the length after / is 0 to 32 for IPv4, 0 to 128 for IPv6";

fn bits_of(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The length of a network mask such as `255.255.255.0`.
fn prefix_of(mask: &str) -> Result<u32, &'static str> {
    let mask: Ipv4Addr = mask.parse().map_err(|_| "the mask after | is no IPv4 address")?;
    let prefix = mask.to_bits().leading_ones();
    let is_whole = prefix + mask.to_bits().trailing_zeros() >= 32;
    if is_whole { Ok(prefix) } else { Err("the mask after | has gaps") }
}

/// An empty text sets no limit.
impl OptionType for ConnLimits {
    fn from_value(_: &OptionRecord, value: &Value, _: &Path) -> Option<Self> {
        match value {
            Value::Text(text) => Self::parse(text).ok(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(limits: &str, address: &str) -> Option<u64> {
        ConnLimits::parse(limits).unwrap().limit(address.parse().unwrap())
    }

    #[test]
    fn the_smallest_range_counts() {
        let limits = "*:20, 192.0.2.0/24:50 192.0.2.7:100,2001:db8::/32:30";
        assert_eq!(limit(limits, "198.51.100.1"), Some(20));
        assert_eq!(limit(limits, "192.0.2.1"), Some(50));
        assert_eq!(limit(limits, "192.0.2.7"), Some(100));
        assert_eq!(limit(limits, "::ffff:192.0.2.7"), Some(100));
        assert_eq!(limit(limits, "2001:db8:9::1"), Some(30));
        assert_eq!(limit(limits, "2001:db9::1"), Some(20));
        assert_eq!(limit("192.0.2.0/24:5", "198.51.100.1"), None);
        assert_eq!(limit("", "192.0.2.1"), None);
        assert_eq!(limit("0.0.0.0/0:7,*:9", "192.0.2.1"), Some(7));
    }

    #[test]
    fn the_documented_form_is_read() {
        assert_eq!(limit("0.0.0.0|0.0.0.0:20", "192.0.2.1"), Some(20));
        assert_eq!(limit("192.0.2.0|255.255.255.0:3", "192.0.2.200"), Some(3));
        assert_eq!(limit("192.0.2.0|255.255.255.0:3", "192.0.3.1"), None);
    }

    #[test]
    fn faults_are_pointed_at() {
        let fault = |text: &str| ConnLimits::parse(text).unwrap_err();
        assert_eq!(
            fault("*:20, nowhere:3"),
            "this is no IP address, with * for every address\n  *:20, nowhere:3\n        ^"
        );
        assert!(fault("*").contains("colon"));
        assert!(fault("*:0").contains("above 0"));
        assert!(fault("192.0.2.1/33:1").contains("0 to 32"));
        assert!(fault("192.0.2.0|255.0.255.0:1").contains("gaps"));
        assert!(fault(&"*:1,".repeat(RANGES_MAX + 1)).contains("too many"));
    }
}
