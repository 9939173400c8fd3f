//! Asking `stage`, and asking for configurations: with patience that has an end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use model::{IngestConfiguration, IngestConfigurationArn};
use stage::{Input, Reply};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use crate::outlet::Outlets;
use crate::reason::Reason;
use crate::settings::{Configurations, StageSender};

/// How long a configuration may take to be found. What was found goes to `stage` at most [`SEND_PATIENCE`] later, which together is
/// less than `stage::Settings::ingest_lookup_max`.
const LOOKUP_PATIENCE: Duration = Duration::from_secs(5);
/// How long the way to `stage` may be full.
const SEND_PATIENCE: Duration = Duration::from_secs(3);
/// How long `stage` may take to answer: longer than a slow disk takes to sync, shorter than encoders wait.
const REPLY_PATIENCE: Duration = Duration::from_secs(8);
/// Lookups at once: a flood of keys must not keep the API from the store.
const LOOKUPS_MAX: usize = 16;

/// Who knows what.
pub(crate) struct Authorities {
    stages: StageSender,
    /// They tell `stage` that a publish has ended, by a way of their own.
    outlets: Arc<dyn Outlets>,
    configurations: Configurations,
    lookups: Semaphore,
    /// Nobody is let in any more.
    closing: AtomicBool,
}

impl Authorities {
    pub(crate) fn new(
        stages: StageSender,
        outlets: Arc<dyn Outlets>,
        configurations: Configurations,
    ) -> Self {
        Self {
            stages,
            outlets,
            configurations,
            lookups: Semaphore::new(LOOKUPS_MAX),
            closing: AtomicBool::new(false),
        }
    }

    /// Lets nobody in from here on.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }

    /// Finds a configuration.
    pub(crate) async fn find(
        &self,
        arn: &IngestConfigurationArn,
    ) -> Result<Option<IngestConfiguration>, Reason> {
        let lookup = async {
            let _permit = self.lookups.acquire().await;
            (self.configurations)(arn.clone()).await
        };
        match timeout(LOOKUP_PATIENCE, lookup).await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(_)) | Err(_) => Err(Reason::unavailable(
                "the server cannot look up stream keys at the moment; try again",
            )),
        }
    }

    /// Asks `stage` to let a publish in. An error may leave it admitted: whoever asked ends it then.
    pub(crate) async fn admit(&self, input: Input) -> Result<(), Reason> {
        let busy = || Reason::unavailable("the server is busy; try again");
        if self.closing.load(Ordering::Acquire) {
            return Err(Reason::unavailable("the server is shutting down"));
        }
        let (reply, replied) = oneshot::channel();
        let asking = async {
            // An encoder that has hung up and calls again would find its key in use, if its call came before its end.
            self.outlets.told().await;
            self.stages.send((input, reply)).await
        };
        let asked = timeout(SEND_PATIENCE, asking).await;
        asked.map_err(|_| busy())?.map_err(|_| busy())?;
        match timeout(REPLY_PATIENCE, replied).await {
            Ok(Ok(Reply::Admitted { .. })) => Ok(()),
            Ok(Ok(Reply::Refused(refusal))) => Err(Reason::refused(&refusal)),
            Ok(Ok(Reply::Done | Reply::Joined { .. } | Reply::Exchanged) | Err(_)) | Err(_) => {
                Err(busy())
            }
        }
    }
}
