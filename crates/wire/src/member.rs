//! The members of an input, wherever in the request they stand, and the path by which a caller finds one.

use std::collections::BTreeMap;

use crate::failure::Invalid;
use crate::json::{self, Json};
use crate::percent;

/// The parts of a request that hold an input.
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestParts<'a> {
    /// The body's bytes.
    pub body: &'a [u8],
    /// What stands for the label of the path, still percent-encoded.
    pub label: Option<&'a str>,
    /// What follows `?` in the target, still percent-encoded; empty if nothing does.
    pub query: &'a str,
}

/// Where a value stands, as a chain up to the input.
#[derive(Clone, Copy)]
pub(crate) struct Path<'a> {
    parent: Option<&'a Self>,
    step: Step,
}

#[derive(Clone, Copy)]
enum Step {
    Top,
    Member(&'static str),
    /// Counted from 0 here and from 1 in the text.
    Item(usize),
}

impl Path<'static> {
    const TOP: Self = Path {
        parent: None,
        step: Step::Top,
    };
}

impl<'a> Path<'a> {
    fn member(&'a self, name: &'static str) -> Self {
        Path {
            parent: Some(self),
            step: Step::Member(name),
        }
    }

    pub(crate) fn item(&'a self, index: usize) -> Self {
        Path {
            parent: Some(self),
            step: Step::Item(index),
        }
    }

    /// The value here breaks a constraint.
    pub(crate) fn refuse<T>(&self, message: impl Into<String>) -> Result<T, Invalid> {
        Err(Invalid {
            at: self.text(),
            message: message.into(),
        })
    }

    fn text(&self) -> String {
        let mut text = self.parent.map(Self::text).unwrap_or_default();
        let joint = if text.is_empty() { "" } else { "." };
        match self.step {
            Step::Top => {}
            Step::Member(name) => text.extend([joint, name]),
            Step::Item(index) => text.extend([joint, &(index + 1).to_string(), ".member"]),
        }
        text
    }
}

/// The members of a whole input, before they are read.
pub(crate) struct Object {
    members: BTreeMap<String, Json>,
}

impl Object {
    /// The members of the body.
    pub(crate) fn of_body(request: &RequestParts<'_>) -> Result<Self, Invalid> {
        Ok(Self {
            members: json::read_object(request.body)?,
        })
    }

    /// For inputs without body members; whatever the body holds is not looked at.
    pub(crate) fn empty() -> Self {
        Self {
            members: BTreeMap::new(),
        }
    }

    /// Takes a member from the path. One of the same name in the body does not count.
    pub(crate) fn bind_label(
        &mut self,
        name: &'static str,
        request: &RequestParts<'_>,
    ) -> Result<(), Invalid> {
        let label = request.label.map(|label| decode(label, name)).transpose()?;
        self.members
            .insert(name.to_owned(), label.map_or(Json::Null, Json::String));
        Ok(())
    }

    /// Takes a list member from the query, one item for each time the parameter stands there.
    pub(crate) fn bind_query(
        &mut self,
        name: &'static str,
        request: &RequestParts<'_>,
    ) -> Result<(), Invalid> {
        let mut items = Vec::new();
        for parameter in request.query.split('&') {
            let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            if percent::decode(key).as_deref() == Some(name) {
                items.push(Json::String(decode(value, name)?));
            }
        }
        let value = if items.is_empty() {
            Json::Null
        } else {
            Json::Array(items)
        };
        self.members.insert(name.to_owned(), value);
        Ok(())
    }

    pub(crate) fn members(&self) -> Members<'_> {
        Members {
            members: &self.members,
            path: &Path::TOP,
        }
    }
}

fn decode(text: &str, name: &'static str) -> Result<String, Invalid> {
    let decoded = percent::decode(text);
    decoded.map_or_else(
        || {
            Path::TOP
                .member(name)
                .refuse("Member must be percent-encoded UTF-8")
        },
        Ok,
    )
}

/// The members of the input or of a structure in it.
#[derive(Clone, Copy)]
pub(crate) struct Members<'a> {
    members: &'a BTreeMap<String, Json>,
    path: &'a Path<'a>,
}

/// Reads and checks the value of one shape.
pub(crate) type Reader<T> = fn(&Json, &Path<'_>) -> Result<T, Invalid>;

impl<'a> Members<'a> {
    /// The members of a value that must be a structure.
    pub(crate) fn of(value: &'a Json, path: &'a Path<'a>) -> Result<Self, Invalid> {
        let Json::Object(members) = value else {
            return path.refuse("Member must be an object");
        };
        Ok(Self { members, path })
    }

    /// A member that may be absent; an explicit null is absence.
    pub(crate) fn optional<T>(
        &self,
        name: &'static str,
        read: Reader<T>,
    ) -> Result<Option<T>, Invalid> {
        match self.members.get(name) {
            None | Some(Json::Null) => Ok(None),
            Some(value) => read(value, &self.path.member(name)).map(Some),
        }
    }

    /// A member that must be there.
    pub(crate) fn required<T>(&self, name: &'static str, read: Reader<T>) -> Result<T, Invalid> {
        match self.optional(name, read)? {
            Some(value) => Ok(value),
            None => self.path.member(name).refuse("Member must not be null"),
        }
    }
}
