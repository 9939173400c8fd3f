//! Every operation of the model is either served or in `unavailable.txt`.

use std::collections::BTreeSet;

use super::*;

const UNAVAILABLE: &str = include_str!("../../unavailable.txt");

/// How long the list was when it was first written. It may only shrink.
const UNAVAILABLE_MAX: usize = 25;

#[tokio::test]
async fn what_is_not_served_says_so_and_stands_in_the_list() {
    let world = World::new().await;
    let listed: BTreeSet<&str> = UNAVAILABLE.lines().collect();
    assert!(listed.len() <= UNAVAILABLE_MAX);
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
