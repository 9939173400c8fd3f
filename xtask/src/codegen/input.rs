//! `input/`: the input of each operation and how a request is read into it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::{Result, bail};

use super::model::{Location, Operation, Spec};
use super::{Files, gather, imports, names, reader, types};

pub(super) fn print(spec: &Spec, files: &mut Files) -> Result<()> {
    let mut groups: BTreeMap<&str, String> = BTreeMap::new();
    for (name, operation) in &spec.operations {
        print_input(
            spec,
            name,
            operation,
            groups.entry(names::group(name)).or_default(),
        )?;
    }
    for (group, text) in &groups {
        let used = imports::print(spec, text)?;
        let header = format!(
            "//! Inputs of the {} operations.\n\n",
            group.replace('_', " ")
        );
        files.insert(
            format!("input/{group}.rs"),
            format!("{header}{used}\n{text}"),
        );
    }
    let mut contents = gather(
        "The input of each operation.",
        &groups.keys().copied().collect::<BTreeSet<_>>(),
    );
    contents.push_str("\nuse super::Operation;\nuse crate::{Invalid, RequestParts};\n\n");
    contents.push_str("/// Checks a request against every constraint of the operation's input.\n");
    contents.push_str("pub fn check(operation: Operation, request: &RequestParts<'_>) -> Result<(), Invalid> { match operation {\n");
    for name in spec.operations.keys() {
        writeln!(
            contents,
            "Operation::{name} => {name}Input::parse(request).map(drop),"
        )?;
    }
    contents.push_str("}}\n");
    files.insert("input/mod.rs".into(), contents);
    Ok(())
}

fn print_input(spec: &Spec, name: &str, operation: &Operation, text: &mut String) -> Result<()> {
    let structure = spec.structure(&operation.input)?;
    let doc = format!("What {name} is asked.");
    types::print_structure(spec, &format!("{name}Input"), &doc, structure, false, text)?;
    let has_body = structure
        .members
        .values()
        .any(|member| member.location.is_none());
    let mut bindings = String::new();
    for (wire_name, member) in &structure.members {
        let bind = match member.location {
            Some(Location::Uri) => "label",
            Some(Location::Querystring) => "query",
            Some(Location::Header) => bail!("{name} takes an input from a header"),
            None => continue,
        };
        writeln!(bindings, "object.bind_{bind}({wire_name:?}, request)?;")?;
    }
    let mutable = if bindings.is_empty() { "" } else { "mut " };
    let source = if has_body {
        "of_body(request)?"
    } else {
        "empty()"
    };
    writeln!(text, "impl {name}Input {{")?;
    writeln!(text, "/// Reads and checks a request.")?;
    writeln!(
        text,
        "pub fn parse(request: &RequestParts<'_>) -> Result<Self, Invalid> {{"
    )?;
    writeln!(
        text,
        "let {mutable}object = Object::{source};\n{bindings}let members = object.members();\nOk(Self {{"
    )?;
    text.push_str(&reader::fields(structure, "reader::")?);
    writeln!(text, "}}) }} }}\n")?;
    Ok(())
}
