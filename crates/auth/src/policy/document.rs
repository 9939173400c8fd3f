//! Reads a policy document. Every element is known or an error that names its place.

use super::condition::{Condition, Key, Operator};
use super::wildcard::{ActionPattern, ResourcePattern};
use super::{Effect, PolicyError, Scope, Statement};
use crate::json::{self, Json, Object};

/// Most bytes of a document; IAM's own limit of a managed policy is 6,144 characters.
const DOCUMENT_LEN_MAX: usize = 64 * 1_024;

/// A place in the document and the version that its texts are read by.
#[derive(Clone)]
struct Place {
    path: String,
    /// `${...}` is a policy variable since 2012-10-17, and plain text before.
    has_variables: bool,
}

impl Place {
    fn member(&self, name: &str) -> Self {
        Self {
            path: format!("{}.{name}", self.path),
            ..*self
        }
    }

    fn element(&self, at: usize) -> Self {
        Self {
            path: format!("{}[{at}]", self.path),
            ..*self
        }
    }

    fn fault(&self, what: impl Into<String>) -> PolicyError {
        PolicyError {
            at: self.path.clone(),
            what: what.into(),
        }
    }

    fn object<'a>(&self, value: &'a Json) -> Result<&'a Object, PolicyError> {
        value
            .as_object()
            .ok_or_else(|| self.fault("must be an object"))
    }

    fn text<'a>(&self, value: &'a Json) -> Result<&'a str, PolicyError> {
        let text = value
            .as_text()
            .ok_or_else(|| self.fault("must be a string"))?;
        if self.has_variables && text.contains("${") {
            return Err(self.fault("policy variables are not evaluated"));
        }
        Ok(text)
    }

    /// A value that may stand alone or in a list, which must not be empty.
    fn one_or_more<'a>(&self, value: &'a Json) -> Result<Vec<(Self, &'a Json)>, PolicyError> {
        let Json::List(list) = value else {
            return Ok(vec![(self.clone(), value)]);
        };
        if list.is_empty() {
            return Err(self.fault("must not be empty"));
        }
        Ok(list
            .iter()
            .enumerate()
            .map(|(at, value)| (self.element(at), value))
            .collect())
    }

    fn texts(&self, value: &Json) -> Result<Vec<String>, PolicyError> {
        let values = self.one_or_more(value)?;
        values
            .into_iter()
            .map(|(place, value)| place.text(value).map(str::to_owned))
            .collect()
    }
}

pub(super) fn read(text: &str) -> Result<Vec<Statement>, PolicyError> {
    let mut root = Place {
        path: "$".to_owned(),
        has_variables: false,
    };
    if text.len() > DOCUMENT_LEN_MAX {
        return Err(root.fault("the document is longer than 64 KiB"));
    }
    let document = json::parse(text.as_bytes()).map_err(|error| root.fault(error.to_string()))?;
    let document = root.object(&document)?;
    for (name, value) in document {
        let place = root.member(name);
        match name.as_str() {
            "Version" => match place.text(value)? {
                "2008-10-17" => root.has_variables = false,
                "2012-10-17" => root.has_variables = true,
                _ => return Err(place.fault("must be 2012-10-17 or 2008-10-17")),
            },
            "Id" => {
                place.text(value)?;
            }
            "Statement" => {}
            _ => return Err(place.fault("is not an element of a policy")),
        }
    }
    let place = root.member("Statement");
    let statements = document
        .get("Statement")
        .ok_or_else(|| place.fault("is missing"))?;
    let statements = place.one_or_more(statements)?;
    statements
        .into_iter()
        .map(|(place, value)| statement(&place, value))
        .collect()
}

fn statement(place: &Place, value: &Json) -> Result<Statement, PolicyError> {
    let elements = place.object(value)?;
    for (name, value) in elements {
        let place = place.member(name);
        match name.as_str() {
            "Sid" => {
                place.text(value)?;
            }
            "Effect" | "Action" | "NotAction" | "Resource" | "NotResource" | "Condition" => {}
            _ => return Err(place.fault("is not evaluated by this server")),
        }
    }
    let effect_place = place.member("Effect");
    let effect = match elements.get("Effect").and_then(Json::as_text) {
        Some("Allow") => Effect::Allow,
        Some("Deny") => Effect::Deny,
        _ => return Err(effect_place.fault("must be Allow or Deny")),
    };
    let actions = scope(place, elements, ["Action", "NotAction"], |text| {
        ActionPattern::parse(text).ok_or("must be * or a service, a colon and an action")
    })?;
    let resources = scope(place, elements, ["Resource", "NotResource"], |text| {
        ResourcePattern::parse(text).ok_or("must be * or an ARN of six parts")
    })?;
    let conditions = match elements.get("Condition") {
        None => Vec::new(),
        Some(value) => conditions(&place.member("Condition"), value)?,
    };
    Ok(Statement {
        effect,
        actions,
        resources,
        conditions,
    })
}

/// Reads the one of two elements that is there.
fn scope<P>(
    place: &Place,
    elements: &Object,
    [name, negated_name]: [&str; 2],
    parse: impl Fn(&str) -> Result<P, &'static str>,
) -> Result<Scope<P>, PolicyError> {
    let patterns = |name, value| -> Result<Vec<P>, PolicyError> {
        let values = place.member(name).one_or_more(value)?;
        let pattern = |(place, value): (Place, &Json)| {
            parse(place.text(value)?).map_err(|what| place.fault(what))
        };
        values.into_iter().map(pattern).collect()
    };
    match (elements.get(name), elements.get(negated_name)) {
        (Some(value), None) => Ok(Scope::In(patterns(name, value)?)),
        (None, Some(value)) => Ok(Scope::NotIn(patterns(negated_name, value)?)),
        (Some(_), Some(_)) => {
            Err(place.fault(format!("must not have both {name} and {negated_name}")))
        }
        (None, None) => Err(place.member(name).fault("is missing")),
    }
}

fn conditions(place: &Place, value: &Json) -> Result<Vec<Condition>, PolicyError> {
    let mut conditions = Vec::new();
    for (operator_name, keys) in place.object(value)? {
        let place = place.member(operator_name);
        let text_operator = Operator::parse_text(operator_name);
        if text_operator.is_none() && operator_name != "Null" {
            return Err(place.fault("is not an operator that this server evaluates"));
        }
        for (key_name, values) in place.object(keys)? {
            let place = place.member(key_name);
            place.text(&Json::Text(key_name.clone()))?;
            let key = Key::parse(key_name)
                .ok_or_else(|| place.fault("is not a condition key that this server evaluates"))?;
            conditions.push(match text_operator {
                None => Condition {
                    key,
                    operator: null_operator(&place, values)?,
                    values: Vec::new(),
                },
                Some(operator) => {
                    check_quantifier(&place, &key, operator)?;
                    let values = place.texts(values)?;
                    Condition {
                        key,
                        operator,
                        values,
                    }
                }
            });
        }
    }
    Ok(conditions)
}

fn null_operator(place: &Place, value: &Json) -> Result<Operator, PolicyError> {
    let values = place.one_or_more(value)?;
    let absent = match values.as_slice() {
        [(_, Json::Bool(absent))] => Some(*absent),
        [(_, value)] => value.as_text().and_then(|text| text.parse().ok()),
        _ => None,
    };
    absent
        .map(|absent| Operator::Null { absent })
        .ok_or_else(|| place.fault("must be true or false"))
}

/// `ForAllValues` and `ForAnyValue` go with the one key that has several values, and it with them.
fn check_quantifier(place: &Place, key: &Key, operator: Operator) -> Result<(), PolicyError> {
    let Operator::Text { quantifier, .. } = operator else {
        return Ok(());
    };
    match (key, quantifier) {
        (Key::TagKeys, None) => Err(place.fault("needs ForAllValues or ForAnyValue")),
        (Key::ResourceTag(_) | Key::RequestTag(_), Some(_)) => {
            Err(place.fault("has one value, so ForAllValues and ForAnyValue do not apply"))
        }
        (Key::TagKeys, Some(_)) | (Key::ResourceTag(_) | Key::RequestTag(_), None) => Ok(()),
    }
}
