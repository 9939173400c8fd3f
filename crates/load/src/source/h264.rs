//! NAL units as they stand in RTP (RFC 6184), with parameter sets of any picture size.

/// Constrained Baseline, level 3.1.
const PROFILE: [u8; 3] = [0x42, 0xe0, 0x1f];
/// Picture parameter set 0 of sequence parameter set 0, CAVLC, one slice group.
const PPS: [u8; 4] = [0x68, 0xce, 0x3c, 0x80];
const STAP_A: u8 = 0x78;
const FU_A: u8 = 0x7c;
const START: u8 = 0x80;
const END: u8 = 0x40;
const IDR: u8 = 5;
const NON_IDR: u8 = 1;
/// `nal_ref_idc` 3: others refer to it.
const REFERENCE: u8 = 0x60;
/// `first_mb_in_slice` 0 and `slice_type` 7 (I) or 5 (P), in Exp-Golomb codes.
const I_SLICE: u8 = 0x88;
const P_SLICE: u8 = 0x9a;

/// Both parameter sets in one packet, as the first of a key frame.
pub(super) fn parameter_sets(sps: &[u8]) -> Vec<u8> {
    let mut payload = vec![STAP_A];
    for unit in [sps, &PPS] {
        payload.extend(u16::try_from(unit.len()).unwrap_or(0).to_be_bytes());
        payload.extend(unit);
    }
    payload
}

/// An `AVCDecoderConfigurationRecord` with both parameter sets and lengths of four bytes (ISO/IEC 14496-15, section 5.3.3.1).
pub(crate) fn record(width: u16, height: u16) -> Vec<u8> {
    let mut record = vec![1];
    record.extend(PROFILE);
    record.push(0xff);
    for (count, unit) in [(0xe1, &*sps(width, height)), (1, &PPS)] {
        record.push(count);
        record.extend(u16::try_from(unit.len()).unwrap_or(0).to_be_bytes());
        record.extend(unit);
    }
    record
}

/// A fragment of a slice, or the whole slice if it is the only one: a fragment may not be first and last at once
/// (RFC 6184, section 5.8).
pub(crate) fn fragment(bytes: usize, is_key: bool, at: usize, count: usize) -> Vec<u8> {
    let kind = if is_key { IDR } else { NON_IDR };
    let slice = if is_key { I_SLICE } else { P_SLICE };
    let head = if count == 1 {
        [REFERENCE | kind, slice, 0xa5]
    } else {
        let first = if at == 0 { START } else { 0 };
        let last = if at + 1 == count { END } else { 0 };
        [FU_A, kind | first | last, slice]
    };
    let mut payload = vec![0xa5; bytes];
    for (place, byte) in payload.iter_mut().zip(head) {
        *place = byte;
    }
    payload
}

/// A sequence parameter set for a picture of so many pixels (ITU-T H.264, section 7.3.2.1.1).
pub(super) fn sps(width: u16, height: u16) -> Vec<u8> {
    let (width, height) = (u32::from(width), u32::from(height));
    let (wide, high) = (width.div_ceil(16), height.div_ceil(16));
    let mut bits = Bits::default();
    bits.golomb(0); // seq_parameter_set_id
    bits.golomb(0); // log2_max_frame_num_minus4
    bits.golomb(2); // pic_order_cnt_type: output order is decoding order
    bits.golomb(1); // max_num_ref_frames
    bits.put(0, 1); // gaps_in_frame_num_value_allowed_flag
    bits.golomb(wide - 1);
    bits.golomb(high - 1);
    bits.put(1, 1); // frame_mbs_only_flag
    bits.put(1, 1); // direct_8x8_inference_flag
    // Cropping counts in units of two pixels, because colour has half the resolution.
    let crop = [0, (wide * 16 - width) / 2, 0, (high * 16 - height) / 2];
    bits.put(u32::from(crop != [0; 4]), 1);
    if crop != [0; 4] {
        for edge in crop {
            bits.golomb(edge);
        }
    }
    bits.put(0, 1); // vui_parameters_present_flag
    let mut unit = vec![REFERENCE | 7];
    unit.extend(PROFILE);
    unit.extend(bits.end());
    unit
}

/// Bits, the highest first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    /// Bits of the byte that is not full.
    rest: Vec<bool>,
}

impl Bits {
    fn put(&mut self, value: u32, count: u32) {
        for bit in (0..count).rev() {
            self.rest.push(value >> bit & 1 == 1);
            if self.rest.len() == 8 {
                let byte = self
                    .rest
                    .drain(..)
                    .fold(0, |byte, bit| byte << 1 | u8::from(bit));
                self.bytes.push(byte);
            }
        }
    }

    /// ue(v), section 9.1.
    fn golomb(&mut self, value: u32) {
        let code = value + 1;
        let length = code.ilog2();
        self.put(0, length);
        self.put(code, length + 1);
    }

    /// With the stop bit.
    fn end(mut self) -> Vec<u8> {
        self.put(1, 1);
        while !self.rest.is_empty() {
            self.put(0, 1);
        }
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameter_sets_say_the_size() {
        assert_eq!(
            sps(1280, 720),
            [0x67, 0x42, 0xe0, 0x1f, 0xda, 0x01, 0x40, 0x16, 0xe4]
        );
        // 23 rows of macroblocks, of which 8 lines are cut off.
        assert_eq!(
            sps(640, 360),
            [0x67, 0x42, 0xe0, 0x1f, 0xda, 0x02, 0x80, 0xbf, 0xe5, 0x40]
        );
        // No byte of a small number of macroblocks looks like a start code.
        for (width, height) in [(16, 16), (320, 180), (1920, 1080)] {
            let unit = sps(width, height);
            assert!(unit.windows(2).all(|pair| pair != [0, 0]), "{unit:x?}");
        }
    }

    #[test]
    fn a_picture_of_one_packet_is_no_fragment() {
        assert_eq!(fragment(40, true, 0, 1)[0], 0x65);
        assert_eq!(fragment(40, false, 0, 1)[0], 0x61);
        let heads: Vec<_> = (0..3).map(|at| fragment(40, true, at, 3)[1]).collect();
        assert_eq!(heads, [0x85, 0x05, 0x45]);
    }
}
