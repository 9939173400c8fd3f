//! From start to end, and what survives.

use std::fs;
use std::io::Read as _;
use std::time::Duration;

use serde_json::json;

use crate::http::{self, get};
use crate::server::{Server, command, now, until};
use crate::signing::{call, stage};

#[test]
fn dev_is_ready_at_the_addresses_that_its_ready_file_and_banner_name() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::dev(folder.path(), &["--media-workers", "2"]);
    assert_eq!(get(server.http, "/healthz").body, "ok\n");
    assert_eq!(get(server.http, "/readyz").status, 200);
    assert_eq!(server.media.len(), 2);
    let banner = until("the banner", || {
        Some(server.out()).filter(|text| text.contains("create-stage"))
    });
    let export = format!(
        "export AWS_ENDPOINT_URL_IVS_REALTIME=http://{} ",
        server.http
    );
    assert!(banner.contains(&export), "{banner}");
}

#[test]
fn the_first_signal_drains_and_the_exit_is_clean() {
    for signal in ["TERM", "INT"] {
        let folder = tempfile::tempdir().unwrap();
        let mut server = Server::dev(folder.path(), &[]);
        let mut idle = http::connect(server.http);
        let began = now();
        server.signal(signal);
        assert_eq!(server.wait().code(), Some(0), "{}", server.log());
        assert!(now() - began < Duration::from_secs(5));
        assert_eq!(
            idle.read(&mut [0; 1]).unwrap(),
            0,
            "an idle connection is closed"
        );
        assert!(server.log().contains("stopped"), "{}", server.log());
    }
}

#[test]
fn t58_what_was_acknowledged_survives_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::dev(folder.path(), &[]);
    let arns: Vec<_> = (0..20)
        .map(|at| {
            let (status, output) = call(
                server.http,
                "CreateStage",
                &json!({ "name": format!("stage-{at}") }),
            );
            assert_eq!(status, 200, "{output}");
            output["stage"]["arn"].clone()
        })
        .collect();
    server.kill();

    let server = Server::dev(folder.path(), &[]);
    for (at, arn) in arns.iter().enumerate() {
        let (status, output) = call(server.http, "GetStage", &json!({ "arn": arn }));
        assert_eq!(
            (status, &output["stage"]["name"]),
            (200, &json!(format!("stage-{at}")))
        );
    }
}

#[test]
fn a_token_is_still_good_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::dev(folder.path(), &[]);
    let (_, token) = stage(server.http);
    server.kill();

    let server = Server::dev(folder.path(), &[]);
    let bearer = format!("Bearer {token}");
    let publish = |token: &str| {
        let headers = [
            ("Authorization", token),
            ("Content-Type", "application/sdp"),
        ];
        http::send(server.http, "POST", "/whip", &headers, "v=0\r\n").status
    };
    assert_eq!(publish("Bearer a.b.c"), 401);
    assert_ne!(publish(&bearer), 401, "the key that signed it was kept");
}

#[test]
fn t65_two_processes_do_not_share_a_data_folder() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::dev(folder.path(), &[]);
    let other = command()
        .args([
            "dev",
            "--http",
            "127.0.0.1:0",
            "--media",
            "127.0.0.1:0",
            "--rtmp",
            "127.0.0.1:0",
            "--rtmps",
            "127.0.0.1:0",
            "--data",
        ])
        .arg(folder.path().join("data"))
        .output()
        .unwrap();
    assert_eq!(other.status.code(), Some(1));
    let error = String::from_utf8(other.stderr).unwrap();
    assert!(error.starts_with("downstage: cannot open "), "{error}");
    assert_eq!(get(server.http, "/readyz").status, 200);
}

#[test]
fn a_port_that_is_taken_ends_the_start_with_its_name() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = command()
        .args(["dev", "--ephemeral", "--http", &address])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains(&format!("cannot listen on {address} for HTTP")),
        "{error}"
    );
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("downstage.toml");
    fs::write(
        &file,
        "public_url = \"https://file.example\"\nhttp = \"127.0.0.1:0\"\nmedia.listen = \"127.0.0.1:0\"\ndata = \"/tmp\"\n\
         [[access_keys]]\nid = \"AKID\"\nsecret = \"0123456789abcdef\"\naccount = \"123456789012\"\n",
    )
    .unwrap();
    let url = |env: Option<&str>, flag: Option<&str>| {
        let mut command = command();
        command.arg("doctor").arg("--config").arg(&file);
        command.envs(env.map(|url| ("DOWNSTAGE_PUBLIC_URL", url)));
        command.args(flag.map(|url| ["--public-url", url]).into_iter().flatten());
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let (env, flag) = (Some("https://env.example"), Some("https://flag.example"));
    for (text, expected) in [
        (url(None, None), "https://file.example/whip"),
        (url(env, None), "https://env.example/whip"),
        (url(None, flag), "https://flag.example/whip"),
        (url(env, flag), "https://flag.example/whip"),
    ] {
        assert!(text.contains(expected), "{expected} in {text}");
    }
}

#[test]
fn t21_serve_does_not_start_with_the_key_of_dev() {
    for key in [
        "test:test:000000000000",
        "test:0123456789abcdef:000000000000",
    ] {
        let output = command()
            .args(["serve", "--external-ip", "127.0.0.1", "--ephemeral"])
            .env("DOWNSTAGE_ACCESS_KEYS", key)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(
            String::from_utf8(output.stderr)
                .unwrap()
                .contains("access_keys[0].id")
        );
    }
}
