//! The constraints of the model: lengths, patterns, ranges, sizes, enums.
//!
//! Lengths count Unicode scalar values. Patterns hold for the whole text, although the model writes them without anchors.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use regex::Regex;

use crate::failure::Invalid;
use crate::json::Json;
use crate::member::{Path, Reader};

/// A string shape.
pub(crate) struct Text {
    min: usize,
    max: usize,
    pattern: Option<Pattern>,
}

struct Pattern {
    source: &'static str,
    compiled: OnceLock<Regex>,
}

impl Pattern {
    fn holds(&self, text: &str) -> bool {
        let compiled = self.compiled.get_or_init(|| {
            // `\z` and not `$`, which in some dialects also matches before a last newline.
            Regex::new(&format!(r"\A(?:{})\z", self.source))
                .expect("a test reads a value of every pattern of the model")
        });
        compiled.is_match(text)
    }
}

impl Text {
    pub(crate) const fn new(min: usize, max: usize) -> Self {
        Self {
            min,
            max,
            pattern: None,
        }
    }

    pub(crate) const fn matching(min: usize, max: usize, source: &'static str) -> Self {
        Self {
            min,
            max,
            pattern: Some(Pattern {
                source,
                compiled: OnceLock::new(),
            }),
        }
    }

    pub(crate) fn read(&self, value: &Json, path: &Path<'_>) -> Result<String, Invalid> {
        let Json::String(text) = value else {
            return path.refuse("Member must be a string");
        };
        match self.broken_by(text) {
            Some(constraint) => path.refuse(constraint),
            None => Ok(text.clone()),
        }
    }

    /// The constraint that the text breaks, if any.
    fn broken_by(&self, text: &str) -> Option<String> {
        // No more than one beyond the bound is counted, however long the text.
        let length = text.chars().take(self.max.saturating_add(1)).count();
        if length > self.max {
            return Some(format!(
                "Member must have length less than or equal to {}",
                self.max
            ));
        }
        if length < self.min {
            return Some(format!(
                "Member must have length greater than or equal to {}",
                self.min
            ));
        }
        // Not in the model: no store of ours, nor most clients, can hold U+0000 in text.
        if text.contains('\0') {
            return Some("Member must not contain the character U+0000".to_owned());
        }
        let pattern = self
            .pattern
            .as_ref()
            .filter(|pattern| !pattern.holds(text))?;
        Some(format!(
            "Member must satisfy regular expression pattern: {}",
            pattern.source
        ))
    }
}

/// An integer shape.
pub(crate) struct Integer {
    pub(crate) min: Option<i32>,
    pub(crate) max: Option<i32>,
}

impl Integer {
    pub(crate) fn read(&self, value: &Json, path: &Path<'_>) -> Result<i32, Invalid> {
        let Some(number) = value.as_integer() else {
            return path.refuse("Member must be an integer");
        };
        if number < i64::from(self.min.unwrap_or(i32::MIN)) {
            let min = self.min.unwrap_or(i32::MIN);
            return path.refuse(format!(
                "Member must have value greater than or equal to {min}"
            ));
        }
        let max = self.max.unwrap_or(i32::MAX);
        match i32::try_from(number) {
            Ok(number) if number <= max => Ok(number),
            _ => path.refuse(format!(
                "Member must have value less than or equal to {max}"
            )),
        }
    }
}

/// A float shape.
pub(crate) struct Decimal {
    pub(crate) min: Option<f64>,
    pub(crate) max: Option<f64>,
}

impl Decimal {
    pub(crate) fn read(&self, value: &Json, path: &Path<'_>) -> Result<f64, Invalid> {
        let Some(number) = value.as_decimal() else {
            return path.refuse("Member must be a number");
        };
        if let Some(min) = self.min.filter(|min| number < *min) {
            return path.refuse(format!(
                "Member must have value greater than or equal to {min}"
            ));
        }
        if let Some(max) = self.max.filter(|max| number > *max) {
            return path.refuse(format!(
                "Member must have value less than or equal to {max}"
            ));
        }
        Ok(number)
    }
}

/// How many entries a list or a map may have.
pub(crate) struct Count {
    pub(crate) min: usize,
    pub(crate) max: usize,
}

impl Count {
    fn check(&self, count: usize, path: &Path<'_>) -> Result<(), Invalid> {
        if count > self.max {
            return path.refuse(format!(
                "Member must have length less than or equal to {}",
                self.max
            ));
        }
        if count < self.min {
            return path.refuse(format!(
                "Member must have length greater than or equal to {}",
                self.min
            ));
        }
        Ok(())
    }

    pub(crate) fn list<T>(
        &self,
        value: &Json,
        path: &Path<'_>,
        read: Reader<T>,
    ) -> Result<Vec<T>, Invalid> {
        let Json::Array(items) = value else {
            return path.refuse("Member must be a list");
        };
        self.check(items.len(), path)?;
        let read_item = |(index, item)| {
            let path = path.item(index);
            if matches!(item, &Json::Null) {
                path.refuse("Member must not be null")
            } else {
                read(item, &path)
            }
        };
        items.iter().enumerate().map(read_item).collect()
    }

    /// A map of text to text. The path names the map, because a key is a value of the caller.
    pub(crate) fn map(
        &self,
        value: &Json,
        path: &Path<'_>,
        keys: &Text,
        values: &Text,
    ) -> Result<BTreeMap<String, String>, Invalid> {
        let Json::Object(entries) = value else {
            return path.refuse("Member must be a map");
        };
        self.check(entries.len(), path)?;
        let mut map = BTreeMap::new();
        for (key, value) in entries {
            if let Some(constraint) = keys.broken_by(key) {
                return path.refuse(format!("Map keys must satisfy constraint: [{constraint}]"));
            }
            let Json::String(value) = value else {
                return path.refuse("Map value must satisfy constraint: [Member must be a string]");
            };
            if let Some(constraint) = values.broken_by(value) {
                return path.refuse(format!("Map value must satisfy constraint: [{constraint}]"));
            }
            map.insert(key.clone(), value.clone());
        }
        Ok(map)
    }
}

/// An enum shape; `set` lists its values.
pub(crate) fn choice<T>(
    value: &Json,
    path: &Path<'_>,
    parse: fn(&str) -> Option<T>,
    set: &'static str,
) -> Result<T, Invalid> {
    let Json::String(text) = value else {
        return path.refuse("Member must be a string");
    };
    match parse(text) {
        Some(value) => Ok(value),
        None => path.refuse(format!("Member must satisfy enum value set: [{set}]")),
    }
}

/// A boolean shape.
pub(crate) fn boolean(value: &Json, path: &Path<'_>) -> Result<bool, Invalid> {
    let Json::Bool(value) = value else {
        return path.refuse("Member must be a boolean");
    };
    Ok(*value)
}
