//! Access policies in IAM's JSON form.
//!
//! Read: `Version`, `Id`, `Statement` with `Sid`, `Effect`, `Action` or `NotAction`, `Resource` or `NotResource`, and
//! `Condition` on tags. What this server does not evaluate (principals, policy variables, other condition keys and
//! operators) is an error at load: a policy that is silently half obeyed is worse than none.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html>

mod condition;
mod document;
#[cfg(test)]
mod tests;
mod wildcard;

use std::collections::BTreeMap;

use condition::{Condition, Key};
use wildcard::{ActionPattern, ResourcePattern};

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
    /// Keys of tags that the request names without values, i.e. to remove them. They count for `aws:TagKeys` and not for
    /// `aws:RequestTag`.
    pub tag_keys: &'a [String],
}

/// A policy document, checked.
#[derive(Clone, Debug)]
pub struct Policy {
    statements: Vec<Statement>,
}

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
        document::read(json).map(|statements| Self { statements })
    }

    /// The policy of a key without a policy file: everything.
    pub fn allow_all() -> Self {
        Self {
            statements: vec![Statement {
                effect: Effect::Allow,
                actions: Scope::In(vec![ActionPattern::any()]),
                resources: Scope::In(vec![ResourcePattern::Any]),
                conditions: Vec::new(),
            }],
        }
    }

    /// Whether any statement looks at the tags of the resource. Otherwise [`Access::resource_tags`] need not be looked up.
    pub fn reads_resource_tags(&self) -> bool {
        self.statements
            .iter()
            .flat_map(|statement| &statement.conditions)
            .any(|condition| matches!(condition.key, Key::ResourceTag(_)))
    }

    /// Whether the access is allowed: an explicit deny wins, and what nothing allows is denied.
    pub fn allows(&self, access: &Access<'_>) -> bool {
        let mut allowed = false;
        for statement in self
            .statements
            .iter()
            .filter(|statement| statement.applies(access))
        {
            match statement.effect {
                Effect::Allow => allowed = true,
                Effect::Deny => return false,
            }
        }
        allowed
    }
}

#[derive(Clone, Debug)]
struct Statement {
    effect: Effect,
    actions: Scope<ActionPattern>,
    resources: Scope<ResourcePattern>,
    /// All must hold.
    conditions: Vec<Condition>,
}

#[derive(Clone, Copy, Debug)]
enum Effect {
    Allow,
    Deny,
}

/// `Action` or `NotAction`, `Resource` or `NotResource`.
#[derive(Clone, Debug)]
enum Scope<P> {
    In(Vec<P>),
    NotIn(Vec<P>),
}

impl<P> Scope<P> {
    fn holds(&self, matches: impl Fn(&P) -> bool) -> bool {
        match self {
            Self::In(patterns) => patterns.iter().any(matches),
            Self::NotIn(patterns) => !patterns.iter().any(matches),
        }
    }
}

impl Statement {
    fn applies(&self, access: &Access<'_>) -> bool {
        self.actions.holds(|pattern| pattern.matches(access.action))
            && self
                .resources
                .holds(|pattern| pattern.matches(access.resource))
            && self
                .conditions
                .iter()
                .all(|condition| condition.holds(access))
    }
}
