//! What one session holds at most.

/// Bounds of one session. The defaults are generous to encoders: a key frame of 720p is some 200 kB, and none uses more than eight chunk
/// streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one message, of any type.
    pub message_bytes_max: usize,
    /// Bytes of a message that holds commands or metadata.
    pub command_bytes_max: usize,
    /// Bytes of all messages together of which a part has come.
    pub pending_bytes_max: usize,
    /// Chunk streams that a peer opens.
    pub chunk_streams_max: usize,
    /// Objects and arrays of AMF0 inside each other.
    pub amf_depth_max: usize,
    /// Values of AMF0 in one message, members of objects and arrays included.
    pub amf_values_max: usize,
    /// Bytes of one string of AMF0, and of one name of a member.
    pub amf_string_bytes_max: usize,
    /// Tracks in one audio or video message.
    pub tracks_max: usize,
    /// Bytes of answers that wait for `poll_transmit`.
    pub transmit_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes_max: 4 * 1024 * 1024,
            command_bytes_max: 64 * 1024,
            pending_bytes_max: 8 * 1024 * 1024,
            chunk_streams_max: 64,
            amf_depth_max: 16,
            amf_values_max: 1_024,
            amf_string_bytes_max: 16 * 1024,
            tracks_max: 16,
            transmit_bytes_max: 1024 * 1024,
        }
    }
}
