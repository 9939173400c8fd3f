//! The log, on standard error.
//!
//! Our own crates log what `log.level` asks for; they never give a secret, a token or what customers say of a user to a
//! log line. Libraries are capped at INFO, because below it some print what they were given (headers, SDP, statements).

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Layer, Registry, fmt};

use crate::config::{LogFormat, LogLevel};

/// The crates of this workspace, by the names that their log targets begin with.
const OURS: [&str; 9] = [
    "downstage",
    "api",
    "auth",
    "ingest",
    "media",
    "model",
    "sfu",
    "stage",
    "store",
];
/// As much as libraries may say.
const LIBRARIES_MAX: LevelFilter = LevelFilter::INFO;

/// Starts logging for the whole process.
pub(crate) fn start(format: LogFormat, level: LogLevel) -> Result<(), TryInitError> {
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match format {
        LogFormat::Human => {
            Box::new(lines.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())))
        }
        LogFormat::Json => Box::new(lines.json().flatten_event(true)),
    };
    tracing_subscriber::registry()
        .with(lines.with_filter(filter(level)))
        .try_init()
}

fn filter(level: LogLevel) -> Targets {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    // `LevelFilter` orders by verbosity: the smaller is the quieter. A library's INFO is a detail to our operators.
    let libraries = match level {
        LevelFilter::TRACE | LevelFilter::DEBUG => LIBRARIES_MAX,
        _ => level.min(LevelFilter::WARN),
    };
    Targets::new()
        .with_default(libraries)
        .with_targets(OURS.map(|name| (name, level)))
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn t61_libraries_never_log_below_info_whatever_is_asked_for() {
        for level in [
            LogLevel::Error,
            LogLevel::Warn,
            LogLevel::Info,
            LogLevel::Debug,
            LogLevel::Trace,
        ] {
            let filter = filter(level);
            for library in [
                "hyper",
                "h2",
                "axum::rejection",
                "str0m::change::sdp",
                "sqlx::query",
                "tungstenite",
                "tower_http",
            ] {
                assert!(
                    !filter.would_enable(library, &Level::DEBUG),
                    "{library} at {level:?}"
                );
            }
        }
    }

    #[test]
    fn every_crate_that_logs_is_heard() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(path.join("Cargo.toml")).unwrap();
            let manifest: toml::Table = text.parse().unwrap();
            let Some(name) = manifest.get("lib").and_then(|lib| lib["name"].as_str()) else {
                continue;
            };
            let dependencies = manifest["dependencies"].as_table().unwrap();
            let logs = dependencies.contains_key("tracing");
            assert!(
                !logs || OURS.contains(&name),
                "{name} logs, and is not among ours"
            );
        }
    }

    #[test]
    fn our_crates_log_what_is_asked_for() {
        let filter = filter(LogLevel::Debug);
        for ours in OURS {
            assert!(filter.would_enable(&format!("{ours}::part"), &Level::DEBUG));
            assert!(!filter.would_enable(ours, &Level::TRACE));
        }
    }
}
