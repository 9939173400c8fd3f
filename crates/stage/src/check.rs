//! What must hold after each call. Compiled in debug builds and tests only.

use std::collections::BTreeMap;

use model::{ConnectionId, ParticipantId, ParticipantState, StageArn};

use crate::connections::{Connections, Role, Source};
use crate::session::Session;
use crate::timers::Alarm;
use crate::{Mute, Stages};

/// The check looks at everything; beyond this many connections it would turn debug builds quadratic.
const CONNECTIONS_CHECKED_MAX: usize = 256;

impl Stages {
    pub(crate) fn check(&self) {
        if self.connections.len() > CONNECTIONS_CHECKED_MAX {
            return;
        }
        let mut in_sessions = 0;
        let mut alarms = 0;
        for (arn, stage) in &self.by_arn {
            let Some(session) = &stage.session else {
                continue;
            };
            assert!(!self.is_shutting_down, "no session outlives the shutdown");
            in_sessions += session.check_connections(&self.connections);
            session.check_participants();
            session.check_subscriptions();
            for id in &stage.banned {
                session.check_banned(id);
            }
            let is_waiting = self.timers.is_set(&Alarm::SessionGrace(arn.clone()));
            let is_held = !session.outgoing.is_empty() || !session.incoming.is_empty();
            assert!(
                (session.connected == 0 && !is_held) || !is_waiting,
                "a session does not end under connected participants, or those that may come back"
            );
            alarms += usize::from(is_waiting) + session.media_connections().count();
            alarms += self.check_replications(session);
        }
        assert_eq!(
            in_sessions,
            self.connections.len(),
            "a connection belongs to one session"
        );
        let sessions = self
            .by_arn
            .values()
            .filter_map(|stage| stage.session.as_ref());
        let destinations = sessions.flat_map(|session| {
            let stage: &StageArn = &session.chronicle.stage;
            session.incoming.keys().map(move |_| stage)
        });
        self.connections.check(destinations);
        let changed = self.attachments.keys().cloned().map(Alarm::IngestChanged);
        assert!(
            changed.into_iter().all(|alarm| self.timers.is_set(&alarm)),
            "what the API has changed is not kept for ever"
        );
        assert!(
            self.timers.len() <= alarms + self.attachments.len(),
            "every alarm belongs to a connection, an idle session or a change of the API"
        );
    }
}

impl Session {
    /// The connections of the tables are those of the index. How many there are.
    fn check_connections(&self, index: &Connections) -> usize {
        let sockets = self
            .sockets
            .iter()
            .map(|(id, socket)| (socket.connection, id, Role::Socket));
        let mut count = 0;
        for (connection, id, role) in sockets.chain(self.media_connections()) {
            let place = index
                .get(connection)
                .expect("a connection of a session is in the index");
            assert_eq!(place.stage, self.chronicle.stage);
            assert_eq!(place.participant, *id);
            assert_eq!(place.role, role);
            count += 1;
        }
        count
    }

    fn media_connections(&self) -> impl Iterator<Item = (ConnectionId, &ParticipantId, Role)> {
        let own = self
            .publishes
            .iter()
            .filter(|(_, publish)| publish.source.home().is_none());
        let sending = own.map(|(id, publish)| {
            (
                publish.connection,
                id,
                Role::Publish(publish.source.clone()),
            )
        });
        let receiving = self.subscriptions.iter().flat_map(|(id, own)| {
            own.iter().map(move |(publisher, subscription)| {
                let publisher = publisher.clone();
                let role = Role::Subscription { publisher };
                (subscription.connection, id, role)
            })
        });
        sending.chain(receiving)
    }

    /// No token lets a banned participant in, and no replication; a stream key may.
    fn check_banned(&self, id: &ParticipantId) {
        let publish = self.publishes.get(id);
        let has_no_key =
            publish.is_some_and(|publish| !matches!(publish.source, Source::Ingest { .. }));
        let has_token =
            has_no_key || self.sockets.contains_key(id) || self.subscriptions.contains_key(id);
        assert!(!has_token, "{id} is banned and connected");
    }

    fn check_participants(&self) {
        let mut connected = 0;
        for (id, participant) in &self.participants {
            let has_connection = self.sockets.contains_key(id)
                || self.publishes.contains_key(id)
                || self.subscriptions.contains_key(id);
            let is_connected = participant.state == ParticipantState::Connected;
            assert_eq!(is_connected, has_connection, "{id} is there or it is not");
            connected += usize::from(is_connected);
            let is_publishing = self.publishes.get(id).is_some_and(|publish| publish.is_up);
            assert_eq!(participant.publishing, is_publishing, "{id} publishes");
            assert!(participant.published || !participant.publishing);
        }
        for id in &self.legs {
            assert!(self.participants.contains_key(id), "{id} is forgotten");
        }
        for (id, mute) in &self.mutes {
            assert!(self.is_connected(id), "{id} is gone and muted");
            assert_ne!(*mute, Mute::default());
        }
        assert_eq!(self.connected, connected, "the count of the connected");
        let away = self.participants.keys();
        let away = away.filter(|id| !self.is_connected(id) && self.is_replicated(id));
        let absent = self.participants.len() - connected - away.count();
        assert_eq!(self.absentees.len(), absent, "the count of the absent");
    }

    fn check_subscriptions(&self) {
        let mut by_publish = 0;
        for (publisher, publish) in &self.publishes {
            assert!(publish.is_on_roster() || publish.subscribers.is_empty());
            let is_leg = !publish.source.is_visible();
            assert!(!is_leg || self.legs.contains(publisher), "{publisher}");
            let participant = self.participants.get(publisher);
            let ingest = participant.and_then(|participant| participant.ingest.as_ref());
            let configuration = ingest.map(|ingest| &ingest.configuration);
            let source = publish.source.configuration();
            assert!(source.is_none() || source == configuration);
            for id in &publish.subscribers {
                let own = self.subscriptions.get(id);
                assert!(own.is_some_and(|own| own.contains_key(publisher)));
            }
            by_publish += publish.subscribers.len();
        }
        let by_subscriber: usize = self.subscriptions.values().map(BTreeMap::len).sum();
        assert_eq!(by_publish, by_subscriber, "a subscription has a publish");
        assert!(self.subscriptions.values().all(|own| !own.is_empty()));
    }
}
