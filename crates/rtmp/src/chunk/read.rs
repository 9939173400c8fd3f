//! From bytes to messages.

use std::collections::BTreeMap;

use crate::cursor::Cursor;
use crate::message::{Message, kind};
use crate::{Fault, Limits};

use super::header::Header;
use super::{CHUNK_SIZE, HEADER_MAX};

/// Puts messages together. Memory is taken as their bytes come.
pub(crate) struct Reader {
    chunk_size: u32,
    streams: BTreeMap<u32, ChunkStream>,
    /// Bytes of all unfinished messages.
    pending: usize,
    /// Bytes that were looked at and not taken: a header that has not come whole, or what may be an extended timestamp.
    ahead: Vec<u8>,
    /// The chunk whose bytes are coming: its chunk stream, and how many are missing.
    open: Option<(u32, usize)>,
}

/// What a chunk stream remembers from one header to the next.
#[derive(Default)]
struct ChunkStream {
    /// Milliseconds, of the message that is coming or came last.
    timestamp: u32,
    /// What a message that begins with format 3 adds: the last difference, or the last timestamp, if it was absolute
    /// (RTMP 1.0 section 5.3.1.2.4; FFmpeg and GStreamer count on it).
    step: u32,
    /// The last extended timestamp, if the last header with a time had one.
    extended: Option<u32>,
    length: usize,
    kind: u8,
    message_stream: u32,
    /// What has come of a message.
    body: Vec<u8>,
    /// Whether a message has begun and not ended.
    is_within: bool,
}

/// What the bytes behind a header are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Peek {
    /// The extended timestamp once more.
    Repeated,
    /// The chunk.
    Chunk,
    /// That shows when more has come.
    Unclear,
}

impl Reader {
    pub(crate) fn new() -> Self {
        Self {
            chunk_size: CHUNK_SIZE,
            streams: BTreeMap::new(),
            pending: 0,
            ahead: Vec::with_capacity(HEADER_MAX),
            open: None,
        }
    }

    /// Bytes of a chunk from the next one on.
    pub(crate) fn set_chunk_size(&mut self, size: u32) -> Result<(), Fault> {
        if size == 0 || size > i32::MAX.unsigned_abs() {
            return Err(Fault::ChunkSize(size));
        }
        self.chunk_size = size;
        Ok(())
    }

    /// Gives up the unfinished message of a chunk stream. An unknown one has none.
    pub(crate) fn abort(&mut self, id: u32) {
        if let Some(stream) = self.streams.get_mut(&id) {
            self.pending = self.pending.saturating_sub(stream.body.len());
            stream.body = Vec::new();
            stream.is_within = false;
        }
    }

    /// Takes from the front of `bytes` until a message is whole or nothing is left.
    pub(crate) fn next(
        &mut self,
        bytes: &mut &[u8],
        limits: &Limits,
    ) -> Result<Option<Message>, Fault> {
        loop {
            let open = match self.open {
                Some(open) => Some(open),
                None => self.begin_chunk(bytes, limits)?,
            };
            let Some((id, mut missing)) = open else {
                return Ok(None);
            };
            if !self.ahead.is_empty() {
                let count = missing.min(self.ahead.len());
                let first: Vec<u8> = self.ahead.drain(..count).collect();
                self.append(id, &first, limits)?;
                missing -= count;
            }
            if missing > 0 {
                let (taken, rest) = bytes.split_at(missing.min(bytes.len()));
                *bytes = rest;
                self.append(id, taken, limits)?;
                missing -= taken.len();
            }
            if missing > 0 {
                self.open = Some((id, missing));
                return Ok(None);
            }
            self.open = None;
            if let Some(message) = self.finish(id) {
                return Ok(Some(message));
            }
        }
    }

    /// Reads a header, and says how many bytes of its chunk follow.
    fn begin_chunk(
        &mut self,
        bytes: &mut &[u8],
        limits: &Limits,
    ) -> Result<Option<(u32, usize)>, Fault> {
        loop {
            // A header is at most eighteen bytes, and most are one.
            let mut behind = Cursor::new(&self.ahead);
            if let Some(header) = Header::read(&mut behind) {
                let mut length = self.ahead.len() - behind.len();
                let found = self.peek(&header, behind);
                if found == Peek::Repeated {
                    length += 4;
                }
                if found != Peek::Unclear {
                    self.ahead.drain(..length);
                    let missing = self.begin_message(&header, limits)?;
                    return Ok(Some((header.id, missing)));
                }
            }
            let Some((first, rest)) = bytes.split_first() else {
                return Ok(None);
            };
            self.ahead.push(*first);
            *bytes = rest;
        }
    }

    /// Whether an extended timestamp follows a header of format 3: the specification repeats it, and librtmp did not. In the middle
    /// of a message it may be the field of its first header, or the time that the field led to.
    fn peek(&self, header: &Header, behind: Cursor<'_>) -> Peek {
        let stream = self.streams.get(&header.id).filter(|_| header.format == 3);
        let Some((stream, extended)) = stream.and_then(|stream| Some((stream, stream.extended?)))
        else {
            return Peek::Chunk;
        };
        let mut found = Peek::Chunk;
        let time = if stream.is_within {
            stream.timestamp
        } else {
            extended
        };
        for expected in [extended, time].map(u32::to_be_bytes) {
            let mut rest = behind;
            match rest.array() {
                Some(bytes) if bytes == expected => return Peek::Repeated,
                Some(_) => {}
                None => {
                    let count = rest.len();
                    if rest.take(count) == expected.get(..count) {
                        found = Peek::Unclear;
                    }
                }
            }
        }
        found
    }

    /// Takes a header over into its chunk stream, and says how many bytes of the chunk follow.
    fn begin_message(&mut self, header: &Header, limits: &Limits) -> Result<usize, Fault> {
        let id = header.id;
        if !self.streams.contains_key(&id) {
            // Format 1 begins a chunk stream too: librtmp does so.
            if header.shape.is_none() {
                return Err(Fault::NoEarlierChunk(id));
            }
            if self.streams.len() >= limits.chunk_streams_max {
                return Err(Fault::ChunkStreams {
                    max: limits.chunk_streams_max,
                });
            }
        }
        let stream = self.streams.entry(id).or_default();
        if stream.is_within && header.format != 3 {
            return Err(Fault::MessageCut(id));
        }
        if !stream.is_within {
            if header.format != 3 {
                stream.step = header.time;
                stream.extended = header.is_extended.then_some(header.time);
            }
            stream.timestamp = if header.format == 0 {
                header.time
            } else {
                stream.timestamp.wrapping_add(stream.step)
            };
            if let Some((length, kind)) = header.shape {
                stream.length = usize::try_from(length).unwrap_or(usize::MAX);
                stream.kind = kind;
                let max = length_max(kind, limits);
                if stream.length > max {
                    return Err(Fault::MessageSize {
                        kind,
                        bytes: stream.length,
                        max,
                    });
                }
            }
            if let Some(message_stream) = header.stream {
                stream.message_stream = message_stream;
            }
            stream.is_within = true;
        }
        let missing = stream.length.saturating_sub(stream.body.len());
        Ok(missing.min(usize::try_from(self.chunk_size).unwrap_or(usize::MAX)))
    }

    fn append(&mut self, id: u32, bytes: &[u8], limits: &Limits) -> Result<(), Fault> {
        let Some(stream) = self.streams.get_mut(&id) else {
            return Ok(());
        };
        self.pending += bytes.len();
        if self.pending > limits.pending_bytes_max {
            return Err(Fault::Pending {
                max: limits.pending_bytes_max,
            });
        }
        let body = &mut stream.body;
        let needed = body.len() + bytes.len();
        if needed > body.capacity() {
            // Twice what is there, and never more than the message needs.
            let wanted = needed.max(2 * body.capacity()).min(stream.length);
            body.reserve_exact(wanted.saturating_sub(body.len()));
        }
        body.extend_from_slice(bytes);
        Ok(())
    }

    /// The message of a chunk stream, if all of it has come.
    fn finish(&mut self, id: u32) -> Option<Message> {
        let stream = self.streams.get_mut(&id)?;
        if stream.body.len() < stream.length {
            return None;
        }
        stream.is_within = false;
        self.pending = self.pending.saturating_sub(stream.length);
        Some(Message {
            kind: stream.kind,
            stream: stream.message_stream,
            timestamp: stream.timestamp,
            body: std::mem::take(&mut stream.body).into(),
        })
    }

    /// Bytes of memory that unfinished messages hold.
    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        let streams = self.streams.values();
        streams.map(|stream| stream.body.capacity()).sum()
    }
}

/// Bytes that a message of that type may have.
fn length_max(kind: u8, limits: &Limits) -> usize {
    match kind {
        kind::AUDIO | kind::VIDEO | kind::AGGREGATE => limits.message_bytes_max,
        _ => limits.command_bytes_max,
    }
}
