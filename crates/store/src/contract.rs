//! The contract every implementation of `Store` passes.
