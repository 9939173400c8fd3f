//! Health, metrics, the page, and the limits of the HTTP port.

use std::io::{Read as _, Write as _};
use std::path::Path;

use serde_json::json;

use crate::http::{self, exchange, get, send};
use crate::server::{Server, serve};
use crate::signing::call;

const METRICS_TOKEN: &str = "a-bearer-of-metrics";

/// A server whose metrics a bearer may read.
fn measured(folder: &Path) -> Server {
    let mut command = serve();
    command.env("DOWNSTAGE_METRICS_TOKEN", METRICS_TOKEN);
    Server::start(command, folder)
}

#[test]
fn t21_metrics_of_serve_are_for_direct_clients_of_this_machine_and_for_bearers() {
    let folder = tempfile::tempdir().unwrap();
    let server = measured(folder.path());
    let bearer = format!("Bearer {METRICS_TOKEN}");
    let cases: [(&[(&str, &str)], u16); 6] = [
        (&[], 200),
        (&[("X-Forwarded-For", "203.0.113.7")], 403),
        (&[("Forwarded", "for=203.0.113.7")], 403),
        (&[("Authorization", "Bearer wrong")], 403),
        (&[("Authorization", &bearer)], 200),
        (
            &[
                ("X-Forwarded-For", "203.0.113.7"),
                ("Authorization", &bearer),
            ],
            200,
        ),
    ];
    for (headers, status) in cases {
        assert_eq!(
            send(server.http, "GET", "/metrics", headers, "").status,
            status,
            "{headers:?}"
        );
    }
}

#[test]
fn t21_an_unauthenticated_client_reads_nothing_but_health() {
    let folder = tempfile::tempdir().unwrap();
    let server = measured(folder.path());
    for path in [
        "/debug",
        "/debug/pprof",
        "/admin",
        "/_downstage/",
        "/_downstage/state",
        "/config",
        "/data/downstage.db",
        "/assets/../Cargo.toml",
        "/assets/%2e%2e/index.html",
        "/ListStages",
    ] {
        let response = get(server.http, path);
        assert!(
            matches!(response.status, 403 | 404),
            "{path}: {}",
            response.status
        );
    }
    assert_eq!(get(server.http, "/healthz").body, "ok\n");
    assert_eq!(get(server.http, "/readyz").body, "ready\n");
}

#[test]
fn t62_metrics_do_not_grow_with_what_clients_name() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::dev(folder.path(), &["--ephemeral"]);
    let create = |count: usize| {
        for at in 0..count {
            let name = format!("canary-{at}");
            let (status, _) = call(
                server.http,
                "CreateStage",
                &json!({ "name": name, "tags": { &name: &name } }),
            );
            assert_eq!(status, 200);
        }
        get(server.http, "/metrics").body
    };
    let lines = |text: &str| text.lines().count();
    let (few, many) = (create(2), create(30));
    assert_eq!(lines(&few), lines(&many));
    assert!(!many.contains("canary"));
    assert!(
        many.contains("downstage_api_calls_total{operation=\"CreateStage\",outcome=\"ok\"} 32"),
        "{many}"
    );
    assert!(many.ends_with("# EOF\n"));
}

#[test]
fn the_page_allows_itself_nothing_but_its_own_files() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::dev(folder.path(), &["--ephemeral"]);
    let page = get(server.http, "/");
    assert_eq!(page.status, 200);
    assert!(page.body.contains("downstage"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    if let Some(etag) = page.header("etag") {
        assert_eq!(
            send(server.http, "GET", "/", &[("If-None-Match", etag)], "").status,
            304
        );
    }
}

#[test]
fn t18_heads_beyond_the_limit_are_refused_and_nobody_else_notices() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::dev(folder.path(), &["--ephemeral"]);
    let huge = "x".repeat(40 * 1024);
    let many: Vec<(String, &str)> = (0..200).map(|at| (format!("x-{at}"), "1")).collect();
    let many: Vec<(&str, &str)> = many
        .iter()
        .map(|(name, value)| (name.as_str(), *value))
        .collect();
    assert_eq!(
        send(server.http, "GET", "/healthz", &[("x-huge", &huge)], "").status,
        431
    );
    assert_eq!(send(server.http, "GET", "/healthz", &many, "").status, 431);
    assert_eq!(get(server.http, "/healthz").status, 200);
}

#[test]
fn t19_requests_that_can_be_read_in_two_ways_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::dev(folder.path(), &["--ephemeral"]);
    for head in [
        "GET /healthz HTTP/1.1\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET http://b/healthz HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        "POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx",
        "POST /healthz HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\nx",
        "GET /healthz HTTP/1.1\r\nHost : a\r\n\r\n",
    ] {
        let reply = exchange(server.http, head.as_bytes());
        assert!(reply.starts_with("HTTP/1.1 400"), "{head:?}: {reply:?}");
    }
}

#[test]
fn t19_nothing_is_read_after_a_request_with_two_lengths() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::dev(folder.path(), &["--ephemeral"]);
    let smuggled = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    for lengths in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Transfer-Encoding: chunked",
    ] {
        let request = format!(
            "POST /CreateStage HTTP/1.1\r\nHost: a\r\n{lengths}\r\n\r\n0\r\n\r\n{smuggled}"
        );
        let reply = exchange(server.http, request.as_bytes());
        assert_eq!(
            reply.matches("HTTP/1.1 ").count(),
            1,
            "{lengths:?}: {reply:?}"
        );
        assert!(!reply.contains("ok\n"), "{reply:?}");
    }
}

#[test]
fn connections_are_kept_and_pipelined_requests_are_answered_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::dev(folder.path(), &["--ephemeral"]);
    let mut stream = http::connect(server.http);
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    let bodies: Vec<&str> = reply.split("\r\n\r\n").skip(1).collect();
    assert!(
        bodies[0].starts_with("ok\n") && bodies[1] == "ready\n",
        "{reply:?}"
    );
}

#[test]
fn the_description_of_the_api_is_for_anybody() {
    let folder = tempfile::tempdir().unwrap();
    let server = measured(folder.path());
    let got = get(server.http, "/_downstage/openapi.json");
    assert_eq!(got.status, 200);
    assert_eq!(got.header("content-type"), Some("application/json"));
    assert_eq!(got.header("cache-control"), Some("public, max-age=300"));
    let document: serde_json::Value = serde_json::from_str(&got.body).unwrap();
    assert_eq!(
        document["paths"]["/GetStage"]["post"]["operationId"],
        "GetStage"
    );
    let head = send(server.http, "HEAD", "/_downstage/openapi.json", &[], "");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(head.header("content-length"), got.header("content-length"));
}
