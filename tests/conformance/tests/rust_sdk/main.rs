//! The AWS SDK for Rust through every operation of this build, as an application would go: one life, from the first stage to the last.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test fails the test where it stands"
)]
#![expect(
    clippy::redundant_closure_for_method_calls,
    reason = "a closure reads better than the path of a page's type"
)]

mod configurations;
mod ingest;
mod keys;
mod participants;
mod replications;
mod stages;

use std::fmt::Debug;
use std::time::Duration;

use aws_sdk_ivsrealtime::error::SdkError;
use conformance::{Server, calls};

#[tokio::test]
async fn the_rust_sdk_goes_through_every_operation() {
    let server = Server::start().await.unwrap();
    let client = server.client();
    let stage = stages::begin(&client).await;
    stages::tag(&client, &stage).await;
    keys::live(&client).await;
    configurations::encode(&client).await;
    configurations::store(&client, &stage).await;
    ingest::live(&client, &stage).await;
    participants::live(&server, &client, &stage).await;
    replications::refused(&server, &client, &stage).await;
    let revoke = client.revoke_connection_token().token_id("never-issued");
    revoke.send().await.unwrap();
    stages::end(&client, &stage).await;
    calls::check(&server, "rust").unwrap();
}

/// Fails unless a call has ended with the status and the typed exception.
fn assert_refused<O: Debug, E: Debug>(
    ended: Result<O, SdkError<E>>,
    status: u16,
    is_exception: fn(&E) -> bool,
) {
    let error = ended.unwrap_err();
    let raw = error
        .raw_response()
        .map(|response| response.status().as_u16());
    assert_eq!(raw, Some(status), "{error:?}");
    assert!(
        error.as_service_error().is_some_and(is_exception),
        "{error:?}"
    );
}

/// Asks again until it gives something; what media and sockets do is written a moment after it is done.
async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..1_200 {
        if let Some(found) = ask().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not within a minute: {what}");
}
