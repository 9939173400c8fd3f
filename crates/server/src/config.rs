//! What an operator can set, and how the places to set it come together.
//!
//! One struct, [`Settings`], is a layer: every key is optional in it. The same struct reads the command line and the
//! environment (clap) and the file (serde), and its field comments are the reference (`docs/config.md` and the sample are
//! printed from them). A flag wins over the environment, that over the file, that over the command's defaults, which are
//! a layer themselves: [`DEV_DEFAULTS`] and [`SERVE_DEFAULTS`]. [`Config`] is the outcome, checked once, and all that the
//! rest of the program sees. Nothing else reads the environment.

mod access_keys;
mod admin;
mod external_addresses;
mod file;
mod ice_servers;
mod object_store;
mod quotas;
mod reference;
mod resolve;
mod rtmp;
mod values;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use serde::Deserialize;

pub(crate) use admin::{AdminSettings, DEV_KEY};
pub(crate) use ice_servers::IceServerEntry;
pub(crate) use object_store::{BucketName, ObjectStore, ObjectStoreSettings, S3};
pub(crate) use quotas::{QuotaSettings, Quotas};
pub(crate) use reference::{reference, sample};
pub(crate) use resolve::{Config, Mode, Signer};
pub(crate) use rtmp::{CertificateFiles, Rtmp, RtmpSettings};
pub(crate) use values::{
    AccessKeyEntry, AccessKeyPlace, ExternalAddress, LogFormat, LogLevel, MetricsAccess, Redacted,
    Span,
};

/// What `downstage serve` takes for granted.
pub(crate) const SERVE_DEFAULTS: &str = r#"
http = "127.0.0.1:7400"
data = "./data"
ephemeral = false
session_grace = "3m"
liveness_timeout = "10s"
retention = "60d"
token_clock_skew = "60s"
rates = true
regions = [
    "ap-northeast-1", "ap-northeast-2", "ap-south-1", "eu-central-1", "eu-west-1", "us-east-1", "us-west-2",
]

[quotas]
stages = 1000
ingest_configurations = 100
encoder_configurations = 20
storage_configurations = 5
subscribers_per_stage = 10000
publishers_per_region = 1000
subscriptions_per_region = 20000

[object_store]
buckets = []

[media]
listen = "0.0.0.0:7401"
stage_viewers_per_worker = 500

[rtmp]
listen = "off"
tls_listen = "off"
opus_bitrate = 128000

[metrics]
access = "loopback"

[log]
format = "human"
level = "info"
"#;

/// Where `downstage dev` differs: this machine only, one worker, no request rates, any region, keys that everybody knows.
pub(crate) const DEV_DEFAULTS: &str = r#"
rates = false
regions = []

[object_store]
buckets = ["recordings"]

[media]
listen = "127.0.0.1:7401"
workers = 1

[rtmp]
listen = "127.0.0.1:1935"
tls_listen = "127.0.0.1:1936"

[metrics]
access = "open"

[admin]
key = "test"

[[access_keys]]
id = "test"
secret = "test"
account = "000000000000"
"#;

/// One layer of settings.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// Address of the HTTP port: control API, WHIP, WHEP, events sockets, page, health and metrics. Port 0 takes a free one.
    #[arg(id = "http", long, env = "DOWNSTAGE_HTTP", value_name = "ADDRESS:PORT")]
    pub(crate) http: Option<SocketAddr>,

    /// Base URL under which clients reach the HTTP port, e.g. `https://stage.example.com` behind a proxy that ends TLS.
    /// Stage endpoints, tokens and WHIP resources carry it. Unset, it is the HTTP address itself.
    #[arg(
        id = "public_url",
        long = "public-url",
        env = "DOWNSTAGE_PUBLIC_URL",
        value_name = "URL"
    )]
    pub(crate) public_url: Option<String>,

    /// Folder of the database. It holds the key that signs participant tokens: only its owner may read it.
    #[arg(id = "data", long, env = "DOWNSTAGE_DATA", value_name = "FOLDER")]
    pub(crate) data: Option<PathBuf>,

    /// Keep everything in memory; nothing outlives the process.
    #[arg(
        id = "ephemeral",
        long,
        env = "DOWNSTAGE_EPHEMERAL",
        value_name = "BOOL",
        num_args = 0..=1,
        default_missing_value = "true"
    )]
    pub(crate) ephemeral: Option<bool>,

    /// File to write once the server is ready: JSON with the addresses that are really open, `http` (a URL), `media` (a list),
    /// and `rtmp` and `rtmps` where there are such ports.
    #[arg(
        id = "ready_file",
        long = "ready-file",
        env = "DOWNSTAGE_READY_FILE",
        value_name = "FILE"
    )]
    pub(crate) ready_file: Option<PathBuf>,

    /// File of resources to add at each start, before the server is ready, as `POST /_downstage/seed` adds them: what is there
    /// already stays as it is. `docs/admin.md` has its form.
    #[arg(id = "seed", long, env = "DOWNSTAGE_SEED", value_name = "FILE")]
    pub(crate) seed: Option<PathBuf>,

    /// How long a stage session outlives its last connected participant.
    #[arg(
        id = "session_grace",
        long = "session-grace",
        env = "DOWNSTAGE_SESSION_GRACE",
        value_name = "DURATION"
    )]
    pub(crate) session_grace: Option<Span>,

    /// How long a client may be silent before it counts as gone.
    #[arg(
        id = "liveness_timeout",
        long = "liveness-timeout",
        env = "DOWNSTAGE_LIVENESS_TIMEOUT",
        value_name = "DURATION"
    )]
    pub(crate) liveness_timeout: Option<Span>,

    /// How long sessions, participants and events are kept after a session has ended.
    #[arg(
        id = "retention",
        long,
        env = "DOWNSTAGE_RETENTION",
        value_name = "DURATION"
    )]
    pub(crate) retention: Option<Span>,

    /// How far the issue time of a participant token may lie in the future.
    #[arg(
        id = "token_clock_skew",
        long = "token-clock-skew",
        env = "DOWNSTAGE_TOKEN_CLOCK_SKEW",
        value_name = "DURATION"
    )]
    pub(crate) token_clock_skew: Option<Span>,

    /// Whether the control API enforces the service's request rates (429 above them).
    #[arg(
        id = "rates",
        long,
        env = "DOWNSTAGE_RATES",
        value_name = "BOOL",
        num_args = 0..=1,
        default_missing_value = "true"
    )]
    pub(crate) rates: Option<bool>,

    /// Regions that the control API serves; a request that is signed for another one is refused (403). Each account has its
    /// quotas and rates in each of them. An empty list serves every region, so that neither holds: a region is the caller's
    /// word.
    #[arg(
        id = "regions",
        long,
        env = "DOWNSTAGE_REGIONS",
        value_name = "REGION",
        value_delimiter = ','
    )]
    pub(crate) regions: Option<Vec<String>>,

    /// How much an account may have.
    #[command(flatten)]
    pub(crate) quotas: QuotaSettings,

    /// Where recordings go.
    #[command(flatten)]
    pub(crate) object_store: ObjectStoreSettings,

    /// Media ports and workers.
    #[command(flatten)]
    pub(crate) media: MediaSettings,

    /// The ports to which encoders publish.
    #[command(flatten)]
    pub(crate) rtmp: RtmpSettings,

    /// Who may read `/metrics`.
    #[command(flatten)]
    pub(crate) metrics: MetricsSettings,

    /// The key of the administration.
    #[command(flatten)]
    pub(crate) admin: AdminSettings,

    /// The log, on standard error.
    #[command(flatten)]
    pub(crate) log: LogSettings,

    /// Access keys that may sign requests. As a flag or in the environment: `ID:SECRET:ACCOUNT[:POLICY_FILE]`, several
    /// separated by commas. Flags can be read by everybody on the machine: prefer the file or the environment.
    #[arg(
        id = "access_keys",
        long = "access-key",
        env = "DOWNSTAGE_ACCESS_KEYS",
        value_name = "ID:SECRET:ACCOUNT",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub(crate) access_keys: Option<Vec<AccessKeyEntry>>,

    /// STUN servers and relays (TURN) that clients are told of, for networks that let nothing through to the media ports. As a
    /// flag or in the environment: `URL`, `URL;SECRET` or `URL;USERNAME;CREDENTIAL`, several separated by commas. Flags can be
    /// read by everybody on the machine: prefer the file or the environment.
    #[arg(
        id = "ice_servers",
        long = "ice-server",
        env = "DOWNSTAGE_ICE_SERVERS",
        value_name = "URL[;SECRET]",
        value_delimiter = ',',
        hide_env_values = true
    )]
    pub(crate) ice_servers: Option<Vec<IceServerEntry>>,
}

/// `[media]`.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct MediaSettings {
    /// Address of the first media port, UDP and TCP; each further worker takes the next port. Port 0 takes free ones.
    #[arg(
        id = "media.listen",
        long = "media",
        env = "DOWNSTAGE_MEDIA",
        value_name = "ADDRESS:PORT"
    )]
    pub(crate) listen: Option<SocketAddr>,

    /// Worker threads that forward media. Unset, `serve` takes one for each core.
    #[arg(
        id = "media.workers",
        long = "media-workers",
        env = "DOWNSTAGE_MEDIA_WORKERS",
        value_name = "COUNT"
    )]
    pub(crate) workers: Option<usize>,

    /// Most viewers of one stage on one worker while another has room. Beyond that a stage spans workers, and each of its
    /// publishers' packets cross once to each of them.
    #[arg(
        id = "media.stage_viewers_per_worker",
        long = "stage-viewers-per-worker",
        env = "DOWNSTAGE_STAGE_VIEWERS_PER_WORKER",
        value_name = "COUNT"
    )]
    pub(crate) stage_viewers_per_worker: Option<usize>,

    /// Addresses that candidates advertise instead of the listening one; `auto` asks the routing table which address
    /// faces the outside. Needed where `media.listen` is unspecified (`0.0.0.0`) or behind NAT.
    #[arg(
        id = "media.external_ip",
        long = "external-ip",
        env = "DOWNSTAGE_EXTERNAL_IP",
        value_name = "ADDRESS|auto",
        value_delimiter = ','
    )]
    pub(crate) external_ip: Option<Vec<ExternalAddress>>,
}

/// `[metrics]`.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct MetricsSettings {
    /// `open`: everybody; `loopback`: clients on this machine that come without a proxy, and bearers of `metrics.token`;
    /// `off`: nobody.
    #[arg(
        id = "metrics.access",
        long = "metrics",
        env = "DOWNSTAGE_METRICS",
        value_name = "ACCESS"
    )]
    pub(crate) access: Option<MetricsAccess>,

    /// A secret that opens `/metrics` from anywhere, sent as `Authorization: Bearer …`; 16 characters at least.
    #[arg(
        id = "metrics.token",
        long = "metrics-token",
        env = "DOWNSTAGE_METRICS_TOKEN",
        value_name = "SECRET",
        hide_env_values = true
    )]
    pub(crate) token: Option<Redacted>,
}

/// `[log]`.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LogSettings {
    /// `human` or `json`.
    #[arg(
        id = "log.format",
        long = "log-format",
        env = "DOWNSTAGE_LOG_FORMAT",
        value_name = "FORMAT"
    )]
    pub(crate) format: Option<LogFormat>,

    /// `error`, `warn`, `info`, `debug` or `trace`. Libraries never log below `info`, because some print what they are given.
    #[arg(
        id = "log.level",
        long = "log-level",
        env = "DOWNSTAGE_LOG_LEVEL",
        value_name = "LEVEL"
    )]
    pub(crate) level: Option<LogLevel>,
}

impl Settings {
    /// This layer over another: what this one leaves open, the other one says.
    pub(crate) fn over(self, under: Self) -> Self {
        Self {
            http: self.http.or(under.http),
            public_url: self.public_url.or(under.public_url),
            data: self.data.or(under.data),
            ephemeral: self.ephemeral.or(under.ephemeral),
            ready_file: self.ready_file.or(under.ready_file),
            seed: self.seed.or(under.seed),
            session_grace: self.session_grace.or(under.session_grace),
            liveness_timeout: self.liveness_timeout.or(under.liveness_timeout),
            retention: self.retention.or(under.retention),
            token_clock_skew: self.token_clock_skew.or(under.token_clock_skew),
            rates: self.rates.or(under.rates),
            regions: self.regions.or(under.regions),
            quotas: self.quotas.over(under.quotas),
            object_store: self.object_store.over(under.object_store),
            media: MediaSettings {
                listen: self.media.listen.or(under.media.listen),
                workers: self.media.workers.or(under.media.workers),
                stage_viewers_per_worker: self
                    .media
                    .stage_viewers_per_worker
                    .or(under.media.stage_viewers_per_worker),
                external_ip: self.media.external_ip.or(under.media.external_ip),
            },
            rtmp: self.rtmp.over(under.rtmp),
            metrics: MetricsSettings {
                access: self.metrics.access.or(under.metrics.access),
                token: self.metrics.token.or(under.metrics.token),
            },
            admin: self.admin.over(under.admin),
            log: LogSettings {
                format: self.log.format.or(under.log.format),
                level: self.log.level.or(under.log.level),
            },
            access_keys: self.access_keys.or(under.access_keys),
            ice_servers: self.ice_servers.or(under.ice_servers),
        }
    }

    /// The layer that a command starts from.
    fn defaults(mode: Mode) -> Self {
        let read = |text| toml::from_str::<Self>(text).expect("the defaults are valid settings");
        let serve = read(SERVE_DEFAULTS);
        match mode {
            Mode::Serve => serve,
            Mode::Dev => read(DEV_DEFAULTS).over(serve),
        }
    }
}
