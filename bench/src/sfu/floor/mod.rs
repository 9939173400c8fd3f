//! The floor: what forwarding costs when a server does nothing else.
//!
//! A program of its own takes plain RTP and, for each receiver, rewrites the header, seals once (AES-256-GCM, RFC 7714) and sends by
//! GSO. There is no ICE, DTLS or RTCP: a receiver is known by one datagram that it sends, and keys are made from its number, so nothing
//! here is secret. Receivers are real in what counts: a socket each, and every packet is opened.

mod load;
mod program;
mod seal;

pub(super) use load::{Receivers, measure};
pub(crate) use program::run;
