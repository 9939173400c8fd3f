//! The forwarding unit of one media worker, without IO: WebRTC peers, forwarding from publishers to subscribers, and the
//! limits measured on the media itself.
//!
//! [`Sfu`] is fed [`Input`]s and carries its effects out through [`Output`]s. The shell reads a socket until it is empty,
//! hands every datagram in, and then calls [`Sfu::handle_timeout`] once: forwarding happens there, subscriber by
//! subscriber, so that all packets of a burst for one subscriber leave as one batch of equal-sized segments (GSO).
//!
//! Terms: a *peer* is one WebRTC connection, named by its `ConnectionId`: a publisher (WHIP) or a subscriber, which is a
//! *feed* of *slots* (one for each medium for WHEP, a pool of them for `stage.v1`). A publisher's *tracks* are its audio and up
//! to three encodings of its video, its *layers*; a feed gets one of these at a time. A *mirror* stands for a publisher whose
//! connection another `Sfu` has. An *inlet* is a publisher without a connection: its packets are made by a [`Packetiser`].
//!
//! str0m is wrapped here; no other crate of the product names it. It has publishers' connections whole; of subscribers' it does
//! ICE and DTLS, and their SRTP is sealed and opened by `srtp` with keys that it never sees.
//!
//! A packet's way: `peers` finds whose a datagram is, `publish` checks it and puts it in order, `feed` rewrites and seals
//! it for each subscriber, `egress` joins what leaves. `estimate` and `allocate` decide which layer that is.
//! `docs/forwarding.md` has the reasons.
//!
//! What is absent: who may do what (`stage`), HTTP, and sockets.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing))]

mod allocate;
mod answer;
mod arrival;
pub mod avc;
mod clock;
mod codec;
mod demux;
mod egress;
mod engine;
mod estimate;
mod feed;
mod fragment;
mod h264;
#[cfg(test)]
mod handshake;
mod incoming;
mod inlet;
mod io;
mod keyframe;
mod layer;
mod meter;
mod offer;
mod packet;
mod payload;
mod peer;
mod peers;
mod publish;
mod red;
mod relay;
mod ring;
mod room;
mod route;
mod rtcp;
mod sdp;
mod simulcast;
mod source;
mod start;
mod timers;
mod voice;
mod vp8;

pub use inlet::{InletDescription, InletVideo, Packetiser};
pub use io::{
    Answer, Binding, Counters, Datagram, Input, Layer, LayerLabel, LayerReason, Layers, Medium,
    Output, PatchFault, Patched, PeerFault, Quality, Settings, Slot, Start, Transmit, Transport,
    VideoWant, Want,
};
pub use offer::{Direction, Offer, OfferError};
pub use peers::Sfu;
pub use relay::{Description, Relayed, Tracks};
pub use room::{Room, Share};
