//! A publisher's sender reports, made into one time line for its audio and video, so that subscribers play both in step.

use std::time::{Duration, Instant, SystemTime};

use str0m::rtp::RtpPacket;

use crate::codec::Codec;

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
    pub(crate) fn captured(&mut self, packet: &RtpPacket, codec: Codec) -> Instant {
        let arrived = packet.timestamp;
        self.by_report(packet, codec)
            .filter(|captured| {
                let ahead = captured.saturating_duration_since(arrived);
                let behind = arrived.saturating_duration_since(*captured);
                ahead.max(behind) < TRUST
            })
            .unwrap_or(arrived)
    }

    fn by_report(&mut self, packet: &RtpPacket, codec: Codec) -> Option<Instant> {
        let report = packet.last_sender_info.as_ref()?;
        // Timestamps wrap; the difference of two close ones does not (RFC 3550 section 5.1).
        let low = |ticks: u64| u32::try_from(ticks & u64::from(u32::MAX)).unwrap_or(0);
        let ticks = packet
            .header
            .timestamp
            .wrapping_sub(low(report.rtp_time.numer()))
            .cast_signed();
        let since = Duration::from_secs(u64::from(ticks.unsigned_abs())) / codec.clock_rate();
        let shift = |at: SystemTime| {
            if ticks >= 0 {
                at.checked_add(since)
            } else {
                at.checked_sub(since)
            }
        };
        let sent = shift(report.ntp_time)?;
        let (theirs, ours) = *self.anchor.get_or_insert((sent, packet.timestamp));
        match sent.duration_since(theirs) {
            Ok(later) => ours.checked_add(later),
            Err(earlier) => ours.checked_sub(earlier.duration()),
        }
    }
}
