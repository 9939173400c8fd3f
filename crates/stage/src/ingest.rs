//! Publishing through an ingest configuration: an encoder with a stream key in the place of a client with a token.
//!
//! The participant is the configuration's for life, so nothing bans it, and each reconnect is the same participant. A key that is in
//! use stays with whoever has it: the newcomer is refused, the other way round than with tokens.
//!
//! A redundant ingest has three participants. Its two streams are on the lists of the control API and nowhere else; what peers
//! see, and what quotas count, is the third one, which ends when the shell says so.

use model::{
    ConnectionId, ErrorCode, IngestConfigurationArn, IngestGrant, IngestPart, ParticipantId,
    Protocol, Record, StageArn,
};

use crate::chronicle::Entry;
use crate::connections::Source;
use crate::door::Visitor;
use crate::session::Session;
use crate::turn::Turn;
use crate::{Refusal, Reply};

impl Session {
    /// Lets a stream in, unless its key is in use, the quota or the door's own finding (`fault`) forbids it. A refusal closes nothing.
    pub(crate) fn ingest(
        &mut self,
        connection: ConnectionId,
        grant: &IngestGrant,
        fault: Option<ErrorCode>,
        turn: &mut Turn<'_>,
    ) -> Result<Reply, Refusal> {
        let visitor = Visitor::from(grant);
        let id = visitor.participant;
        if grant.part == IngestPart::Leg {
            self.legs.insert(id.clone());
        }
        if let Some((code, refusal)) = self.ingest_obstacle(grant, fault, turn) {
            self.note_refusal(&visitor, Entry::PublishError(code), turn);
            return Err(refusal);
        }
        self.enter(&visitor, turn);
        if !self.is_active(&grant.configuration, turn) {
            turn.record(self.ingest_state(&grant.configuration, true));
        }
        Ok(self.add_publish(id, connection, Source::of(grant), turn))
    }

    fn ingest_obstacle(
        &self,
        grant: &IngestGrant,
        fault: Option<ErrorCode>,
        turn: &Turn<'_>,
    ) -> Option<(ErrorCode, Refusal)> {
        if let Some(code) = fault {
            return Some((code, Refusal::Offer(code)));
        }
        if self.publishes.contains_key(&grant.participant) {
            return Some((ErrorCode::ReuseOfStreamKey, Refusal::StreamKeyInUse));
        }
        let needs_room = grant.part != IngestPart::Leg;
        (needs_room && !self.has_room_to_publish(turn))
            .then_some((ErrorCode::QuotaExceeded, Refusal::QuotaExceeded))
    }

    /// Whether the participant is one of two redundant streams, and not there by something that peers see.
    pub(crate) fn is_leg(&self, id: &ParticipantId) -> bool {
        match self.publishes.get(id) {
            Some(publish) => !publish.source.is_visible(),
            None => self.legs.contains(id),
        }
    }

    /// Whether the newest publish of a participant came through a configuration.
    pub(crate) fn published_through(
        &self,
        id: &ParticipantId,
        configuration: &IngestConfigurationArn,
    ) -> bool {
        self.participants.get(id).is_some_and(|participant| {
            let ingest = participant.ingest.as_ref();
            let is_encoder = match participant.protocol {
                Protocol::Rtmp | Protocol::Rtmps => true,
                Protocol::Unknown | Protocol::Whip => false,
            };
            is_encoder && ingest.is_some_and(|ingest| ingest.configuration == *configuration)
        })
    }

    /// Tells that a configuration has nothing on the stage any more, if that was the last of it. The publish is forgotten already.
    pub(crate) fn note_ingest_end(&self, source: &Source, turn: &mut Turn<'_>) {
        if let Some(configuration) = source.configuration()
            && !self.is_active(configuration, turn)
        {
            turn.record(self.ingest_state(configuration, false));
        }
    }

    /// Whether a configuration has a publish on this stage.
    fn is_active(&self, configuration: &IngestConfigurationArn, turn: &Turn<'_>) -> bool {
        let mut places = turn.connections.ingests(configuration);
        places.any(|place| place.stage == self.chronicle.stage)
    }

    fn ingest_state(&self, configuration: &IngestConfigurationArn, active: bool) -> Record {
        Record::Ingest {
            stage: StageArn::clone(&self.chronicle.stage),
            configuration: configuration.clone(),
            active,
        }
    }
}
