//! What there is to tell about the media of a subscription: its publisher's layers, and which of them it gets.
//!
//! Workers put the newest in; streams of events take it out as fast as their clients read, so that a slow one skips what is old.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use sfu::{LayerReason, Layers};

/// The newest of one session.
#[derive(Clone, Debug, Default)]
pub(crate) struct News {
    /// The layers of the publisher's video; `None` before there is word of any.
    pub(crate) layers: Option<Arc<Layers>>,
}

/// The layers by the `mid` of the section that carries them, in the words of the drafts about events of WebRTC-HTTP egress.
/// `layers` has one entry for each, lowest first; `selected` and `reason` are ours.
pub(crate) fn layers_json(mid: &str, layers: &Layers) -> Value {
    let each = layers.layers.iter().enumerate();
    let active: Vec<Value> = each
        .clone()
        .map(|(index, layer)| {
            json!({
                "id": layer.label.as_str(),
                "simulcastIdx": index,
                "bitrate": layer.bitrate_bps,
                "width": layer.width,
                "height": layer.height,
                "framesPerSecond": layer.frames_per_second,
            })
        })
        .collect();
    let listed: Vec<Value> = each
        .map(|(index, layer)| {
            json!({
                "encodingId": layer.label.as_str(),
                "simulcastIdx": index,
                "bitrate": layer.bitrate_bps,
            })
        })
        .collect();
    let track = json!({
        "active": active,
        "inactive": [],
        "layers": listed,
        "selected": layers.selected.as_ref().map(sfu::LayerLabel::as_str),
        "reason": reason(layers.reason),
    });
    Value::Object(Map::from_iter([(mid.to_owned(), track)]))
}

/// Why the layer is the one it is, as the word that clients of every protocol get.
pub(crate) fn reason(reason: LayerReason) -> &'static str {
    match reason {
        LayerReason::Automatic => "automatic",
        LayerReason::Selected => "selected",
        LayerReason::Unavailable => "unavailable",
        LayerReason::Bandwidth => "bandwidth",
    }
}

#[cfg(test)]
mod tests {
    use model::ConnectionId;
    use sfu::{Layer, LayerLabel};

    use super::*;

    #[test]
    fn layers_are_told_lowest_first_with_the_one_that_is_sent() {
        let layer = |label, width, height, bitrate_bps| Layer {
            label: LayerLabel::parse(label).unwrap(),
            width,
            height,
            frames_per_second: 30,
            bitrate_bps,
        };
        let layers = Layers {
            publisher: ConnectionId(1),
            layers: vec![layer("q", 320, 180, 200_000), layer("h", 640, 360, 700_000)],
            selected: LayerLabel::parse("h"),
            reason: LayerReason::Bandwidth,
        };
        let told = layers_json("1", &layers);
        assert_eq!(
            told["1"]["active"][0],
            json!({ "id": "q", "simulcastIdx": 0, "bitrate": 200_000, "width": 320, "height": 180, "framesPerSecond": 30 })
        );
        assert_eq!(told["1"]["layers"][1]["encodingId"], "h");
        assert_eq!(told["1"]["selected"], "h");
        assert_eq!(told["1"]["reason"], "bandwidth");
    }
}
