//! Requests as bytes: what is no JSON, what is JSON of another form, and what no input may do to the process.

use std::collections::BTreeMap;

use proptest::prelude::*;
use wire::error::{CreateStageError, OperationError as _};
use wire::input::{CreateStageInput, ListStagesInput, TagResourceInput, UntagResourceInput};
use wire::types::ParticipantTokenCapability;
use wire::{Operation, RequestParts};

use crate::model::Model;

fn body(text: &str) -> RequestParts<'_> {
    RequestParts {
        body: text.as_bytes(),
        ..RequestParts::default()
    }
}

#[test]
fn an_input_holds_what_the_request_says() {
    let request = body(
        r#"{"name": "a-b_C9", "tags": {"k": "v"}, "unknown": {"x": [1, 2]},
            "participantTokenConfigurations": [{"duration": 5.0, "userId": "\u00e9", "capabilities": ["PUBLISH"]}]}"#,
    );
    let input = CreateStageInput::parse(&request).unwrap();
    assert_eq!(input.name.as_deref(), Some("a-b_C9"));
    assert_eq!(
        input.tags,
        Some(BTreeMap::from([("k".to_owned(), "v".to_owned())]))
    );
    assert_eq!(input.auto_participant_recording_configuration, None);
    let [token] = &input.participant_token_configurations.unwrap()[..] else {
        panic!("one was asked for")
    };
    assert_eq!(token.duration, Some(5));
    assert_eq!(token.user_id.as_deref(), Some("\u{e9}"));
    assert_eq!(
        token.capabilities,
        Some(vec![ParticipantTokenCapability::Publish])
    );
}

#[test]
fn no_body_is_an_empty_input_and_null_is_absence() {
    for text in ["", "{}", " {\n} ", r#"{"name": null, "tags": null}"#] {
        assert_eq!(
            CreateStageInput::parse(&body(text)),
            Ok(CreateStageInput::default()),
            "{text}"
        );
    }
}

#[test]
fn tag_operations_read_the_path_and_the_query_and_decode_once() {
    let arn = "arn:aws:ivs:us-west-2:123456789012:stage/abcdABCDefgh";
    let encoded = "arn%3Aaws%3Aivs%3Aus-west-2%3A123456789012%3Astage%2FabcdABCDefgh";
    for label in [arn, encoded] {
        let query = "x=1&tagKeys=a%20b&tagKeys=c%2Fd&tagKey%73=e+%252F&";
        let input = UntagResourceInput::parse(&RequestParts {
            body: b"not json",
            label: Some(label),
            query,
        });
        let input = input.unwrap();
        assert_eq!(input.resource_arn, arn);
        assert_eq!(input.tag_keys, ["a b", "c/d", "e+%2F"]);
        // What the body calls by the name of the label does not count.
        let body = br#"{"resourceArn": 5, "tags": {"::k": ""}}"#;
        let input = TagResourceInput::parse(&RequestParts {
            body,
            label: Some(label),
            query: "",
        })
        .unwrap();
        assert_eq!(input.resource_arn, arn);
    }
    let twice = encoded.replace('%', "%25");
    for (label, query, at) in [
        (Some(&*twice), "tagKeys=a", "resourceArn"),
        (Some("%ff"), "tagKeys=a", "resourceArn"),
        (None, "tagKeys=a", "resourceArn"),
        (Some(arn), "", "tagKeys"),
        (Some(arn), "tagkeys=a", "tagKeys"),
        (Some(arn), "tagKeys=%", "tagKeys"),
        (Some(arn), "tagKeys=a&tagKeys", "tagKeys.2.member"),
    ] {
        let invalid = UntagResourceInput::parse(&RequestParts {
            body: b"",
            label,
            query,
        })
        .unwrap_err();
        assert_eq!(invalid.at, at, "{label:?} {query}");
    }
}

// T11: malformed bodies.
#[test]
fn t11_what_is_not_one_strict_json_object_is_refused_as_a_whole() {
    let table: &[&[u8]] = &[
        b" ",
        b"{",
        b"}",
        b"[]",
        b"null",
        b"1",
        b"\"{}\"",
        b"{}{}",
        b"{} x",
        b"{,}",
        b"{\"a\":1,}",
        b"{'a':1}",
        b"{a:1}",
        b"{\"a\" 1}",
        b"{\"a\":}",
        b"{\"a\":01}",
        b"{\"a\":+1}",
        b"{\"a\":.5}",
        b"{\"a\":NaN}",
        b"{\"a\":Infinity}",
        b"{\"a\":1e400}",
        b"{\"a\":0x10}",
        b"{\"a\":\"\x01\"}",
        b"{\"a\":\"\0\"}",
        b"\0{}",
        b"{}\0",
        b"\xef\xbb\xbf{}",
        b"{\"a\":\"\xff\"}",
        b"{\"a\":\"\xc0\xaf\"}",
        b"{\"a\":\"\xed\xa0\x80\"}",
        b"{\"\xff\":1}",
        br#"{"a":"\ud800"}"#,
        br#"{"a":"\udc00"}"#,
        br#"{"a":"\ud800\u0041"}"#,
        br#"{"a":"\u12"}"#,
        br#"{"a":"\x41"}"#,
        br#"{"name":"a","name":"a"}"#,
        br#"{"x":{"y":1,"y":2}}"#,
        br#"{"x":[{"y":1,"\u0079":2}]}"#,
        b"/**/{}",
        b"{} // x",
        b"--x\r\nContent-Disposition: form-data\r\n\r\n{}",
    ];
    for bytes in table {
        let request = RequestParts {
            body: bytes,
            ..RequestParts::default()
        };
        let invalid = CreateStageInput::parse(&request).expect_err(&String::from_utf8_lossy(bytes));
        assert_eq!(invalid.at, "");
        assert!(
            invalid.to_string().starts_with("The request body "),
            "{invalid}"
        );
    }
}

// T11: nesting. Far below what the stack holds, and decided before the rest is read.
#[test]
fn t11_nesting_has_a_limit() {
    let nested =
        |depth: usize| format!("{{\"unknown\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert!(CreateStageInput::parse(&body(&nested(31))).is_ok());
    let objects = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    for text in [
        nested(32),
        nested(127),
        nested(100_000),
        "[".repeat(100_000),
        objects,
    ] {
        assert_eq!(CreateStageInput::parse(&body(&text)).unwrap_err().at, "");
    }
}

// T14, T15: what SQL, logs or headers would mind is text like any other, and length counts characters.
#[test]
fn t15_text_without_a_pattern_is_taken_verbatim_and_counted_in_characters() {
    let long = "\u{1f600}".repeat(128);
    for text in [
        "'; DROP TABLE stages; --",
        "%_\\",
        "a\r\nb",
        "\u{202e}",
        "{{7*7}}",
        "${jndi:x}",
        &long,
    ] {
        let json = serde_json::json!({ "participantTokenConfigurations": [{ "userId": text }], "tags": { text: text } });
        let input = CreateStageInput::parse(&body(&json.to_string())).unwrap();
        assert_eq!(
            input.participant_token_configurations.unwrap()[0]
                .user_id
                .as_deref(),
            Some(text)
        );
        assert_eq!(input.tags.unwrap()[text], text);
    }
    // Family: seven scalar values, one picture.
    let family = "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}\u{200d}\u{1f466}";
    let counted = |times: usize, rest: &str| {
        let json = serde_json::json!({ "tags": { family.repeat(times) + rest: "" } });
        CreateStageInput::parse(&body(&json.to_string())).is_ok()
    };
    assert!(counted(18, "ab") && !counted(18, "abc"));
}

#[test]
fn a_refusal_reads_like_the_services() {
    let invalid = ListStagesInput::parse(&body(r#"{"maxResults": 101}"#)).unwrap_err();
    let expected = "1 validation error detected: Value at 'maxResults' failed to satisfy constraint: \
                    Member must have value less than or equal to 100";
    assert_eq!(invalid.to_string(), expected);
    let text = r#"{"participantTokenConfigurations": [{}, {"duration": 0}]}"#;
    let error = CreateStageError::from(CreateStageInput::parse(&body(text)).unwrap_err());
    assert_eq!((error.name(), error.status()), ("ValidationException", 400));
    assert!(
        error
            .message()
            .contains("'participantTokenConfigurations.2.member.duration'"),
        "{}",
        error.message()
    );
}

fn operations() -> impl Strategy<Value = Operation> {
    proptest::sample::select(&Operation::ALL[..])
}

proptest! {
    #[test]
    fn no_request_panics(
        operation in operations(),
        body in proptest::collection::vec(any::<u8>(), 0..256),
        label in proptest::option::of(".{0,64}"),
        query in ".{0,64}",
    ) {
        let _ = wire::check(operation, &RequestParts { body: &body, label: label.as_deref(), query: &query });
    }

    #[test]
    fn no_change_of_a_valid_request_panics(
        operation in operations(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let model = Model::read();
        let name = model.operation(operation)["input"].as_str().unwrap();
        let mut body = serde_json::to_vec(&model.full(name)).unwrap();
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        let label = String::from_utf8_lossy(&body).into_owned();
        let _ = wire::check(operation, &RequestParts { body: &body, label: Some(&label), query: &label });
    }

    #[test]
    fn no_path_panics_and_a_route_answers_for_its_own_method(method in "[A-Z]{0,7}", path in ".{0,80}") {
        for path in [path.clone(), format!("/tags/{path}")] {
            if let Some(routed) = wire::route(&method, &path) {
                prop_assert_eq!(routed.operation.method(), method.as_str());
            }
        }
    }
}
