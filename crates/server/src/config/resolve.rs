//! From layers of settings to one configuration that holds together.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use api::AccessKey;
use auth::policy::PolicyError;
use media::IceServerSettings;
use model::Region;

use super::file::{self, FileError};
use super::{
    DEV_KEY, LogFormat, LogLevel, MetricsAccess, ObjectStore, Quotas, Redacted, Rtmp, Settings,
};
use super::{access_keys, external_addresses, ice_servers};
use crate::endpoints::PublicUrl;

/// Secrets shorter than this can be guessed; AWS's own have 40 characters.
const SECRET_CHARS_MIN: usize = 16;
/// Worker threads: far beyond the cores of any machine, so a typing error shows at once.
const WORKERS_MAX: usize = 256;
/// As many viewers as a stage has anywhere (25,000), with room.
const STAGE_VIEWERS_MAX: usize = 100_000;

/// For whom the server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// One developer on this machine: `downstage dev`.
    Dev,
    /// Everybody: `downstage serve`.
    Serve,
}

/// Everything that can be set, checked.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) mode: Mode,
    pub(crate) http: SocketAddr,
    /// `None` is the HTTP address itself, known when the port is bound.
    pub(crate) public_url: Option<PublicUrl>,
    /// `None` keeps everything in memory.
    pub(crate) data: Option<PathBuf>,
    pub(crate) ready_file: Option<PathBuf>,
    pub(crate) seed: Option<PathBuf>,
    pub(crate) session_grace: Duration,
    pub(crate) liveness_timeout: Duration,
    pub(crate) retention: Duration,
    pub(crate) token_clock_skew: Duration,
    pub(crate) rates: bool,
    /// Those that are served; empty serves every one.
    pub(crate) regions: BTreeSet<Region>,
    pub(crate) quotas: Quotas,
    pub(crate) object_store: ObjectStore,
    pub(crate) media_listen: SocketAddr,
    pub(crate) media_workers: usize,
    pub(crate) stage_viewers_per_worker: usize,
    pub(crate) external_addresses: Vec<IpAddr>,
    pub(crate) ice_servers: Vec<IceServerSettings>,
    pub(crate) rtmp: Rtmp,
    pub(crate) metrics_access: MetricsAccess,
    pub(crate) metrics_token: Option<Redacted>,
    /// `None` is no administration.
    pub(crate) admin_key: Option<Redacted>,
    pub(crate) log_format: LogFormat,
    pub(crate) log_level: LogLevel,
    pub(crate) access_keys: BTreeMap<String, AccessKey>,
    /// Whether the access key that everybody knows is among them, as in `dev` unless keys are configured.
    pub(crate) has_public_access_key: bool,
}

/// With what a client of a server signs. The rest of the settings is the server's affair, and is not checked.
#[derive(Clone, Debug)]
pub(crate) struct Signer {
    /// Those that are served; empty stands for every one.
    pub(crate) regions: BTreeSet<Region>,
    pub(crate) access_keys: BTreeMap<String, AccessKey>,
}

impl Signer {
    /// Puts flags and environment over the file over the defaults of the mode, and checks what a client needs.
    pub(crate) fn load(
        mode: Mode,
        flags_and_env: Settings,
        file: Option<&Path>,
    ) -> Result<Self, ConfigError> {
        let settings = layered(mode, flags_and_env, file)?;
        Ok(Self {
            regions: regions(&settings.regions.unwrap_or_default())?,
            access_keys: access_keys::check(mode, settings.access_keys.unwrap_or_default())?,
        })
    }
}

/// Why there is no configuration; the operator acts on each.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// The configuration file is not valid.
    #[error("{}", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: FileError,
    },
    /// A policy file is not valid.
    #[error("{}", path.display())]
    Policy {
        path: PathBuf,
        #[source]
        source: PolicyError,
    },
    /// A key has a value that cannot be.
    #[error("{key}: {what}")]
    Invalid { key: String, what: String },
}

pub(super) fn invalid(key: impl Into<String>, what: impl Into<String>) -> ConfigError {
    ConfigError::Invalid {
        key: key.into(),
        what: what.into(),
    }
}

impl Config {
    /// Puts flags and environment over the file over the defaults of the mode, and checks the outcome.
    pub(crate) fn load(
        mode: Mode,
        flags_and_env: Settings,
        file: Option<&Path>,
    ) -> Result<Self, ConfigError> {
        Self::check(mode, layered(mode, flags_and_env, file)?)
    }

    fn check(mode: Mode, settings: Settings) -> Result<Self, ConfigError> {
        // The mode's defaults fill each of these keys.
        let in_defaults = "the defaults have this key";
        let http = settings.http.expect(in_defaults);
        let media_listen = settings.media.listen.expect(in_defaults);
        let ephemeral = settings.ephemeral.expect(in_defaults);
        let session_grace = settings.session_grace.expect(in_defaults).0;
        let liveness_timeout = settings.liveness_timeout.expect(in_defaults).0;
        let retention = settings.retention.expect(in_defaults).0;
        let token_clock_skew = settings.token_clock_skew.expect(in_defaults).0;

        let rtmp = settings.rtmp.check(mode)?;
        if mode == Mode::Dev {
            only_loopback(&[
                ("http", Some(http)),
                ("media.listen", Some(media_listen)),
                ("rtmp.listen", rtmp.listen),
                ("rtmp.tls_listen", rtmp.tls_listen),
            ])?;
        }
        spans(session_grace, liveness_timeout, retention, token_clock_skew)?;
        let workers = settings.media.workers.unwrap_or_else(cores);
        within("media.workers", workers, WORKERS_MAX)?;
        let viewers = settings.media.stage_viewers_per_worker.expect(in_defaults);
        within("media.stage_viewers_per_worker", viewers, STAGE_VIEWERS_MAX)?;
        if let Some(token) = &settings.metrics.token {
            long_enough("metrics.token", token)?;
        }
        let data = (!ephemeral).then(|| settings.data.expect(in_defaults));
        let object_store = settings.object_store.check(data.as_deref())?;
        let external = settings.media.external_ip.unwrap_or_default();
        let keys = settings.access_keys.unwrap_or_default();
        let has_public_access_key = keys
            .iter()
            .any(|key| key.id == DEV_KEY && key.secret.expose() == DEV_KEY);

        Ok(Self {
            mode,
            http,
            public_url: settings
                .public_url
                .map(|text| PublicUrl::parse(&text).map_err(|what| invalid("public_url", what)))
                .transpose()?,
            data,
            ready_file: settings.ready_file,
            seed: settings.seed,
            session_grace,
            liveness_timeout,
            retention,
            token_clock_skew,
            rates: settings.rates.expect(in_defaults),
            regions: regions(&settings.regions.unwrap_or_default())?,
            quotas: settings.quotas.check()?,
            object_store,
            media_listen,
            media_workers: workers,
            stage_viewers_per_worker: viewers,
            external_addresses: external_addresses::check(media_listen, &external)?,
            ice_servers: ice_servers::check(settings.ice_servers.unwrap_or_default())?,
            rtmp,
            metrics_access: settings.metrics.access.expect(in_defaults),
            metrics_token: settings.metrics.token,
            admin_key: settings.admin.check(mode)?,
            log_format: settings.log.format.expect(in_defaults),
            log_level: settings.log.level.expect(in_defaults),
            access_keys: access_keys::check(mode, keys)?,
            has_public_access_key,
        })
    }
}

fn layered(
    mode: Mode,
    flags_and_env: Settings,
    file: Option<&Path>,
) -> Result<Settings, ConfigError> {
    let from_file = file.map(read).transpose()?.unwrap_or_default();
    Ok(flags_and_env.over(from_file).over(Settings::defaults(mode)))
}

/// `dev` has an access key that everybody knows.
fn only_loopback(addresses: &[(&'static str, Option<SocketAddr>)]) -> Result<(), ConfigError> {
    for (key, address) in addresses {
        if address.is_some_and(|address| !address.ip().is_loopback()) {
            let what = "dev serves this machine only (its access key is public); \
                        use `downstage serve` for other addresses";
            return Err(invalid(*key, what));
        }
    }
    Ok(())
}

/// From one up to a bound.
fn within(key: &'static str, value: usize, most: usize) -> Result<(), ConfigError> {
    if (1..=most).contains(&value) {
        return Ok(());
    }
    Err(invalid(key, format!("must lie between 1 and {most}")))
}

fn read(path: &Path) -> Result<Settings, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    file::parse(&text, folder).map_err(|source| ConfigError::File {
        path: path.to_owned(),
        source,
    })
}

fn regions(names: &[String]) -> Result<BTreeSet<Region>, ConfigError> {
    names
        .iter()
        .map(|name| {
            Region::parse(name).map_err(|_| invalid("regions", "must be regions such as us-east-1"))
        })
        .collect()
}

fn spans(
    session_grace: Duration,
    liveness_timeout: Duration,
    retention: Duration,
    token_clock_skew: Duration,
) -> Result<(), ConfigError> {
    let (second, hour) = (Duration::from_secs(1), Duration::from_hours(1));
    for (key, value, least, most) in [
        (
            "session_grace",
            session_grace,
            Duration::ZERO,
            Duration::from_hours(24),
        ),
        ("liveness_timeout", liveness_timeout, second, hour),
        (
            "retention",
            retention,
            second,
            Duration::from_hours(24 * 3_650),
        ),
        ("token_clock_skew", token_clock_skew, Duration::ZERO, hour),
    ] {
        between(key, value, least, most)?;
    }
    Ok(())
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn between(key: &str, value: Duration, min: Duration, max: Duration) -> Result<(), ConfigError> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(invalid(
        key,
        format!("must lie between {}s and {}s", min.as_secs(), max.as_secs()),
    ))
}

pub(super) fn long_enough(key: &str, secret: &Redacted) -> Result<(), ConfigError> {
    if secret.expose().chars().count() >= SECRET_CHARS_MIN {
        return Ok(());
    }
    Err(invalid(
        key,
        format!("must have at least {SECRET_CHARS_MIN} characters"),
    ))
}

#[cfg(test)]
mod tests;
