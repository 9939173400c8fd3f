//! Encoders that speak RTMP to the real binary.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rtmp::client::{Event, Session, Target};
use rtmp::flv::{Audio, Video};
use rtmp::{HANDSHAKE_RANDOM_BYTES, Limits, StreamName};
use serde_json::{Value, json};

use crate::http::{get, send};
use crate::server::{Server, command, until};
use crate::signing::call;

/// SPS and PPS of 160x96 in an AVCDecoderConfigurationRecord, as x264 writes them for the baseline profile.
const AVC_CONFIG: &[u8] = &[
    1, 0x42, 0xc0, 0x0a, 0xff, 0xe1, 0, 23, 0x67, 0x42, 0xc0, 0x0a, 0xd9, 0x02, 0x8d, 0xb0, 0x11,
    0, 0, 3, 0, 1, 0, 0, 3, 0, 0x14, 0x0f, 0x12, 0x26, 0x48, 1, 0, 5, 0x68, 0xcb, 0x83, 0xcb, 0x20,
];
const IDR: &[u8] = &[0, 0, 0, 8, 0x65, 0x88, 0x84, 0x1d, 0xf1, 0x08, 0x8a, 0xc1];
/// AAC-LC, 48 kHz, stereo; and a frame of silence.
const AAC_CONFIG: &[u8] = &[0x11, 0x90];
const AAC_SILENCE: &[u8] = &[0x21, 0x10, 0x04, 0x60, 0x8c, 0x1c];

struct Encoder {
    stream: TcpStream,
    session: Session,
}

impl Encoder {
    fn connect(server: SocketAddr, app: &str, key: &str) -> Self {
        let stream = TcpStream::connect(server).unwrap();
        let patience = Some(Duration::from_secs(20));
        stream.set_read_timeout(patience).unwrap();
        let target = Target {
            app: app.to_owned(),
            tc_url: format!("rtmp://{server}/{app}"),
            name: StreamName::new(key),
            encoder: "encoder of a test".to_owned(),
        };
        Self {
            stream,
            session: Session::new(Limits::default(), [5; HANDSHAKE_RANDOM_BYTES], target),
        }
    }

    fn flush(&mut self) {
        while let Some(bytes) = self.session.poll_transmit() {
            let _ = self.stream.write_all(&bytes);
        }
    }

    /// What the server says next; `None` when it has closed.
    fn event(&mut self) -> Option<Event> {
        let mut buffer = [0; 4_096];
        loop {
            if let Some(event) = self.session.poll_event() {
                return Some(event);
            }
            self.flush();
            let count = self.stream.read(&mut buffer).unwrap();
            if count == 0 {
                return None;
            }
            self.session.receive(&buffer[..count]).unwrap();
        }
    }

    /// The sentence with which the server refuses or ends the stream.
    fn reason(&mut self) -> String {
        match self.event() {
            Some(Event::Refused { description, .. } | Event::Status { description, .. }) => {
                description
            }
            other => panic!("no reason: {other:?}"),
        }
    }

    fn publish(&mut self) {
        assert_eq!(self.event(), Some(Event::Published));
        let audio = [AAC_CONFIG, AAC_SILENCE].map(bytes::Bytes::from_static);
        let [config, frame] = audio;
        self.session.send_audio(0, &Audio::AacConfig(config));
        let record = bytes::Bytes::from_static(AVC_CONFIG);
        let video = Video::AvcConfig { track: 0, record };
        self.session.send_video(0, &video);
        self.session.send_audio(0, &Audio::Aac(frame));
        let picture = Video::Avc {
            track: 0,
            composition_ms: 0,
            is_key: true,
            nals: bytes::Bytes::from_static(IDR),
        };
        self.session.send_video(0, &picture);
        self.flush();
    }
}

/// An ingest configuration, attached to the stage or not.
fn configuration(server: &Server, stage: Option<&str>, insecure: bool) -> Value {
    let protocol = if insecure { "RTMP" } else { "RTMPS" };
    let mut input = json!({ "ingestProtocol": protocol, "insecureIngest": insecure });
    if let Some(stage) = stage {
        input["stageArn"] = stage.into();
    }
    let (status, output) = call(server.http, "CreateIngestConfiguration", &input);
    assert_eq!(status, 200, "{output}");
    output["ingestConfiguration"].clone()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn state(server: &Server, configuration: &Value) -> String {
    let input = json!({ "arn": configuration["arn"] });
    let (_, output) = call(server.http, "GetIngestConfiguration", &input);
    text(&output["ingestConfiguration"]["state"]).to_owned()
}

#[test]
fn t53_a_stream_key_is_taken_refused_and_taken_again_and_is_in_no_log() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::dev(folder.path(), &["--log-level", "trace"]);
    let rtmp = server.rtmp.unwrap();
    let (status, output) = call(server.http, "CreateStage", &json!({}));
    assert_eq!(status, 200, "{output}");
    let stage = text(&output["stage"]["arn"]).to_owned();
    assert_eq!(
        text(&output["stage"]["endpoints"]["rtmp"]),
        format!("rtmp://{rtmp}/app/")
    );
    let open = configuration(&server, Some(&stage), true);
    let closed = configuration(&server, Some(&stage), false);
    let detached = configuration(&server, None, true);
    let key = text(&open["streamKey"]);
    let guess = format!("{}{}", &key[..key.len() - 8], "canaryca");

    for (app, key, code) in [
        ("app", guess.as_str(), "INVALID_STREAM_KEY"),
        ("app", "canary", "INVALID_STREAM_KEY"),
        ("canary", key, "INVALID_APP"),
        ("app", text(&closed["streamKey"]), "INVALID_PROTOCOL"),
        ("app", text(&detached["streamKey"]), "NOT_ATTACHED"),
    ] {
        let reason = Encoder::connect(rtmp, app, key).reason();
        assert!(reason.starts_with(code), "{reason}");
    }
    let mut first = Encoder::connect(rtmp, "app", key);
    first.publish();
    until("the configuration is active", || {
        (state(&server, &open) == "ACTIVE").then_some(())
    });
    let reason = Encoder::connect(rtmp, "app", key).reason();
    assert!(reason.starts_with("REUSE_OF_STREAM_KEY"), "{reason}");
    drop(first);
    until("the configuration is inactive", || {
        (state(&server, &open) == "INACTIVE").then_some(())
    });
    let mut again = Encoder::connect(rtmp, &format!("app/{key}"), "");
    again.publish();

    let bearer = [("Authorization", "Bearer test")];
    let report = send(server.http, "GET", "/_downstage/ingest", &bearer, "").body;
    let metrics = get(server.http, "/metrics").body;
    assert!(metrics.contains("ingest_refusals_total{reason=\"NOT_ATTACHED\"} 1"));
    server.signal("TERM");
    let reason = again.reason();
    assert!(reason.starts_with("DISCONNECTED"), "{reason}");
    assert_eq!(server.wait().code(), Some(0));

    let log = server.log();
    for code in ["NOT_ATTACHED", "INVALID_APP", "REUSE_OF_STREAM_KEY"] {
        assert!(log.contains(code), "the log does not say {code}");
    }
    assert!(report.contains("INVALID_STREAM_KEY"), "{report}");
    for text in [log, report, metrics, server.out()] {
        let found = |secret: &str| text.lines().find(|line| line.contains(secret));
        for each in [&open, &closed, &detached] {
            let key = each["streamKey"].as_str().unwrap();
            let secret = key.rsplit('_').next().unwrap();
            assert_eq!(found(secret), None);
        }
        assert_eq!(found("canary"), None);
    }
}

#[test]
fn ports_that_are_off_are_not_told_and_one_that_is_taken_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut start = command();
    start.args(["dev", "--ephemeral", "--http", "127.0.0.1:0"]);
    start.args(["--media", "127.0.0.1:0", "--rtmps", "off", "--rtmp"]);
    let output = start.arg(&address).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains(&format!("cannot listen on {address} for RTMP")),
        "{error}"
    );

    let mut start = command();
    start.args(["dev", "--ephemeral", "--http", "127.0.0.1:0"]);
    start.args(["--media", "127.0.0.1:0", "--rtmp", "off", "--rtmps", "off"]);
    let server = Server::start(start, folder.path());
    assert_eq!(server.rtmp, None);
    let (_, output) = call(server.http, "CreateStage", &json!({}));
    let endpoints = output["stage"]["endpoints"].as_object().unwrap();
    let names: Vec<_> = endpoints.keys().collect();
    assert_eq!(names, ["events", "whip"]);
    assert!(!server.out().contains("rtmp://"), "{}", server.out());
}

#[cfg(unix)]
#[test]
fn the_certificate_that_dev_makes_is_kept_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join("data").join(name);
    let certificate = || std::fs::read(file("rtmps-certificate.pem")).unwrap();
    drop(Server::dev(folder.path(), &[]));
    let first = certificate();
    drop(Server::dev(folder.path(), &[]));
    assert_eq!(certificate(), first);
    for name in ["rtmps-certificate.pem", "rtmps-key.pem"] {
        let mode = std::fs::metadata(file(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}
