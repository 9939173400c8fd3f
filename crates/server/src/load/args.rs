//! What `downstage load` is told.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use load::{Layer, RtmpUrl};

use crate::config::{Redacted, Span};

/// `load`.
#[derive(Args, Debug)]
pub(crate) struct LoadArgs {
    #[command(flatten)]
    pub(super) target: TargetArgs,
    #[command(flatten)]
    pub(super) source: SourceArgs,
    #[command(flatten)]
    pub(super) network: NetworkArgs,
    /// How many publish: 1 to 100.
    #[arg(long, default_value_t = 1)]
    pub(super) publishers: usize,
    /// How many view every publisher: up to 2,000. 10, or nobody where RTMP URLs come without WHEP URLs.
    #[arg(long)]
    pub(super) viewers: Option<usize>,
    /// How long media is counted: up to an hour. Ctrl-C ends it early and reports.
    #[arg(long, default_value = "10s")]
    pub(super) duration: Span,
    /// How long media flows before it is counted.
    #[arg(long, default_value = "3s")]
    pub(super) warm_up: Span,
    /// Viewers whose offers wait for an answer at the same time.
    #[arg(long, default_value_t = 8)]
    pub(super) joins_at_once: usize,
    /// Viewers who join per second, at most.
    #[arg(long)]
    pub(super) joins_per_second: Option<u32>,
    /// Further viewers who come while it is counted.
    #[arg(long, default_value_t = 0)]
    pub(super) storm: usize,
    /// From the first to the last of them.
    #[arg(long, default_value = "2s")]
    pub(super) storm_within: Span,
    /// Stop counting as soon as each viewer has so many packets.
    #[arg(long, value_name = "PACKETS")]
    pub(super) enough: Option<u64>,
    /// Print the report as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// Where to.
#[derive(Args, Debug)]
#[command(next_help_heading = "Server")]
pub(super) struct TargetArgs {
    /// Base URL of the control API of a downstage server, which makes the tokens.
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:7400",
        conflicts_with = "whip_url"
    )]
    pub(super) endpoint: String,
    /// The stage; without it one is made, and deleted at the end.
    #[arg(long, value_name = "ARN", conflicts_with = "whip_url")]
    pub(super) stage: Option<String>,
    /// Access key id for the control API.
    #[arg(long, env = "AWS_ACCESS_KEY_ID", default_value = "test")]
    pub(super) access_key_id: String,
    /// Its secret. Give it by the environment, where others cannot read it.
    #[arg(
        long,
        env = "AWS_SECRET_ACCESS_KEY",
        hide_env_values = true,
        default_value = "test",
        hide_default_value = true
    )]
    pub(super) secret_access_key: Redacted,
    /// Region that calls are signed for.
    #[arg(long, env = "AWS_REGION", default_value = "us-west-2")]
    pub(super) region: String,
    /// How viewers of a stage watch.
    #[arg(long, value_enum, default_value_t = Watch::Whep)]
    pub(super) watch: Watch,
    /// A WHIP URL of any server, instead of a stage; several are for the publishers in turn.
    #[arg(long, value_name = "URL", requires = "whep_url")]
    pub(super) whip_url: Vec<String>,
    /// Its WHEP URL; several are one for each publisher.
    #[arg(long, value_name = "URL")]
    pub(super) whep_url: Vec<String>,
    /// Publish by RTMP or RTMPS and not by WebRTC. rtmp://host:1935/app goes to a stage, with keys by its control API; with a key
    /// behind it, rtmp://host:1935/app/key, to any server, and several are for the publishers in turn.
    #[arg(long, value_name = "URL", conflicts_with = "whip_url")]
    pub(super) rtmp: Vec<RtmpUrl>,
    /// Stream keys for any server, one in a line, for the publishers in turn: on a command line others can read them.
    #[arg(long, value_name = "FILE", requires = "rtmp")]
    pub(super) rtmp_keys: Option<PathBuf>,
    /// Take any certificate for RTMPS, such as that of a dev server.
    #[arg(long, requires = "rtmp")]
    pub(super) rtmp_any_certificate: bool,
    /// Bearer tokens for WHIP, one in a line, for the publishers in turn.
    #[arg(long, value_name = "FILE", requires = "whip_url")]
    pub(super) whip_tokens: Option<PathBuf>,
    /// Bearer tokens for WHEP, one in a line, for the viewers in turn.
    #[arg(long, value_name = "FILE", requires = "whep_url")]
    pub(super) whep_tokens: Option<PathBuf>,
    /// Address that clients bind to; without it the one from which the server is reached.
    #[arg(long, value_name = "IP")]
    pub(super) bind: Option<IpAddr>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Watch {
    /// A connection for each publisher.
    Whep,
    /// One connection, by the stage.v1 WebSocket.
    StageV1,
}

/// What publishers send.
#[derive(Args, Debug)]
#[command(next_help_heading = "Publishers")]
pub(super) struct SourceArgs {
    /// Video as WIDTHxHEIGHT@KBPS; up to three, lowest first, are simulcast.
    #[arg(long, value_name = "LAYER", default_value = "1280x720@2506", conflicts_with_all = ["simulcast", "no_video"])]
    pub(super) layer: Vec<LayerArg>,
    /// Three layers: 320x180@200, 640x360@700 and 1280x720@2506.
    #[arg(long, conflicts_with = "no_video")]
    pub(super) simulcast: bool,
    /// No video.
    #[arg(long, requires = "audio")]
    pub(super) no_video: bool,
    /// Opus at 50 packets a second. By RTMP there is always audio, AAC of 128 kbit/s.
    #[arg(long)]
    pub(super) audio: bool,
    /// Pictures per second.
    #[arg(long, default_value_t = 30)]
    pub(super) frame_rate: u32,
    /// Bytes of payload in a video packet.
    #[arg(long, default_value_t = 1_160)]
    pub(super) packet_bytes: usize,
    /// When the packets of a picture leave.
    #[arg(long, value_enum, default_value_t = Pace::Burst)]
    pub(super) pacing: Pace,
    /// Time between two key frames.
    #[arg(long, default_value = "2s")]
    pub(super) key_frame_interval: Span,
    /// When key frames are made.
    #[arg(long, value_enum, default_value_t = KeyFrames::Asked)]
    pub(super) key_frames: KeyFrames,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub(super) enum KeyFrames {
    /// At their interval, and when the server asks.
    Asked,
    /// At their interval only.
    Fixed,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Pace {
    /// All at once.
    Burst,
    /// Evenly over the time of the picture.
    Spaced,
}

/// What stands between the server and the viewers.
#[derive(Args, Debug)]
#[command(next_help_heading = "Network of the viewers")]
pub(super) struct NetworkArgs {
    /// Lost packets, in percent.
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0)]
    pub(super) loss: f64,
    /// Each packet is later by this.
    #[arg(long, default_value = "0ms")]
    pub(super) delay: Span,
    /// And by up to this, at random.
    #[arg(long, default_value = "0ms")]
    pub(super) jitter: Span,
    /// Packets that are held back, in percent.
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0)]
    pub(super) reorder: f64,
    /// How long they are held back.
    #[arg(long, default_value = "20ms")]
    pub(super) reorder_delay: Span,
    /// Rates in kbit/s for the viewers in turn; 0 is no limit.
    #[arg(long, value_name = "KBPS", value_delimiter = ',')]
    pub(super) rate: Vec<u32>,
    /// Where chance begins.
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// Receive datagrams one by one and not several at once (UDP GRO): a dearer load, and on loopback a dearer server.
    #[arg(long)]
    pub(super) no_gro: bool,
}

/// A layer on the command line.
#[derive(Clone, Copy, Debug)]
pub(super) struct LayerArg(pub(super) Layer);

/// Why a text is no layer.
#[derive(Debug)]
pub(super) struct LayerArgError;

impl fmt::Display for LayerArgError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected WIDTHxHEIGHT@KBPS, such as 640x360@700")
    }
}

impl std::error::Error for LayerArgError {}

impl FromStr for LayerArg {
    type Err = LayerArgError;

    fn from_str(text: &str) -> Result<Self, LayerArgError> {
        let read = || {
            let (size, kbps) = text.split_once('@')?;
            let (width, height) = size.split_once('x')?;
            let kbps: u64 = kbps.parse().ok()?;
            Some(Layer {
                bitrate_bps: kbps.checked_mul(1_000)?,
                width: width.parse().ok()?,
                height: height.parse().ok()?,
            })
        };
        read().map(Self).ok_or(LayerArgError)
    }
}
