//! The peers of one worker.

use std::time::Instant;

use model::Now;

use crate::{Counters, Input, Output, Settings};

/// All peers of one worker.
#[derive(Debug)]
pub struct Sfu {
    settings: Settings,
}

impl Sfu {
    /// No peers yet.
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    /// Takes one input.
    pub fn handle(&mut self, input: Input<'_>, now: Now) {
        let _ = (input, now, &self.settings);
    }

    /// Forwards what has come in since the last call and does what is due.
    pub fn handle_timeout(&mut self, now: Now) {
        let _ = now;
    }

    /// When `handle_timeout` is to be called next if nothing comes in.
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// The next effect, until there are none.
    pub fn poll_output(&mut self) -> Option<Output> {
        None
    }

    /// What has passed so far.
    pub fn counters(&self) -> Counters {
        Counters::default()
    }
}
