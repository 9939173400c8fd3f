//! The `ivs-realtime` API on the wire: routes, inputs with every modelled constraint, outputs, declared errors.
//!
//! `generated` is printed by `cargo xtask codegen` from `spec/`; the modules beside it are what the generated code calls.
//! Only inputs are checked. Signatures, policies and whatever needs a store are absent: a request that parses may still be
//! refused for other reasons.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing))]

mod constraint;
mod failure;
mod generated;
mod json;
mod member;
mod percent;
mod route;
mod sensitive;

pub use failure::Invalid;
pub use generated::{Operation, check, error, input, output, types};
pub use member::RequestParts;
pub use route::{Routed, route};
pub use sensitive::Sensitive;
