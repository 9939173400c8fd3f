//! Stages, sessions, participants and their events, as one state machine without IO.
//!
//! [`Stages`] holds every stage of the process. A shell feeds it [`Input`]s (what the API did, who knocks at a door, what
//! media saw) with the time, and carries out the [`Output`]s in order. Events are born here and nowhere else.
//!
//! Terms: a *connection* is one events socket, one publish or one subscription of a participant. A participant is
//! *connected* while it has at least one. A *session* begins with the first join on a stage and ends when nobody has
//! been connected for the grace. The rules are told in `docs/life-cycles.md`.
//!
//! What is absent: tokens (`auth` has verified them), media (`sfu`), storage and sockets.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing))]

mod absentees;
#[cfg(debug_assertions)]
mod check;
#[cfg(debug_assertions)]
mod check_replicas;
mod chronicle;
mod connections;
mod door;
mod exchange;
mod incoming;
mod ingest;
mod input;
mod machine;
mod outgoing;
mod output;
mod participant;
mod publish;
mod replicas;
mod replicate;
mod restore;
mod session;
mod subscribe;
mod timers;
mod turn;

pub use absentees::Absentees;
pub use input::{Attachment, CloseCause, Input, Mute, Replicate, ReplicationKey, Settings};
pub use machine::Stages;
pub use output::{
    ExchangeFault, LeftReason, Output, Refusal, ReplicationFault, Reply, Roster, RosterEntry,
};
