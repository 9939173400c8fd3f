//! `operation.rs`: the operations, their routes and their declared errors; `mod.rs`, the table of contents.

use std::fmt::Write as _;

use anyhow::{Result, ensure};

use super::model::{Location, Operation, Spec};
use super::{Files, names};

/// The folder's `mod.rs`.
const CONTENTS: &str = "\
//! The API as generated from `spec/`.

pub mod error;
pub mod input;
mod operation;
pub mod output;
mod reader;
pub mod types;

pub use input::check;
pub use operation::Operation;
";

pub(super) fn print(spec: &Spec, files: &mut Files) -> Result<()> {
    let mut text = "//! The operations of the API: names, routes, declared errors.\n\n".to_owned();
    text.push_str("use super::error::ErrorShape;\n\n");
    print_enum(spec, &mut text)?;
    writeln!(text, "impl Operation {{")?;
    let all: Vec<_> = spec
        .operations
        .keys()
        .map(|name| format!("Self::{name},"))
        .collect();
    writeln!(text, "/// Every operation, by name.")?;
    writeln!(
        text,
        "pub const ALL: [Self; {}] = [{}];\n",
        all.len(),
        all.concat()
    )?;
    for table in &TABLES {
        table.print(spec, &mut text)?;
    }
    writeln!(text, "}}")?;
    files.insert("operation.rs".into(), text);
    files.insert("mod.rs".into(), CONTENTS.into());
    Ok(())
}

fn print_enum(spec: &Spec, text: &mut String) -> Result<()> {
    writeln!(text, "/// An operation of the API.")?;
    writeln!(
        text,
        "#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]"
    )?;
    writeln!(text, "pub enum Operation {{")?;
    for (name, operation) in &spec.operations {
        writeln!(
            text,
            "/// `{} {}`\n{name},",
            operation.method, operation.uri
        )?;
    }
    writeln!(text, "}}\n")?;
    Ok(())
}

/// A method of `Operation` that only looks something up.
struct Table {
    doc: &'static str,
    head: &'static str,
    value: fn(&Spec, &str, &Operation) -> Result<String>,
}

const TABLES: [Table; 5] = [
    Table {
        doc: "The name in the API.",
        head: "name(self) -> &'static str",
        value: |_, name, _| Ok(format!("{name:?}")),
    },
    Table {
        doc: "The HTTP method.",
        head: "method(self) -> &'static str",
        value: |_, _, operation| Ok(format!("{:?}", operation.method)),
    },
    Table {
        doc: "The path, with `{label}` where a value stands.",
        head: "path(self) -> &'static str",
        value: |_, _, operation| Ok(format!("{:?}", operation.uri)),
    },
    Table {
        doc: "The errors that the model declares.",
        head: "errors(self) -> &'static [ErrorShape]",
        value: |_, _, operation| Ok(error_list(operation)),
    },
    Table {
        doc: "Whether the model declares the seven security headers on the success reply.",
        head: "success_headers(self) -> bool",
        value: |spec, name, operation| {
            let members = spec.structure(&operation.output)?.members.values();
            let headers = members.filter(|member| member.location == Some(Location::Header));
            let count = headers.count();
            ensure!(
                count == 0 || count == 7,
                "{name} models {count} headers, not none or seven"
            );
            Ok((count == 7).to_string())
        },
    },
];

impl Table {
    fn print(&self, spec: &Spec, text: &mut String) -> Result<()> {
        let mut arms: Vec<(String, Vec<String>)> = Vec::new();
        for (name, operation) in &spec.operations {
            let value = (self.value)(spec, name, operation)?;
            let pattern = format!("Self::{name}");
            match arms.iter_mut().find(|(known, _)| *known == value) {
                Some((_, patterns)) => patterns.push(pattern),
                None => arms.push((value, vec![pattern])),
            }
        }
        writeln!(text, "/// {}", self.doc)?;
        if arms.iter().any(|(value, _)| value.starts_with("&[")) {
            writeln!(
                text,
                "#[expect(clippy::too_many_lines, reason = \"a table\")]"
            )?;
        }
        writeln!(text, "pub fn {} {{ match self {{", self.head)?;
        for (value, patterns) in arms {
            writeln!(text, "{} => {value},", patterns.join(" | "))?;
        }
        writeln!(text, "}} }}\n")?;
        Ok(())
    }
}

fn error_list(operation: &Operation) -> String {
    let errors = operation
        .errors
        .iter()
        .map(|error| names::error_variant(error));
    let mut errors: Vec<_> = errors.map(|error| format!("ErrorShape::{error}")).collect();
    errors.sort_unstable();
    format!("&[{}]", errors.join(", "))
}
