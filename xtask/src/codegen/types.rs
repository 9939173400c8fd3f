//! `types/`: the enums and the structures that inputs and outputs share.

use std::fmt::Write as _;

use anyhow::Result;

use super::model::{Location, Shape, Spec, Structure, Text};
use super::{Files, imports, names};

pub(super) fn print(spec: &Spec, files: &mut Files) -> Result<()> {
    let mut enums = String::new();
    let mut structures = String::new();
    let used = spec.shared()?;
    for (name, shape) in &spec.shapes {
        if !used.contains(&name.as_str()) {
            continue;
        }
        if let Shape::String(Text {
            values: Some(values),
            ..
        }) = shape
        {
            print_enum(name, values, &mut enums)?;
        } else if let Shape::Structure(structure) = shape {
            print_structure(spec, name, "", structure, true, &mut structures)?;
        }
    }
    let header = "//! The enums of the API.\n\nuse serde::{Serialize, Serializer};\n\n";
    files.insert("types/enums.rs".into(), format!("{header}{enums}"));
    let used = imports::print(spec, &structures)?;
    files.insert(
        "types/structures.rs".into(),
        format!("//! The structures of the API.\n\n{used}\n{structures}"),
    );
    let contents = "//! What inputs and outputs are made of.\n\nmod enums;\nmod structures;\n\npub use enums::*;\npub use structures::*;\n";
    files.insert("types/mod.rs".into(), contents.into());
    Ok(())
}

fn print_enum(name: &str, values: &[String], text: &mut String) -> Result<()> {
    let mut values = values.to_vec();
    values.sort();
    writeln!(
        text,
        "/// `{name}`\n#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]\npub enum {name} {{"
    )?;
    for value in &values {
        writeln!(text, "/// `{value}`\n{},", names::variant(value))?;
    }
    writeln!(
        text,
        "}}\n\nimpl {name} {{\n/// Every value.\npub const ALL: [Self; {}] = [",
        values.len()
    )?;
    for value in &values {
        writeln!(text, "Self::{},", names::variant(value))?;
    }
    writeln!(
        text,
        "];\n\n/// The value on the wire.\npub fn as_str(self) -> &'static str {{ match self {{"
    )?;
    for value in &values {
        writeln!(text, "Self::{} => {value:?},", names::variant(value))?;
    }
    writeln!(text, "}} }}\n")?;
    writeln!(text, "/// The value that is written so.")?;
    writeln!(text, "pub fn parse(text: &str) -> Option<Self> {{")?;
    writeln!(
        text,
        "Self::ALL.into_iter().find(|value| value.as_str() == text) }} }}\n"
    )?;
    writeln!(text, "impl Serialize for {name} {{")?;
    writeln!(
        text,
        "fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {{"
    )?;
    writeln!(text, "serializer.serialize_str(self.as_str()) }} }}\n")?;
    Ok(())
}

/// A structure with public members; header members travel outside of it.
pub(super) fn print_structure(
    spec: &Spec,
    name: &str,
    doc: &str,
    structure: &Structure,
    serialized: bool,
    text: &mut String,
) -> Result<()> {
    let default = if spec.members_have_default(structure)? {
        ", Default"
    } else {
        ""
    };
    let serialize = if serialized { ", Serialize" } else { "" };
    let doc = if doc.is_empty() {
        format!("`{name}`")
    } else {
        doc.to_owned()
    };
    writeln!(
        text,
        "/// {doc}\n#[derive(Clone, Debug{default}, PartialEq{serialize})]"
    )?;
    if serialized {
        writeln!(text, "#[serde(rename_all = \"camelCase\")]")?;
    }
    writeln!(text, "pub struct {name} {{")?;
    for (wire_name, member) in &structure.members {
        if member.location == Some(Location::Header) {
            continue;
        }
        let field = names::snake(wire_name);
        writeln!(text, "/// `{wire_name}`: `{}`", member.shape)?;
        if serialized {
            let attributes =
                serde_attributes(spec, wire_name, &field, &member.shape, member.required)?;
            text.push_str(&attributes);
        }
        let inner = spec.rust_type(&member.shape)?;
        let rust_type = if member.required {
            inner
        } else {
            format!("Option<{inner}>")
        };
        writeln!(text, "pub {field}: {rust_type},")?;
    }
    writeln!(text, "}}\n")?;
    Ok(())
}

fn serde_attributes(
    spec: &Spec,
    wire_name: &str,
    field: &str,
    shape: &str,
    required: bool,
) -> Result<String> {
    let mut attributes = Vec::new();
    if names::camel(field) != wire_name {
        attributes.push(format!("rename = {wire_name:?}"));
    }
    if !required {
        attributes.push("skip_serializing_if = \"Option::is_none\"".to_owned());
    }
    let shape = spec.shape(shape)?;
    let printer = if matches!(shape, Shape::Timestamp) {
        Some("time")
    } else {
        matches!(shape, Shape::Float(_)).then_some("number")
    };
    if let Some(printer) = printer {
        let optional = if required { "" } else { "_optional" };
        attributes.push(format!("serialize_with = \"json::{printer}{optional}\""));
    }
    Ok(if attributes.is_empty() {
        String::new()
    } else {
        format!("#[serde({})]\n", attributes.join(", "))
    })
}
