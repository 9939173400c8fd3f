//! What the doors are started with.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use model::{IngestConfiguration, IngestConfigurationArn, Now};
use stage::{Input, Reply};
use tokio::sync::{mpsc, oneshot};

use crate::media;
use crate::outlet::Outlets;

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Now + Send + Sync>;

/// Fills a buffer with random bytes.
pub type Random = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

/// How `stage` is reached: one input, one reply.
pub type StageSender = mpsc::Sender<(Input, oneshot::Sender<Reply>)>;

/// Finds ingest configurations. Each publish asks anew, so that a deleted or detached key is of no use at once.
pub type Configurations = Arc<dyn Fn(IngestConfigurationArn) -> ConfigurationLookup + Send + Sync>;

/// A configuration that is being looked up; `None` if there is none of that name.
pub type ConfigurationLookup = Pin<
    Box<dyn Future<Output = Result<Option<IngestConfiguration>, ConfigurationsUnavailable>> + Send>,
>;

/// Nobody can tell at the moment which ingest configurations there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigurationsUnavailable;

/// Everything the doors need, but for the ports.
pub struct Settings {
    /// Where stages live.
    pub stages: StageSender,
    /// Which stream keys there are.
    pub configurations: Configurations,
    /// Where media goes.
    pub outlets: Arc<dyn Outlets>,
    /// The clock.
    pub clock: Clock,
    /// Randomness for handshakes.
    pub random: Random,
    /// What connections may do.
    pub limits: Limits,
    /// What streams may be.
    pub media: media::Limits,
}

/// What connections may do, and for how long.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Connections at a time, of both protocols.
    pub connections_max: usize,
    /// Connections at a time of one address.
    pub connections_per_address_max: usize,
    /// Stream keys that one address may try in a second, for long.
    pub attempts_per_second: f64,
    /// Stream keys that one address may try at once.
    pub attempts_burst: f64,
    /// From the first byte of a connection to the end of the TLS handshake, and again to that of RTMP.
    pub handshake_timeout: Duration,
    /// From the beginning of a connection to its wish to publish, and from the end of one stream to the next.
    pub publish_timeout: Duration,
    /// From the beginning of a stream until audio and video have both come.
    pub media_timeout: Duration,
    /// How long a publisher may be silent.
    pub liveness_timeout: Duration,
    /// How long a peer may take to read what it is told.
    pub write_timeout: Duration,
    /// What RTMP sessions hold.
    pub session: rtmp::Limits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 2_048,
            connections_per_address_max: 128,
            attempts_per_second: 20.0,
            attempts_burst: 200.0,
            handshake_timeout: Duration::from_secs(5),
            publish_timeout: Duration::from_secs(10),
            media_timeout: Duration::from_secs(10),
            liveness_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(5),
            session: rtmp::Limits::default(),
        }
    }
}
