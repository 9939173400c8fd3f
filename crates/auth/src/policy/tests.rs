//! Tables: a document, an access, the decision; and documents that must not load.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::{Access, Policy, wildcard};

const STAGE: &str = "arn:aws:ivs:us-west-2:123456789012:stage/abcdABCDefgh";

fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn allows(policy: &Policy, action: &str, resource: &str) -> bool {
    let none = BTreeMap::new();
    policy.allows(&Access {
        action,
        resource,
        resource_tags: &none,
        request_tags: &none,
    })
}

/// A policy of these statements, as JSON.
fn policy(statements: &str) -> Policy {
    let text = format!(r#"{{"Version": "2012-10-17", "Statement": [{statements}]}}"#);
    Policy::parse(&text).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_key_without_a_policy_file_may_do_everything() {
    for (action, resource) in [("ivs:CreateStage", "*"), ("ivs:DeleteStage", STAGE)] {
        assert!(allows(&Policy::allow_all(), action, resource));
    }
}

#[test]
fn actions_and_resources_match_as_in_iam() {
    let all = r#""Resource": "*""#;
    for (statement, action, resource, allowed) in [
        (
            format!(r#""Action": "ivs:GetStage", {all}"#),
            "ivs:GetStage",
            STAGE,
            true,
        ),
        (
            format!(r#""Action": "ivs:GetStage", {all}"#),
            "ivs:GetStages",
            STAGE,
            false,
        ),
        (
            format!(r#""Action": "ivs:GetStage", {all}"#),
            "ivs:ListStages",
            "*",
            false,
        ),
        (
            format!(r#""Action": "IVS:getstage", {all}"#),
            "ivs:GetStage",
            STAGE,
            true,
        ),
        (
            format!(r#""Action": ["ivs:Get*", "ivs:List*"], {all}"#),
            "ivs:ListStages",
            "*",
            true,
        ),
        (
            format!(r#""Action": "ivs:*Stage", {all}"#),
            "ivs:CreateStage",
            "*",
            true,
        ),
        (
            format!(r#""Action": "ivs:*Stage", {all}"#),
            "ivs:ListStages",
            "*",
            false,
        ),
        (
            format!(r#""Action": "ivs:?etStage", {all}"#),
            "ivs:GetStage",
            STAGE,
            true,
        ),
        (
            format!(r#""Action": "s3:*", {all}"#),
            "ivs:GetStage",
            STAGE,
            false,
        ),
        (
            format!(r#""Action": "*", {all}"#),
            "ivs:GetStage",
            STAGE,
            true,
        ),
        (
            format!(r#""NotAction": "ivs:Delete*", {all}"#),
            "ivs:GetStage",
            STAGE,
            true,
        ),
        (
            format!(r#""NotAction": "ivs:Delete*", {all}"#),
            "ivs:DeleteStage",
            STAGE,
            false,
        ),
        (
            format!(r#""NotAction": ["ivs:DeleteStage", "ivs:GetStage"], {all}"#),
            "ivs:GetStage",
            STAGE,
            false,
        ),
        (
            format!(r#""Action": "*", "Resource": "{STAGE}""#),
            "ivs:GetStage",
            STAGE,
            true,
        ),
        (
            format!(r#""Action": "*", "Resource": "{STAGE}""#),
            "ivs:ListStages",
            "*",
            false,
        ),
        (
            format!(r#""Action": "*", "Resource": "{}""#, STAGE.to_lowercase()),
            "ivs:GetStage",
            STAGE,
            false,
        ),
        (
            format!(r#""Action": "*", "Resource": ["arn:aws:s3:::x", "{STAGE}"]"#),
            "ivs:GetStage",
            STAGE,
            true,
        ),
        (
            r#""Action": "*", "Resource": "arn:aws:ivs:*:*:stage/*""#.to_owned(),
            "ivs:GetStage",
            STAGE,
            true,
        ),
        (
            r#""Action": "*", "Resource": "arn:aws:ivs:us-?est-2:*:stage/abcd*""#.to_owned(),
            "ivs:GetStage",
            STAGE,
            true,
        ),
        (
            r#""Action": "*", "Resource": "arn:aws:ivs:eu-*:*:stage/*""#.to_owned(),
            "ivs:GetStage",
            STAGE,
            false,
        ),
        (
            r#""Action": "*", "Resource": "arn:aws:ivs:*:*:channel/*""#.to_owned(),
            "ivs:GetStage",
            STAGE,
            false,
        ),
        // A wildcard does not reach over a colon, but for the last part.
        (
            r#""Action": "*", "Resource": "arn:*:stage/abcdABCDefgh:*:*:*""#.to_owned(),
            "ivs:GetStage",
            STAGE,
            false,
        ),
        (
            r#""Action": "*", "Resource": "arn:*:*:*:*:*""#.to_owned(),
            "ivs:GetStage",
            STAGE,
            true,
        ),
        (
            r#""Action": "*", "NotResource": "arn:aws:ivs:*:*:stage/abcd*""#.to_owned(),
            "ivs:GetStage",
            STAGE,
            false,
        ),
        (
            r#""Action": "*", "NotResource": "arn:aws:ivs:*:*:stage/x*""#.to_owned(),
            "ivs:GetStage",
            STAGE,
            true,
        ),
    ] {
        let policy = policy(&format!(r#"{{"Effect": "Allow", {statement}}}"#));
        assert_eq!(
            allows(&policy, action, resource),
            allowed,
            "{statement} {action} {resource}"
        );
    }
}

#[test]
fn an_explicit_deny_wins_and_nothing_is_allowed_by_default() {
    let allow = r#"{"Effect": "Allow", "Action": "*", "Resource": "*"}"#;
    let deny = r#"{"Effect": "Deny", "Action": "ivs:Delete*", "Resource": "*"}"#;
    for statements in [format!("{allow},{deny}"), format!("{deny},{allow}")] {
        let policy = policy(&statements);
        assert!(allows(&policy, "ivs:GetStage", STAGE));
        assert!(!allows(&policy, "ivs:DeleteStage", STAGE));
    }
    assert!(!allows(&policy(deny), "ivs:GetStage", STAGE));
}

/// (condition, resource tags, request tags, holds)
type ConditionCase<'a> = (
    &'a str,
    &'a [(&'a str, &'a str)],
    &'a [(&'a str, &'a str)],
    bool,
);

fn check_conditions(cases: &[ConditionCase<'_>]) {
    for (condition, resource_tags, request_tags, holds) in cases {
        let policy = policy(&format!(
            r#"{{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {{{condition}}}}}"#
        ));
        let access = Access {
            action: "ivs:TagResource",
            resource: STAGE,
            resource_tags: &tags(resource_tags),
            request_tags: &tags(request_tags),
        };
        assert_eq!(
            policy.allows(&access),
            *holds,
            "{condition} {resource_tags:?} {request_tags:?}"
        );
    }
}

#[test]
fn conditions_on_one_tag_hold_as_in_iam() {
    let red = &[("team", "red")][..];
    let blue = &[("team", "blue")][..];
    check_conditions(&[
        (
            r#""StringEquals": {"aws:ResourceTag/team": "red"}"#,
            red,
            &[],
            true,
        ),
        (
            r#""StringEquals": {"aws:ResourceTag/team": "red"}"#,
            blue,
            &[],
            false,
        ),
        (
            r#""StringEquals": {"aws:ResourceTag/team": "red"}"#,
            &[],
            red,
            false,
        ),
        (
            r#""StringEquals": {"aws:RequestTag/team": "red"}"#,
            &[],
            red,
            true,
        ),
        (
            r#""StringEquals": {"AWS:resourcetag/Team": ["green", "red"]}"#,
            red,
            &[],
            true,
        ),
        (
            r#""StringEquals": {"aws:ResourceTag/team": "RED"}"#,
            red,
            &[],
            false,
        ),
        (
            r#""StringEquals": {"aws:ResourceTag/team": "r*"}"#,
            red,
            &[],
            false,
        ),
        (
            r#""StringEquals": {"aws:ResourceTag/a/b": "c"}"#,
            &[("a/b", "c")],
            &[],
            true,
        ),
        (
            r#""StringEquals": {"aws:ResourceTag/team": "red"}"#,
            &[("TEAM", "blue"), ("team", "red")],
            &[],
            true,
        ),
        (
            r#""StringNotEquals": {"aws:ResourceTag/team": "red"}"#,
            red,
            &[],
            false,
        ),
        (
            r#""StringNotEquals": {"aws:ResourceTag/team": "red"}"#,
            blue,
            &[],
            true,
        ),
        (
            r#""StringNotEquals": {"aws:ResourceTag/team": "red"}"#,
            &[],
            &[],
            true,
        ),
        (
            r#""StringNotEquals": {"aws:ResourceTag/team": ["blue", "red"]}"#,
            red,
            &[],
            false,
        ),
        (
            r#""StringEqualsIgnoreCase": {"aws:ResourceTag/team": "RED"}"#,
            red,
            &[],
            true,
        ),
        (
            r#""StringNotEqualsIgnoreCase": {"aws:ResourceTag/team": "RED"}"#,
            red,
            &[],
            false,
        ),
        (
            r#""StringLike": {"aws:ResourceTag/team": "r?d"}"#,
            red,
            &[],
            true,
        ),
        (
            r#""StringLike": {"aws:ResourceTag/team": "*d"}"#,
            red,
            &[],
            true,
        ),
        (
            r#""StringLike": {"aws:ResourceTag/team": "b*"}"#,
            red,
            &[],
            false,
        ),
        (
            r#""StringNotLike": {"aws:ResourceTag/team": "r*"}"#,
            red,
            &[],
            false,
        ),
        (
            r#""StringNotLike": {"aws:ResourceTag/team": "b*"}"#,
            red,
            &[],
            true,
        ),
        (
            r#""StringEqualsIfExists": {"aws:ResourceTag/team": "red"}"#,
            &[],
            &[],
            true,
        ),
        (
            r#""StringEqualsIfExists": {"aws:ResourceTag/team": "red"}"#,
            blue,
            &[],
            false,
        ),
        (
            r#""StringNotLikeIfExists": {"aws:ResourceTag/team": "r*"}"#,
            red,
            &[],
            false,
        ),
        (
            r#""Null": {"aws:ResourceTag/team": "true"}"#,
            red,
            &[],
            false,
        ),
        (
            r#""Null": {"aws:ResourceTag/team": "true"}"#,
            &[],
            &[],
            true,
        ),
        (r#""Null": {"aws:ResourceTag/team": false}"#, red, &[], true),
        (r#""Null": {"aws:TagKeys": ["false"]}"#, &[], red, true),
        // All lines must hold.
        (
            r#""StringEquals": {"aws:ResourceTag/team": "red", "aws:RequestTag/team": "red"}"#,
            red,
            blue,
            false,
        ),
        (
            r#""StringEquals": {"aws:ResourceTag/team": "red"}, "Null": {"aws:RequestTag/team": true}"#,
            red,
            &[],
            true,
        ),
    ]);
}

#[test]
fn conditions_on_tag_keys_quantify_as_in_iam() {
    let two = &[("team", "red"), ("cost", "1")][..];
    let one = &[("team", "red")][..];
    check_conditions(&[
        (
            r#""ForAllValues:StringEquals": {"aws:TagKeys": ["team", "cost"]}"#,
            &[],
            two,
            true,
        ),
        (
            r#""ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}"#,
            &[],
            two,
            false,
        ),
        (
            r#""ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}"#,
            &[],
            &[],
            true,
        ),
        (
            r#""ForAllValues:StringEquals": {"aws:TagKeys": ["Team"]}"#,
            &[],
            one,
            false,
        ),
        (
            r#""ForAllValues:StringEqualsIgnoreCase": {"aws:TagKeys": ["Team"]}"#,
            &[],
            one,
            true,
        ),
        (
            r#""ForAllValues:StringLike": {"aws:TagKeys": ["*"]}"#,
            &[],
            two,
            true,
        ),
        (
            r#""ForAllValues:StringNotEquals": {"aws:TagKeys": ["secret"]}"#,
            &[],
            two,
            true,
        ),
        (
            r#""ForAllValues:StringNotEquals": {"aws:TagKeys": ["cost"]}"#,
            &[],
            two,
            false,
        ),
        (
            r#""ForAnyValue:StringEquals": {"aws:TagKeys": "team"}"#,
            &[],
            two,
            true,
        ),
        (
            r#""ForAnyValue:StringEquals": {"aws:TagKeys": "other"}"#,
            &[],
            two,
            false,
        ),
        (
            r#""ForAnyValue:StringEquals": {"aws:TagKeys": "team"}"#,
            &[],
            &[],
            false,
        ),
        (
            r#""ForAnyValue:StringNotEquals": {"aws:TagKeys": "team"}"#,
            &[],
            two,
            true,
        ),
        (
            r#""ForAnyValue:StringNotEquals": {"aws:TagKeys": "team"}"#,
            &[],
            one,
            false,
        ),
        (
            r#""ForAnyValue:StringEqualsIfExists": {"aws:tagkeys": "team"}"#,
            &[],
            &[],
            true,
        ),
        (
            r#""ForAnyValue:StringEquals": {"aws:TagKeys": "team"}"#,
            two,
            &[],
            false,
        ),
    ]);
}

#[test]
fn documents_load_in_every_documented_form() {
    for text in [
        r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#,
        r#"{"Version": "2008-10-17", "Id": "a", "Statement": {"Sid": "b", "Effect": "Deny", "Action": "*", "Resource": "*"}}"#,
        r#"{"Version": "2008-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "arn:aws:ivs:::${x}"}}"#,
        r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["*"], "Resource": ["*"], "Condition": {}}]}"#,
    ] {
        assert!(Policy::parse(text).is_ok(), "{text}");
    }
}

#[test]
fn what_is_not_evaluated_is_an_error_that_names_its_place() {
    let statement = |more: &str| {
        format!(
            r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Action": "*", "Resource": "*", {more}}}]}}"#
        )
    };
    let bare = |inner: &str| format!(r#"{{"Version": "2012-10-17", "Statement": [{{{inner}}}]}}"#);
    for (text, at) in [
        (String::new(), "$"),
        ("[]".to_owned(), "$"),
        ("{}".to_owned(), "$.Statement"),
        (r#"{"Statement": []}"#.to_owned(), "$.Statement"),
        (r#"{"Statement": "*"}"#.to_owned(), "$.Statement"),
        (
            r#"{"Version": "2012-10-18", "Statement": []}"#.to_owned(),
            "$.Version",
        ),
        (
            r#"{"Version": 2012, "Statement": []}"#.to_owned(),
            "$.Version",
        ),
        (r#"{"statement": []}"#.to_owned(), "$.statement"),
        (" ".repeat(70_000), "$"),
        (statement(r#""Effect": "Deny""#), "$"),
        (statement(r#""Principal": "*""#), "$.Statement[0].Principal"),
        (
            statement(r#""NotPrincipal": "*""#),
            "$.Statement[0].NotPrincipal",
        ),
        (
            statement(r#""NotAction": "ivs:GetStage""#),
            "$.Statement[0]",
        ),
        (statement(r#""NotResource": "*""#), "$.Statement[0]"),
        (statement(r#""Sid": 1"#), "$.Statement[0].Sid"),
        (
            bare(r#""Effect": "allow", "Action": "*", "Resource": "*""#),
            "$.Statement[0].Effect",
        ),
        (
            bare(r#""Action": "*", "Resource": "*""#),
            "$.Statement[0].Effect",
        ),
        (
            bare(r#""Effect": "Allow", "Resource": "*""#),
            "$.Statement[0].Action",
        ),
        (
            bare(r#""Effect": "Allow", "Action": "*""#),
            "$.Statement[0].Resource",
        ),
        (
            bare(r#""Effect": "Allow", "Action": [], "Resource": "*""#),
            "$.Statement[0].Action",
        ),
        (
            bare(r#""Effect": "Allow", "Action": ["*", 1], "Resource": "*""#),
            "$.Statement[0].Action[1]",
        ),
        (
            bare(r#""Effect": "Allow", "Action": "GetStage", "Resource": "*""#),
            "$.Statement[0].Action",
        ),
        (
            bare(r#""Effect": "Allow", "Action": "*:*", "Resource": "*""#),
            "$.Statement[0].Action",
        ),
        (
            bare(r#""Effect": "Allow", "NotAction": "", "Resource": "*""#),
            "$.Statement[0].NotAction",
        ),
        (
            bare(r#""Effect": "Allow", "Action": "*", "Resource": "arn:aws:ivs:*:stage/x""#),
            "$.Statement[0].Resource",
        ),
        (
            bare(r#""Effect": "Allow", "Action": "*", "Resource": "stage/x""#),
            "$.Statement[0].Resource",
        ),
        (
            bare(
                r#""Effect": "Allow", "Action": "*", "Resource": ["*", "arn:aws:ivs:::stage/${aws:username}"]"#,
            ),
            "$.Statement[0].Resource[1]",
        ),
        (statement(r#""Condition": []"#), "$.Statement[0].Condition"),
        (
            statement(r#""Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}"#),
            "$.Statement[0].Condition.IpAddress",
        ),
        (
            statement(r#""Condition": {"StringEquals": {"aws:SourceIp": "10.0.0.1"}}"#),
            "$.Statement[0].Condition.StringEquals.aws:SourceIp",
        ),
        (
            statement(r#""Condition": {"StringEquals": {"aws:ResourceTag/": "x"}}"#),
            "$.Statement[0].Condition.StringEquals.aws:ResourceTag/",
        ),
        (
            statement(r#""Condition": {"StringEquals": {"aws:ResourceTag/a": 1}}"#),
            "$.Statement[0].Condition.StringEquals.aws:ResourceTag/a",
        ),
        (
            statement(r#""Condition": {"StringEquals": {"aws:ResourceTag/a": []}}"#),
            "$.Statement[0].Condition.StringEquals.aws:ResourceTag/a",
        ),
        (
            statement(r#""Condition": {"StringEquals": {"aws:ResourceTag/a": ["x", "${b}"]}}"#),
            "$.Statement[0].Condition.StringEquals.aws:ResourceTag/a[1]",
        ),
        (
            statement(r#""Condition": {"StringEquals": {"aws:ResourceTag/${b}": "x"}}"#),
            "$.Statement[0].Condition.StringEquals.aws:ResourceTag/${b}",
        ),
        (
            statement(r#""Condition": {"StringEquals": {"aws:TagKeys": "x"}}"#),
            "$.Statement[0].Condition.StringEquals.aws:TagKeys",
        ),
        (
            statement(r#""Condition": {"ForAnyValue:StringEquals": {"aws:RequestTag/a": "x"}}"#),
            "$.Statement[0].Condition.ForAnyValue:StringEquals.aws:RequestTag/a",
        ),
        (
            statement(r#""Condition": {"ForSomeValues:StringEquals": {"aws:TagKeys": "x"}}"#),
            "$.Statement[0].Condition.ForSomeValues:StringEquals",
        ),
        (
            statement(r#""Condition": {"NullIfExists": {"aws:TagKeys": "true"}}"#),
            "$.Statement[0].Condition.NullIfExists",
        ),
        (
            statement(r#""Condition": {"Null": {"aws:TagKeys": "yes"}}"#),
            "$.Statement[0].Condition.Null.aws:TagKeys",
        ),
        (
            statement(r#""Condition": {"Null": {"aws:TagKeys": [true, false]}}"#),
            "$.Statement[0].Condition.Null.aws:TagKeys",
        ),
    ] {
        let error = Policy::parse(&text).expect_err(&text);
        assert_eq!(error.at, at, "{text}: {error}");
    }
}

#[test]
fn patterns_match_runs_and_single_characters() {
    for (pattern, text, expected) in [
        ("", "", true),
        ("", "a", false),
        ("*", "", true),
        ("**", "", true),
        ("?", "", false),
        ("?", "é", true),
        ("a*", "a", true),
        ("*a", "ba", true),
        ("*a", "ab", false),
        ("a*b*c", "axxbyybzc", true),
        ("a*b*c", "axxbyybz", false),
        ("*ab", "aab", true),
        ("a?c", "abc", true),
        ("a?c", "ac", false),
        ("*?", "a", true),
        ("*?", "", false),
        ("a*", "*", false),
        ("*", "*", true),
    ] {
        assert_eq!(
            wildcard::matches(pattern, text),
            expected,
            "{pattern:?} {text:?}"
        );
    }
}

/// A backtracking matcher needs more than the age of the universe for this.
#[test]
fn patterns_that_blow_up_backtracking_stay_cheap() {
    let text = "a".repeat(2_000);
    let started = cheap_clock();
    assert!(!wildcard::matches(
        &"a*".repeat(200),
        &format!("{}b", &text[..100])
    ));
    assert!(!wildcard::matches(&format!("{}b", "*a".repeat(500)), &text));
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[expect(clippy::disallowed_methods, reason = "measures the test itself")]
fn cheap_clock() -> std::time::Instant {
    std::time::Instant::now()
}

/// The definition, exponential and plain.
fn matches_by_definition(pattern: &[char], text: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['*', rest @ ..] => (0..=text.len()).any(|at| matches_by_definition(rest, &text[at..])),
        [first, rest @ ..] => {
            text.first().is_some_and(|c| *first == '?' || first == c)
                && matches_by_definition(rest, &text[1..])
        }
    }
}

proptest! {
    #[test]
    fn patterns_match_by_their_definition(pattern in "[ab*?]{0,8}", text in "[ab]{0,10}") {
        let chars = |text: &str| text.chars().collect::<Vec<char>>();
        let expected = matches_by_definition(&chars(&pattern), &chars(&text));
        prop_assert_eq!(wildcard::matches(&pattern, &text), expected);
    }

    #[test]
    fn no_document_panics(text in ".{0,200}", name in "[A-Za-z]{0,12}", value in "[\\[\\]{}\",:a-z0-9]{0,20}") {
        let _ = Policy::parse(&text);
        let _ = Policy::parse(&format!(r#"{{"Statement": [{{"Effect": "Allow", "{name}": {value}}}]}}"#));
    }
}
