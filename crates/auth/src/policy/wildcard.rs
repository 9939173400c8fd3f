//! Patterns: `*` is any run of characters, `?` any one.

/// Whether the whole text matches. On a mismatch only the last `*` takes one character more, which is enough; so the
/// cost is at most the product of the two lengths, for any pattern.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    // Where to go on after the last `*`: the pattern behind it, and the text that it does not cover yet.
    let mut retry = None;
    loop {
        let here = text.clone();
        match (pattern.next(), text.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                text = here;
                retry = Some((pattern.clone(), text.clone()));
            }
            (Some('?'), Some(_)) => {}
            (Some(a), Some(b)) if a == b => {}
            (Some(_), None) => return false,
            (Some(_) | None, Some(_)) => {
                let Some((pattern_retry, text_retry)) = &mut retry else {
                    return false;
                };
                text_retry.next();
                pattern = pattern_retry.clone();
                text = text_retry.clone();
            }
        }
    }
}

/// An action, e.g. `ivs:Get*`; kept in lower case, because actions have no case.
#[derive(Clone, Debug)]
pub(super) struct ActionPattern(String);

impl ActionPattern {
    /// `*`.
    pub(super) fn any() -> Self {
        Self("*".to_owned())
    }

    /// `*`, or a service, a colon and a pattern of a name.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let is_service = |text: &str| {
            !text.is_empty()
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        let is_name = |text: &str| {
            let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'*' || byte == b'?';
            !text.is_empty() && text.bytes().all(is_letter)
        };
        let valid = text == "*"
            || text
                .split_once(':')
                .is_some_and(|(service, name)| is_service(service) && is_name(name));
        valid.then(|| Self(text.to_ascii_lowercase()))
    }

    pub(super) fn matches(&self, action: &str) -> bool {
        matches(&self.0, &action.to_ascii_lowercase())
    }
}

/// A resource: everything, or an ARN of six parts. A wildcard stays within its part, except in the last, which takes all
/// the rest.
#[derive(Clone, Debug)]
pub(super) enum ResourcePattern {
    /// `*`: also what has no ARN.
    Any,
    /// `arn:partition:service:region:account:resource`.
    Arn([String; ARN_PARTS]),
}

const ARN_PARTS: usize = 6;

impl ResourcePattern {
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::Any);
        }
        let parts = arn(text)?;
        (parts[0] == "arn").then(|| Self::Arn(parts.map(str::to_owned)))
    }

    pub(super) fn matches(&self, resource: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Arn(patterns) => arn(resource).is_some_and(|parts| {
                patterns
                    .iter()
                    .zip(parts)
                    .all(|(pattern, part)| matches(pattern, part))
            }),
        }
    }
}

fn arn(text: &str) -> Option<[&str; ARN_PARTS]> {
    let parts: Vec<&str> = text.splitn(ARN_PARTS, ':').collect();
    parts.try_into().ok()
}
