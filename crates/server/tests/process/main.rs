//! The real binary as its users have it: a process with ports, files, signals and a log.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test fails the test where it stands"
)]

mod admin;
mod buckets;
mod doctor;
mod encoders;
mod http;
mod life;
mod load;
mod log;
mod operations;
mod server;
mod signing;
mod store_outage;
mod tokens;
