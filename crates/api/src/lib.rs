//! The `ivs-realtime` control API: one file per operation.

use std::collections::BTreeMap;
use std::sync::Arc;

use auth::policy::Policy;
use auth::sigv4::Secret;
use auth::token::TokenKey;
use model::{AccountId, Now};
use store::SharedStore;
use tokio::sync::{mpsc, oneshot};

/// How `stage` is reached: one input, one reply.
pub type StageSender = mpsc::Sender<(stage::Input, oneshot::Sender<stage::Reply>)>;

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
    /// `rtmp://host:port/app/`.
    pub rtmp: String,
    /// `rtmps://host:port/app/`.
    pub rtmps: String,
}

/// Everything the API needs.
pub struct Settings {
    /// Access keys by id.
    pub access_keys: BTreeMap<String, AccessKey>,
    /// What stages advertise.
    pub endpoints: Endpoints,
    /// Stages per account and region.
    pub stages_max: u32,
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
    pub random: Arc<dyn Fn(&mut [u8]) + Send + Sync>,
    /// Where records are.
    pub store: SharedStore,
    /// Where stages live.
    pub stages: StageSender,
}

/// The API's routes. Requests that match none get the service's answer for an unknown path (403).
pub fn router(settings: Settings) -> axum::Router {
    let _ = settings;
    axum::Router::new()
}
