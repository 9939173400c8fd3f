//! One encoder's stream.

use std::time::Instant;

use model::ErrorCode;
use rtmp::{Metadata, flv};

use super::{Description, Figures, Limits, Unit, Violation};

/// The media of one connection, from its publish on.
#[derive(Debug)]
pub struct Stream {
    limits: Limits,
}

impl Stream {
    /// A stream of which nothing has come.
    pub fn new(limits: Limits) -> Self {
        Self { limits }
    }

    /// Takes a tag of audio. `at_ms` is stream time.
    pub fn audio(&mut self, audio: flv::Audio, at_ms: u64, now: Instant) -> Result<(), Violation> {
        let _ = (audio, at_ms, now, &self.limits);
        Ok(())
    }

    /// Takes a tag of video. `at_ms` is stream time of decoding.
    pub fn video(&mut self, video: flv::Video, at_ms: u64, now: Instant) -> Result<(), Violation> {
        let _ = (video, at_ms, now);
        Ok(())
    }

    /// Takes what the encoder says of its stream. Nothing relies on it.
    pub fn metadata(&mut self, metadata: &Metadata) {
        let _ = metadata;
    }

    /// Whether audio and video have both come, so that [`Self::description`] stands and [`Self::poll`] gives units.
    pub fn is_ready(&self) -> bool {
        false
    }

    /// What is missing, for who has waited long enough.
    pub fn missing(&self) -> Violation {
        Violation::new(ErrorCode::InvalidInput, "neither audio nor video has come")
    }

    /// What the stream is made of. Changes only while the stream is not ready.
    pub fn description(&self) -> Description {
        Description::default()
    }

    /// The next unit; `None` until the stream is ready, and when all that came is handed out.
    pub fn poll(&mut self) -> Option<Unit> {
        None
    }

    /// What is known of the stream.
    pub fn figures(&self, now: Instant) -> Figures {
        let _ = now;
        Figures::default()
    }
}
