//! The forwarding unit from outside: real clients over simulated wires, in simulated time.

#![expect(
    clippy::unwrap_used,
    reason = "an arrangement that does not work fails its test"
)]

mod allocations;
mod answers;
mod camera;
mod client;
mod feeds;
mod forwarding;
mod hostile;
mod inlets;
mod key_frames;
mod layers;
mod limits;
mod link;
mod liveness;
mod loss;
mod media;
mod network;
mod patches;
mod paths;
mod redundancy;
mod refusals;
mod relay;
mod simulcast;
mod transports;
mod weather;

/// Offers as real programs write them.
mod offers {
    pub(crate) const CHROMIUM_PUBLISH: &str = include_str!("offers/chromium-publish.sdp");
    pub(crate) const CHROMIUM_SIMULCAST: &str = include_str!("offers/chromium-simulcast.sdp");
    pub(crate) const CHROMIUM_SUBSCRIBE: &str = include_str!("offers/chromium-subscribe.sdp");
    pub(crate) const OBS_SIMULCAST: &str = include_str!("offers/obs-simulcast.sdp");
    pub(crate) const FFMPEG_PASSIVE: &str = include_str!("offers/ffmpeg-dtls-passive.sdp");
    pub(crate) const FFMPEG_ACTIVE: &str = include_str!("offers/ffmpeg-dtls-active.sdp");
}
