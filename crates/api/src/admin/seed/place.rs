//! Where in a document something stands, in words such as `stages[2].name`.

use crate::admin::problem::Problem;

/// A path from the document down; empty is the document itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place(String);

impl Place {
    pub(super) fn member(&self, name: &str) -> Self {
        let joint = if self.0.is_empty() { "" } else { "." };
        Self(format!("{}{joint}{name}", self.0))
    }

    pub(super) fn item(&self, at: usize) -> Self {
        Self(format!("{}[{at}]", self.0))
    }

    /// Goes on with a path as `wire` writes it: `mediaTypes.1.member`, items counted from 1.
    pub(super) fn go_on(&self, path: &str) -> Self {
        let mut place = self.clone();
        let mut steps = path.split('.').filter(|step| !step.is_empty()).peekable();
        while let Some(step) = steps.next() {
            let is_item = steps.peek() == Some(&"member");
            place = match step.parse::<usize>() {
                Ok(number) if is_item => {
                    steps.next();
                    place.item(number.saturating_sub(1))
                }
                _ => place.member(step),
            };
        }
        place
    }

    pub(super) fn problem(&self, message: impl Into<String>) -> Problem {
        Problem::Document {
            at: self.0.clone(),
            message: message.into(),
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_read_like_the_document() {
        let stage = Place::default().member("stages").item(2);
        for (path, expected) in [
            ("", "stages[2]"),
            ("name", "stages[2].name"),
            ("video.width", "stages[2].video.width"),
            ("mediaTypes.1.member", "stages[2].mediaTypes[0]"),
            ("a.12.member.b", "stages[2].a[11].b"),
        ] {
            assert_eq!(stage.go_on(path).to_string(), expected);
        }
    }
}
