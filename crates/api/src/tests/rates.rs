//! Request rates (T17).

use super::*;

#[tokio::test]
async fn t17_a_caller_over_its_rate_is_told_to_wait_and_recovers() {
    let world = World::with(|settings| settings.rates = true).await;
    for _ in 0..5 {
        assert_eq!(world.call(ANA, "ListStages", json!({})).await.status, 200);
    }
    let answer = world.call(ANA, "ListStages", json!({})).await;
    assert_eq!(answer.verdict(), (429, "ThrottlingException"));
    assert_eq!(answer.headers["retry-after"], "1");
    assert_eq!(world.call(BEN, "ListStages", json!({})).await.status, 200);
    assert_eq!(world.call(ANA, "CreateStage", json!({})).await.status, 200);
    world.advance(Duration::from_secs(1));
    assert_eq!(world.call(ANA, "ListStages", json!({})).await.status, 200);
}

#[tokio::test]
async fn t17_a_request_that_is_not_signed_costs_nobody_anything() {
    let world = World::with(|settings| settings.rates = true).await;
    let impostor = Who {
        secret: "guess",
        ..ANA
    };
    for _ in 0..50 {
        assert_eq!(
            world.call(impostor, "ListStages", json!({})).await.status,
            403
        );
    }
    assert_eq!(world.call(ANA, "ListStages", json!({})).await.status, 200);
}

#[tokio::test]
async fn t17_without_the_limiter_everything_is_answered() {
    let world = World::new().await;
    for _ in 0..500 {
        assert_eq!(world.call(ANA, "ListStages", json!({})).await.status, 200);
    }
}
