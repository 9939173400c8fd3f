//! `stage.v1`: one WebSocket, or a channel of a shared one, and one feed in each session, in the words of `docs/stage-v1.md`.
//!
//! Terms: a *session* begins with a `join` and outlives its socket for a while, so that a client can come back; the *feed* is
//! the one peer that receives, with a pool of slots that the server binds publishers to; a *link* is the subscription to one
//! publisher that `stage` knows. The rules are in `machine`, without IO; `run` is the task that carries them out.
//!
//! What is absent: one feed for several stages, and moving a client to another server.

mod door;
mod ears;
mod exchange;
mod feed;
mod io;
mod line;
mod links;
mod log;
mod machine;
mod meanwhile;
mod message;
mod peers;
mod roster;
mod run;
mod said;
mod sessions;
mod shared;
#[cfg(test)]
mod tests;
mod wants;

pub(super) use door::knock;
pub(crate) use sessions::Sessions;
pub(super) use shared::{PATH as CONNECTION_PATH, connect};
pub(crate) use shared::{Tenants, TokenName};

/// The subprotocol.
pub(super) const PROTOCOL: &str = "stage.v1";
