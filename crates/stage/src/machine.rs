//! The machine itself.

use std::time::Instant;

use model::Now;

use crate::{Input, Output, Settings};

/// Every stage of the process.
#[derive(Debug)]
pub struct Stages {
    settings: Settings,
}

impl Stages {
    /// A machine without stages; `seed` feeds the ids of its sessions.
    pub fn new(settings: Settings, seed: [u8; 32]) -> Self {
        let _ = seed;
        Self { settings }
    }

    /// Takes one input.
    pub fn handle(&mut self, input: Input, now: Now) {
        let _ = (input, now, &self.settings);
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Now) {
        let _ = now;
    }

    /// When `handle_timeout` is to be called next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// The next effect, until there are none.
    pub fn poll_output(&mut self) -> Option<Output> {
        None
    }
}
