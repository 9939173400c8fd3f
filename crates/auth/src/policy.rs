//! Access policies in IAM's JSON form.

use std::collections::BTreeMap;

/// What a caller wants to do.
#[derive(Clone, Copy, Debug)]
pub struct Access<'a> {
    /// The action, e.g. `ivs:CreateStage`.
    pub action: &'a str,
    /// The ARN of the resource, or `*` where the action has none yet.
    pub resource: &'a str,
    /// Tags of the resource.
    pub resource_tags: &'a BTreeMap<String, String>,
    /// Tags in the request.
    pub request_tags: &'a BTreeMap<String, String>,
}

/// A policy document, checked.
#[derive(Clone, Debug)]
pub struct Policy;

/// What is wrong with a policy document; names the place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid policy at {at}: {what}")]
pub struct PolicyError {
    /// JSON path of the fault.
    pub at: String,
    /// What is wrong there.
    pub what: String,
}

impl Policy {
    /// Reads a document. Elements that this server does not evaluate are errors, never ignored.
    pub fn parse(json: &str) -> Result<Self, PolicyError> {
        let _ = json;
        unimplemented!()
    }

    /// The policy of a key without a policy file: everything.
    pub fn allow_all() -> Self {
        Self
    }

    /// Whether the access is allowed: an explicit deny wins, and what nothing allows is denied.
    pub fn allows(&self, access: &Access<'_>) -> bool {
        let _ = access;
        unimplemented!()
    }
}
