//! RTMP and RTMPS ingest: the shell around `rtmp`, between encoders, `stage` and the media plane.
//!
//! [`Ingest`] owns the doors. Each connection is one task (`connection`) over one socket with its session (`wire`): a key is looked
//! up (`key`), `stage` is asked (`stages`), and from then on [`media`] makes of an encoder's FLV tags what the forwarding unit takes:
//! pictures of H.264 and Opus packets on one line of time, which `forward` packs for an [`Outlet`]. Where a configuration has two
//! keys, both streams meet in `redundant`, and `pair` says which of them viewers see. The `ledger` knows what there is, for
//! operators.
//!
//! What is absent: rules about who may publish (`stage`), viewers (the media plane behind [`Outlets`]), and files but for the
//! certificate of RTMPS.
//!
//! Whatever a connection does costs that connection at most: everything has a limit and a deadline ([`Limits`]), and a panic in its
//! task ends that task.

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing))]

pub mod media;

mod addresses;
mod admission;
mod connection;
mod doors;
mod forward;
mod key;
mod ledger;
mod outlet;
mod pair;
mod publish;
mod reason;
mod redundant;
mod settings;
mod stages;
mod tls;
mod wire;

pub use doors::Ingest;
pub use ledger::Counters;
pub use outlet::{Outlet, OutletFault, Outlets};
pub use settings::{
    Clock, ConfigurationLookup, Configurations, ConfigurationsUnavailable, Limits, Random,
    Settings, StageSender,
};
pub use tls::{Identity, IdentityError, IdentitySource};
