//! `downstage load`: publishers and viewers against a server, and what they saw.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::{Context as _, bail, ensure};
use clap::{Args, ValueEnum};
use load::{
    Bearer, Credentials, Endpoint, Impairment, Joins, Layer, Options, Pacing, Phase, Source, Stop,
    Storm, Target, Watching,
};

use crate::config::{Redacted, Span};
use crate::signals::Signals;
use crate::terminal;

/// Tokens of everybody, 2 KB each, and then some.
const TOKENS_BYTES_MAX: u64 = 8 * 1_024 * 1_024;

/// `load`.
#[derive(Args, Debug)]
pub(crate) struct LoadArgs {
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    network: NetworkArgs,
    /// How many publish: 1 to 64.
    #[arg(long, default_value_t = 1)]
    publishers: usize,
    /// How many view every publisher: up to 2,000.
    #[arg(long, default_value_t = 10)]
    viewers: usize,
    /// How long media is counted: up to an hour. Ctrl-C ends it early and reports.
    #[arg(long, default_value = "10s")]
    duration: Span,
    /// How long media flows before it is counted.
    #[arg(long, default_value = "3s")]
    warm_up: Span,
    /// Viewers whose offers wait for an answer at the same time.
    #[arg(long, default_value_t = 8)]
    joins_at_once: usize,
    /// Viewers who join per second, at most.
    #[arg(long)]
    joins_per_second: Option<u32>,
    /// Further viewers who come while it is counted.
    #[arg(long, default_value_t = 0)]
    storm: usize,
    /// From the first to the last of them.
    #[arg(long, default_value = "2s")]
    storm_within: Span,
    /// Stop counting as soon as each viewer has so many packets.
    #[arg(long, value_name = "PACKETS")]
    enough: Option<u64>,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

/// Where to.
#[derive(Args, Debug)]
#[command(next_help_heading = "Server")]
struct TargetArgs {
    /// Base URL of the control API of a downstage server, which makes the tokens.
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:7400",
        conflicts_with = "whip_url"
    )]
    endpoint: String,
    /// The stage; without it one is made, and deleted at the end.
    #[arg(long, value_name = "ARN", conflicts_with = "whip_url")]
    stage: Option<String>,
    /// Access key id for the control API.
    #[arg(long, env = "AWS_ACCESS_KEY_ID", default_value = "test")]
    access_key_id: String,
    /// Its secret. Give it by the environment, where others cannot read it.
    #[arg(
        long,
        env = "AWS_SECRET_ACCESS_KEY",
        hide_env_values = true,
        default_value = "test",
        hide_default_value = true
    )]
    secret_access_key: Redacted,
    /// Region that calls are signed for.
    #[arg(long, env = "AWS_REGION", default_value = "us-west-2")]
    region: String,
    /// How viewers of a stage watch.
    #[arg(long, value_enum, default_value_t = Watch::Whep)]
    watch: Watch,
    /// A WHIP URL of any server, instead of a stage; several are for the publishers in turn.
    #[arg(long, value_name = "URL", requires = "whep_url")]
    whip_url: Vec<String>,
    /// Its WHEP URL; several are one for each publisher.
    #[arg(long, value_name = "URL", requires = "whip_url")]
    whep_url: Vec<String>,
    /// Bearer tokens for WHIP, one in a line, for the publishers in turn.
    #[arg(long, value_name = "FILE", requires = "whip_url")]
    whip_tokens: Option<PathBuf>,
    /// Bearer tokens for WHEP, one in a line, for the viewers in turn.
    #[arg(long, value_name = "FILE", requires = "whep_url")]
    whep_tokens: Option<PathBuf>,
    /// Address that clients bind to; without it the one from which the server is reached.
    #[arg(long, value_name = "IP")]
    bind: Option<IpAddr>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Watch {
    /// A connection for each publisher.
    Whep,
    /// One connection, by the stage.v1 WebSocket.
    StageV1,
}

/// What publishers send.
#[derive(Args, Debug)]
#[command(next_help_heading = "Publishers")]
struct SourceArgs {
    /// Video as WIDTHxHEIGHT@KBPS; up to three, lowest first, are simulcast.
    #[arg(long, value_name = "LAYER", default_value = "1280x720@2506", conflicts_with_all = ["simulcast", "no_video"])]
    layer: Vec<LayerArg>,
    /// Three layers: 320x180@200, 640x360@700 and 1280x720@2506.
    #[arg(long, conflicts_with = "no_video")]
    simulcast: bool,
    /// No video.
    #[arg(long, requires = "audio")]
    no_video: bool,
    /// Opus at 50 packets a second.
    #[arg(long)]
    audio: bool,
    /// Pictures per second.
    #[arg(long, default_value_t = 30)]
    frame_rate: u32,
    /// Bytes of payload in a video packet.
    #[arg(long, default_value_t = 1_160)]
    packet_bytes: usize,
    /// When the packets of a picture leave.
    #[arg(long, value_enum, default_value_t = Pace::Burst)]
    pacing: Pace,
    /// Time between two key frames.
    #[arg(long, default_value = "2s")]
    key_frame_interval: Span,
    /// When key frames are made.
    #[arg(long, value_enum, default_value_t = KeyFrames::Asked)]
    key_frames: KeyFrames,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum KeyFrames {
    /// At their interval, and when the server asks.
    Asked,
    /// At their interval only.
    Fixed,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Pace {
    /// All at once.
    Burst,
    /// Evenly over the time of the picture.
    Spaced,
}

/// What stands between the server and the viewers.
#[derive(Args, Debug)]
#[command(next_help_heading = "Network of the viewers")]
struct NetworkArgs {
    /// Lost packets, in percent.
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0)]
    loss: f64,
    /// Each packet is later by this.
    #[arg(long, default_value = "0ms")]
    delay: Span,
    /// And by up to this, at random.
    #[arg(long, default_value = "0ms")]
    jitter: Span,
    /// Packets that are held back, in percent.
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0)]
    reorder: f64,
    /// How long they are held back.
    #[arg(long, default_value = "20ms")]
    reorder_delay: Span,
    /// Rates in kbit/s for the viewers in turn; 0 is no limit.
    #[arg(long, value_name = "KBPS", value_delimiter = ',')]
    rate: Vec<u32>,
    /// Where chance begins.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Receive several datagrams at once (UDP GRO): a cheaper load, and on loopback a cheaper server.
    #[arg(long)]
    gro: bool,
}

/// A layer on the command line.
#[derive(Clone, Copy, Debug)]
struct LayerArg(Layer);

/// Why a text is no layer.
#[derive(Debug)]
struct LayerArgError;

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

/// Carries a load out. It fails if not every connection stood at the end.
pub(crate) fn run(args: &LoadArgs) -> anyhow::Result<ExitCode> {
    let options = options(args)?;
    let stop = Stop::default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let mut signals = runtime
        .block_on(async { Signals::listen() })
        .context("cannot listen for signals")?;
    let word = stop.clone();
    let waiting = runtime.handle().clone();
    // The runtime's one worker waits for signals, while this thread carries media.
    let _signals = waiting.spawn(async move {
        signals.recv().await;
        word.stop();
    });
    let is_json = args.json;
    let report = load::run(&options, &stop, &mut |phase| {
        if !is_json {
            terminal::print(&format!("{}\n", progress(phase, &options)));
        }
    })?;
    if is_json {
        terminal::print(&(serde_json::to_string(&report).context("cannot print JSON")? + "\n"));
    } else {
        terminal::print(&report.to_string());
    }
    let is_whole =
        report.connected == report.connections && (report.connections > 0 || options.viewers == 0);
    Ok(if is_whole {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn progress(phase: Phase, options: &Options) -> String {
    match phase {
        Phase::Published => format!("{} publisher(s) connected", options.publishers),
        Phase::Joined => format!("{} viewer(s) asked", options.viewers),
        Phase::Measuring => format!("counting for {} s", options.duration.as_secs_f64()),
        Phase::Measured => "ending".to_owned(),
    }
}

fn options(args: &LoadArgs) -> anyhow::Result<Options> {
    let (target, viewer_bearers) = target(args)?;
    let source = &args.source;
    let network = &args.network;
    let layers = if source.no_video {
        Vec::new()
    } else if source.simulcast {
        Layer::SIMULCAST.to_vec()
    } else {
        source.layer.iter().map(|layer| layer.0).collect()
    };
    let options = Options {
        publishers: args.publishers,
        source: Source {
            layers,
            frames_per_second: source.frame_rate,
            payload_bytes: source.packet_bytes,
            pacing: match source.pacing {
                Pace::Burst => Pacing::Burst,
                Pace::Spaced => Pacing::Spaced,
            },
            key_frame_interval: source.key_frame_interval.0,
            answers_requests: source.key_frames == KeyFrames::Asked,
            audio: source.audio,
            silent: false,
        },
        joins: Joins {
            at_once: args.joins_at_once,
            per_second: args.joins_per_second,
            media_first: true,
        },
        storm: (args.storm > 0).then_some(Storm {
            viewers: args.storm,
            within: args.storm_within.0,
        }),
        warm_up: args.warm_up.0,
        duration: args.duration.0,
        packets_enough: args.enough,
        impairment: Impairment {
            loss_percent: network.loss,
            delay: network.delay.0,
            jitter: network.jitter.0,
            reorder_percent: network.reorder,
            reorder_delay: network.reorder_delay.0,
            rates_kbps: network.rate.clone(),
            seed: network.seed,
        },
        viewer_bearers,
        bind: args.target.bind,
        gro: network.gro,
        ..Options::new(target, args.viewers)
    };
    options.check()?;
    Ok(options)
}

/// Where to, and the viewers' own tokens.
fn target(args: &LoadArgs) -> anyhow::Result<(Target, Vec<Bearer>)> {
    let target = &args.target;
    if target.whip_url.is_empty() {
        let stage = Target::Stage {
            endpoint: target.endpoint.clone(),
            stage: target.stage.clone(),
            credentials: Credentials {
                id: target.access_key_id.clone(),
                secret: target.secret_access_key.expose().to_owned(),
                region: target.region.clone(),
            },
            watching: match target.watch {
                Watch::Whep => Watching::Whep,
                Watch::StageV1 => Watching::StageV1,
            },
        };
        return Ok((stage, Vec::new()));
    }
    let tokens = match &target.whip_tokens {
        Some(file) => tokens(file, "--whip-tokens")?,
        None => Vec::new(),
    };
    // A token lets one publisher in, so that a URL and a token make a door.
    let doors = target.whip_url.len().max(tokens.len());
    let publishing = (0..doors).map(|door| Endpoint {
        url: target.whip_url[door % target.whip_url.len()].clone(),
        bearer: tokens.get(door % tokens.len().max(1)).cloned(),
    });
    let viewing = target.whep_url.iter().map(|url| Endpoint {
        url: url.clone(),
        bearer: None,
    });
    let viewer_bearers = match &target.whep_tokens {
        Some(file) => self::tokens(file, "--whep-tokens")?,
        None => Vec::new(),
    };
    let doors = Target::Doors {
        whip: publishing.collect(),
        whep: viewing.collect(),
    };
    Ok((doors, viewer_bearers))
}

/// The lines of a file.
fn tokens(file: &Path, flag: &str) -> anyhow::Result<Vec<Bearer>> {
    let length = std::fs::metadata(file)
        .with_context(|| format!("{flag}: cannot read {}", file.display()))?
        .len();
    if length > TOKENS_BYTES_MAX {
        bail!(
            "{flag}: {} is longer than {TOKENS_BYTES_MAX} bytes",
            file.display()
        );
    }
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("{flag}: cannot read {}", file.display()))?;
    let tokens: Vec<Bearer> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| Bearer(line.to_owned()))
        .collect();
    ensure!(
        !tokens.is_empty(),
        "{flag}: {} has no token",
        file.display()
    );
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Command};

    fn args(words: &[&str]) -> Result<LoadArgs, clap::Error> {
        let words = ["downstage", "load"].iter().chain(words);
        let Command::Load(args) = Cli::try_parse_from(words)?.command else {
            panic!("not load")
        };
        Ok(*args)
    }

    #[test]
    fn a_stage_is_loaded_unless_urls_are_given() {
        let options = options(&args(&["--viewers", "3"]).unwrap()).unwrap();
        assert!(matches!(options.target, Target::Stage { .. }));
        assert_eq!((options.publishers, options.viewers), (1, 3));
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tokens");
        std::fs::write(&file, "one\n\ntwo\n").unwrap();
        let words = [
            "--whip-url",
            "http://127.0.0.1/whip",
            "--whip-tokens",
            file.to_str().unwrap(),
            "--whep-url",
            "http://127.0.0.1/whep",
            "--whep-tokens",
            file.to_str().unwrap(),
        ];
        let options = super::options(&args(&words).unwrap()).unwrap();
        let Target::Doors { whip, whep } = &options.target else {
            panic!("not doors")
        };
        let bearers: Vec<_> = whip
            .iter()
            .map(|door| &door.bearer.as_ref().unwrap().0)
            .collect();
        assert_eq!(bearers, ["one", "two"]);
        assert_eq!((whep.len(), options.viewer_bearers.len()), (1, 2));
        assert!(args(&["--whip-url", "http://127.0.0.1/whip"]).is_err());
        assert!(
            args(&[
                "--stage",
                "arn",
                "--whip-url",
                "http://x",
                "--whep-url",
                "http://y"
            ])
            .is_err()
        );
    }

    #[test]
    fn layers_are_read_and_bounded() {
        let of =
            |words: &[&str]| options(&args(words).unwrap()).map(|options| options.source.layers);
        assert_eq!(of(&["--simulcast"]).unwrap(), Layer::SIMULCAST);
        let two = of(&["--layer", "320x180@150", "--layer", "640x360@600"]).unwrap();
        assert_eq!(
            (two.len(), two[1].bitrate_bps, two[1].width),
            (2, 600_000, 640)
        );
        assert_eq!(of(&["--no-video", "--audio"]).unwrap(), []);
        assert!(args(&["--no-video"]).is_err());
        assert!(args(&["--layer", "640x360"]).is_err());
        assert!(of(&["--layer", "640x360@5"]).is_err());
        let error = options(&args(&["--publishers", "65"]).unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "publishers must be 1 to 64");
    }

    #[test]
    fn the_secret_is_not_shown() {
        let args = args(&["--secret-access-key", "hunter2"]).unwrap();
        let shown = format!("{args:?} {:?}", options(&args).unwrap());
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
