//! `GET /_downstage/ingest`: who publishes by RTMP at this moment and what comes from them, and why others may not.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::StatusCode;
use model::{IngestRefusal, IngestReport, IngestStatus, IngestStream};
use serde_json::{Map, Value, json};

use super::problem::Problem;
use super::{Admin, no_query};

pub(super) async fn serve(
    State(admin): State<Arc<Admin>>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    no_query(query.as_deref())?;
    let report = print(&(admin.ingest)());
    Ok(super::json(StatusCode::OK, format!("{report}\n")))
}

fn print(report: &IngestReport) -> Value {
    let configurations: Vec<Value> = report.configurations.iter().map(configuration).collect();
    let refusals: Vec<Value> = report.refusals.iter().map(refusal).collect();
    json!({ "configurations": configurations, "refusals": refusals })
}

fn configuration(status: &IngestStatus) -> Value {
    let streams: Vec<Value> = status.streams.iter().map(stream).collect();
    let mut printed = json!({ "arn": status.configuration.to_string(), "streams": streams });
    if let (Some(last), Value::Object(printed)) = (&status.last_refusal, &mut printed) {
        printed.insert("lastRefusal".to_owned(), refusal(last));
    }
    printed
}

fn stream(stream: &IngestStream) -> Value {
    let video = measured(json!({
        "codec": stream.video_codec,
        "width": stream.width,
        "height": stream.height,
        "layers": stream.layers,
        "framesPerSecond": (stream.frames_per_second * 100.0).round() / 100.0,
        "keyFrameIntervalMs": stream.key_frame_interval_ms,
        "bitrateBps": stream.video_bitrate_bps,
    }));
    let audio = measured(json!({
        "sampleRateHz": stream.audio_sample_rate,
        "channels": stream.audio_channels,
        "bitrateBps": stream.audio_bitrate_bps,
    }));
    json!({
        "participantId": stream.participant.as_str(),
        "protocol": stream.protocol.as_str(),
        "address": stream.address.to_string(),
        "encoder": stream.encoder,
        "since": stream.since.to_string(),
        "activeLeg": stream.is_active_leg,
        "video": video,
        "audio": audio,
    })
}

/// Only the members of which something is known.
fn measured(figures: Value) -> Map<String, Value> {
    let Value::Object(figures) = figures else {
        return Map::new();
    };
    let is_known = |value: &Value| value.as_f64() != Some(0.0) && value.as_str() != Some("");
    let known = figures.into_iter().filter(|(_, value)| is_known(value));
    known.collect()
}

fn refusal(refusal: &IngestRefusal) -> Value {
    json!({
        "at": refusal.at.to_string(),
        "code": refusal.code,
        "message": refusal.what,
        "address": refusal.address.to_string(),
    })
}
