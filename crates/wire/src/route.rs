//! From a method and a raw path to an operation.
//!
//! Paths are compared as they were sent, byte for byte. Percent-escapes are not decoded, dot segments and double slashes are not
//! folded, letters keep their case: the router reads a path in one way only, and what has two readings has no route.

use crate::generated::Operation;
use crate::percent;

/// A request's operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Routed<'a> {
    /// What is asked for.
    pub operation: Operation,
    /// What stands in the path in place of the template's label, still percent-encoded.
    pub label: Option<&'a str>,
}

/// The operation that a method and a raw path (without the query) name, if any.
///
/// A label is one path segment. An ARN as the label may also come with its one `/` unencoded.
pub fn route<'a>(method: &str, raw_path: &'a str) -> Option<Routed<'a>> {
    Operation::ALL
        .into_iter()
        .filter(|operation| operation.method() == method)
        .find_map(|operation| match operation.path().split_once('{') {
            None => (operation.path() == raw_path).then_some(Routed {
                operation,
                label: None,
            }),
            Some((prefix, _)) => {
                let label = raw_path
                    .strip_prefix(prefix)
                    .filter(|label| is_label(label))?;
                Some(Routed {
                    operation,
                    label: Some(label),
                })
            }
        })
}

fn is_label(label: &str) -> bool {
    let sound = |segment: &str| {
        let decoded = percent::decode(segment);
        decoded.is_some_and(|decoded| !decoded.is_empty() && decoded != "." && decoded != "..")
    };
    match label.split_once('/') {
        None => sound(label),
        Some((first, second)) => {
            let arn = percent::decode(first).is_some_and(|first| first.starts_with("arn:"));
            arn && sound(first) && sound(second) && !second.contains('/')
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_operation_is_found_by_its_own_method_and_path() {
        for operation in Operation::ALL {
            let path = operation.path().replace(
                "{resourceArn}",
                "arn%3Aaws%3Aivs%3Aus-west-2%3A1%3Astage%2Fa",
            );
            let routed = route(operation.method(), &path).unwrap();
            assert_eq!(routed.operation, operation);
            assert_eq!(routed.label.is_some(), operation.path().contains('{'));
            for method in [
                "GET", "POST", "DELETE", "PUT", "HEAD", "PATCH", "OPTIONS", "post", "",
            ] {
                let other = route(method, &path).map(|routed| routed.operation);
                assert!(
                    other.is_none() || other.unwrap().method() == method,
                    "{method} {path}"
                );
                assert!(other != Some(operation) || method == operation.method());
            }
        }
    }

    // T8: one reading of a path, and what has two readings has no route.
    #[test]
    fn t8_paths_are_read_as_sent() {
        let encoded = "arn%3Aaws%3Aivs%3Aus-west-2%3A123456789012%3Astage%2FabcdABCDefgh";
        let raw = "arn:aws:ivs:us-west-2:123456789012:stage/abcdABCDefgh";
        let half = "arn:aws:ivs:us-west-2:123456789012:stage%2fabcdABCDefgh";
        for label in [encoded, raw, half, "%25", "a+b;c", "%C3%A9"] {
            let path = format!("/tags/{label}");
            assert_eq!(route("GET", &path).unwrap().label, Some(label), "{label}");
        }
        let refused = [
            "",
            "/",
            "//",
            "/tags",
            "/tags/",
            "/tags//",
            "/tags/.",
            "/tags/..",
            "/tags/%2e%2e",
            "/tags/%2E",
            "/tags/./a",
            "/tags/../CreateStage",
            "/tags/a/../b",
            "/tags/a/b",
            "/tags/arn:aws/",
            "/tags/arn:aws/..",
            "/tags/arn:aws//a",
            "/tags/arn:aws/a/b",
            "/tags/%",
            "/tags/%f",
            "/tags/%ff",
            "//tags/a",
            "/Tags/a",
            "/CreateStage/",
            "//CreateStage",
            "/./CreateStage",
            "/x/../CreateStage",
            "/createstage",
            "/Create%53tage",
            "/CreateStage?",
            "/CreateStage ",
            "CreateStage",
            "/CreateStage%00",
            "/CreateStage;a=b",
            "/ListStages+",
        ];
        for path in refused {
            for method in ["GET", "POST", "DELETE"] {
                assert_eq!(route(method, path), None, "{method} {path}");
            }
        }
    }
}
