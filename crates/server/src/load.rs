//! `downstage load`: publishers and viewers against a server, and what they saw.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};
use load::{
    Bearer, Credentials, Endpoint, Impairment, Joins, Layer, Options, Pacing, Phase, Rtmp, RtmpUrl,
    Source, Stop, Storm, Target, Watching,
};

use crate::signals::Signals;
use crate::terminal;

mod args;
#[cfg(test)]
mod tests;

pub(crate) use args::LoadArgs;
use args::{KeyFrames, Pace, TargetArgs, Watch};

/// Tokens of everybody, 2 KB each, and then some.
const TOKENS_BYTES_MAX: u64 = 8 * 1_024 * 1_024;

/// Carries a load out. It fails if not every connection stood at the end, publishers by RTMP included.
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
    let is_whole = is_whole && report.ended.is_empty();
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
    let rtmp = rtmp(&args.target)?;
    let (target, viewer_bearers) = target(args, rtmp.as_ref())?;
    let is_unseen = matches!(&target, Target::Doors { whep, .. } if whep.is_empty());
    let viewers = args.viewers.unwrap_or(if is_unseen { 0 } else { 10 });
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
            audio: source.audio || rtmp.is_some(),
            silent: false,
        },
        rtmp,
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
        gro: !network.no_gro,
        ..Options::new(target, viewers)
    };
    options.check()?;
    Ok(options)
}

/// Where publishers go, if they come by RTMP.
fn rtmp(target: &TargetArgs) -> anyhow::Result<Option<Rtmp>> {
    if target.rtmp.is_empty() {
        return Ok(None);
    }
    let urls = match &target.rtmp_keys {
        None => target.rtmp.clone(),
        Some(file) => {
            let keys = tokens(file, "--rtmp-keys")?;
            let urls = target.rtmp.iter().cycle();
            // A key is one stream, whatever the server.
            let each = urls.take(keys.len().max(target.rtmp.len()));
            each.zip(keys.iter().cycle())
                .map(|(url, key)| url.with_key(&key.0))
                .collect()
        }
    };
    Ok(Some(Rtmp {
        urls,
        any_certificate: target.rtmp_any_certificate,
    }))
}

/// Where to, and the viewers' own tokens.
fn target(args: &LoadArgs, rtmp: Option<&Rtmp>) -> anyhow::Result<(Target, Vec<Bearer>)> {
    let target = &args.target;
    let has_keys = rtmp.is_some_and(|rtmp| rtmp.urls.iter().any(RtmpUrl::has_key));
    ensure!(
        target.whep_url.is_empty() || has_keys || !target.whip_url.is_empty(),
        "--whep-url needs --whip-url, or --rtmp with stream keys"
    );
    ensure!(
        !has_keys || target.stage.is_none(),
        "--stage has its stream keys from the control API: give --rtmp without one"
    );
    if target.whip_url.is_empty() && !has_keys {
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
    let doors = match target.whip_url.len() {
        0 => 0,
        urls => urls.max(tokens.len()),
    };
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
