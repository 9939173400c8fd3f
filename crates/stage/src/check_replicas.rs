//! What must hold of replications after each call. Compiled in debug builds and tests only.

use std::collections::BTreeMap;

use model::Replication;

use crate::Stages;
use crate::replicas::{Route, Standing};
use crate::session::Session;
use crate::timers::Alarm;

impl Stages {
    /// The rows of both sides agree, and each replica is what its source is. How many alarms belong to a session's
    /// replications.
    pub(crate) fn check_replications(&self, session: &Session) -> usize {
        for route in session.routes_here() {
            let source = self.session(&route.source);
            let standing = source.map_or(Standing::Over, |source| source.standing(&route));
            session.check_replica(&route, &standing);
        }
        for (id, own) in &session.outgoing {
            assert!(
                !own.is_empty() && !session.incoming.contains_key(id),
                "{id} is no replica"
            );
            let most = self.settings.replicas_per_participant_max;
            assert!(u32::try_from(own.len()).is_ok_and(|count| count <= most));
        }
        for route in session.routes() {
            let destination = self.session(&route.destination);
            let destination = destination.expect("a replication keeps the session it leads to");
            assert_eq!(
                destination.route_here(&route.participant),
                Some(route.clone())
            );
            let own = session.outgoing.get(&route.participant);
            let own = own.and_then(|own| own.get(&route.destination));
            assert_eq!(own.map(|own| &own.session), Some(&destination.id()));
            let incoming = destination.incoming.get(&route.participant);
            let came_from = incoming.map(|incoming| &incoming.session);
            assert_eq!(came_from, Some(&session.id()));
            let is_away = matches!(session.standing(&route), Standing::Away);
            assert_eq!(self.timers.is_set(&Alarm::Reconnect(route)), is_away);
        }
        session.check_records();
        session.outgoing.values().map(BTreeMap::len).sum()
    }
}

impl Session {
    fn check_replica(&self, route: &Route, standing: &Standing) {
        let id = &route.participant;
        assert!(!self.sockets.contains_key(id) && !self.subscriptions.contains_key(id));
        let publish = self.publishes.get(id);
        let presence = match standing {
            Standing::Over => panic!("{id} is replicated by nobody"),
            Standing::Away => {
                assert!(publish.is_none() && !self.is_connected(id), "{id} is away");
                return;
            }
            Standing::There(presence) => presence,
        };
        let publish = publish.expect("a replica publishes while its source does");
        assert_eq!(publish.connection, presence.publish);
        assert_eq!(publish.source.home(), Some(&route.source));
        let participant = self.participants.get(id).expect("a replica has a record");
        assert_eq!(participant.user_id, presence.user_id);
        assert_eq!(participant.protocol, presence.protocol);
        let incoming = self.incoming.get(id);
        let attributes = incoming.map(|incoming| incoming.attributes_over(&presence.attributes));
        assert_eq!(Some(&participant.attributes), attributes.as_ref());
        let mute = self.mutes.get(id).copied().unwrap_or_default();
        assert_eq!(mute, presence.mute);
    }

    /// Records and events say of replications what the rows say.
    fn check_records(&self) {
        let replicas = self.incoming.keys();
        assert!(
            replicas.eq(&self.chronicle.replicas),
            "events say who is a replica"
        );
        for (id, participant) in &self.participants {
            let (is_source, is_replica) = match &participant.replication {
                None => (false, false),
                Some(Replication::Source { is_active }) => (*is_active, false),
                Some(Replication::Replica { is_active, .. }) => (false, *is_active),
            };
            assert_eq!(
                is_source,
                self.outgoing.contains_key(id),
                "{id} is replicated"
            );
            assert_eq!(
                is_replica,
                self.incoming.contains_key(id),
                "{id} is a replica"
            );
        }
        for publish in self
            .publishes
            .iter()
            .filter(|(_, publish)| publish.source.home().is_some())
        {
            assert!(self.incoming.contains_key(publish.0), "a replica has a row");
        }
    }
}
