//! The media plane through the doors that users have: HTTP, WebSocket, UDP and TCP on loopback, against a real stage
//! machine. Clients are built on str0m.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on ends where it stands"
)]

mod connections;
mod events;
mod exchange;
mod feeds;
mod http;
mod ice_servers;
mod inlets;
mod keys;
mod media;
mod peer;
mod replicas;
mod sessions;
mod stage_v1;
mod whep;
mod whep_extensions;
mod whip;
mod world;
