//! The load against the server, both as users have them.

use std::path::Path;

use serde_json::Value;

use crate::server::{Server, command};

/// The report of a load that ends when each viewer has so many packets, which must succeed.
fn load(server: &Server, folder: &Path, words: &[&str]) -> Value {
    let endpoint = format!("http://{}", server.http);
    let output = command()
        .args(["load", "--json", "--endpoint", &endpoint])
        .args(["--warm-up", "0s", "--duration", "1m"])
        .args(words)
        .current_dir(folder)
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}\n{}", server.log());
    serde_json::from_str(&printed).unwrap()
}

fn number(value: &Value, pointer: &str) -> u64 {
    let found = value.pointer(pointer).and_then(Value::as_u64);
    found.unwrap_or_else(|| panic!("{pointer} of {value:#}"))
}

#[test]
fn viewers_see_all_that_a_publisher_sends() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::dev(folder.path(), &["--media-workers", "1"]);
    let words = ["--viewers", "3", "--audio", "--enough", "700"];
    let report = load(&server, folder.path(), &words);
    assert_eq!(number(&report, "/connected"), 3);
    assert_eq!(number(&report, "/sum/lost"), 0);
    assert!(number(&report, "/sum/packets") >= 2_100);
    assert!(number(&report, "/sum/pictures") >= 150);
    assert!(number(&report, "/sum/key_frames") >= 3);
    let viewers = report["viewers"].as_array().unwrap();
    assert_eq!(viewers.len(), 3);
    for viewer in viewers {
        assert!(viewer["join_ms"].as_f64().unwrap() > 0.0, "{viewer}");
        assert!(viewer["first_key_frame_ms"].as_f64().unwrap() > 0.0);
        assert!(viewer["latency"]["p99"].as_f64().unwrap() > 0.0, "{viewer}");
        assert!(viewer["fault"].is_null(), "{viewer}");
    }
    let sessions = server.log().matches("session ended").count();
    assert_eq!(
        sessions,
        1,
        "the load leaves nobody behind: {}",
        server.log()
    );
}

#[test]
fn one_connection_carries_everybody() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::dev(folder.path(), &["--media-workers", "1"]);
    // 232 kbit/s each.
    let layer = "320x180@200";
    let words = "--watch stage-v1 --publishers 2 --viewers 3 --audio --enough 400 --layer";
    let words: Vec<&str> = words.split(' ').chain([layer]).collect();
    let report = load(&server, folder.path(), &words);
    assert_eq!(number(&report, "/connections"), 3);
    assert_eq!(number(&report, "/connected"), 3);
    assert_eq!(number(&report, "/sum/lost"), 0);
    for viewer in report["viewers"].as_array().unwrap() {
        let bitrate_bps = viewer["bitrate_bps"].as_u64().unwrap();
        assert!(bitrate_bps > 350_000, "more than one publisher: {viewer}");
    }
}

#[test]
fn what_is_lost_on_the_way_is_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::dev(folder.path(), &["--media-workers", "1"]);
    let words = ["--viewers", "2", "--loss", "5", "--enough", "500"];
    let report = load(&server, folder.path(), &words);
    let impaired = number(&report, "/sum/impaired");
    assert!(impaired > 20, "{report:#}");
    assert!(number(&report, "/sum/nacks") > 0);
    // What was lost twice at the very end is not waited for.
    assert!(number(&report, "/sum/retransmissions") > impaired / 2);
    assert!(number(&report, "/sum/lost") < impaired / 4, "{report:#}");
}

#[test]
fn encoders_are_seen_by_rtmp_and_by_rtmps() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::dev(folder.path(), &["--media-workers", "1"]);
    let words =
        "--rtmp-any-certificate --layer 640x360@400 --publishers 2 --viewers 2 --enough 250";
    for (scheme, address) in [("rtmp", server.rtmp), ("rtmps", server.rtmps)] {
        let url = format!("{scheme}://{}/app", address.unwrap());
        let words: Vec<&str> = words.split(' ').chain(["--rtmp", &url]).collect();
        let report = load(&server, folder.path(), &words);
        assert_eq!(number(&report, "/connected"), 4, "{report:#}");
        assert_eq!(number(&report, "/sum/lost"), 0, "{report:#}");
        assert!(number(&report, "/sum/pictures") > 100, "{report:#}");
        // A stamp of the source was found in each picture, through FLV and RTP.
        let stamped = number(&report, "/picture_latency/count");
        assert!(stamped >= number(&report, "/sum/pictures"), "{report:#}");
        assert_eq!(report["ended"].as_array().map(Vec::len), Some(0));
    }
    let refused = format!("rtmp://{}/app/rt_1_nowhere", server.rtmp.unwrap());
    let output = command()
        .args(["load", "--rtmp", &refused])
        .output()
        .unwrap();
    assert!(!output.status.success());
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(
        why.contains("0 of 1 publishers connected: NetStream"),
        "{why}"
    );
}

#[test]
fn a_load_of_nobody_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::dev(folder.path(), &["--media-workers", "1"]);
    let endpoint = format!("http://{}", server.http);
    let run = |words: &[&str]| {
        let output = command().arg("load").args(words).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let refused = run(&["--endpoint", &endpoint, "--access-key-id", "other"]);
    assert!(refused.contains("CreateStage: 403"), "{refused}");
    let doors = format!("{endpoint}/whip");
    let refused = run(&["--whip-url", &doors, "--whep-url", &doors]);
    assert!(
        refused.contains("0 of 1 publishers connected: 401"),
        "{refused}"
    );
    let unbounded = run(&["--viewers", "5000"]);
    assert!(
        unbounded.contains("viewers must be 0 to 2000"),
        "{unbounded}"
    );
}
