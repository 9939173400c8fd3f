//! VP8 payloads (RFC 7741), read only as far as limits and key frames need.

use crate::payload::{Facts, Malformed, Size};

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
    let mut reader = Reader { payload, offset: 0 };
    let first = reader.byte()?;
    let is_extended = first & 0x80 != 0;
    let begins_partition = first & 0x10 != 0;
    let partition = first & 0x07;
    let picture = if is_extended {
        reader.extension()?
    } else {
        Picture::default()
    };
    let rest = payload.get(reader.offset..).ok_or(Malformed)?;
    let header = rest.first().ok_or(Malformed)?;
    let mut facts = Facts {
        picture: Some(picture),
        ..Facts::default()
    };
    let is_key_frame = begins_partition && partition == 0 && header & 1 == 0;
    if is_key_frame {
        // RFC 6386 section 9.1: three bytes of frame tag, a start code, then 14 bits each of width and height.
        let [_, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..] = rest else {
            return Err(Malformed);
        };
        let side = |low: u8, high: u8| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
        facts.is_start = true;
        facts.size = Some(Size {
            width: side(*w0, *w1),
            height: side(*h0, *h1),
        });
    }
    Ok(facts)
}

/// A payload and how far it has been read.
struct Reader<'a> {
    payload: &'a [u8],
    offset: usize,
}

impl Reader<'_> {
    fn byte(&mut self) -> Result<u8, Malformed> {
        let byte = self.payload.get(self.offset).ok_or(Malformed)?;
        self.offset += 1;
        Ok(*byte)
    }

    /// The extended part of the descriptor: a byte of flags, then what they announce.
    fn extension(&mut self) -> Result<Picture, Malformed> {
        let flags = self.byte()?;
        let mut picture = Picture::default();
        if flags & 0x80 != 0 {
            let offset = self.offset;
            let first = self.byte()?;
            let is_long = first & 0x80 != 0;
            let value = if is_long {
                u16::from_be_bytes([first & 0x7f, self.byte()?])
            } else {
                u16::from(first)
            };
            picture.id = Some(PictureId {
                offset,
                value,
                is_long,
            });
        }
        if flags & 0x40 != 0 {
            picture.tl0 = Some((self.offset, self.byte()?));
        }
        if flags & 0x30 != 0 {
            // Temporal layer and key frame index.
            self.byte()?;
        }
        Ok(picture)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A descriptor with all its fields, and the payload after it.
    fn write(id: Option<(u16, bool)>, tl0: Option<u8>, layer: bool, rest: &[u8]) -> Vec<u8> {
        let flag = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
        let flags = flag(id.is_some(), 0x80) | flag(tl0.is_some(), 0x40) | flag(layer, 0x20);
        let mut payload = vec![0x90, flags];
        match id {
            Some((id, true)) => payload.extend((id | 0x8000).to_be_bytes()),
            Some((id, false)) => payload.push(u8::try_from(id & 0x7f).unwrap()),
            None => {}
        }
        payload.extend(tl0);
        payload.extend(layer.then_some(0x40));
        payload.extend(rest);
        payload
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_a_descriptor_says_is_found_where_it_stands(
            id in prop::option::of((0..0x8000_u16, any::<bool>())),
            tl0 in prop::option::of(any::<u8>()),
            layer in any::<bool>(),
        ) {
            // A predicted frame: the lowest bit of its tag is set.
            let payload = write(id, tl0, layer, &[0x11, 0, 0, 0]);
            let facts = inspect(&payload).unwrap();
            let picture = facts.picture.unwrap();
            prop_assert!(!facts.is_start && facts.size.is_none());
            let expected = id.map(|(id, is_long)| PictureId {
                offset: 2,
                value: if is_long { id } else { id & 0x7f },
                is_long,
            });
            prop_assert_eq!(picture.id, expected);
            prop_assert_eq!(picture.tl0.map(|(_, value)| value), tl0);
            if let Some((offset, value)) = picture.tl0 {
                prop_assert_eq!(payload[offset], value);
            }
        }

        // T42.
        #[test]
        fn t42_what_is_found_lies_inside_the_payload(payload in prop::collection::vec(any::<u8>(), 0..12)) {
            if let Ok(facts) = inspect(&payload) {
                let picture = facts.picture.unwrap();
                if let Some(id) = picture.id {
                    prop_assert!(id.offset + usize::from(id.is_long) < payload.len());
                }
                if let Some((offset, _)) = picture.tl0 {
                    prop_assert!(offset < payload.len());
                }
            }
        }
    }

    #[test]
    fn a_key_frame_says_its_size() {
        let mut rest = vec![0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a];
        rest.extend(0x4500_u16.to_le_bytes());
        rest.extend(720_u16.to_le_bytes());
        let facts = inspect(&write(Some((5, true)), Some(1), true, &rest)).unwrap();
        assert!(facts.is_start);
        // The two highest bits are a scaling, not a size.
        let size = Size {
            width: 1_280,
            height: 720,
        };
        assert_eq!(facts.size, Some(size));
    }
}
