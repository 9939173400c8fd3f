//! `output/`: the output of each operation and how it is printed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::Result;

use super::model::{Location, Operation, Spec};
use super::{Files, gather, imports, names, types};

pub(super) fn print(spec: &Spec, files: &mut Files) -> Result<()> {
    let mut groups: BTreeMap<&str, String> = BTreeMap::new();
    for (name, operation) in &spec.operations {
        print_output(
            spec,
            name,
            operation,
            groups.entry(names::group(name)).or_default(),
        )?;
    }
    for (group, text) in &groups {
        let used = imports::print(spec, text)?;
        let header = format!(
            "//! Outputs of the {} operations.\n\n",
            group.replace('_', " ")
        );
        files.insert(
            format!("output/{group}.rs"),
            format!("{header}{used}\n{text}"),
        );
    }
    let groups: BTreeSet<_> = groups.keys().copied().collect();
    files.insert(
        "output/mod.rs".into(),
        gather("The output of each operation.", &groups),
    );
    Ok(())
}

fn print_output(spec: &Spec, name: &str, operation: &Operation, text: &mut String) -> Result<()> {
    let structure = spec.structure(&operation.output)?;
    let doc = format!("What {name} answers.");
    types::print_structure(spec, &format!("{name}Output"), &doc, structure, true, text)?;
    let empty = structure
        .members
        .values()
        .all(|member| member.location == Some(Location::Header));
    let (doc, printer) = if empty {
        ("The body of the reply: none.", "json::no_body(self)")
    } else {
        ("The body of the reply.", "json::body(self)")
    };
    writeln!(
        text,
        "impl {name}Output {{\n/// {doc}\npub fn to_json(&self) -> Vec<u8> {{ {printer} }} }}\n"
    )?;
    Ok(())
}
