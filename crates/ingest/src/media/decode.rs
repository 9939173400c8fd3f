//! Decoding AAC-LC behind a wall: whatever a frame does to the decoder costs that frame.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use symphonia_codec_aac::AacDecoder;
use symphonia_core::audio::{Audio as _, GenericAudioBufferRef};
use symphonia_core::codecs::audio::well_known::CODEC_ID_AAC;
use symphonia_core::codecs::audio::{AudioCodecParameters, AudioDecoder as _, AudioDecoderOptions};
use symphonia_core::packet::PacketRef;
use symphonia_core::units::{Duration, Timestamp};

use super::aac::Config;

/// Samples of a frame of one channel.
pub(super) const FRAME_SAMPLES: usize = 1_024;
/// Largest frame that is decoded, in bytes. AAC-LC has at most 768 for each channel (ISO/IEC 13818-7 section 8.2.2.2).
const FRAME_BYTES_MAX: usize = 8_192;
/// Samples are at most this much over full scale, whatever was written: decoders' own overshoot stays far below.
const SAMPLE_MAX: f32 = 2.0;

/// A decoder and the samples of its last frame.
pub(super) struct Decoder {
    config: Config,
    inner: Option<AacDecoder>,
    samples: Vec<Vec<f32>>,
}

/// A frame could not be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Undecodable;

impl Decoder {
    pub(super) fn new(config: Config) -> Self {
        Self {
            config,
            inner: None,
            samples: vec![Vec::new(); usize::from(config.channels)],
        }
    }

    /// Decodes one frame to [`FRAME_SAMPLES`] of each channel.
    pub(super) fn decode(&mut self, frame: &[u8]) -> Result<&[Vec<f32>], Undecodable> {
        if frame.len() > FRAME_BYTES_MAX {
            return Err(Undecodable);
        }
        if self.inner.is_none() {
            self.inner = Some(open(self.config)?);
        }
        let samples = &mut self.samples;
        walled(&mut self.inner, |inner| decode(inner, frame, samples))?;
        Ok(&self.samples)
    }

    /// Forgets the frames before: what comes next does not follow on them.
    pub(super) fn reset(&mut self) {
        if let Some(inner) = &mut self.inner {
            inner.reset();
        }
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

/// Lets something work on a state. If it panics, the state is gone with what the panic may have left in it.
fn walled<T>(
    state: &mut Option<T>,
    work: impl FnOnce(&mut T) -> Result<(), Undecodable>,
) -> Result<(), Undecodable> {
    let mut inner = state.take().ok_or(Undecodable)?;
    let (inner, result) = catch_unwind(AssertUnwindSafe(|| {
        let result = work(&mut inner);
        (inner, result)
    }))
    .map_err(|_| Undecodable)?;
    *state = Some(inner);
    result
}

fn open(config: Config) -> Result<AacDecoder, Undecodable> {
    let channels = match config.channels {
        1 => symphonia_core::audio::layouts::CHANNEL_LAYOUT_MONO,
        _ => symphonia_core::audio::layouts::CHANNEL_LAYOUT_STEREO,
    };
    let mut parameters = AudioCodecParameters::new();
    parameters
        .for_codec(CODEC_ID_AAC)
        .with_sample_rate(config.sample_rate)
        .with_channels(channels);
    AacDecoder::try_new(&parameters, &AudioDecoderOptions::default()).map_err(|_| Undecodable)
}

fn decode(
    decoder: &mut AacDecoder,
    frame: &[u8],
    samples: &mut [Vec<f32>],
) -> Result<(), Undecodable> {
    let packet = PacketRef::new(0, Timestamp::ZERO, Duration::ZERO, frame);
    let Ok(GenericAudioBufferRef::F32(buffer)) = decoder.decode_ref(&packet) else {
        return Err(Undecodable);
    };
    for (index, samples) in samples.iter_mut().enumerate() {
        let plane = buffer
            .plane(index)
            .filter(|plane| plane.len() == FRAME_SAMPLES)
            .ok_or(Undecodable)?;
        samples.clear();
        samples.extend(plane.iter().map(|sample| {
            if sample.is_finite() {
                sample.clamp(-SAMPLE_MAX, SAMPLE_MAX)
            } else {
                0.0
            }
        }));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_costs_the_frame_and_what_the_decoder_knew() {
        let mut state = Some(vec![1]);
        assert_eq!(walled(&mut state, |_| Err(Undecodable)), Err(Undecodable));
        assert_eq!(state, Some(vec![1]));
        let result = walled(&mut state, |state| {
            state.clear();
            let beyond = state.len();
            state[beyond] = 2;
            Ok(())
        });
        assert_eq!(result, Err(Undecodable));
        assert_eq!(state, None);
    }

    #[test]
    fn every_rate_that_is_taken_has_a_decoder() {
        for sample_rate in [
            96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025,
            8_000, 7_350,
        ] {
            for channels in [1, 2] {
                assert!(
                    open(Config {
                        sample_rate,
                        channels
                    })
                    .is_ok(),
                    "{sample_rate} Hz"
                );
            }
        }
    }
}
