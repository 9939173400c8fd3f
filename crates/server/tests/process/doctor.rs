//! `downstage doctor`, of this machine and of a running server.

use std::net::{TcpListener, UdpSocket};
use std::process::Output;

use serde_json::{Value, json};

use crate::server::{Server, command, serve};
use crate::signing::call;

fn doctor(flags: &[&str]) -> Output {
    command().arg("doctor").args(flags).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The statuses of all checks of that name.
fn statuses<'a>(document: &'a Value, name: &str) -> Vec<&'a str> {
    let checks = document["checks"].as_array().unwrap();
    let found = checks.iter().filter(|check| check["name"] == name);
    found
        .map(|check| check["status"].as_str().unwrap())
        .collect()
}

#[test]
fn a_machine_with_free_ports_is_well() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let flags = [
        "--http",
        "127.0.0.1:0",
        "--media",
        "127.0.0.1:0",
        "--rtmp",
        "127.0.0.1:0",
        "--rtmps",
        "127.0.0.1:0",
        "--data",
        data.to_str().unwrap(),
    ];
    let output = doctor(&[&flags[..], &["--media-workers", "2", "--json"]].concat());
    let document: Value = serde_json::from_str(&text(&output)).unwrap();
    assert_eq!(output.status.code(), Some(0), "{document:#}");
    assert_eq!(document["ok"], true);
    for name in [
        "HTTP port",
        "candidate 0",
        "candidate 1",
        "data folder",
        "clock",
    ] {
        assert_eq!(statuses(&document, name), ["ok"], "{name}");
    }
    let output = doctor(&flags);
    assert!(text(&output).starts_with("ok "), "{}", text(&output));
    assert!(!data.exists());
}

#[test]
fn a_port_that_is_taken_is_said_and_ends_with_1() {
    let (tcp, udp) = loop {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()) {
            break (tcp, udp);
        }
    };
    let (http, media) = (tcp.local_addr().unwrap(), udp.local_addr().unwrap());
    let output = doctor(&[
        "--http",
        &http.to_string(),
        "--media",
        &media.to_string(),
        "--rtmp",
        "127.0.0.1:0",
        "--rtmps",
        "127.0.0.1:0",
        "--ephemeral",
    ]);
    assert_eq!(output.status.code(), Some(1));
    let text = text(&output);
    assert_eq!(text.matches("failed ").count(), 2, "{text}");
    assert!(
        text.contains(&http.to_string()) && text.contains("-> stop what uses it"),
        "{text}"
    );
}

#[test]
fn a_running_server_is_reached_by_udp_and_tcp_and_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::dev(folder.path(), &["--media-workers", "2"]);
    let url = format!("http://{}", server.http);
    let output = doctor(&["--server", &url, "--json"]);
    let document: Value = serde_json::from_str(&text(&output)).unwrap();
    assert_eq!(output.status.code(), Some(0), "{document:#}");
    for name in [
        "server",
        "clocks",
        "control API",
        "public URL",
        "WHIP",
        "candidate UDP",
        "candidate TCP",
    ] {
        assert_eq!(statuses(&document, name), ["ok"], "{name}: {document:#}");
    }
    assert!(statuses(&document, "clean-up").is_empty());
    let (status, stages) = call(server.http, "ListStages", &json!({}));
    assert_eq!(
        (status, stages["stages"].as_array().unwrap().len()),
        (200, 0)
    );
    assert!(!server.log().contains("WARN"), "{}", server.log());
}

// Nobody has the documentation networks, so the checks get no answer.
#[test]
fn a_server_that_offers_what_nobody_reaches_fails() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::dev(folder.path(), &["--external-ip", "192.0.2.1"]);
    let url = format!("http://{}", server.http);
    let output = doctor(&["--server", &url]);
    assert_eq!(output.status.code(), Some(1));
    let text = text(&output);
    assert_eq!(text.matches("failed ").count(), 2, "{text}");
    assert!(text.contains("media.external_ip"), "{text}");
}

#[test]
fn a_key_of_ones_own_is_taken_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(serve(), folder.path());
    let url = format!("http://{}", server.http);
    for (key, code) in [
        ("AKID:0123456789abcdef:123456789012", 0),
        ("AKID:fedcba9876543210:123456789012", 1),
        ("OTHER:0123456789abcdef:123456789012", 1),
    ] {
        let mut command = command();
        command.args(["doctor", "--server", &url]);
        let output = command.env("DOWNSTAGE_ACCESS_KEYS", key).output().unwrap();
        let text = text(&output);
        assert_eq!(output.status.code(), Some(code), "{text}");
        let secret = key.split(':').nth(1).unwrap();
        assert!(!text.contains(secret), "{text}");
        assert_eq!(text.contains("failed   control API"), code == 1, "{text}");
    }
}

// The file of a client need not say how a server is reached.
#[test]
fn a_file_with_a_key_alone_is_enough_to_examine_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(serve(), folder.path());
    let file = folder.path().join("key.toml");
    let key = "[[access_keys]]\nid = \"AKID\"\nsecret = \"0123456789abcdef\"\naccount = \"123456789012\"\n";
    std::fs::write(&file, key).unwrap();
    let file = file.to_str().unwrap();
    let url = format!("http://{}", server.http);
    let output = doctor(&["--server", &url, "--config", file]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    // To serve with it more is needed.
    let output = doctor(&["--config", file]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("media.external_ip: needed"), "{said}");
}

#[test]
fn a_server_that_does_not_run_is_the_first_thing_to_fail() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let output = doctor(&["--server", &format!("http://{free}")]);
    assert_eq!(output.status.code(), Some(1));
    let text = text(&output);
    assert!(text.starts_with("failed   server"), "{text}");
    for url in [
        "https://127.0.0.1:1",
        "127.0.0.1:1",
        "http://127.0.0.1:1/whip",
    ] {
        assert_eq!(doctor(&["--server", url]).status.code(), Some(2), "{url}");
    }
}
