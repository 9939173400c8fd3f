//! One peer: its connection, what was agreed on with it, and how long it has been silent.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use model::ErrorCode;

use crate::answer::Agreed;
use crate::codec::{self, Codec, Kind, Payload};
use crate::demux::Remote;
use crate::engine::Engine;
use crate::feed::Feed;
use crate::io::{PeerFault, Settings};
use crate::offer::{Credentials, Offer, Section, Terms};
use crate::publish::Publisher;
use crate::route::Route;

/// How long ICE and DTLS may take together.
pub(crate) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);
/// Most addresses that a peer is known under; the oldest that is not in use gives way.
const REMOTES_MAX: usize = 16;

/// What a peer is for.
#[derive(Debug)]
pub(crate) enum Role {
    Publisher(Box<Publisher>),
    Subscriber(Box<Feed>),
}

/// One WebRTC connection.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) engine: Engine,
    pub(crate) role: Role,
    pub(crate) terms: Terms,
    pub(crate) agreed: Vec<Agreed>,
    /// The peer's ICE credentials; a restart changes them.
    pub(crate) remote: Credentials,
    /// Its addresses, oldest first.
    pub(crate) remotes: VecDeque<Remote>,
    /// Where its media goes.
    pub(crate) route: Route,
    pub(crate) is_connected: bool,
    pub(crate) begun: Instant,
    /// When the last authentic packet came.
    pub(crate) heard: Instant,
}

impl Peer {
    pub(crate) fn publisher(&self) -> Option<&Publisher> {
        match &self.role {
            Role::Publisher(publisher) => Some(publisher),
            Role::Subscriber(_) => None,
        }
    }

    pub(crate) fn publisher_mut(&mut self) -> Option<&mut Publisher> {
        match &mut self.role {
            Role::Publisher(publisher) => Some(publisher),
            Role::Subscriber(_) => None,
        }
    }

    pub(crate) fn feed_mut(&mut self) -> Option<&mut Feed> {
        match &mut self.role {
            Role::Publisher(_) => None,
            Role::Subscriber(feed) => Some(feed),
        }
    }

    /// When it counts as gone unless something is heard.
    pub(crate) fn expires(&self, settings: &Settings) -> Instant {
        if self.is_connected {
            self.heard + settings.liveness_timeout
        } else {
            self.begun + HANDSHAKE_TIMEOUT
        }
    }

    /// When it wants to be looked at next.
    pub(crate) fn due(&self, settings: &Settings, now: Instant) -> Instant {
        let due = self.engine.due.min(self.expires(settings));
        let own = match &self.role {
            Role::Publisher(publisher) => publisher.due(now),
            Role::Subscriber(feed) => feed.due(),
        };
        own.map_or(due, |own| due.min(own))
    }

    /// Adds an address; gives back the one that gives way, which is never the one that media goes to.
    pub(crate) fn add_remote(&mut self, remote: Remote, now: Instant) -> Option<Remote> {
        if self.remotes.contains(&remote) {
            return None;
        }
        self.remotes.push_back(remote);
        if self.remotes.len() <= REMOTES_MAX {
            return None;
        }
        let used = self.route.remote();
        let oldest = self.remotes.iter().position(|at| Some(*at) != used)?;
        let oldest = self.remotes.remove(oldest)?;
        // It is not the one in use.
        self.route.gone(oldest, now);
        Some(oldest)
    }

    /// An address is not the peer's any more; media goes on by another one, if there is one.
    pub(crate) fn remove_remote(&mut self, remote: Remote, now: Instant) {
        self.remotes.retain(|at| *at != remote);
        if self.route.gone(remote, now)
            && let Role::Subscriber(feed) = &mut self.role
        {
            feed.set_path(self.route.remote());
        }
    }
}

/// Chooses the payload types of a publisher's offer.
pub(crate) fn agree_to_publish(offer: &Offer) -> Result<Vec<Agreed>, PeerFault> {
    if let Some(code) = offer.fault() {
        return Err(PeerFault::Fault(code));
    }
    let agreed = offer.terms().sections.iter().map(|section| Agreed {
        section: section.clone(),
        payloads: codec::for_publisher(&section.payloads),
    });
    Ok(agreed.collect())
}

/// Chooses the payload types for each section of a subscriber's offer: first the one that carries what the publisher sends, which
/// has to be there, then one for each other codec that it may go over to. A medium that the publisher does not have is answered
/// all the same, and stays silent.
pub(crate) fn agree_to_subscribe(
    offer: &Offer,
    publisher: &Publisher,
) -> Result<Vec<(Section, Vec<Payload>)>, PeerFault> {
    if let Some(code) = offer.fault() {
        return Err(PeerFault::Fault(code));
    }
    let choose = |section: &Section| {
        let carrier = |sent| codec::for_subscriber(&section.payloads, sent);
        let sent = publisher.sent(section.kind);
        let first = match sent {
            Some(sent) => carrier(sent),
            None => codec::for_publisher(&section.payloads).into_iter().next(),
        };
        let mut payloads = vec![first.ok_or_else(|| missing(section.kind))?];
        payloads.extend(
            sent.into_iter()
                .flat_map(|sent| publisher.beside(sent))
                .filter_map(carrier),
        );
        Ok((section.clone(), payloads))
    };
    offer.terms().sections.iter().map(choose).collect()
}

/// Chooses the payload types of a pool's sections: one for each codec, since any publisher may be put in any of them.
pub(crate) fn agree_to_feed(
    sections: &[Section],
) -> Result<Vec<(Section, Vec<Payload>)>, PeerFault> {
    let choose = |section: &Section| {
        let offered = codec::for_publisher(&section.payloads);
        let payloads: Vec<_> = [Codec::Opus, Codec::H264, Codec::Vp8]
            .into_iter()
            .filter_map(|codec| {
                offered
                    .iter()
                    .find(|payload| payload.codec == codec && payload.can_carry_any())
                    .cloned()
            })
            .collect();
        if payloads.is_empty() {
            return Err(missing(section.kind));
        }
        Ok((section.clone(), payloads))
    };
    sections.iter().map(choose).collect()
}

fn missing(kind: Kind) -> PeerFault {
    PeerFault::Fault(match kind {
        Kind::Audio => ErrorCode::InvalidAudioCodec,
        Kind::Video => ErrorCode::InvalidVideoCodec,
    })
}
