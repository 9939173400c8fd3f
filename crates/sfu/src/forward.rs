//! A subscriber: the publisher's packets, rewritten to one continuous stream for each medium.

use model::ConnectionId;
use std::sync::Arc;
use std::time::Instant;
use str0m::Rtc;
use str0m::media::{MediaTime, Mid, Pt};
use str0m::rtp::{ExtensionValues, RtpWrite, VideoOrientation};

use crate::answer::Agreed;
use crate::codec::{Codec, Kind};
use crate::io::Counters;
use crate::packet::{Packet, Passed, Track};

/// A subscribing peer.
#[derive(Debug)]
pub(crate) struct Subscriber {
    pub(crate) publisher: ConnectionId,
    audio: Option<Stream>,
    video: Option<Stream>,
}

impl Subscriber {
    pub(crate) fn new(publisher: ConnectionId, agreed: &[Agreed]) -> Self {
        let stream = |kind: Kind| {
            let agreed = agreed.iter().find(|agreed| agreed.section.kind == kind)?;
            let payload = agreed.payloads.first()?;
            Some(Stream::new(
                Mid::from(agreed.section.mid.as_str()),
                payload.codec,
                payload.number.into(),
            ))
        };
        Self {
            publisher,
            audio: stream(Kind::Audio),
            video: stream(Kind::Video),
        }
    }

    /// Whether video is held back until a key frame comes.
    pub(crate) fn waits_for_key_frame(&self) -> bool {
        self.video
            .as_ref()
            .is_some_and(|video| video.epoch.is_none())
    }

    /// Writes a burst into the connection; the caller drains it after.
    pub(crate) fn write(&mut self, rtc: &mut Rtc, burst: &[Arc<Packet>], counters: &mut Counters) {
        for packet in burst {
            let stream = match packet.codec.kind() {
                Kind::Audio => &mut self.audio,
                Kind::Video => &mut self.video,
            };
            // A subscriber that wants only one medium drops nothing.
            let Some(stream) = stream else { continue };
            let Some((sequence, timestamp)) = stream.rewrite(packet) else {
                counters.packets_dropped += 1;
                continue;
            };
            let mut api = rtc.direct_api();
            let Some(tx) = api.stream_tx_by_mid(stream.mid, None) else {
                counters.packets_dropped += 1;
                continue;
            };
            let write = RtpWrite::new(
                stream.number,
                sequence.into(),
                timestamp,
                packet.captured,
                packet.payload.clone(),
            );
            tx.write_rtp(
                write
                    .marker(packet.marker)
                    .nackable(packet.codec.kind() == Kind::Video)
                    .ext_vals(values(packet.extensions)),
            );
            counters.packets_out += 1;
            counters.bytes_out += u64::try_from(packet.payload.len()).unwrap_or(0);
        }
    }
}

/// The extensions as str0m writes them.
fn values(passed: Passed) -> ExtensionValues {
    let time = |hundredths: u32| MediaTime::from_hundredths(hundredths.into());
    let delays = passed.playout_delay.map(|[high, middle, low]| {
        let bits = u32::from_be_bytes([0, high, middle, low]);
        (time(bits >> 12), time(bits & 0xfff))
    });
    ExtensionValues {
        audio_level: passed
            .audio_level
            .map(|level| -(level & 0x7f).cast_signed()),
        voice_activity: passed.audio_level.map(|level| level & 0x80 != 0),
        video_orientation: passed.orientation.map(VideoOrientation::from),
        play_delay_min: delays.map(|(least, _)| least),
        play_delay_max: delays.map(|(_, most)| most),
        ..ExtensionValues::default()
    }
}

/// One medium of one subscriber.
#[derive(Debug)]
struct Stream {
    mid: Mid,
    codec: Codec,
    number: Pt,
    /// The track and source that are being forwarded.
    track: Option<Track>,
    epoch: Option<u32>,
    /// The source's number that became `first_out`.
    first_in: u64,
    first_out: u64,
    /// Added to the source's timestamps.
    shift: u32,
    /// The newest packet that went out: its number, timestamp and capture time.
    newest: Option<(u64, u32, Instant)>,
}

impl Stream {
    fn new(mid: Mid, codec: Codec, number: Pt) -> Self {
        Self {
            mid,
            codec,
            number,
            track: None,
            epoch: None,
            first_in: 0,
            first_out: 1,
            shift: 0,
            newest: None,
        }
    }

    /// Sequence number and timestamp for the subscriber; `None` for a packet it does not get.
    fn rewrite(&mut self, packet: &Packet) -> Option<(u64, u32)> {
        let is_other = self.track.is_some_and(|track| track != packet.track);
        if packet.codec != self.codec || is_other {
            return None;
        }
        if self.epoch != Some(packet.epoch) {
            self.begin(packet)?;
        }
        let since = packet.sequence.checked_sub(self.first_in)?;
        let sequence = self.first_out + since;
        let timestamp = packet.timestamp.wrapping_add(self.shift);
        if self.newest.is_none_or(|(newest, ..)| sequence > newest) {
            self.newest = Some((sequence, timestamp, packet.captured));
        }
        Some((sequence, timestamp))
    }

    /// Goes over to the packet's source: right after what went out last, and as much later as it was captured later.
    /// Video begins with a key frame only.
    fn begin(&mut self, packet: &Packet) -> Option<()> {
        if self.codec.kind() == Kind::Video && !packet.is_start {
            return None;
        }
        if let Some((newest, timestamp, captured)) = self.newest {
            let later = packet.captured.saturating_duration_since(captured);
            let ticks = later.as_nanos() * u128::from(self.codec.clock_rate()) / 1_000_000_000;
            let ticks = u32::try_from(ticks & u128::from(u32::MAX))
                .unwrap_or(0)
                .max(1);
            self.first_out = newest + 1;
            self.shift = timestamp.wrapping_add(ticks).wrapping_sub(packet.timestamp);
        }
        self.first_in = packet.sequence;
        self.track = Some(packet.track);
        self.epoch = Some(packet.epoch);
        Some(())
    }
}
