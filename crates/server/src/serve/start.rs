//! Everything that the server is made of, opened, wired and restored.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use ingest::Ingest;
use media::Media;
use stage::Stages;
use store::{Latency, SharedStore, Sqlite};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use super::Running;
use crate::buckets::Buckets;
use crate::census::{Census, Gauges};
use crate::clock::{self, Clock, Random};
use crate::config::{Config, DEV_KEY, Mode, Redacted};
use crate::encoders;
use crate::endpoints::{IngestUrls, PublicUrl};
use crate::housekeeping::{self, StoreHealth};
use crate::metrics::{Metrics, Sources};
use crate::page::ConsoleFacts;
use crate::ready::{Addresses, Told};
use crate::routes::{self, Operations};
use crate::run::{self, INBOX, Message, StageLoop};
use crate::secrets::{self, Secrets};
use crate::writer::{self, WriterCounters};
use crate::{http_server, public_keys, revocations};

/// What was kept, read and restored before any port is open.
struct Kept {
    clock: Clock,
    random: Random,
    store: Arc<Sqlite>,
    latency: Arc<Latency>,
    buckets: Arc<Buckets>,
    secrets: Secrets,
    stages: Stages,
    census: Census,
    health: Arc<StoreHealth>,
}

async fn open(config: &Config) -> anyhow::Result<Kept> {
    let clock = clock::system_clock();
    let random = clock::system_random();
    let latency = Arc::new(Latency::new());
    let store = open_store(config.data.as_deref(), Arc::clone(&latency)).await?;
    let buckets = Arc::new(Buckets::open(&config.object_store)?);
    let secrets = secrets::load(&*store, &random).await?;
    let mut stages = Stages::new(stage_settings(config), clock::random_bytes(&random));
    let census = run::restore(&mut stages, &*store, clock()).await?;
    let health = Arc::new(StoreHealth::default());
    housekeeping::beat(&*store, clock().wall, &health).await;
    Ok(Kept {
        clock,
        random,
        store,
        latency,
        buckets,
        secrets,
        stages,
        census,
        health,
    })
}

fn stage_settings(config: &Config) -> stage::Settings {
    stage::Settings {
        session_grace: config.session_grace,
        subscribers_per_stage_max: config.quotas.subscribers_per_stage,
        publishers_per_region_max: config.quotas.publishers_per_region,
        subscriptions_per_region_max: config.quotas.subscriptions_per_region,
        ..stage::Settings::default()
    }
}

pub(super) async fn start(config: Config) -> anyhow::Result<(Running, Told)> {
    let kept = open(&config).await?;
    let shared: SharedStore = Arc::clone(&kept.store) as SharedStore;
    let (listener, http, url) = listen(&config).await?;
    let (inbox, messages) = mpsc::channel(INBOX);
    let media = start_media(&config, &kept, &url, inbox.clone())?;
    let ports = encoders::Ports::bind(&config, url.host(), (kept.clock)()).await?;
    let clocks = (Arc::clone(&kept.clock), Arc::clone(&kept.random));
    let ingest = encoders::ingest(&config, &media, Arc::clone(&shared), inbox.clone(), clocks);
    let told = Told {
        addresses: Addresses {
            http: PublicUrl::of_address(http).http(),
            media: media.addresses(),
            rtmp: ports.bound.rtmp,
            rtmps: ports.bound.rtmps,
        },
        ingest: encoders::urls(&config, url.host(), ports.bound),
        url,
    };
    let calls = Arc::new(api::Calls::default());
    let api = api::Api::new(api_settings(&config, &kept, &told, &inbox, &media, &calls));

    let (draining, is_draining) = watch::channel(false);
    let written = Arc::new(WriterCounters::default());
    let gauges = Arc::new(Gauges::default());
    let operations = Operations {
        metrics: Metrics::new(Sources {
            gauges: Arc::clone(&gauges),
            media: media.clone(),
            ingest: Arc::clone(&ingest),
            calls,
            latency: kept.latency,
            writer: Arc::clone(&written),
        }),
        metrics_access: config.metrics_access,
        metrics_token: config.metrics_token.as_ref().map(key_of),
        store: Arc::clone(&kept.health),
        draining: is_draining.clone(),
        console: console(&config, &told, ports.is_self_signed),
    };
    let administration = administration(&config, &api, &ingest);
    let router = routes::router(operations, media.router(), administration, api.router());

    let (writer, writer_task) = writer::writer(Arc::clone(&shared), written);
    let (stop_loop, stopped) = oneshot::channel();
    let stage_loop = StageLoop {
        stages: kept.stages,
        census: kept.census,
        clock: Arc::clone(&kept.clock),
        media: media.clone(),
        writer,
        gauges,
    };
    let stage_loop = task(stage_loop.run(messages, stopped));
    let writer = task(writer_task.run());
    if let Some(path) = &config.seed {
        seed(&api, path).await?;
    }
    ports.open(&ingest)?;
    let running = Running {
        draining,
        inbox,
        media,
        ingest,
        http: task(http_server::serve(listener, router, is_draining)),
        stop_loop,
        stage_loop,
        housekeeping: task(housekeeping::run(
            shared,
            kept.clock,
            config.retention,
            kept.health,
        )),
        writer,
        store: kept.store,
    };
    Ok((running, told))
}

fn console(config: &Config, told: &Told, is_self_signed: bool) -> ConsoleFacts {
    let IngestUrls { rtmp, rtmps } = &told.ingest;
    ConsoleFacts::new(config, &told.url).with_rtmp(
        rtmp.as_deref(),
        rtmps.as_deref(),
        is_self_signed,
    )
}

/// Binds the HTTP port. Says where it is, and under which URL clients come.
async fn listen(config: &Config) -> anyhow::Result<(TcpListener, SocketAddr, PublicUrl)> {
    let listener = TcpListener::bind(config.http)
        .await
        .with_context(|| format!("cannot listen on {} for HTTP", config.http))?;
    let http = listener
        .local_addr()
        .context("the HTTP port has no address")?;
    let url = config
        .public_url
        .clone()
        .unwrap_or_else(|| PublicUrl::of_address(http));
    warn_of_clear_text(config, &url, http);
    Ok((listener, http, url))
}

/// The administration, where it has a key.
fn administration(config: &Config, api: &api::Api, ingest: &Arc<Ingest>) -> Option<axum::Router> {
    let ingest = Arc::clone(ingest);
    let key = config.admin_key.as_ref()?;
    Some(api.administration(api::AdminSettings {
        key: key_of(key),
        is_key_public: key.expose() == DEV_KEY,
        token_skew: config.token_clock_skew,
        ingest: Arc::new(move || ingest.report()),
    }))
}

fn key_of(text: &Redacted) -> auth::bearer::Key {
    auth::bearer::Key::new(text.expose())
}

/// Adds what the file says, before anybody can connect.
async fn seed(api: &api::Api, path: &Path) -> anyhow::Result<()> {
    let cannot = || format!("cannot seed from {}", path.display());
    let document = std::fs::read(path).with_context(cannot)?;
    api.seed(&document).await.with_context(cannot)?;
    Ok(())
}

fn api_settings(
    config: &Config,
    kept: &Kept,
    told: &Told,
    stages: &mpsc::Sender<Message>,
    media: &Media,
    calls: &Arc<api::Calls>,
) -> api::Settings {
    api::Settings {
        access_keys: config.access_keys.clone(),
        endpoints: api::Endpoints {
            rtmp: told.ingest.rtmp.clone(),
            rtmps: told.ingest.rtmps.clone(),
            ..told.url.endpoints()
        },
        quotas: api::Quotas {
            stages: config.quotas.stages,
            ingest_configurations: config.quotas.ingest_configurations,
            encoder_configurations: config.quotas.encoder_configurations,
            storage_configurations: config.quotas.storage_configurations,
        },
        buckets: Arc::clone(&kept.buckets) as Arc<dyn api::Buckets>,
        rates: config.rates,
        regions: config.regions.clone(),
        token_key: kept.secrets.token.clone(),
        participant_key: kept.secrets.participant,
        cursor_key: kept.secrets.cursor,
        clock: Arc::clone(&kept.clock),
        random: Arc::clone(&kept.random),
        store: Arc::clone(&kept.store) as SharedStore,
        stages: stages.clone(),
        revoked: revocations::tell(media.clone()),
        calls: Arc::clone(calls),
    }
}

fn start_media(
    config: &Config,
    kept: &Kept,
    url: &PublicUrl,
    stages: mpsc::Sender<Message>,
) -> anyhow::Result<Media> {
    Media::start(media::Settings {
        listen: config.media_listen,
        workers: config.media_workers,
        stage_subscribers_per_worker: config.stage_viewers_per_worker,
        external_addresses: config.external_addresses.clone(),
        ice_servers: config.ice_servers.clone(),
        public_url: url.http(),
        sfu: sfu::Settings {
            liveness_timeout: config.liveness_timeout,
            ..sfu::Settings::default()
        },
        token_key: kept.secrets.token.clone(),
        public_keys: public_keys::of(Arc::clone(&kept.store) as SharedStore),
        revoked_tokens: revocations::of(Arc::clone(&kept.store) as SharedStore),
        token_skew: config.token_clock_skew,
        clock: Arc::clone(&kept.clock),
        random: Arc::clone(&kept.random),
        stages,
    })
    .with_context(|| format!("cannot listen on {} for media", config.media_listen))
}

/// One task, in a set that can be waited for.
fn task(future: impl Future<Output = ()> + Send + 'static) -> JoinSet<()> {
    let mut set = JoinSet::new();
    set.spawn(future);
    set
}

async fn open_store(data: Option<&Path>, latency: Arc<Latency>) -> anyhow::Result<Arc<Sqlite>> {
    let Some(folder) = data else {
        return Ok(Arc::new(
            Sqlite::open_memory(latency)
                .await
                .context("opening the store in memory")?,
        ));
    };
    make_folder(folder)
        .with_context(|| format!("cannot make the data folder {}", folder.display()))?;
    let path = folder.join("downstage.db");
    let store = Sqlite::open(&path, latency)
        .await
        .with_context(|| format!("cannot open {}", path.display()))?;
    Ok(Arc::new(store))
}

/// Makes the data folder, for its owner only: the key that signs tokens lies in it.
fn make_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn warn_of_clear_text(config: &Config, url: &PublicUrl, http: SocketAddr) {
    if config.mode == Mode::Serve && !url.is_tls() && !http.ip().is_loopback() {
        tracing::warn!(
            "tokens travel in clear text: put a proxy with TLS in front and set public_url"
        );
    }
}
