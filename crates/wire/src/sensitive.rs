//! Strings that the model marks as sensitive.

use std::fmt;

use serde::Serialize;

/// A string that goes to the caller and nowhere else: `Debug` does not show it.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Sensitive(String);

impl Sensitive {
    /// Hides `text`.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself, for whoever needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Sensitive {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Sensitive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sensitive(..)")
    }
}

#[cfg(test)]
mod tests {
    use crate::types::ParticipantToken;

    #[test]
    fn a_token_is_printed_on_the_wire_and_not_in_debug() {
        let token = ParticipantToken {
            token: Some("canary".to_owned().into()),
            ..ParticipantToken::default()
        };
        assert!(!format!("{token:?}").contains("canary"));
        assert_eq!(
            serde_json::to_string(&token).unwrap(),
            r#"{"token":"canary"}"#
        );
        assert_eq!(token.token.unwrap().expose(), "canary");
    }
}
