//! Bearer keys: one secret text that opens one door, sent as `Authorization: Bearer …` (RFC 6750 section 2.1). The query
//! and form forms of that document are absent: a secret in a URL ends up in logs.

use aws_lc_rs::digest::{Digest, SHA256, digest};
use http::{HeaderMap, header};
use subtle::ConstantTimeEq as _;

/// A key. It keeps a digest only, so that it cannot be shown and a comparison takes the same time for every guess.
#[derive(Clone)]
pub struct Key(Digest);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(..)")
    }
}

impl Key {
    /// The key of this text.
    pub fn new(text: &str) -> Self {
        Self(digest(&SHA256, text.as_bytes()))
    }

    /// Whether the text is the key.
    pub fn is(&self, presented: &str) -> bool {
        let presented = digest(&SHA256, presented.as_bytes());
        self.0.as_ref().ct_eq(presented.as_ref()).into()
    }
}

/// What a request presents as its bearer key, if it presents one.
pub fn presented(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(only), None) = (all.next(), all.next()) else {
        return None;
    };
    let (scheme, key) = only.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| key.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_key_is_only_itself_and_never_shown() {
        let key = Key::new("hunter2hunter2hunter2");
        assert!(key.is("hunter2hunter2hunter2"));
        for other in [
            "",
            "hunter2",
            "hunter2hunter2hunter3",
            "Hunter2hunter2hunter2",
        ] {
            assert!(!key.is(other), "{other}");
        }
        assert_eq!(format!("{key:?}"), "Key(..)");
    }

    #[test]
    fn one_authorization_header_with_the_scheme_presents_a_key() {
        for (values, expected) in [
            (&["Bearer abc"][..], Some("abc")),
            (&["bearer  abc "], Some("abc")),
            (&["Bearer "], Some("")),
            (&[], None),
            (&["Bearer"], None),
            (&["Basic abc"], None),
            (&["abc"], None),
            (&["Bearer abc", "Bearer abc"], None),
        ] {
            assert_eq!(presented(&headers(values)), expected, "{values:?}");
        }
    }
}
