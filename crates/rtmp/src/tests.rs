//! Whole sessions: our two ends against each other, and bytes as encoders send them.

mod amf;
mod bodies;
mod chunks;
mod commands;
mod control;
mod handshake;
mod properties;
mod recordings;
mod session;
mod wire;
