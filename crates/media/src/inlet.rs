//! A publish without a WebRTC connection: packets come from whoever holds its [`Inlet`], made already.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use model::{ConnectionId, StageArn};
use sfu::{InletDescription, Relayed, Tracks};
use stage::{CloseCause, Input, LeftReason};
use tokio::sync::watch;

use crate::plane::Plane;
use crate::worker::{InletWaiting, Order};

/// A publish without a WebRTC connection. It has the name by which `stage` knows it; dropping it gives the name up, ends the
/// publish, and tells `stage` that the client has gone, unless [`Inlet::ended`] has told why or `stage` has closed it.
pub struct Inlet {
    plane: Arc<Plane>,
    connection: ConnectionId,
    left: watch::Receiver<Option<LeftReason>>,
    /// The worker that it has begun on.
    worker: Mutex<Option<usize>>,
    waiting: Arc<InletWaiting>,
    /// The encodings of which packets have been dropped: they go on with their next key frames.
    lost: Mutex<Tracks>,
}

/// Why something cannot be done with an inlet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InletFault {
    /// The worker is behind: what was given is dropped, all or in part.
    #[error("the media worker is behind")]
    Full,
    /// It has been closed, or has ended.
    #[error("the publish has ended")]
    Closed,
    /// It has not begun, or it has already.
    #[error("the publish has begun already, or not yet")]
    OutOfTurn,
}

impl Inlet {
    pub(crate) fn open(plane: &Arc<Plane>) -> Self {
        let (connection, left) = plane.connections.inlet_open();
        Self {
            plane: Arc::clone(plane),
            connection,
            left,
            worker: Mutex::default(),
            waiting: Arc::default(),
            lost: Mutex::default(),
        }
    }

    /// Its name.
    pub fn connection(&self) -> ConnectionId {
        self.connection
    }

    /// Why it is over: `stage` has closed it, or the server has failed. May be asked for again and again.
    pub async fn closed(&self) -> LeftReason {
        let mut left = self.left.clone();
        let reason = left.wait_for(Option::is_some).await.map(|reason| *reason);
        // Whoever holds it has ended it where there is none.
        reason.ok().flatten().unwrap_or(LeftReason::UserInitiated)
    }

    /// The publisher is there from here on, at the home of its stage, once for each inlet.
    pub fn begin(&self, stage: &StageArn, description: InletDescription) -> Result<(), InletFault> {
        let home = self.plane.placement.home(stage);
        let worker = self.plane.workers.get(home).ok_or(InletFault::Full)?;
        let connection = self.connection;
        let order = Order::Inlet {
            connection,
            description,
        };
        let mut begun = lock(&self.worker);
        if begun.is_some() {
            return Err(InletFault::OutOfTurn);
        }
        let send = || worker.try_order(order);
        match self
            .plane
            .connections
            .inlet_send(connection, (home, stage), send)
        {
            Some(Ok(())) => {
                *begun = Some(home);
                Ok(())
            }
            Some(Err(_)) => Err(InletFault::Full),
            None => Err(InletFault::Closed),
        }
    }

    /// Gives packets to the worker; never waits. Where it is behind they are dropped, and with them what comes of the same
    /// encodings before their next key frames: without it nobody could decode that. Sound goes on at once.
    pub fn send(&self, packets: Relayed) -> Result<(), InletFault> {
        let worker = (*lock(&self.worker)).ok_or(InletFault::OutOfTurn)?;
        let worker = self.plane.workers.get(worker).ok_or(InletFault::Closed)?;
        let mut lost = lock(&self.lost);
        let count = packets.len();
        let Some(packets) = packets.from_key_frames(&mut lost) else {
            worker.inlets.note_dropped(count);
            return Err(InletFault::Full);
        };
        let (left, videos) = (packets.len(), packets.videos());
        if worker
            .inlets
            .put(self.connection, packets, &self.waiting)
            .is_err()
        {
            lost.add(videos);
            worker.inlets.note_dropped(count);
            return Err(InletFault::Full);
        }
        if left < count {
            worker.inlets.note_dropped(count - left);
            return Err(InletFault::Full);
        }
        Ok(())
    }

    /// Tells `stage` that media is up.
    pub fn connected(&self) {
        let connection = self.connection;
        if self.plane.connections.inlet_is_open(connection) {
            self.plane.facts.push(Input::Connected { connection });
        }
    }

    /// Ends it, and tells `stage` why, unless that knows already.
    pub fn ended(&self, cause: CloseCause) {
        let connection = self.connection;
        if self.plane.connections.inlet_abandon(connection) {
            self.plane.facts.push(Input::Closed { connection, cause });
        }
    }
}

impl Drop for Inlet {
    fn drop(&mut self) {
        self.ended(CloseCause::Client);
    }
}

impl fmt::Debug for Inlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inlet")
            .field("connection", &self.connection)
            .finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
