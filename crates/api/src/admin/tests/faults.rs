//! What is told when the server cannot do its part.

use super::*;

#[tokio::test]
async fn t59_without_the_store_nothing_is_told_to_anybody() {
    let world = World::new().await;
    world.stage(ANA).await;
    let told = world.told.lock().unwrap().len();
    world.sqlite.close().await;
    let stage = document("stages", json!([{ "name": "fresh" }])).to_string();
    for (method, path, body) in [
        ("POST", "reset", ""),
        ("GET", "state", ""),
        ("POST", "seed", stage.as_str()),
    ] {
        let answer = world.administer(method, path, body.to_owned()).await;
        assert_eq!(answer.status, 503, "{path}");
        assert_eq!(answer.headers["retry-after"], "1");
    }
    let heard = world.told.lock().unwrap().split_off(told);
    let opened = heard
        .iter()
        .any(|input| matches!(input, Input::AllStagesDeleted));
    assert!(!opened, "{heard:?}");
}

#[tokio::test]
async fn t59_without_the_stages_nothing_is_written() {
    let (stages, inbox) = tokio::sync::mpsc::channel(1);
    drop(inbox);
    let world = World::with(|settings| settings.stages = stages).await;
    let seed = document("encoderConfigurations", json!([{}])).to_string();
    for (path, body) in [("reset", String::new()), ("seed", seed)] {
        let answer = world.administer("POST", path, body).await;
        assert_eq!(answer.status, 503, "{path}");
    }
    assert_eq!(world.export().await["encoderConfigurations"], json!([]));
}

#[tokio::test]
async fn t10_bodies_that_are_too_long_or_encoded_or_no_document_are_refused() {
    let world = World::new().await;
    let long = " ".repeat(8 * 1024 * 1024 + 1);
    for path in ["seed", "token"] {
        let answer = world.administer("POST", path, long.clone()).await;
        assert_eq!(answer.status, 413, "{path}");
    }
    let bearer = format!("Bearer {ADMIN}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-encoding", "gzip"),
    ];
    let answer = world.ask("POST", "/_downstage/seed", &headers, "{}").await;
    assert_eq!(answer.status, 415);
    for body in [
        "",
        "x",
        "[]",
        "{\"version\":1",
        "{\"version\":1,\"version\":1}",
    ] {
        let answer = world.administer("POST", "seed", body).await;
        assert_eq!(answer.status, 400, "{body}");
    }
    for body in [
        "",
        "{}",
        "[]",
        r#"{"token":1}"#,
        r#"{"token":"a","more":1}"#,
        r#""a""#,
    ] {
        let answer = world.administer("POST", "token", body).await;
        assert_eq!(answer.status, 400, "{body}");
    }
}
