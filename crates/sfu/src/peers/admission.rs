//! How a peer comes in, and how its offer changes later.

use std::collections::VecDeque;
use std::time::Instant;

use model::{ConnectionId, ErrorCode};
use str0m::Input as RtcInput;

use super::Sfu;
use crate::answer::{self, Agreed, Local};
use crate::engine::{Engine, Panicked};
use crate::forward::Subscriber;
use crate::fragment;
use crate::io::{Answer, Output, PatchFault, Patched, PeerFault};
use crate::offer::{Direction, Offer};
use crate::peer::{self, Peer, Role};
use crate::publish::Publisher;

impl Sfu {
    pub(super) fn publish(
        &mut self,
        connection: ConnectionId,
        offer: &Offer,
        now: Instant,
    ) -> Result<Answer, PeerFault> {
        if offer.direction() != Direction::Publish {
            return Err(PeerFault::Offer);
        }
        let agreed = peer::agree_to_publish(offer)?;
        let publisher = Publisher::new(&agreed, &self.settings);
        let role = Role::Publisher(Box::new(publisher));
        self.admit(connection, offer, agreed, role, now)
    }

    pub(super) fn subscribe(
        &mut self,
        connection: ConnectionId,
        publisher: ConnectionId,
        offer: &Offer,
        now: Instant,
    ) -> Result<Answer, PeerFault> {
        if offer.direction() != Direction::Subscribe {
            return Err(PeerFault::Offer);
        }
        let source = self
            .peers
            .get_mut(&publisher)
            .and_then(Peer::publisher)
            .ok_or(PeerFault::PublisherGone)?;
        let agreed = peer::agree_to_subscribe(offer, source)?;
        let subscriber = Subscriber::new(publisher, &agreed);
        let answer = self.admit(connection, offer, agreed, Role::Subscriber(subscriber), now)?;
        if let Some(source) = self.peers.get_mut(&publisher).and_then(Peer::publisher) {
            source.subscribers.insert(connection);
        }
        Ok(answer)
    }

    /// Makes the connection of a new peer.
    fn admit(
        &mut self,
        connection: ConnectionId,
        offer: &Offer,
        agreed: Vec<Agreed>,
        role: Role,
        now: Instant,
    ) -> Result<Answer, PeerFault> {
        if self.peers.contains_key(&connection) {
            return Err(PeerFault::Offer);
        }
        let (terms, direction) = (offer.terms(), offer.direction());
        let normalised = answer::normalised_offer(terms, &terms.credentials, &agreed, direction);
        let accepted = Engine::accept(&self.common, &normalised, &agreed, direction, now);
        let (engine, sdp) = accepted
            .map_err(|Panicked| {
                self.counters.panics += 1;
                PeerFault::Fault(ErrorCode::InternalServerException)
            })?
            .ok_or(PeerFault::Offer)?;
        let stream = match &role {
            Role::Publisher(_) => connection.to_string(),
            Role::Subscriber(subscriber) => subscriber.publisher.to_string(),
        };
        let local = Local {
            candidates: &self.candidates,
            stream: &stream,
        };
        let sdp = answer::completed(&sdp, &agreed, direction, &local);
        self.demux.name(&engine.local().ufrag, connection);
        self.peers.insert(
            connection,
            Peer {
                engine,
                role,
                terms: terms.clone(),
                agreed,
                remote: terms.credentials.clone(),
                remotes: VecDeque::new(),
                is_connected: false,
                begun: now,
                heard: now,
            },
        );
        self.drive(connection, now, |rtc, _, _| {
            rtc.handle_input(RtcInput::Timeout(now))
        });
        Ok(Answer {
            sdp,
            slots: Vec::new(),
        })
    }

    pub(super) fn patch(
        &mut self,
        connection: ConnectionId,
        fragment: &str,
        restart: bool,
        now: Instant,
    ) {
        let result = self.patched(connection, fragment, restart);
        let has_restarted = matches!(result, Ok(Patched::Restarted { .. }));
        self.outputs
            .push_back(Output::Patched { connection, result });
        if has_restarted {
            self.drive(connection, now, |rtc, _, _| {
                rtc.handle_input(RtcInput::Timeout(now))
            });
        }
    }

    fn patched(
        &mut self,
        connection: ConnectionId,
        fragment: &str,
        restart: bool,
    ) -> Result<Patched, PatchFault> {
        let peer = self
            .peers
            .get_mut(&connection)
            .ok_or(PatchFault::NotFound)?;
        let wanted = fragment::read(fragment)
            .ok_or(PatchFault::Malformed)?
            .credentials;
        if wanted == peer.remote {
            return Ok(Patched::Candidates);
        }
        if !restart {
            return Err(PatchFault::RestartNotAllowed);
        }
        let direction = peer.direction();
        let offer = answer::normalised_offer(&peer.terms, &wanted, &peer.agreed, direction);
        let before = peer.engine.local().ufrag.clone();
        match peer.engine.restart(&offer) {
            Ok(Some(local)) => {
                peer.remote = wanted;
                let fragment = answer::restart_fragment(&local, &peer.agreed, &self.candidates);
                self.demux.unname(&before);
                self.demux.name(&local.ufrag, connection);
                Ok(Patched::Restarted { fragment })
            }
            Ok(None) => Err(PatchFault::RestartFailed),
            Err(Panicked) => {
                self.panicked(connection);
                Err(PatchFault::RestartFailed)
            }
        }
    }
}
