//! Video messages.

use bytes::Bytes;

use crate::Fault;
use crate::cursor::{Cursor, low24};

use super::enhanced::{self, Kinds, short, wrong};
use super::{Video, VideoCodec};

/// `CodecID` of H.264.
const AVC: u8 = 7;
/// The high bit of the first byte: enhanced RTMP.
const ENHANCED: u8 = 0x80;
/// `FrameType`.
const KEY: u8 = 1;
const INTER: u8 = 2;
const GENERATED_KEY: u8 = 4;
const COMMAND: u8 = 5;
/// `AVCPacketType`.
const CONFIG: u8 = 0;
const NALS: u8 = 1;
const END: u8 = 2;

/// `VideoPacketType` of enhanced RTMP.
const SEQUENCE_START: u8 = 0;
const CODED_FRAMES: u8 = 1;
const SEQUENCE_END: u8 = 2;
const CODED_FRAMES_X: u8 = 3;
const METADATA: u8 = 4;
const TRANSPORT_STREAM_START: u8 = 5;
const KINDS: Kinds = Kinds {
    what: "video",
    multitrack: 6,
    modifier: 7,
};

impl Video {
    /// Reads a body. Commands, metadata of colours and empty bodies hold nothing.
    pub fn read(body: &Bytes, tracks_max: usize) -> Result<Vec<Self>, Fault> {
        let mut rest = Cursor::new(body);
        let Some(first) = rest.u8() else {
            return Ok(Vec::new());
        };
        let frame = first >> 4 & 0x07;
        let is_key = matches!(frame, KEY | GENERATED_KEY);
        if first & ENHANCED != 0 {
            let packet = enhanced::skip_modifiers(KINDS, first & 0x0f, &mut rest)?;
            if frame == COMMAND && packet != METADATA {
                return Ok(Vec::new());
            }
            return Self::read_enhanced(body, (packet, is_key), rest, tracks_max);
        }
        if frame == COMMAND {
            return Ok(Vec::new());
        }
        let codec = first & 0x0f;
        if codec != AVC {
            let codec = VideoCodec::Flv(codec);
            return Ok(vec![Self::Other { track: 0, codec }]);
        }
        let packet = rest.u8().ok_or_else(|| short(KINDS.what))?;
        if packet == END {
            return Ok(vec![Self::EndOfSequence { track: 0 }]);
        }
        let composition_ms = composition(&mut rest)?;
        let bytes = body.slice_ref(rest.take(rest.len()).unwrap_or_default());
        Ok(match packet {
            CONFIG => vec![Self::AvcConfig {
                track: 0,
                record: bytes,
            }],
            NALS if bytes.is_empty() => Vec::new(),
            NALS => vec![Self::Avc {
                track: 0,
                composition_ms,
                is_key,
                nals: bytes,
            }],
            _ => return Err(wrong(KINDS.what, "an unknown kind of H.264")),
        })
    }

    fn read_enhanced(
        body: &Bytes,
        (packet, is_key): (u8, bool),
        rest: Cursor<'_>,
        tracks_max: usize,
    ) -> Result<Vec<Self>, Fault> {
        let (packet, tracks) = enhanced::tracks(KINDS, packet, rest, tracks_max)?;
        let mut found = Vec::new();
        for held in tracks {
            let track = held.number;
            let mut rest = Cursor::new(held.body);
            found.push(match (packet, &held.codec) {
                (METADATA, _) => continue,
                (SEQUENCE_END, _) => Self::EndOfSequence { track },
                (SEQUENCE_START, b"avc1") => Self::AvcConfig {
                    track,
                    record: body.slice_ref(held.body),
                },
                (CODED_FRAMES | CODED_FRAMES_X, b"avc1") => {
                    let mut composition_ms = 0;
                    if packet == CODED_FRAMES {
                        composition_ms = composition(&mut rest)?;
                    }
                    let nals = rest.take(rest.len()).unwrap_or_default();
                    if nals.is_empty() {
                        continue;
                    }
                    Self::Avc {
                        track,
                        composition_ms,
                        is_key,
                        nals: body.slice_ref(nals),
                    }
                }
                (
                    SEQUENCE_START | CODED_FRAMES | CODED_FRAMES_X | TRANSPORT_STREAM_START,
                    codec,
                ) => Self::Other {
                    track,
                    codec: VideoCodec::FourCc(*codec),
                },
                _ => return Err(wrong(KINDS.what, "an unknown type of packet")),
            });
        }
        Ok(found)
    }

    /// The body of a message: plain FLV for track 0, one track of enhanced RTMP for others, a header alone for what is not looked into.
    pub fn body(&self) -> Bytes {
        let enhanced = |packet: u8, frame: u8, codec: &[u8; 4], track: u8| {
            let first = ENHANCED | frame << 4;
            let mut head = vec![first | packet];
            if track != 0 {
                head = vec![first | KINDS.multitrack, packet];
            }
            head.extend(codec);
            head.extend((track != 0).then_some(track));
            head
        };
        let plain = |packet: u8, frame: u8, composition_ms: i32| {
            let mut head = vec![frame << 4 | AVC, packet];
            head.extend(low24(composition_ms.cast_unsigned()));
            head
        };
        let (mut head, rest) = match self {
            Self::AvcConfig { track: 0, record } => (plain(CONFIG, KEY, 0), record),
            Self::AvcConfig { track, record } => {
                (enhanced(SEQUENCE_START, KEY, b"avc1", *track), record)
            }
            Self::Avc {
                track,
                composition_ms,
                is_key,
                nals,
            } => {
                let frame = if *is_key { KEY } else { INTER };
                if *track == 0 {
                    (plain(NALS, frame, *composition_ms), nals)
                } else {
                    let mut head = enhanced(CODED_FRAMES, frame, b"avc1", *track);
                    head.extend(low24(composition_ms.cast_unsigned()));
                    (head, nals)
                }
            }
            Self::EndOfSequence { track: 0 } => (plain(END, KEY, 0), &Bytes::new()),
            Self::EndOfSequence { track } => {
                (enhanced(SEQUENCE_END, KEY, b"avc1", *track), &Bytes::new())
            }
            Self::Other {
                codec: VideoCodec::Flv(codec),
                ..
            } => (vec![INTER << 4 | codec & 0x0f], &Bytes::new()),
            Self::Other {
                track,
                codec: VideoCodec::FourCc(codec),
            } => (enhanced(CODED_FRAMES, INTER, codec, *track), &Bytes::new()),
        };
        head.extend_from_slice(rest);
        head.into()
    }
}

/// Three bytes with a sign, in milliseconds.
fn composition(rest: &mut Cursor<'_>) -> Result<i32, Fault> {
    let number = rest.u24().ok_or_else(|| short(KINDS.what))?;
    // The sign is bit 23: shifting it up and down again fills what is above.
    Ok((number << 8).cast_signed() >> 8)
}
