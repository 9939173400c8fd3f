//! One packet of a publisher, as all its subscribers share it.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use str0m::media::Frequency;
use str0m::rtp::ExtensionValues;

use crate::codec::Codec;
use crate::red::Red;
use crate::vp8::Picture;

/// Which of a publisher's streams: its audio, or one encoding of its video in the order of the offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Track(u8);

impl Track {
    /// The audio.
    pub(crate) const AUDIO: Self = Self(0);
    /// Most encodings of one video.
    pub(crate) const LAYERS_MAX: usize = 3;

    /// The encoding of that place in the offer, from 0 on; `None` beyond [`Track::LAYERS_MAX`].
    pub(crate) fn video(place: usize) -> Option<Self> {
        let number = u8::try_from(place).ok()?.checked_add(1)?;
        (place < Self::LAYERS_MAX).then_some(Self(number))
    }

    /// The encoding's place in the offer; `None` for audio.
    pub(crate) fn place(self) -> Option<usize> {
        usize::from(self.0).checked_sub(1)
    }
}

/// One packet; never changed once it is shared.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) track: Track,
    pub(crate) codec: Codec,
    /// Changes with each new source of the track; sequence numbers and timestamps run on within one.
    pub(crate) epoch: u32,
    /// Without gaps, but for packets that are lost or late.
    pub(crate) sequence: u64,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    /// A decoder can start here.
    pub(crate) is_start: bool,
    /// VP8: where its descriptor numbers the picture.
    pub(crate) picture: Option<Picture>,
    /// Opus: what came before it is repeated in its payload.
    pub(crate) red: Option<Red>,
    pub(crate) extensions: Passed,
    /// When it was captured, on our clock.
    pub(crate) captured: Instant,
    /// When it came in.
    pub(crate) arrived: Instant,
    pub(crate) payload: Arc<[u8]>,
}

impl Packet {
    /// Its own media, without what is repeated.
    pub(crate) fn media(&self) -> &[u8] {
        match self.red {
            Some(red) => red.primary(&self.payload),
            None => &self.payload,
        }
    }
}

/// Header extensions that mean the same on the next hop, as their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Passed {
    /// Voice activity and level (RFC 6464 section 3).
    pub(crate) audio_level: Option<u8>,
    /// Coordination of video orientation (3GPP TS 26.114 section 7.4.5).
    pub(crate) orientation: Option<u8>,
    /// Playout delay (webrtc.org experiments): 12 bits each of least and most, 10 ms.
    pub(crate) playout_delay: Option<[u8; 3]>,
    /// Absolute capture time (webrtc.org experiments): NTP format, without the clock offset.
    pub(crate) capture_time: Option<[u8; 8]>,
}

/// Seconds from the beginning of NTP's era to Unix's (RFC 5905 section 6).
const NTP_TO_UNIX: u64 = 2_208_988_800;

impl Passed {
    /// What str0m has read, as bytes again.
    pub(crate) fn read(values: &ExtensionValues) -> Self {
        let level = |level: i8| {
            let voice = if values.voice_activity == Some(true) {
                0x80
            } else {
                0
            };
            voice | (level.unsigned_abs() & 0x7f)
        };
        let delays = values.play_delay_min.zip(values.play_delay_max);
        Self {
            audio_level: values.audio_level.map(level),
            orientation: values
                .video_orientation
                .map(|orientation| orientation as u8),
            playout_delay: delays.map(|(least, most)| {
                let bits = |time: str0m::media::MediaTime| {
                    u32::try_from(time.rebase(Frequency::HUNDREDTHS).numer() & 0xfff).unwrap_or(0)
                };
                let [_, bytes @ ..] = (bits(least) << 12 | bits(most)).to_be_bytes();
                bytes
            }),
            capture_time: values
                .abs_capture_time
                .and_then(|time| ntp(time.capture_time))
                .map(u64::to_be_bytes),
        }
    }
}

/// NTP format: 32 bits of seconds, 32 of their fraction.
fn ntp(at: SystemTime) -> Option<u64> {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let seconds = since.as_secs().checked_add(NTP_TO_UNIX)?;
    let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
    Some(seconds << 32 | fraction)
}
