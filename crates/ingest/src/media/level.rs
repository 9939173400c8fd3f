//! How loud sound is, as the header extension of RFC 6464 has it.

/// Silence (RFC 6464 section 3).
const SILENCE: u8 = 127;

/// The level of samples of any number of channels, in -dBov: their root mean square below that of a full-scale square wave
/// (RFC 6465 appendix A). Channels count as one, as in browsers. What is louder than 0 is 0, and silence is 127.
pub(super) fn of(samples: &[f32]) -> u8 {
    let count = u32::try_from(samples.len()).unwrap_or(u32::MAX).max(1);
    let power = samples.iter().map(|sample| sample * sample).sum::<f32>();
    let db = -10.0 * (f64::from(power) / f64::from(count)).log10();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is clamped; what is no number is 0 and does not come, because decoders give numbers"
    )]
    let level = db.round().clamp(0.0, f64::from(SILENCE)) as u8;
    level
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 20 ms of a sine in both channels.
    fn sine(amplitude: f32) -> Vec<f32> {
        let step = 1_000.0 / 48_000.0 * std::f32::consts::TAU;
        let sample = |index: u16| (f32::from(index) * step).sin() * amplitude;
        (0..960)
            .flat_map(|index| [sample(index), sample(index)])
            .collect()
    }

    #[test]
    fn a_sine_is_three_decibels_below_a_square_wave_and_halves_are_six_lower() {
        assert_eq!(of(&[1.0, -1.0].repeat(960)), 0);
        for (amplitude, level) in [(1.0, 3), (0.5, 9), (0.25, 15), (0.01, 43), (0.001, 63)] {
            assert_eq!(of(&sine(amplitude)), level, "{amplitude}");
        }
    }

    #[test]
    fn channels_count_as_one() {
        let one_side: Vec<_> = sine(0.5)
            .chunks(2)
            .flat_map(|pair| [pair[0], 0.0])
            .collect();
        assert_eq!(of(&one_side), 12);
    }

    #[test]
    fn silence_is_127_and_overload_is_0() {
        assert_eq!(of(&[0.0; 1_920]), 127);
        assert_eq!(of(&[1e-9; 1_920]), 127);
        assert_eq!(of(&[]), 127);
        assert_eq!(of(&[2.0; 1_920]), 0);
    }
}
