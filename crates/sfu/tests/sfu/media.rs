//! Payloads.

use crate::client::Packet;

/// Bits, most significant first.
#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    fn put(&mut self, value: u32, count: u32) {
        self.0
            .extend((0..count).rev().map(|at| value >> at & 1 == 1));
    }

    /// `ue(v)`.
    fn golomb(&mut self, value: u32) {
        let length = (value + 1).ilog2();
        self.put(0, length);
        self.put(value + 1, length + 1);
    }

    fn bytes(mut self) -> Vec<u8> {
        self.0.push(true);
        self.0
            .chunks(8)
            .map(|byte| {
                byte.iter()
                    .enumerate()
                    .fold(0, |sum, (at, bit)| sum | u8::from(*bit) << (7 - at))
            })
            .collect()
    }
}

/// A Constrained Baseline sequence parameter set for a picture of that size; both sizes even.
pub(crate) fn sps(width: u32, height: u32) -> Vec<u8> {
    sps_of(66, 0xe0, width, height)
}

/// The same in the Main profile, which allows slices of type B.
pub(crate) fn main_sps(width: u32, height: u32) -> Vec<u8> {
    sps_of(77, 0, width, height)
}

fn sps_of(profile: u32, constraints: u32, width: u32, height: u32) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.put(profile, 8);
    bits.put(constraints, 8);
    bits.put(31, 8);
    // Ids and numbering.
    for value in [0, 0, 2, 1] {
        bits.golomb(value);
    }
    bits.put(0, 1);
    let (columns, rows) = (width.div_ceil(16), height.div_ceil(16));
    bits.golomb(columns - 1);
    bits.golomb(rows - 1);
    bits.put(0b11, 2);
    bits.put(1, 1);
    for value in [0, (columns * 16 - width) / 2, 0, (rows * 16 - height) / 2] {
        bits.golomb(value);
    }
    bits.put(0, 1);
    let mut nal = vec![0x67];
    let mut zeros = 0;
    for byte in bits.bytes() {
        if zeros == 2 && byte <= 3 {
            nal.push(3);
            zeros = 0;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        nal.push(byte);
    }
    nal
}

/// One NAL unit that is a slice of that type (0 P, 1 B, 2 I).
pub(crate) fn slice(is_idr: bool, slice_type: u32, bytes: usize) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.golomb(0);
    bits.golomb(slice_type);
    let mut nal = vec![if is_idr { 0x65 } else { 0x41 }];
    nal.extend(bits.bytes());
    nal.resize(bytes.max(nal.len()), 0x55);
    nal
}

/// STAP-A.
pub(crate) fn stap(nals: &[Vec<u8>]) -> Vec<u8> {
    let mut payload = vec![0x78];
    for nal in nals {
        payload.extend(u16::try_from(nal.len()).unwrap().to_be_bytes());
        payload.extend(nal);
    }
    payload
}

/// FU-A fragments of a NAL unit, `size` bytes each but for the last; the unit itself if it fits.
pub(crate) fn fragments(nal: &[u8], size: usize) -> Vec<Vec<u8>> {
    if nal.len() <= size {
        return vec![nal.to_vec()];
    }
    let (header, body) = nal.split_first().unwrap();
    let parts: Vec<_> = body.chunks(size - 2).collect();
    let last = parts.len() - 1;
    let part = |(at, part): (usize, &&[u8])| {
        let start = if at == 0 { 0x80 } else { 0 };
        let end = if at == last { 0x40 } else { 0 };
        let mut payload = vec![header & 0xe0 | 0x1c, start | end | header & 0x1f];
        payload.extend_from_slice(part);
        payload
    };
    parts.iter().enumerate().map(part).collect()
}

/// A key frame as an encoder's packetiser sends it: parameter sets, then the picture in parts.
pub(crate) fn key_frame(width: u32, height: u32) -> Vec<Vec<u8>> {
    let mut payloads = vec![stap(&[sps(width, height), vec![0x68, 0xce, 0x3c, 0x80]])];
    payloads.extend(fragments(&slice(true, 2, 4_000), 1_000));
    payloads
}

/// A predicted frame in `count` parts of 1,000 bytes, the last one shorter.
pub(crate) fn predicted_frame(count: usize) -> Vec<Vec<u8>> {
    fragments(&slice(false, 0, 998 * (count - 1) + 501), 1_000)
}

/// Redundant audio (RFC 2198): blocks of one payload type that repeat, each with its age in ticks, then the packet's own.
pub(crate) fn redundant(number: u8, repeated: &[(u16, &[u8])], primary: &[u8]) -> Vec<u8> {
    let mut payload = Vec::new();
    for (age, block) in repeated {
        let [high, low] = u16::try_from(block.len()).unwrap().to_be_bytes();
        let [older, old] = (age << 2).to_be_bytes();
        payload.extend([0x80 | number, older, old | high, low]);
    }
    payload.push(number);
    for (_, block) in repeated {
        payload.extend_from_slice(block);
    }
    payload.extend_from_slice(primary);
    payload
}

/// The packets of one frame.
pub(crate) fn packets(payloads: &[Vec<u8>], timestamp: u32) -> Vec<Packet<'_>> {
    let last = payloads.len() - 1;
    payloads
        .iter()
        .enumerate()
        .map(|(at, payload)| Packet {
            payload,
            timestamp,
            marker: at == last,
        })
        .collect()
}
