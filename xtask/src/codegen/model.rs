//! The shapes of `spec/`, read into types.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::{spec, workspace};

/// Patterns of the model that no real value matches, and what the service must mean.
///
/// `ResourceArn` has one character for the kind of resource (`[a-z-]/`), so that no ARN of this service fits it. The prefix of a
/// recording is a path, and the pattern of `ParticipantRecordingS3Prefix` has no `/`.
const MEANT: &[(&str, &str)] = &[
    (
        "ResourceArn",
        "arn:aws:ivs:[a-z0-9-]+:[0-9]+:[a-z-]+/[a-zA-Z0-9-]+",
    ),
    ("ParticipantRecordingS3Prefix", "[a-zA-Z0-9/-]*"),
];

/// All of `spec/ivs-realtime.json` that the generator uses.
#[derive(Deserialize)]
pub(crate) struct Spec {
    pub(crate) service: Service,
    pub(crate) operations: BTreeMap<String, Operation>,
    pub(crate) shapes: BTreeMap<String, Shape>,
}

/// The service as a whole.
#[derive(Deserialize)]
pub(crate) struct Service {
    #[serde(rename = "apiVersion")]
    pub(crate) api_version: String,
    #[serde(rename = "signingName")]
    pub(crate) signing_name: String,
}

/// One operation.
#[derive(Deserialize)]
pub(crate) struct Operation {
    pub(crate) method: String,
    pub(crate) uri: String,
    pub(crate) input: String,
    pub(crate) output: String,
    pub(crate) errors: Vec<String>,
}

/// One shape.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum Shape {
    Structure(Structure),
    String(Text),
    Integer(Range),
    Float(Range),
    Boolean,
    Timestamp,
    List {
        member: String,
        min: Option<u64>,
        max: Option<u64>,
    },
    Map {
        key: String,
        value: String,
        min: Option<u64>,
        max: Option<u64>,
    },
}

/// A structure, an input, an output or an error.
#[derive(Deserialize)]
pub(crate) struct Structure {
    pub(crate) members: BTreeMap<String, Member>,
    pub(crate) status: Option<u16>,
    #[serde(default)]
    pub(crate) exception: bool,
}

/// A member of a structure.
#[derive(Deserialize)]
pub(crate) struct Member {
    pub(crate) shape: String,
    #[serde(default)]
    pub(crate) required: bool,
    pub(crate) location: Option<Location>,
    /// The header's name, for one that travels there.
    #[serde(rename = "locationName")]
    pub(crate) location_name: Option<String>,
}

/// Where a member travels when it is not in the body.
#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Location {
    Header,
    Uri,
    Querystring,
}

/// A string or an enum.
#[derive(Deserialize)]
pub(crate) struct Text {
    pub(crate) min: Option<u64>,
    pub(crate) max: Option<u64>,
    pub(crate) pattern: Option<String>,
    #[serde(rename = "enum")]
    pub(crate) values: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) sensitive: bool,
}

impl Text {
    /// The pattern that values of the shape `name` match as a whole.
    pub(crate) fn meant_pattern(&self, name: &str) -> Option<&str> {
        let pattern = self.pattern.as_deref()?;
        let meant = MEANT.iter().find(|(shape, _)| *shape == name);
        Some(meant.map_or(pattern, |(_, meant)| meant))
    }
}

/// A number.
#[derive(Deserialize)]
pub(crate) struct Range {
    pub(crate) min: Option<i64>,
    pub(crate) max: Option<i64>,
}

impl Spec {
    pub(crate) fn read() -> Result<Self> {
        let text = fs::read_to_string(workspace::root().join(spec::FILE))?;
        serde_json::from_str(&text).with_context(|| format!("reading {}", spec::FILE))
    }

    pub(crate) fn shape(&self, name: &str) -> Result<&Shape> {
        self.shapes
            .get(name)
            .with_context(|| format!("no shape {name}"))
    }

    pub(crate) fn structure(&self, name: &str) -> Result<&Structure> {
        let Shape::Structure(structure) = self.shape(name)? else {
            bail!("{name} is no structure");
        };
        Ok(structure)
    }

    /// The Rust type of a shape's values.
    pub(crate) fn rust_type(&self, name: &str) -> Result<String> {
        Ok(match self.shape(name)? {
            Shape::Structure(_)
            | Shape::String(Text {
                values: Some(_), ..
            }) => name.to_owned(),
            Shape::String(Text {
                sensitive: true, ..
            }) => "Sensitive".to_owned(),
            Shape::String(_) => "String".to_owned(),
            Shape::Integer(_) => "i32".to_owned(),
            Shape::Float(_) => "f64".to_owned(),
            Shape::Boolean => "bool".to_owned(),
            Shape::Timestamp => "Timestamp".to_owned(),
            Shape::List { member, .. } => format!("Vec<{}>", self.rust_type(member)?),
            Shape::Map { .. } => "BTreeMap<String, String>".to_owned(),
        })
    }

    /// Whether a value of the shape can stand for "nothing given yet".
    pub(crate) fn has_default(&self, name: &str) -> Result<bool> {
        Ok(match self.shape(name)? {
            Shape::Structure(structure) => self.members_have_default(structure)?,
            Shape::String(text) => text.values.is_none(),
            Shape::Integer(_)
            | Shape::Float(_)
            | Shape::Boolean
            | Shape::Timestamp
            | Shape::List { .. }
            | Shape::Map { .. } => true,
        })
    }

    /// Whether a structure can be started from its default.
    pub(crate) fn members_have_default(&self, structure: &Structure) -> Result<bool> {
        for member in structure.members.values().filter(|member| member.required) {
            if !self.has_default(&member.shape)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Adds `name` and every shape that values of it contain.
    pub(crate) fn reach<'a>(&'a self, name: &'a str, found: &mut Vec<&'a str>) -> Result<()> {
        if found.contains(&name) {
            return Ok(());
        }
        found.push(name);
        match self.shape(name)? {
            Shape::Structure(structure) => {
                for member in structure.members.values() {
                    if member.location != Some(Location::Header) {
                        self.reach(&member.shape, found)?;
                    }
                }
            }
            Shape::List { member, .. } => self.reach(member, found)?,
            Shape::Map { key, value, .. } => {
                self.reach(key, found)?;
                self.reach(value, found)?;
            }
            Shape::String(_)
            | Shape::Integer(_)
            | Shape::Float(_)
            | Shape::Boolean
            | Shape::Timestamp => {}
        }
        Ok(())
    }

    /// Every shape below the inputs and outputs, without these.
    pub(crate) fn shared(&self) -> Result<Vec<&str>> {
        let mut found = Vec::new();
        for operation in self.operations.values() {
            for top in [&operation.input, &operation.output] {
                for member in self.structure(top)?.members.values() {
                    self.reach(&member.shape, &mut found)?;
                }
            }
        }
        Ok(found)
    }
}
