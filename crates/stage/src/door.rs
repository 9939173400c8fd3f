//! The door of a stage: who may come in at all, by whichever way. Every join, publish and subscribe passes here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{
    ClientInfo, ConnectionId, ErrorCode, Grant, Ingest, IngestGrant, Now, ParticipantId, StageArn,
};

use crate::session::Session;
use crate::turn::Turn;
use crate::{Refusal, Reply};

/// Who knocks.
pub(crate) struct Knock<'a> {
    pub(crate) connection: ConnectionId,
    pub(crate) grant: &'a Grant,
    pub(crate) client: &'a ClientInfo,
}

impl<'a> Knock<'a> {
    pub(crate) fn new(connection: ConnectionId, grant: &'a Grant, client: &'a ClientInfo) -> Self {
        Self {
            connection,
            grant,
            client,
        }
    }
}

/// Who comes in, by whatever proves it.
pub(crate) struct Visitor<'a> {
    pub(crate) participant: &'a ParticipantId,
    pub(crate) user_id: &'a str,
    pub(crate) attributes: &'a BTreeMap<String, String>,
    /// What its client says of itself; an encoder says nothing.
    pub(crate) client: Option<&'a ClientInfo>,
    /// For one that comes through an ingest configuration.
    pub(crate) ingest: Option<Box<Ingest>>,
}

impl<'a> From<&Knock<'a>> for Visitor<'a> {
    fn from(knock: &Knock<'a>) -> Self {
        Self {
            participant: &knock.grant.participant,
            user_id: &knock.grant.user_id,
            attributes: &knock.grant.attributes,
            client: Some(knock.client),
            ingest: None,
        }
    }
}

impl<'a> From<&'a IngestGrant> for Visitor<'a> {
    fn from(grant: &'a IngestGrant) -> Self {
        Self {
            participant: &grant.participant,
            user_id: &grant.user_id,
            attributes: &grant.attributes,
            client: None,
            ingest: Some(Box::new(grant.ingest())),
        }
    }
}

/// A stage that exists.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) arn: Arc<StageArn>,
    /// Whom the API has disconnected for good: no token lets them in any more.
    pub(crate) banned: BTreeSet<ParticipantId>,
    /// The active session.
    pub(crate) session: Option<Session>,
}

impl Stage {
    pub(crate) fn new(arn: StageArn) -> Self {
        Self {
            arn: Arc::new(arn),
            banned: BTreeSet::new(),
            session: None,
        }
    }

    /// Whether the holder of the token may come in. A token's end counts only for those who are not inside.
    pub(crate) fn check_grant(&self, grant: &Grant, now: Now) -> Result<(), Refusal> {
        if self.banned.contains(&grant.participant) {
            return Err(Refusal::ParticipantDisconnected);
        }
        self.check_replica(&grant.participant)?;
        let is_inside = self
            .session
            .as_ref()
            .is_some_and(|session| session.is_connected(&grant.participant));
        if !is_inside && grant.expires <= now.wall {
            return Err(Refusal::TokenExpired);
        }
        Ok(())
    }

    /// Whether the participant is itself here. A replica, also one that is away, has its id to itself.
    fn check_replica(&self, id: &ParticipantId) -> Result<(), Refusal> {
        let session = self.session.as_ref();
        if session.is_some_and(|session| session.incoming.contains_key(id)) {
            return Err(Refusal::ReplicaPresent);
        }
        Ok(())
    }

    pub(crate) fn join(
        &mut self,
        knock: &Knock<'_>,
        turn: &mut Turn<'_>,
    ) -> Result<Reply, Refusal> {
        self.session(turn).join(knock, turn)
    }

    pub(crate) fn publish(
        &mut self,
        knock: &Knock<'_>,
        fault: Option<ErrorCode>,
        turn: &mut Turn<'_>,
    ) -> Result<Reply, Refusal> {
        self.session(turn).publish(knock, fault, turn)
    }

    pub(crate) fn subscribe(
        &mut self,
        knock: &Knock<'_>,
        publisher: &ParticipantId,
        turn: &mut Turn<'_>,
    ) -> Result<Reply, Refusal> {
        let session = self.session.as_ref();
        let capabilities = session.map_or(knock.grant.capabilities, |session| {
            session.capabilities(knock.grant)
        });
        if !capabilities.subscribe {
            let why = (
                ErrorCode::InsufficientCapabilities,
                Refusal::InsufficientCapabilities,
            );
            let session = self.session(turn);
            return Err(session.refuse_subscribe(knock, publisher, why, turn));
        }
        if *publisher == knock.grant.participant {
            return Err(Refusal::SelfSubscribe);
        }
        // Nobody is here to be received, and a refusal is no reason to begin a session.
        let Some(session) = &mut self.session else {
            return Err(Refusal::PublisherNotFound);
        };
        session.subscribe(knock, publisher, turn)
    }

    pub(crate) fn ingest(
        &mut self,
        connection: ConnectionId,
        grant: &IngestGrant,
        fault: Option<ErrorCode>,
        turn: &mut Turn<'_>,
    ) -> Result<Reply, Refusal> {
        self.check_replica(&grant.participant)?;
        self.session(turn).ingest(connection, grant, fault, turn)
    }

    /// The active session, or a new one into which the caller lets somebody in.
    pub(crate) fn session(&mut self, turn: &mut Turn<'_>) -> &mut Session {
        self.session
            .get_or_insert_with(|| Session::begin(&self.arn, turn))
    }
}
