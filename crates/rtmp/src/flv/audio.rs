//! Audio messages.

use bytes::Bytes;

use crate::Fault;
use crate::cursor::Cursor;

use super::enhanced::{self, Kinds, short, wrong};
use super::{Audio, AudioCodec};

/// `SoundFormat` of AAC, and that of enhanced RTMP.
const AAC: u8 = 10;
const ENHANCED: u8 = 9;
/// AAC at 44.1 kHz, 16 bits, stereo: what is said of all AAC, whatever it is.
const AAC_HEADER: u8 = 0xaf;
/// The second byte of AAC.
const CONFIG: u8 = 0;
const FRAME: u8 = 1;

/// `AudioPacketType` of enhanced RTMP.
const SEQUENCE_START: u8 = 0;
const CODED_FRAMES: u8 = 1;
const SEQUENCE_END: u8 = 2;
const MULTICHANNEL: u8 = 4;
const KINDS: Kinds = Kinds {
    what: "audio",
    multitrack: 5,
    modifier: 7,
};

impl Audio {
    /// Reads a body. Of several tracks only the one with number 0 is given: others are languages or comments. Empty bodies, which
    /// some encoders send to say that they live, hold nothing.
    pub fn read(body: &Bytes, tracks_max: usize) -> Result<Vec<Self>, Fault> {
        let mut rest = Cursor::new(body);
        let Some(first) = rest.u8() else {
            return Ok(Vec::new());
        };
        let one = match first >> 4 {
            AAC => match rest.u8() {
                Some(CONFIG) => Self::AacConfig(body.slice(2..)),
                Some(FRAME) if rest.is_empty() => return Ok(Vec::new()),
                Some(FRAME) => Self::Aac(body.slice(2..)),
                Some(_) => return Err(wrong(KINDS.what, "an unknown kind of AAC")),
                None => return Err(short(KINDS.what)),
            },
            ENHANCED => return Self::read_enhanced(body, first & 0x0f, rest, tracks_max),
            format => Self::Other {
                codec: AudioCodec::Flv(format),
            },
        };
        Ok(vec![one])
    }

    fn read_enhanced(
        body: &Bytes,
        packet: u8,
        mut rest: Cursor<'_>,
        tracks_max: usize,
    ) -> Result<Vec<Self>, Fault> {
        let packet = enhanced::skip_modifiers(KINDS, packet, &mut rest)?;
        let (packet, tracks) = enhanced::tracks(KINDS, packet, rest, tracks_max)?;
        let mut found = Vec::new();
        for track in tracks.iter().filter(|track| track.number == 0) {
            let bytes = body.slice_ref(track.body);
            found.push(match (packet, &track.codec) {
                (SEQUENCE_START, b"mp4a") => Self::AacConfig(bytes),
                (CODED_FRAMES, b"mp4a") if bytes.is_empty() => continue,
                (CODED_FRAMES, b"mp4a") => Self::Aac(bytes),
                (SEQUENCE_END, _) => Self::EndOfSequence,
                // How channels are arranged; the configuration of AAC says so too.
                (MULTICHANNEL, _) => continue,
                (SEQUENCE_START | CODED_FRAMES, codec) => Self::Other {
                    codec: AudioCodec::FourCc(*codec),
                },
                _ => return Err(wrong(KINDS.what, "an unknown type of packet")),
            });
        }
        Ok(found)
    }

    /// The body of a message: plain FLV for AAC, a header alone for what is not looked into.
    pub fn body(&self) -> Bytes {
        let parts: [&[u8]; 2] = match self {
            Self::AacConfig(config) => [&[AAC_HEADER, CONFIG], config],
            Self::Aac(frame) => [&[AAC_HEADER, FRAME], frame],
            Self::EndOfSequence => [&[ENHANCED << 4 | SEQUENCE_END], b"mp4a"],
            Self::Other {
                codec: AudioCodec::Flv(format),
            } => [&[format << 4], &[]],
            Self::Other {
                codec: AudioCodec::FourCc(codec),
            } => [&[ENHANCED << 4 | CODED_FRAMES], codec],
        };
        parts.concat().into()
    }
}
