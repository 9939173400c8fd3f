//! `error/`: the error shapes, and for each operation an enum of exactly those that it declares.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::{Context as _, Result};

use super::model::{Operation, Shape, Spec};
use super::{Files, gather, names};

pub(super) fn print(spec: &Spec, files: &mut Files) -> Result<()> {
    let mut groups: BTreeMap<&str, String> = BTreeMap::new();
    for (name, operation) in &spec.operations {
        print_enum(
            name,
            operation,
            groups.entry(names::group(name)).or_default(),
        )?;
    }
    for (group, text) in &groups {
        let header = format!(
            "//! Errors of the {} operations.\n\n",
            group.replace('_', " ")
        );
        let used = "use super::{ErrorShape, OperationError};\nuse crate::Invalid;\n";
        files.insert(
            format!("error/{group}.rs"),
            format!("{header}{used}\n{text}"),
        );
    }
    let groups: BTreeSet<_> = groups.keys().copied().collect();
    let mut contents = gather("The errors that each operation declares.", &groups);
    print_shapes(spec, &mut contents)?;
    files.insert("error/mod.rs".into(), contents);
    Ok(())
}

fn print_shapes(spec: &Spec, text: &mut String) -> Result<()> {
    let mut shapes: Vec<(&str, u16)> = Vec::new();
    for (name, shape) in &spec.shapes {
        if let Shape::Structure(structure) = shape
            && structure.exception
        {
            shapes.push((
                name,
                structure
                    .status
                    .with_context(|| format!("{name} has no status"))?,
            ));
        }
    }
    text.push_str("\npub use crate::failure::OperationError;\n\n");
    text.push_str("/// An error shape of the model.\n#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]\npub enum ErrorShape {\n");
    for (name, status) in &shapes {
        writeln!(
            text,
            "/// `{name}`, {status}\n{},",
            names::error_variant(name)
        )?;
    }
    writeln!(
        text,
        "}}\n\nimpl ErrorShape {{\n/// Every error shape.\npub const ALL: [Self; {}] = [",
        shapes.len()
    )?;
    for (name, _) in &shapes {
        writeln!(text, "Self::{},", names::error_variant(name))?;
    }
    text.push_str(
        "];\n\n/// The name on the wire.\npub fn name(self) -> &'static str { match self {\n",
    );
    for (name, _) in &shapes {
        writeln!(text, "Self::{} => {name:?},", names::error_variant(name))?;
    }
    text.push_str("}}\n\n/// The HTTP status.\npub fn status(self) -> u16 { match self {\n");
    let mut by_status: BTreeMap<u16, Vec<String>> = BTreeMap::new();
    for (name, status) in &shapes {
        by_status
            .entry(*status)
            .or_default()
            .push(format!("Self::{}", names::error_variant(name)));
    }
    for (status, variants) in by_status {
        writeln!(text, "{} => {status},", variants.join(" | "))?;
    }
    text.push_str("}}}\n");
    Ok(())
}

fn print_enum(name: &str, operation: &Operation, text: &mut String) -> Result<()> {
    writeln!(
        text,
        "/// How {name} fails; each variant holds the message."
    )?;
    writeln!(
        text,
        "#[derive(Clone, Debug, PartialEq, Eq)]\npub enum {name}Error {{"
    )?;
    let mut shapes: Vec<_> = operation.errors.iter().collect();
    shapes.sort_unstable();
    for shape in &shapes {
        writeln!(
            text,
            "/// `{shape}`\n{}(String),",
            names::error_variant(shape)
        )?;
    }
    let errors: Vec<_> = shapes
        .into_iter()
        .map(|shape| names::error_variant(shape))
        .collect();
    writeln!(text, "}}\n\nimpl OperationError for {name}Error {{")?;
    writeln!(text, "fn shape(&self) -> ErrorShape {{ match self {{")?;
    for error in &errors {
        writeln!(text, "Self::{error}(_) => ErrorShape::{error},")?;
    }
    let all: Vec<_> = errors
        .iter()
        .map(|error| format!("Self::{error}(message)"))
        .collect();
    writeln!(
        text,
        "}} }}\n\nfn message(&self) -> &str {{ match self {{ {} => message }} }} }}\n",
        all.join(" | ")
    )?;
    if errors.contains(&"Validation") {
        writeln!(text, "impl From<Invalid> for {name}Error {{")?;
        writeln!(
            text,
            "fn from(invalid: Invalid) -> Self {{ Self::Validation(invalid.to_string()) }} }}\n"
        )?;
    }
    Ok(())
}
