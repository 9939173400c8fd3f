//! A packet of a publisher as it has come out of its connection.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use str0m::media::Rid;
use str0m::rtp::RtpPacket;

use crate::packet::Passed;

/// One packet, authenticated and without what the connection is concerned with.
#[derive(Clone, Debug)]
pub(crate) struct Incoming {
    pub(crate) ssrc: u32,
    /// The encoding it names itself by.
    pub(crate) rid: Option<Rid>,
    /// Payload type.
    pub(crate) number: u8,
    /// Sequence number, with the turns of its 16 bits.
    pub(crate) sequence: u64,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    pub(crate) extensions: Passed,
    /// The newest sender report of its source.
    pub(crate) report: Option<Report>,
    pub(crate) arrived: Instant,
    pub(crate) payload: Arc<[u8]>,
}

/// One moment on the sender's clock and on a stream's (RFC 3550 section 6.4.1).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report {
    pub(crate) at: SystemTime,
    pub(crate) timestamp: u32,
}

impl From<RtpPacket> for Incoming {
    fn from(packet: RtpPacket) -> Self {
        let low = |ticks: u64| u32::try_from(ticks & u64::from(u32::MAX)).unwrap_or(0);
        Self {
            ssrc: *packet.header.ssrc,
            rid: packet.header.ext_vals.rid,
            number: *packet.header.payload_type,
            sequence: *packet.seq_no,
            timestamp: packet.header.timestamp,
            marker: packet.header.marker,
            extensions: Passed::read(&packet.header.ext_vals),
            report: packet.last_sender_info.map(|report| Report {
                at: report.ntp_time,
                timestamp: low(report.rtp_time.numer()),
            }),
            arrived: packet.timestamp,
            payload: packet.payload,
        }
    }
}
