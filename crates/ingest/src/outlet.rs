//! Where streams go. `server` puts the media plane behind these traits: shells do not import each other.

use std::pin::Pin;

use model::{ConnectionId, StageArn};
use sfu::{InletDescription, Relayed};
use stage::{CloseCause, LeftReason};

/// Gives out outlets.
pub trait Outlets: Send + Sync {
    /// An outlet for a new publish, which `stage` can close from here on.
    fn open(&self) -> Box<dyn Outlet>;
    /// Yields once all that outlets have told `stage` so far has gone to it: what is sent there after this comes after it.
    fn told(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// The way of one publish to its viewers. Dropped, it frees its name and closes the publisher; `stage` is told so as of a client
/// that has gone, unless it was told before or has closed the publish itself.
pub trait Outlet: Send + Sync {
    /// The publish's name for `stage`.
    fn connection(&self) -> ConnectionId;
    /// Yields when `stage` closes the publish. May be asked again and again.
    fn closed(&self) -> Pin<Box<dyn Future<Output = LeftReason> + Send + '_>>;
    /// Makes it a publisher on a stage.
    fn begin(&self, stage: &StageArn, description: InletDescription) -> Result<(), OutletFault>;
    /// Sends to its viewers. Never waits.
    fn send(&self, packets: Relayed) -> Result<(), OutletFault>;
    /// Tells `stage` that media is up.
    fn connected(&self);
    /// Tells `stage` that the publish has ended.
    fn ended(&self, cause: CloseCause);
}

/// Why an outlet does not take something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutletFault {
    /// Its queue is full: what was sent is lost. Video goes on with the next key frame.
    #[error("the media worker is too slow")]
    Full,
    /// There is nobody who would take it, or not any more.
    #[error("the publish is not there any more")]
    Gone,
}
