//! From messages to bytes.

use std::collections::BTreeMap;

use crate::cursor::low24;
use crate::message::Message;

use super::{CHUNK_SIZE, EXTENDED};

/// Cuts messages into chunks, each after the other.
pub(crate) struct Writer {
    chunk_size: usize,
    streams: BTreeMap<u32, Last>,
}

/// The last header of a chunk stream.
#[derive(Clone, Copy)]
struct Last {
    timestamp: u32,
    /// What format 3 would add.
    step: u32,
    length: usize,
    kind: u8,
    stream: u32,
}

impl Writer {
    pub(crate) fn new() -> Self {
        Self {
            chunk_size: usize::try_from(CHUNK_SIZE).unwrap_or(usize::MAX),
            streams: BTreeMap::new(),
        }
    }

    /// Bytes of a chunk from the next one on; the other end is to be told before.
    pub(crate) fn set_chunk_size(&mut self, size: u32) {
        self.chunk_size = usize::try_from(size.max(1)).unwrap_or(usize::MAX);
    }

    /// Appends a message on chunk stream `id`, which is between 2 and 65599.
    pub(crate) fn write(&mut self, id: u32, message: &Message, to: &mut Vec<u8>) {
        let last = self.streams.get(&id).copied();
        let length = message.body.len();
        let (format, time) = match last {
            Some(last) if last.stream == message.stream && last.timestamp <= message.timestamp => {
                let step = message.timestamp - last.timestamp;
                let is_alike = last.length == length && last.kind == message.kind;
                let format = match (is_alike, step == last.step) {
                    (true, true) => 3,
                    (true, false) => 2,
                    (false, _) => 1,
                };
                (format, step)
            }
            _ => (0, message.timestamp),
        };
        basic(format, id, to);
        if format < 3 {
            to.extend(low24(time.min(EXTENDED)));
        }
        if format < 2 {
            to.extend(low24(u32::try_from(length).unwrap_or(EXTENDED)));
            to.push(message.kind);
        }
        if format == 0 {
            to.extend(message.stream.to_le_bytes());
        }
        let extended = (time >= EXTENDED).then(|| time.to_be_bytes());
        to.extend(extended.iter().flatten());
        for (number, chunk) in message.body.chunks(self.chunk_size).enumerate() {
            if number > 0 {
                basic(3, id, to);
                to.extend(extended.iter().flatten());
            }
            to.extend_from_slice(chunk);
        }
        self.streams.insert(
            id,
            Last {
                timestamp: message.timestamp,
                step: time,
                length,
                kind: message.kind,
                stream: message.stream,
            },
        );
    }
}

/// The basic header, as short as the number allows (RTMP 1.0 section 5.3.1.1).
pub(super) fn basic(format: u8, id: u32, to: &mut Vec<u8>) {
    let first = format << 6;
    let [low, high] = u16::try_from(id.saturating_sub(64))
        .unwrap_or(u16::MAX)
        .to_le_bytes();
    match u8::try_from(id) {
        Ok(id) if id < 64 => to.push(first | id),
        _ if high == 0 => to.extend([first, low]),
        _ => to.extend([first | 1, low, high]),
    }
}
