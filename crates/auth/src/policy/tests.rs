//! Tables: a document, an access, the decision; and documents that must not load.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{Access, Policy, wildcard};

const STAGE: &str = "arn:aws:ivs:us-west-2:123456789012:stage/abcdABCDefgh";

/// `key=value,key=value`, or `-` for none.
fn tags(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

fn allows(policy: &Policy, action: &str, resource: &str) -> bool {
    let none = BTreeMap::new();
    policy.allows(&Access {
        action,
        resource,
        resource_tags: &none,
        request_tags: &none,
        tag_keys: &[],
    })
}

#[test]
fn only_conditions_on_tags_of_the_resource_read_them() {
    for (condition, reads) in [
        (r#"{"StringEquals": {"aws:ResourceTag/a": "b"}}"#, true),
        (r#"{"Null": {"aws:resourcetag/a": "true"}}"#, true),
        (r#"{"StringEquals": {"aws:RequestTag/a": "b"}}"#, false),
        (
            r#"{"ForAllValues:StringEquals": {"aws:TagKeys": "a"}}"#,
            false,
        ),
        ("{}", false),
    ] {
        let statement = format!(
            r#"{{"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {condition}}}"#
        );
        assert_eq!(
            policy(&statement).reads_resource_tags(),
            reads,
            "{condition}"
        );
    }
    assert!(!Policy::allow_all().reads_resource_tags());
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

/// Rows of a table, with their columns; `STAGE` stands for the ARN of the stage.
fn rows<const COLUMNS: usize>(table: &str) -> Vec<[String; COLUMNS]> {
    let rows = table.lines().map(str::trim).filter(|line| !line.is_empty());
    rows.map(|line| {
        let columns: Vec<String> = line
            .split(" | ")
            .map(|column| column.trim().replace("STAGE", STAGE))
            .collect();
        columns.try_into().unwrap_or_else(|_| panic!("{line}"))
    })
    .collect()
}

#[test]
fn actions_and_resources_match_as_in_iam() {
    let table = r#"
        allowed | ivs:GetStage    | STAGE | "Action": "ivs:GetStage", "Resource": "*"
        denied  | ivs:GetStages   | STAGE | "Action": "ivs:GetStage", "Resource": "*"
        denied  | ivs:ListStages  | *     | "Action": "ivs:GetStage", "Resource": "*"
        allowed | ivs:GetStage    | STAGE | "Action": "IVS:getstage", "Resource": "*"
        allowed | ivs:ListStages  | *     | "Action": ["ivs:Get*", "ivs:List*"], "Resource": "*"
        allowed | ivs:CreateStage | *     | "Action": "ivs:*Stage", "Resource": "*"
        denied  | ivs:ListStages  | *     | "Action": "ivs:*Stage", "Resource": "*"
        allowed | ivs:GetStage    | STAGE | "Action": "ivs:?etStage", "Resource": "*"
        denied  | ivs:GetStage    | STAGE | "Action": "s3:*", "Resource": "*"
        allowed | ivs:GetStage    | STAGE | "Action": "*", "Resource": "*"
        allowed | ivs:GetStage    | STAGE | "NotAction": "ivs:Delete*", "Resource": "*"
        denied  | ivs:DeleteStage | STAGE | "NotAction": "ivs:Delete*", "Resource": "*"
        denied  | ivs:GetStage    | STAGE | "NotAction": ["ivs:DeleteStage", "ivs:GetStage"], "Resource": "*"
        allowed | ivs:GetStage    | STAGE | "Action": "*", "Resource": "STAGE"
        denied  | ivs:GetStage    | STAGE | "Action": "*", "Resource": "STAGEx"
        denied  | ivs:ListStages  | *     | "Action": "*", "Resource": "STAGE"
        allowed | ivs:GetStage    | STAGE | "Action": "*", "Resource": ["arn:aws:s3:::x", "STAGE"]
        denied  | ivs:GetStage    | STAGE | "Action": "*", "Resource": "arn:aws:ivs:*:*:stage/ABCD*"
        allowed | ivs:GetStage    | STAGE | "Action": "*", "Resource": "arn:aws:ivs:*:*:stage/*"
        allowed | ivs:GetStage    | STAGE | "Action": "*", "Resource": "arn:aws:ivs:us-?est-2:*:stage/abcd*"
        denied  | ivs:GetStage    | STAGE | "Action": "*", "Resource": "arn:aws:ivs:eu-*:*:stage/*"
        denied  | ivs:GetStage    | STAGE | "Action": "*", "Resource": "arn:aws:ivs:*:*:channel/*"
        denied  | ivs:GetStage    | STAGE | "Action": "*", "Resource": "arn:*:stage/abcdABCDefgh:*:*:*"
        allowed | ivs:GetStage    | STAGE | "Action": "*", "Resource": "arn:*:*:*:*:*"
        denied  | ivs:GetStage    | STAGE | "Action": "*", "NotResource": "arn:aws:ivs:*:*:stage/abcd*"
        allowed | ivs:GetStage    | STAGE | "Action": "*", "NotResource": "arn:aws:ivs:*:*:stage/x*"
    "#;
    for [expected, action, resource, statement] in rows(table) {
        let policy = policy(&format!(r#"{{"Effect": "Allow", {statement}}}"#));
        let decision = if allows(&policy, &action, &resource) {
            "allowed"
        } else {
            "denied"
        };
        assert_eq!(decision, expected, "{statement} {action} {resource}");
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

/// Columns: whether it holds, the tags of the resource, the tags of the request, the condition.
fn check_conditions(table: &str) {
    for [expected, resource_tags, request_tags, condition] in rows(table) {
        let policy = policy(&format!(
            r#"{{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {{{condition}}}}}"#
        ));
        let holds = policy.allows(&Access {
            action: "ivs:TagResource",
            resource: STAGE,
            resource_tags: &tags(&resource_tags),
            request_tags: &tags(&request_tags),
            tag_keys: &[],
        });
        let holds = if holds { "holds" } else { "fails" };
        assert_eq!(
            holds, expected,
            "{condition} {resource_tags} {request_tags}"
        );
    }
}

#[test]
fn keys_that_a_request_names_alone_are_no_tags_of_it() {
    let keys = ["team".to_owned(), "owner".to_owned()];
    for (condition, expected) in [
        (
            r#""ForAnyValue:StringEquals": {"aws:TagKeys": "owner"}"#,
            true,
        ),
        (
            r#""ForAllValues:StringEquals": {"aws:TagKeys": "owner"}"#,
            false,
        ),
        (
            r#""ForAllValues:StringEquals": {"aws:TagKeys": ["owner", "team"]}"#,
            true,
        ),
        (r#""Null": {"aws:TagKeys": "false"}"#, true),
        (r#""Null": {"aws:RequestTag/team": "true"}"#, true),
        (r#""Null": {"aws:RequestTag/team": "false"}"#, false),
        (r#""StringEquals": {"aws:RequestTag/team": ""}"#, false),
        (r#""StringLike": {"aws:RequestTag/team": "*"}"#, false),
        (r#""StringNotEquals": {"aws:RequestTag/team": "red"}"#, true),
    ] {
        let policy = policy(&format!(
            r#"{{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {{{condition}}}}}"#
        ));
        let holds = policy.allows(&Access {
            action: "ivs:UntagResource",
            resource: STAGE,
            resource_tags: &BTreeMap::new(),
            request_tags: &BTreeMap::new(),
            tag_keys: &keys,
        });
        assert_eq!(holds, expected, "{condition}");
    }
}

#[test]
fn conditions_on_one_tag_hold_as_in_iam() {
    check_conditions(
        r#"
        holds | team=red  | -         | "StringEquals": {"aws:ResourceTag/team": "red"}
        fails | team=blue | -         | "StringEquals": {"aws:ResourceTag/team": "red"}
        fails | -         | team=red  | "StringEquals": {"aws:ResourceTag/team": "red"}
        holds | -         | team=red  | "StringEquals": {"aws:RequestTag/team": "red"}
        holds | team=red  | -         | "StringEquals": {"AWS:resourcetag/Team": ["green", "red"]}
        fails | team=red  | -         | "StringEquals": {"aws:ResourceTag/team": "RED"}
        fails | team=red  | -         | "StringEquals": {"aws:ResourceTag/team": "r*"}
        holds | a/b=c     | -         | "StringEquals": {"aws:ResourceTag/a/b": "c"}
        holds | TEAM=blue,team=red | - | "StringEquals": {"aws:ResourceTag/team": "red"}
        fails | team=red  | -         | "StringNotEquals": {"aws:ResourceTag/team": "red"}
        holds | team=blue | -         | "StringNotEquals": {"aws:ResourceTag/team": "red"}
        holds | -         | -         | "StringNotEquals": {"aws:ResourceTag/team": "red"}
        fails | team=red  | -         | "StringNotEquals": {"aws:ResourceTag/team": ["blue", "red"]}
        holds | team=red  | -         | "StringEqualsIgnoreCase": {"aws:ResourceTag/team": "RED"}
        fails | team=red  | -         | "StringNotEqualsIgnoreCase": {"aws:ResourceTag/team": "RED"}
        holds | team=red  | -         | "StringLike": {"aws:ResourceTag/team": "r?d"}
        holds | team=red  | -         | "StringLike": {"aws:ResourceTag/team": "*d"}
        fails | team=red  | -         | "StringLike": {"aws:ResourceTag/team": "b*"}
        fails | team=red  | -         | "StringNotLike": {"aws:ResourceTag/team": "r*"}
        holds | team=red  | -         | "StringNotLike": {"aws:ResourceTag/team": "b*"}
        holds | -         | -         | "StringEqualsIfExists": {"aws:ResourceTag/team": "red"}
        fails | team=blue | -         | "StringEqualsIfExists": {"aws:ResourceTag/team": "red"}
        fails | team=red  | -         | "StringNotLikeIfExists": {"aws:ResourceTag/team": "r*"}
        fails | team=red  | -         | "Null": {"aws:ResourceTag/team": "true"}
        holds | -         | -         | "Null": {"aws:ResourceTag/team": "true"}
        holds | team=red  | -         | "Null": {"aws:ResourceTag/team": false}
        holds | -         | team=red  | "Null": {"aws:TagKeys": ["false"]}
        fails | team=red  | team=blue | "StringEquals": {"aws:ResourceTag/team": "red", "aws:RequestTag/team": "red"}
        holds | team=red  | -         | "StringEquals": {"aws:ResourceTag/team": "red"}, "Null": {"aws:RequestTag/team": true}
        fails | team=red  | team=red  | "StringEquals": {"aws:ResourceTag/team": "red"}, "Null": {"aws:RequestTag/team": true}
        "#,
    );
}

#[test]
fn conditions_on_tag_keys_quantify_as_in_iam() {
    check_conditions(
        r#"
        holds | - | team=red,cost=1 | "ForAllValues:StringEquals": {"aws:TagKeys": ["team", "cost"]}
        fails | - | team=red,cost=1 | "ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}
        holds | - | -               | "ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}
        fails | - | team=red        | "ForAllValues:StringEquals": {"aws:TagKeys": ["Team"]}
        holds | - | team=red        | "ForAllValues:StringEqualsIgnoreCase": {"aws:TagKeys": ["Team"]}
        holds | - | team=red,cost=1 | "ForAllValues:StringLike": {"aws:TagKeys": ["*"]}
        holds | - | team=red,cost=1 | "ForAllValues:StringNotEquals": {"aws:TagKeys": ["secret"]}
        fails | - | team=red,cost=1 | "ForAllValues:StringNotEquals": {"aws:TagKeys": ["cost"]}
        holds | - | team=red,cost=1 | "ForAnyValue:StringEquals": {"aws:TagKeys": "team"}
        fails | - | team=red,cost=1 | "ForAnyValue:StringEquals": {"aws:TagKeys": "other"}
        fails | - | -               | "ForAnyValue:StringEquals": {"aws:TagKeys": "team"}
        holds | - | team=red,cost=1 | "ForAnyValue:StringNotEquals": {"aws:TagKeys": "team"}
        fails | - | team=red        | "ForAnyValue:StringNotEquals": {"aws:TagKeys": "team"}
        holds | - | -               | "ForAnyValue:StringEqualsIfExists": {"aws:tagkeys": "team"}
        fails | team=red | -        | "ForAnyValue:StringEquals": {"aws:TagKeys": "team"}
        "#,
    );
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
fn documents_of_another_form_are_errors_that_name_their_place() {
    let table = r#"
        $            | -
        $            | []
        $.Statement  | {}
        $.Statement  | {"Statement": []}
        $.Statement  | {"Statement": "*"}
        $.Version    | {"Version": "2012-10-18", "Statement": []}
        $.Version    | {"Version": 2012, "Statement": []}
        $.statement  | {"statement": []}
        $            | {"Statement": [{"Effect": "Deny", "Effect": "Allow", "Action": "*", "Resource": "*"}]}
    "#;
    for [at, text] in rows(table) {
        assert_eq!(Policy::parse(&text).expect_err(&text).at, at, "{text}");
    }
    assert_eq!(
        Policy::parse(&" ".repeat(70_000)).expect_err("too long").at,
        "$"
    );
}

#[test]
fn what_is_not_evaluated_is_an_error_that_names_its_place() {
    let table = r#"
        .Principal    | "Effect": "Allow", "Action": "*", "Resource": "*", "Principal": "*"
        .NotPrincipal | "Effect": "Allow", "Action": "*", "Resource": "*", "NotPrincipal": "*"
        .Sid          | "Effect": "Allow", "Action": "*", "Resource": "*", "Sid": 1
        .Effect       | "Effect": "allow", "Action": "*", "Resource": "*"
        .Effect       | "Action": "*", "Resource": "*"
        .Action       | "Effect": "Allow", "Resource": "*"
        .Action       | "Effect": "Allow", "Action": [], "Resource": "*"
        .Action[1]    | "Effect": "Allow", "Action": ["*", 1], "Resource": "*"
        .Action       | "Effect": "Allow", "Action": "GetStage", "Resource": "*"
        .Action       | "Effect": "Allow", "Action": "*:*", "Resource": "*"
        .NotAction    | "Effect": "Allow", "NotAction": "", "Resource": "*"
        .             | "Effect": "Allow", "Action": "*", "NotAction": "ivs:GetStage", "Resource": "*"
        .Resource     | "Effect": "Allow", "Action": "*"
        .Resource     | "Effect": "Allow", "Action": "*", "Resource": "arn:aws:ivs:*:stage/x"
        .Resource     | "Effect": "Allow", "Action": "*", "Resource": "stage/x"
        .Resource[1]  | "Effect": "Allow", "Action": "*", "Resource": ["*", "arn:aws:ivs:::stage/${aws:username}"]
        .             | "Effect": "Allow", "Action": "*", "Resource": "*", "NotResource": "*"
        .Condition    | "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": []
    "#;
    for [at, statement] in rows(table) {
        let text = format!(r#"{{"Version": "2012-10-17", "Statement": [{{{statement}}}]}}"#);
        let at = format!("$.Statement[0]{}", at.trim_end_matches('.'));
        assert_eq!(Policy::parse(&text).expect_err(&text).at, at, "{text}");
    }
}

#[test]
fn conditions_that_are_not_evaluated_are_errors_that_name_their_place() {
    let table = r#"
        IpAddress                                        | "IpAddress": {"aws:SourceIp": "10.0.0.0/8"}
        StringEquals.aws:SourceIp                        | "StringEquals": {"aws:SourceIp": "10.0.0.1"}
        StringEquals.aws:ResourceTag/                    | "StringEquals": {"aws:ResourceTag/": "x"}
        StringEquals.aws:ResourceTag/a                   | "StringEquals": {"aws:ResourceTag/a": 1}
        StringEquals.aws:ResourceTag/a                   | "StringEquals": {"aws:ResourceTag/a": []}
        StringEquals.aws:ResourceTag/a[1]                | "StringEquals": {"aws:ResourceTag/a": ["x", "${b}"]}
        StringEquals.aws:ResourceTag/${b}                | "StringEquals": {"aws:ResourceTag/${b}": "x"}
        StringEquals.aws:TagKeys                         | "StringEquals": {"aws:TagKeys": "x"}
        stringequals                                     | "stringequals": {"aws:ResourceTag/a": "x"}
        ForAnyValue:StringEquals.aws:RequestTag/a        | "ForAnyValue:StringEquals": {"aws:RequestTag/a": "x"}
        ForSomeValues:StringEquals                       | "ForSomeValues:StringEquals": {"aws:TagKeys": "x"}
        ForAllValues:Null                                | "ForAllValues:Null": {"aws:TagKeys": "true"}
        NullIfExists                                     | "NullIfExists": {"aws:TagKeys": "true"}
        Null.aws:TagKeys                                 | "Null": {"aws:TagKeys": "yes"}
        Null.aws:TagKeys                                 | "Null": {"aws:TagKeys": [true, false]}
    "#;
    for [at, condition] in rows(table) {
        let text = format!(
            r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Action": "*", "Resource": "*",
                "Condition": {{{condition}}}}}]}}"#
        );
        let at = format!("$.Statement[0].Condition.{at}");
        assert_eq!(Policy::parse(&text).expect_err(&text).at, at, "{text}");
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

/// A backtracking matcher does not finish this.
#[test]
fn patterns_that_blow_up_backtracking_stay_cheap() {
    let text = "a".repeat(2_000);
    assert!(!wildcard::matches(&format!("{}b", "*a".repeat(500)), &text));
    assert!(!wildcard::matches(&"a*".repeat(200), &text[..100]));
    assert!(wildcard::matches(&"a*".repeat(200), &text));
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
