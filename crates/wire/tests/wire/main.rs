//! The crate's tests through its public door; `model` makes values from `spec/`.

mod constraints;
mod model;
mod replies;
mod requests;
