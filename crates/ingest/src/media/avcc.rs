//! H.264 as FLV carries it (ISO/IEC 14496-15): the configuration record, and NAL units behind their lengths.

use bytes::{Buf as _, Bytes};

/// Most NAL units of a picture. An encoder writes one for each slice, and a handful besides.
const NALS_MAX: usize = 1_024;
/// Largest parameter set, in bytes.
const SET_BYTES_MAX: usize = 1_024;

/// What is read of an AVCDecoderConfigurationRecord (section 5.3.3.1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// Bytes of the length in front of each NAL unit: 1, 2 or 4.
    pub(super) length_bytes: usize,
    /// Sequence parameter sets.
    pub(super) sps: Vec<Bytes>,
    /// Picture parameter sets.
    pub(super) pps: Vec<Bytes>,
}

/// Bytes do not follow the format. The text ends a sentence that begins with "the video".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    #[error("has a configuration record that is malformed")]
    Record,
    #[error("has a NAL unit that is longer than its picture")]
    Length,
    #[error("has a picture of more than {NALS_MAX} NAL units")]
    Nals,
}

impl Record {
    /// Reads a record. What comes behind the parameter sets, as High profile has, is not looked at.
    pub(super) fn read(mut bytes: Bytes) -> Result<Self, Malformed> {
        let [version, _profile, _constraints, _level, length] = array(&mut bytes)?;
        let length_bytes = match (version, length & 3) {
            (1, 0) => 1,
            (1, 1) => 2,
            (1, 3) => 4,
            _ => return Err(Malformed::Record),
        };
        let [count] = array(&mut bytes)?;
        let sps = sets(&mut bytes, count & 31)?;
        let [count] = array(&mut bytes)?;
        let pps = sets(&mut bytes, count)?;
        Ok(Self {
            length_bytes,
            sps,
            pps,
        })
    }
}

fn array<const N: usize>(bytes: &mut Bytes) -> Result<[u8; N], Malformed> {
    let array = *bytes.first_chunk::<N>().ok_or(Malformed::Record)?;
    bytes.advance(N);
    Ok(array)
}

fn sets(bytes: &mut Bytes, count: u8) -> Result<Vec<Bytes>, Malformed> {
    let mut sets = Vec::new();
    for _ in 0..count {
        let length = usize::from(u16::from_be_bytes(array(bytes)?));
        if length == 0 || length > SET_BYTES_MAX || length > bytes.len() {
            return Err(Malformed::Record);
        }
        sets.push(bytes.split_to(length));
    }
    Ok(sets)
}

/// Cuts a picture into its NAL units. Empty ones are left out.
pub(super) fn nals(mut bytes: Bytes, length_bytes: usize) -> Result<Vec<Bytes>, Malformed> {
    let mut nals = Vec::new();
    while !bytes.is_empty() {
        let header = bytes.get(..length_bytes).ok_or(Malformed::Length)?;
        let length = header
            .iter()
            .fold(0_usize, |length, byte| length << 8 | usize::from(*byte));
        bytes.advance(length_bytes);
        if length > bytes.len() {
            return Err(Malformed::Length);
        }
        let nal = bytes.split_to(length);
        if !nal.is_empty() {
            nals.push(nal);
        }
        if nals.len() > NALS_MAX {
            return Err(Malformed::Nals);
        }
    }
    Ok(nals)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &[u8] = &[
        1, 66, 0xc0, 31, 0xff, 0xe1, 0, 3, 0x67, 1, 2, 1, 0, 2, 0x68, 9,
    ];

    #[test]
    fn a_record_is_read() {
        let record = Record::read(Bytes::from_static(RECORD)).unwrap();
        assert_eq!(record.length_bytes, 4);
        assert_eq!(record.sps, [Bytes::from_static(&[0x67, 1, 2])]);
        assert_eq!(record.pps, [Bytes::from_static(&[0x68, 9])]);
        // High profile goes on with chroma format and bit depths; some encoders leave reserved bits clear.
        let mut long = RECORD.to_vec();
        long.extend([0xfd, 0xf8, 0xf8, 0]);
        long[4] = 1;
        long[5] = 1;
        assert_eq!(Record::read(long.into()).unwrap().length_bytes, 2);
    }

    #[test]
    fn a_record_that_is_cut_off_anywhere_is_malformed() {
        for length in 0..RECORD.len() {
            assert_eq!(
                Record::read(Bytes::from_static(&RECORD[..length])),
                Err(Malformed::Record),
                "{length}"
            );
        }
        for (place, byte) in [(0, 0), (0, 2), (4, 0xfe), (5, 0xff), (7, 0), (6, 0xff)] {
            let mut wrong = RECORD.to_vec();
            wrong[place] = byte;
            assert_eq!(
                Record::read(wrong.into()),
                Err(Malformed::Record),
                "{place}"
            );
        }
    }

    #[test]
    fn nal_units_are_cut_by_lengths_of_every_size() {
        let cut =
            |bytes: &'static [u8], length_bytes| nals(Bytes::from_static(bytes), length_bytes);
        let expected = vec![Bytes::from_static(&[0x65, 1]), Bytes::from_static(&[0x06])];
        assert_eq!(cut(&[2, 0x65, 1, 1, 6], 1).unwrap(), expected);
        assert_eq!(cut(&[0, 2, 0x65, 1, 0, 1, 6], 2).unwrap(), expected);
        assert_eq!(
            cut(&[0, 0, 0, 2, 0x65, 1, 0, 0, 0, 0, 0, 0, 0, 1, 6], 4).unwrap(),
            expected
        );
        assert_eq!(cut(&[], 4).unwrap(), Vec::<Bytes>::new());
    }

    #[test]
    fn a_length_beyond_the_picture_is_malformed() {
        let cut =
            |bytes: &'static [u8], length_bytes| nals(Bytes::from_static(bytes), length_bytes);
        assert_eq!(cut(&[0, 0, 0, 3, 0x65, 1], 4), Err(Malformed::Length));
        assert_eq!(
            cut(&[0xff, 0xff, 0xff, 0xff, 0x65], 4),
            Err(Malformed::Length)
        );
        assert_eq!(cut(&[0, 0, 0], 4), Err(Malformed::Length));
        // Start codes in the place of lengths.
        assert_eq!(
            cut(&[0, 0, 0, 1, 0x65, 0x88, 0x84, 0x21, 0xa0], 4),
            Err(Malformed::Length)
        );
        assert_eq!(nals(Bytes::from(vec![1; 4_096]), 1), Err(Malformed::Nals));
    }
}
