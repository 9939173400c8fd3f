//! Subscribing: one subscription for each publisher that a participant receives.

use std::time::Duration;

use model::{ConnectionId, ErrorCode, ParticipantId, StageArn};

use crate::chronicle::Entry;
use crate::connections::Role;
use crate::door::Knock;
use crate::participant::is_full;
use crate::session::Session;
use crate::turn::Turn;
use crate::{LeftReason, Refusal, Reply};

/// When to ask again for a publisher whose media is not up: about the time that ICE and DTLS take.
const NOT_PUBLISHING_RETRY_AFTER: Duration = Duration::from_secs(1);

/// One subscription that has been let in.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) connection: ConnectionId,
    /// Whether its media is up.
    pub(crate) is_up: bool,
}

impl Session {
    /// Lets a subscription in. It takes the place of an older one of the same participant to the same publisher.
    pub(crate) fn subscribe(
        &mut self,
        knock: &Knock<'_>,
        publisher: &ParticipantId,
        turn: &mut Turn<'_>,
    ) -> Result<Reply, Refusal> {
        let id = &knock.grant.participant;
        if !self.participants.contains_key(publisher) || self.is_leg(publisher) {
            return Err(self.refuse_subscribe(
                knock,
                publisher,
                (ErrorCode::PublisherNotFound, Refusal::PublisherNotFound),
                turn,
            ));
        }
        let source = self
            .publishes
            .get(publisher)
            .filter(|publish| publish.is_up);
        let source = source.map(|publish| {
            (
                publish.connection,
                publish.source.home().map(|stage| StageArn::clone(stage)),
            )
        });
        let Some((source, home)) = source else {
            return Err(Refusal::PublisherNotPublishing {
                retry_after: NOT_PUBLISHING_RETRY_AFTER,
            });
        };
        if !self.has_room_to_subscribe(id, publisher, turn) {
            return Err(self.refuse_subscribe(
                knock,
                publisher,
                (ErrorCode::QuotaExceeded, Refusal::QuotaExceeded),
                turn,
            ));
        }
        if let Some(older) = self.stop_subscription(id, publisher, None, turn) {
            turn.close(older, LeftReason::TokenReused);
        }
        self.enter(&knock.into(), turn);
        self.add_subscription(knock, publisher, turn);
        Ok(Reply::Admitted {
            session: self.id(),
            publisher: Some(source),
            source: home,
        })
    }

    /// Whether the quotas leave room. A stage counts participants, a region counts what each of them receives; a subscription
    /// that takes the place of an older one needs no room.
    fn has_room_to_subscribe(
        &self,
        id: &ParticipantId,
        publisher: &ParticipantId,
        turn: &Turn<'_>,
    ) -> bool {
        let own = self.subscriptions.get(id);
        if own.is_some_and(|own| own.contains_key(publisher)) {
            return true;
        }
        let settings = turn.settings;
        let of_account = turn
            .connections
            .streams(&self.chronicle.stage)
            .subscriptions;
        let is_subscriber = own.is_some();
        (is_subscriber || !is_full(self.subscriptions.len(), settings.subscribers_per_stage_max))
            && !is_full(of_account, settings.subscriptions_per_region_max)
    }

    /// Puts the refusal on the participant's list; `why` is what the list and what the client is told.
    pub(crate) fn refuse_subscribe(
        &mut self,
        knock: &Knock<'_>,
        publisher: &ParticipantId,
        why: (ErrorCode, Refusal),
        turn: &mut Turn<'_>,
    ) -> Refusal {
        let (code, refusal) = why;
        let entry = Entry::SubscribeError(publisher.clone(), code);
        self.note_refusal(&knock.into(), entry, turn);
        refusal
    }

    fn add_subscription(
        &mut self,
        knock: &Knock<'_>,
        publisher: &ParticipantId,
        turn: &mut Turn<'_>,
    ) {
        let id = &knock.grant.participant;
        if let Some(publish) = self.publishes.get_mut(publisher) {
            publish.subscribers.insert(id.clone());
        }
        self.subscriptions.entry(id.clone()).or_default().insert(
            publisher.clone(),
            Subscription {
                connection: knock.connection,
                is_up: false,
            },
        );
        let role = Role::Subscription {
            publisher: publisher.clone(),
        };
        turn.open(knock.connection, self.place(id, role));
        turn.await_media(knock.connection);
    }

    /// The media of a subscription is up.
    pub(crate) fn subscription_up(
        &mut self,
        id: &ParticipantId,
        publisher: &ParticipantId,
        turn: &mut Turn<'_>,
    ) {
        let Some(subscription) = self
            .subscriptions
            .get_mut(id)
            .and_then(|own| own.get_mut(publisher))
        else {
            return;
        };
        if subscription.is_up {
            return;
        }
        subscription.is_up = true;
        turn.limit_duration(subscription.connection);
        let entry = Entry::SubscribeStarted(publisher.clone());
        self.chronicle.write(id, entry, turn);
    }

    /// Ends all that a participant receives. The caller looks whether it is gone.
    pub(crate) fn stop_subscriptions(
        &mut self,
        id: &ParticipantId,
        reason: LeftReason,
        turn: &mut Turn<'_>,
    ) {
        let publishers: Vec<ParticipantId> = self
            .subscriptions
            .get(id)
            .map(|own| own.keys().cloned().collect())
            .unwrap_or_default();
        for publisher in publishers {
            if let Some(connection) = self.stop_subscription(id, &publisher, None, turn) {
                turn.close(connection, reason);
            }
        }
    }

    /// Takes a subscription out, if there is one. The caller closes the connection that is returned, and looks whether
    /// the participant is gone.
    pub(crate) fn stop_subscription(
        &mut self,
        id: &ParticipantId,
        publisher: &ParticipantId,
        error: Option<ErrorCode>,
        turn: &mut Turn<'_>,
    ) -> Option<ConnectionId> {
        let own = self.subscriptions.get_mut(id)?;
        let subscription = own.remove(publisher)?;
        if own.is_empty() {
            self.subscriptions.remove(id);
        }
        if let Some(publish) = self.publishes.get_mut(publisher) {
            publish.subscribers.remove(id);
        }
        turn.forget(subscription.connection);
        if let Some(code) = error {
            let entry = Entry::SubscribeError(publisher.clone(), code);
            self.chronicle.write(id, entry, turn);
        }
        if subscription.is_up {
            let entry = Entry::SubscribeStopped(publisher.clone());
            self.chronicle.write(id, entry, turn);
        }
        Some(subscription.connection)
    }
}
