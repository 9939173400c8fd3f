//! How much flows.
//!
//! Bytes are counted in windows of time, and the windows' rates are combined by their credibility: a window whose rate is far
//! from the present estimate moves it less, because a burst of one picture or a gap between two makes such a window too. This
//! is how libwebrtc's `BitrateEstimator` works (`modules/congestion_controller/goog_cc/bitrate_estimator.cc`), whose constants
//! these are.

/// The first estimate takes longer, in microseconds.
const FIRST_WINDOW_US: i64 = 500_000;
/// The window of all others, in microseconds.
const WINDOW_US: i64 = 150_000;
/// Windows with less than this are thought little of when they would lower the estimate, in bytes.
const SMALL_BYTES: i64 = 2_000;
/// How uncertain a window is, per distance from the estimate, in percent.
const UNCERTAINTY: f64 = 10.0;
/// The same for small windows.
const SMALL_UNCERTAINTY: f64 = 25.0;
/// Variance of the estimate in the beginning, and what each window adds.
const VARIANCE: f64 = 50.0;
const VARIANCE_STEP: f64 = 5.0;
/// Least estimate, bits per second; it is divided by.
const BPS_MIN: f64 = 1_000.0;

/// A measured rate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Throughput {
    bps: Option<f64>,
    /// The rate of the last window.
    last: f64,
    variance: f64,
    bytes: i64,
    /// When the present window began and when the last bytes came, in microseconds.
    times: Option<(i64, i64)>,
}

impl Default for Throughput {
    fn default() -> Self {
        Self {
            bps: None,
            last: 0.0,
            variance: VARIANCE,
            bytes: 0,
            times: None,
        }
    }
}

impl Throughput {
    /// Bits per second; `None` before the first window has passed.
    pub(super) fn bps(&self) -> Option<f64> {
        self.bps
    }

    /// The same, or what the last window had if that is more: after a step up the estimate takes some windows to follow.
    pub(super) fn peak_bps(&self) -> Option<f64> {
        Some(self.bps?.max(self.last))
    }

    /// Counts bytes. Time that goes back counts as standing still.
    pub(super) fn add(&mut self, at_us: i64, bytes: u16) {
        let (begun, last) = *self.times.get_or_insert((at_us, at_us));
        let at_us = at_us.max(last);
        let window = self.bps.map_or(FIRST_WINDOW_US, |_| WINDOW_US);
        let mut begun = begun;
        if at_us - begun >= window {
            // A window that nothing came in for long says that little was sent, and not how much would get through.
            if at_us - last < window {
                self.close(at_us - begun);
            }
            self.bytes = 0;
            begun = at_us;
        }
        self.bytes += i64::from(bytes);
        self.times = Some((begun, at_us));
    }

    #[expect(clippy::cast_precision_loss, reason = "bytes of a window")]
    fn close(&mut self, window_us: i64) {
        let sample = self.bytes as f64 * 8_000_000.0 / window_us as f64;
        self.last = sample;
        let Some(bps) = self.bps else {
            self.bps = Some(sample.max(BPS_MIN));
            return;
        };
        let scale = if self.bytes < SMALL_BYTES && sample < bps {
            SMALL_UNCERTAINTY
        } else {
            UNCERTAINTY
        };
        let uncertainty = scale * (bps - sample).abs() / bps;
        let variance = uncertainty * uncertainty;
        let predicted = self.variance + VARIANCE_STEP;
        let combined = (variance * bps + predicted * sample) / (variance + predicted);
        self.bps = Some(combined.max(BPS_MIN));
        self.variance = variance * predicted / (variance + predicted);
    }
}
