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
