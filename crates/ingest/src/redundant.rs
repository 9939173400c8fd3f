//! Redundant ingest: the two streams of a configuration and the one publish that viewers see of them.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use bytes::Bytes;
use model::{ErrorCode, IngestConfigurationArn, IngestGrant, StageArn};
use sfu::InletDescription;
use stage::{CloseCause, Input};

use crate::forward::Forward;
use crate::ledger::{Entry, Ledger, StreamId};
use crate::media::{Unit, Violation};
use crate::outlet::{Outlet, OutletFault, Outlets};
use crate::pair::{Choice, Side, Verdict};
use crate::reason::Reason;
use crate::stages::Authorities;

#[cfg(test)]
mod tests;

/// Every pair of which a stream is there.
#[derive(Default)]
pub(crate) struct Pairs {
    tables: Mutex<BTreeMap<IngestConfigurationArn, Arc<Table>>>,
}

/// The pair of one configuration, if there is one. Locked while `stage` is asked, so that two streams that come together do not both
/// ask; pairs of other configurations do not wait for that.
type Table = tokio::sync::Mutex<Weak<Pair>>;

/// Two streams, and what viewers see of them.
struct Pair {
    stage: StageArn,
    configuration: IngestConfigurationArn,
    outlet: Arc<dyn Outlet>,
    ledger: Arc<Ledger>,
    state: Mutex<State>,
}

struct State {
    choice: Choice,
    forward: Forward,
    /// The stream that was active last.
    shown: Option<Side>,
    /// The stream that is active, as the ledger calls it.
    active: Option<StreamId>,
    /// Layers of what viewers see, once it has begun.
    layers: usize,
    first: Leg,
    second: Leg,
    /// Seats that were taken.
    seats: u64,
    /// Both streams have gone; a newcomer makes a pair anew.
    has_ended: bool,
}

/// One of the two streams.
#[derive(Debug, Default)]
struct Leg {
    /// Who sits there. One that `stage` has closed may still be at it when the next comes.
    seat: Option<u64>,
    /// The newest parameter sets of each layer: SPS and PPS.
    sets: BTreeMap<usize, (Vec<Bytes>, Vec<Bytes>)>,
}

/// The place of one stream in its pair, until this is dropped.
pub(crate) struct Seat {
    pair: Arc<Pair>,
    side: Side,
    number: u64,
}

impl Pairs {
    /// The place for the pair of a configuration.
    fn table(&self, configuration: &IngestConfigurationArn) -> Arc<Table> {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        // Who waits for one has a share in it.
        tables.retain(|_, table| {
            let is_held = Arc::strong_count(table) > 1;
            is_held || table.try_lock().is_ok_and(|pair| pair.strong_count() > 0)
        });
        Arc::clone(tables.entry(configuration.clone()).or_default())
    }

    /// Sits down in the pair of the configuration. The first of the two has `stage` admit what viewers see.
    pub(crate) async fn join(
        &self,
        shown: IngestGrant,
        side: Side,
        authorities: &Authorities,
        outlets: &dyn Outlets,
        ledger: &Arc<Ledger>,
    ) -> Result<Seat, Reason> {
        let table = self.table(&shown.configuration);
        let mut known = table.lock().await;
        if let Some(pair) = known.upgrade()
            && pair.stage == shown.stage
            && !pair.is_closed().await
            && let Some(seat) = pair.sit(side)
        {
            return Ok(seat);
        }
        let outlet: Arc<dyn Outlet> = outlets.open().into();
        let (stage, configuration) = (shown.stage.clone(), shown.configuration.clone());
        let input = Input::Ingest {
            connection: outlet.connection(),
            grant: Box::new(shown),
            fault: None,
        };
        authorities.admit(input).await?;
        let pair = Arc::new(Pair {
            stage,
            configuration,
            outlet: Arc::clone(&outlet),
            ledger: Arc::clone(ledger),
            state: Mutex::new(State {
                choice: Choice::default(),
                forward: Forward::new(outlet, Arc::clone(ledger)),
                shown: None,
                active: None,
                layers: 0,
                first: Leg::default(),
                second: Leg::default(),
                seats: 0,
                has_ended: false,
            }),
        });
        *known = Arc::downgrade(&pair);
        pair.sit(side)
            .ok_or_else(|| Reason::unavailable("the pair has ended at once; try again"))
    }
}

impl Pair {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether `stage` has closed what viewers see. Its streams are about to go, and a newcomer would go with them.
    async fn is_closed(&self) -> bool {
        tokio::select! {
            biased;
            _ = self.outlet.closed() => true,
            () = std::future::ready(()) => false,
        }
    }

    fn sit(self: &Arc<Self>, side: Side) -> Option<Seat> {
        let mut state = self.lock();
        if state.has_ended {
            return None;
        }
        state.seats += 1;
        let number = state.seats;
        *state.leg(side) = Leg {
            seat: Some(number),
            ..Leg::default()
        };
        self.leave(&mut state, side);
        drop(state);
        Some(Seat {
            pair: Arc::clone(self),
            side,
            number,
        })
    }

    /// The stream of that side is not there any more.
    fn leave(&self, state: &mut State, side: Side) {
        if state.choice.active() == Some(side)
            && let Some(active) = state.active.take()
        {
            self.ledger.hidden(active);
        }
        state.choice.left(side);
    }
}

impl State {
    fn leg(&mut self, side: Side) -> &mut Leg {
        match side {
            Side::First => &mut self.first,
            Side::Second => &mut self.second,
        }
    }

    fn unit(&mut self, side: Side, unit: &Unit, now: Instant) -> Verdict {
        let was_active = self.choice.active();
        let verdict = match unit {
            Unit::ParameterSets { layer, sps, pps } => {
                let sets = (sps.clone(), pps.clone());
                self.leg(side).sets.insert(*layer, sets);
                if was_active == Some(side) {
                    Verdict::Pass
                } else {
                    Verdict::Drop
                }
            }
            Unit::Picture { layer, is_key, .. } => self.choice.picture(side, *layer, *is_key, now),
            Unit::Opus { .. } => self.choice.audio(side, now),
        };
        match verdict {
            Verdict::Drop => return verdict,
            Verdict::Pass => {}
            Verdict::Begin => {
                self.forward.next_source();
                let sets = std::mem::take(&mut self.leg(side).sets);
                for (layer, (sps, pps)) in &sets {
                    self.forward.parameter_sets(*layer, sps, pps);
                }
                self.leg(side).sets = sets;
            }
        }
        self.forward.unit(unit, now);
        verdict
    }
}

impl Seat {
    /// The pair, while nobody else has this place.
    fn lock(&self) -> Option<MutexGuard<'_, State>> {
        let mut state = self.pair.lock();
        let is_own = state.leg(self.side).seat == Some(self.number);
        is_own.then_some(state)
    }

    /// The stream is complete. The first one makes what viewers see; the other must have the same layers.
    pub(crate) fn begin(&self, description: InletDescription) -> Result<(), BeginFault> {
        let Some(mut state) = self.lock() else {
            return Ok(());
        };
        let layers = description.video.len();
        if state.forward.has_begun() {
            if state.layers == layers {
                return Ok(());
            }
            return Err(BeginFault::Violation(Violation::new(
                ErrorCode::InvalidInput,
                format!(
                    "both streams of a redundant ingest must have the same video tracks; the other one has {}",
                    state.layers
                ),
            )));
        }
        state.forward.begin(&self.pair.stage, description)?;
        state.layers = layers;
        Ok(())
    }

    /// Something of the stream has come; viewers get it with the next [`Self::send`] if it is the active one, which the ledger
    /// knows of at once.
    pub(crate) fn unit(&self, unit: &Unit, entry: &Entry, now: Instant) {
        let Some(mut state) = self.lock() else {
            return;
        };
        let verdict = state.unit(self.side, unit, now);
        if verdict == Verdict::Begin {
            entry.shown();
            state.active = Some(entry.id());
            if state.shown.is_some_and(|side| side != self.side) {
                let failovers = &self.pair.ledger.flow.failovers;
                failovers.fetch_add(1, Ordering::Relaxed);
                tracing::info!(configuration = %self.pair.configuration, "the other stream of a redundant ingest goes on");
            }
            state.shown = Some(self.side);
        }
    }

    /// Sends what viewers get of what has come.
    pub(crate) fn send(&self) -> Result<(), OutletFault> {
        self.lock().map_or(Ok(()), |mut state| state.forward.send())
    }

    /// What viewers see.
    pub(crate) fn outlet(&self) -> &Arc<dyn Outlet> {
        &self.pair.outlet
    }

    /// The stream ends. If it is the last of the two, so does what viewers see.
    pub(crate) fn end(&self, cause: CloseCause) {
        let Some(mut state) = self.lock() else {
            return;
        };
        self.pair.leave(&mut state, self.side);
        *state.leg(self.side) = Leg::default();
        if state.first.seat.is_none() && state.second.seat.is_none() {
            state.has_ended = true;
            self.pair.outlet.ended(cause);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.end(CloseCause::Client);
    }
}

/// Why a stream cannot be shown.
#[derive(Debug)]
pub(crate) enum BeginFault {
    /// It does not fit the other one.
    Violation(Violation),
    /// The media plane does not take it.
    Outlet(OutletFault),
}

impl From<OutletFault> for BeginFault {
    fn from(fault: OutletFault) -> Self {
        Self::Outlet(fault)
    }
}
