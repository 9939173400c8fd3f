//! RTCP of subscribers, after SRTCP is off: reports and requests are read, sender reports are written.
//!
//! Reading allocates nothing and ends early at what it cannot read. Whose source a message is about is for the reader of
//! the message to check.

mod feedback;
mod messages;
#[cfg(test)]
mod tests;
mod transport;
mod write;

pub(crate) use messages::{Message, read};
pub(crate) use transport::TransportFeedback;
pub(crate) use write::{REPORTS_MAX, SenderReport, cname, goodbye, sender_report};

/// Types of packets (RFC 3550 section 12.1, RFC 4585 section 6.1).
mod kind {
    pub(super) const SENDER_REPORT: u8 = 200;
    pub(super) const RECEIVER_REPORT: u8 = 201;
    pub(super) const DESCRIPTION: u8 = 202;
    pub(super) const GOODBYE: u8 = 203;
    pub(super) const TRANSPORT: u8 = 205;
    pub(super) const PAYLOAD: u8 = 206;
}

/// Cuts a number off the front.
fn word(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (word, rest) = bytes.split_first_chunk()?;
    Some((u32::from_be_bytes(*word), rest))
}
