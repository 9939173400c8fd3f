//! Messages: what chunk streams carry.

use bytes::Bytes;

use crate::Fault;
use crate::cursor::Cursor;

/// Message types (RTMP 1.0 sections 5.4, 6.2 and 7.1).
pub(crate) mod kind {
    pub(crate) const CHUNK_SIZE: u8 = 1;
    pub(crate) const ABORT: u8 = 2;
    pub(crate) const ACKNOWLEDGEMENT: u8 = 3;
    pub(crate) const USER_CONTROL: u8 = 4;
    pub(crate) const WINDOW: u8 = 5;
    pub(crate) const BANDWIDTH: u8 = 6;
    pub(crate) const AUDIO: u8 = 8;
    pub(crate) const VIDEO: u8 = 9;
    pub(crate) const DATA_AMF3: u8 = 15;
    pub(crate) const SHARED_OBJECT_AMF3: u8 = 16;
    pub(crate) const COMMAND_AMF3: u8 = 17;
    pub(crate) const DATA: u8 = 18;
    pub(crate) const SHARED_OBJECT: u8 = 19;
    pub(crate) const COMMAND: u8 = 20;
    pub(crate) const AGGREGATE: u8 = 22;
}

/// A whole message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// What it is, of [`kind`].
    pub(crate) kind: u8,
    /// The message stream: 0 is the connection.
    pub(crate) stream: u32,
    /// Milliseconds, the lower 32 bits.
    pub(crate) timestamp: u32,
    pub(crate) body: Bytes,
}

/// What two ends tell each other about the connection itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    /// Bytes of a chunk from here on.
    ChunkSize(u32),
    /// The unfinished message of that chunk stream is given up.
    Abort(u32),
    /// So many bytes have come, the lower 32 bits.
    Acknowledgement(u32),
    /// An acknowledgement is due after so many bytes.
    Window(u32),
    /// The other end is to keep to this window; 2 is a dynamic limit.
    Bandwidth(u32),
    /// A message stream begins.
    StreamBegin(u32),
    /// Milliseconds to be sent back.
    Ping(u32),
    /// Milliseconds sent back.
    Pong(u32),
    /// Anything of no use here.
    Other,
}

/// Bytes of the events of user control.
const STREAM_BEGIN: u16 = 0;
const PING: u16 = 6;
const PONG: u16 = 7;

impl Control {
    /// Reads a message of types 1 to 6. Bytes behind what the type has are skipped.
    pub(crate) fn read(message: &Message) -> Result<Self, Fault> {
        let mut body = Cursor::new(&message.body);
        let control = if message.kind == kind::USER_CONTROL {
            body.u16().and_then(|event| {
                Some(match event {
                    STREAM_BEGIN => Self::StreamBegin(body.u32()?),
                    PING => Self::Ping(body.u32()?),
                    PONG => Self::Pong(body.u32()?),
                    _ => Self::Other,
                })
            })
        } else {
            body.u32().map(|number| match message.kind {
                kind::CHUNK_SIZE => Self::ChunkSize(number),
                kind::ABORT => Self::Abort(number),
                kind::ACKNOWLEDGEMENT => Self::Acknowledgement(number),
                kind::WINDOW => Self::Window(number),
                kind::BANDWIDTH => Self::Bandwidth(number),
                _ => Self::Other,
            })
        };
        control.ok_or(Fault::Control {
            kind: message.kind,
            bytes: message.body.len(),
        })
    }

    /// As a message on the connection.
    pub(crate) fn message(self) -> Message {
        let event = |event: u16, number: u32| {
            let mut body = event.to_be_bytes().to_vec();
            body.extend(number.to_be_bytes());
            (kind::USER_CONTROL, body)
        };
        let number = |kind, number: u32| (kind, number.to_be_bytes().to_vec());
        let (kind, body) = match self {
            Self::ChunkSize(size) => number(kind::CHUNK_SIZE, size),
            Self::Abort(stream) => number(kind::ABORT, stream),
            Self::Acknowledgement(bytes) => number(kind::ACKNOWLEDGEMENT, bytes),
            Self::Window(bytes) => number(kind::WINDOW, bytes),
            Self::Bandwidth(bytes) => {
                let (kind, mut body) = number(kind::BANDWIDTH, bytes);
                body.push(2);
                (kind, body)
            }
            Self::StreamBegin(stream) => event(STREAM_BEGIN, stream),
            Self::Ping(time) => event(PING, time),
            Self::Pong(time) => event(PONG, time),
            Self::Other => (kind::USER_CONTROL, Vec::new()),
        };
        Message {
            kind,
            stream: 0,
            timestamp: 0,
            body: body.into(),
        }
    }
}
