//! From the units of a stream to the packets of an outlet.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use model::StageArn;
use sfu::{InletDescription, Packetiser};

use crate::ledger::Ledger;
use crate::media::Unit;
use crate::outlet::{Outlet, OutletFault};

/// An outlet that media flows into. `None` inside until the publish has begun.
pub(crate) struct Forward {
    outlet: Arc<dyn Outlet>,
    ledger: Arc<Ledger>,
    packetiser: Option<Packetiser>,
}

impl Forward {
    pub(crate) fn new(outlet: Arc<dyn Outlet>, ledger: Arc<Ledger>) -> Self {
        Self {
            outlet,
            ledger,
            packetiser: None,
        }
    }

    /// Makes the outlet a publisher, and tells `stage` that media is up.
    pub(crate) fn begin(
        &mut self,
        stage: &StageArn,
        description: InletDescription,
    ) -> Result<(), OutletFault> {
        let layers = description.video.len();
        self.outlet.begin(stage, description)?;
        self.packetiser = Some(Packetiser::new(layers));
        self.outlet.connected();
        Ok(())
    }

    /// Whether it has begun.
    pub(crate) fn has_begun(&self) -> bool {
        self.packetiser.is_some()
    }

    /// Another stream goes on in the place of this one.
    pub(crate) fn next_source(&mut self) {
        if let Some(packetiser) = &mut self.packetiser {
            packetiser.next_source();
        }
    }

    /// The parameter sets of a layer.
    pub(crate) fn parameter_sets(&mut self, layer: usize, sps: &[Bytes], pps: &[Bytes]) {
        if let Some(packetiser) = &mut self.packetiser {
            packetiser.parameter_sets(layer, sps, pps);
        }
    }

    /// Takes a unit for the viewers, who get it with the next [`Self::send`].
    pub(crate) fn unit(&mut self, unit: &Unit, now: Instant) {
        let Some(packetiser) = &mut self.packetiser else {
            return;
        };
        let flow = &self.ledger.flow;
        match unit {
            Unit::ParameterSets { layer, sps, pps } => {
                packetiser.parameter_sets(*layer, sps, pps);
            }
            Unit::Picture {
                layer,
                nals,
                is_key,
                at,
            } => {
                let nals: Vec<&[u8]> = nals.iter().map(AsRef::as_ref).collect();
                packetiser.picture(*layer, &nals, *is_key, *at, now);
                count(&flow.pictures);
            }
            Unit::Opus { packet, level, at } => {
                packetiser.opus(packet, *level, *at, now);
                count(&flow.opus_packets);
            }
        }
    }

    /// Sends what was taken, in as few parts as it takes: the outlet has room for a number of them. A full queue loses them; the
    /// outlet goes on with the next key frame by itself.
    pub(crate) fn send(&mut self) -> Result<(), OutletFault> {
        let Some(packetiser) = &mut self.packetiser else {
            return Ok(());
        };
        for packets in packetiser.take() {
            match self.outlet.send(packets) {
                Ok(()) => {}
                Err(OutletFault::Full) => count(&self.ledger.flow.dropped),
                Err(fault @ OutletFault::Gone) => return Err(fault),
            }
        }
        Ok(())
    }

    pub(crate) fn outlet(&self) -> &Arc<dyn Outlet> {
        &self.outlet
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
