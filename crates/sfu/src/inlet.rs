//! A publisher without a connection: what it sends is packetised outside of the worker, and comes in as packets that are checked
//! and numbered already.

mod line;
mod packetiser;
mod sets;
#[cfg(test)]
mod tests;

pub use packetiser::Packetiser;

use crate::answer::Agreed;
use crate::codec::{Codec, Kind, Payload};
use crate::io::LayerLabel;
use crate::offer::Section;
use crate::packet::Track;

/// What a publisher without a connection sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InletDescription {
    /// Whether it sends audio: Opus.
    pub audio: bool,
    /// The encodings of its video in the order of [`Packetiser`]'s layers, H.264 each; none if it sends no video. More than three
    /// are not looked at.
    pub video: Vec<InletVideo>,
}

/// One encoding of an inlet's video.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InletVideo {
    /// What it is called; [`LayerLabel::ONLY`] where there is one.
    pub label: LayerLabel,
    /// `profile_idc`, the constraint flags and `level_idc`, as they stand in a sequence parameter set and in an
    /// `AVCDecoderConfigurationRecord`.
    pub profile_level: [u8; 3],
}

/// The payload types that stand for what an inlet sends. Nobody outside ever sees them.
const OPUS: u8 = 111;
const H264: u8 = 96;

impl InletDescription {
    /// The same in the words of an agreement with a publisher that has made an offer.
    pub(crate) fn agreed(&self) -> Vec<Agreed> {
        let audio = self
            .audio
            .then(|| agreed(Kind::Audio, OPUS, String::new(), Vec::new()));
        let video = self.video.get(..Track::LAYERS_MAX).unwrap_or(&self.video);
        // Viewers are offered one profile for all layers: the highest encoding's.
        let video = video.last().map(|highest| {
            let [profile, constraints, level] = highest.profile_level;
            let format = format!(
                "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id={profile:02x}{constraints:02x}{level:02x}"
            );
            let labels = video.iter().map(|layer| layer.label.clone()).collect();
            agreed(Kind::Video, H264, format, labels)
        });
        audio.into_iter().chain(video).collect()
    }
}

fn agreed(kind: Kind, number: u8, format: String, layers: Vec<LayerLabel>) -> Agreed {
    let (codec, mid) = match kind {
        Kind::Audio => (Codec::Opus, "0"),
        Kind::Video => (Codec::H264, "1"),
    };
    let payload = Payload {
        codec,
        number,
        rtx: None,
        redundant: None,
        format,
        feedback: Vec::new(),
    };
    Agreed {
        section: Section {
            kind,
            mid: mid.to_owned(),
            payloads: vec![payload.clone()],
            extensions: Vec::new(),
            source: None,
            layers,
            has_reduced_size: false,
        },
        payloads: vec![payload],
    }
}
