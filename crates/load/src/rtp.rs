//! The heads of datagrams, which are in clear text.

/// The number of a packet over all streams of a connection (draft-holmer-rmcat-transport-wide-cc-extensions-01).
pub(crate) const NUMBERING: &str =
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
/// When a packet's content was captured.
pub(crate) const CAPTURE_TIME: &str =
    "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time";

/// Extensions of one byte of head each (RFC 8285 section 4.2).
const ONE_BYTE: [u8; 2] = [0xbe, 0xde];

/// What a datagram is (RFC 7983, RFC 5761).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Datagram {
    Rtp(Head),
    Rtcp,
    Other,
}

/// The fixed part of an RTP header, and where the payload begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) payload_type: u8,
    pub(crate) marker: bool,
    pub(crate) has_padding: bool,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
    /// Where the extensions begin, behind their own head.
    extensions: usize,
    has_short_extensions: bool,
    /// All of it, with extensions.
    pub(crate) length: usize,
}

impl Datagram {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let (Some([first @ 128..=191, second]), Some(_)) =
            (bytes.first_chunk::<2>(), bytes.get(12))
        else {
            return Self::Other;
        };
        if (192..=223).contains(second) {
            return Self::Rtcp;
        }
        let word = |at: usize| bytes.get(at..).and_then(<[u8]>::first_chunk).copied();
        let sources = 12 + usize::from(first & 0x0f) * 4;
        let has_extensions = first & 0x10 != 0;
        let [a, b, c, d] = word(sources).filter(|_| has_extensions).unwrap_or_default();
        let words = usize::from(u16::from_be_bytes([c, d]));
        let extensions = sources + if has_extensions { 4 } else { 0 };
        Self::Rtp(Head {
            payload_type: second & 0x7f,
            marker: second & 0x80 != 0,
            has_padding: first & 0x20 != 0,
            timestamp: u32::from_be_bytes(word(4).unwrap_or_default()),
            ssrc: u32::from_be_bytes(word(8).unwrap_or_default()),
            extensions,
            has_short_extensions: [a, b] == ONE_BYTE,
            length: extensions + words * 4,
        })
    }

    /// Whether it goes through the shim: ICE and DTLS are spared.
    pub(crate) fn is_media(self) -> bool {
        self != Self::Other
    }
}

impl Head {
    /// The value of a header extension.
    pub(crate) fn extension<'a>(&self, datagram: &'a [u8], wanted: u8) -> Option<&'a [u8]> {
        let mut rest = datagram.get(self.extensions..self.length)?;
        loop {
            let (first, after) = rest.split_first()?;
            let (id, length, after) = match (self.has_short_extensions, *first) {
                // Padding between extensions.
                (_, 0) => {
                    rest = after;
                    continue;
                }
                (true, first) => (first >> 4, usize::from(first & 0x0f) + 1, after),
                (false, id) => {
                    let (length, after) = after.split_first()?;
                    (id, usize::from(*length), after)
                }
            };
            let (value, after) = after.split_at_checked(length)?;
            if id == wanted {
                return Some(value);
            }
            rest = after;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_are_told_apart_by_their_heads() {
        let mut rtp = vec![0; 64];
        (rtp[0], rtp[1]) = (0x80, 0x80 + 108);
        let length = |bytes: &[u8]| match Datagram::of(bytes) {
            Datagram::Rtp(head) if head.payload_type == 108 && head.marker => Some(head.length),
            Datagram::Rtp(_) | Datagram::Rtcp | Datagram::Other => None,
        };
        assert_eq!(length(&rtp), Some(12));
        (rtp[0], rtp[15]) = (0x90, 3);
        assert_eq!(length(&rtp), Some(28));
        rtp[1] = 200;
        assert_eq!(Datagram::of(&rtp), Datagram::Rtcp);
        rtp[0] = 22;
        assert_eq!(Datagram::of(&rtp), Datagram::Other);
        assert_eq!(Datagram::of(&[0x90, 108]), Datagram::Other);
        assert_eq!(Datagram::of(&[]), Datagram::Other);
    }

    #[test]
    fn extensions_are_found_in_both_forms() {
        let mut short = vec![0x90, 108, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        short.extend([0xbe, 0xde, 0, 2, 0x10, 7, 0, 0x31, 8, 9, 0, 0, 42]);
        let mut long = vec![0x90, 108, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        long.extend([0x10, 0, 0, 2, 1, 1, 7, 0, 3, 2, 8, 9, 42]);
        for datagram in [short, long] {
            let Datagram::Rtp(head) = Datagram::of(&datagram) else {
                panic!("it is RTP");
            };
            assert_eq!((head.timestamp, head.ssrc, head.length), (2, 3, 24));
            assert_eq!(head.extension(&datagram, 1), Some(&[7][..]));
            assert_eq!(head.extension(&datagram, 3), Some(&[8, 9][..]));
            assert_eq!(head.extension(&datagram, 4), None);
            // Cut off in the middle.
            assert_eq!(head.extension(&datagram[..20], 3), None);
        }
    }
}
