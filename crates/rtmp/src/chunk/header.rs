//! The header of a chunk, read from as many bytes as there are.

use crate::cursor::Cursor;

use super::EXTENDED;

/// What the basic header and the message header say (RTMP 1.0 section 5.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Chunk stream: 2 to 65599.
    pub(super) id: u32,
    /// How much of the message header is there: 0 is all of it, 3 nothing.
    pub(super) format: u8,
    /// Absolute in format 0, a difference in formats 1 and 2; the extended timestamp where there is one. Zero in format 3.
    pub(super) time: u32,
    /// Whether the time came as an extended timestamp.
    pub(super) is_extended: bool,
    /// Length and type of the message, in formats 0 and 1.
    pub(super) shape: Option<(u32, u8)>,
    /// Message stream, in format 0.
    pub(super) stream: Option<u32>,
}

impl Header {
    /// Takes a header from the front; nothing if it has not come whole. The extended timestamp that may follow format 3 is not taken.
    pub(super) fn read(from: &mut Cursor<'_>) -> Option<Self> {
        let first = from.u8()?;
        let id = match first & 0x3f {
            0 => u32::from(from.u8()?) + 64,
            1 => {
                // The second byte counts ones, the third one 256ths.
                let [low, high] = from.array()?;
                u32::from(u16::from_le_bytes([low, high])) + 64
            }
            id => id.into(),
        };
        let format = first >> 6;
        let mut header = Self {
            id,
            format,
            time: 0,
            is_extended: false,
            shape: None,
            stream: None,
        };
        if format == 3 {
            return Some(header);
        }
        header.time = from.u24()?;
        if format <= 1 {
            header.shape = Some((from.u24()?, from.u8()?));
        }
        if format == 0 {
            header.stream = Some(u32::from_le_bytes(from.array()?));
        }
        if header.time == EXTENDED {
            header.is_extended = true;
            header.time = from.u32()?;
        }
        Some(header)
    }
}
