//! A publisher's sender reports, made into one time line for its audio and video, so that subscribers play both in step.

use std::time::{Duration, Instant, SystemTime};

use crate::codec::Codec;
use crate::incoming::Incoming;

/// A capture time that is further from the arrival than this is not believed.
const TRUST: Duration = Duration::from_secs(5);

/// Maps the publisher's clock to ours.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    /// One moment on both clocks: the first sender report, as it arrived.
    anchor: Option<(SystemTime, Instant)>,
}

impl Clock {
    /// When the packet was captured, on our clock; without a sender report, when it arrived.
    pub(crate) fn captured(&mut self, packet: &Incoming, codec: Codec) -> Instant {
        let arrived = packet.arrived;
        self.by_report(packet, codec)
            .filter(|captured| {
                let ahead = captured.saturating_duration_since(arrived);
                let behind = arrived.saturating_duration_since(*captured);
                ahead.max(behind) < TRUST
            })
            .unwrap_or(arrived)
    }

    fn by_report(&mut self, packet: &Incoming, codec: Codec) -> Option<Instant> {
        let report = packet.report?;
        // Timestamps wrap; the difference of two close ones does not (RFC 3550 section 5.1).
        let ticks = packet
            .timestamp
            .wrapping_sub(report.timestamp)
            .cast_signed();
        let since = Duration::from_secs(u64::from(ticks.unsigned_abs())) / codec.clock_rate();
        let shift = |at: SystemTime| {
            if ticks >= 0 {
                at.checked_add(since)
            } else {
                at.checked_sub(since)
            }
        };
        let sent = shift(report.at)?;
        let (theirs, ours) = *self.anchor.get_or_insert((sent, packet.arrived));
        match sent.duration_since(theirs) {
            Ok(later) => ours.checked_add(later),
            Err(earlier) => ours.checked_sub(earlier.duration()),
        }
    }
}
