//! A publisher on its way to other workers, and one that another worker has the connection of.
//!
//! A mirror gets the packets as they were checked and numbered; rings, layers and key frame requests are its own.

use std::sync::Arc;
use std::time::Instant;

use super::Publisher;
use crate::answer::Agreed;
use crate::codec::{Codec, Kind};
use crate::io::{Counters, Settings};
use crate::packet::Packet;
use crate::payload::{self, Facts};
use crate::relay::{Described, Tracks};

impl Publisher {
    /// What another worker has to know of it; `start` is what subscribers can begin with.
    pub(crate) fn describe(&self, agreed: &[Agreed], start: Vec<Arc<Packet>>) -> Described {
        Described {
            is_inlet: self.is_inlet,
            agreed: agreed.to_vec(),
            audio_sent: self.audio_sent,
            video_sent: self.video_sent,
            layers: self.layers.clone(),
            start,
        }
    }

    /// The same publisher on another worker.
    pub(crate) fn mirror(described: Described, settings: &Settings) -> Self {
        let mut mirror = Self {
            is_mirror: true,
            is_inlet: described.is_inlet,
            audio_sent: described.audio_sent,
            video_sent: described.video_sent,
            ..Self::new(&described.agreed, settings)
        };
        if mirror.is_inlet {
            mirror.keep_from_key_frames(settings);
        }
        mirror.layers = described.layers;
        for packet in described.start {
            if let Some(stream) = mirror.stream_mut(packet.track) {
                stream.epoch = packet.epoch;
                stream.ring.insert(packet);
            }
        }
        mirror
    }

    /// Takes a packet that the publisher's own worker has taken.
    pub(crate) fn take_relayed(
        &mut self,
        packet: &Arc<Packet>,
        counters: &mut Counters,
        now: Instant,
    ) {
        #[cfg(test)]
        assert!(!self.panics_next, "injected");
        let Some(stream) = self.stream_mut(packet.track) else {
            return;
        };
        if std::mem::replace(&mut stream.epoch, packet.epoch) != packet.epoch {
            self.layers.restart(packet.track);
        }
        // Only packets that decoders start with say how large the picture is.
        let facts = if packet.is_start {
            payload::inspect(packet.codec, &packet.payload).unwrap_or_default()
        } else {
            Facts::default()
        };
        self.note_codec(packet.codec);
        self.keep(packet, facts, now);
        self.wait_for_forwarding(Arc::clone(packet), counters);
    }

    /// New subscribers are offered what comes; packets tell of their codec, and of no payload type.
    fn note_codec(&mut self, codec: Codec) {
        let is_known = self
            .sent(codec.kind())
            .is_some_and(|sent| sent.codec == codec);
        if is_known {
            return;
        }
        let mut payloads = self.payloads.iter();
        let sent = payloads
            .find(|payload| payload.codec == codec)
            .map(|payload| payload.number);
        match codec.kind() {
            Kind::Audio => self.audio_sent = sent,
            Kind::Video => self.video_sent = sent,
        }
    }

    /// The encodings of a mirror that need a key frame now; the requests count as sent.
    pub(crate) fn take_key_frame_tracks(&mut self, now: Instant) -> Tracks {
        let mut tracks = Tracks::default();
        for stream in &mut self.video {
            if stream.key_frames.take(now) {
                tracks.insert(stream.track);
            }
        }
        tracks
    }

    /// What has come since the last round of forwarding.
    pub(crate) fn take_pending(&mut self) -> Vec<Arc<Packet>> {
        self.relayed = 0;
        std::mem::take(&mut self.pending)
    }

    /// What has come since it was asked for last.
    pub(crate) fn take_unrelayed(&mut self) -> &[Arc<Packet>] {
        let from = std::mem::replace(&mut self.relayed, self.pending.len());
        self.pending.get(from..).unwrap_or_default()
    }
}
