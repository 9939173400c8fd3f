//! The parts of a compound packet (RFC 3550 section 6.1), and reduced-size ones (RFC 5506).

use super::feedback::{self, Numbers, Requested};
use super::transport::TransportFeedback;
use super::{kind, word};

/// Most parts of one packet; a subscriber has a few reports and requests for each of its slots.
const PARTS_MAX: usize = 128;
const HEADER: usize = 4;
const REPORT_BLOCK: usize = 24;
/// What a sender report says of the sender, between its source and the blocks.
const SENDER_INFO: usize = 20;

/// What a subscriber says.
#[derive(Clone, Debug)]
pub(crate) enum Message<'a> {
    /// These packets are missing (RFC 4585 section 6.2.1).
    Nack {
        /// Of this source.
        media_ssrc: u32,
        /// Their sequence numbers, at most 1,024.
        numbers: Numbers<'a>,
    },
    /// The decoder needs a key frame (RFC 4585 section 6.3.1).
    Pli {
        /// Of this source.
        media_ssrc: u32,
    },
    /// The same, asked for more strongly (RFC 5104 section 4.3.1).
    Fir {
        /// Of these sources.
        ssrcs: Requested<'a>,
    },
    /// How one source is received (RFC 3550 section 6.4.1).
    Report {
        /// The source.
        ssrc: u32,
        /// Lost since the report before, in 1/256.
        fraction_lost: u8,
        /// Middle 32 bits of the NTP time of the last sender report; 0 if there was none.
        last_sr: u32,
        /// Time between that and this report, in 1/65,536 s.
        delay: u32,
    },
    /// The bandwidth that the receiver estimates (draft-alvestrand-rmcat-remb-03).
    Remb {
        /// Bits per second, for all sources together; whatever the peer makes up.
        bps: u64,
    },
    /// When packets have arrived.
    Transport(TransportFeedback<'a>),
}

/// Reads what is understood of a compound packet, and leaves out the rest. It ends at the first part that is no RTCP.
pub(crate) fn read(plain: &[u8]) -> impl Iterator<Item = Message<'_>> {
    Messages {
        rest: plain,
        parts: PARTS_MAX,
        blocks: &[],
    }
}

struct Messages<'a> {
    rest: &'a [u8],
    parts: usize,
    /// Of the part read last.
    blocks: &'a [u8],
}

impl<'a> Iterator for Messages<'a> {
    type Item = Message<'a>;

    fn next(&mut self) -> Option<Message<'a>> {
        loop {
            if let Some((block, rest)) = self.blocks.split_first_chunk::<REPORT_BLOCK>() {
                self.blocks = rest;
                return report(block);
            }
            self.parts = self.parts.checked_sub(1)?;
            let (part, rest) = Part::split(self.rest)?;
            self.rest = rest;
            match part.kind {
                kind::SENDER_REPORT => {
                    self.blocks = part.blocks(4 + SENDER_INFO).unwrap_or_default();
                }
                kind::RECEIVER_REPORT => self.blocks = part.blocks(4).unwrap_or_default(),
                kind::TRANSPORT | kind::PAYLOAD => {
                    let message = feedback::read(part.kind, part.count, part.body);
                    if message.is_some() {
                        return message;
                    }
                }
                _ => {}
            }
        }
    }
}

struct Part<'a> {
    kind: u8,
    /// Blocks, or the format of feedback.
    count: u8,
    body: &'a [u8],
}

impl<'a> Part<'a> {
    fn split(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let ([first, kind, length @ ..], _) = bytes.split_first_chunk::<HEADER>()?;
        if first >> 6 != 2 {
            return None;
        }
        let length = usize::from(u16::from_be_bytes(*length)) * 4;
        let (part, rest) = bytes.split_at_checked(HEADER + length)?;
        let mut body = part.get(HEADER..)?;
        if first & 0x20 != 0 {
            let padding = usize::from(*body.last()?);
            body = body.get(..body.len().checked_sub(padding)?)?;
        }
        let part = Self {
            kind: *kind,
            count: first & 0x1f,
            body,
        };
        Some((part, rest))
    }

    /// Report blocks that come after so many bytes: as many as are announced and there.
    fn blocks(&self, after: usize) -> Option<&'a [u8]> {
        let blocks = self.body.get(after..)?;
        let announced = usize::from(self.count) * REPORT_BLOCK;
        blocks.get(..announced.min(blocks.len()))
    }
}

fn report(block: &[u8]) -> Option<Message<'static>> {
    let (ssrc, rest) = word(block)?;
    let (lost, rest) = word(rest)?;
    // The highest number and the jitter are not of use here.
    let (_, rest) = word(rest)?;
    let (_, rest) = word(rest)?;
    let (last_sr, rest) = word(rest)?;
    let (delay, _) = word(rest)?;
    let [fraction_lost, ..] = lost.to_be_bytes();
    Some(Message::Report {
        ssrc,
        fraction_lost,
        last_sr,
        delay,
    })
}
