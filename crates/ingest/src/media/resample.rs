//! Samples of any rate to 48 kHz, 20 ms at a time, at a ratio that can be trimmed while it runs.

use std::fmt;

use rubato::audioadapter_buffers::direct::{InterleavedSlice, SequentialSliceOfVecs};
use rubato::{
    Adjustable as _, Async, FixedAsync, Resampler as _, SincInterpolationParameters,
    SincInterpolationType, WindowFunction,
};

use super::encode::{PACKET_SAMPLES, SAMPLE_RATE};

/// Length of the filter in input samples: from 44.1 kHz its passband ends at 20 kHz, where that of Opus does.
const FILTER_SAMPLES: usize = 64;
/// The same for rates above that of Opus, where what Opus cannot hold has to be taken out.
const FILTER_SAMPLES_DOWN: usize = 128;
/// Largest deviation from the rate's own ratio.
const RATIO_MAX: f64 = 1.01;

/// One resampler with the samples that wait for it.
pub(super) struct Resampler {
    rate: u32,
    channels: usize,
    filter_samples: usize,
    inner: Async<f32>,
    waiting: Vec<Vec<f32>>,
    made: Vec<f32>,
}

impl Resampler {
    /// From `rate` to 48 kHz.
    pub(super) fn new(rate: u32, channels: usize) -> Self {
        let filter_samples = if rate > SAMPLE_RATE {
            FILTER_SAMPLES_DOWN
        } else {
            FILTER_SAMPLES
        };
        let parameters = SincInterpolationParameters::new(filter_samples, WindowFunction::Blackman)
            .oversampling_factor(256)
            .interpolation(SincInterpolationType::Linear);
        let ratio = f64::from(SAMPLE_RATE) / f64::from(rate);
        let inner = Async::new_sinc(
            ratio,
            RATIO_MAX,
            &parameters,
            PACKET_SAMPLES,
            channels,
            FixedAsync::Output,
        )
        .expect("rates of AAC are between 7,350 and 96,000");
        Self {
            rate,
            channels,
            filter_samples,
            inner,
            waiting: vec![Vec::new(); channels],
            made: vec![0.0; PACKET_SAMPLES * channels],
        }
    }

    /// Takes samples, a slice for each channel.
    pub(super) fn push(&mut self, samples: &[Vec<f32>]) {
        for (waiting, samples) in self.waiting.iter_mut().zip(samples) {
            waiting.extend_from_slice(samples);
        }
    }

    /// Takes silence.
    pub(super) fn push_silence(&mut self, samples: usize) {
        for waiting in &mut self.waiting {
            waiting.resize(waiting.len() + samples, 0.0);
        }
    }

    /// Takes away the oldest samples that wait.
    pub(super) fn skip(&mut self, samples: usize) {
        for waiting in &mut self.waiting {
            waiting.drain(..samples.min(waiting.len()));
        }
    }

    /// Drops what waits, which has to be silence: the filter's own memory stays.
    pub(super) fn clear(&mut self) {
        self.waiting.iter_mut().for_each(Vec::clear);
    }

    /// Time for which a sample stays in the filter, in seconds: half of its length.
    pub(super) fn delay(&self) -> f64 {
        let half = u32::try_from(self.filter_samples / 2).unwrap_or_default();
        f64::from(half) / f64::from(self.rate)
    }

    /// Samples that wait.
    pub(super) fn waiting_samples(&self) -> usize {
        self.waiting.first().map_or(0, Vec::len)
    }

    /// Sets how much longer than by its own rate the audio becomes, as a fraction; within a thousandth. It takes effect over the
    /// next 20 ms, so that it cannot be heard.
    pub(super) fn stretch(&mut self, stretch: f64) {
        // Out of bounds there is nothing to be done but to stay with the last one.
        let _ = self.inner.set_resample_ratio_relative(1.0 + stretch, true);
    }

    /// 20 ms of interleaved samples, if enough have come.
    pub(super) fn pop(&mut self) -> Option<&[f32]> {
        let needed = self.inner.input_frames_next();
        if self.waiting_samples() < needed {
            return None;
        }
        {
            let input = SequentialSliceOfVecs::new(&self.waiting, self.channels, needed).ok()?;
            let mut output =
                InterleavedSlice::new_mut(&mut self.made, self.channels, PACKET_SAMPLES).ok()?;
            self.inner
                .process_into_buffer(&input, &mut output, None)
                .ok()?;
        }
        self.skip(needed);
        Some(&self.made)
    }
}

impl fmt::Debug for Resampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resampler")
            .field("rate", &self.rate)
            .field("channels", &self.channels)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A second of a sine at half of full scale, from one rate to 48 kHz; the first 50 ms are left out.
    fn sine(rate: u32, hertz: f64, stretch: f64) -> Vec<f32> {
        let mut resampler = Resampler::new(rate, 1);
        resampler.stretch(stretch);
        let step = hertz / f64::from(rate) * std::f64::consts::TAU;
        #[expect(clippy::cast_possible_truncation, reason = "samples")]
        let samples = (0..rate)
            .map(|index| ((f64::from(index) * step).sin() / 2.0) as f32)
            .collect();
        resampler.push(&[samples]);
        let mut made = Vec::new();
        while let Some(samples) = resampler.pop() {
            made.extend_from_slice(samples);
        }
        made.split_off(2_400)
    }

    /// What is left of a signal without its best sine of one frequency, over that sine, in decibels.
    fn noise_db(samples: &[f32], hertz: f64) -> (f64, f64) {
        let turn = |index: usize| {
            f64::from(u32::try_from(index).unwrap()) * hertz / 48_000.0 * std::f64::consts::TAU
        };
        // Least squares over sine and cosine.
        let (mut cc, mut ss, mut cs, mut xc, mut xs) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for (index, sample) in samples.iter().enumerate() {
            let (s, c) = turn(index).sin_cos();
            cc += c * c;
            ss += s * s;
            cs += c * s;
            xc += f64::from(*sample) * c;
            xs += f64::from(*sample) * s;
        }
        let determinant = cc * ss - cs * cs;
        let (a, b) = (
            (xc * ss - xs * cs) / determinant,
            (xs * cc - xc * cs) / determinant,
        );
        let (mut signal, mut noise) = (0.0, 0.0);
        for (index, sample) in samples.iter().enumerate() {
            let (s, c) = turn(index).sin_cos();
            let fitted = a * c + b * s;
            signal += fitted * fitted;
            noise += (f64::from(*sample) - fitted).powi(2);
        }
        (a.hypot(b), 10.0 * (noise / signal).log10())
    }

    #[test]
    fn every_rate_of_aac_comes_out_clean() {
        for (rate, hertz) in [
            (44_100, 1_000.0),
            (44_100, 15_000.0),
            (48_000, 1_000.0),
            (48_000, 15_000.0),
            (96_000, 1_000.0),
            (32_000, 10_000.0),
            (22_050, 5_000.0),
            (7_350, 1_000.0),
        ] {
            let (level, noise) = noise_db(&sine(rate, hertz, 0.0), hertz);
            assert!((level - 0.5).abs() < 0.001, "{level} from {rate} Hz");
            assert!(noise < -80.0, "{noise} dB from {rate} Hz at {hertz} Hz");
        }
    }

    #[test]
    fn stretched_audio_is_lower_by_as_much_and_as_clean() {
        for stretch in [0.000_5, -0.002] {
            let (level, noise) =
                noise_db(&sine(44_100, 1_000.0, stretch), 1_000.0 / (1.0 + stretch));
            assert!((level - 0.5).abs() < 0.001, "{level} at {stretch}");
            assert!(noise < -80.0, "{noise} dB at {stretch}");
        }
    }

    #[test]
    fn a_sample_comes_out_when_the_delay_says() {
        for rate in [44_100, 48_000, 22_050] {
            let mut resampler = Resampler::new(rate, 1);
            let mut samples = vec![0.0; 8_192];
            samples[4_000] = 1.0;
            resampler.push(&[samples]);
            let mut made = Vec::new();
            while let Some(samples) = resampler.pop() {
                made.extend_from_slice(samples);
            }
            let loudest = made
                .iter()
                .enumerate()
                .max_by(|a, b| a.1.total_cmp(b.1))
                .unwrap()
                .0;
            let came = f64::from(u32::try_from(loudest).unwrap()) / 48_000.0;
            let expected = 4_000.0 / f64::from(rate) + resampler.delay();
            assert!(
                (came - expected).abs() < 0.000_06,
                "{} ms off from {rate} Hz",
                (came - expected) * 1e3
            );
        }
    }
}
