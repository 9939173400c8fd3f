//! The side of an encoder, for `downstage load`, tests and measurements.

use bytes::Bytes;

use crate::{Fault, HANDSHAKE_RANDOM_BYTES, Limits, Metadata, StreamName, flv};

/// Where to publish.
#[derive(Clone, Debug)]
pub struct Target {
    /// `app` of `connect`, as `app`.
    pub app: String,
    /// `tcUrl` of `connect`, as `rtmp://host:1935/app`; left out if empty.
    pub tc_url: String,
    /// The stream key.
    pub name: StreamName,
    /// `flashVer` of `connect`.
    pub encoder: String,
}

/// One connection to a server.
#[derive(Debug)]
pub struct Session {
    limits: Limits,
}

/// What the server has said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The publish has begun: media can be sent.
    Published,
    /// An error, to `connect` or `publish` or later.
    Refused {
        /// As `NetStream.Publish.Denied`.
        code: String,
        /// The server's sentence.
        description: String,
    },
    /// Any other status.
    Status {
        /// As `NetStream.Unpublish.Success`.
        code: String,
        /// The server's sentence.
        description: String,
    },
}

impl Session {
    /// Begins: the handshake waits in [`Self::poll_transmit`].
    pub fn new(limits: Limits, random: [u8; HANDSHAKE_RANDOM_BYTES], target: Target) -> Self {
        let _ = (random, target);
        Self { limits }
    }

    /// Takes what the socket gave, all of it.
    pub fn receive(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        if bytes.len() > self.limits.pending_bytes_max {
            return Err(Fault::Ended);
        }
        Ok(())
    }

    /// What the server has said next.
    pub fn poll_event(&mut self) -> Option<Event> {
        None
    }

    /// All bytes that wait for the socket.
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        None
    }

    /// Says what the stream is.
    pub fn send_metadata(&mut self, metadata: &Metadata) {
        let _ = metadata;
    }

    /// Sends audio; `at_ms` is media time, of which the wire carries the lower 32 bits.
    pub fn send_audio(&mut self, at_ms: u64, audio: &flv::Audio) {
        let _ = (at_ms, audio);
    }

    /// Sends video; `at_ms` is media time of decoding.
    pub fn send_video(&mut self, at_ms: u64, video: &flv::Video) {
        let _ = (at_ms, video);
    }

    /// Ends the stream as encoders do: `FCUnpublish` and `deleteStream`.
    pub fn end(&mut self) {}

    /// Whether media can be sent.
    pub fn is_publishing(&self) -> bool {
        false
    }
}
