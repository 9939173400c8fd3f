//! Publishers and viewers as one process: real ICE, DTLS, SRTP and RTCP against a running server, and a report.
//!
//! [`run`] takes [`Options`] and gives a [`Report`]. Signalling (HTTP) has a thread of its own; all media shares the
//! calling thread, so that a load can be bound to one core. A publisher is a generated H.264 source, whose packets carry the time
//! at which they were made; a viewer decrypts, answers with NACK, transport feedback and receiver reports as players do, and
//! shows nothing. Packets count only when they were decrypted.
//!
//! Publishers can come by RTMP or RTMPS too ([`Options::rtmp`]): as encoders do, with AAC beside the same pictures.
//!
//! What is absent: decoding, a jitter buffer, congestion control of publishers. The options have bounds, which
//! [`Options::check`] names; nothing here runs without end.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing))]

mod agreed;
mod clock;
mod control;
mod drops;
mod encoder;
mod engine;
mod histogram;
mod http;
mod load;
mod options;
mod peer;
mod pictures;
mod publisher;
mod receive;
mod report;
mod results;
mod rtp;
mod shim;
mod signalling;
mod source;
mod stage_v1;
mod stamp;
mod viewer;

pub use clock::Wall;
pub use encoder::EncoderSource;
pub use histogram::Histogram;
pub use options::{
    Bearer, CONNECTIONS_MAX, Credentials, DURATION_MAX, Endpoint, Impairment, Joins, LAYERS_MAX,
    Layer, LoadError, Options, OptionsError, PUBLISHERS_MAX, Pacing, Rtmp, RtmpUrl, RtmpUrlError,
    Source, Stop, Storm, Target, VIEWERS_MAX, Watching,
};
pub use report::{Counts, Latency, Report, Sent, ViewerReport};
pub use source::{Generator, Packet, age};

/// What a load is at. [`run`] calls its observer at the beginning of each, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// All publishers are connected; no viewer has asked yet. Those by RTMP send already: a server waits for their media.
    Published,
    /// Every viewer is connected or has failed; media has been flowing if [`Joins::media_first`], and does from here on.
    Joined,
    /// The warm-up is over and counting begins. Callers take the server's CPU time here …
    Measuring,
    /// … and here, at the end of counting. What is still under way is waited for after this.
    Measured,
}

/// Runs a load to its end: the duration, [`Options::packets_enough`], or a word of [`Stop`].
///
/// It needs a thread of its own for signalling and blocks the calling one. Sessions are deleted at the end, of a failed
/// load too.
pub fn run(
    options: &Options,
    stop: &Stop,
    observe: &mut dyn FnMut(Phase),
) -> Result<Report, LoadError> {
    load::run(options, stop, observe)
}
