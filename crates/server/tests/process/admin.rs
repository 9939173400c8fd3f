//! The administration of the real binary: its key, resets under load, documents, and the seed at the start.

use std::fs;
use std::io::Read as _;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};

use crate::http::{Response, get, is_let_in, join, send};
use crate::server::{Server, command, serve, until};
use crate::signing::{call, stage};

const KEY: &str = "the-key-of-an-operator";
const ROUTES: [(&str, &str); 4] = [
    ("POST", "/_downstage/reset"),
    ("GET", "/_downstage/state"),
    ("POST", "/_downstage/seed"),
    ("POST", "/_downstage/token"),
];
const DEMO: &str = "arn:aws:ivs:us-east-1:000000000000:stage/demo";

fn ask(server: SocketAddr, key: &str, method: &str, path: &str, body: &str) -> Response {
    let bearer = format!("Bearer {key}");
    send(server, method, path, &[("Authorization", &bearer)], body)
}

/// Asks the administration of `dev`.
fn administer(server: SocketAddr, method: &str, path: &str, body: &str) -> Response {
    ask(server, "test", method, &format!("/_downstage/{path}"), body)
}

fn export(server: SocketAddr) -> Value {
    let response = administer(server, "GET", "state", "");
    assert_eq!(response.status, 200, "{}", response.body);
    serde_json::from_str(&response.body).unwrap()
}

fn reset(server: SocketAddr) {
    assert_eq!(administer(server, "POST", "reset", "").status, 204);
}

#[test]
fn t21_without_a_key_of_its_own_serve_has_no_administration() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(serve(), folder.path());
    let unknown = get(server.http, "/nothing");
    for (method, path) in ROUTES {
        for key in ["test", "", "0123456789abcdef"] {
            let response = ask(server.http, key, method, path, "");
            assert_eq!(
                (response.status, &response.body),
                (403, &unknown.body),
                "{path}"
            );
        }
    }
    assert_eq!(get(server.http, "/_downstage/openapi.json").status, 200);
}

#[test]
fn t21_serve_opens_its_administration_to_the_key_in_the_header_only() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("admin-key");
    fs::write(&file, format!("{KEY}\n")).unwrap();
    let mut command = serve();
    command.env("DOWNSTAGE_ADMIN_KEY_FILE", &file);
    let server = Server::start(command, folder.path());
    let cookie = format!("key={KEY}");
    for (method, path) in ROUTES {
        assert_eq!(
            send(server.http, method, path, &[], "").status,
            401,
            "{path}"
        );
        let headers = [("Cookie", cookie.as_str()), ("X-Api-Key", KEY)];
        let target = format!("{path}?key={KEY}&access_token={KEY}");
        let response = send(server.http, method, &target, &headers, "");
        assert_eq!(response.status, 401, "{path}");
        assert_eq!(response.header("www-authenticate"), Some("Bearer"));
        assert_eq!(response.header("access-control-allow-origin"), None);
        assert_eq!(ask(server.http, "test", method, path, "").status, 401);
    }
    let response = ask(server.http, KEY, "GET", "/_downstage/state", "");
    assert_eq!(response.status, 200);
    assert_eq!(get(server.http, "/_downstage/openapi.json").status, 200);
}

#[test]
fn t21_serve_refuses_a_key_that_can_be_guessed() {
    for (variable, value) in [("DOWNSTAGE_ADMIN_KEY", "test"), ("DOWNSTAGE_ADMIN_KEY", "")] {
        let output = serve().env(variable, value).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains("admin.key"), "{error}");
    }
}

#[test]
fn a_reset_sends_everybody_home_and_a_seed_brings_back_what_was_exported() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::dev(folder.path(), &[]);
    let (arn, token) = stage(server.http);
    let input = json!({ "ingestProtocol": "RTMPS", "stageArn": arn, "redundantIngest": true });
    assert_eq!(
        call(server.http, "CreateIngestConfiguration", &input).0,
        200
    );
    assert_eq!(
        call(server.http, "CreateEncoderConfiguration", &json!({})).0,
        200
    );
    let mut socket = join(server.http, &arn, &token);
    let document = export(server.http);

    reset(server.http);
    let mut farewell = Vec::new();
    socket.read_to_end(&mut farewell).unwrap();
    assert!(String::from_utf8_lossy(&farewell).contains("stage-deleted"));
    assert!(!is_let_in(server.http, &arn, &token));
    assert_eq!(export(server.http)["stages"], json!([]));

    let seeded = administer(server.http, "POST", "seed", &document.to_string());
    let answer: Value = serde_json::from_str(&seeded.body).unwrap();
    assert_eq!(
        (seeded.status, answer),
        (200, json!({ "inserted": 3, "skipped": 0 }))
    );
    assert_eq!(export(server.http), document);
    // Nothing of the session that the reset ended comes after it.
    let (_, sessions) = call(
        server.http,
        "ListStageSessions",
        &json!({ "stageArn": arn }),
    );
    assert_eq!(sessions["stageSessions"], json!([]));
    assert!(is_let_in(server.http, &arn, &token));
    assert!(!server.log().contains("ERROR"), "{}", server.log());
    server.kill();

    let server = Server::dev(folder.path(), &[]);
    assert_eq!(
        export(server.http),
        document,
        "what was acknowledged survives"
    );
}

#[test]
fn t16_resets_among_calls_and_joins_leave_one_truth() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::dev(folder.path(), &["--ephemeral"]);
    let http = server.http;
    let made: Vec<(String, String)> = std::thread::scope(|scope| {
        let makers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(move || {
                    let mut made = Vec::new();
                    for _ in 0..15 {
                        let (arn, token) = stage(http);
                        is_let_in(http, &arn, &token);
                        made.push((arn, token));
                    }
                    made
                })
            })
            .collect();
        for _ in 0..10 {
            reset(http);
        }
        makers
            .into_iter()
            .flat_map(|maker| maker.join().unwrap())
            .collect()
    });
    let stored = export(http);
    let stored: Vec<&str> = stored["stages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|stage| stage["arn"].as_str().unwrap())
        .collect();
    for (arn, token) in &made {
        let is_stored = stored.contains(&arn.as_str());
        assert_eq!(is_let_in(http, arn, token), is_stored, "{arn}");
    }
    let gauge = format!("downstage_stages {}\n", stored.len());
    until("the gauge agrees", || {
        get(http, "/metrics").body.contains(&gauge).then_some(())
    });
    assert!(!server.log().contains("ERROR"), "{}", server.log());
}

/// Writes a document into the folder.
fn file(folder: &Path, document: &Value) -> String {
    let path = folder.join("seed.json");
    fs::write(&path, document.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_seed_is_there_when_the_server_is_ready_and_is_no_second_time_added() {
    let folder = tempfile::tempdir().unwrap();
    let document = json!({ "version": 1, "stages": [{ "arn": DEMO, "name": "demo" }] });
    let seed = file(folder.path(), &document);
    for _ in 0..2 {
        let server = Server::dev(folder.path(), &["--seed", &seed]);
        let (status, output) = call(server.http, "GetStage", &json!({ "arn": DEMO }));
        assert_eq!((status, &output["stage"]["name"]), (200, &json!("demo")));
        let body = json!({ "stageArn": DEMO });
        let (_, output) = call(server.http, "CreateParticipantToken", &body);
        let token = output["participantToken"]["token"].as_str().unwrap();
        assert!(is_let_in(server.http, DEMO, token));
        assert_eq!(export(server.http)["stages"].as_array().unwrap().len(), 1);
        server.kill();
    }
}

#[test]
fn a_seed_that_is_wrong_ends_the_start_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let document = json!({ "version": 1, "stages": [{ "arn": DEMO }, { "name": "a b" }] });
    let seed = file(folder.path(), &document);
    let data = folder.path().join("data");
    let ready = folder.path().join("ready.json");
    let start = |seed: &str| {
        let mut command = command();
        command.args([
            "dev",
            "--http",
            "127.0.0.1:0",
            "--media",
            "127.0.0.1:0",
            "--rtmp",
            "127.0.0.1:0",
            "--rtmps",
            "127.0.0.1:0",
            "--seed",
            seed,
        ]);
        command
            .arg("--data")
            .arg(&data)
            .arg("--ready-file")
            .arg(&ready);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(!ready.exists());
        String::from_utf8(output.stderr).unwrap()
    };
    let error = start(&seed);
    assert!(error.contains("seed.json: stages[1].name: "), "{error}");
    let error = start("nowhere.json");
    assert!(error.contains("cannot seed from nowhere.json"), "{error}");

    let server = Server::dev(folder.path(), &[]);
    assert_eq!(export(server.http)["stages"], json!([]), "all or nothing");
}

#[test]
fn a_token_is_explained_by_the_server_that_would_refuse_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::dev(folder.path(), &["--ephemeral"]);
    let (arn, token) = stage(server.http);
    let explain = || {
        let body = json!({ "token": token }).to_string();
        let response = administer(server.http, "POST", "token", &body);
        let answer: Value = serde_json::from_str(&response.body).unwrap();
        (
            answer["accepted"].clone(),
            answer["reasons"][0]["code"].clone(),
        )
    };
    assert_eq!(explain(), (json!(true), Value::Null));
    assert!(is_let_in(server.http, &arn, &token));
    reset(server.http);
    assert_eq!(explain(), (json!(false), json!("STAGE_NOT_FOUND")));
    assert!(!is_let_in(server.http, &arn, &token));
}
