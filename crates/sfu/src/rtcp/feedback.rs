//! Requests and estimates of a receiver (RFC 4585 section 6, RFC 5104 section 4.3, draft-alvestrand-rmcat-remb-03).

use super::messages::Message;
use super::transport::TransportFeedback;
use super::{kind, word};

/// Most numbers of one request; publishers' caches hold no more packets.
const NUMBERS_MAX: usize = 1_024;
/// Most sources of one message.
const SOURCES_MAX: usize = 64;

/// Formats of feedback to the transport.
const NACK: u8 = 1;
const TRANSPORT_WIDE: u8 = 15;
/// Formats of feedback to the sender of the payload.
const PLI: u8 = 1;
const FIR: u8 = 4;
const APPLICATION: u8 = 15;

/// Reads the body of a feedback packet.
pub(super) fn read(kind: u8, format: u8, body: &[u8]) -> Option<Message<'_>> {
    let (_, rest) = word(body)?;
    let (media_ssrc, rest) = word(rest)?;
    match (kind, format) {
        (kind::TRANSPORT, NACK) => Some(Message::Nack {
            media_ssrc,
            numbers: Numbers {
                rest,
                first: 0,
                following: 0,
                left: NUMBERS_MAX,
            },
        }),
        (kind::TRANSPORT, TRANSPORT_WIDE) => TransportFeedback::read(rest).map(Message::Transport),
        (kind::PAYLOAD, PLI) => Some(Message::Pli { media_ssrc }),
        (kind::PAYLOAD, FIR) => Some(Message::Fir {
            ssrcs: Requested {
                rest,
                left: SOURCES_MAX,
            },
        }),
        (kind::PAYLOAD, APPLICATION) => remb(rest),
        _ => None,
    }
}

fn remb(bytes: &[u8]) -> Option<Message<'_>> {
    let rest = bytes.strip_prefix(b"REMB")?;
    let (bitrate, _) = word(rest)?;
    let exponent = (bitrate >> 18) & 0x3f;
    let mantissa = u64::from(bitrate & 0x3_ffff);
    Some(Message::Remb {
        bps: mantissa.saturating_mul(1 << exponent),
    })
}

/// Sequence numbers of missing packets.
#[derive(Clone, Debug)]
pub(crate) struct Numbers<'a> {
    /// Pairs of a number and a mask.
    rest: &'a [u8],
    /// The number of the pair read last, and which of the 16 after it are missing too and not yet told.
    first: u16,
    following: u16,
    left: usize,
}

impl Iterator for Numbers<'_> {
    type Item = u16;

    fn next(&mut self) -> Option<u16> {
        self.left = self.left.checked_sub(1)?;
        let mask = self.following;
        if mask != 0 {
            let place = mask.trailing_zeros();
            self.following = mask & (mask - 1);
            return Some(self.first.wrapping_add(u16::try_from(place).ok()? + 1));
        }
        let (pair, rest) = word(self.rest)?;
        self.rest = rest;
        let [a, b, c, d] = pair.to_be_bytes();
        self.first = u16::from_be_bytes([a, b]);
        self.following = u16::from_be_bytes([c, d]);
        Some(self.first)
    }
}

/// Sources that a key frame is asked of.
#[derive(Clone, Debug)]
pub(crate) struct Requested<'a> {
    rest: &'a [u8],
    left: usize,
}

impl Iterator for Requested<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        self.left = self.left.checked_sub(1)?;
        let (ssrc, rest) = word(self.rest)?;
        // A number that tells repetitions, and three bytes for later use.
        let (_, rest) = word(rest)?;
        self.rest = rest;
        Some(ssrc)
    }
}
