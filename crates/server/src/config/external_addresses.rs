//! `media.external_ip`: the addresses at which clients reach the media port.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use super::ExternalAddress;
use super::resolve::{ConfigError, invalid};

/// What candidates advertise; empty is the listening address itself.
pub(super) fn check(
    listen: SocketAddr,
    asked: &[ExternalAddress],
) -> Result<Vec<IpAddr>, ConfigError> {
    let key = "media.external_ip";
    let mut addresses = Vec::new();
    for each in asked {
        match each {
            ExternalAddress::Address(address) if address.is_unspecified() => {
                return Err(invalid(key, "an unspecified address cannot be reached"));
            }
            ExternalAddress::Address(address) => addresses.push(*address),
            ExternalAddress::Auto => {
                let found = outside_addresses(listen);
                if found.is_empty() {
                    return Err(invalid(
                        key,
                        "`auto` found no route to the outside; name an address",
                    ));
                }
                addresses.extend(found);
            }
        }
    }
    if addresses.is_empty() && listen.ip().is_unspecified() {
        let what = "needed, because media.listen does not name one address: set it to the address \
                    that clients reach, or to `auto`";
        return Err(invalid(key, what));
    }
    Ok(addresses)
}

/// The addresses this machine would use towards the outside. Connecting a UDP socket asks the routing table and sends
/// nothing; the targets are the documentation networks of RFC 5737 and RFC 3849, which nobody owns.
fn outside_addresses(listen: SocketAddr) -> Vec<IpAddr> {
    let v4 = (
        SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 9)),
    );
    let v6 = (
        SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        SocketAddr::from((Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), 9)),
    );
    let families = if listen.is_ipv4() {
        vec![v4]
    } else {
        vec![v4, v6]
    };
    families
        .into_iter()
        .filter_map(|(local, remote)| {
            let socket = UdpSocket::bind(local).ok()?;
            socket.connect(remote).ok()?;
            Some(socket.local_addr().ok()?.ip())
        })
        .collect()
}
