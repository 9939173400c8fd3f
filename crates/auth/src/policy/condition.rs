//! `Condition`: one operator, one key, some values.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>

use std::collections::BTreeMap;

use super::{Access, wildcard};

/// One line of a `Condition` block.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    pub(super) key: Key,
    pub(super) operator: Operator,
    /// Any one of them is enough; for a negated comparison, none may match.
    pub(super) values: Vec<String>,
}

/// What a condition looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// `aws:ResourceTag/<key>`.
    ResourceTag(String),
    /// `aws:RequestTag/<key>`.
    RequestTag(String),
    /// `aws:TagKeys`: the keys of the tags in the request, and those that it names alone.
    TagKeys,
}

/// How a condition compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    /// `Null`: whether the key must be absent.
    Null { absent: bool },
    /// One of the string operators.
    Text {
        comparison: Comparison,
        negated: bool,
        if_exists: bool,
        /// For keys with several values.
        quantifier: Option<Quantifier>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equals,
    EqualsIgnoreCase,
    Like,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quantifier {
    ForAllValues,
    ForAnyValue,
}

impl Key {
    /// Names of condition keys have no case, tag keys in them neither.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case("aws:TagKeys") {
            return Some(Self::TagKeys);
        }
        let (name, tag) = text.split_once('/')?;
        if tag.is_empty() {
            return None;
        }
        match name.to_ascii_lowercase().as_str() {
            "aws:resourcetag" => Some(Self::ResourceTag(tag.to_owned())),
            "aws:requesttag" => Some(Self::RequestTag(tag.to_owned())),
            _ => None,
        }
    }

    fn values<'a>(&self, access: &Access<'a>) -> Vec<&'a str> {
        match self {
            Self::ResourceTag(key) => tag(access.resource_tags, key).into_iter().collect(),
            Self::RequestTag(key) => tag(access.request_tags, key).into_iter().collect(),
            Self::TagKeys => {
                let keys = access.request_tags.keys().chain(access.tag_keys);
                keys.map(String::as_str).collect()
            }
        }
    }
}

/// The tag of this key; where a resource has keys that differ only in case, the exact one is meant.
fn tag<'a>(tags: &'a BTreeMap<String, String>, key: &str) -> Option<&'a str> {
    let lower = key.to_lowercase();
    tags.get(key)
        .or_else(|| {
            tags.iter()
                .find(|(name, _)| name.to_lowercase() == lower)
                .map(|(_, value)| value)
        })
        .map(String::as_str)
}

impl Operator {
    /// A string operator by its name in a policy, e.g. `ForAnyValue:StringLikeIfExists`. `Null` has its value in the
    /// policy's other half and is not read here.
    pub(super) fn parse_text(name: &str) -> Option<Self> {
        let (quantifier, name) = match name.split_once(':') {
            None => (None, name),
            Some(("ForAllValues", name)) => (Some(Quantifier::ForAllValues), name),
            Some(("ForAnyValue", name)) => (Some(Quantifier::ForAnyValue), name),
            Some(_) => return None,
        };
        let (name, if_exists) = match name.strip_suffix("IfExists") {
            Some(name) => (name, true),
            None => (name, false),
        };
        let (comparison, negated) = match name {
            "StringEquals" => (Comparison::Equals, false),
            "StringNotEquals" => (Comparison::Equals, true),
            "StringEqualsIgnoreCase" => (Comparison::EqualsIgnoreCase, false),
            "StringNotEqualsIgnoreCase" => (Comparison::EqualsIgnoreCase, true),
            "StringLike" => (Comparison::Like, false),
            "StringNotLike" => (Comparison::Like, true),
            _ => return None,
        };
        Some(Self::Text {
            comparison,
            negated,
            if_exists,
            quantifier,
        })
    }
}

impl Condition {
    pub(super) fn holds(&self, access: &Access<'_>) -> bool {
        let present = self.key.values(access);
        match self.operator {
            Operator::Null { absent } => present.is_empty() == absent,
            Operator::Text {
                comparison,
                negated,
                if_exists,
                quantifier,
            } => {
                if present.is_empty() && if_exists {
                    return true;
                }
                let passes = |text: &&str| {
                    self.values
                        .iter()
                        .any(|value| comparison.holds(value, text))
                        != negated
                };
                match quantifier {
                    Some(Quantifier::ForAllValues) => present.iter().all(passes),
                    Some(Quantifier::ForAnyValue) => present.iter().any(passes),
                    // An absent key equals nothing, so it differs from everything.
                    None => present.first().map_or(negated, passes),
                }
            }
        }
    }
}

impl Comparison {
    fn holds(self, value: &str, text: &str) -> bool {
        match self {
            Self::Equals => value == text,
            Self::EqualsIgnoreCase => value.to_lowercase() == text.to_lowercase(),
            Self::Like => wildcard::matches(value, text),
        }
    }
}
