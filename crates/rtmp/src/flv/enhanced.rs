//! What audio and video of enhanced RTMP (v2) have in common: modifiers in front, a FourCC, and several tracks in one message.

use crate::Fault;
use crate::cursor::Cursor;

/// A message that ends before its header does.
pub(super) fn short(what: &'static str) -> Fault {
    wrong(what, "it ends inside of its header")
}

pub(super) fn wrong(what: &'static str, why: &'static str) -> Fault {
    Fault::Tag { what, why }
}

/// The numbers by which audio and video name the same things.
#[derive(Clone, Copy)]
pub(super) struct Kinds {
    /// `audio` or `video`, for faults.
    pub(super) what: &'static str,
    pub(super) multitrack: u8,
    pub(super) modifier: u8,
}

/// One track of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Track<'a> {
    pub(super) number: u8,
    pub(super) codec: [u8; 4],
    pub(super) body: &'a [u8],
}

/// Passes modifiers over: all they say is a part of a millisecond. Gives the packet type that follows them.
pub(super) fn skip_modifiers(
    kinds: Kinds,
    mut packet: u8,
    rest: &mut Cursor<'_>,
) -> Result<u8, Fault> {
    let short = || short(kinds.what);
    while packet == kinds.modifier {
        let mut length = usize::from(rest.u8().ok_or_else(short)?) + 1;
        if length == 256 {
            length = usize::from(rest.u16().ok_or_else(short)?) + 1;
        }
        rest.take(length).ok_or_else(short)?;
        packet = rest.u8().ok_or_else(short)? & 0x0f;
    }
    Ok(packet)
}

/// The packet type and the tracks of what follows the modifiers.
pub(super) fn tracks(
    kinds: Kinds,
    packet: u8,
    mut rest: Cursor<'_>,
    tracks_max: usize,
) -> Result<(u8, Vec<Track<'_>>), Fault> {
    let short = || short(kinds.what);
    if packet != kinds.multitrack {
        let codec = rest.array().ok_or_else(short)?;
        let body = rest.take(rest.len()).ok_or_else(short)?;
        let number = 0;
        return Ok((
            packet,
            vec![Track {
                number,
                codec,
                body,
            }],
        ));
    }
    let first = rest.u8().ok_or_else(short)?;
    let (layout, packet) = (first >> 4, first & 0x0f);
    if packet == kinds.multitrack || packet == kinds.modifier {
        return Err(wrong(kinds.what, "tracks inside of tracks"));
    }
    // One track, several of one codec, several of several codecs.
    if layout > 2 {
        return Err(wrong(kinds.what, "an unknown layout of tracks"));
    }
    let mut common = None;
    if layout < 2 {
        common = Some(rest.array().ok_or_else(short)?);
    }
    let mut tracks = Vec::new();
    while tracks.is_empty() || !rest.is_empty() {
        if tracks.len() >= tracks_max {
            return Err(wrong(kinds.what, "too many tracks"));
        }
        let codec = match common {
            Some(codec) => codec,
            None => rest.array().ok_or_else(short)?,
        };
        let number = rest.u8().ok_or_else(short)?;
        let mut length = rest.len();
        if layout > 0 {
            let announced = rest.u24().ok_or_else(short)?;
            length = usize::try_from(announced).unwrap_or(usize::MAX);
        }
        let body = rest
            .take(length)
            .ok_or_else(|| wrong(kinds.what, "it ends inside of a track"))?;
        tracks.push(Track {
            number,
            codec,
            body,
        });
    }
    Ok((packet, tracks))
}
