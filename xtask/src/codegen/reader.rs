//! `reader.rs`: how each shape that can stand in an input is read and checked.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::{Result, bail};

use super::model::{Range, Shape, Spec, Structure, Text};
use super::{Files, imports, names};

pub(super) fn print(spec: &Spec, files: &mut Files) -> Result<()> {
    let mut reached = Vec::new();
    for operation in spec.operations.values() {
        for member in spec.structure(&operation.input)?.members.values() {
            spec.reach(&member.shape, &mut reached)?;
        }
    }
    reached.sort_unstable();
    let mut text = String::new();
    let read = read_by_function(spec, &reached)?;
    for name in reached {
        print_reader(spec, name, read.contains(name), &mut text)?;
    }
    let used = imports::print(spec, &text)?;
    files.insert(
        "reader.rs".into(),
        format!("//! Reading and checking each shape of an input.\n\n{used}\n{text}"),
    );
    Ok(())
}

/// The shapes that stand as a member or a list item. Those that stand only in maps need no function of their own.
fn read_by_function<'a>(spec: &'a Spec, reached: &[&'a str]) -> Result<BTreeSet<&'a str>> {
    let mut read = BTreeSet::new();
    for operation in spec.operations.values() {
        read.extend(
            spec.structure(&operation.input)?
                .members
                .values()
                .map(|member| member.shape.as_str()),
        );
    }
    for name in reached {
        match spec.shape(name)? {
            Shape::Structure(structure) => read.extend(
                structure
                    .members
                    .values()
                    .map(|member| member.shape.as_str()),
            ),
            Shape::List { member, .. } => read.extend([member.as_str()]),
            Shape::String(_)
            | Shape::Integer(_)
            | Shape::Float(_)
            | Shape::Boolean
            | Shape::Timestamp
            | Shape::Map { .. } => {}
        }
    }
    Ok(read)
}

fn print_reader(spec: &Spec, name: &str, read: bool, text: &mut String) -> Result<()> {
    let rust_type = spec.rust_type(name)?;
    let head = format!(
        "pub(super) fn {}(value: &Json, path: &Path<'_>) -> Result<{rust_type}, Invalid>",
        names::snake(name)
    );
    let body = match spec.shape(name)? {
        Shape::Structure(structure) => {
            let fields = fields(structure, "")?;
            format!("let members = Members::of(value, path)?; Ok({name} {{ {fields} }})")
        }
        Shape::String(Text {
            values: Some(values),
            ..
        }) => {
            let mut values = values.clone();
            values.sort();
            format!(
                "constraint::choice(value, path, {name}::parse, {:?})",
                values.join(", ")
            )
        }
        Shape::String(shape) => {
            print_text(name, shape, text)?;
            if !read {
                return Ok(());
            }
            let hide = if shape.sensitive {
                ".map(Sensitive::new)"
            } else {
                ""
            };
            format!("{}.read(value, path){hide}", names::shouting(name))
        }
        Shape::Integer(range) => format!("Integer {}.read(value, path)", range_fields(range, "")),
        Shape::Float(range) => format!("Decimal {}.read(value, path)", range_fields(range, ".0")),
        Shape::Boolean => "constraint::boolean(value, path)".to_owned(),
        Shape::Timestamp => {
            bail!("{name}: no input has held a timestamp; teach constraint.rs to read one")
        }
        Shape::List { member, min, max } => {
            format!(
                "{}.list(value, path, {})",
                count(*min, *max),
                names::snake(member)
            )
        }
        Shape::Map {
            key,
            value,
            min,
            max,
        } => {
            let (key, value) = (names::shouting(key), names::shouting(value));
            format!("{}.map(value, path, &{key}, &{value})", count(*min, *max))
        }
    };
    writeln!(text, "{head} {{ {body} }}\n")?;
    Ok(())
}

/// The constraints of a string shape.
fn print_text(name: &str, shape: &Text, text: &mut String) -> Result<()> {
    let (min, max) = (shape.min.unwrap_or(0), bound(shape.max));
    let made = match shape.meant_pattern(name) {
        Some(pattern) => format!("Text::matching({min}, {max}, {pattern:?})"),
        None => format!("Text::new({min}, {max})"),
    };
    writeln!(text, "static {}: Text = {made};\n", names::shouting(name))?;
    Ok(())
}

fn count(min: Option<u64>, max: Option<u64>) -> String {
    format!("Count {{ min: {}, max: {} }}", min.unwrap_or(0), bound(max))
}

/// One line for each member of a structure literal.
pub(super) fn fields(structure: &Structure, module: &str) -> Result<String> {
    let mut text = String::new();
    for (wire_name, member) in &structure.members {
        let how = if member.required {
            "required"
        } else {
            "optional"
        };
        let (field, reader) = (names::snake(wire_name), names::snake(&member.shape));
        writeln!(
            text,
            "{field}: members.{how}({wire_name:?}, {module}{reader})?,"
        )?;
    }
    Ok(text)
}

fn bound(max: Option<u64>) -> String {
    max.map_or_else(|| "usize::MAX".to_owned(), |max| max.to_string())
}

fn range_fields(range: &Range, suffix: &str) -> String {
    let bound = |bound: Option<i64>| match bound {
        Some(bound) => format!("Some({}{suffix})", digits(bound)),
        None => "None".to_owned(),
    };
    format!("{{ min: {}, max: {} }}", bound(range.min), bound(range.max))
}

/// With underscores between thousands, as clippy wants it.
fn digits(number: i64) -> String {
    let plain = number.to_string();
    let mut spaced = String::new();
    for (at, digit) in plain.chars().enumerate() {
        if at > 0 && plain.len() > 4 && (plain.len() - at).is_multiple_of(3) {
            spaced.push('_');
        }
        spaced.push(digit);
    }
    spaced
}
