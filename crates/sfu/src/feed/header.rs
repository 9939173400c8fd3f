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
    let mut bytes = Bytes {
        all: [0; HEADER_BYTES_MAX],
        length: 0,
    };
    // Version 2; the extension bit is set below if there is one.
    let flags = 0x80 | if header.has_padding { 0x20 } else { 0 };
    let second = (u8::from(header.marker) << 7) | (header.payload_type & 0x7f);
    bytes.put(&[flags, second]);
    bytes.put(&header.sequence.to_be_bytes());
    bytes.put(&header.timestamp.to_be_bytes());
    bytes.put(&header.ssrc.to_be_bytes());
    bytes.put(&[0xbe, 0xde, 0, 0]);
    let passed = &header.passed;
    if let (Some(id), Some(number)) = (ids.transport_sequence, header.transport_sequence) {
        bytes.element(id, &number.to_be_bytes());
    }
    if let (Some(id), Some(mid)) = (ids.mid, header.mid) {
        bytes.element(id, mid.as_bytes());
    }
    if let (Some(id), Some(level)) = (ids.audio_level, passed.audio_level) {
        bytes.element(id, &[level]);
    }
    if let (Some(id), Some(orientation)) = (ids.orientation, passed.orientation) {
        bytes.element(id, &[orientation]);
    }
    if let (Some(id), Some(delay)) = (ids.playout_delay, passed.playout_delay) {
        bytes.element(id, &delay);
    }
    // There is no room for the name and this; the name is there in a stream's first seconds only.
    if let (Some(id), Some(time), None) = (ids.capture_time, passed.capture_time, header.mid) {
        bytes.element(id, &time);
    }
    let length = bytes.finish();
    out.extend_from_slice(bytes.all.get(..length).unwrap_or_default());
    length
}

/// Where the elements of the extension block begin: behind the fixed header and the block's own.
const ELEMENTS: usize = 12 + 4;

/// A header in the making, of which what is not written yet is zero.
struct Bytes {
    all: [u8; HEADER_BYTES_MAX],
    length: usize,
}

impl Bytes {
    fn put(&mut self, part: &[u8]) {
        let end = self.length + part.len();
        if let Some(place) = self.all.get_mut(self.length..end) {
            place.copy_from_slice(part);
            self.length = end;
        }
    }

    /// One element of at most 16 bytes; ids are 1 to 14.
    fn element(&mut self, id: u8, value: &[u8]) {
        let length = u8::try_from(value.len().clamp(1, 16) - 1).unwrap_or(0);
        self.put(&[(id << 4) | length]);
        self.put(value.get(..16).unwrap_or(value));
    }

    /// Completes the extension block, or leaves it away; gives back the length.
    fn finish(&mut self) -> usize {
        let elements = self.length.saturating_sub(ELEMENTS);
        if elements == 0 {
            return ELEMENTS - 4;
        }
        let words = elements.div_ceil(4);
        if let Some([first, .., count]) = self.all.get_mut(..ELEMENTS) {
            *first |= 0x10;
            *count = u8::try_from(words).unwrap_or(0);
        }
        ELEMENTS + words * 4
    }
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
