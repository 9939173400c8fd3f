//! URLs of ICE servers (RFC 7064, RFC 7065).

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// Longest URL, in bytes: a host name has up to 253.
const BYTES_MAX: usize = 300;

/// A checked URL of a STUN server or a relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IceUrl {
    text: String,
    is_relay: bool,
}

/// Why a text is not the URL of an ICE server. Never repeats it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be stun:HOST[:PORT], stuns:…, turn:HOST[:PORT][?transport=udp|tcp] or turns:…, with IPv6 addresses in brackets"
)]
pub struct IceUrlError;

impl IceUrl {
    /// Reads one.
    pub fn parse(text: &str) -> Result<Self, IceUrlError> {
        if text.len() > BYTES_MAX {
            return Err(IceUrlError);
        }
        let (scheme, rest) = text.split_once(':').ok_or(IceUrlError)?;
        let is_relay = match scheme {
            "stun" | "stuns" => false,
            "turn" | "turns" => true,
            _ => return Err(IceUrlError),
        };
        let place = match rest.split_once('?') {
            Some((place, "transport=udp" | "transport=tcp")) if is_relay => place,
            Some(_) => return Err(IceUrlError),
            None => rest,
        };
        if !is_place(place) {
            return Err(IceUrlError);
        }
        Ok(Self {
            text: text.to_owned(),
            is_relay,
        })
    }

    /// Whether it is a relay, which wants credentials; otherwise it is a STUN server.
    pub fn is_relay(&self) -> bool {
        self.is_relay
    }
}

impl FromStr for IceUrl {
    type Err = IceUrlError;

    fn from_str(text: &str) -> Result<Self, IceUrlError> {
        Self::parse(text)
    }
}

impl fmt::Display for IceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether the text is a host with or without a port.
fn is_place(text: &str) -> bool {
    let (host_is_sound, port) = if let Some(rest) = text.strip_prefix('[') {
        let Some((host, port)) = rest.split_once(']') else {
            return false;
        };
        (host.parse::<Ipv6Addr>().is_ok(), port)
    } else {
        let end = text.find(':').unwrap_or(text.len());
        let (host, port) = text.split_at(end);
        (is_host(host), port)
    };
    host_is_sound && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

/// A host name (RFC 1123 section 2.1) or an IPv4 address, which has the same form.
fn is_host(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    text.len() <= 253 && text.split('.').all(is_label)
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
        && text.parse::<u16>().is_ok_and(|port| port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_those_of_the_two_standards_and_no_others() {
        for (text, is_relay) in [
            ("stun:stun.example.com", Some(false)),
            ("stuns:stun.example.com:5349", Some(false)),
            ("turn:192.0.2.1:3478?transport=udp", Some(true)),
            ("turns:turn.example.com:443?transport=tcp", Some(true)),
            ("turn:[2001:db8::1]:3478", Some(true)),
            ("turn:[2001:db8::1]", Some(true)),
            ("", None),
            ("turn:", None),
            ("turn.example.com", None),
            ("http://turn.example.com", None),
            ("TURN:turn.example.com", None),
            ("turn://turn.example.com", None),
            ("turn:user@turn.example.com", None),
            ("turn:turn.example.com:0", None),
            ("turn:turn.example.com:65536", None),
            ("turn:turn.example.com:", None),
            ("turn:turn.example.com:+1", None),
            ("turn:2001:db8::1", None),
            ("turn:[2001:db8::1", None),
            ("turn:[192.0.2.1]", None),
            ("turn:turn..example.com", None),
            ("turn:-turn.example.com", None),
            ("turn:turn.example.com?transport=tls", None),
            ("stun:stun.example.com?transport=udp", None),
            ("turn:turn.example.com>; rel=x", None),
            ("turn:turn.example.com\r\nSet-Cookie: a", None),
            (&format!("turn:{}", "a".repeat(300)), None),
        ] {
            let found = IceUrl::parse(text).map(|url| url.is_relay()).ok();
            assert_eq!(found, is_relay, "{text:?}");
        }
    }
}
