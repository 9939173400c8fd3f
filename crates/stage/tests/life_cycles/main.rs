//! The life cycles of stages, sessions and participants, as tables of steps in simulated time.
//!
//! A row is what happens and, in words, all that the machine wants done about it, in order. See `steps`.

mod exchanges;
mod failures;
mod ingests;
mod participants;
mod publishes;
mod regions;
mod replication_encoders;
mod replication_ends;
mod replication_limits;
mod replications;
mod sessions;
mod steps;
mod subscriptions;
