//! How the audio follows its timestamps.
//!
//! An encoder counts samples with one clock and writes timestamps with another, rounds them to milliseconds, and loses or repeats
//! some. Video goes by the timestamps, so audio has to as well, or the two drift apart. What is compared is where a frame belongs
//! by its timestamp with where it would come to lie if it were appended to what was made so far; the difference is the *error*.
//!
//! Small errors are drift and rounding: they are smoothed, and the audio is stretched by as much as cannot be heard. Large ones are
//! gaps and overlaps, which no stretching makes good in time.

/// Error from which it is a gap or an overlap, in seconds: a little below the 40 ms at which people begin to see it.
const SMALL_MAX: f64 = 0.035;
/// Longest gap that is filled with silence, in seconds. Over a longer one the audio jumps: filling it would send all of the silence
/// late, and who listens would wait for it from then on.
const FILL_MAX: f64 = 0.2;
/// Frames that all have to overlap before one is left out. Encoders that pack several frames together write the same timestamp on
/// all of them, so that only the earliest of several errors says anything.
const OVERLAP_FRAMES: usize = 8;

/// Most that the audio is stretched, as a fraction: 3.5 cents, half of what a trained ear can tell.
const STRETCH_MAX: f64 = 0.002;
/// Most of that which is taken for drift. Crystals are within 0.0001, sound cards of virtual machines within 0.0005.
const DRIFT_MAX: f64 = 0.001;
/// Time over which errors are averaged, in seconds: the rounding to milliseconds vanishes in it.
const SMOOTHING: f64 = 2.0;
/// A controller with two equal poles at a twentieth of a hertz (in radians): a drift of 500 ppm that sets in at once is an error of
/// 4 ms at most, and of none after two minutes.
const PROPORTIONAL: f64 = 0.1;
const INTEGRAL: f64 = 0.0025;

/// What to do with a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Step {
    /// Append it.
    Play,
    /// Append so many seconds of silence first.
    Fill(f64),
    /// Go on at its timestamp.
    Jump,
    /// Leave it out.
    Drop,
}

/// The controller.
#[derive(Clone, Debug, Default)]
pub(super) struct Follower {
    smoothed: f64,
    drift: f64,
    recent: [f64; OVERLAP_FRAMES],
    is_dropping: bool,
}

impl Follower {
    /// Takes the error of a frame of `seconds`: positive where its timestamp is later than its place.
    pub(super) fn step(&mut self, error: f64, seconds: f64) -> Step {
        if error > SMALL_MAX {
            self.settle();
            return if error > FILL_MAX {
                Step::Jump
            } else {
                Step::Fill(error)
            };
        }
        self.recent.rotate_left(1);
        if let Some(newest) = self.recent.last_mut() {
            *newest = error;
        }
        let earliest = self
            .recent
            .iter()
            .copied()
            .fold(f64::NEG_INFINITY, f64::max);
        let bound = if self.is_dropping {
            -seconds / 2.0
        } else {
            -SMALL_MAX
        };
        self.is_dropping = earliest < bound;
        if self.is_dropping {
            // What is appended next lies so much earlier.
            self.recent.iter_mut().for_each(|recent| *recent += seconds);
            self.smoothed = 0.0;
            return Step::Drop;
        }
        self.smoothed += (error - self.smoothed) * seconds / SMOOTHING;
        self.drift = (self.drift + self.smoothed * INTEGRAL * seconds).clamp(-DRIFT_MAX, DRIFT_MAX);
        Step::Play
    }

    /// Begins anew at a place without error; the drift stays known.
    pub(super) fn settle(&mut self) {
        *self = Self {
            drift: self.drift,
            ..Self::default()
        };
    }

    /// How much longer the audio is to become, as a fraction.
    pub(super) fn stretch(&self) -> f64 {
        (self.smoothed * PROPORTIONAL + self.drift).clamp(-STRETCH_MAX, STRETCH_MAX)
    }

    /// How much faster the encoder counts samples than time, as a fraction.
    pub(super) fn drift(&self) -> f64 {
        -self.drift
    }
}
