//! Estimates in a closed loop with a simulated link, as a table, and what no feedback may do.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "numbers of a simulation are small"
)]

mod buckets;
mod closed_loop;
mod garbage;
mod link;
mod reports;
mod viewer;
