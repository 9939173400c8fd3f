//! The routes of the HTTP port: the media doors, health, metrics, the API's description, the administration, the console and the client library; everything else is the
//! control API's.

use std::net::SocketAddr;
use std::sync::Arc;

use auth::bearer;
use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, StatusCode, header};
use tokio::sync::watch;

use crate::config::MetricsAccess;
use crate::housekeeping::StoreHealth;
use crate::metrics::{CONTENT_TYPE, Metrics};
use crate::page::{self, ConsoleFacts};

/// The API's description, generated from `spec/` by `cargo xtask codegen`.
const DESCRIPTION: &str = include_str!("../../api/openapi.json");

/// How long a reader may keep it: a newer build is noticed after five minutes.
const DESCRIPTION_CACHE: &str = "public, max-age=300";

/// What the server's own routes need.
pub(crate) struct Operations {
    pub(crate) metrics: Metrics,
    pub(crate) metrics_access: MetricsAccess,
    pub(crate) metrics_token: Option<bearer::Key>,
    pub(crate) store: Arc<StoreHealth>,
    pub(crate) draining: watch::Receiver<bool>,
    pub(crate) console: ConsoleFacts,
}

/// All routes of the port. What none of them takes is the API's; so the administration's paths are too, where there is none.
pub(crate) fn router(
    operations: Operations,
    media: Router,
    administration: Option<Router>,
    api: Router,
) -> Router {
    let own = Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/_downstage/openapi.json", get(description))
        .route("/", get(page::index))
        .route("/assets/{*path}", get(page::asset))
        .route("/client/{file}", get(page::client))
        .route("/console.json", get(console))
        .with_state(Arc::new(operations));
    media
        .merge(own)
        .merge(administration.unwrap_or_default())
        .fallback_service(api)
}

/// The process lives.
async fn healthz() -> &'static str {
    "ok\n"
}

/// New clients may come. The store's health is that of its last heartbeat, so that asking costs the store nothing.
async fn readyz(State(operations): State<Arc<Operations>>) -> Response {
    if *operations.draining.borrow() {
        return (StatusCode::SERVICE_UNAVAILABLE, "shutting down\n").into_response();
    }
    if !operations.store.is_well() {
        return (
            StatusCode::SERVICE_UNAVAILABLE,
            "the store does not take writes\n",
        )
            .into_response();
    }
    "ready\n".into_response()
}

/// What the API has to offer, for anybody and for pages of any origin: it says nothing of this server but which operations its
/// build has.
async fn description() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, DESCRIPTION_CACHE),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, DESCRIPTION).into_response()
}

/// What the console asks first.
async fn console(State(operations): State<Arc<Operations>>, headers: HeaderMap) -> Response {
    operations.console.answer(&headers)
}

async fn metrics(
    State(operations): State<Arc<Operations>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Response {
    if !may_read_metrics(&operations, peer, &headers) {
        return (StatusCode::FORBIDDEN, "not for you\n").into_response();
    }
    match operations.metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be printed");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn may_read_metrics(operations: &Operations, peer: SocketAddr, headers: &HeaderMap) -> bool {
    if let (Some(key), Some(presented)) = (&operations.metrics_token, bearer::presented(headers))
        && operations.metrics_access != MetricsAccess::Off
    {
        return key.is(presented);
    }
    match operations.metrics_access {
        MetricsAccess::Open => true,
        MetricsAccess::Off => false,
        // A proxy on this machine is a loopback client that speaks for the whole world.
        MetricsAccess::Loopback => {
            peer.ip().to_canonical().is_loopback() && !came_by_proxy(headers)
        }
    }
}

fn came_by_proxy(headers: &HeaderMap) -> bool {
    ["forwarded", "x-forwarded-for", "x-real-ip", "via"]
        .iter()
        .any(|name| headers.contains_key(*name))
}
