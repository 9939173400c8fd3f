//! The way in: the key, and nothing but the key.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use auth::bearer::{self, Key};
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header;
use model::Now;

use super::attempts::Attempts;
use super::problem::Problem;

/// What decides who comes in.
pub(super) struct Gate {
    key: Key,
    clock: Arc<dyn Fn() -> Now + Send + Sync>,
    attempts: Attempts,
}

impl Gate {
    pub(super) fn new(key: Key, clock: Arc<dyn Fn() -> Now + Send + Sync>) -> Self {
        Self {
            key,
            clock,
            attempts: Attempts::default(),
        }
    }

    fn admit(&self, request: &Request) -> Result<(), Problem> {
        // Browsers name the page that sends; no page has a reason to. That holds for the public key of `dev` too, should a
        // page make a name of its own point to this machine.
        if request.headers().contains_key(header::ORIGIN) {
            return Err(Problem::Browser);
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

/// Lets a request pass that bears the key.
pub(super) async fn guard(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    match gate.admit(&request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}
