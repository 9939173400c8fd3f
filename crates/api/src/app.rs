//! What the operations work with: the API's state, and the call that is being served.

use std::sync::{Arc, Mutex, PoisonError};

use auth::policy::Policy;
use model::{AccountId, Now, Region, ResourceArn, Stage, StageArn};
use stage::{Input, Reply};
use store::StoreError;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tracing::Instrument;

use crate::Settings;
use crate::constraints::Breach;
use crate::error::{Absent, Declared, Failure, ServerFault};
use crate::rate::Rates;

/// The API's state.
pub(crate) struct App {
    pub(crate) settings: Settings,
    pub(crate) rates: Rates,
    /// Writes that go on although their caller has hung up.
    writes: Mutex<JoinSet<()>>,
}

/// Who calls, by signature.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// The account of the access key.
    pub(crate) account: AccountId,
    /// The region of the credential scope: resources of other regions are not visible.
    pub(crate) region: Region,
    /// What the access key may do.
    pub(crate) policy: Policy,
}

/// One call, signed and allowed.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) app: Arc<App>,
    pub(crate) caller: Caller,
    pub(crate) now: Now,
}

/// A place in the queue of the stages, taken before anything is written, so that what is written can always be told.
pub(crate) struct StageLine(mpsc::OwnedPermit<(Input, oneshot::Sender<Reply>)>);

impl App {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            rates: Rates::default(),
            writes: Mutex::default(),
        }
    }

    /// Random bytes for an id.
    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.settings.random)(&mut bytes);
        bytes
    }

    /// Takes a place in the queue of the stages.
    pub(crate) fn stage_line(&self) -> Result<StageLine, ServerFault> {
        let permit = self.settings.stages.clone().try_reserve_owned();
        permit
            .map(StageLine)
            .map_err(|_| ServerFault::StagesUnreachable)
    }

    /// Runs a write to its end even if the caller hangs up. What is stored and what the stages know must not differ, and a
    /// request whose connection closes is dropped at any await.
    pub(crate) async fn carry_through<T, E>(
        &self,
        write: impl Future<Output = Result<T, Failure<E>>> + Send + 'static,
    ) -> Result<T, Failure<E>>
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        let (done, result) = oneshot::channel();
        {
            let mut writes = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
            while writes.try_join_next().is_some() {}
            let write = async move {
                // The receiver is gone if the caller has hung up: then nobody wants to know.
                let _ = done.send(write.await);
            };
            writes.spawn(write.in_current_span());
        }
        result.await.unwrap_or(Err(ServerFault::Interrupted.into()))
    }
}

impl StageLine {
    /// Tells the stages and waits until they have acted on it.
    pub(crate) async fn tell(self, input: Input) -> Result<Reply, ServerFault> {
        let (reply, answer) = oneshot::channel();
        self.0.send((input, reply));
        answer.await.map_err(|_| ServerFault::StagesUnreachable)
    }
}

impl Call {
    /// Reads the ARN of a stage of the caller's own account and region. One that has the modelled shape and cannot be a
    /// stage of the caller is a stage that does not exist.
    pub(crate) fn own_stage_arn(&self, arn: &str) -> Result<StageArn, Absent> {
        StageArn::parse(arn)
            .ok()
            .filter(|arn| arn.account == self.caller.account && arn.region == self.caller.region)
            .ok_or(Absent::Stage)
    }

    /// Reads the ARN of a resource that can carry tags, of the caller's own account and region.
    pub(crate) fn own_resource<E: Declared>(&self, arn: &str) -> Result<ResourceArn, Failure<E>> {
        let arn = ResourceArn::parse(arn).map_err(|_| Breach::ResourceArn)?;
        if arn.account != self.caller.account || arn.region != self.caller.region {
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

/// Says of a write that found its stage gone what the read before it would have said.
pub(crate) fn stage_is_there<E: Declared>(
    written: Result<(), StoreError>,
) -> Result<(), Failure<E>> {
    match written {
        Err(StoreError::NotFound) => Err(Absent::Stage.into()),
        other => Ok(other?),
    }
}
