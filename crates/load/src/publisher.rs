//! What a publisher's connection sends.

use std::time::{Instant, UNIX_EPOCH};

use reqwest::Url;
use str0m::Event;
use str0m::media::Rid;
use str0m::rtp::{AbsCaptureTime, ExtensionValues, RtpWrite};

use crate::clock::Wall;
use crate::options::{Bearer, LAYERS_MAX, Source};
use crate::peer::{Peer, RIDS};
use crate::report::Sent;
use crate::source::{Generator, Packet};

/// What RFC 6464 says of speech at a usual loudness, in decibels below overload.
const SPEECH_LEVEL: i8 = -30;

/// One publisher.
pub(crate) struct Publisher {
    pub(crate) bearer: Option<Bearer>,
    pub(crate) resource: Option<Url>,
    pub(crate) fault: Option<String>,
    pub(crate) sent: Sent,
    generator: Option<Generator>,
    /// Next sequence numbers: of each layer, and of audio.
    next: [u64; LAYERS_MAX],
    next_audio: u64,
    layers: usize,
    due: Vec<Packet>,
}

impl Publisher {
    pub(crate) fn new(bearer: Option<Bearer>, layers: usize) -> Self {
        Self {
            bearer,
            resource: None,
            fault: None,
            sent: Sent::default(),
            generator: None,
            next: [1; LAYERS_MAX],
            next_audio: 1,
            layers,
            due: Vec::new(),
        }
    }

    /// Begins to send.
    pub(crate) fn start(&mut self, source: &Source, number: usize, now: Instant) {
        if self.generator.is_none() {
            self.generator = Some(Generator::new(source, number, now));
        }
    }

    /// Sends no more.
    pub(crate) fn stop(&mut self) {
        self.generator = None;
    }

    /// When the next packet is due.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.generator.as_ref()?.due()
    }

    /// Sends what is due.
    pub(crate) fn send(&mut self, peer: &mut Peer, now: Instant, wall: &Wall) {
        let Some(generator) = &mut self.generator else {
            return;
        };
        let mut due = std::mem::take(&mut self.due);
        generator.take(now, wall.at(now), &mut due);
        for packet in due.drain(..) {
            self.write(peer, packet, now, wall);
        }
        self.due = due;
        peer.timeout(now, &mut |event| self.event(&event, now));
    }

    fn write(&mut self, peer: &mut Peer, packet: Packet, now: Instant, wall: &Wall) {
        let (mid, rid, next) = match packet.layer {
            Some(layer) => (peer.video, self.rid(layer), self.next.get_mut(layer)),
            None => (peer.audio, None, Some(&mut self.next_audio)),
        };
        let (Some(mid), Some(next)) = (mid, next) else {
            return;
        };
        let payload_type = peer
            .rtc
            .media(mid)
            .and_then(|media| media.remote_pts().first().copied());
        let Some(payload_type) = payload_type else {
            // This medium was not wanted.
            return;
        };
        let values = ExtensionValues {
            abs_capture_time: Some(AbsCaptureTime {
                capture_time: UNIX_EPOCH + wall.at(now),
                clock_offset: None,
            }),
            audio_level: packet.layer.is_none().then_some(SPEECH_LEVEL),
            voice_activity: packet.layer.is_none().then_some(true),
            ..ExtensionValues::default()
        };
        let bytes = packet.payload.len() as u64;
        let mut api = peer.rtc.direct_api();
        let Some(stream) = api.stream_tx_by_mid(mid, rid) else {
            return;
        };
        let write = RtpWrite::new(
            payload_type,
            (*next).into(),
            packet.timestamp,
            now,
            packet.payload,
        );
        stream.write_rtp(
            write
                .marker(packet.marker)
                .nackable(packet.layer.is_some())
                .ext_vals(values),
        );
        *next += 1;
        self.sent.packets += 1;
        self.sent.bytes += bytes;
        let is_end = packet.layer.is_some() && packet.marker;
        self.sent.pictures += u64::from(is_end);
        self.sent.key_frames += u64::from(is_end && packet.is_key);
    }

    fn rid(&self, layer: usize) -> Option<Rid> {
        let rid = RIDS.get(layer).filter(|_| self.layers > 1)?;
        Some((*rid).into())
    }

    /// Takes what happened.
    pub(crate) fn event(&mut self, event: &Event, now: Instant) {
        let Event::KeyframeRequest(request) = event else {
            return;
        };
        self.sent.key_frame_requests += 1;
        let layer = request
            .rid
            .and_then(|rid| RIDS.iter().position(|each| Rid::from(*each) == rid));
        if let Some(generator) = &mut self.generator {
            generator.want_key_frame(layer.unwrap_or(0), now);
        }
    }
}
