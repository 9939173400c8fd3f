//! What the log says, and what it never says.

use serde_json::{Value, json};

use crate::http::{join, send};
use crate::server::Server;
use crate::signing::call;

/// Requests that are refused in many ways, with canaries wherever a client can put text.
fn knock_at_every_door(server: &Server, token: &str) {
    let bearer = format!("Bearer {token}");
    for (method, path) in [
        ("POST", "/whip"),
        ("POST", "/whip/subscribe/nobody"),
        ("PATCH", "/whip/none"),
        ("DELETE", "/whip/none"),
    ] {
        let headers = [
            ("Authorization", bearer.as_str()),
            ("Content-Type", "application/sdp"),
            ("User-Agent", "canary-agent"),
        ];
        send(
            server.http,
            method,
            path,
            &headers,
            "v=0\r\ns=canary-sdp\r\n",
        );
    }
    send(
        server.http,
        "POST",
        "/CreateStage",
        &[("Authorization", "canary-authorization")],
        "canary-body",
    );
    send(
        server.http,
        "GET",
        "/metrics",
        &[("Authorization", "Bearer canary-metrics-token")],
        "",
    );
    let explain = json!({ "token": token }).to_string();
    for (method, path, key, body) in [
        ("GET", "state?history=true", "canary-admin-key", ""),
        ("GET", "state", "canary-guess", ""),
        ("GET", "canary-path", "canary-admin-key", ""),
        ("POST", "seed", "canary-admin-key", r#"{"canary":1}"#),
        ("POST", "token", "canary-admin-key", &explain),
    ] {
        let bearer = format!("Bearer {key}");
        let path = format!("/_downstage/{path}");
        let headers = [("Authorization", bearer.as_str())];
        send(server.http, method, &path, &headers, body);
    }
}

#[test]
fn t61_no_secret_and_nothing_that_customers_say_of_users_is_logged_even_at_trace() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::dev(
        folder.path(),
        &[
            "--log-level",
            "trace",
            "--session-grace",
            "0s",
            "--access-key",
            "test:test:000000000000,AKIDCANARY:canary-secret-canary:123456789012",
            "--metrics-token",
            "canary-metrics-token",
            "--admin-key",
            "canary-admin-key",
        ],
    );
    let configuration =
        json!([{ "userId": "canary-user", "attributes": { "canary-key": "canary-value" } }]);
    let input = json!({ "name": "canary-name", "tags": { "canary-tag": "canary-tag-value" }, "participantTokenConfigurations": configuration });
    let (status, output) = call(server.http, "CreateStage", &input);
    assert_eq!(status, 200, "{output}");
    let token = output["participantTokens"][0]["token"]
        .as_str()
        .unwrap()
        .to_owned();
    let arn = output["stage"]["arn"].as_str().unwrap().to_owned();

    knock_at_every_door(&server, &token);
    drop(join(server.http, &arn, &token));
    let (status, _) = call(
        server.http,
        "ListStageSessions",
        &json!({ "stageArn": arn }),
    );
    assert_eq!(status, 200);
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));

    let log = server.log();
    let [_, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else {
        panic!("not a token")
    };
    for canary in ["canary", claims, signature] {
        let found: Vec<&str> = log.lines().filter(|line| line.contains(canary)).collect();
        assert!(found.is_empty(), "{found:#?}");
    }
    assert!(
        log.contains("session started") && log.contains("session ended"),
        "{log}"
    );
    assert!(!log.contains("ERROR"), "{log}");
}

#[test]
fn json_lines_are_json() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::dev(folder.path(), &["--log-format", "json", "--ephemeral"]);
    server.signal("TERM");
    server.wait();
    let lines: Vec<Value> = server
        .log()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let messages: Vec<&str> = lines
        .iter()
        .filter_map(|line| line["message"].as_str())
        .collect();
    assert_eq!(messages.first(), Some(&"ready"));
    assert_eq!(messages.last(), Some(&"stopped"));
    assert_eq!(lines[0]["http"], format!("http://{}", server.http));
}
