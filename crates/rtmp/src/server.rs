//! The side of the server.

use bytes::Bytes;

use crate::{Fault, HANDSHAKE_RANDOM_BYTES, Limits, Metadata, Status, StreamName, flv};

/// One connection of an encoder.
///
/// A turn: [`Self::receive`] what the socket gave, then [`Self::poll_event`] and [`Self::poll_transmit`] until both give nothing.
#[derive(Debug)]
pub struct Session {
    limits: Limits,
}

/// What an encoder has done.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// It wants to publish: [`Session::accept`] or [`Session::refuse`] is due. Comes once in a session unless the stream was ended by its publisher.
    Publish(Publish),
    /// It says what its stream is; only after [`Session::accept`].
    Metadata(Metadata),
    /// Audio of one track; only after [`Session::accept`].
    Audio {
        /// Media time in milliseconds.
        at_ms: u64,
        /// What came.
        audio: flv::Audio,
    },
    /// Video of one track; only after [`Session::accept`].
    Video {
        /// Media time (of decoding) in milliseconds.
        at_ms: u64,
        /// What came.
        video: flv::Video,
    },
    /// It has ended its stream (`FCUnpublish`, `deleteStream`, `closeStream`). Another publish can follow on the same connection.
    Ended,
}

/// A wish to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    /// The first part of the path of `app`: without query and slashes, as `app`.
    pub app: String,
    /// The rest of the path of `app`, where there is one: encoders that have no field for a stream key are given it in the URL.
    pub app_rest: StreamName,
    /// The name in `publish`.
    pub name: StreamName,
    /// What the encoder calls itself; printable, at most 128 characters.
    pub encoder: String,
    /// The host of `tcUrl`, where it was sent; printable, at most 255 characters.
    pub host: Option<String>,
}

impl Session {
    /// A connection that was just taken. `random` goes into the handshake and is no secret.
    pub fn new(limits: Limits, random: [u8; HANDSHAKE_RANDOM_BYTES]) -> Self {
        let _ = random;
        Self { limits }
    }

    /// Takes what the socket gave, all of it.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        if bytes.len() > self.limits.pending_bytes_max {
            return Err(Fault::Ended);
        }
        Ok(())
    }

    /// What the encoder has done next.
    pub fn poll_event(&mut self) -> Option<Event> {
        None
    }

    /// All bytes that wait for the socket.
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        None
    }

    /// Lets the pending publish begin.
    pub fn accept(&mut self) {}

    /// Answers the pending publish with an error; the connection is to be closed after what is to be transmitted.
    pub fn refuse(&mut self, status: &Status) {
        let _ = status;
    }

    /// Tells the publisher why its stream ends; the connection is to be closed after what is to be transmitted.
    pub fn end(&mut self, status: &Status) {
        let _ = status;
    }

    /// Whether an accepted stream is running.
    pub fn is_publishing(&self) -> bool {
        false
    }

    /// Whether the handshake is over.
    pub fn is_shaken(&self) -> bool {
        false
    }
}
