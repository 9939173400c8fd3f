//! RTP headers as subscribers get them (RFC 3550 section 5.1), with one-byte header extensions (RFC 8285 section 4.2).

use crate::packet::Passed;

/// Longest header: 12 bytes, 4 of the extension block's own, and elements with their bytes of id and length: transport-wide
/// number, `mid` of 16, level, orientation and playout delay. The longest payload leaves room for just that.
pub(super) const HEADER_BYTES_MAX: usize = 12 + 4 + 3 + 17 + 2 + 2 + 4;

/// The ids that a client has given to header extensions; `None` for those that it did not offer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ids {
    pub(crate) mid: Option<u8>,
    pub(crate) transport_sequence: Option<u8>,
    pub(crate) audio_level: Option<u8>,
    pub(crate) orientation: Option<u8>,
    pub(crate) playout_delay: Option<u8>,
    pub(crate) capture_time: Option<u8>,
}

impl Ids {
    /// These, and where there is none the other ones.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            mid: self.mid.or(other.mid),
            transport_sequence: self.transport_sequence.or(other.transport_sequence),
            audio_level: self.audio_level.or(other.audio_level),
            orientation: self.orientation.or(other.orientation),
            playout_delay: self.playout_delay.or(other.playout_delay),
            capture_time: self.capture_time.or(other.capture_time),
        }
    }
}

/// The fields of a header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header<'a> {
    pub(super) marker: bool,
    pub(super) has_padding: bool,
    pub(super) payload_type: u8,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    pub(super) ssrc: u32,
    pub(super) transport_sequence: Option<u16>,
    /// Names the section while the client cannot know the SSRC for sure.
    pub(super) mid: Option<&'a str>,
    pub(super) passed: Passed,
}

/// Appends a header; gives back its length.
pub(super) fn push(out: &mut Vec<u8>, header: &Header<'_>, ids: &Ids) -> usize {
    let start = out.len();
    // Version 2; the extension bit is set below if there is one.
    let flags = 0x80 | if header.has_padding { 0x20 } else { 0 };
    out.push(flags);
    out.push((u8::from(header.marker) << 7) | (header.payload_type & 0x7f));
    out.extend_from_slice(&header.sequence.to_be_bytes());
    out.extend_from_slice(&header.timestamp.to_be_bytes());
    out.extend_from_slice(&header.ssrc.to_be_bytes());
    let block = out.len();
    out.extend_from_slice(&[0xbe, 0xde, 0, 0]);
    let passed = &header.passed;
    if let (Some(id), Some(number)) = (ids.transport_sequence, header.transport_sequence) {
        element(out, id, &number.to_be_bytes());
    }
    if let (Some(id), Some(mid)) = (ids.mid, header.mid) {
        element(out, id, mid.as_bytes());
    }
    if let (Some(id), Some(level)) = (ids.audio_level, passed.audio_level) {
        element(out, id, &[level]);
    }
    if let (Some(id), Some(orientation)) = (ids.orientation, passed.orientation) {
        element(out, id, &[orientation]);
    }
    if let (Some(id), Some(delay)) = (ids.playout_delay, passed.playout_delay) {
        element(out, id, &delay);
    }
    // There is no room for the name and this; the name is there in a stream's first seconds only.
    if let (Some(id), Some(time), None) = (ids.capture_time, passed.capture_time, header.mid) {
        element(out, id, &time);
    }
    let elements = out.len() - block - 4;
    if elements == 0 {
        out.truncate(block);
    } else {
        out.resize(block + 4 + elements.next_multiple_of(4), 0);
        let words = u8::try_from(elements.div_ceil(4)).unwrap_or(0);
        if let Some(length) = out.get_mut(block + 3) {
            *length = words;
        }
        if let Some(first) = out.get_mut(start) {
            *first |= 0x10;
        }
    }
    out.len() - start
}

/// One element of at most 16 bytes; ids are 1 to 14.
fn element(out: &mut Vec<u8>, id: u8, value: &[u8]) {
    let length = u8::try_from(value.len().clamp(1, 16) - 1).unwrap_or(0);
    out.push((id << 4) | length);
    out.extend_from_slice(value.get(..16).unwrap_or(value));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header<'static> {
        Header {
            marker: true,
            has_padding: false,
            payload_type: 102,
            sequence: 0x1234,
            timestamp: 0x0102_0304,
            ssrc: 0xaabb_ccdd,
            transport_sequence: Some(0x0506),
            mid: Some("7"),
            passed: Passed {
                audio_level: Some(0x85),
                orientation: Some(1),
                playout_delay: Some([1, 2, 3]),
                capture_time: Some([9; 8]),
            },
        }
    }

    #[test]
    fn a_header_holds_only_the_extensions_that_the_client_has_named() {
        let mut out = vec![0xff];
        let ids = Ids {
            mid: Some(4),
            transport_sequence: Some(3),
            ..Ids::default()
        };
        let length = push(&mut out, &header(), &ids);
        assert_eq!(
            out,
            [
                0xff, 0x90, 0xe6, 0x12, 0x34, 1, 2, 3, 4, 0xaa, 0xbb, 0xcc, 0xdd, 0xbe, 0xde, 0, 2,
                0x31, 5, 6, 0x40, b'7', 0, 0, 0
            ]
        );
        assert_eq!(length, 24);
    }

    #[test]
    fn a_header_without_extensions_has_twelve_bytes() {
        let mut out = Vec::new();
        assert_eq!(push(&mut out, &header(), &Ids::default()), 12);
        assert_eq!(out.first(), Some(&0x80));
    }

    #[test]
    fn the_longest_header_has_the_length_that_is_reserved_for_it() {
        let ids = Ids {
            mid: Some(1),
            transport_sequence: Some(2),
            audio_level: Some(3),
            orientation: Some(4),
            playout_delay: Some(5),
            capture_time: Some(6),
        };
        let longest = Header {
            mid: Some("0123456789abcdef"),
            ..header()
        };
        let mut out = Vec::new();
        assert_eq!(push(&mut out, &longest, &ids), HEADER_BYTES_MAX);
        let known = Header {
            mid: None,
            ..header()
        };
        out.clear();
        assert!(push(&mut out, &known, &ids) < HEADER_BYTES_MAX);
        assert!(out.windows(8).any(|time| time == [9; 8]), "capture time");
    }
}
