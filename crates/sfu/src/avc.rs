//! What checks of a source need to know of H.264, by the parser that publishers' packets are read with.
//!
//! NAL units stand here without lengths and start codes.

use crate::h264::{self, Slice};

/// What a NAL unit holds does not follow ITU-T H.264, as far as that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a NAL unit is malformed")]
pub struct Malformed;

/// What a sequence parameter set says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sps {
    /// Width of the picture after cropping, pixels.
    pub width: u32,
    /// Height of the picture after cropping, pixels.
    pub height: u32,
    /// `profile_idc`, the constraint flags and `level_idc`.
    pub profile_level: [u8; 3],
    /// Whether the profile has slices with bidirectional prediction. All but Baseline have, and need not use them.
    pub allows_b: bool,
}

impl Sps {
    /// How many pixels.
    pub fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}

/// Reads a sequence parameter set, of at most 1,024 bytes.
pub fn sps(nal: &[u8]) -> Result<Sps, Malformed> {
    let [header, profile, constraints, level, ..] = nal else {
        return Err(Malformed);
    };
    if h264::nal_type(*header) != Ok(h264::SPS) {
        return Err(Malformed);
    }
    let size = h264::size(nal).map_err(|_| Malformed)?;
    Ok(Sps {
        width: size.width,
        height: size.height,
        profile_level: [*profile, *constraints, *level],
        allows_b: *profile != h264::BASELINE,
    })
}

/// What a NAL unit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A slice, or the first partition of one.
    Slice {
        /// Whether it is of an IDR picture: a decoder can start with that.
        is_idr: bool,
        /// Whether it is predicted bidirectionally.
        is_b: bool,
        /// Whether it has the first macroblock of its picture.
        begins_picture: bool,
    },
    /// A sequence parameter set.
    Sps,
    /// A picture parameter set.
    Pps,
    /// Supplemental enhancement information.
    Sei,
    /// An access unit delimiter.
    Delimiter,
    /// Filler data.
    Filler,
    /// Another `nal_unit_type`.
    Other(u8),
}

/// Reads the first fields of a NAL unit.
pub fn unit(nal: &[u8]) -> Result<Unit, Malformed> {
    let (header, body) = nal.split_first().ok_or(Malformed)?;
    let kind = h264::nal_type(*header).map_err(|_| Malformed)?;
    Ok(match kind {
        h264::SLICE | h264::SLICE_PARTITION_A | h264::SLICE_IDR => {
            let slice = Slice::read(kind, body, false).map_err(|_| Malformed)?;
            Unit::Slice {
                is_idr: kind == h264::SLICE_IDR,
                is_b: slice.is_b,
                begins_picture: slice.begins_picture,
            }
        }
        h264::SPS => Unit::Sps,
        h264::PPS => Unit::Pps,
        h264::SEI => Unit::Sei,
        h264::DELIMITER => Unit::Delimiter,
        h264::FILLER => Unit::Filler,
        other => Unit::Other(other),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASELINE: &[u8] = &[0x67, 66, 0xe0, 31, 218, 1, 64, 22, 255, 64];

    #[test]
    fn a_sequence_parameter_set_tells_size_and_profile() {
        let found = sps(BASELINE).unwrap();
        assert_eq!((found.width, found.height), (1280, 720));
        assert_eq!(found.pixels(), 921_600);
        assert_eq!(found.profile_level, [66, 0xe0, 31]);
        assert!(!found.allows_b);
        for malformed in [
            &[][..],
            &[0x67],
            &[0x67, 66, 0xe0, 31],
            &[0x68, 66, 0xe0, 31, 218],
        ] {
            assert_eq!(sps(malformed), Err(Malformed), "{malformed:?}");
        }
    }

    #[test]
    fn nal_units_tell_what_they_are() {
        let slice = |is_idr, is_b, begins_picture| Unit::Slice {
            is_idr,
            is_b,
            begins_picture,
        };
        for (nal, expected) in [
            // First macroblock 0; slice types 7 (I), 0 (P), 1 (B) and 6 (B); parameter set 0.
            (
                &[0x65, 0b1000_1000, 0b1000_0000][..],
                Ok(slice(true, false, true)),
            ),
            (&[0x41, 0b1110_0000], Ok(slice(false, false, true))),
            (&[0x01, 0b1010_1000], Ok(slice(false, true, true))),
            (&[0x01, 0b1001_1110], Ok(slice(false, true, true))),
            // The second slice of a picture.
            (&[0x41, 0b0101_1000], Ok(slice(false, false, false))),
            (&[0x06, 5], Ok(Unit::Sei)),
            (&[0x09, 0xf0], Ok(Unit::Delimiter)),
            (&[0x0c, 0xff], Ok(Unit::Filler)),
            (&[0x67], Ok(Unit::Sps)),
            (&[0x68], Ok(Unit::Pps)),
            (&[0x0b], Ok(Unit::Other(11))),
            (&[0xe5, 0x88], Err(Malformed)),
            (&[0x41], Err(Malformed)),
            (&[], Err(Malformed)),
        ] {
            assert_eq!(unit(nal), expected, "{nal:?}");
        }
    }
}
