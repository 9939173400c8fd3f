//! Why a session ends by the peer's doing.

/// A rule that the peer broke. Says which and by what number; never holds bytes or text that the peer sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The first byte names a version that is not RTMP's 3.
    #[error("handshake: version {0} is not spoken here, only 3 is")]
    Version(u8),
    /// The first byte asks for RTMPE.
    #[error("handshake: encrypted RTMP (RTMPE, version {0}) is not spoken here; use RTMPS")]
    Encrypted(u8),
    /// The first byte is that of a TLS record.
    #[error(
        "handshake: the encoder speaks TLS, and this port takes plain RTMP; RTMPS has a port of its own"
    )]
    Tls,
    /// The first byte is that of an HTTP method.
    #[error("handshake: the client speaks HTTP (a browser, or RTMPT), and this port takes RTMP")]
    Http,
    /// A server that does not sign what it has to.
    #[error("handshake: the server's signature is wrong")]
    Signature,
    /// A chunk size that is zero or has the high bit set.
    #[error("chunk size {0} is not between 1 and 2147483647")]
    ChunkSize(u32),
    /// More chunk streams than are allowed.
    #[error("more than {max} chunk streams")]
    ChunkStreams {
        /// The bound.
        max: usize,
    },
    /// A chunk that takes its header from one that never came.
    #[error("chunk stream {0} begins with a header that refers to an earlier one")]
    NoEarlierChunk(u32),
    /// A header in the middle of a message that begins another one.
    #[error("chunk stream {0} begins a message before the last one has ended")]
    MessageCut(u32),
    /// A message that is announced to be too long.
    #[error("a message of type {kind} and {bytes} bytes, more than {max}")]
    MessageSize {
        /// Its type.
        kind: u8,
        /// Its announced length.
        bytes: usize,
        /// The bound.
        max: usize,
    },
    /// Too many bytes of unfinished messages.
    #[error("more than {max} bytes of messages that have not ended")]
    Pending {
        /// The bound.
        max: usize,
    },
    /// A control message whose body is not as long as its type says.
    #[error("a control message of type {kind} with {bytes} bytes")]
    Control {
        /// Its type.
        kind: u8,
        /// Its length.
        bytes: usize,
    },
    /// A message type that RTMP does not have.
    #[error("message type {0} is not known")]
    MessageType(u8),
    /// AMF0 that ends too early or holds what it cannot.
    #[error("AMF0: {0}")]
    Amf(&'static str),
    /// AMF0 beyond a bound.
    #[error("AMF0: {what}, more than {max}")]
    AmfLimit {
        /// What there is too much of.
        what: &'static str,
        /// The bound.
        max: usize,
    },
    /// A command at a time when it has no meaning.
    #[error("`{command}` {why}")]
    Order {
        /// The command.
        command: &'static str,
        /// Why not now.
        why: &'static str,
    },
    /// Audio, video or metadata without an accepted publish.
    #[error("{0} outside of a publish")]
    Unpublished(&'static str),
    /// An audio or video message that is not what its first byte says.
    #[error("{what}: {why}")]
    Tag {
        /// `audio` or `video`.
        what: &'static str,
        /// What is wrong.
        why: &'static str,
    },
    /// Answers that nobody takes.
    #[error("more than {max} bytes of answers wait")]
    Transmit {
        /// The bound.
        max: usize,
    },
    /// The session has ended before.
    #[error("the session has ended")]
    Ended,
}

impl Fault {
    /// A word from a fixed set, for counters.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Version(_) | Self::Encrypted(_) | Self::Tls | Self::Http | Self::Signature => {
                "handshake"
            }
            Self::ChunkSize(_) | Self::NoEarlierChunk(_) | Self::MessageCut(_) => "chunk",
            Self::ChunkStreams { .. }
            | Self::MessageSize { .. }
            | Self::Pending { .. }
            | Self::AmfLimit { .. }
            | Self::Transmit { .. } => "limit",
            Self::Control { .. } | Self::MessageType(_) => "control",
            Self::Amf(_) => "amf",
            Self::Order { .. } | Self::Unpublished(_) | Self::Ended => "order",
            Self::Tag { .. } => "tag",
        }
    }
}
