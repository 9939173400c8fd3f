//! The `ivs-realtime` control API: one file per operation.
//!
//! [`Api::router`] answers everything that speaks the API's protocol: `pipeline` takes a request from its bytes to an operation,
//! `ops` holds the operations, `error` is the one map from what went wrong to what the caller is told. Shapes and modelled
//! constraints come from `wire`, signatures and tokens from `auth`, records from `store`; what lives on a stage is asked of
//! `stage` through a queue.
//!
//! What is absent: the media doors (`media`), connection limits and deadlines (the HTTP server), and the operations of the
//! model that `unavailable.txt` lists.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing))]
#![forbid(unsafe_code)]

mod access;
mod admin;
mod app;
mod calls;
mod constraints;
mod cursor;
mod error;
mod ops;
mod pipeline;
mod rate;
mod recording;
mod reply;
mod shape;
mod stream_key;
#[cfg(test)]
mod tests;
mod token;

use async_trait::async_trait;
use auth::policy::Policy;
use auth::sigv4::Secret;
use auth::token::TokenKey;
use axum::extract::Request;
use model::{AccountId, Now, Region, RevokedConnectionToken, limits};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use store::SharedStore;
use tokio::sync::{mpsc, oneshot};

pub use admin::{AdminSettings, IngestSource, SeedError, Seeded};
pub use calls::{CallCount, Calls, Outcome};

/// How `stage` is reached: one input, one reply.
pub type StageSender = mpsc::Sender<(stage::Input, oneshot::Sender<stage::Reply>)>;

/// Fills a buffer with random bytes.
pub type Random = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

/// Hears of each connection token that has been revoked, once the store has it. Never waits.
pub type Revoked = Arc<dyn Fn(&RevokedConnectionToken) + Send + Sync>;

/// An access key and what it may do.
#[derive(Clone, Debug)]
pub struct AccessKey {
    /// Whose it is.
    pub account: AccountId,
    /// Its secret.
    pub secret: Secret,
    /// What it may do.
    pub policy: Policy,
}

/// The values of `Stage.endpoints`.
#[derive(Clone, Debug)]
pub struct Endpoints {
    /// `ws(s)://host/events`.
    pub events: String,
    /// `http(s)://host/whip`.
    pub whip: String,
    /// `rtmp://host:port/app/`, where there is such a port.
    pub rtmp: Option<String>,
    /// `rtmps://host:port/app/`, where there is such a port.
    pub rtmps: Option<String>,
}

/// Resources that an account may have in a region.
#[derive(Clone, Copy, Debug)]
pub struct Quotas {
    /// Stages.
    pub stages: u32,
    /// Ingest configurations.
    pub ingest_configurations: u32,
    /// Encoder configurations.
    pub encoder_configurations: u32,
    /// Storage configurations.
    pub storage_configurations: u32,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            stages: limits::STAGES_MAX,
            ingest_configurations: limits::INGEST_CONFIGURATIONS_MAX,
            encoder_configurations: limits::ENCODER_CONFIGURATIONS_MAX,
            storage_configurations: limits::STORAGE_CONFIGURATIONS_MAX,
        }
    }
}

/// Why a bucket cannot be used that may well be there.
#[derive(Debug, thiserror::Error)]
pub enum BucketFault {
    /// It is another's, or its policy keeps this server out: who named it acts.
    #[error("the bucket does not let this server in")]
    Denied(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The object store does not answer, or does not know this server: the operator acts.
    #[error("the object store cannot be used")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The buckets of the object store to which recordings go.
#[async_trait]
pub trait Buckets: Send + Sync {
    /// Whether there is a bucket of this name, 3 to 63 of `[a-z0-9-.]`, that can be written to.
    async fn exists(&self, name: &str) -> Result<bool, BucketFault>;
}

/// Everything the API needs.
pub struct Settings {
    /// Access keys by id.
    pub access_keys: BTreeMap<String, AccessKey>,
    /// The regions that are served; empty serves every one. A region is the caller's word, and each has quotas and rates of its
    /// own, so without an end to them neither holds.
    pub regions: BTreeSet<Region>,
    /// What stages advertise.
    pub endpoints: Endpoints,
    /// Resources per account and region.
    pub quotas: Quotas,
    /// Whether request rates are enforced (429).
    pub rates: bool,
    /// Signs participant tokens.
    pub token_key: TokenKey,
    /// Marks minted participant ids.
    pub participant_key: [u8; auth::participant_id::KEY_LEN],
    /// Seals page cursors.
    pub cursor_key: [u8; auth::seal::KEY_LEN],
    /// The clock.
    pub clock: Arc<dyn Fn() -> Now + Send + Sync>,
    /// Randomness for ids.
    pub random: Random,
    /// Where recordings go.
    pub buckets: Arc<dyn Buckets>,
    /// Where records are.
    pub store: SharedStore,
    /// Where stages live.
    pub stages: StageSender,
    /// Ends what is there by a revoked connection token.
    pub revoked: Revoked,
    /// Where calls are counted.
    pub calls: Arc<Calls>,
}

/// The control API of one server.
#[derive(Clone)]
pub struct Api(Arc<app::App>);

impl Api {
    /// The API with these settings.
    pub fn new(settings: Settings) -> Self {
        Self(Arc::new(app::App::new(settings)))
    }

    /// The API's routes. Requests that match none get the service's answer for an unknown path (403), so the router takes
    /// every path that it is given.
    pub fn router(&self) -> axum::Router {
        let app = Arc::clone(&self.0);
        axum::Router::new()
            .fallback(move |request: Request| pipeline::serve(Arc::clone(&app), request))
    }

    /// The administration's routes, below `/_downstage/`.
    pub fn administration(&self, settings: AdminSettings) -> axum::Router {
        admin::router(Arc::clone(&self.0), settings)
    }

    /// Adds the resources of a document, as the administration's `seed` does.
    pub async fn seed(&self, document: &[u8]) -> Result<Seeded, SeedError> {
        admin::seed(&self.0, document).await
    }
}
