//! `cargo xtask spec`: the API's shapes, taken from the botocore model into `spec/ivs-realtime.json`.
//!
//! Only facts are taken: names, types, required members, bounds, patterns, enums, HTTP bindings and declared errors. The model's
//! prose stays where it is. The package version is pinned in `spec/requirements.txt`; a newer model arrives as a diff.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Map, Value, json};

use crate::process;
use crate::workspace::{self, Wanted};

/// Where the shapes stand, relative to the root.
pub(crate) const FILE: &str = "spec/ivs-realtime.json";
const REQUIREMENTS: &str = "spec/requirements.txt";

/// Prints the installed model with its origin. Python, because botocore is a Python package that knows its own data folder.
const READER: &str = r"
import gzip, hashlib, json, os, sys, botocore
folder = os.path.join(os.path.dirname(botocore.__file__), 'data', 'ivs-realtime', '2020-07-14')
def read(name):
    plain = os.path.join(folder, name)
    if os.path.exists(plain):
        return open(plain, 'rb').read()
    return gzip.open(plain + '.gz', 'rb').read()
model = read('service-2.json')
json.dump({'version': botocore.__version__, 'sha256': hashlib.sha256(model).hexdigest(), 'model': json.loads(model),
           'paginators': json.loads(read('paginators-1.json'))}, sys.stdout)
";

/// Takes the shapes from the pinned package, installing it below the target folder if this machine lacks it.
pub(crate) fn run(check: bool) -> Result<()> {
    let version = pinned_version()?;
    let installed = installed_model(&version)?;
    let reduced = reduce(&installed)?;
    let wanted = Wanted {
        path: PathBuf::from(FILE),
        text: print(&reduced),
    };
    workspace::settle(None, &[wanted], check, "cargo xtask spec")
}

fn pinned_version() -> Result<String> {
    let text = fs::read_to_string(workspace::root().join(REQUIREMENTS))?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("botocore=="));
    Ok(line
        .context("spec/requirements.txt pins no botocore version")?
        .trim()
        .to_owned())
}

/// The model of exactly `version`: from this machine's Python if it has it, else from an environment of our own.
fn installed_model(version: &str) -> Result<Value> {
    let own = workspace::target().join("spec-python");
    let own_python = own.join("bin/python");
    for python in [own_python.as_path(), Path::new("python3")] {
        if let Some(found) = read_model(python).filter(|found| found["version"] == version) {
            return Ok(found);
        }
    }
    process::must(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&own),
    )?;
    process::must(
        Command::new(&own_python)
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--no-deps",
                "-r",
            ])
            .arg(workspace::root().join(REQUIREMENTS)),
    )?;
    let found =
        read_model(&own_python).context("botocore is installed and does not print its model")?;
    ensure!(
        found["version"] == version,
        "pip installed another version of botocore"
    );
    Ok(found)
}

fn read_model(python: &Path) -> Option<Value> {
    let output = Command::new(python).args(["-c", READER]).output().ok()?;
    output
        .status
        .success()
        .then(|| serde_json::from_slice(&output.stdout).ok())
        .flatten()
}

fn reduce(installed: &Value) -> Result<Value> {
    let model = &installed["model"];
    let metadata = &model["metadata"];
    ensure!(
        metadata["protocol"] == "rest-json",
        "only rest-json is understood"
    );
    let paginators = &installed["paginators"]["pagination"];
    let mut operations = Map::new();
    for (name, operation) in object(&model["operations"])? {
        operations.insert(
            name.clone(),
            reduce_operation(operation, &paginators[name])?,
        );
    }
    let mut shapes = Map::new();
    for (name, shape) in object(&model["shapes"])? {
        shapes.insert(name.clone(), reduce_shape(shape)?);
    }
    Ok(json!({
        "source": {
            "package": "botocore", "version": installed["version"],
            "file": "botocore/data/ivs-realtime/2020-07-14/service-2.json", "sha256": installed["sha256"],
        },
        "service": pick(metadata, &["apiVersion", "endpointPrefix", "protocol", "serviceId", "signatureVersion", "signingName"]),
        "operations": operations,
        "shapes": shapes,
    }))
}

fn reduce_operation(operation: &Value, paginator: &Value) -> Result<Value> {
    let mut reduced = pick(operation, &["readonly", "idempotent"]);
    let http = &operation["http"];
    reduced.insert("method".into(), http["method"].clone());
    reduced.insert("uri".into(), http["requestUri"].clone());
    reduced.insert("status".into(), http["responseCode"].clone());
    reduced.insert("input".into(), operation["input"]["shape"].clone());
    reduced.insert("output".into(), operation["output"]["shape"].clone());
    let errors = operation["errors"]
        .as_array()
        .context("an operation without errors")?;
    reduced.insert(
        "errors".into(),
        errors.iter().map(|error| error["shape"].clone()).collect(),
    );
    if paginator.is_object() {
        reduced.insert("paginator".into(), paginator.clone());
    }
    Ok(Value::Object(reduced))
}

fn reduce_shape(shape: &Value) -> Result<Value> {
    const FACTS: &[&str] = &[
        "type",
        "min",
        "max",
        "pattern",
        "enum",
        "sensitive",
        "timestampFormat",
        "exception",
        "fault",
    ];
    let mut reduced = pick(shape, FACTS);
    if let Some(status) = shape["error"].get("httpStatusCode") {
        reduced.insert("status".into(), status.clone());
    }
    for part in ["member", "key", "value"] {
        if let Some(part_shape) = shape[part].get("shape") {
            reduced.insert(part.into(), part_shape.clone());
        }
    }
    if shape["type"] == "structure" {
        let required: Vec<&Value> = shape["required"].as_array().into_iter().flatten().collect();
        let mut members = Map::new();
        for (name, member) in object(&shape["members"])? {
            let mut facts = pick(
                member,
                &["shape", "location", "locationName", "idempotencyToken"],
            );
            if required.iter().any(|required| *required == name) {
                facts.insert("required".into(), json!(true));
            }
            members.insert(name.clone(), Value::Object(facts));
        }
        reduced.insert("members".into(), Value::Object(members));
    }
    Ok(Value::Object(reduced))
}

fn pick(from: &Value, names: &[&str]) -> Map<String, Value> {
    let present = names
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), from.get(*name)?.clone())));
    present.collect()
}

fn object(value: &Value) -> Result<&Map<String, Value>> {
    value
        .as_object()
        .context("the model has another form than expected")
}

/// JSON with sorted names in which whatever fits stands on one line, so that a changed bound is a changed line.
fn print(value: &Value) -> String {
    let mut lines = spread(value, 0, 0);
    lines.push('\n');
    lines
}

/// A value that begins at `column`, its further lines indented by `level`.
fn spread(value: &Value, level: usize, column: usize) -> String {
    const WIDTH: usize = 110;
    let flat = flat(value);
    // The top of the file is always spread, so that each operation and each shape begins a line.
    if level > 1 && column + flat.len() <= WIDTH {
        return flat;
    }
    let pad = "  ".repeat(level + 1);
    let (open, lines, close): (_, Vec<String>, _) = if let Value::Object(map) = value {
        let line = |(name, item): (&String, &Value)| {
            let head = format!("{pad}{}: ", json!(name));
            let item = spread(item, level + 1, head.len());
            head + &item
        };
        ("{", sorted(map).into_iter().map(line).collect(), "}")
    } else if let Value::Array(items) = value {
        let line = |item| format!("{pad}{}", spread(item, level + 1, pad.len()));
        ("[", items.iter().map(line).collect(), "]")
    } else {
        return flat;
    };
    if lines.is_empty() {
        return flat;
    }
    format!(
        "{open}\n{}\n{}{close}",
        lines.join(",\n"),
        "  ".repeat(level)
    )
}

fn flat(value: &Value) -> String {
    if let Value::Object(map) = value {
        let item = |(name, item)| format!("{}: {}", json!(name), flat(item));
        let items: Vec<_> = sorted(map).into_iter().map(item).collect();
        if items.is_empty() {
            "{}".to_owned()
        } else {
            format!("{{ {} }}", items.join(", "))
        }
    } else if let Value::Array(items) = value {
        format!(
            "[{}]",
            items.iter().map(flat).collect::<Vec<_>>().join(", ")
        )
    } else {
        value.to_string()
    }
}

/// By name, with what identifies a thing first. The order does not depend on how serde_json was built.
fn sorted(map: &Map<String, Value>) -> Vec<(&String, &Value)> {
    const FIRST: [&str; 7] = [
        "source", "service", "type", "shape", "method", "uri", "required",
    ];
    let mut items: Vec<_> = map.iter().collect();
    items.sort_by_key(|(name, value)| {
        // Only facts are ranked; a member that happens to be named `type` has a structure as its value.
        let rank = FIRST
            .iter()
            .position(|first| first == name)
            .filter(|_| !value.is_object() || *name == "source");
        (rank.unwrap_or(FIRST.len()), *name)
    });
    items
}
