//! What is told of those who publish by RTMP.

use std::net::IpAddr;

use jiff::Timestamp;
use model::{
    IngestConfigurationArn, IngestProtocol, IngestRefusal, IngestReport, IngestStatus,
    IngestStream, ParticipantId,
};

use super::*;

const ARN: &str = "arn:aws:ivs:us-east-1:111111111111:ingest-configuration/studio";

#[tokio::test]
async fn a_server_to_which_nobody_publishes_says_so() {
    let world = World::new().await;
    let answer = world.administer("GET", "ingest", "").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(
        answer.json(),
        json!({ "configurations": [], "refusals": [] })
    );
}

#[tokio::test]
async fn streams_are_told_with_their_figures_and_refusals_with_their_reasons() {
    let world = World::new().await;
    *world.ingest.lock().unwrap() = IngestReport {
        configurations: vec![IngestStatus {
            configuration: IngestConfigurationArn::parse(ARN).unwrap(),
            streams: vec![stream()],
            last_refusal: Some(refusal("REUSE_OF_STREAM_KEY", "the key is in use")),
        }],
        refusals: vec![refusal(
            "INVALID_STREAM_KEY",
            "no configuration has this key",
        )],
    };
    let told = world.administer("GET", "ingest", "").await.json();
    assert_eq!(
        told,
        json!({
            "configurations": [{
                "arn": ARN,
                "streams": [{
                    "participantId": "obs",
                    "protocol": "RTMPS",
                    "address": "192.0.2.7",
                    "encoder": "FMLE/3.0 (compatible; FMSc/1.0)",
                    "since": "1970-01-01T00:00:00Z",
                    "activeLeg": true,
                    "video": {
                        "codec": "avc1.64001f", "width": 1280, "height": 720, "layers": 1, "framesPerSecond": 29.97,
                        "keyFrameIntervalMs": 2000, "bitrateBps": 2_500_000,
                    },
                    "audio": { "sampleRateHz": 48_000, "channels": 2, "bitrateBps": 128_000 },
                }],
                "lastRefusal": {
                    "at": "1970-01-01T00:00:00Z", "code": "REUSE_OF_STREAM_KEY", "message": "the key is in use",
                    "address": "192.0.2.7",
                },
            }],
            "refusals": [{
                "at": "1970-01-01T00:00:00Z", "code": "INVALID_STREAM_KEY", "message": "no configuration has this key",
                "address": "192.0.2.7",
            }],
        })
    );
}

#[tokio::test]
async fn what_is_not_measured_yet_is_absent() {
    let world = World::new().await;
    let fresh = IngestStream {
        encoder: String::new(),
        width: 0,
        height: 0,
        frames_per_second: 0.0,
        key_frame_interval_ms: 0,
        video_bitrate_bps: 0,
        audio_bitrate_bps: 0,
        audio_sample_rate: 0,
        audio_channels: 0,
        video_codec: String::new(),
        layers: 0,
        ..stream()
    };
    *world.ingest.lock().unwrap() = IngestReport {
        configurations: vec![IngestStatus {
            configuration: IngestConfigurationArn::parse(ARN).unwrap(),
            streams: vec![fresh],
            last_refusal: None,
        }],
        refusals: Vec::new(),
    };
    let told = world.administer("GET", "ingest", "").await.json();
    let told = &told["configurations"][0];
    assert_eq!(told.get("lastRefusal"), None);
    assert_eq!(told["streams"][0]["video"], json!({}));
    assert_eq!(told["streams"][0]["audio"], json!({}));
    assert_eq!(told["streams"][0]["encoder"], "");
}

fn address() -> IpAddr {
    IpAddr::from([192, 0, 2, 7])
}

fn refusal(code: &str, what: &str) -> IngestRefusal {
    IngestRefusal {
        at: Timestamp::UNIX_EPOCH,
        code: code.to_owned(),
        what: what.to_owned(),
        address: address(),
    }
}

fn stream() -> IngestStream {
    IngestStream {
        participant: ParticipantId::parse("obs").unwrap(),
        protocol: IngestProtocol::Rtmps,
        address: address(),
        encoder: "FMLE/3.0 (compatible; FMSc/1.0)".to_owned(),
        since: Timestamp::UNIX_EPOCH,
        width: 1280,
        height: 720,
        frames_per_second: 29.970_03,
        key_frame_interval_ms: 2000,
        video_bitrate_bps: 2_500_000,
        audio_bitrate_bps: 128_000,
        audio_sample_rate: 48_000,
        audio_channels: 2,
        video_codec: "avc1.64001f".to_owned(),
        layers: 1,
        is_active_leg: true,
    }
}
