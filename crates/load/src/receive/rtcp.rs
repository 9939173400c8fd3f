//! RTCP of a viewer: what it tells, and the little that it has to read.

use std::time::{Duration, Instant};

use super::SENDER;

/// Types of packets (RFC 3550 section 12.1, RFC 4585 section 6.1).
const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const DESCRIPTION: u8 = 202;
const TRANSPORT: u8 = 205;
const PAYLOAD: u8 = 206;
/// Blocks of one report, at most.
pub(super) const BLOCKS_MAX: usize = 31;

/// What is told of a stream (RFC 3550 section 6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) ssrc: u32,
    pub(super) fraction_lost: u8,
    /// 24 bits.
    pub(super) lost: u32,
    pub(super) highest: u32,
    pub(super) jitter: u32,
    /// The middle of the last sender report's time, and how long ago that came.
    pub(super) sender: Option<(u32, Duration)>,
}

/// Writes a packet: its head, `body`, and then the length into the head.
fn packet(out: &mut Vec<u8>, count: u8, kind: u8, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend([0x80 | count, kind, 0, 0]);
    out.extend(SENDER.to_be_bytes());
    body(out);
    // Padding, where a packet is no whole number of words (only transport feedback); its last byte counts it.
    let missing = (out.len() - start).wrapping_neg() % 4;
    if missing > 0 {
        out.resize(out.len() + missing - 1, 0);
        out.extend(u8::try_from(missing));
        if let Some(first) = out.get_mut(start) {
            *first |= 0x20;
        }
    }
    let words = u16::try_from((out.len() - start) / 4 - 1).unwrap_or(u16::MAX);
    if let Some(length) = out.get_mut(start + 2..start + 4) {
        length.copy_from_slice(&words.to_be_bytes());
    }
}

/// A receiver report with a description of the sender, as every report has one; at most [`BLOCKS_MAX`] blocks.
pub(super) fn report(out: &mut Vec<u8>, blocks: &[Block]) {
    let count = u8::try_from(blocks.len().min(BLOCKS_MAX)).unwrap_or(0);
    packet(out, count, RECEIVER_REPORT, |out| {
        for block in blocks.iter().take(BLOCKS_MAX) {
            out.extend(block.ssrc.to_be_bytes());
            let lost = u32::from(block.fraction_lost) << 24 | (block.lost & 0x00ff_ffff);
            out.extend(lost.to_be_bytes());
            out.extend(block.highest.to_be_bytes());
            out.extend(block.jitter.to_be_bytes());
            let (time, since) = block.sender.unwrap_or_default();
            out.extend(time.to_be_bytes());
            let since = since.as_micros() * 65_536 / 1_000_000;
            out.extend(u32::try_from(since).unwrap_or(u32::MAX).to_be_bytes());
        }
    });
    packet(out, 1, DESCRIPTION, |out| {
        // CNAME, "load", and the end of the list.
        out.extend([1, 4]);
        out.extend(b"load");
        out.extend([0, 0]);
    });
}

/// Asks for packets by their numbers, which must be in order (RFC 4585 section 6.2.1).
pub(super) fn nack(out: &mut Vec<u8>, ssrc: u32, numbers: &[u16]) {
    packet(out, 1, TRANSPORT, |out| {
        out.extend(ssrc.to_be_bytes());
        let mut rest = numbers;
        while let Some((first, after)) = rest.split_first() {
            let mut mask = 0_u16;
            rest = after;
            while let Some((next, after)) = rest.split_first()
                && let step @ 1..=16 = next.wrapping_sub(*first)
            {
                mask |= 1 << (step - 1);
                rest = after;
            }
            out.extend(first.to_be_bytes());
            out.extend(mask.to_be_bytes());
        }
    });
}

/// Asks for a key frame (RFC 4585 section 6.3.1).
pub(super) fn picture_loss(out: &mut Vec<u8>, ssrc: u32) {
    packet(out, 1, PAYLOAD, |out| out.extend(ssrc.to_be_bytes()));
}

/// Transport feedback with a body of [`super::arrivals`].
pub(super) fn feedback(out: &mut Vec<u8>, ssrc: u32, body: impl FnOnce(&mut Vec<u8>)) {
    packet(out, 15, TRANSPORT, |out| {
        out.extend(ssrc.to_be_bytes());
        body(out);
    });
}

/// The sender reports of a compound packet: whose, and the middle of their times.
pub(super) fn sender_reports(mut plain: &[u8]) -> impl Iterator<Item = (u32, u32)> {
    std::iter::from_fn(move || {
        loop {
            let [_, kind, high, low] = *plain.first_chunk()?;
            let length = (usize::from(u16::from_be_bytes([high, low])) + 1) * 4;
            let (packet, rest) = plain.split_at_checked(length)?;
            plain = rest;
            let word = |at: usize| {
                let word = packet.get(at..)?.first_chunk()?;
                Some(u32::from_be_bytes(*word))
            };
            if kind == SENDER_REPORT
                && let (Some(ssrc), Some(high), Some(low)) = (word(4), word(8), word(12))
            {
                return Some((ssrc, high << 16 | low >> 16));
            }
        }
    })
}

/// How long ago something was.
pub(super) fn since(at: Instant, now: Instant) -> Duration {
    now.saturating_duration_since(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_packets_are_asked_for_in_as_few_words_as_they_need() {
        let mut out = Vec::new();
        nack(&mut out, 7, &[65_535, 0, 15, 16, 40]);
        let expected = [
            0x81, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 7, 0xff, 0xff, 0x80, 1, 0, 16, 0, 0, 0, 40, 0, 0,
        ];
        assert_eq!(out, expected);
    }

    #[test]
    fn a_report_is_a_whole_number_of_words_with_a_name() {
        let mut out = Vec::new();
        let block = Block {
            ssrc: 7,
            fraction_lost: 64,
            lost: 3,
            highest: 65_540,
            jitter: 9,
            sender: Some((0x1234_5678, Duration::from_millis(500))),
        };
        report(&mut out, &[block]);
        let expected = [
            0x81, 201, 0, 7, 0, 0, 0, 1, 0, 0, 0, 7, 64, 0, 0, 3, 0, 1, 0, 4, 0, 0, 0, 9, 0x12,
            0x34, 0x56, 0x78, 0, 0, 0x80, 0, 0x81, 202, 0, 3, 0, 0, 0, 1, 1, 4, b'l', b'o', b'a',
            b'd', 0, 0,
        ];
        assert_eq!(out, expected);
    }

    #[test]
    fn sender_reports_are_found_among_others_and_cut_ones_are_not() {
        let mut plain = Vec::new();
        picture_loss(&mut plain, 5);
        plain.extend([0x80, 200, 0, 6, 0, 0, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8]);
        plain.extend([0; 12]);
        assert_eq!(
            sender_reports(&plain).collect::<Vec<_>>(),
            [(7, 0x0304_0506)]
        );
        assert_eq!(sender_reports(&plain[..30]).count(), 0);
    }
}
