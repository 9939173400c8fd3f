//! Who can reach an address.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// From where an address is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// From this machine only.
    Loopback,
    /// From the same link only, and by no browser.
    LinkLocal,
    /// From the same private network (RFC 1918, RFC 4193), or behind the same carrier's NAT (RFC 6598).
    Private,
    /// From nowhere: set apart for documentation, tests or multicast.
    Reserved,
    /// From everywhere.
    Global,
}

impl Place {
    pub(super) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => of_v4(v4),
            IpAddr::V6(v6) => of_v6(v6),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Loopback => "this machine only",
            Self::LinkLocal => "this link only",
            Self::Private => "private network",
            Self::Reserved => "reserved",
            Self::Global => "global",
        })
    }
}

fn of_v4(address: Ipv4Addr) -> Place {
    let [first, second, ..] = address.octets();
    if address.is_loopback() {
        Place::Loopback
    } else if address.is_link_local() {
        Place::LinkLocal
    } else if address.is_private() || (first == 100 && (64..128).contains(&second)) {
        Place::Private
    } else if first == 0
        || first >= 224
        || address.is_documentation()
        || (first == 198 && (second == 18 || second == 19))
    {
        Place::Reserved
    } else {
        Place::Global
    }
}

fn of_v6(address: Ipv6Addr) -> Place {
    let [first, second, ..] = address.segments();
    if address.is_loopback() {
        Place::Loopback
    } else if address.is_unicast_link_local() {
        Place::LinkLocal
    } else if address.is_unique_local() {
        Place::Private
    } else if address.is_unspecified() || first >= 0xff00 || (first == 0x2001 && second == 0xdb8) {
        Place::Reserved
    } else {
        Place::Global
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_where_the_registries_put_them() {
        for (address, place) in [
            ("127.0.0.1", Place::Loopback),
            ("::1", Place::Loopback),
            ("::ffff:127.0.0.1", Place::Loopback),
            ("169.254.1.1", Place::LinkLocal),
            ("fe80::1", Place::LinkLocal),
            ("10.0.0.1", Place::Private),
            ("172.31.0.1", Place::Private),
            ("192.168.1.1", Place::Private),
            ("100.64.0.1", Place::Private),
            ("fd00::1", Place::Private),
            ("0.0.0.0", Place::Reserved),
            ("203.0.113.7", Place::Reserved),
            ("198.18.0.1", Place::Reserved),
            ("224.0.0.1", Place::Reserved),
            ("2001:db8::1", Place::Reserved),
            ("ff02::1", Place::Reserved),
            ("8.8.8.8", Place::Global),
            ("100.128.0.1", Place::Global),
            ("2a00::1", Place::Global),
        ] {
            assert_eq!(Place::of(address.parse().unwrap()), place, "{address}");
        }
    }
}
