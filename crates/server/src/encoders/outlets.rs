//! The media plane as the doors for encoders see it: shells do not import each other.

use std::pin::Pin;
use std::sync::Arc;

use ingest::{Outlet, OutletFault, Outlets};
use media::{Inlet, InletFault, Media};
use model::{ConnectionId, StageArn};
use sfu::{InletDescription, Relayed};
use stage::{CloseCause, LeftReason};

/// Outlets into that media plane.
pub(super) fn of(media: Media) -> Arc<dyn Outlets> {
    Arc::new(Plane(media))
}

struct Plane(Media);

impl Outlets for Plane {
    fn open(&self) -> Box<dyn Outlet> {
        Box::new(Way(self.0.inlet()))
    }

    fn told(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(self.0.inlets_told())
    }
}

struct Way(Inlet);

impl Outlet for Way {
    fn connection(&self) -> ConnectionId {
        self.0.connection()
    }

    fn closed(&self) -> Pin<Box<dyn Future<Output = LeftReason> + Send + '_>> {
        Box::pin(self.0.closed())
    }

    fn begin(&self, stage: &StageArn, description: InletDescription) -> Result<(), OutletFault> {
        self.0.begin(stage, description).map_err(fault)
    }

    fn send(&self, packets: Relayed) -> Result<(), OutletFault> {
        self.0.send(packets).map_err(fault)
    }

    fn connected(&self) {
        self.0.connected();
    }

    fn ended(&self, cause: CloseCause) {
        self.0.ended(cause);
    }
}

fn fault(fault: InletFault) -> OutletFault {
    match fault {
        InletFault::Full => OutletFault::Full,
        InletFault::Closed | InletFault::OutOfTurn => OutletFault::Gone,
    }
}
