//! What a load is made of, and its bounds.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

mod check;
mod ingest;
#[cfg(test)]
mod tests;

pub use check::OptionsError;
pub use ingest::{Rtmp, RtmpUrl, RtmpUrlError};

/// Publishers of one load, at most: as many as an account of a stage service has ingest configurations.
pub const PUBLISHERS_MAX: usize = 100;
/// Viewers of one load, at most, those of a storm included.
pub const VIEWERS_MAX: usize = 2_000;
/// Connections of one load, at most: a viewer by WHEP has one for each publisher.
pub const CONNECTIONS_MAX: usize = 8_000;
/// Longest load.
pub const DURATION_MAX: Duration = Duration::from_hours(1);
/// Simulcast layers of a publisher, at most.
pub const LAYERS_MAX: usize = 3;

/// A load.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to.
    pub target: Target,
    /// How many publish.
    pub publishers: usize,
    /// How many view. Each views every publisher.
    pub viewers: usize,
    /// What a publisher sends.
    pub source: Source,
    /// Where publishers go, if they come by RTMP.
    pub rtmp: Option<Rtmp>,
    /// How viewers come.
    pub joins: Joins,
    /// Further viewers that come while it is measured.
    pub storm: Option<Storm>,
    /// How long media flows before counting begins.
    pub warm_up: Duration,
    /// How long it is counted.
    pub duration: Duration,
    /// Counting ends as soon as every viewer has decrypted so many packets.
    pub packets_enough: Option<u64>,
    /// What stands between the server and the viewers.
    pub impairment: Impairment,
    /// Tokens of the viewers, in turn, where a token lets one viewer in; without any the doors' own are used.
    pub viewer_bearers: Vec<Bearer>,
    /// Address that clients bind to; if `None`, the one from which the server is reached.
    pub bind: Option<IpAddr>,
    /// Lets the kernel hand several datagrams to a viewer at once (UDP GRO). Cheaper for the load; on loopback, cheaper for
    /// servers that send by GSO too, because their batches are then never cut up.
    pub gro: bool,
}

/// Where a load goes.
#[derive(Clone, Debug)]
pub enum Target {
    /// A downstage server, or AWS itself: tokens are made by the control API.
    Stage {
        /// Base URL of the control API.
        endpoint: String,
        /// The stage; one is made, and deleted at the end, if `None`.
        stage: Option<String>,
        /// The access key.
        credentials: Credentials,
        /// How viewers watch.
        watching: Watching,
    },
    /// Any server with WHIP and WHEP doors.
    Doors {
        /// One for each publisher; a shorter list is gone through again and again. None where publishers come by RTMP.
        whip: Vec<Endpoint>,
        /// One for each publisher: viewers ask each once, also with a shorter list.
        whep: Vec<Endpoint>,
    },
}

/// How viewers of a stage watch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Watching {
    /// A WHEP connection for each publisher.
    #[default]
    Whep,
    /// One connection with slots, by the `stage.v1` WebSocket.
    StageV1,
}

/// A WHIP or WHEP URL.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// `http://` or `https://`.
    pub url: String,
    /// Sent as `Authorization: Bearer`.
    pub bearer: Option<Bearer>,
}

/// A bearer token. Its `Debug` shows nothing.
#[derive(Clone)]
pub struct Bearer(pub String);

impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer(..)")
    }
}

/// An access key of the control API. Its `Debug` does not show the secret.
#[derive(Clone)]
pub struct Credentials {
    /// Access key id.
    pub id: String,
    /// Secret access key.
    pub secret: String,
    /// Region that calls are signed for.
    pub region: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({}, {})", self.id, self.region)
    }
}

/// What a publisher sends.
#[derive(Clone, Debug)]
pub struct Source {
    /// Video layers, lowest first: none for audio only, one for plain video, two or three for simulcast.
    pub layers: Vec<Layer>,
    /// Pictures per second.
    pub frames_per_second: u32,
    /// Bytes of RTP payload in a video packet, at most.
    pub payload_bytes: usize,
    /// When the packets of a picture leave.
    pub pacing: Pacing,
    /// Time between two key frames that nobody asked for.
    pub key_frame_interval: Duration,
    /// Whether a key frame is made when the server asks for one.
    pub answers_requests: bool,
    /// Opus at 50 packets a second, with audio levels; by RTMP AAC-LC in stereo, 48 kHz, 128 kbit/s.
    pub audio: bool,
    /// Whether all this is offered only, and never sent.
    pub silent: bool,
}

/// One video layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Bits of RTP payload per second.
    pub bitrate_bps: u64,
    /// Pixels; a multiple of 2.
    pub width: u16,
    /// Pixels; a multiple of 2.
    pub height: u16,
}

/// When the packets of a picture leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pacing {
    /// All at once, as encoders without a pacer do.
    #[default]
    Burst,
    /// Evenly over the time of the picture.
    Spaced,
}

/// How viewers come.
#[derive(Clone, Copy, Debug)]
pub struct Joins {
    /// Offers that wait for an answer at the same time.
    pub at_once: usize,
    /// Viewers per second, at most; as fast as they are answered if `None`.
    pub per_second: Option<u32>,
    /// Whether publishers send while viewers join. If not, they begin when all have: the join alone is then measured.
    pub media_first: bool,
}

/// Viewers that come all together while others are measured.
#[derive(Clone, Copy, Debug)]
pub struct Storm {
    /// How many.
    pub viewers: usize,
    /// From the first to the last.
    pub within: Duration,
}

/// What happens to media on its way to a viewer. It stands in for a network emulator where the kernel has none; ICE and DTLS
/// are spared, and so is what viewers send.
#[derive(Clone, Debug, Default)]
pub struct Impairment {
    /// Lost packets, in percent.
    pub loss_percent: f64,
    /// Each packet is later by this.
    pub delay: Duration,
    /// And by up to this, at random; packets overtake each other.
    pub jitter: Duration,
    /// Packets that are held back for `reorder_delay`, in percent.
    pub reorder_percent: f64,
    /// How long they are held back.
    pub reorder_delay: Duration,
    /// Rates in kbit/s, given to the viewers in turn; 0 is no limit. A token bucket with a queue of 200 ms, counting IP headers.
    pub rates_kbps: Vec<u32>,
    /// Where chance begins.
    pub seed: u64,
}

impl Impairment {
    /// Whether it does nothing.
    pub fn is_none(&self) -> bool {
        self.loss_percent <= 0.0
            && self.delay.is_zero()
            && self.jitter.is_zero()
            && self.reorder_percent <= 0.0
            && self.rates_kbps.iter().all(|rate| *rate == 0)
    }
}

impl Default for Source {
    fn default() -> Self {
        Self {
            layers: vec![Layer::HD],
            frames_per_second: 30,
            payload_bytes: 1_160,
            pacing: Pacing::Burst,
            key_frame_interval: Duration::from_secs(2),
            answers_requests: true,
            audio: false,
            silent: false,
        }
    }
}

impl Layer {
    /// 1280x720 in nine full packets a picture: 2.5 Mbit/s.
    pub const HD: Self = Self {
        bitrate_bps: 2_505_600,
        width: 1280,
        height: 720,
    };

    /// Three layers as browsers send them: a quarter, half and whole of 1280x720.
    pub const SIMULCAST: [Self; 3] = [
        Self {
            bitrate_bps: 200_000,
            width: 320,
            height: 180,
        },
        Self {
            bitrate_bps: 700_000,
            width: 640,
            height: 360,
        },
        Self::HD,
    ];
}

impl Default for Joins {
    fn default() -> Self {
        Self {
            at_once: 8,
            per_second: None,
            media_first: true,
        }
    }
}

impl Options {
    /// One publisher of 2.5 Mbit/s and so many viewers, for ten seconds after three of warm-up.
    pub fn new(target: Target, viewers: usize) -> Self {
        Self {
            target,
            publishers: 1,
            viewers,
            source: Source::default(),
            rtmp: None,
            joins: Joins::default(),
            storm: None,
            warm_up: Duration::from_secs(3),
            duration: Duration::from_secs(10),
            packets_enough: None,
            impairment: Impairment::default(),
            viewer_bearers: Vec::new(),
            bind: None,
            gro: true,
        }
    }

    /// Viewers, those of a storm included.
    pub fn viewers_in_all(&self) -> usize {
        self.viewers
            .saturating_add(self.storm.map_or(0, |storm| storm.viewers))
    }
}

/// Ends a load from another thread or a signal; it then reports what it has. Clones are one.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Says that it is enough.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it has been said.
    pub fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The options are at fault.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// This machine gave no socket, thread or timer.
    #[error("{what}")]
    Machine {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// The control API did not give what is needed.
    #[error("{call}: {why}")]
    Control {
        /// The call.
        call: &'static str,
        /// The answer, or why there is none.
        why: String,
    },
    /// Not every publisher could connect, so there is nothing to measure. Viewers that cannot are in the report.
    #[error("{connected} of {asked} publishers connected: {why}")]
    NoPublisher {
        /// So many did.
        connected: usize,
        /// So many should.
        asked: usize,
        /// What the first failure was.
        why: String,
    },
}
