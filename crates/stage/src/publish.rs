//! Publishing: who may, what it replaces, and what ends with it.

use std::collections::BTreeSet;

use model::{ConnectionId, ErrorCode, ParticipantId, Protocol, Record};

use crate::chronicle::Entry;
use crate::connections::Role;
use crate::door::Knock;
use crate::participant::is_full;
use crate::session::Session;
use crate::turn::Turn;
use crate::{LeftReason, Mute, Refusal, Reply};

/// One publish that has been let in.
#[derive(Debug)]
pub(crate) struct Publish {
    pub(crate) connection: ConnectionId,
    /// Whether its media is up.
    pub(crate) is_up: bool,
    /// Who receives it, or is about to.
    pub(crate) subscribers: BTreeSet<ParticipantId>,
}

impl Session {
    /// Lets a publish in, unless the token, the offer or the quota forbids it. A refusal closes nothing.
    pub(crate) fn publish(
        &mut self,
        knock: &Knock<'_>,
        fault: Option<ErrorCode>,
        turn: &mut Turn<'_>,
    ) -> Result<Reply, Refusal> {
        let id = &knock.grant.participant;
        if let Some((code, refusal)) = self.publish_obstacle(knock, fault, turn) {
            self.note_refusal(knock, Entry::PublishError(code), turn);
            return Err(refusal);
        }
        if self.publishes.contains_key(id) {
            // With a socket the participant only restarts its publish. Without one the publish was its presence, so
            // this is a newer join with the same token.
            if self.sockets.contains_key(id) {
                if let Some(older) = self.stop_publish(id, None, LeftReason::TokenReused, turn) {
                    turn.close(older, LeftReason::TokenReused);
                }
            } else {
                self.evict(id, LeftReason::TokenReused, turn);
            }
        }
        self.enter(knock, turn);
        self.publishes.insert(
            id.clone(),
            Publish {
                connection: knock.connection,
                is_up: false,
                subscribers: BTreeSet::new(),
            },
        );
        turn.open(knock.connection, self.place(id, Role::Publish));
        turn.await_media(knock.connection);
        Ok(Reply::Admitted {
            session: self.id(),
            publisher: None,
        })
    }

    fn publish_obstacle(
        &self,
        knock: &Knock<'_>,
        fault: Option<ErrorCode>,
        turn: &Turn<'_>,
    ) -> Option<(ErrorCode, Refusal)> {
        if !self.capabilities(knock.grant).publish {
            let code = ErrorCode::InsufficientCapabilities;
            return Some((code, Refusal::InsufficientCapabilities));
        }
        if let Some(code) = fault {
            return Some((code, Refusal::Offer(code)));
        }
        // A publish that takes the place of the participant's own needs no room.
        let needs_room = !self.publishes.contains_key(&knock.grant.participant);
        let of_account = turn.connections.streams(&self.chronicle.stage).publishes;
        let has_room = !is_full(self.publishes.len(), turn.settings.publishers_per_stage_max)
            && !is_full(of_account, turn.settings.publishers_per_region_max);
        (needs_room && !has_room).then_some((ErrorCode::QuotaExceeded, Refusal::QuotaExceeded))
    }

    /// The media of a publish is up.
    pub(crate) fn publish_up(&mut self, id: &ParticipantId, turn: &mut Turn<'_>) {
        let (Some(publish), Some(participant)) =
            (self.publishes.get_mut(id), self.participants.get_mut(id))
        else {
            return;
        };
        if publish.is_up {
            return;
        }
        publish.is_up = true;
        turn.limit_duration(publish.connection);
        participant.published = true;
        participant.publishing = true;
        participant.protocol = Protocol::Whip;
        turn.record(Record::Participant(participant.clone()));
        self.chronicle.write(id, Entry::PublishStarted, turn);
        turn.roster_changed(&self.chronicle.stage);
    }

    /// A participant says what it has muted. Peers hear of it while it publishes.
    pub(crate) fn mute(&mut self, id: &ParticipantId, mute: Mute, turn: &mut Turn<'_>) {
        let older = if mute == Mute::default() {
            self.mutes.remove(id)
        } else {
            self.mutes.insert(id.clone(), mute)
        };
        let is_publishing = self.publishes.get(id).is_some_and(|publish| publish.is_up);
        if is_publishing && older.unwrap_or_default() != mute {
            turn.roster_changed(&self.chronicle.stage);
        }
    }

    /// Takes a publish out, if there is one, and all subscriptions to it. The caller closes the connection that is
    /// returned, and looks whether the participant is gone.
    pub(crate) fn stop_publish(
        &mut self,
        id: &ParticipantId,
        error: Option<ErrorCode>,
        reason: LeftReason,
        turn: &mut Turn<'_>,
    ) -> Option<ConnectionId> {
        let publish = self.publishes.remove(id)?;
        turn.forget(publish.connection);
        if let Some(code) = error {
            self.chronicle.write(id, Entry::PublishError(code), turn);
        }
        if publish.is_up {
            if let Some(participant) = self.participants.get_mut(id) {
                participant.publishing = false;
                turn.record(Record::Participant(participant.clone()));
            }
            self.chronicle.write(id, Entry::PublishStopped, turn);
            turn.roster_changed(&self.chronicle.stage);
        }
        for subscriber in publish.subscribers {
            if let Some(connection) = self.stop_subscription(&subscriber, id, None, turn) {
                turn.close(connection, reason_of_subscriber(reason));
            }
            self.leave_if_gone(&subscriber, turn);
        }
        Some(publish.connection)
    }
}

/// Why a subscription ends when its publish ends for `reason`: only the end of the stage concerns the subscriber itself.
fn reason_of_subscriber(reason: LeftReason) -> LeftReason {
    match reason {
        LeftReason::StageDeleted => LeftReason::StageDeleted,
        LeftReason::Unknown
        | LeftReason::UserInitiated
        | LeftReason::TokenReused
        | LeftReason::ParticipantDisconnected
        | LeftReason::FailedExchange
        | LeftReason::ConnectionTokenRevoked => LeftReason::Unknown,
    }
}
