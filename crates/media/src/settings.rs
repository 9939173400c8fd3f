//! What the media plane is started with.

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use auth::public_key::PublicKey;
use auth::token::TokenKey;
use model::{AccountId, ConnectionTokenId, Now, PublicKeyArn, Region};

use crate::StageSender;
use crate::ice::IceServerSettings;

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Now + Send + Sync>;

/// Fills a buffer with random bytes fit for secrets.
pub type Random = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

/// Finds imported keys. Each join with a token that names one asks anew, so that a deleted key is of no use at once.
pub type PublicKeys = Arc<dyn Fn(PublicKeyArn) -> KeyLookup + Send + Sync>;

/// A key that is being looked up; `None` if it has not been imported, or has been deleted.
pub type KeyLookup =
    Pin<Box<dyn Future<Output = Result<Option<PublicKey>, KeysUnavailable>> + Send>>;

/// Tells whether a connection token has been revoked. Each connection with one asks anew.
pub type RevokedTokens =
    Arc<dyn Fn(AccountId, Region, ConnectionTokenId) -> RevocationLookup + Send + Sync>;

/// A revocation that is being looked up.
pub type RevocationLookup = Pin<Box<dyn Future<Output = Result<bool, KeysUnavailable>> + Send>>;

/// Nobody can tell at the moment which keys there are, or which tokens have been revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeysUnavailable;

/// Everything the media plane needs.
pub struct Settings {
    /// First UDP and TCP port; one more for each worker. Port 0 gives each worker a free port.
    pub listen: SocketAddr,
    /// Worker threads; 0 counts as 1.
    pub workers: usize,
    /// Most subscribers of one stage on one worker, while another worker has fewer; 0 counts as 1.
    pub stage_subscribers_per_worker: usize,
    /// Addresses that candidates advertise instead of the listening one.
    pub external_addresses: Vec<IpAddr>,
    /// STUN servers and relays that clients are told of.
    pub ice_servers: Vec<IceServerSettings>,
    /// Base of resource URLs in `Location`, e.g. `http://127.0.0.1:7400`.
    pub public_url: String,
    /// Forwarding settings; `addresses` is filled in for each worker.
    pub sfu: sfu::Settings,
    /// Verifies the participant tokens of this server.
    pub token_key: TokenKey,
    /// Verify the participant tokens of customers.
    pub public_keys: PublicKeys,
    /// Which connection tokens are good no more.
    pub revoked_tokens: RevokedTokens,
    /// How far a token's `iat` may lie in the future.
    pub token_skew: Duration,
    /// The clock.
    pub clock: Clock,
    /// Randomness for resource URLs and worker secrets.
    pub random: Random,
    /// Where stages live.
    pub stages: StageSender,
}
