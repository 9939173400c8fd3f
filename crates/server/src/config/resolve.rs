//! From layers of settings to one configuration that holds together.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

use api::AccessKey;
use auth::policy::{Policy, PolicyError};
use auth::sigv4::Secret;
use media::IceServerSettings;
use model::{AccountId, Region};

use super::file::{self, FileError};
use super::ice_servers;
use super::{
    AccessKeyEntry, AccessKeyPlace, DEV_KEY, ExternalAddress, LogFormat, LogLevel, MetricsAccess,
    ObjectStore, Quotas, Redacted, Rtmp, Settings,
};
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
            access_keys: access_keys(mode, settings.access_keys.unwrap_or_default())?,
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
            external_addresses: external_addresses(media_listen, &external)?,
            ice_servers: ice_servers::check(settings.ice_servers.unwrap_or_default())?,
            rtmp,
            metrics_access: settings.metrics.access.expect(in_defaults),
            metrics_token: settings.metrics.token,
            admin_key: settings.admin.check(mode)?,
            log_format: settings.log.format.expect(in_defaults),
            log_level: settings.log.level.expect(in_defaults),
            access_keys: access_keys(mode, keys)?,
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

/// What candidates advertise; empty is the listening address itself.
fn external_addresses(
    listen: SocketAddr,
    asked: &[ExternalAddress],
) -> Result<Vec<IpAddr>, ConfigError> {
    let key = "media.external_ip";
    let mut addresses = Vec::new();
    for each in asked {
        match each {
            ExternalAddress::Address(address) if address.is_unspecified() => {
                return Err(invalid(key, "an unspecified address cannot be reached"));
            }
            ExternalAddress::Address(address) => addresses.push(*address),
            ExternalAddress::Auto => {
                let found = outside_addresses(listen);
                if found.is_empty() {
                    return Err(invalid(
                        key,
                        "`auto` found no route to the outside; name an address",
                    ));
                }
                addresses.extend(found);
            }
        }
    }
    if addresses.is_empty() && listen.ip().is_unspecified() {
        let what = "needed, because media.listen does not name one address: set it to the address \
                    that clients reach, or to `auto`";
        return Err(invalid(key, what));
    }
    Ok(addresses)
}

/// The addresses this machine would use towards the outside. Connecting a UDP socket asks the routing table and sends
/// nothing; the targets are the documentation networks of RFC 5737 and RFC 3849, which nobody owns.
fn outside_addresses(listen: SocketAddr) -> Vec<IpAddr> {
    let v4 = (
        SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 9)),
    );
    let v6 = (
        SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        SocketAddr::from((Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), 9)),
    );
    let families = if listen.is_ipv4() {
        vec![v4]
    } else {
        vec![v4, v6]
    };
    families
        .into_iter()
        .filter_map(|(local, remote)| {
            let socket = UdpSocket::bind(local).ok()?;
            socket.connect(remote).ok()?;
            Some(socket.local_addr().ok()?.ip())
        })
        .collect()
}

fn access_keys(
    mode: Mode,
    entries: Vec<AccessKeyEntry>,
) -> Result<BTreeMap<String, AccessKey>, ConfigError> {
    if entries.is_empty() {
        let what = "serve needs at least one access key; `downstage keygen` makes one";
        return Err(invalid("access_keys", what));
    }
    let mut keys = BTreeMap::new();
    for (at, entry) in entries.into_iter().enumerate() {
        let key = |field: &str| format!("access_keys[{at}].{field}");
        let id_is_valid = (3..=128).contains(&entry.id.len())
            && entry
                .id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !id_is_valid {
            return Err(invalid(
                key("id"),
                "must be 3 to 128 letters, digits and `_`",
            ));
        }
        if mode == Mode::Serve {
            if entry.id == "test" || entry.secret.expose() == "test" {
                return Err(invalid(
                    key("id"),
                    "the key of `downstage dev` is public; serve refuses it",
                ));
            }
            long_enough(&key("secret"), &entry.secret)?;
        }
        let account = AccountId::parse(&entry.account)
            .map_err(|_| invalid(key("account"), "must be twelve digits"))?;
        let policy = match &entry.policy_file {
            None => Policy::allow_all(),
            Some(file) => policy(&match &entry.place {
                AccessKeyPlace::Text => file.clone(),
                AccessKeyPlace::Folder(folder) => folder.join(file),
            })?,
        };
        let secret = Secret::new(entry.secret.expose().to_owned());
        if keys
            .insert(
                entry.id,
                AccessKey {
                    account,
                    secret,
                    policy,
                },
            )
            .is_some()
        {
            return Err(invalid(key("id"), "another access key has the same id"));
        }
    }
    Ok(keys)
}

fn policy(path: &Path) -> Result<Policy, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    Policy::parse(&text).map_err(|source| ConfigError::Policy {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "[[access_keys]]\nid = \"AKID\"\nsecret = \"0123456789abcdef\"\naccount = \"123456789012\"\n";

    fn load(mode: Mode, file: &str) -> Result<Config, String> {
        let settings = file::parse(file, Path::new(".")).map_err(|error| error.to_string())?;
        Config::check(mode, settings.over(Settings::defaults(mode)))
            .map_err(|error| error.to_string())
    }

    fn serve(top: &str, rest: &str) -> Result<Config, String> {
        load(
            Mode::Serve,
            &format!("{top}\nmedia.external_ip = [\"203.0.113.7\"]\n{rest}\n{KEY}"),
        )
    }

    #[test]
    fn serve_with_a_key_and_an_address_is_enough() {
        let config = serve("", "").unwrap();
        assert_eq!(config.http.to_string(), "127.0.0.1:7400");
        assert_eq!(config.retention, Duration::from_hours(60 * 24));
        assert!(config.rates);
        assert_eq!(config.regions.len(), 7);
        assert_eq!(config.metrics_access, MetricsAccess::Loopback);
        assert_eq!(config.external_addresses, [IpAddr::from([203, 0, 113, 7])]);
    }

    #[test]
    fn dev_needs_nothing() {
        let config = load(Mode::Dev, "").unwrap();
        assert_eq!(config.media_workers, 1);
        assert!(!config.rates);
        assert!(config.regions.is_empty());
        assert_eq!(config.access_keys["test"].account.as_str(), "000000000000");
    }

    #[test]
    fn values_that_cannot_be_are_refused_by_key() {
        let cases = [
            (
                "session_grace = \"25h\"",
                "session_grace: must lie between 0s and 86400s",
            ),
            (
                "liveness_timeout = \"0s\"",
                "liveness_timeout: must lie between 1s and 3600s",
            ),
            (
                "media.workers = 0",
                "media.workers: must lie between 1 and 256",
            ),
            (
                "media.stage_viewers_per_worker = 0",
                "media.stage_viewers_per_worker: must lie between 1 and 100000",
            ),
            ("quotas.stages = 0", "quotas.stages: must be at least 1"),
            (
                "regions = [\"us-east-1\", \"US EAST\"]",
                "regions: must be regions such as us-east-1",
            ),
            (
                "metrics.token = \"short\"",
                "metrics.token: must have at least 16 characters",
            ),
            (
                "public_url = \"stage.example.com\"",
                "public_url: must be http://HOST or https://HOST, without path or query",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(serve(text, "").unwrap_err(), expected, "{text}");
        }
    }

    #[test]
    fn t21_serve_refuses_to_start_without_a_key_of_its_own() {
        let head =
            "media.external_ip = [\"203.0.113.7\"]\n[[access_keys]]\naccount = \"123456789012\"\n";
        let cases = [
            (
                "media.external_ip = [\"203.0.113.7\"]".to_owned(),
                "access_keys: serve needs",
            ),
            (
                format!("{head}id = \"test\"\nsecret = \"0123456789abcdef\""),
                "access_keys[0].id: the key of",
            ),
            (
                format!("{head}id = \"AKID\"\nsecret = \"test\""),
                "access_keys[0].id: the key of",
            ),
            (
                format!("{head}id = \"AKID\"\nsecret = \"0123456789abcde\""),
                "access_keys[0].secret: must have",
            ),
            (
                format!("{head}id = \"a b\"\nsecret = \"0123456789abcdef\""),
                "access_keys[0].id: must be",
            ),
        ];
        for (text, expected) in cases {
            let error = load(Mode::Serve, &text).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
        let twice = format!("media.external_ip = [\"203.0.113.7\"]\n{KEY}{KEY}");
        let error = load(Mode::Serve, &twice).unwrap_err();
        assert_eq!(
            error,
            "access_keys[1].id: another access key has the same id"
        );
    }

    #[test]
    fn dev_listens_on_loopback_only() {
        for text in [
            "http = \"0.0.0.0:7400\"",
            "media.listen = \"192.0.2.1:7401\"",
            "rtmp.listen = \"0.0.0.0:1935\"",
            "rtmp.tls_listen = \"[::]:1936\"",
        ] {
            let error = load(Mode::Dev, text).unwrap_err();
            assert!(error.contains("dev serves this machine only"), "{error}");
        }
    }

    #[test]
    fn candidates_need_an_address_that_can_be_reached() {
        let error = load(Mode::Serve, KEY).unwrap_err();
        assert!(error.starts_with("media.external_ip: needed"), "{error}");
        let error = load(
            Mode::Serve,
            &format!("media.external_ip = [\"0.0.0.0\"]\n{KEY}"),
        )
        .unwrap_err();
        assert!(
            error.starts_with("media.external_ip: an unspecified address"),
            "{error}"
        );
        assert!(
            load(
                Mode::Serve,
                &format!("media.listen = \"192.0.2.1:1\"\n{KEY}")
            )
            .is_ok()
        );
    }

    #[test]
    fn a_client_needs_a_key_and_no_addresses() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("downstage.toml");
        let load = |text: &str| {
            std::fs::write(&file, text).unwrap();
            Signer::load(Mode::Serve, Settings::default(), Some(&file))
        };
        let signer = load(KEY).unwrap();
        assert_eq!(signer.access_keys.keys().collect::<Vec<_>>(), ["AKID"]);
        assert_eq!(signer.regions.len(), 7);
        let error = load("").unwrap_err().to_string();
        assert!(error.starts_with("access_keys: serve needs"), "{error}");
    }

    #[test]
    fn policy_files_count_from_the_configuration_file_and_are_read_at_start() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("downstage.toml");
        let text =
            format!("media.external_ip = [\"203.0.113.7\"]\n{KEY}policy_file = \"reader.json\"\n");
        std::fs::write(&file, text).unwrap();
        let load = || Config::load(Mode::Serve, Settings::default(), Some(&file));

        let error = load().unwrap_err();
        assert!(matches!(&error, ConfigError::Read { path, .. } if path.ends_with("reader.json")));

        std::fs::write(folder.path().join("reader.json"), "{\"Version\": 1}").unwrap();
        assert!(matches!(load().unwrap_err(), ConfigError::Policy { .. }));

        let policy = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ivs:Get*", "Resource": "*"}]}"#;
        std::fs::write(folder.path().join("reader.json"), policy).unwrap();
        assert!(load().is_ok());
    }
}
