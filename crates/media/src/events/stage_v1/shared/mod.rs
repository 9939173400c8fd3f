//! Several sessions on one socket: `GET {events_url}/_connection`, with a connection token.
//!
//! Each session has a *channel*, which is to it what a socket is to a session that has one to itself. `run` brings messages to channels
//! and frames to the socket, and `envelope` says on which. `tenants` knows what is there by which token, so that a revocation
//! ends it.
//!
//! A connection is no participant: nobody hears of it but its client.

mod channel;
mod door;
mod envelope;
mod run;
mod tenants;

pub(super) use channel::Channel;
pub(in super::super) use door::connect;
pub(super) use tenants::Tenancy;
pub(crate) use tenants::{Tenants, TokenName};

/// Where connections connect to, in the place of a topic. No id of a stage has a `_`.
pub(in super::super) const PATH: &str = "/events/_connection";
