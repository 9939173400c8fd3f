//! Publishing: who may, what it replaces, and what ends with it.

use std::collections::BTreeSet;

use model::{ConnectionId, ErrorCode, IngestPart, ParticipantId, Record};

use crate::chronicle::Entry;
use crate::connections::{Role, Source};
use crate::door::Knock;
use crate::participant::is_full;
use crate::session::Session;
use crate::turn::Turn;
use crate::{LeftReason, Mute, Refusal, Reply};

/// One publish that has been let in.
#[derive(Debug)]
pub(crate) struct Publish {
    pub(crate) connection: ConnectionId,
    pub(crate) source: Source,
    /// Whether its media is up.
    pub(crate) is_up: bool,
    /// Who receives it, or is about to.
    pub(crate) subscribers: BTreeSet<ParticipantId>,
}

impl Publish {
    /// Whether peers know of it.
    pub(crate) fn is_on_roster(&self) -> bool {
        self.is_up && self.source.is_visible()
    }
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
            self.note_refusal(&knock.into(), Entry::PublishError(code), turn);
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
        self.enter(&knock.into(), turn);
        Ok(self.add_publish(id, knock.connection, Source::Client, turn))
    }

    /// Notes a publish that is let in, of somebody who is there.
    pub(crate) fn add_publish(
        &mut self,
        id: &ParticipantId,
        connection: ConnectionId,
        source: Source,
        turn: &mut Turn<'_>,
    ) -> Reply {
        turn.open(connection, self.place(id, Role::Publish(source.clone())));
        turn.await_media(connection);
        self.publishes.insert(
            id.clone(),
            Publish {
                connection,
                source,
                is_up: false,
                subscribers: BTreeSet::new(),
            },
        );
        Reply::Admitted {
            session: self.id(),
            publisher: None,
            source: None,
        }
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
        let older = self.publishes.get(&knock.grant.participant);
        let needs_room = !older.is_some_and(|older| older.source.is_visible());
        (needs_room && !self.has_room_to_publish(turn))
            .then_some((ErrorCode::QuotaExceeded, Refusal::QuotaExceeded))
    }

    /// Whether the quotas leave room for one publish more that peers see.
    pub(crate) fn has_room_to_publish(&self, turn: &Turn<'_>) -> bool {
        let of_account = turn.connections.streams(&self.chronicle.stage).publishes;
        !is_full(
            self.publisher_count(),
            turn.settings.publishers_per_stage_max,
        ) && !is_full(of_account, turn.settings.publishers_per_region_max)
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
        if publish.source.part() == IngestPart::Virtual {
            // Its streams end one by one and come back; each of them has its own limit.
            turn.spare(publish.connection);
        } else {
            turn.limit_duration(publish.connection);
        }
        participant.published = true;
        participant.publishing = true;
        participant.protocol = publish.source.protocol();
        turn.record(Record::Participant(participant.clone()));
        let is_on_roster = publish.is_on_roster();
        self.chronicle.write(id, Entry::PublishStarted, turn);
        if is_on_roster {
            turn.roster_changed(&self.chronicle.stage);
            self.replications_go_on(id, turn);
        }
    }

    /// A participant says what it has muted. Peers hear of it while it publishes.
    pub(crate) fn mute(&mut self, id: &ParticipantId, mute: Mute, turn: &mut Turn<'_>) {
        let publish = self.publishes.get(id);
        let is_publishing = publish.is_some_and(Publish::is_on_roster);
        if self.set_mute(id, mute) && is_publishing {
            turn.roster_changed(&self.chronicle.stage);
            self.replicas_changed(id, turn);
        }
    }

    /// Notes what a participant has muted; whether that is something else than before.
    pub(crate) fn set_mute(&mut self, id: &ParticipantId, mute: Mute) -> bool {
        let older = if mute == Mute::default() {
            self.mutes.remove(id)
        } else {
            self.mutes.insert(id.clone(), mute)
        };
        older.unwrap_or_default() != mute
    }

    /// Takes a publish out, if there is one, and all subscriptions to it. The caller closes the connection that is
    /// returned (a replica has none of its own), and looks whether the participant is gone.
    pub(crate) fn stop_publish(
        &mut self,
        id: &ParticipantId,
        error: Option<ErrorCode>,
        reason: LeftReason,
        turn: &mut Turn<'_>,
    ) -> Option<ConnectionId> {
        let publish = self.publishes.remove(id)?;
        let is_own = publish.source.home().is_none();
        let own = is_own.then_some(publish.connection);
        if let Some(connection) = own {
            turn.forget(connection);
        }
        if let Some(code) = error {
            self.chronicle.write(id, Entry::PublishError(code), turn);
        }
        if publish.is_up {
            if let Some(participant) = self.participants.get_mut(id) {
                participant.publishing = false;
                turn.record(Record::Participant(participant.clone()));
            }
            self.chronicle.write(id, Entry::PublishStopped, turn);
        }
        if publish.is_on_roster() {
            turn.roster_changed(&self.chronicle.stage);
            self.replications_wait(id, turn);
        }
        self.note_ingest_end(&publish.source, turn);
        for subscriber in publish.subscribers {
            if let Some(connection) = self.stop_subscription(&subscriber, id, None, turn) {
                turn.close(connection, reason_of_subscriber(reason));
            }
            self.leave_if_gone(&subscriber, turn);
        }
        own
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
