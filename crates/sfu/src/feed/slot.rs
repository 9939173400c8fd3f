//! One slot of a feed: a section of the client's, with the stream that goes out in it.

use std::time::{Duration, Instant};

use model::ConnectionId;
use srtp::Indices;

use super::catch_up::{Anew, CatchUp};
use super::resent::Resent;
use super::sealed::Sealed;
use super::stream::Stream;
use crate::codec::{Codec, Kind, Payload};
use crate::io::Medium;
use crate::packet::Track;

/// A slot that has been given up stays empty for this long before another publisher gets it, so that no picture of the one is
/// taken for the other's.
pub(super) const QUARANTINE: Duration = Duration::from_secs(2);

/// A slot.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(super) mid: String,
    pub(super) kind: Kind,
    /// Best first; never empty.
    pub(super) payloads: Vec<Payload>,
    pub(super) ssrc: u32,
    pub(super) rtx_ssrc: u32,
    pub(super) stream: Stream,
    /// Of the stream and of its retransmissions, once there are keys.
    pub(super) indices: Option<Indices>,
    pub(super) rtx_indices: Option<Indices>,
    pub(super) rtx_next: u64,
    /// Whose media it carries.
    pub(super) publisher: Option<ConnectionId>,
    /// Which of the publisher's tracks is to be sent, as it comes.
    pub(super) target: Option<Track>,
    /// What is sent before that; there is no target meanwhile.
    pub(super) catching: Option<Box<CatchUp>>,
    /// When the client got a kept key frame of an inlet.
    pub(super) anew: Option<Anew>,
    /// Whether nothing is sent for want of bandwidth.
    pub(super) is_paused: bool,
    /// Who has given it up, and when.
    pub(super) left: Option<(ConnectionId, Instant)>,
    /// Whether the client has reported on the stream: it knows the SSRC then.
    pub(super) is_known: bool,
    pub(super) packets: u32,
    pub(super) octets: u32,
    pub(super) resent: Resent,
    /// Where lost packets go out as they were.
    pub(super) sealed: Sealed,
}

/// The payload types that a client has given to one codec.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbers {
    pub(super) media: u8,
    /// Of media with what it repeats.
    pub(super) redundant: Option<u8>,
    /// Of retransmissions.
    pub(super) rtx: Option<u8>,
    /// Whether lost packets go out as they were, because it has given none for retransmissions.
    pub(super) is_repaired_plainly: bool,
}

impl Slot {
    pub(super) fn new(mid: &str, kind: Kind, payloads: Vec<Payload>, ssrcs: (u32, u32)) -> Self {
        Self {
            mid: mid.to_owned(),
            kind,
            payloads,
            ssrc: ssrcs.0,
            rtx_ssrc: ssrcs.1,
            stream: Stream::default(),
            indices: None,
            rtx_indices: None,
            rtx_next: 1,
            publisher: None,
            target: None,
            catching: None,
            anew: None,
            is_paused: false,
            left: None,
            is_known: false,
            packets: 0,
            octets: 0,
            resent: Resent::default(),
            sealed: Sealed::default(),
        }
    }

    /// The payload types for a codec.
    pub(super) fn payload(&self, codec: Codec) -> Option<Numbers> {
        let mut payloads = self.payloads.iter();
        let payload = payloads.find(|payload| payload.codec == codec)?;
        Some(Numbers {
            media: payload.number,
            redundant: payload.redundant.map(|redundant| redundant.number),
            rtx: payload.rtx,
            is_repaired_plainly: payload.is_repaired_plainly(),
        })
    }

    /// Whether retransmissions have been agreed on.
    pub(super) fn has_rtx(&self) -> bool {
        self.payloads.iter().any(|payload| payload.rtx.is_some())
    }

    /// Its section.
    pub(crate) fn mid(&self) -> &str {
        &self.mid
    }

    /// Whose media it carries.
    #[cfg(test)]
    pub(crate) fn carries(&self) -> Option<ConnectionId> {
        self.publisher
    }

    /// What it can carry.
    pub(crate) fn medium(&self) -> Medium {
        super::bind::medium(self.kind)
    }

    /// Whether padding may be sent in its stream of retransmissions: the client has to know that stream.
    pub(super) fn can_pad(&self) -> bool {
        self.kind == Kind::Video && self.packets > 0 && self.has_rtx()
    }

    /// Whether a publisher may be put here now. One that comes back cannot be taken for another.
    pub(super) fn is_free_for(&self, publisher: ConnectionId, now: Instant) -> bool {
        self.publisher.is_none()
            && self.left.is_none_or(|(who, left)| {
                who == publisher || now.saturating_duration_since(left) >= QUARANTINE
            })
    }

    /// Which track is being sent, or about to be.
    pub(super) fn aims_at(&self) -> Option<Track> {
        let catching = self.catching.as_ref().map(|catching| catching.track);
        self.target.or(catching)
    }

    /// Another track is to be sent, or none. What is kept of one goes on to be sent.
    pub(super) fn aim(&mut self, track: Option<Track>) {
        match (&self.catching, track) {
            (Some(_), Some(_)) => {}
            (_, track) => {
                // What is left out of what is kept leaves nothing to go on with.
                if self.catching.take().is_some() {
                    self.stream.stop();
                }
                self.target = track;
            }
        }
    }

    pub(super) fn bind(&mut self, publisher: ConnectionId) {
        self.publisher = Some(publisher);
        self.aim(None);
        self.is_paused = false;
        self.stream.stop();
    }

    pub(super) fn unbind(&mut self, now: Instant) {
        self.left = self.publisher.take().map(|publisher| (publisher, now));
        self.aim(None);
        self.is_paused = false;
        self.stream.stop();
    }
}
