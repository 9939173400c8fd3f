//! RTMP without sockets, clocks or chance: bytes in, events and bytes out.
//!
//! [`server::Session`] is the side of an ingest server, [`client::Session`] that of an encoder. Both take whatever a socket gave,
//! cut in any way, and both are bounded: memory grows as data arrives and never by what a header announces, and [`Limits`] names
//! every bound. A broken rule is a [`Fault`], after which a session answers nothing but that fault.
//!
//! *Media time* is in milliseconds, as `u64` that does not wrap where the 32 bits of the wire do; it can step back as the encoder's does.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing))]

pub mod amf0;
pub mod client;
pub mod flv;
pub mod server;

mod chunk;
mod command;
mod cursor;
mod fault;
mod handshake;
mod limits;
mod link;
mod message;
mod metadata;
mod name;
mod status;
mod time;

#[cfg(test)]
mod tests;

pub use fault::Fault;
pub use handshake::Scheme;
pub use limits::Limits;
pub use metadata::Metadata;
pub use name::StreamName;
pub use status::{Status, StatusCode};

/// Bytes of chance that a session puts into its handshake.
pub const HANDSHAKE_RANDOM_BYTES: usize = 1_528;
