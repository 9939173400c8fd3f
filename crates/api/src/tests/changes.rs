//! Every single change of a whole request, made from `spec/`: what is no request is refused and leaves no trace (T10).

use std::path::Path;

use wire::RequestParts;

use super::scene::Scene;
use super::*;

/// Stands in a body for text that `serde_json` does not print: a surrogate without its other half.
const SURROGATE: &str = "half of a pair";

/// The shapes of `spec/ivs-realtime.json`.
struct Model(Value);

impl Model {
    fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/ivs-realtime.json");
        Self(serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
    }

    /// Every change of a request that concerns one member, valid or not.
    fn changes_of(&self, operation: Operation, input: &Value) -> Vec<Value> {
        let shape = &self.0["operations"][operation.name()]["input"];
        self.structure(&self.0["shapes"][shape.as_str().unwrap()], input)
    }

    /// Every change of a value of the named shape; a null stands for one that is absent.
    fn changes(&self, shape: &str, value: &Value) -> Vec<Value> {
        let shape = &self.0["shapes"][shape];
        let mut changes = vec![
            json!(null),
            json!("text"),
            json!(1),
            json!(1.5),
            json!(true),
            json!([]),
            json!([null]),
            json!({}),
            json!({ "k": null }),
        ];
        changes.extend(match shape["type"].as_str().unwrap() {
            "structure" => self.structure(shape, value),
            "list" => self.list(shape, value),
            "map" => self.map(shape),
            "string" => texts(shape, value),
            "integer" | "float" => numbers(shape),
            "boolean" => vec![json!(false)],
            other => panic!("no input holds a {other}"),
        });
        changes
    }

    fn structure(&self, shape: &Value, value: &Value) -> Vec<Value> {
        let mut changes = Vec::new();
        for (name, member) in shape["members"].as_object().unwrap() {
            let name = name.as_str();
            let with = |member: Value| {
                let mut whole = value.clone();
                whole[name] = member;
                whole
            };
            if let Value::Object(members) = value {
                let mut without = members.clone();
                without.remove(name);
                changes.push(without.into());
            }
            let member = member["shape"].as_str().unwrap();
            changes.extend(self.changes(member, &value[name]).into_iter().map(with));
        }
        changes
    }

    fn list(&self, shape: &Value, value: &Value) -> Vec<Value> {
        let first = value.get(0).cloned().unwrap_or_default();
        let repeated = |count: u64| Value::Array((0..count).map(|_| first.clone()).collect());
        let mut changes: Vec<_> = shape["max"]
            .as_u64()
            .into_iter()
            .flat_map(|max| [repeated(max), repeated(max + 1)])
            .collect();
        let item = shape["member"].as_str().unwrap();
        changes.extend(
            self.changes(item, &first)
                .into_iter()
                .map(|item| json!([item])),
        );
        changes
    }

    fn map(&self, shape: &Value) -> Vec<Value> {
        let numbered = |count: u64| -> Value {
            let entries = (0..count).map(|at| (format!("k{at}"), json!("v")));
            Value::Object(entries.collect())
        };
        let mut changes = vec![
            json!({ "k": 1 }),
            json!({ "k": ["v"] }),
            json!({ "aws:k": "v" }),
            json!({ "k": "v".repeat(1_024) }),
            numbered(51),
        ];
        let shape_of = |part: &str| &self.0["shapes"][shape[part].as_str().unwrap()];
        for text in texts(shape_of("key"), &Value::Null) {
            changes.push(json!({ text.as_str().unwrap(): "v" }));
        }
        for text in texts(shape_of("value"), &Value::Null) {
            changes.push(json!({ "k": text }));
        }
        changes
    }
}

/// Texts at, below and above the bounds of a shape, and with characters that no shape takes.
fn texts(shape: &Value, value: &Value) -> Vec<Value> {
    let max = usize::try_from(shape["max"].as_u64().unwrap_or(300)).unwrap();
    let text = value.as_str().unwrap_or("k");
    let mut texts = vec![
        String::new(),
        "a".to_owned(),
        "a".repeat(max),
        "a".repeat(max + 1),
        "\u{1f600}".repeat(max),
        SURROGATE.to_owned(),
        text.to_lowercase(),
        text.to_uppercase(),
    ];
    for wrong in [
        "\0", "\n", "\r\n", "\u{e9}", " ", "!", "/", "\u{202e}", "%00",
    ] {
        texts.push(format!("{text}{wrong}"));
        texts.push(format!("{wrong}{text}"));
    }
    texts.into_iter().map(Value::from).collect()
}

fn numbers(shape: &Value) -> Vec<Value> {
    let min = shape["min"].as_i64().unwrap_or(0);
    let max = shape["max"].as_i64().unwrap_or(0x7fff_ffff);
    let mut numbers = vec![
        json!(i64::MIN),
        json!(u64::MAX),
        json!(1e300),
        json!(-1e300),
    ];
    for bound in [min, max, 0, 1 << 32] {
        numbers.extend([bound - 1, bound, bound + 1].map(Value::from));
    }
    numbers.push(json!("1"));
    numbers
}

/// Whether a request can carry the members: a path holds text only and some of it, a query only lists of text.
fn fits(operation: Operation, input: &Value) -> bool {
    let arn = input["resourceArn"].as_str().unwrap_or_default();
    let label = !operation.path().contains('{') || !arn.is_empty();
    let query = operation != Operation::UntagResource
        || input["tagKeys"]
            .as_array()
            .is_some_and(|keys| keys.iter().all(Value::is_string));
    label && query
}

#[tokio::test]
async fn t10_a_single_fault_is_refused_at_its_member_and_nothing_is_written() {
    let model = Model::read();
    let (mut faults, mut valid) = (0, 0);
    for operation in Operation::ALL {
        let scene = Scene::with(|settings| {
            settings.quotas = crate::Quotas {
                stages: u32::MAX,
                ingest_configurations: u32::MAX,
                encoder_configurations: u32::MAX,
                storage_configurations: u32::MAX,
            };
        })
        .await;
        let Some(input) = scene.input(operation) else {
            continue;
        };
        let mut before = scene.world.store.state_export().await.unwrap();
        let told = scene.world.told.lock().unwrap().len();
        let changes = model.changes_of(operation, &input);
        // First what `wire` refuses, then what it reads and the operation may still refuse.
        let (broken, read): (Vec<_>, Vec<_>) = changes
            .iter()
            .filter(|input| fits(operation, input))
            .map(|input| Scene::request(operation, input))
            .map(|(target, body)| (target, body.replace(SURROGATE, "\\ud800")))
            .partition(|(target, body)| refusal(operation, target, body).is_some());
        for (target, body) in &broken {
            let request = scene
                .world
                .signed(ANA, operation.method(), target, body.as_str());
            let answer = scene.world.send(request).await;
            let shown = format!("{} {target} {body}", operation.name());
            assert_eq!(answer.verdict(), (400, "ValidationException"), "{shown}");
            let message = refusal(operation, target, body).unwrap();
            assert_eq!(answer.json()["exceptionMessage"], message, "{shown}");
        }
        let after = scene.world.store.state_export().await.unwrap();
        assert_eq!(after, before, "{operation:?}");
        assert_eq!(scene.world.told.lock().unwrap().len(), told);
        for (target, body) in &read {
            let request = scene
                .world
                .signed(ANA, operation.method(), target, body.as_str());
            let answer = scene.world.send(request).await;
            let shown = format!("{} {target} {body} {answer:?}", operation.name());
            assert!([200, 400, 404, 409].contains(&answer.status), "{shown}");
            let after = scene.world.store.state_export().await.unwrap();
            if answer.status != 200 {
                assert!(
                    !answer.json()["exceptionMessage"]
                        .as_str()
                        .unwrap()
                        .is_empty()
                );
                assert_eq!(after, before, "{shown}");
            }
            before = after;
        }
        faults += broken.len();
        valid += read.len();
    }
    assert!(
        faults > 2_500 && valid > 600,
        "the model shrank: {faults} faults, {valid} others"
    );
}

/// What `wire` says of a request that it does not read.
fn refusal(operation: Operation, target: &str, body: &str) -> Option<String> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let routed = wire::route(operation.method(), path)?;
    let parts = RequestParts {
        body: body.as_bytes(),
        label: routed.label,
        query,
    };
    wire::check(operation, &parts)
        .err()
        .map(|invalid| invalid.to_string())
}
