//! The choice of a layer by a plain WHEP client (the layer extension of WHEP).
//!
//! An empty object leaves the choice to the server again. Each choice takes the place of the one before.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{Request, StatusCode};
use serde::Deserialize;
use sfu::{LayerLabel, VideoWant, Want};

use super::{JSON, request, session};
use crate::news::News;
use crate::plane::Plane;
use crate::problem::Problem;
use crate::worker::Order;

/// Longest side of a picture that anybody names, pixels.
const SIDE_MAX: u32 = 16_384;

/// What a client asks for. Members that the drafts have and we do not serve (spatial and temporal ids) are ignored.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Choice {
    /// The `mid` of the section, if it is named.
    media_id: Option<String>,
    /// The layer by its RID.
    encoding_id: Option<String>,
    /// The same in other drafts.
    rid: Option<String>,
    /// Widest picture of use, pixels.
    max_width: Option<u32>,
    /// Highest picture of use, pixels.
    max_height: Option<u32>,
}

/// POST.
pub(super) async fn choose(
    State(plane): State<Arc<Plane>>,
    Path(name): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let (key, session) =
        session::subscription(&plane, &name, (request.headers(), request.extensions())).await?;
    let news = plane.connections.news(key);
    let (Some(news), Some(publisher)) = (news, session.publisher) else {
        return Err(session::not_a_subscription());
    };
    let body = request::text(request, JSON).await?;
    let choice: Choice = serde_json::from_str(&body)
        .map_err(|_| malformed("the body must be an object with encodingId, maxWidth, …"))?;
    let video = choice.video(session.video_mid.as_deref(), &news)?;
    let want = Want {
        publisher,
        audio: true,
        video: Some(video),
    };
    let order = Order::Want {
        connection: session.connection,
        wants: vec![want],
        homes: BTreeMap::new(),
    };
    let worker = plane
        .workers
        .get(session.worker)
        .ok_or_else(Problem::internal)?;
    worker.try_order(order).map_err(|_| Problem::overloaded())?;
    Ok(StatusCode::OK.into_response())
}

impl Choice {
    fn video(self, mid: Option<&str>, news: &News) -> Result<VideoWant, Problem> {
        let mid = mid.ok_or_else(|| {
            Problem::new(
                StatusCode::CONFLICT,
                "NO_VIDEO",
                "the session receives no video",
            )
        })?;
        if self.media_id.is_some_and(|media_id| media_id != mid) {
            return Err(Problem::new(
                StatusCode::NOT_FOUND,
                "MEDIA_NOT_FOUND",
                "mediaId is not the mid of the session's video",
            ));
        }
        if self.encoding_id.is_some() && self.rid.is_some() && self.encoding_id != self.rid {
            return Err(malformed("encodingId and rid are two layers"));
        }
        let layer = match self.encoding_id.or(self.rid) {
            None => None,
            Some(label) => {
                let unknown = || {
                    let message = "the publisher does not send such a layer at the moment";
                    Problem::new(StatusCode::NOT_FOUND, "LAYER_NOT_FOUND", message)
                };
                let label = LayerLabel::parse(&label).ok_or_else(unknown)?;
                // As long as no layer has been seen it may be one of them; `sfu` keeps the wish until it is.
                let is_there = news.layers.as_ref().is_none_or(|layers| {
                    let mut all = layers.layers.iter();
                    layers.layers.is_empty() || all.any(|layer| layer.label == label)
                });
                Some(is_there.then_some(label).ok_or_else(unknown)?)
            }
        };
        Ok(VideoWant {
            layer,
            pixels_max: pixels(self.max_width, self.max_height)?,
            ..VideoWant::default()
        })
    }
}

/// The area of the largest picture of use. Where one side alone is given, that of a 16:9 picture with it.
fn pixels(width: Option<u32>, height: Option<u32>) -> Result<Option<u32>, Problem> {
    let is_sound = |side: Option<u32>| side.is_none_or(|side| (1..=SIDE_MAX).contains(&side));
    if !is_sound(width) || !is_sound(height) {
        return Err(malformed("maxWidth and maxHeight are 1 to 16384 pixels"));
    }
    Ok(match (width, height) {
        (None, None) => None,
        (Some(width), Some(height)) => Some(width * height),
        (Some(width), None) => Some(width * width * 9 / 16),
        (None, Some(height)) => Some(height * height / 9 * 16),
    })
}

fn malformed(message: &'static str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "LAYER_MALFORMED", message)
}

#[cfg(test)]
mod tests {
    use model::ConnectionId;
    use sfu::{Layer, LayerReason, Layers};

    use super::*;

    fn chosen(text: &str, news: &News) -> Result<VideoWant, u16> {
        let choice: Choice = serde_json::from_str(text).map_err(|_| 0_u16)?;
        choice
            .video(Some("1"), news)
            .map_err(|problem| problem.status.as_u16())
    }

    fn layers(labels: &[&str]) -> News {
        let layer = |label: &&str| Layer {
            label: LayerLabel::parse(label).unwrap(),
            width: 0,
            height: 0,
            frames_per_second: 0,
            bitrate_bps: 0,
        };
        let layers = Layers {
            publisher: ConnectionId(1),
            layers: labels.iter().map(layer).collect(),
            selected: None,
            reason: LayerReason::Automatic,
        };
        News {
            layers: Some(Arc::new(layers)),
        }
    }

    #[test]
    fn a_choice_names_a_layer_that_is_there_or_none() {
        let (known, silent, unknown) = (layers(&["l", "h"]), layers(&[]), News::default());
        for (text, news, expected) in [
            ("{}", &known, Ok(None)),
            ("{\"encodingId\":\"h\"}", &known, Ok(Some("h"))),
            ("{\"rid\":\"l\",\"mediaId\":\"1\"}", &known, Ok(Some("l"))),
            (
                "{\"rid\":\"l\",\"encodingId\":\"l\"}",
                &known,
                Ok(Some("l")),
            ),
            ("{\"rid\":\"l\",\"encodingId\":\"h\"}", &known, Err(400)),
            ("{\"encodingId\":\"m\"}", &known, Err(404)),
            ("{\"encodingId\":\"m\"}", &unknown, Ok(Some("m"))),
            ("{\"encodingId\":\"m\"}", &silent, Ok(Some("m"))),
            ("{\"encodingId\":\"\"}", &unknown, Err(404)),
            ("{\"encodingId\":\"a b\"}", &unknown, Err(404)),
            ("{\"mediaId\":\"0\"}", &known, Err(404)),
            ("{\"spatialLayerId\":1}", &known, Ok(None)),
            ("{\"maxWidth\":0}", &known, Err(400)),
            ("{\"maxHeight\":16385}", &known, Err(400)),
        ] {
            let layer = chosen(text, news).map(|want| want.layer);
            let expected = expected.map(|label| label.and_then(LayerLabel::parse));
            assert_eq!(layer, expected, "{text}");
        }
        let nothing = Choice::default().video(None, &known).unwrap_err();
        assert_eq!(nothing.status, 409);
    }

    #[test]
    fn a_size_is_an_area() {
        for (text, expected) in [
            ("{\"maxWidth\":640,\"maxHeight\":360}", Some(230_400)),
            ("{\"maxWidth\":640}", Some(230_400)),
            ("{\"maxHeight\":360}", Some(230_400)),
            (
                "{\"maxWidth\":16384,\"maxHeight\":16384}",
                Some(268_435_456),
            ),
            ("{\"maxHeight\":16384}", Some(477_218_576)),
            ("{}", None),
        ] {
            let pixels = chosen(text, &News::default()).unwrap().pixels_max;
            assert_eq!(pixels, expected, "{text}");
        }
    }
}
