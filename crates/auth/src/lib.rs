//! Who is calling, and what they may do: SigV4 verification, access policies, participant and connection tokens with the keys
//! that sign them, credentials of relays, seals for what clients carry back to us, and allowances for who may ask how often. Pure functions over bytes and `Now`.
//!
//! What is absent: the lists of access keys, imported keys and revoked tokens (the caller looks one up), bans and stages
//! (`stage`), HTTP replies (`api`).

#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing))]

pub mod allowance;
pub mod bearer;
mod claims;
pub mod connection_token;
pub mod explain;
pub mod fault;
#[cfg(test)]
mod fixtures;
mod json;
mod jws;
pub mod key_pair;
mod mac;
pub mod participant_id;
mod pem;
pub mod policy;
pub mod public_key;
pub mod relay;
pub mod seal;
pub mod sigv4;
pub mod token;
