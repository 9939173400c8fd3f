//! How large the bucket of tokens may be that a shaper on the way has.

/// What a sustained probe sends beyond what the link is known to bear, in bytes: at least, and at most.
const VOLUME: f64 = 20_000.0;
const VOLUME_MAX: f64 = 96_000.0;
/// A bucket that was emptied is taken for so much larger than what passed, and as much more, in bytes.
const EMPTIED: f64 = 1.1;
const EMPTIED_BYTES: f64 = 2_500.0;
/// How far the volume follows one that is smaller.
const SHRINK: f64 = 0.25;
/// The pause after a promise of the largest probe was broken, in microseconds: at first, and at most after it has doubled.
const BACKOFF_US: i64 = 5_000_000;
const BACKOFF_US_MAX: i64 = 60_000_000;

/// What is assumed of it.
#[derive(Debug)]
pub(super) struct Bucket {
    /// How much a sustained probe sends beyond what is known to be borne, in bytes.
    volume: f64,
    /// Whether it has had time since an upgrade emptied it.
    is_refilled: bool,
    /// The next pause after a broken promise.
    backoff_us: i64,
}

impl Default for Bucket {
    fn default() -> Self {
        Self {
            volume: VOLUME,
            is_refilled: true,
            backoff_us: BACKOFF_US,
        }
    }
}

impl Bucket {
    /// What empties it, in bits.
    pub(super) fn bits(&self) -> f64 {
        self.volume * 8.0
    }

    /// It was emptied of that many bytes. How full it was is not known: what is smaller counts little.
    pub(super) fn emptied(&mut self, bytes: f64) {
        let volume = (bytes * EMPTIED + EMPTIED_BYTES).clamp(VOLUME, VOLUME_MAX);
        if volume > self.volume {
            self.volume = volume;
        } else if self.is_refilled {
            self.volume += (volume - self.volume) * SHRINK;
        }
        self.is_refilled = true;
    }

    /// A sustained probe passed, and that many bytes more beyond what the link bears. Gives the time in microseconds for which no
    /// probe tells anything, when it is larger than probes can be.
    pub(super) fn passed(&mut self, bytes: f64) -> Option<i64> {
        let pause = (self.volume >= VOLUME_MAX).then_some(self.backoff_us);
        if pause.is_some() {
            self.backoff_us = (self.backoff_us * 2).min(BACKOFF_US_MAX);
        }
        // The probe had emptied as much as that before.
        self.emptied(self.volume + bytes.max(0.0));
        self.is_refilled = false;
        pause
    }
}
