//! One HTTP request to a server of our own kind, for the commands that ask one.
//!
//! What is absent: TLS and redirects. Whoever asks a server on another machine does so over a tunnel, because keys and tokens
//! would be read on the way.

use std::net::IpAddr;

use anyhow::Context as _;
use axum::body::{Body, Bytes};
use http::response::Parts;
use http::uri::Authority;
use http::{HeaderValue, Request, Uri, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Longest answer. What is asked for here is far shorter.
const ANSWER_BYTES_MAX: usize = 64 * 1_024;
const HTTP_PORT: u16 = 80;

/// Where a server is.
#[derive(Clone, Debug)]
pub(crate) struct ServerUrl {
    authority: Authority,
}

impl ServerUrl {
    /// Reads `http://host[:port]`.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        const FAULT: &str = "must be http://HOST[:PORT], without path or query";
        let parts = text.parse::<Uri>().map_err(|_| FAULT)?.into_parts();
        let path = parts.path_and_query;
        let path = path.as_ref().map_or("", |path| path.as_str());
        let authority = parts.authority.ok_or(FAULT)?;
        match parts.scheme.as_ref().map(http::uri::Scheme::as_str) {
            Some("https") => return Err("must be http: there is no TLS here, use a tunnel"),
            Some("http") => {}
            _ => return Err(FAULT),
        }
        if authority.host().is_empty()
            || authority.as_str().contains('@')
            || !matches!(path, "" | "/")
        {
            return Err(FAULT);
        }
        Ok(Self { authority })
    }

    /// Host and port as they are written.
    pub(crate) fn authority(&self) -> &str {
        self.authority.as_str()
    }

    /// Whether it is this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        let host = self.host();
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    fn host(&self) -> &str {
        self.authority.host().trim_matches(['[', ']'])
    }

    /// Sends a request, whose target is a path, and reads the whole answer.
    pub(crate) async fn send(&self, mut request: Request<Body>) -> anyhow::Result<(Parts, Bytes)> {
        let host =
            HeaderValue::from_str(self.authority()).context("the host is no header value")?;
        request.headers_mut().insert(header::HOST, host);
        let port = self.authority.port_u16().unwrap_or(HTTP_PORT);
        let stream = TcpStream::connect((self.host(), port)).await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        // Moved in, the sender goes with the answer; the connection lives as long as it does.
        let answer = async move {
            let (head, body) = sender.send_request(request).await?.into_parts();
            let body = axum::body::to_bytes(Body::new(body), ANSWER_BYTES_MAX).await?;
            anyhow::Ok((head, body))
        };
        let (answer, _) = tokio::join!(answer, connection);
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_named_by_plain_http_and_a_host() {
        for (text, loopback) in [
            ("http://127.0.0.1:7400", true),
            ("http://[::1]:7400/", true),
            ("http://localhost", true),
            ("http://127.0.0.1.example.com", false),
            ("http://stage.example.com", false),
        ] {
            assert_eq!(
                ServerUrl::parse(text).unwrap().is_loopback(),
                loopback,
                "{text}"
            );
        }
        for text in [
            "",
            "127.0.0.1:7400",
            "https://127.0.0.1:7400",
            "http://user@127.0.0.1",
            "http://127.0.0.1/_downstage",
            "ftp://127.0.0.1",
        ] {
            assert!(ServerUrl::parse(text).is_err(), "{text}");
        }
    }
}
