//! H.264 as far as it is looked at: parameter sets and slice headers, written bit by bit.

use bytes::Bytes;

/// Writes bits.
#[derive(Default)]
struct Writer {
    bits: Vec<bool>,
}

impl Writer {
    fn u(mut self, count: u32, value: u32) -> Self {
        self.bits
            .extend((0..count).rev().map(|place| value >> place & 1 == 1));
        self
    }

    /// `ue(v)` (ITU-T H.264 section 9.1).
    fn ue(self, value: u32) -> Self {
        let length = (value + 1).ilog2();
        self.u(length, 0).u(length + 1, value + 1)
    }

    /// The NAL unit with its stop bit, and with emulation prevention.
    fn nal(self, header: u8) -> Bytes {
        let mut bits = self.u(1, 1).bits;
        bits.resize(bits.len().next_multiple_of(8), false);
        let mut bytes = vec![header];
        let mut zeros = 0;
        for byte in bits
            .chunks(8)
            .map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit)))
        {
            if zeros == 2 && byte <= 3 {
                bytes.push(3);
                zeros = 0;
            }
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            bytes.push(byte);
        }
        bytes.into()
    }
}

/// A sequence parameter set of a picture of whole macroblocks, cropped to its size.
pub(super) fn sps(profile: u32, width: u32, height: u32) -> Bytes {
    let (columns, rows) = (width.div_ceil(16), height.div_ceil(16));
    let mut writer = Writer::default().u(8, profile).u(8, 0).u(8, 31).ue(0);
    if matches!(profile, 100 | 110 | 122 | 244) {
        // 4:2:0 in 8 bits, no scaling.
        writer = writer.ue(1).ue(0).ue(0).u(1, 0).u(1, 0);
    }
    // Frame numbers, order of pictures by decoding, one reference, no gaps.
    writer = writer.ue(0).ue(2).ue(1).u(1, 0);
    writer = writer.ue(columns - 1).ue(rows - 1).u(1, 1).u(1, 1);
    let (right, bottom) = (columns * 16 - width, rows * 16 - height);
    writer = if right + bottom > 0 {
        writer.u(1, 1).ue(0).ue(right / 2).ue(0).ue(bottom / 2)
    } else {
        writer.u(1, 0)
    };
    writer.u(1, 0).nal(0x67)
}

pub(super) fn pps() -> Bytes {
    Writer::default().ue(0).ue(0).u(1, 1).nal(0x68)
}

/// A slice of a type (ITU-T H.264 table 7-6).
fn slice(header: u8, slice_type: u32) -> Bytes {
    Writer::default()
        .ue(0)
        .ue(slice_type)
        .ue(0)
        .u(32, 0xa5a5_a5a5)
        .nal(header)
}

pub(super) fn idr() -> Bytes {
    slice(0x65, 7)
}

pub(super) fn p_slice() -> Bytes {
    slice(0x41, 5)
}

pub(super) fn b_slice() -> Bytes {
    slice(0x01, 6)
}

/// An AVCDecoderConfigurationRecord.
pub(super) fn record(length_bytes: u8, sps: &[Bytes], pps: &[Bytes]) -> Bytes {
    let mut record = vec![
        1,
        66,
        0,
        31,
        0xfc | (length_bytes - 1),
        0xe0 | u8::try_from(sps.len()).unwrap(),
    ];
    let add = |record: &mut Vec<u8>, sets: &[Bytes]| {
        for set in sets {
            record.extend(u16::try_from(set.len()).unwrap().to_be_bytes());
            record.extend(set);
        }
    };
    add(&mut record, sps);
    record.push(u8::try_from(pps.len()).unwrap());
    add(&mut record, pps);
    record.into()
}

/// NAL units behind their lengths.
pub(super) fn lengthed(length_bytes: usize, nals: &[Bytes]) -> Bytes {
    let mut bytes = Vec::new();
    for nal in nals {
        let length = u32::try_from(nal.len()).unwrap().to_be_bytes();
        bytes.extend(&length[4 - length_bytes..]);
        bytes.extend(nal);
    }
    bytes.into()
}
