//! The doors over real sockets: encoders against a stage machine, with outlets that remember what they were given.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod encoder;
mod handshakes;
mod keys;
mod outlets;
mod pairs;
mod readers;
mod scene;
mod streams;
mod tls;
