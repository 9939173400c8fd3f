//! H.264 payloads (RFC 6184), read only as far as limits and key frames need: sequence parameter sets and the first two
//! fields of slice headers.

use std::panic::{AssertUnwindSafe, catch_unwind};

use h264_reader::nal::sps::SeqParameterSet;
use h264_reader::rbsp::{BitReader, decode_nal};

use crate::payload::{Facts, Malformed, Size};

/// NAL unit types (ITU-T H.264 table 7-1), then those that RFC 6184 section 5.2 adds.
pub(crate) const SLICE: u8 = 1;
pub(crate) const SLICE_PARTITION_A: u8 = 2;
pub(crate) const SLICE_IDR: u8 = 5;
pub(crate) const SEI: u8 = 6;
pub(crate) const SPS: u8 = 7;
pub(crate) const PPS: u8 = 8;
pub(crate) const DELIMITER: u8 = 9;
pub(crate) const FILLER: u8 = 12;
const NAL_MAX: u8 = 23;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;

/// Largest sequence parameter set that is parsed, in bytes; with every list and VUI field it stays below half of that.
const SPS_BYTES_MAX: usize = 1_024;
/// Where `level_idc` stands behind the NAL unit header, and its largest value, 6.2. The reader refuses a size above what the
/// level allows, and encoders claim levels that are too low; what counts is the size.
const LEVEL_AT: usize = 2;
const LEVEL_MAX: u8 = 62;

/// The profile without slices of type B (section A.2.1).
pub(crate) const BASELINE: u8 = 66;
/// Macroblocks of the largest picture of any level (table A-1).
const MACROBLOCKS_MAX: u32 = 139_264;
/// The fields of a slice header that are read take less: 35, 7 and 17 bits, and emulation prevention.
const HEADER_BYTES_MAX: usize = 12;

/// Reads one payload. Only the structures of packetization modes 0 and 1 are known.
pub(crate) fn inspect(payload: &[u8]) -> Result<Facts, Malformed> {
    let (first, rest) = payload.split_first().ok_or(Malformed)?;
    match nal_type(*first)? {
        1..=NAL_MAX => unit(payload),
        STAP_A => aggregate(rest),
        FU_A => fragment(rest),
        _ => Err(Malformed),
    }
}

/// What a decoder has to have before it can show anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Holds {
    /// A sequence parameter set.
    pub(crate) sequence: bool,
    /// A picture parameter set.
    pub(crate) picture: bool,
    /// The beginning of an IDR slice.
    pub(crate) key: bool,
}

impl Holds {
    pub(crate) const ALL: Self = Self {
        sequence: true,
        picture: true,
        key: true,
    };

    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            sequence: self.sequence | other.sequence,
            picture: self.picture | other.picture,
            key: self.key | other.key,
        }
    }

    fn of(kind: u8) -> Self {
        Self {
            sequence: kind == SPS,
            picture: kind == PPS,
            key: kind == SLICE_IDR,
        }
    }
}

/// What of that a sound payload holds. A sequence parameter set is never in fragments: see [`inspect`].
pub(crate) fn holds(payload: &[u8]) -> Holds {
    let Some((first, mut rest)) = payload.split_first() else {
        return Holds::default();
    };
    match first & 0x1f {
        STAP_A => {
            let mut all = Holds::default();
            while let Some((length, after)) = rest.split_first_chunk::<2>() {
                all = all.or(Holds::of(after.first().map_or(0, |header| header & 0x1f)));
                let length = usize::from(u16::from_be_bytes(*length));
                rest = after.get(length..).unwrap_or_default();
            }
            all
        }
        FU_A => match rest.first() {
            Some(header) if header & 0x80 != 0 => Holds::of(header & 0x1f),
            _ => Holds::default(),
        },
        kind => Holds::of(kind),
    }
}

/// The type of a NAL unit header whose forbidden bit is clear.
pub(crate) fn nal_type(header: u8) -> Result<u8, Malformed> {
    if header & 0x80 == 0 {
        Ok(header & 0x1f)
    } else {
        Err(Malformed)
    }
}

/// STAP-A (RFC 6184 section 5.7.1): NAL units, each after its length in 16 bits.
fn aggregate(mut rest: &[u8]) -> Result<Facts, Malformed> {
    let mut facts = Facts::default();
    if rest.is_empty() {
        return Err(Malformed);
    }
    while !rest.is_empty() {
        let (length, after) = rest.split_first_chunk::<2>().ok_or(Malformed)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let nal = after.get(..length).ok_or(Malformed)?;
        let header = nal.first().ok_or(Malformed)?;
        if !(1..=NAL_MAX).contains(&nal_type(*header)?) {
            return Err(Malformed);
        }
        let inner = unit(nal)?;
        facts.is_start |= inner.is_start;
        facts.is_b_slice |= inner.is_b_slice;
        facts.allows_b = inner.allows_b.or(facts.allows_b);
        facts.size = [facts.size, inner.size]
            .into_iter()
            .flatten()
            .max_by_key(|size| size.area());
        rest = after.get(length..).ok_or(Malformed)?;
    }
    Ok(facts)
}

/// FU-A (RFC 6184 section 5.8): one part of a NAL unit, after a header with start bit, end bit and type.
fn fragment(rest: &[u8]) -> Result<Facts, Malformed> {
    let (header, body) = rest.split_first().ok_or(Malformed)?;
    let (is_first, is_last) = (header & 0x80 != 0, header & 0x40 != 0);
    let kind = header & 0x1f;
    if body.is_empty() || (is_first && is_last) || !(1..=NAL_MAX).contains(&kind) {
        return Err(Malformed);
    }
    // A parameter set is a few dozen bytes. One in fragments could hide its picture size from us, and from no decoder.
    if kind == SPS {
        return Err(Malformed);
    }
    if !is_first {
        return Ok(Facts::default());
    }
    let slice = Slice::read(kind, body, true)?;
    Ok(Facts {
        is_start: slice.begins_key_frame,
        is_b_slice: slice.is_b,
        ..Facts::default()
    })
}

fn unit(nal: &[u8]) -> Result<Facts, Malformed> {
    let (header, body) = nal.split_first().ok_or(Malformed)?;
    let kind = nal_type(*header)?;
    let slice = Slice::read(kind, body, false)?;
    let is_set = kind == SPS;
    Ok(Facts {
        is_start: is_set || slice.begins_key_frame,
        is_b_slice: slice.is_b,
        size: if is_set { Some(size(nal)?) } else { None },
        allows_b: body
            .first()
            .filter(|_| is_set)
            .map(|profile| *profile != BASELINE),
        ..Facts::default()
    })
}

/// Which parameter set a NAL unit is: its type, and its id among those of that type. `None` if it is none, or malformed.
pub(crate) fn set_id(nal: &[u8]) -> Option<(u8, u32)> {
    let (header, body) = nal.split_first()?;
    let kind = nal_type(*header).ok()?;
    let body = match kind {
        // Profile, constraints and level come first (section 7.3.2.1.1).
        SPS => body.get(3..)?,
        PPS => body,
        _ => return None,
    };
    Some((kind, Bits::new(body).exp_golomb()?))
}

/// Whether a NAL unit is of an IDR picture.
pub(crate) fn is_idr(nal: &[u8]) -> bool {
    nal.first()
        .is_some_and(|header| nal_type(*header) == Ok(SLICE_IDR))
}

/// Whether a NAL unit goes into packets: RFC 6184 has other meanings for the types from 24 on, and a receiver needs neither
/// delimiters, as there is the marker, nor filler.
pub(crate) fn is_sent(nal: &[u8]) -> bool {
    let kind = nal.first().and_then(|header| nal_type(*header).ok());
    kind.is_some_and(|kind| (1..=NAL_MAX).contains(&kind) && kind != DELIMITER && kind != FILLER)
}

/// Several NAL units as one STAP-A (RFC 6184 section 5.7.1) of so many bytes. Each has a length that fits 16 bits.
pub(crate) fn aggregate_of(nals: &[&[u8]], bytes: usize) -> Vec<u8> {
    let importance = nals
        .iter()
        .filter_map(|nal| nal.first())
        .map(|header| header & 0x60);
    let mut payload = Vec::with_capacity(bytes);
    payload.push(STAP_A | importance.max().unwrap_or(0));
    for nal in nals {
        let length = u16::try_from(nal.len()).unwrap_or(u16::MAX);
        payload.extend_from_slice(&length.to_be_bytes());
        payload.extend_from_slice(nal);
    }
    payload
}

/// The first bytes of a part of the NAL unit with that header, as FU-A (RFC 6184 section 5.8).
pub(crate) fn fragment_head(header: u8, is_first: bool, is_last: bool) -> [u8; 2] {
    let flags = u8::from(is_first) << 7 | u8::from(is_last) << 6;
    [header & 0x60 | FU_A, flags | header & 0x1f]
}

/// What the first fields of a slice header say (ITU-T H.264 section 7.3.3).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Slice {
    /// It begins with the first macroblock.
    pub(crate) begins_picture: bool,
    /// The first slice of an IDR picture.
    begins_key_frame: bool,
    /// `slice_type` is B: 1, or 6 where all slices of the picture are (table 7-6).
    pub(crate) is_b: bool,
}

impl Slice {
    /// Reads the header of a slice, which may be cut off where the body is the first of several parts.
    pub(crate) fn read(kind: u8, body: &[u8], is_part: bool) -> Result<Self, Malformed> {
        if !matches!(kind, SLICE | SLICE_PARTITION_A | SLICE_IDR) {
            return Ok(Self::default());
        }
        let mut bits = Bits::new(body);
        let first_macroblock = bits.exp_golomb();
        let slice_type = bits.exp_golomb();
        let parameters = bits.exp_golomb();
        let (Some(first_macroblock), Some(slice_type), Some(parameters)) =
            (first_macroblock, slice_type, parameters)
        else {
            let is_cut = is_part && body.len() < HEADER_BYTES_MAX;
            return if is_cut {
                Ok(Self::default())
            } else {
                Err(Malformed)
            };
        };
        // An IDR picture has I and SI slices only (section 7.4.3).
        let is_sound = first_macroblock < MACROBLOCKS_MAX
            && slice_type <= 9
            && parameters <= 255
            && (kind != SLICE_IDR || matches!(slice_type % 5, 2 | 4));
        if !is_sound {
            return Err(Malformed);
        }
        Ok(Self {
            begins_picture: first_macroblock == 0,
            begins_key_frame: kind == SLICE_IDR && first_macroblock == 0,
            is_b: slice_type % 5 == 1,
        })
    }
}

/// Picture size after cropping.
///
/// The reader runs under `catch_unwind`: it is handed whatever a publisher writes, and a parser's bug is worth one packet.
pub(crate) fn size(nal: &[u8]) -> Result<Size, Malformed> {
    let end = nal.iter().rposition(|byte| *byte != 0).ok_or(Malformed)?;
    let nal = nal.get(..=end).ok_or(Malformed)?;
    if nal.len() > SPS_BYTES_MAX {
        return Err(Malformed);
    }
    let read = || {
        let mut rbsp = decode_nal(nal).ok()?;
        *rbsp.to_mut().get_mut(LEVEL_AT)? = LEVEL_MAX;
        let sps = SeqParameterSet::from_bits(BitReader::new(&*rbsp)).ok()?;
        sps.pixel_dimensions().ok()
    };
    let (width, height) = catch_unwind(AssertUnwindSafe(read))
        .ok()
        .flatten()
        .ok_or(Malformed)?;
    Ok(Size { width, height })
}

/// Bits of a NAL unit's body without its emulation prevention bytes (ITU-T H.264 section 7.4.1).
struct Bits<'a> {
    bytes: &'a [u8],
    zeros: u8,
    byte: u8,
    left: u8,
}

impl<'a> Bits<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            zeros: 0,
            byte: 0,
            left: 0,
        }
    }

    fn bit(&mut self) -> Option<u32> {
        if self.left == 0 {
            let mut byte = self.next_byte()?;
            if self.zeros >= 2 && byte == 3 {
                self.zeros = 0;
                byte = self.next_byte()?;
            }
            self.zeros = if byte == 0 {
                self.zeros.saturating_add(1)
            } else {
                0
            };
            (self.byte, self.left) = (byte, 8);
        }
        self.left -= 1;
        Some(u32::from(self.byte >> self.left & 1))
    }

    fn next_byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(*byte)
    }

    /// `ue(v)` (ITU-T H.264 section 9.1) of at most 31 bits.
    fn exp_golomb(&mut self) -> Option<u32> {
        let mut length = 0;
        while self.bit()? == 0 {
            length += 1;
            if length > 31 {
                return None;
            }
        }
        let mut value = 1_u32;
        for _ in 0..length {
            value = value << 1 | self.bit()?;
        }
        Some(value - 1)
    }
}
