//! Who comes to the door with what, and whom an act means.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use model::{
    Capabilities, ClientInfo, ConnectionId, Grant, IngestGrant, IngestPart, Issuer, ParticipantId,
    Protocol, StageArn,
};
use stage::{Input, ReplicationKey};

use super::names::{FIRST_OF_CONFIGURATIONS, configuration_arn, participant_id, stage_arn, word};
use super::{Client, World};
use crate::{Door, Key, Token};

impl World {
    pub(super) fn knock(&mut self, token: Token, door: Door) -> Input {
        self.minted += 1;
        let connection = ConnectionId(self.minted);
        let grant = self.grant(token);
        self.open.insert(
            connection,
            Client {
                stage: grant.stage.clone(),
                participant: grant.participant.clone(),
                roster: None,
            },
        );
        let client = ClientInfo {
            os_name: word("os", token.os),
            sdk_version: word("sdk", token.sdk),
            ..ClientInfo::default()
        };
        match door {
            Door::Socket => Input::Join {
                connection,
                grant,
                client,
            },
            Door::Publish(fault) => Input::Publish {
                connection,
                grant,
                client,
                fault,
            },
            Door::Subscribe(publisher) => Input::Subscribe {
                connection,
                grant,
                client,
                publisher: participant_id(publisher),
            },
        }
    }

    pub(super) fn ingest(&mut self, key: Key) -> Input {
        self.minted += 1;
        let connection = ConnectionId(self.minted);
        let name = word("name", key.name);
        let whole = FIRST_OF_CONFIGURATIONS[usize::from(key.configuration)];
        let grant = IngestGrant {
            stage: stage_arn(key.stage),
            configuration: configuration_arn(key.configuration),
            participant: participant_id(match key.part {
                IngestPart::Whole | IngestPart::Virtual => whole,
                IngestPart::Leg => whole + 1 + key.leg,
            }),
            attributes: BTreeMap::from([("name".to_owned(), name.clone())]),
            user_id: name,
            protocol: if key.tls {
                Protocol::Rtmps
            } else {
                Protocol::Rtmp
            },
            part: key.part,
        };
        self.open.insert(
            connection,
            Client {
                stage: grant.stage.clone(),
                participant: grant.participant.clone(),
                roster: None,
            },
        );
        Input::Ingest {
            connection,
            grant: Box::new(grant),
            fault: key.fault,
        }
    }

    pub(super) fn grant(&self, token: Token) -> Grant {
        let name = word("name", token.name);
        Grant {
            stage: stage_arn(token.stage),
            participant: participant_id(token.who),
            attributes: BTreeMap::from([("name".to_owned(), name.clone())]),
            user_id: name,
            capabilities: Capabilities {
                publish: token.publish,
                subscribe: token.subscribe,
            },
            expires: self
                .now
                .wall
                .saturating_add(SignedDuration::from_secs(token.expires_in))
                .expect("it is no span"),
            issuer: if token.signed {
                Issuer::Customer
            } else {
                Issuer::Service
            },
            whip_url: String::new(),
            events_url: String::new(),
        }
    }

    /// The stage and participant of a client; or somebody who was replicated before, from that stage.
    pub(super) fn pick_source(
        &self,
        pick: Option<u16>,
        stage: &StageArn,
    ) -> Option<(StageArn, ParticipantId)> {
        let clients = self.open.values();
        let clients = clients.map(|client| (&client.stage, &client.participant));
        let replicas = self.ledger.replicas().into_iter();
        let replicas = replicas.map(|replica| (stage, &replica.participant));
        let known: Vec<_> = clients.chain(replicas).collect();
        let (stage, who) = known.get(usize::from(pick?) % known.len().max(1))?;
        Some(((*stage).clone(), (*who).clone()))
    }

    /// A replication that was recorded, over or not.
    pub(super) fn pick_replica(&self, pick: Option<u16>) -> Option<ReplicationKey> {
        let replicas = self.ledger.replicas();
        let replica = replicas.get(usize::from(pick?) % replicas.len().max(1))?;
        Some(ReplicationKey {
            source: replica.source_stage.clone(),
            destination: replica.destination_stage.clone(),
            participant: replica.participant.clone(),
        })
    }

    pub(super) fn pick(&self, pick: u16, open: bool) -> Option<ConnectionId> {
        let pick = usize::from(pick);
        if open {
            let count = self.open.len().max(1);
            return self.open.keys().nth(pick % count).copied();
        }
        // One more than there were: a connection that nobody has heard of.
        Some(ConnectionId(pick as u64 % (self.minted + 2)))
    }
}
