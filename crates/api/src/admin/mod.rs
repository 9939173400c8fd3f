//! Administration under `/_downstage/`: what an operator does with all accounts at once, for tests and CI above all.
//!
//! It has a bearer key of its own and exists only where one is configured. It is not part of the service's API: no
//! signatures, no access policies, no quotas, no CORS. `docs/admin.md` is the reference.
//!
//! A *document* is all resources as JSON: [`export`] prints it, [`mod@seed`] reads it.

mod attempts;
mod body;
mod explain;
mod export;
mod gate;
mod history;
mod ingest;
mod problem;
mod reset;
mod seed;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use auth::bearer::Key;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};
use bytes::Bytes;
use http::{StatusCode, header};
use model::IngestReport;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::app::App;
use gate::Gate;
use problem::Problem;
pub(crate) use seed::from_file as seed;
pub use seed::{SeedError, Seeded};

/// Tells what is known of ingest at this moment. Never waits.
pub type IngestSource = Arc<dyn Fn() -> IngestReport + Send + Sync>;

/// What the administration needs beside the API itself.
#[derive(Clone)]
pub struct AdminSettings {
    /// Opens every route.
    pub key: Key,
    /// Whether everybody knows the key, as that of `dev`. Then it opens nothing to who asks for this machine by a name that
    /// anybody could have given to it.
    pub is_key_public: bool,
    /// How far the issue time of a token may lie in the future where it is used.
    pub token_skew: Duration,
    /// What is known of ingest.
    pub ingest: IngestSource,
}

/// What the routes work with.
pub(crate) struct Admin {
    app: Arc<App>,
    token_skew: Duration,
    ingest: IngestSource,
}

/// The routes, all behind the key.
pub(crate) fn router(app: Arc<App>, settings: AdminSettings) -> Router {
    let token_skew = settings.token_skew;
    let ingest = Arc::clone(&settings.ingest);
    let gate = Gate::new(settings, Arc::clone(&app.settings.clock));
    let admin = Admin {
        app,
        token_skew,
        ingest,
    };
    let routes = Router::new()
        .route("/reset", post(reset::serve))
        .route("/state", get(export::serve))
        .route("/seed", post(seed::serve))
        .route("/token", post(explain::serve))
        .route("/ingest", get(ingest::serve))
        .fallback(async || Problem::NoRoute)
        .method_not_allowed_fallback(async || Problem::Method)
        .layer(middleware::from_fn_with_state(Arc::new(gate), gate::guard))
        .with_state(Arc::new(admin));
    Router::new().nest("/_downstage", routes)
}

/// A JSON answer that nobody keeps: it may hold secrets.
fn json(status: StatusCode, body: impl Into<Bytes>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers, body.into()).into_response()
}

/// For routes that take no query, so that a wish is not passed over.
fn no_query(query: Option<&str>) -> Result<(), Problem> {
    match query {
        None | Some("") => Ok(()),
        Some(_) => Err(Problem::Query),
    }
}

/// The members of a shape of the API.
fn members(shape: impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(shape) {
        Ok(Value::Object(members)) => members,
        // Shapes are structures, and no serializer of theirs fails.
        Ok(_) | Err(_) => Map::new(),
    }
}
