//! What all resources share.

use std::collections::BTreeMap;

/// Tags of a resource, in key order.
pub type Tags = BTreeMap<String, String>;
