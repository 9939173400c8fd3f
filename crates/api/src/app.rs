//! What the operations work with: the API's state, and the call that is being served.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::{AccountId, IdError, Now, Region, ResourceArn, Stage, StageArn};
use stage::{Input, Reply};
use store::StoreError;
use tokio::sync::{Mutex as AsyncMutex, Semaphore, oneshot};
use tokio::task::JoinSet;
use tracing::Instrument;

use crate::constraints::Breach;
use crate::error::{Absent, Declared, Failure, ServerFault};
use crate::pipeline::LARGE_BODIES_MAX;
use crate::rate::Rates;
use crate::{AccessKey, Settings, StageSender};

/// Writes that are carried through at a time; the store does one after the other anyhow.
const WRITES_MAX: u32 = 1_024;

/// How long a caller waits until what the stages did is stored: as long as for a write of the API's own.
const STORED_WITHIN: Duration = Duration::from_secs(10);

/// The API's state.
pub(crate) struct App {
    pub(crate) settings: Settings,
    /// Access keys by id, shared with the calls that they sign.
    pub(crate) keys: BTreeMap<String, Arc<AccessKey>>,
    pub(crate) rates: Rates,
    /// Places for large bodies of requests whose signature is not verified yet.
    pub(crate) large_bodies: Semaphore,
    /// Writes that go on although their caller has hung up.
    writes: Mutex<JoinSet<()>>,
    /// Places for them; one that has to be alone takes all.
    write_places: Arc<Semaphore>,
    /// Held while an ingest configuration is changed and the stages are told: what they are told last is what is stored.
    pub(crate) ingest_changes: Arc<AsyncMutex<()>>,
}

/// Who calls, by signature.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// Its access key: the account, and what it may do there.
    pub(crate) key: Arc<AccessKey>,
    /// The region of the credential scope: resources of other regions are not visible.
    pub(crate) region: Region,
}

/// One call, signed and allowed.
pub(crate) struct Call {
    pub(crate) app: Arc<App>,
    pub(crate) caller: Caller,
    pub(crate) now: Now,
}

/// The queue of the stages, found open before anything is written.
///
/// No place in it is kept while the store works: media shares the queue, and flows on while the store is slow.
pub(crate) struct StageLine(StageSender);

impl App {
    pub(crate) fn new(mut settings: Settings) -> Self {
        let keys = std::mem::take(&mut settings.access_keys);
        Self {
            settings,
            keys: keys
                .into_iter()
                .map(|(id, key)| (id, Arc::new(key)))
                .collect(),
            rates: Rates::default(),
            large_bodies: Semaphore::new(LARGE_BODIES_MAX),
            writes: Mutex::default(),
            write_places: Arc::new(Semaphore::new(WRITES_MAX as usize)),
            ingest_changes: Arc::default(),
        }
    }

    /// Random bytes for an id.
    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.settings.random)(&mut bytes);
        bytes
    }

    /// The queue of the stages, unless it is full or closed: then nothing may be written that they would have to know.
    pub(crate) fn stage_line(&self) -> Result<StageLine, ServerFault> {
        let stages = &self.settings.stages;
        if stages.is_closed() || stages.capacity() == 0 {
            return Err(ServerFault::StagesUnreachable);
        }
        Ok(StageLine(stages.clone()))
    }

    /// Runs a write to its end even if the caller hangs up, as long as the process lives; what a restart finds stored, it
    /// opens. What is stored and what the stages know must not differ, and a request whose connection closes is dropped at
    /// any await.
    pub(crate) async fn carry_through<T, E>(
        &self,
        write: impl Future<Output = Result<T, Failure<E>>> + Send + 'static,
    ) -> Result<T, Failure<E>>
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        self.carry(1, write).await
    }

    /// Like [`Self::carry_through`], and while no other write is under way: what is written concerns all stages at once, or
    /// gives a deleted one its name back.
    pub(crate) async fn carry_alone<T, E>(
        &self,
        write: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<ServerFault> + Send + 'static,
    {
        self.carry(WRITES_MAX, write).await
    }

    async fn carry<T, E>(
        &self,
        places: u32,
        write: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<ServerFault> + Send + 'static,
    {
        let (done, result) = oneshot::channel();
        let write_places = Arc::clone(&self.write_places);
        {
            let mut writes = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
            while writes.try_join_next().is_some() {}
            let write = async move {
                let place = write_places.acquire_many_owned(places).await;
                let outcome = match place {
                    Ok(_place) => write.await,
                    // Nobody closes the places while the process lives.
                    Err(_) => Err(ServerFault::Interrupted.into()),
                };
                // The receiver is gone if the caller has hung up: then nobody wants to know.
                let _ = done.send(outcome);
            };
            writes.spawn(write.in_current_span());
        }
        result
            .await
            .unwrap_or_else(|_| Err(ServerFault::Interrupted.into()))
    }
}

impl Caller {
    /// Whether resources of the account and region are visible to the caller.
    pub(crate) fn owns(&self, account: &AccountId, region: &Region) -> bool {
        self.key.account == *account && self.region == *region
    }
}

impl StageLine {
    /// Tells the stages, waiting for a place in their queue, and then until they have acted on it.
    pub(crate) async fn tell(&self, input: Input) -> Result<Reply, ServerFault> {
        let (reply, answer) = oneshot::channel();
        let told = self.0.send((input, reply)).await;
        told.map_err(|_| ServerFault::StagesUnreachable)?;
        answer.await.map_err(|_| ServerFault::StagesUnreachable)
    }

    /// Tells the stages something to which they reply when it is stored. If that takes too long, it has happened all the same, and is
    /// stored once the store works again.
    pub(crate) async fn tell_stored(&self, input: Input) -> Result<Reply, ServerFault> {
        let told = tokio::time::timeout(STORED_WITHIN, self.tell(input)).await;
        told.unwrap_or(Err(ServerFault::StoreTooSlow))
    }
}

impl Call {
    /// Reads the ARN of a resource of one kind, of the caller's own account and region. One that has the modelled shape and
    /// cannot be a resource of the caller names one that does not exist.
    pub(crate) fn own_arn<A>(
        &self,
        arn: &str,
        parse: fn(&str) -> Result<A, IdError>,
        absent: Absent,
    ) -> Result<A, Absent> {
        ResourceArn::parse(arn)
            .ok()
            .filter(|arn| self.caller.owns(&arn.account, &arn.region))
            .and_then(|_| parse(arn).ok())
            .ok_or(absent)
    }

    /// Reads the ARN of a stage of the caller's.
    pub(crate) fn own_stage_arn(&self, arn: &str) -> Result<StageArn, Absent> {
        self.own_arn(arn, StageArn::parse, Absent::Stage)
    }

    /// The source and the destination of a replication, both stages of the caller's.
    pub(crate) async fn own_stages<E: Declared>(
        &self,
        source: &str,
        destination: &str,
    ) -> Result<[StageArn; 2], Failure<E>> {
        let store = &self.app.settings.store;
        let (no_source, no_destination) = (Absent::SourceStage, Absent::DestinationStage);
        let source = self.own_arn(source, StageArn::parse, no_source)?;
        store.stage_get(&source).await?.ok_or(no_source)?;
        let destination = self.own_arn(destination, StageArn::parse, no_destination)?;
        store.stage_get(&destination).await?.ok_or(no_destination)?;
        Ok([source, destination])
    }

    /// Reads the ARN of a resource that can carry tags, of the caller's own account and region.
    pub(crate) fn own_resource<E: Declared>(&self, arn: &str) -> Result<ResourceArn, Failure<E>> {
        let arn = ResourceArn::parse(arn).map_err(|_| Breach::ResourceArn)?;
        if !self.caller.owns(&arn.account, &arn.region) {
            return Err(Absent::Resource.into());
        }
        Ok(arn)
    }

    /// A stage of the caller's.
    pub(crate) async fn own_stage<E: Declared>(&self, arn: &str) -> Result<Stage, Failure<E>> {
        let arn = self.own_stage_arn(arn)?;
        let stage = self.app.settings.store.stage_get(&arn).await?;
        Ok(stage.ok_or(Absent::Stage)?)
    }
}

/// Says of a write that found its resource gone what the read before it would have said.
pub(crate) fn is_there<T, E: Declared>(
    written: Result<T, StoreError>,
    absent: Absent,
) -> Result<T, Failure<E>> {
    match written {
        Err(StoreError::NotFound) => Err(absent.into()),
        other => Ok(other?),
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn t59_who_waits_for_the_store_does_not_wait_for_ever() {
        let (stages, mut inbox) = mpsc::channel(1);
        let start = Instant::now();
        let told = StageLine(stages).tell_stored(Input::Shutdown).await;
        assert!(matches!(told, Err(ServerFault::StoreTooSlow)), "{told:?}");
        assert_eq!(start.elapsed(), STORED_WITHIN);
        assert!(inbox.recv().await.is_some());
    }
}
