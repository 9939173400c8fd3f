//! Encoders: how they come in, and what the API does to them.

use std::collections::BTreeSet;

use jiff::Timestamp;
use model::{
    Capabilities, ClientInfo, ConnectionId, ErrorCode, EventName, Grant, IngestConfigurationArn,
    IngestGrant, IngestPart, Issuer, Now, ParticipantId, Protocol, StageArn,
};
use stage::{Attachment, LeftReason, Refusal};

use super::{Caller, Connection, Kind, Reference, deadline};
use crate::expected::Answer;

impl Connection {
    pub(super) fn part(&self) -> Option<IngestPart> {
        self.key.as_ref().map(|key| key.part)
    }

    /// Whether peers may know of it.
    pub(super) fn is_visible(&self) -> bool {
        self.part() != Some(IngestPart::Leg)
    }
}

impl Reference {
    pub(super) fn ingest(
        &mut self,
        id: ConnectionId,
        key: &IngestGrant,
        fault: Option<ErrorCode>,
        now: Now,
    ) -> Answer {
        if self.is_shutting_down {
            return Answer::Refused(Refusal::ShuttingDown);
        }
        let attachment = self.attachments.get(&key.configuration);
        if attachment.is_some_and(|(now, _)| !has_place(key, now.as_ref())) {
            return Answer::Refused(Refusal::IngestDetached);
        }
        if !self.stages.contains_key(&key.stage) {
            return Answer::Refused(Refusal::StageNotFound);
        }
        let active = self.active(&key.stage);
        if active.is_some_and(|session| self.is_replica(session, &key.participant)) {
            return Answer::Refused(Refusal::ReplicaPresent);
        }
        let session = self.active_or_new(&key.stage, now);
        let who = &key.participant;
        let is_leg = key.part == IngestPart::Leg;
        let obstacle = if let Some(code) = fault {
            Some((code, Refusal::Offer(code)))
        } else if self.publish_of(session, who).is_some() {
            Some((ErrorCode::ReuseOfStreamKey, Refusal::StreamKeyInUse))
        } else if !is_leg && self.is_full_of_publishers(session) {
            Some((ErrorCode::QuotaExceeded, Refusal::QuotaExceeded))
        } else {
            None
        };
        let (grant, client) = (like_a_token(key), ClientInfo::default());
        let caller = Caller {
            id,
            grant: &grant,
            client: &client,
        };
        let was_there = self.is_connected(session, who);
        if let Some((code, _)) = obstacle {
            let name = EventName::PublishError;
            self.visit(session, &caller, name, None, code, now);
        } else {
            self.enter(session, &caller, now);
        }
        let person = self.sessions[session].people.get_mut(who);
        let person = person.expect("it has just come in");
        person.is_leg |= is_leg;
        // A refusal tells nothing about somebody who is there.
        if obstacle.is_none() || !was_there {
            person.ingest = Some(key.ingest());
        }
        if let Some((_, refusal)) = obstacle {
            return Answer::Refused(refusal);
        }
        let deadline = deadline(now, self.settings.setup_timeout);
        self.add(session, &caller, Kind::Publish, None, deadline);
        let newest = self.connections.last_mut();
        newest.expect("it has just been added").key = Some(key.clone());
        Answer::Admitted(session, None, None)
    }

    /// Nobody publishes through a configuration but where it is attached, and as what it is.
    pub(super) fn attach(
        &mut self,
        configuration: &IngestConfigurationArn,
        attachment: Option<&Attachment>,
        now: Now,
    ) {
        let elsewhere: Vec<(usize, ParticipantId)> = self
            .connections
            .iter()
            .filter(|c| {
                let key = c.key.as_ref();
                key.is_some_and(|key| {
                    key.configuration == *configuration && !has_place(key, attachment)
                })
            })
            .map(|c| (c.session, c.who.clone()))
            .collect();
        for (session, who) in elsewhere {
            self.evict(session, &who, LeftReason::ParticipantDisconnected, now);
        }
        // Whoever is away does not come back there by that key.
        let stage = attachment.map(|attachment| &attachment.stage);
        let given_up: Vec<(usize, ParticipantId)> = self
            .replicated()
            .filter(|(session, who)| {
                let person = &self.sessions[*session].people[who];
                let ingest = person.ingest.as_ref();
                Some(&self.sessions[*session].stage) != stage
                    && matches!(person.protocol, Protocol::Rtmp | Protocol::Rtmps)
                    && ingest.is_some_and(|ingest| ingest.configuration == *configuration)
            })
            .collect();
        self.stop_replications(LeftReason::Unknown, now, |r| {
            given_up.contains(&(r.source, r.who.clone()))
        });
        let end = deadline(now, self.settings.ingest_lookup_max);
        self.attachments
            .insert(configuration.clone(), (attachment.cloned(), end));
    }

    /// The configurations that somebody publishes through, each where it is.
    pub fn active_configurations(&self) -> BTreeSet<(StageArn, IngestConfigurationArn)> {
        let keys = self.connections.iter().filter_map(|c| c.key.as_ref());
        keys.map(|key| (key.stage.clone(), key.configuration.clone()))
            .collect()
    }

    /// Whether one more publish that peers see is too many.
    pub(super) fn is_full_of_publishers(&self, session: usize) -> bool {
        let stage = &self.sessions[session].stage;
        self.count_publishers(session) >= self.settings.publishers_per_stage_max as usize
            || self.count_in_region(stage, Kind::Publish)
                >= self.settings.publishers_per_region_max as usize
    }

    /// Whether somebody is one of two redundant streams, as far as peers can tell.
    pub(super) fn is_leg(&self, session: usize, who: &ParticipantId) -> bool {
        match self.publish_of(session, who) {
            Some(publish) => !publish.is_visible(),
            None => self.sessions[session].people[who].is_leg,
        }
    }
}

/// Whether a configuration that is attached so has a place for a stream with that key.
fn has_place(key: &IngestGrant, attachment: Option<&Attachment>) -> bool {
    attachment.is_some_and(|now| {
        let is_two = !now.legs.is_empty();
        let is_of_it = match key.part {
            IngestPart::Whole => !is_two,
            IngestPart::Virtual => is_two,
            IngestPart::Leg => now.legs.contains(&key.participant),
        };
        now.stage == key.stage && is_of_it
    })
}

/// A key opens the door as this token would, apart from what it is asked for there.
fn like_a_token(key: &IngestGrant) -> Grant {
    Grant {
        stage: key.stage.clone(),
        participant: key.participant.clone(),
        user_id: key.user_id.clone(),
        attributes: key.attributes.clone(),
        capabilities: Capabilities {
            publish: true,
            subscribe: false,
        },
        expires: Timestamp::MAX,
        issuer: Issuer::Service,
        whip_url: String::new(),
        events_url: String::new(),
    }
}
