//! Encoding Opus by libopus: 20 ms a packet, always for two channels.
//!
//! In-band FEC stays off: it is part of the speech layer. With it on and a loss announced, libopus encodes all of a piece of music
//! at 128 kbit/s in hybrid mode; without, in none of it.

use bytes::Bytes;
use opus::{Application, Bitrate, Channels};

/// Hertz; the one rate at which Opus is sent.
pub(super) const SAMPLE_RATE: u32 = 48_000;
/// Samples of one channel in a packet: 20 ms.
pub(super) const PACKET_SAMPLES: usize = 960;
/// Largest packet that the encoder is given room for, in bytes: what RFC 6716 section 3.4 allows for one frame.
const PACKET_BYTES_MAX: usize = 1_276;
/// How hard the encoder tries, of 10. `docs/ingest-media.md` has what each costs.
const COMPLEXITY: i32 = 10;

/// An encoder.
#[derive(Debug)]
pub(super) struct Encoder {
    inner: opus::Encoder,
    delay_samples: i32,
    stereo: Vec<f32>,
    packet: Vec<u8>,
}

impl Encoder {
    /// An encoder at a rate in bits per second; libopus takes 500 to 512,000 and moves others there.
    pub(super) fn new(bitrate_bps: u32) -> Result<Self, opus::Error> {
        Self::with_complexity(bitrate_bps, COMPLEXITY)
    }

    pub(super) fn with_complexity(bitrate_bps: u32, complexity: i32) -> Result<Self, opus::Error> {
        let mut inner = opus::Encoder::new(SAMPLE_RATE, Channels::Stereo, Application::Audio)?;
        inner.set_bitrate(Bitrate::Bits(
            i32::try_from(bitrate_bps.clamp(6_000, 510_000)).unwrap_or(128_000),
        ))?;
        inner.set_complexity(complexity)?;
        inner.set_inband_fec(false)?;
        let delay_samples = inner.get_lookahead()?;
        Ok(Self {
            inner,
            delay_samples,
            stereo: Vec::with_capacity(PACKET_SAMPLES * 2),
            packet: vec![0; PACKET_BYTES_MAX],
        })
    }

    /// How much later than it was pushed a sample comes out of a decoder, in samples.
    pub(super) fn delay_samples(&self) -> i32 {
        self.delay_samples
    }

    /// Says whether what follows has one channel, which is then encoded as one.
    pub(super) fn set_mono(&mut self, is_mono: bool) -> Result<(), opus::Error> {
        self.inner
            .set_force_channels(is_mono.then_some(Channels::Mono))
    }

    /// Encodes 20 ms of interleaved samples.
    pub(super) fn encode(
        &mut self,
        samples: &[f32],
        channels: usize,
    ) -> Result<Bytes, opus::Error> {
        let samples = if channels == 1 {
            self.stereo.clear();
            self.stereo
                .extend(samples.iter().flat_map(|sample| [*sample, *sample]));
            &self.stereo
        } else {
            samples
        };
        let length = self.inner.encode_float(samples, &mut self.packet)?;
        Ok(Bytes::copy_from_slice(
            self.packet.get(..length).unwrap_or_default(),
        ))
    }
}
