//! Values made from `spec/`: what each shape accepts and what it refuses, with the reason it must give.
#![expect(
    clippy::unwrap_used,
    reason = "a spec that cannot be read fails the test"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};
use wire::{Invalid, Operation, RequestParts};

/// The shapes of `spec/ivs-realtime.json`.
pub(crate) struct Model {
    spec: Value,
}

/// A value of some shape and what reading it must give.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// The value; null stands for an absent member.
    pub(crate) value: Value,
    /// `None` if it is valid, else the member path below the shape and a part of the message.
    pub(crate) fault: Option<(String, String)>,
}

impl Case {
    fn valid(value: impl Into<Value>) -> Self {
        Self {
            value: value.into(),
            fault: None,
        }
    }

    fn fault(value: impl Into<Value>, message: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            fault: Some((String::new(), message.into())),
        }
    }

    /// The same inside a structure or a list.
    fn below(self, step: &str, value: Value) -> Self {
        let fault = self.fault.map(|(at, message)| {
            let at = if at.is_empty() {
                step.to_owned()
            } else {
                format!("{step}.{at}")
            };
            (at, message)
        });
        Self { value, fault }
    }
}

impl Model {
    pub(crate) fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/ivs-realtime.json");
        Self {
            spec: serde_json::from_slice(&fs::read(path).unwrap()).unwrap(),
        }
    }

    pub(crate) fn operation(&self, operation: Operation) -> &Value {
        &self.spec["operations"][operation.name()]
    }

    pub(crate) fn operation_count(&self) -> usize {
        self.spec["operations"].as_object().unwrap().len()
    }

    pub(crate) fn shape(&self, name: &str) -> &Value {
        &self.spec["shapes"][name]
    }

    /// Reads `input`, a value of the operation's input shape, as a request.
    pub(crate) fn check(&self, operation: Operation, input: &Value) -> Result<(), Invalid> {
        let (body, label, query) = self.request(operation, input);
        wire::check(
            operation,
            &RequestParts {
                body: &body,
                label: label.as_deref(),
                query: &query,
            },
        )
    }

    /// The body, label and query that carry `input`.
    fn request(&self, operation: Operation, input: &Value) -> (Vec<u8>, Option<String>, String) {
        let shape = self.shape(self.operation(operation)["input"].as_str().unwrap());
        let (mut body, mut label, mut query) = (Map::new(), None, Vec::new());
        for (name, value) in input.as_object().unwrap() {
            match shape["members"][name]["location"].as_str() {
                None => {
                    body.insert(name.clone(), value.clone());
                }
                Some("uri") => label = value.as_str().map(escape),
                Some("querystring") => {
                    let items = value.as_array().into_iter().flatten();
                    query.extend(
                        items.map(|item| format!("{name}={}", escape(item.as_str().unwrap()))),
                    );
                }
                Some(other) => panic!("no operation takes an input from {other}"),
            }
        }
        (serde_json::to_vec(&body).unwrap(), label, query.join("&"))
    }

    /// Every single change of a full valid input, valid or not.
    pub(crate) fn cases(&self, operation: Operation) -> Vec<Case> {
        let name = self.operation(operation)["input"].as_str().unwrap();
        let members = &self.shape(name)["members"];
        let mut cases = self.structure_cases(name);
        cases.push(Case::valid(self.full(name)));
        // A path holds text only, and a query only lists of text.
        cases.retain(|case| {
            case.value.as_object().unwrap().iter().all(|(name, value)| {
                match members[name]["location"].as_str() {
                    Some("uri") => value.is_string() || value.is_null(),
                    Some(_) => {
                        value.is_null()
                            || value
                                .as_array()
                                .is_some_and(|items| items.iter().all(Value::is_string))
                    }
                    None => true,
                }
            })
        });
        cases
    }

    /// A valid value with every member of every structure in it.
    pub(crate) fn full(&self, name: &str) -> Value {
        let shape = self.shape(name);
        match kind(shape) {
            "structure" => {
                let members = shape["members"].as_object().unwrap();
                let full = |member: &Value| self.full(member["shape"].as_str().unwrap());
                members
                    .iter()
                    .map(|(name, member)| (name.clone(), full(member)))
                    .collect()
            }
            "list" => json!([self.full(shape["member"].as_str().unwrap())]),
            "map" => json!({ "team": "blue" }),
            "integer" | "float" => shape["min"].clone(),
            "boolean" => json!(true),
            "enum" => shape["enum"][0].clone(),
            "string" => json!(sample(shape, shape["min"].as_u64().unwrap_or(1).max(1))),
            other => panic!("no input holds a {other}"),
        }
    }

    fn case_list(&self, name: &str) -> Vec<Case> {
        let shape = self.shape(name);
        match kind(shape) {
            "structure" => self.structure_cases(name),
            "list" => self.list_cases(shape),
            "map" => self.map_cases(shape),
            "integer" => integer_cases(shape),
            "float" => float_cases(shape),
            "boolean" => wrong_types(
                "a boolean",
                &["text", "number", "list", "object"],
                vec![Case::valid(false)],
            ),
            "enum" => enum_cases(shape),
            "string" => string_cases(name, shape),
            other => panic!("no input holds a {other}"),
        }
    }

    fn structure_cases(&self, name: &str) -> Vec<Case> {
        let full = self.full(name);
        let with = |member: &str, value: Value| {
            let mut changed = full.clone();
            changed[member] = value;
            changed
        };
        let mut cases = Vec::new();
        for (name, member) in self.shape(name)["members"].as_object().unwrap() {
            let mut absent = full.clone();
            absent.as_object_mut().unwrap().remove(name);
            for missing in [with(name, Value::Null), absent] {
                cases.push(if member["required"] == true {
                    Case::fault(missing.clone(), "must not be null").below(name, missing)
                } else {
                    Case::valid(missing)
                });
            }
            for case in self.case_list(member["shape"].as_str().unwrap()) {
                let value = with(name, case.value.clone());
                cases.push(case.below(name, value));
            }
            if kind(self.shape(member["shape"].as_str().unwrap())) == "structure" {
                for value in [json!("text"), json!(1), json!(true), json!([])] {
                    let value = with(name, value);
                    cases.push(Case::fault(value.clone(), "must be an object").below(name, value));
                }
            }
        }
        cases
    }

    fn list_cases(&self, shape: &Value) -> Vec<Case> {
        let item = shape["member"].as_str().unwrap();
        let mut cases = wrong_types(
            "a list",
            &["text", "number", "boolean", "object"],
            Vec::new(),
        );
        let repeated = |count: u64| Value::Array((0..count).map(|_| self.full(item)).collect());
        cases.extend(count_cases(shape, &repeated));
        for case in self.case_list(item) {
            let value = json!([case.value]);
            cases.push(case.below("1.member", value));
        }
        cases.push(Case::fault(json!([null]), "must not be null").below("1.member", json!([null])));
        cases
    }

    fn map_cases(&self, shape: &Value) -> Vec<Case> {
        let mut cases = wrong_types("a map", &["text", "number", "boolean", "list"], Vec::new());
        let numbered = |count: u64| {
            (0..count)
                .map(|at| (format!("key{at}"), json!("value")))
                .collect()
        };
        cases.extend(count_cases(shape, &numbered));
        for case in string_cases("", self.shape(shape["key"].as_str().unwrap())) {
            if let Some(key) = case.value.as_str() {
                let value = json!({ key: "value" });
                cases.push(inside(case, "Map keys must satisfy constraint: [", value));
            }
        }
        for case in string_cases("", self.shape(shape["value"].as_str().unwrap())) {
            let value = json!({ "key": case.value });
            cases.push(inside(case, "Map value must satisfy constraint: [", value));
        }
        cases
    }
}

/// A case of a key or a value, told of the map that holds it.
fn inside(case: Case, prefix: &str, value: Value) -> Case {
    let fault = case
        .fault
        .map(|(at, message)| (at, format!("{prefix}Member {message}")));
    Case { value, fault }
}

/// `type`, with enums told from other strings.
fn kind(shape: &Value) -> &str {
    if shape["enum"].is_array() {
        "enum"
    } else {
        shape["type"].as_str().unwrap()
    }
}

fn wrong_types(expected: &str, others: &[&str], mut cases: Vec<Case>) -> Vec<Case> {
    let values = BTreeMap::from([
        ("text", json!("text")),
        ("number", json!(1)),
        ("boolean", json!(true)),
        ("list", json!([])),
        ("object", json!({})),
    ]);
    cases.extend(
        others
            .iter()
            .map(|other| Case::fault(values[other].clone(), format!("must be {expected}"))),
    );
    cases
}

fn count_cases(shape: &Value, filled: &dyn Fn(u64) -> Value) -> Vec<Case> {
    let mut cases = Vec::new();
    if let Some(max) = shape["max"].as_u64() {
        cases.push(Case::valid(filled(max)));
        cases.push(Case::fault(
            filled(max + 1),
            format!("must have length less than or equal to {max}"),
        ));
    }
    match shape["min"].as_u64() {
        Some(min) if min > 0 => {
            cases.push(Case::valid(filled(min)));
            let message = format!("must have length greater than or equal to {min}");
            cases.push(Case::fault(filled(min - 1), message));
        }
        // An empty list in a query is no list at all; `cases` covers absence.
        Some(_) | None => cases.push(Case::valid(filled(1))),
    }
    cases
}

fn integer_cases(shape: &Value) -> Vec<Case> {
    let mut cases = wrong_types(
        "an integer",
        &["text", "boolean", "list", "object"],
        Vec::new(),
    );
    let min = shape["min"].as_i64().unwrap();
    let max = shape["max"].as_i64().unwrap_or(2_147_483_647);
    let low = format!("must have value greater than or equal to {min}");
    let high = format!("must have value less than or equal to {max}");
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    cases.extend([min, max, min + 1].map(|number| Case::valid(number as f64)));
    cases.extend([min, max].map(Case::valid));
    cases.extend(
        [json!(min - 1), json!(i64::MIN), json!(-1e300)].map(|value| Case::fault(value, &*low)),
    );
    let too_high = [
        json!(max + 1),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(1e300),
        json!(1u64 << 32),
    ];
    cases.extend(too_high.map(|value| Case::fault(value, &*high)));
    cases.push(Case::fault(json!(1.5), "must be an integer"));
    cases
}

fn float_cases(shape: &Value) -> Vec<Case> {
    let mut cases = wrong_types(
        "a number",
        &["text", "boolean", "list", "object"],
        Vec::new(),
    );
    let (min, max) = (
        shape["min"].as_i64().unwrap(),
        shape["max"].as_i64().unwrap(),
    );
    cases.extend([json!(min), json!(max), json!(29.97)].map(Case::valid));
    let low = format!("must have value greater than or equal to {min}");
    let high = format!("must have value less than or equal to {max}");
    cases.extend(
        [json!(min - 1), json!(0.999), json!(-1e300)].map(|value| Case::fault(value, &*low)),
    );
    cases.extend(
        [json!(max + 1), json!(60.001), json!(1e300)].map(|value| Case::fault(value, &*high)),
    );
    cases
}

fn enum_cases(shape: &Value) -> Vec<Case> {
    let values = shape["enum"].as_array().unwrap();
    let cases = values.iter().cloned().map(Case::valid).collect();
    let mut cases = wrong_types("a string", &["number", "boolean", "list", "object"], cases);
    let known = values[0].as_str().unwrap();
    for wrong in [
        String::new(),
        known.to_lowercase(),
        format!("{known}\n"),
        format!("{known}\0"),
    ] {
        cases.push(Case::fault(wrong, "must satisfy enum value set: ["));
    }
    cases
}

fn string_cases(name: &str, shape: &Value) -> Vec<Case> {
    let mut cases = wrong_types(
        "a string",
        &["number", "boolean", "list", "object"],
        Vec::new(),
    );
    let min = shape["min"].as_u64().unwrap_or(0);
    let shortest = sample(shape, min);
    cases.push(Case::valid(&*shortest));
    if min > 0 {
        let message = format!("must have length greater than or equal to {min}");
        cases.push(Case::fault(
            &shortest[..usize::try_from(min - 1).unwrap()],
            message,
        ));
    }
    if let Some(max) = shape["max"].as_u64() {
        cases.push(Case::valid(sample(shape, max)));
        let message = format!("must have length less than or equal to {max}");
        cases.push(Case::fault(sample(shape, max + 1), message));
    }
    let room = shape["max"].as_u64().is_none_or(|max| min < max);
    if room {
        cases.push(Case::fault(
            format!("{}\0", sample(shape, min.max(1))),
            "must not contain the character U+0000",
        ));
    }
    if shape["pattern"].is_string() {
        // As long as the text it replaces, so that only the pattern can be at fault.
        let text = sample(shape, min.max(1));
        let mut letters: Vec<char> = text.chars().collect();
        for wrong in ['\n', '\u{e9}', '!', ' '] {
            *letters.last_mut().unwrap() = wrong;
            if name != "PublicKeyMaterial" {
                let broken: String = letters.iter().collect();
                cases.push(Case::fault(
                    broken,
                    "must satisfy regular expression pattern: ",
                ));
            }
        }
    }
    cases
}

/// Valid text of the shape, `length` characters long or as short as its pattern allows.
pub(crate) fn sample(shape: &Value, length: u64) -> String {
    let Some(pattern) = shape["pattern"].as_str() else {
        // Outside of the basic plane: four bytes, two UTF-16 units, one character.
        return "\u{1f600}".repeat(usize::try_from(length).unwrap());
    };
    let start = if let Some((_, arn)) = pattern.split_once("arn:aws:ivs:[a-z0-9-]+:[0-9]+:") {
        if length == 0 && pattern.starts_with("^$") {
            return String::new();
        }
        let resource = arn.split_once('/').unwrap().0.replace("[a-z-]", "stage");
        format!("arn:aws:ivs:us-west-2:123456789012:{resource}/a")
    } else if pattern.starts_with("st-") {
        "st-".to_owned()
    } else if pattern.contains("PUBLIC KEY") {
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n".to_owned()
    } else {
        String::new()
    };
    let missing = usize::try_from(length)
        .unwrap()
        .saturating_sub(start.chars().count());
    if pattern.contains("PUBLIC KEY") {
        start
    } else {
        start + &"a".repeat(missing)
    }
}

/// Percent-encodes everything that is not a letter or a digit.
fn escape(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric();
    text.bytes()
        .map(|byte| {
            if plain(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}
