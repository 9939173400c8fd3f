//! From a wish to publish to a stream that `stage` has admitted.

use std::net::IpAddr;
use std::sync::Arc;

use model::{
    ErrorCode, IngestConfigurationArn, IngestGrant, IngestProtocol, IngestStream, Protocol,
};
use rtmp::server::Publish;
use stage::{CloseCause, Input};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::addresses::{Addresses, Place};
use crate::forward::Forward;
use crate::key::{KeyFault, Presented};
use crate::ledger::Ledger;
use crate::media::{self, Stream};
use crate::outlet::{Outlet, Outlets};
use crate::pair::Side;
use crate::publish::{self, Sink};
use crate::reason::Reason;
use crate::redundant::Pairs;
use crate::settings::{Clock, Limits, Random};
use crate::stages::Authorities;

/// The one app there is.
const APP: &str = "app";
/// What all connections share.
pub(crate) struct Shared {
    pub(crate) authorities: Authorities,
    pub(crate) outlets: Arc<dyn Outlets>,
    pub(crate) pairs: Pairs,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) addresses: Arc<Addresses>,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) limits: Limits,
    pub(crate) media: media::Limits,
}

/// Who has come, and how.
pub(crate) struct Visitor {
    pub(crate) place: Place,
    pub(crate) address: IpAddr,
    pub(crate) protocol: IngestProtocol,
    /// When it came.
    pub(crate) since: Instant,
    /// Becomes true when the doors close.
    pub(crate) draining: watch::Receiver<bool>,
}

/// A refusal, with the configuration of a key that holds.
pub(crate) struct Refused {
    pub(crate) configuration: Option<IngestConfigurationArn>,
    pub(crate) reason: Reason,
}

impl From<Reason> for Refused {
    fn from(reason: Reason) -> Self {
        Self {
            configuration: None,
            reason,
        }
    }
}

impl Shared {
    /// Finds out who wants to publish, and asks `stage`.
    pub(crate) async fn admit(
        &self,
        visitor: &Visitor,
        wish: &Publish,
    ) -> Result<(IngestConfigurationArn, publish::Publish), Refused> {
        if wish.app != APP {
            return Err(Reason::app().into());
        }
        if !visitor.place.may_try((self.clock)().mono) {
            return Err(Reason::attempts().into());
        }
        let presented = Presented::find(wish).ok_or_else(Reason::malformed_key)?;
        let found = self.authorities.find(&presented.configuration).await?;
        let found = found.ok_or_else(Reason::unknown_key)?;
        let (protocol, is_plain) = match visitor.protocol {
            IngestProtocol::Rtmp => (Protocol::Rtmp, true),
            IngestProtocol::Rtmps => (Protocol::Rtmps, false),
        };
        let named = |reason: Reason| Refused {
            configuration: Some(found.arn.clone()),
            reason,
        };
        let opened = presented.check(&found, protocol);
        let opened = opened.map_err(|fault| match fault {
            KeyFault::Unknown => Reason::from(fault).into(),
            KeyFault::Detached => named(fault.into()),
        })?;
        let fault = (is_plain && !found.insecure).then_some(ErrorCode::InvalidProtocol);

        let outlet: Arc<dyn Outlet> = self.outlets.open().into();
        let (stage, participant) = (
            opened.stream.stage.clone(),
            opened.stream.participant.clone(),
        );
        let input = Input::Ingest {
            connection: outlet.connection(),
            grant: Box::new(opened.stream),
            fault,
        };
        self.authorities.admit(input).await.map_err(named)?;
        let sink = self.sink(outlet, opened.pair).await.map_err(named)?;
        tracing::info!(
            %stage, participant = participant.as_str(), configuration = %found.arn,
            protocol = visitor.protocol.as_str(), address = %visitor.address,
            encoder = wish.encoder, "an encoder publishes"
        );
        let blank = IngestStream {
            participant,
            protocol: visitor.protocol,
            address: visitor.address,
            encoder: wish.encoder.clone(),
            since: (self.clock)().wall,
            width: 0,
            height: 0,
            frames_per_second: 0.0,
            key_frame_interval_ms: 0,
            video_bitrate_bps: 0,
            audio_bitrate_bps: 0,
            audio_sample_rate: 0,
            audio_channels: 0,
            video_codec: String::new(),
            layers: 0,
            is_active_leg: matches!(sink, Sink::Whole(_)),
        };
        let entry = self.ledger.admitted(&found.arn, blank);
        let media = Box::new(Stream::new(self.media.clone()));
        let publish = publish::Publish::new(stage, media, sink, entry, Arc::clone(&self.ledger));
        Ok((found.arn, publish))
    }

    /// Where an admitted stream goes.
    async fn sink(
        &self,
        outlet: Arc<dyn Outlet>,
        pair: Option<(Side, IngestGrant)>,
    ) -> Result<Sink, Reason> {
        let Some((side, shown)) = pair else {
            let forward = Forward::new(outlet, Arc::clone(&self.ledger));
            return Ok(Sink::Whole(Box::new(forward)));
        };
        let (authorities, outlets) = (&self.authorities, &*self.outlets);
        let joined = self
            .pairs
            .join(shown, side, authorities, outlets, &self.ledger);
        match joined.await {
            Ok(seat) => Ok(Sink::Leg {
                outlet,
                seat,
                is_up: false,
            }),
            Err(reason) => {
                let code = ErrorCode::parse(reason.code);
                outlet.ended(code.map_or(CloseCause::Client, CloseCause::Fault));
                Err(reason)
            }
        }
    }
}
