//! The `use` lines of a generated file: whatever of the known names its code mentions.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::model::{Shape, Spec, Text};

/// Names outside of `types/` and where each comes from.
const KNOWN: &[(&str, &str)] = &[
    ("BTreeMap", "std::collections"),
    ("Count", "crate::constraint"),
    ("Decimal", "crate::constraint"),
    ("Integer", "crate::constraint"),
    ("Invalid", "crate"),
    ("Json", "crate::json"),
    ("Members", "crate::member"),
    ("Object", "crate::member"),
    ("Path", "crate::member"),
    ("RequestParts", "crate"),
    ("Sensitive", "crate"),
    ("Serialize", "serde"),
    ("Text", "crate::constraint"),
    ("Timestamp", "jiff"),
    ("constraint", "crate"),
    ("json", "crate"),
    ("reader", "super::super"),
];

/// The `use` lines that `text` needs: the standard library, other crates, this one.
pub(super) fn print(spec: &Spec, text: &str) -> Result<String> {
    let words = words(text);
    let mut modules: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, module) in KNOWN {
        modules.entry(module).or_default().insert(name);
    }
    modules
        .entry("crate::types")
        .or_default()
        .extend(types(spec)?);
    let mut paragraphs = [Vec::new(), Vec::new(), Vec::new()];
    for (module, names) in modules {
        let is_defined = |name: &str| text.contains(&format!("pub struct {name} "));
        let used: Vec<_> = names
            .into_iter()
            .filter(|name| words.contains(name) && !is_defined(name))
            .collect();
        if used.is_empty() {
            continue;
        }
        let paragraph = match module.split("::").next() {
            Some("std") => 0,
            Some("crate" | "super") => 2,
            Some(_) | None => 1,
        };
        paragraphs[paragraph].push(format!("use {module}::{{{}}};\n", used.join(", ")));
    }
    Ok(paragraphs.map(|lines| lines.concat()).join("\n"))
}

/// The words of the code, without its comments.
fn words(text: &str) -> BTreeSet<&str> {
    let code = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.split(|letter: char| !letter.is_alphanumeric() && letter != '_'))
        .collect()
}

/// The enums and structures of `types/`.
fn types(spec: &Spec) -> Result<Vec<&str>> {
    let is_type = |shape: &Shape| {
        matches!(
            shape,
            Shape::Structure(_)
                | Shape::String(Text {
                    values: Some(_),
                    ..
                })
        )
    };
    let mut types = spec.shared()?;
    types.retain(|name| spec.shapes.get(*name).is_some_and(is_type));
    Ok(types)
}
