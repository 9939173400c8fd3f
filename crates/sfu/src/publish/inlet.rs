//! A publisher without a connection.

use std::sync::Arc;
use std::time::Instant;

use super::Publisher;
use crate::answer::Agreed;
use crate::io::{Counters, Settings};
use crate::packet::{Packet, Track};
use crate::ring::Ring;

/// What has been missing of one track: where packets were dropped on the way here, what follows of a video is of no use before its next
/// key frame. From there on it counts as another source, so that nobody asks for what is missing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mending {
    /// The source and number that are to come next, as the packetiser numbers them.
    next: Option<(u32, u64)>,
    is_broken: bool,
    /// Added to the packetiser's sources.
    breaks: u32,
}

impl Mending {
    /// The packet as it goes on, if it does.
    fn mend(&mut self, packet: &Arc<Packet>) -> Option<Arc<Packet>> {
        let is_next = self
            .next
            .is_none_or(|(epoch, sequence)| epoch != packet.epoch || sequence == packet.sequence);
        self.next = Some((packet.epoch, packet.sequence.saturating_add(1)));
        self.is_broken |= !is_next;
        if self.is_broken {
            // Sound begins anywhere.
            if !packet.is_start && packet.track != Track::AUDIO {
                return None;
            }
            self.is_broken = false;
            self.breaks = self.breaks.wrapping_add(1);
        }
        if self.breaks == 0 {
            return Some(Arc::clone(packet));
        }
        Some(Arc::new(Packet {
            epoch: packet.epoch.wrapping_add(self.breaks),
            ..Packet::clone(packet)
        }))
    }
}

impl Publisher {
    /// One whose packets come made.
    pub(crate) fn inlet(agreed: &[Agreed], settings: &Settings) -> Self {
        let mut inlet = Self {
            is_inlet: true,
            ..Self::new(agreed, settings)
        };
        inlet.keep_from_key_frames(settings);
        // Mirrors keep the same packets.
        inlet.shares = inlet.video.iter().map(|_| settings.kept.share()).collect();
        inlet
    }

    /// Keeps of each encoding all that has come since its newest key frame, which nobody can be asked for.
    pub(super) fn keep_from_key_frames(&mut self, settings: &Settings) {
        for stream in &mut self.video {
            stream.ring = Ring::inlet(settings.publish_bitrate_bps_max, settings.kept.clone());
        }
    }

    /// Whether it has no connection anywhere.
    pub(crate) fn is_inlet(&self) -> bool {
        self.is_inlet
    }

    /// Takes a packet that a packetiser has made.
    pub(crate) fn take_made(
        &mut self,
        packet: &Arc<Packet>,
        counters: &mut Counters,
        now: Instant,
    ) {
        counters.packets_in += 1;
        counters.bytes_in += u64::try_from(packet.payload.len()).unwrap_or(0);
        let stream = self.stream_mut(packet.track);
        if let Some(packet) = stream.and_then(|stream| stream.mending.mend(packet)) {
            self.take_relayed(&packet, counters, now);
        } else {
            counters.packets_dropped += 1;
        }
    }
}
