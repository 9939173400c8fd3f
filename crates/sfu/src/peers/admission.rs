//! How a peer comes in, and how its offer changes later.

use std::collections::VecDeque;
use std::time::Instant;

use model::{ConnectionId, ErrorCode};
use str0m::Input as RtcInput;

use super::Sfu;
use crate::answer::{self, Agreed};
use crate::engine::{self, Engine, Panicked};
use crate::feed::{self, Feed, Purpose};
use crate::fragment;
use crate::io::{Answer, Output, PatchFault, Patched, PeerFault, Slot, VideoWant, Want};
use crate::offer::{Credentials, Direction, Offer, Terms};
use crate::peer::{self, Peer, Role};
use crate::publish::Publisher;
use crate::route::Route;

impl Sfu {
    pub(super) fn publish(
        &mut self,
        connection: ConnectionId,
        offer: &Offer,
        now: Instant,
    ) -> Result<Answer, PeerFault> {
        self.check_new(connection, offer, Direction::Publish)?;
        let agreed = peer::agree_to_publish(offer)?;
        let terms = offer.terms();
        let normalised = answer::normalised_offer(terms, &terms.credentials, &agreed);
        let accepted = Engine::accept(&self.common, &normalised, &agreed, now);
        let (engine, sdp) = accepted
            .map_err(|Panicked| self.new_panicked())?
            .ok_or(PeerFault::Offer)?;
        let sdp = answer::completed(&sdp, &agreed, &self.candidates);
        let publisher = Publisher::new(&agreed, &self.settings);
        self.admit(
            connection,
            engine,
            Role::Publisher(Box::new(publisher)),
            terms,
            agreed,
            now,
        )?;
        Ok(Answer {
            sdp,
            slots: Vec::new(),
        })
    }

    pub(super) fn subscribe(
        &mut self,
        connection: ConnectionId,
        publisher: ConnectionId,
        offer: &Offer,
        now: Instant,
    ) -> Result<Answer, PeerFault> {
        self.check_new(connection, offer, Direction::Subscribe)?;
        let source = self.source(publisher).ok_or(PeerFault::PublisherGone)?;
        let agreed = peer::agree_to_subscribe(offer, source)?;
        let has = |kind| agreed.iter().any(|(section, _)| section.kind == kind);
        let want = Want {
            publisher,
            audio: has(crate::codec::Kind::Audio),
            video: has(crate::codec::Kind::Video).then(VideoWant::default),
        };
        let feed = Feed::new(Purpose::Single, agreed, || self.next_ssrc(), now);
        let answer = self.connect(connection, feed, &publisher.to_string(), offer, now)?;
        self.want(connection, vec![want], now);
        Ok(Answer {
            slots: Vec::new(),
            ..answer
        })
    }

    pub(super) fn feed(
        &mut self,
        connection: ConnectionId,
        offer: &Offer,
        now: Instant,
    ) -> Result<Answer, PeerFault> {
        self.check_new(connection, offer, Direction::Feed)?;
        let agreed = peer::agree_to_feed(&offer.terms().sections)?;
        let feed = Feed::new(Purpose::Pool, agreed, || self.next_ssrc(), now);
        self.connect(connection, feed, &connection.to_string(), offer, now)
    }

    /// Takes another offer of a feed: sections may be added at the end, and ICE credentials may change. All else stays.
    pub(super) fn reoffer(
        &mut self,
        connection: ConnectionId,
        offer: &Offer,
        now: Instant,
    ) -> Result<Answer, PeerFault> {
        let terms = offer.terms();
        let known = self.peers.get(&connection).ok_or(PeerFault::Offer)?;
        let is_pool = matches!(&known.role, Role::Subscriber(feed) if feed.is_pool());
        let count = known.terms.sections.len();
        let is_same = terms.fingerprint == known.terms.fingerprint
            && terms.sections.len() >= count
            && terms
                .sections
                .iter()
                .zip(&known.terms.sections)
                .all(|(new, old)| new.mid == old.mid && new.kind == old.kind);
        if offer.direction() != Direction::Feed || !is_pool || !is_same {
            return Err(PeerFault::Offer);
        }
        let added = terms.sections.get(count..).unwrap_or_default();
        let agreed = peer::agree_to_feed(added)?;
        let is_restart = terms.credentials != known.remote;
        let ssrcs: Vec<_> = agreed
            .iter()
            .map(|_| (self.next_ssrc(), self.next_ssrc()))
            .collect();
        if is_restart {
            self.renew(connection, &terms.credentials, now)?;
        }
        let peer = self.peers.get_mut(&connection).ok_or(PeerFault::Offer)?;
        peer.terms.sections.extend(added.iter().cloned());
        let local = feed::Local {
            credentials: &peer.engine.local().clone(),
            fingerprint: &self.fingerprint,
            is_active: engine::is_active(&peer.terms),
            candidates: &self.candidates,
            name: &connection.to_string(),
            version: 0,
        };
        let feed = match &mut peer.role {
            Role::Subscriber(feed) => feed,
            Role::Publisher(_) => return Err(PeerFault::Offer),
        };
        let mut ssrcs = ssrcs.into_iter().flat_map(|(media, rtx)| [media, rtx]);
        feed.grow(agreed, || ssrcs.next().unwrap_or_default());
        let sdp = feed.answer(&peer.terms, &local);
        let slots = feed.told_slots();
        // What has waited for a slot gets one now.
        self.choosing.insert(connection);
        self.begin_turn(connection, now)?;
        Ok(Answer { sdp, slots })
    }

    fn check_new(
        &self,
        connection: ConnectionId,
        offer: &Offer,
        direction: Direction,
    ) -> Result<(), PeerFault> {
        if offer.direction() != direction || self.peers.contains_key(&connection) {
            return Err(PeerFault::Offer);
        }
        Ok(())
    }

    fn new_panicked(&mut self) -> PeerFault {
        self.counters.panics += 1;
        PeerFault::Fault(ErrorCode::InternalServerException)
    }

    /// Makes the connection of a new subscriber.
    fn connect(
        &mut self,
        connection: ConnectionId,
        mut feed: Feed,
        name: &str,
        offer: &Offer,
        now: Instant,
    ) -> Result<Answer, PeerFault> {
        let terms = offer.terms();
        let engine = Engine::connect(&self.common, terms, now)
            .map_err(|Panicked| self.new_panicked())?
            .ok_or(PeerFault::Offer)?;
        let local = feed::Local {
            credentials: engine.local(),
            fingerprint: &self.fingerprint,
            is_active: engine::is_active(terms),
            candidates: &self.candidates,
            name,
            version: 0,
        };
        let sdp = feed.answer(terms, &local);
        let slots = feed.told_slots();
        let role = Role::Subscriber(Box::new(feed));
        self.admit(connection, engine, role, terms, Vec::new(), now)?;
        Ok(Answer { sdp, slots })
    }

    fn admit(
        &mut self,
        connection: ConnectionId,
        engine: Engine,
        role: Role,
        terms: &Terms,
        agreed: Vec<Agreed>,
        now: Instant,
    ) -> Result<(), PeerFault> {
        self.demux.name(&engine.local().ufrag, connection);
        let peer = Peer {
            engine,
            role,
            terms: terms.clone(),
            agreed,
            remote: terms.credentials.clone(),
            remotes: VecDeque::new(),
            route: Route::new(now),
            is_connected: false,
            begun: now,
            heard: now,
        };
        self.peers.insert(connection, Box::new(peer));
        self.begin_turn(connection, now)
    }

    /// Drives a peer whose offer has just been taken. An offer that has ended its peer has no answer.
    fn begin_turn(&mut self, connection: ConnectionId, now: Instant) -> Result<(), PeerFault> {
        self.drive(connection, now, |rtc, _, _| {
            rtc.handle_input(RtcInput::Timeout(now))
        });
        if self.peers.contains_key(&connection) {
            Ok(())
        } else {
            Err(PeerFault::Fault(ErrorCode::InternalServerException))
        }
    }

    /// An SSRC that no other feed of this worker has. Feeds have keys of their own, so it is only within one that two streams
    /// must not have the same; a client that is served by several connections is easier to follow if it never happens.
    fn next_ssrc(&mut self) -> u32 {
        // An odd step visits every number once before the first comes again.
        self.ssrcs = self.ssrcs.wrapping_add(0x9e37_79b1).max(1);
        self.ssrcs
    }

    pub(super) fn patch(
        &mut self,
        connection: ConnectionId,
        fragment: &str,
        restart: bool,
        now: Instant,
    ) {
        let result = self.patched(connection, fragment, restart, now);
        let has_restarted = matches!(result, Ok(Patched::Restarted { .. }));
        self.put_out(Output::Patched { connection, result });
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
        now: Instant,
    ) -> Result<Patched, PatchFault> {
        let peer = self.peers.get(&connection).ok_or(PatchFault::NotFound)?;
        let wanted = fragment::read(fragment)
            .ok_or(PatchFault::Malformed)?
            .credentials;
        if wanted == peer.remote {
            return Ok(Patched::Candidates);
        }
        if !restart {
            return Err(PatchFault::RestartNotAllowed);
        }
        let restarted = match &peer.role {
            Role::Publisher(_) => self.restart(connection, &wanted, now),
            Role::Subscriber(_) => self.renew(connection, &wanted, now),
        };
        restarted.map_err(|_| PatchFault::RestartFailed)?;
        let peer = self.peers.get(&connection).ok_or(PatchFault::NotFound)?;
        let local = peer.engine.local();
        let fragment = match &peer.role {
            Role::Publisher(_) => {
                let sections = peer.agreed.iter().map(|agreed| {
                    let number = agreed.payloads.first().map_or(0, |payload| payload.number);
                    (&agreed.section, number)
                });
                answer::restart_fragment(local, sections, &self.candidates)
            }
            Role::Subscriber(feed) => {
                let sections = peer.terms.sections.iter().zip(feed.payload_types());
                answer::restart_fragment(local, sections, &self.candidates)
            }
        };
        Ok(Patched::Restarted { fragment })
    }

    /// Restarts ICE of a publisher.
    fn restart(
        &mut self,
        connection: ConnectionId,
        wanted: &Credentials,
        now: Instant,
    ) -> Result<(), PeerFault> {
        let peer = self.peers.get_mut(&connection).ok_or(PeerFault::Offer)?;
        let offer = answer::normalised_offer(&peer.terms, wanted, &peer.agreed);
        let before = peer.engine.local().ufrag.clone();
        match peer.engine.restart(&offer) {
            Ok(Some(local)) => {
                peer.remote.clone_from(wanted);
                self.demux.unname(&before);
                self.demux.name(&local.ufrag, connection);
                Ok(())
            }
            Ok(None) => Err(PeerFault::Offer),
            Err(Panicked) => {
                self.panicked(connection, now);
                Err(PeerFault::Fault(ErrorCode::InternalServerException))
            }
        }
    }

    /// Restarts ICE of a feed. Media goes on the way that it goes until a check with the new credentials comes.
    fn renew(
        &mut self,
        connection: ConnectionId,
        wanted: &Credentials,
        now: Instant,
    ) -> Result<(), PeerFault> {
        let peer = self.peers.get_mut(&connection).ok_or(PeerFault::Offer)?;
        let before = peer.engine.local().ufrag.clone();
        let Ok(local) = peer.engine.renew(wanted) else {
            self.panicked(connection, now);
            return Err(PeerFault::Fault(ErrorCode::InternalServerException));
        };
        peer.remote.clone_from(wanted);
        self.demux.unname(&before);
        self.demux.name(&local.ufrag, connection);
        Ok(())
    }
}

impl Feed {
    /// The slots, as they are told.
    fn told_slots(&self) -> Vec<Slot> {
        self.slots
            .iter()
            .map(|slot| Slot {
                mid: slot.mid().to_owned(),
                medium: slot.medium(),
            })
            .collect()
    }
}
