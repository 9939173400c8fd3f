//! Which token counts of a participant, and how another takes its place.
//!
//! Each token that knocks counts for itself until one is exchanged over the participant's events socket. From then on that one alone
//! says what the participant may do, by whichever token it knocks, for as long as the socket is there.

use jiff::Timestamp;
use model::{
    Capabilities, ConnectionId, Exchange, ExchangedToken, Grant, Issuer, ParticipantId, Record,
};

use crate::chronicle::Entry;
use crate::publish::Publish;
use crate::session::Session;
use crate::turn::Turn;
use crate::{ExchangeFault, LeftReason, Refusal, Reply};

/// An events socket and the token that counts of it.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) connection: ConnectionId,
    issuer: Issuer,
    capabilities: Capabilities,
    expires: Timestamp,
    /// Whether the token came by an exchange.
    is_exchanged: bool,
}

impl Socket {
    /// A socket that joins.
    pub(crate) fn new(connection: ConnectionId, grant: &Grant) -> Self {
        Self {
            connection,
            issuer: grant.issuer,
            capabilities: grant.capabilities,
            expires: grant.expires,
            is_exchanged: false,
        }
    }
}

impl Session {
    /// What the holder of a token may do here.
    pub(crate) fn capabilities(&self, grant: &Grant) -> Capabilities {
        let socket = self.sockets.get(&grant.participant);
        socket
            .filter(|socket| socket.is_exchanged)
            .map_or(grant.capabilities, |socket| socket.capabilities)
    }

    /// Another token takes the place of the one that counts of a participant's socket. What it does not allow any more ends
    /// at once.
    pub(crate) fn exchange(
        &mut self,
        id: &ParticipantId,
        grant: &Grant,
        turn: &mut Turn<'_>,
    ) -> Result<Reply, Refusal> {
        let (Some(socket), Some(participant)) =
            (self.sockets.get_mut(id), self.participants.get(id))
        else {
            return Err(Refusal::Exchange(ExchangeFault::NotJoined));
        };
        if grant.participant != *id {
            return Err(Refusal::Exchange(ExchangeFault::OtherParticipant));
        }
        if [socket.issuer, grant.issuer].contains(&Issuer::Service) {
            return Err(Refusal::Exchange(ExchangeFault::NotSelfSigned));
        }
        if grant.expires <= turn.now.wall {
            return Err(Refusal::TokenExpired);
        }
        let exchange = Exchange {
            previous: ExchangedToken {
                capabilities: socket.capabilities,
                user_id: participant.user_id.clone(),
                attributes: participant.attributes.clone(),
                expires: socket.expires,
            },
            new: ExchangedToken {
                capabilities: grant.capabilities,
                user_id: grant.user_id.clone(),
                attributes: grant.attributes.clone(),
                expires: grant.expires,
            },
        };
        *socket = Socket {
            is_exchanged: true,
            ..Socket::new(socket.connection, grant)
        };
        self.introduce(id, grant, turn);
        let entry = Entry::TokenExchanged(Box::new(exchange));
        self.chronicle.write(id, entry, turn);
        if !grant.capabilities.publish
            && let Some(connection) = self.stop_publish(id, None, LeftReason::Unknown, turn)
        {
            turn.close(connection, LeftReason::Unknown);
        }
        if !grant.capabilities.subscribe {
            self.stop_subscriptions(id, LeftReason::Unknown, turn);
        }
        Ok(Reply::Exchanged)
    }

    /// The participant is who the token says that it is. Peers hear of it while it publishes.
    pub(crate) fn introduce(&mut self, id: &ParticipantId, grant: &Grant, turn: &mut Turn<'_>) {
        let Some(participant) = self.participants.get_mut(id) else {
            return;
        };
        if participant.user_id == grant.user_id && participant.attributes == grant.attributes {
            return;
        }
        participant.user_id.clone_from(&grant.user_id);
        participant.attributes.clone_from(&grant.attributes);
        turn.record(Record::Participant(participant.clone()));
        let publish = self.publishes.get(id);
        if publish.is_some_and(Publish::is_on_roster) {
            turn.roster_changed(&self.chronicle.stage);
            self.replicas_changed(id, turn);
        }
    }
}
