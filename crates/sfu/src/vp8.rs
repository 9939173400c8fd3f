//! VP8 payloads (RFC 7741), read only as far as limits and key frames need.

use crate::payload::{Facts, Malformed};

/// Where a payload descriptor numbers its picture (RFC 7741 section 4.2), and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Picture {
    /// Offset in the payload and value of a picture id of 7 bits (one byte) or 15 bits (two bytes, the first with its top bit).
    pub(crate) id: Option<PictureId>,
    /// Offset in the payload and value of TL0PICIDX.
    pub(crate) tl0: Option<(usize, u8)>,
}

/// A picture id and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PictureId {
    pub(crate) offset: usize,
    pub(crate) value: u16,
    /// Whether it has 15 bits, not 7.
    pub(crate) is_long: bool,
}

/// Reads one payload: the descriptor (section 4.2), then the frame header where a frame begins.
pub(crate) fn inspect(payload: &[u8]) -> Result<Facts, Malformed> {
    let (first, mut rest) = payload.split_first().ok_or(Malformed)?;
    let is_extended = first & 0x80 != 0;
    let begins_partition = first & 0x10 != 0;
    let partition = first & 0x07;
    if is_extended {
        let extension = take(&mut rest)?;
        if extension & 0x80 != 0 && take(&mut rest)? & 0x80 != 0 {
            // A 15-bit picture id.
            take(&mut rest)?;
        }
        if extension & 0x40 != 0 {
            take(&mut rest)?;
        }
        if extension & 0x30 != 0 {
            take(&mut rest)?;
        }
    }
    let header = rest.first().ok_or(Malformed)?;
    let is_key_frame = begins_partition && partition == 0 && header & 1 == 0;
    if !is_key_frame {
        return Ok(Facts::default());
    }
    // RFC 6386 section 9.1: three bytes of frame tag, a start code, then 14 bits each of width and height.
    let [_, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..] = rest else {
        return Err(Malformed);
    };
    let size = |low: u8, high: u8| u64::from(u16::from_le_bytes([low, high]) & 0x3fff);
    Ok(Facts {
        is_start: true,
        pixels: Some(size(*w0, *w1) * size(*h0, *h1)),
        is_b_slice: false,
    })
}

fn take(rest: &mut &[u8]) -> Result<u8, Malformed> {
    let (byte, after) = rest.split_first().ok_or(Malformed)?;
    *rest = after;
    Ok(*byte)
}
