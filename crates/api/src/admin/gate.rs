//! The way in: the key, and nothing but the key.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use auth::bearer::{self, Key};
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header;
use http::uri::Authority;
use model::Now;

use super::AdminSettings;
use super::attempts::Attempts;
use super::problem::Problem;

/// What decides who comes in.
pub(super) struct Gate {
    key: Key,
    is_key_public: bool,
    clock: Arc<dyn Fn() -> Now + Send + Sync>,
    attempts: Attempts,
}

impl Gate {
    pub(super) fn new(settings: AdminSettings, clock: Arc<dyn Fn() -> Now + Send + Sync>) -> Self {
        Self {
            key: settings.key,
            is_key_public: settings.is_key_public,
            clock,
            attempts: Attempts::default(),
        }
    }

    fn admit(&self, request: &Request) -> Result<(), Problem> {
        // Browsers name the page that sends. No page has a reason to but our own console, which asks about tokens.
        if request.headers().contains_key(header::ORIGIN) && !is_our_page_that_asks(request) {
            return Err(Problem::Browser);
        }
        // They do not where a page reads from its own origin, which is this server if the page made its name point here. Such
        // a page knows a public key, and cannot hide the name.
        if self.is_key_public && !names_this_machine(request) {
            return Err(Problem::Host);
        }
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
        let now = (self.clock)().mono;
        if !self.attempts.may_try(peer, now) {
            return Err(Problem::TooManyAttempts);
        }
        match bearer::presented(request.headers()) {
            Some(presented) if self.key.is(presented) => Ok(()),
            // Without a key nothing was guessed.
            None => Err(Problem::Unauthenticated),
            Some(_) => {
                self.attempts.failed(peer, now);
                Err(Problem::Unauthenticated)
            }
        }
    }
}

/// Whether a page of this server's own origin asks why a token is refused: the one thing that changes nothing, and of which the
/// answer is about what the page has sent. The path is that inside of `/_downstage`.
fn is_our_page_that_asks(request: &Request) -> bool {
    let only = |name| {
        let mut values = request.headers().get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().ok(),
            (_, _) => None,
        }
    };
    let (Some(origin), Some(host)) = (only(header::ORIGIN), only(header::HOST)) else {
        return false;
    };
    // A proxy may have ended TLS, so that the scheme of the page is not known here.
    let named = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"));
    request.uri().path() == "/token" && named.is_some_and(|named| named.eq_ignore_ascii_case(host))
}

/// Whether the request is sent to an IP address or to `localhost`: names that no name server on the way can have given.
fn names_this_machine(request: &Request) -> bool {
    let mut named = request.headers().get_all(header::HOST).iter();
    let named = match (request.uri().authority(), named.next(), named.next()) {
        (Some(authority), _, _) => Some(authority.clone()),
        (None, Some(host), None) => Authority::try_from(host.as_bytes()).ok(),
        (None, _, _) => None,
    };
    named.is_some_and(|named| {
        let host = named.host();
        let address = host.trim_start_matches('[').trim_end_matches(']');
        host.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok()
    })
}

/// Lets a request pass that bears the key.
pub(super) async fn guard(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    match gate.admit(&request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use axum::body::Body;
    use jiff::Timestamp;
    use model::IngestReport;

    use super::*;

    #[test]
    fn t22_a_key_that_everybody_knows_opens_nothing_under_a_name_that_a_page_may_have_made() {
        let names: [(&str, &[&str], bool); 12] = [
            ("/", &["localhost"], true),
            ("/", &["LOCALHOST:7400"], true),
            ("/", &["127.0.0.1:7400"], true),
            ("/", &["[::1]:7400"], true),
            ("http://127.0.0.1/", &["127.0.0.1"], true),
            ("/", &["evil.example:7400"], false),
            ("/", &["localhost.evil.example"], false),
            ("/", &["127.0.0.1.evil.example"], false),
            ("/", &["evil.example@127.0.0.1.evil.example"], false),
            ("/", &["localhost", "evil.example"], false),
            ("/", &[], false),
            ("http://evil.example/", &["localhost"], false),
        ];
        for is_key_public in [false, true] {
            let gate = Gate::new(
                AdminSettings {
                    key: Key::new("key"),
                    is_key_public,
                    token_skew: std::time::Duration::ZERO,
                    ingest: Arc::new(IngestReport::default),
                },
                Arc::new(now),
            );
            for (target, hosts, is_here) in names {
                let mut request = Request::builder().uri(target);
                for host in hosts {
                    request = request.header(header::HOST, *host);
                }
                let request = request.header(header::AUTHORIZATION, "Bearer key");
                let admitted = gate.admit(&request.body(Body::empty()).unwrap());
                assert_eq!(
                    admitted.is_ok(),
                    is_here || !is_key_public,
                    "{target} {hosts:?}"
                );
            }
        }
    }

    #[test]
    fn t22_of_all_pages_only_the_servers_own_may_ask_and_only_about_tokens() {
        let gate = Gate::new(
            AdminSettings {
                key: Key::new("key"),
                is_key_public: true,
                token_skew: std::time::Duration::ZERO,
                ingest: Arc::new(IngestReport::default),
            },
            Arc::new(now),
        );
        for (path, host, origins, is_admitted) in [
            (
                "/token",
                "localhost:7400",
                &["http://localhost:7400"][..],
                true,
            ),
            (
                "/token",
                "127.0.0.1:7400",
                &["https://127.0.0.1:7400"],
                true,
            ),
            (
                "/token",
                "localhost:7400",
                &["http://localhost:3000"],
                false,
            ),
            (
                "/token",
                "localhost:7400",
                &["http://127.0.0.1:7400"],
                false,
            ),
            ("/token", "localhost:7400", &["null"], false),
            (
                "/token",
                "localhost:7400",
                &["http://localhost:7400", "null"],
                false,
            ),
            ("/token", "evil.example", &["http://evil.example"], false),
            (
                "/token",
                "localhost:7400",
                &["http://localhost:7400.evil.example"],
                false,
            ),
            (
                "/reset",
                "localhost:7400",
                &["http://localhost:7400"],
                false,
            ),
            (
                "/state",
                "localhost:7400",
                &["http://localhost:7400"],
                false,
            ),
            ("/seed", "localhost:7400", &["http://localhost:7400"], false),
            (
                "/ingest",
                "localhost:7400",
                &["http://localhost:3000"],
                false,
            ),
            // Browsers name no origin as a page reads from its own.
            ("/ingest", "localhost:7400", &[], true),
            ("/ingest", "evil.example", &[], false),
        ] {
            let mut request = Request::builder().uri(path).header(header::HOST, host);
            for origin in origins {
                request = request.header(header::ORIGIN, *origin);
            }
            let request = request.header(header::AUTHORIZATION, "Bearer key");
            let admitted = gate.admit(&request.body(Body::empty()).unwrap());
            assert_eq!(admitted.is_ok(), is_admitted, "{path} {host} {origins:?}");
        }
    }

    fn now() -> Now {
        #[expect(clippy::disallowed_methods, reason = "any time will do")]
        let mono = Instant::now();
        let wall = Timestamp::UNIX_EPOCH;
        Now { mono, wall }
    }
}
