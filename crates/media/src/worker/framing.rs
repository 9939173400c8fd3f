//! Datagrams over TCP: each preceded by its length in two bytes (RFC 4571, section 2).

/// Longest frame taken. Media and DTLS datagrams fit an Ethernet frame (1,500 bytes); this leaves room for jumbo ones.
pub(super) const FRAME_MAX: usize = 4_096;

/// A frame claims to be longer than [`FRAME_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameTooLong;

/// Cuts a byte stream into frames. Holds less than one frame.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    partial: Vec<u8>,
}

impl Decoder {
    /// Takes the next bytes of the stream and yields each frame that they complete. Empty frames, which some clients send
    /// to keep a connection open, are skipped.
    pub(super) fn push(
        &mut self,
        mut bytes: &[u8],
        mut each: impl FnMut(&[u8]),
    ) -> Result<(), FrameTooLong> {
        while !bytes.is_empty() {
            if self.partial.is_empty()
                && let Some((frame, rest)) = split(bytes)?
            {
                if !frame.is_empty() {
                    each(frame);
                }
                bytes = rest;
                continue;
            }
            // A frame that comes in pieces: take what it still lacks, its length first.
            let wanted = match self.partial.first_chunk::<2>() {
                Some(length) => 2 + usize::from(u16::from_be_bytes(*length)) - self.partial.len(),
                None => 2 - self.partial.len(),
            };
            let (piece, rest) = bytes.split_at(wanted.min(bytes.len()));
            self.partial.extend_from_slice(piece);
            bytes = rest;
            if let Some((frame, _)) = split(&self.partial)? {
                if !frame.is_empty() {
                    each(frame);
                }
                self.partial.clear();
            }
        }
        Ok(())
    }
}

/// A frame, and what follows it.
type Split<'a> = (&'a [u8], &'a [u8]);

/// The first frame of `bytes` and what follows it, if the frame is whole.
fn split(bytes: &[u8]) -> Result<Option<Split<'_>>, FrameTooLong> {
    let Some((length, rest)) = bytes.split_first_chunk::<2>() else {
        return Ok(None);
    };
    let length = usize::from(u16::from_be_bytes(*length));
    if length > FRAME_MAX {
        return Err(FrameTooLong);
    }
    Ok(rest.split_at_checked(length))
}

/// The header of a datagram, unless it is too long for one frame.
pub(super) fn header(datagram: &[u8]) -> Option<[u8; 2]> {
    u16::try_from(datagram.len()).ok().map(u16::to_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(chunks: &[&[u8]]) -> Result<Vec<Vec<u8>>, FrameTooLong> {
        let mut decoder = Decoder::default();
        let mut frames = Vec::new();
        for chunk in chunks {
            decoder.push(chunk, |frame| frames.push(frame.to_vec()))?;
        }
        Ok(frames)
    }

    #[test]
    fn frames_come_out_whole_wherever_the_stream_is_cut() {
        let stream = b"\x00\x03abc\x00\x00\x00\x01d\x00\x02ef";
        let expected = [b"abc".to_vec(), b"d".to_vec(), b"ef".to_vec()];
        for first in 0..=stream.len() {
            for second in first..=stream.len() {
                let chunks = [&stream[..first], &stream[first..second], &stream[second..]];
                assert_eq!(
                    decode(&chunks).unwrap(),
                    expected,
                    "cut at {first} and {second}"
                );
            }
        }
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(decode(&bytes).unwrap(), expected);
    }

    #[test]
    fn a_frame_over_the_limit_is_refused_before_it_is_buffered() {
        let longest = [&[0x10, 0x00][..], &[7; FRAME_MAX]].concat();
        assert_eq!(decode(&[&longest]).unwrap(), [vec![7; FRAME_MAX]]);
        assert_eq!(decode(&[&[0x10, 0x01]]), Err(FrameTooLong));
        assert_eq!(decode(&[&[0xff], &[0xff]]), Err(FrameTooLong));
    }

    #[test]
    fn what_is_written_reads_back() {
        let datagram = [9_u8; 1_200];
        let stream = [&header(&datagram).unwrap()[..], &datagram].concat();
        assert_eq!(decode(&[&stream]).unwrap(), [datagram.to_vec()]);
        assert_eq!(header(&vec![0; 65_536]), None);
    }
}
