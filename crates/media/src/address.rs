//! Which addresses candidates advertise.

use std::io;
use std::net::{IpAddr, SocketAddr};

/// The advertised addresses of a worker that listens on `local`.
///
/// The operator's `external` ones if there are any. Otherwise the listening address; where that is a wildcard, every
/// address of the host that others can reach, or loopback if there is nothing else.
pub(crate) fn advertised(local: SocketAddr, external: &[IpAddr]) -> io::Result<Vec<SocketAddr>> {
    let addresses = if !external.is_empty() {
        external.to_vec()
    } else if local.ip().is_unspecified() {
        let host = if_addrs::get_if_addrs()?;
        reachable(local, host.iter().map(if_addrs::Interface::ip).collect())
    } else {
        vec![local.ip()]
    };
    Ok(addresses
        .into_iter()
        .map(|address| SocketAddr::new(address, local.port()))
        .collect())
}

fn reachable(local: SocketAddr, mut host: Vec<IpAddr>) -> Vec<IpAddr> {
    // A socket bound to [::] takes IPv4 too; one bound to 0.0.0.0 takes nothing else.
    host.retain(|address| local.is_ipv6() || address.is_ipv4());
    host.sort_unstable();
    host.dedup();
    let public: Vec<IpAddr> = host
        .iter()
        .copied()
        .filter(|address| !address.is_loopback() && !is_link_local(*address))
        .collect();
    if public.is_empty() {
        host.retain(IpAddr::is_loopback);
        host
    } else {
        public
    }
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ips(list: &[&str]) -> Vec<IpAddr> {
        list.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn a_wildcard_stands_for_what_others_can_reach() {
        let host = ips(&[
            "127.0.0.1",
            "192.0.2.2",
            "169.254.3.3",
            "::1",
            "fe80::1",
            "2001:db8::2",
        ]);
        let v4: SocketAddr = "0.0.0.0:7401".parse().unwrap();
        let v6: SocketAddr = "[::]:7401".parse().unwrap();
        for (local, host, expected) in [
            (v4, host.clone(), ips(&["192.0.2.2"])),
            (v6, host, ips(&["192.0.2.2", "2001:db8::2"])),
            (v4, ips(&["127.0.0.1", "::1"]), ips(&["127.0.0.1"])),
        ] {
            assert_eq!(reachable(local, host), expected, "{local}");
        }
    }

    #[test]
    fn external_addresses_replace_the_listening_one_and_keep_its_port() {
        let local: SocketAddr = "10.0.0.5:7402".parse().unwrap();
        let external = ips(&["203.0.113.7"]);
        let expected: Vec<SocketAddr> = vec!["203.0.113.7:7402".parse().unwrap()];
        assert_eq!(advertised(local, &external).unwrap(), expected);
        assert_eq!(advertised(local, &[]).unwrap(), vec![local]);
    }
}
