//! Chunk streams: messages cut into chunks, and mixed.

mod header;
mod read;
mod write;

pub(crate) use read::Reader;
pub(crate) use write::Writer;

/// Bytes of a chunk until the sender says otherwise (RTMP 1.0 section 5.4.1).
pub(crate) const CHUNK_SIZE: u32 = 128;
/// A timestamp field that says that the timestamp follows in four bytes.
const EXTENDED: u32 = 0xff_ffff;
/// Bytes of the longest header: three of the basic header, eleven of the message, four of the timestamp.
const HEADER_MAX: usize = 18;
