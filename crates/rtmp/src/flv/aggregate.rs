//! Several messages in one (RTMP 1.0 section 7.1.6).

use crate::Fault;
use crate::cursor::Cursor;
use crate::message::{Message, kind};

/// Bytes of the header of a part: type, length, time, and message stream.
const HEADER: usize = 11;
/// Bytes behind a part that repeat its length.
const TRAILER: usize = 4;

const SHORT: Fault = Fault::Tag {
    what: "aggregate",
    why: "it ends inside of a part",
};

/// The parts, their times moved so that the first has the time of the whole. Aggregates inside are not taken.
pub(crate) fn split(whole: &Message) -> Result<Vec<Message>, Fault> {
    let mut rest = Cursor::new(&whole.body);
    let mut first = None;
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let mut header = Cursor::new(rest.take(HEADER).ok_or(SHORT)?);
        let (kind, length) = header.u8().zip(header.u24()).ok_or(SHORT)?;
        let (low, high) = header.u24().zip(header.u8()).ok_or(SHORT)?;
        let body = rest
            .take(usize::try_from(length).unwrap_or(usize::MAX))
            .ok_or(SHORT)?;
        if !rest.is_empty() {
            rest.take(TRAILER).ok_or(SHORT)?;
        }
        let time = u32::from(high) << 24 | low;
        let first = *first.get_or_insert(time);
        if matches!(kind, kind::AUDIO | kind::VIDEO | kind::DATA) {
            parts.push(Message {
                kind,
                stream: whole.stream,
                timestamp: whole.timestamp.wrapping_add(time.wrapping_sub(first)),
                body: whole.body.slice_ref(body),
            });
        }
    }
    Ok(parts)
}
