//! Who is behind an address.

use std::net::{IpAddr, Ipv6Addr};

/// The part of an IPv6 address that names one customer: a /64, since everybody has one at least.
const IPV6_NETWORK: u128 = !0 << 64;

/// The address that stands for a peer's whole network: that of an IPv4 host, or of an IPv6 /64. An IPv4
/// address written as IPv6 is an IPv4 address.
pub fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & IPV6_NETWORK)),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_one_customer_are_one_network() {
        let of = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(of("192.0.2.1"), "192.0.2.1");
        assert_eq!(of("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(of("2001:db8:1:2:3::4"), "2001:db8:1:2::");
    }
}
