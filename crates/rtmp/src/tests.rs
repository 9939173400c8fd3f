//! Whole sessions: our two ends against each other, and bytes as encoders send them.

mod commands;
mod handshake;
mod session;
mod wire;
