//! What is proved of each operation, as committed lists, and which operations are served at all.
//!
//! A proof is `golden` (a request and its answer in a file), `refusal` (a key that may not call the operation is told so), or
//! the name of an exception that the model declares for the operation. Every one is in `coverage/covered.txt`, and then a
//! test here provokes it, or in `coverage/missing.txt` with the reason.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use wire::error::ErrorShape;

use super::provoke::provoke;
use super::scene::Scene;
use super::*;

const UNAVAILABLE: &str = include_str!("../../unavailable.txt");
const COVERED: &str = include_str!("../../coverage/covered.txt");
const MISSING: &str = include_str!("../../coverage/missing.txt");

/// How long the lists of what is absent are. They only shrink, and these numbers with them.
const UNAVAILABLE_LENGTH: usize = 4;
const MISSING_LENGTH: usize = 57;

/// Every proof that the model asks for. A refusal is the model's AccessDeniedException, and of the operations too that do
/// not declare it.
fn asked_for() -> BTreeSet<String> {
    let of = |operation: Operation| {
        let errors = operation.errors().iter();
        let errors = errors.filter(|shape| **shape != ErrorShape::AccessDenied);
        ["golden", "refusal"]
            .into_iter()
            .chain(errors.map(|shape| shape.name()))
            .map(move |proof| format!("{} {proof}", operation.name()))
    };
    Operation::ALL.into_iter().flat_map(of).collect()
}

/// Checks that two lists are the same and says what is in one of them only.
#[track_caller]
fn assert_same(found: &BTreeSet<String>, listed: &BTreeSet<String>, list: &str) {
    let new: Vec<_> = found.difference(listed).collect();
    let stale: Vec<_> = listed.difference(found).collect();
    assert!(
        new.is_empty() && stale.is_empty(),
        "{list} lacks {new:#?} and should not have {stale:#?}"
    );
}

fn lines(list: &str) -> BTreeSet<String> {
    assert!(list.lines().is_sorted(), "the list is sorted");
    list.lines().map(ToOwned::to_owned).collect()
}

/// The lines of `missing.txt` without their reasons.
fn missing() -> BTreeSet<String> {
    let proof = |line: String| {
        let (proof, reason) = line.split_once(": ").expect("each line gives a reason");
        assert!(reason.len() > 10, "{line}");
        proof.to_owned()
    };
    lines(MISSING).into_iter().map(proof).collect()
}

#[test]
fn what_is_covered_and_what_is_missing_is_everything_that_the_model_asks_for() {
    let (covered, missing) = (lines(COVERED), missing());
    let both: Vec<_> = covered.intersection(&missing).collect();
    assert!(both.is_empty(), "{both:#?}");
    let listed = covered.union(&missing).cloned().collect();
    assert_same(&asked_for(), &listed, "covered.txt or missing.txt");
    assert_eq!(missing.len(), MISSING_LENGTH, "the list only shrinks");
}

/// Sends what is listed, and compares what came of it with the list.
#[tokio::test]
async fn every_proof_on_the_list_holds_and_no_other_does() {
    let mut proved = BTreeSet::new();
    for operation in Operation::ALL {
        let name = operation.name();
        if has_golden(operation).await {
            proved.insert(format!("{name} golden"));
        }
        for shape in ErrorShape::ALL {
            let is_refusal = shape == ErrorShape::AccessDenied;
            if !is_refusal && !operation.errors().contains(&shape) {
                continue;
            }
            let Some(answer) = provoke(operation, shape).await else {
                continue;
            };
            assert_is(&answer, shape, name);
            let proof = if is_refusal { "refusal" } else { shape.name() };
            proved.insert(format!("{name} {proof}"));
        }
    }
    assert_same(&proved, &lines(COVERED), "covered.txt");
}

/// Status, type, message and headers of an exception.
#[track_caller]
fn assert_is(answer: &Answer, shape: ErrorShape, operation: &str) {
    // A fault that passes says so; SDKs try again on either.
    let status = match shape {
        ErrorShape::InternalServer => 503,
        ErrorShape::AccessDenied
        | ErrorShape::Conflict
        | ErrorShape::PendingVerification
        | ErrorShape::ResourceNotFound
        | ErrorShape::ServiceQuotaExceeded
        | ErrorShape::Validation => shape.status(),
    };
    let verdict = (status, shape.name());
    assert_eq!(answer.verdict(), verdict, "{operation}: {answer:?}");
    let body = answer.json();
    assert_eq!(body["__type"], shape.name(), "{operation}");
    let message = body["exceptionMessage"].as_str().unwrap_or_default();
    assert!(message.len() > 10, "{operation} {verdict:?}: {message}");
    for name in SECURITY_HEADERS {
        assert!(answer.headers.contains_key(name), "{operation} {name}");
    }
}

/// Whether the operation's own file compares a request and its answer with a file. Those are of a request like the scene's,
/// which is answered with 200.
async fn has_golden(operation: Operation) -> bool {
    let scene = Scene::new().await;
    let Some(input) = scene.input(operation) else {
        return false;
    };
    let answer = scene.send(ANA, operation, &input).await;
    assert_eq!(answer.status, 200, "{operation:?} {answer:?}");
    let name = snake(operation.name());
    let read = |path: String| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("src/ops")
            .join(path);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    assert!(read("mod.rs".to_owned()).contains(&format!("mod {name};\n")));
    let test = format!("    #[tokio::test]\n    async fn golden_{name}() {{\n");
    let source = read(format!("{name}.rs"));
    let (_, body) = source.split_once(&test).expect("a golden test");
    let (body, _) = body.split_once("\n    }\n").unwrap();
    assert!(body.contains("assert_snapshot!(") && body.contains("golden("));
    let snapshot = read(format!(
        "snapshots/api__ops__{name}__tests__golden_{name}.snap"
    ));
    let (path, _) = operation
        .path()
        .split_once('{')
        .unwrap_or_else(|| (operation.path(), ""));
    let request = format!("\n---\n{} {path}", operation.method());
    snapshot.contains(&request) && snapshot.contains("\n\nHTTP 200\n")
}

/// `CreateStage` as a file is called: `create_stage`.
fn snake(name: &str) -> String {
    name.chars().fold(String::new(), |mut out, letter| {
        if letter.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
        out
    })
}

#[tokio::test]
async fn what_is_not_served_says_so_and_stands_in_the_list() {
    let world = World::new().await;
    let listed: BTreeSet<&str> = UNAVAILABLE.lines().collect();
    assert_eq!(listed.len(), UNAVAILABLE_LENGTH, "the list only shrinks");
    let arn = "arn:aws:ivs:us-west-2:111111111111:stage/abcdABCDefgh";
    let mut unavailable = BTreeSet::new();
    for operation in Operation::ALL {
        let request = world.signed(ANA, operation.method(), &target(operation, arn), "{}");
        let answer = world.send(request).await;
        if answer.status == 501 {
            assert_eq!(answer.error(), "NotImplementedException");
            let message = format!("{} is not available in this build", operation.name());
            assert_eq!(answer.json()["message"], message);
            assert_eq!(answer.json()["exceptionMessage"], message);
            unavailable.insert(operation.name());
        } else {
            assert!(
                [200, 400, 404].contains(&answer.status),
                "{operation:?}: {answer:?}"
            );
        }
    }
    assert_eq!(unavailable, listed);
}

#[tokio::test]
async fn operations_that_are_not_available_are_still_for_those_who_may_call_them() {
    let deny = json!([
        { "Effect": "Allow", "Action": "*", "Resource": "*" },
        { "Effect": "Deny", "Action": "ivs:StartComposition", "Resource": "*" },
    ]);
    let world = World::with(|settings| {
        settings.access_keys.get_mut(ANA.key).unwrap().policy = policy(&deny);
    })
    .await;
    let answer = world.call(ANA, "StartComposition", json!({})).await;
    assert_eq!(answer.verdict(), (403, "AccessDeniedException"));
    let answer = world.call(ANA, "StopComposition", json!({})).await;
    assert_eq!(answer.status, 501);
}

#[tokio::test]
async fn calls_are_counted_by_operation_and_outcome() {
    let world = World::new().await;
    let arn = world.stage(ANA).await;
    world.call(ANA, "GetStage", json!({ "arn": arn })).await;
    world.call(ANA, "GetStage", json!({ "arn": "x" })).await;
    world.call(BEN, "GetStage", json!({ "arn": arn })).await;
    world.call(ANA, "StartComposition", json!({})).await;
    world
        .call(
            Who {
                secret: "no",
                ..ANA
            },
            "ListStages",
            json!({}),
        )
        .await;
    world.call(ANA, "Nothing", json!({})).await;
    let counted: Vec<_> = world
        .calls
        .snapshot()
        .into_iter()
        .map(|call| (call.operation, call.outcome.as_str(), call.count))
        .collect();
    assert_eq!(
        counted,
        [
            ("CreateStage", "ok", 1),
            ("GetStage", "ok", 1),
            ("GetStage", "invalid", 1),
            ("GetStage", "not_found", 1),
            ("ListStages", "unauthenticated", 1),
            ("StartComposition", "unavailable", 1),
            ("none", "unauthenticated", 1),
        ]
    );
}
