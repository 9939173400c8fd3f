//! The name of a stream, which is a secret.

use std::fmt;

/// What a publisher calls its stream: its stream key, with whatever query it was given. `Debug` hides it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct StreamName(String);

impl StreamName {
    /// Takes a name as it stands in `publish`.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The whole name, with its query.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The name up to its query.
    pub fn key(&self) -> &str {
        self.0.split('?').next().unwrap_or_default()
    }
}

impl fmt::Debug for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamName(..)")
    }
}
