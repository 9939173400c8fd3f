//! RTMP and RTMPS ingest.
//!
//! [`media`] makes of an encoder's FLV tags what the forwarding unit takes: pictures of H.264 and Opus packets on one line of time.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing))]

pub mod media;
