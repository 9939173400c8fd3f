//! What a server tells an encoder about its stream.

/// An answer with a reason, sent as `onStatus`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// What encoders match on.
    pub code: StatusCode,
    /// A sentence that encoders print.
    pub description: String,
}

impl Status {
    /// A code with a sentence.
    pub fn new(code: StatusCode, description: impl Into<String>) -> Self {
        Self {
            code,
            description: description.into(),
        }
    }
}

/// The codes of `onStatus` that an ingest server has use for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusCode {
    /// This publisher may not publish.
    Denied,
    /// The stream is published already, or has no such name.
    BadName,
    /// The stream has ended as it should.
    Unpublished,
    /// The stream cannot go on.
    Failed,
    /// Nothing came for too long.
    Idle,
    /// The server closes the connection.
    Closed,
}

impl StatusCode {
    /// The code as it is on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Denied => "NetStream.Publish.Denied",
            Self::BadName => "NetStream.Publish.BadName",
            Self::Unpublished => "NetStream.Unpublish.Success",
            Self::Failed => "NetStream.Failed",
            Self::Idle => "NetStream.Publish.Idle",
            Self::Closed => "NetConnection.Connect.Closed",
        }
    }

    /// Whether it is told as an error.
    pub fn is_error(self) -> bool {
        self != Self::Unpublished
    }
}
