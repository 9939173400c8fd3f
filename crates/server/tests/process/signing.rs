//! Calls of the control API, signed as an SDK signs them.

use std::net::SocketAddr;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use serde_json::{Value, json};

use crate::http;

/// Calls an operation whose path is its name, with the key of `downstage dev`.
pub(crate) fn call(server: SocketAddr, operation: &str, input: &Value) -> (u16, Value) {
    let body = input.to_string();
    let url = format!("http://{server}/{operation}");
    let identity = Credentials::new("test", "test", None, None, "test").into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name("ivs")
        .time(wall_clock())
        .settings(SigningSettings::default())
        .build()
        .unwrap()
        .into();
    let headers = [("content-type", "application/json")];
    let request = SignableRequest::new(
        "POST",
        url,
        headers.into_iter(),
        SignableBody::Bytes(body.as_bytes()),
    );
    let (instructions, _) = sign(request.unwrap(), &parameters).unwrap().into_parts();
    let signed = instructions.headers().chain(headers);
    let response = http::send(
        server,
        "POST",
        &format!("/{operation}"),
        &signed.collect::<Vec<_>>(),
        &body,
    );
    (
        response.status,
        serde_json::from_str(&response.body).unwrap_or(Value::Null),
    )
}

/// A new stage and a token for it.
pub(crate) fn stage(server: SocketAddr) -> (String, String) {
    let input = json!({ "participantTokenConfigurations": [{}] });
    let (status, output) = call(server, "CreateStage", &input);
    assert_eq!(status, 200, "{output}");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let token = text(&output["participantTokens"][0]["token"]);
    (text(&output["stage"]["arn"]), token)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a signature carries the time at which it is made"
)]
fn wall_clock() -> SystemTime {
    SystemTime::now()
}
