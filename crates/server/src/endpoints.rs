//! The addresses that clients are told: derived from the public URL, in one place.

use std::net::SocketAddr;

use http::Uri;
use http::uri::Authority;

/// Where encoders publish, as stage endpoints say it; nothing of a port that is not open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct IngestUrls {
    /// `rtmp://host:port/app/`.
    pub(crate) rtmp: Option<String>,
    /// `rtmps://host:port/app/`.
    pub(crate) rtmps: Option<String>,
}

/// The base under which clients reach the HTTP port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublicUrl {
    tls: bool,
    authority: Authority,
}

impl PublicUrl {
    /// Reads `http(s)://host[:port]`; a trailing slash is fine.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        const FAULT: &str = "must be http://HOST or https://HOST, without path or query";
        let parts = text.parse::<Uri>().map_err(|_| FAULT)?.into_parts();
        let tls = match parts.scheme.as_ref().map(http::uri::Scheme::as_str) {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(FAULT),
        };
        let authority = parts.authority.ok_or(FAULT)?;
        let path = parts
            .path_and_query
            .as_ref()
            .map_or("", |path| path.as_str());
        if authority.host().is_empty()
            || authority.as_str().contains('@')
            || !matches!(path, "" | "/")
        {
            return Err(FAULT);
        }
        Ok(Self { tls, authority })
    }

    /// The URL of a listening address. An unspecified address stands for this machine.
    pub(crate) fn of_address(address: SocketAddr) -> Self {
        let ip = match address.ip() {
            ip if !ip.is_unspecified() => ip,
            std::net::IpAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            std::net::IpAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        };
        let text = SocketAddr::new(ip, address.port()).to_string();
        let authority = text.parse().expect("a socket address is an authority");
        Self {
            tls: false,
            authority,
        }
    }

    /// Whether clients come by TLS.
    pub(crate) fn is_tls(&self) -> bool {
        self.tls
    }

    /// The host, with brackets where it is an IPv6 address.
    pub(crate) fn host(&self) -> &str {
        self.authority.host()
    }

    /// `host` or `host:port`, as a `Host` header has it.
    pub(crate) fn authority(&self) -> &str {
        self.authority.as_str()
    }

    /// `http(s)://host:port`.
    pub(crate) fn http(&self) -> String {
        format!("http{}://{}", self.s(), self.authority)
    }

    /// The values of `Stage.endpoints`, but for those of ingest.
    pub(crate) fn endpoints(&self) -> api::Endpoints {
        let (s, authority) = (self.s(), &self.authority);
        api::Endpoints {
            events: format!("ws{s}://{authority}/events"),
            whip: format!("http{s}://{authority}/whip"),
            rtmp: None,
            rtmps: None,
        }
    }

    fn s(&self) -> &'static str {
        if self.tls { "s" } else { "" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_follow_the_public_url() {
        let cases = [
            (
                "https://stage.example.com",
                "https://stage.example.com/whip",
                "wss://stage.example.com/events",
            ),
            (
                "http://127.0.0.1:7400/",
                "http://127.0.0.1:7400/whip",
                "ws://127.0.0.1:7400/events",
            ),
            (
                "http://[::1]:7400",
                "http://[::1]:7400/whip",
                "ws://[::1]:7400/events",
            ),
        ];
        for (url, whip, events) in cases {
            let endpoints = PublicUrl::parse(url).unwrap().endpoints();
            let told = (endpoints.whip.as_str(), endpoints.events.as_str());
            assert_eq!(told, (whip, events));
        }
    }

    #[test]
    fn anything_but_scheme_and_host_is_refused() {
        for url in [
            "",
            "stage.example.com",
            "ftp://host",
            "http://",
            "http://host/path",
            "http://host/?q=1",
            "http://user@host",
            "/x",
        ] {
            assert!(PublicUrl::parse(url).is_err(), "{url:?}");
        }
    }

    #[test]
    fn an_unspecified_listener_is_reached_by_loopback() {
        let url = |text: &str| PublicUrl::of_address(text.parse().unwrap()).http();
        assert_eq!(url("0.0.0.0:80"), "http://127.0.0.1:80");
        assert_eq!(url("[::]:80"), "http://[::1]:80");
        assert_eq!(url("192.0.2.1:80"), "http://192.0.2.1:80");
    }
}
