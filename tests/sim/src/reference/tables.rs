//! What the flat lists say when one looks through them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use model::{ConnectionId, Now, ParticipantId, SessionId, StageArn};
use stage::RosterEntry;

use super::{Connection, Kind, Reference, Session};
use crate::expected::{Line, Person};

impl Reference {
    /// When something is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let connections = self.connections.iter().filter_map(|c| c.deadline);
        let sessions = self.sessions.iter().filter_map(|s| s.idle_deadline);
        let changes = self.attachments.values().filter_map(|(_, end)| *end);
        let replications = self.replications.iter().filter_map(|r| r.give_up);
        let others = changes.chain(replications);
        connections.chain(sessions).chain(others).min()
    }

    /// What the records of everybody should say: session, who, the record, whether connected, whether publishing. A
    /// crash changes no record until its session is restored.
    pub fn people(
        &self,
    ) -> impl Iterator<Item = (&SessionId, &ParticipantId, &Person, bool, bool)> {
        let sessions = self.sessions.iter().enumerate();
        sessions.flat_map(move |(number, session)| {
            session.people.iter().filter_map(move |(who, person)| {
                let recorded = self.connections.iter().chain(&self.lost);
                let own = recorded.filter(|c| c.session == number && c.who == *who);
                let is_connected = own.clone().next().is_some();
                let mut publishes = own.filter(|c| c.kind == Kind::Publish);
                let is_publishing = publishes.any(|c| c.is_up);
                let name = session.name.as_ref()?;
                Some((name, who, person, is_connected, is_publishing))
            })
        })
    }

    pub(super) fn active(&self, stage: &StageArn) -> Option<usize> {
        self.sessions
            .iter()
            .position(|s| s.stage == *stage && !s.ended)
    }

    pub(super) fn active_or_new(&mut self, stage: &StageArn, now: Now) -> usize {
        if let Some(session) = self.active(stage) {
            return session;
        }
        let session = self.sessions.len();
        self.sessions.push(Session {
            stage: stage.clone(),
            name: None,
            ended: false,
            latest: now.wall,
            idle_deadline: None,
            people: BTreeMap::new(),
        });
        let at = now.wall;
        self.expected.lines.push(Line::Started { session, at });
        session
    }

    pub(super) fn any(&self, session: usize, test: impl Fn(&Connection) -> bool) -> bool {
        self.connections
            .iter()
            .any(|c| c.session == session && test(c))
    }

    pub(super) fn is_connected(&self, session: usize, who: &ParticipantId) -> bool {
        self.any(session, |c| c.who == *who)
    }

    pub(super) fn headcount(&self, session: usize) -> usize {
        let here = self.connections.iter().filter(|c| c.session == session);
        here.map(|c| &c.who).collect::<BTreeSet<_>>().len()
    }

    pub(super) fn publish_of(&self, session: usize, who: &ParticipantId) -> Option<&Connection> {
        self.connections
            .iter()
            .find(|c| c.session == session && c.who == *who && c.kind == Kind::Publish)
    }

    /// How many connections of a kind an account has on all its stages in a region.
    pub(super) fn count_in_region(&self, stage: &StageArn, kind: Kind) -> usize {
        let home = (&stage.account, &stage.region);
        let own = self.connections.iter();
        let own = own.filter(|c| c.kind == kind && c.is_visible() && c.home.is_none());
        let replicas = self.replications.iter().filter(|_| kind == Kind::Publish);
        own.map(|c| c.session)
            .chain(replicas.map(|r| r.destination))
            .map(|session| &self.sessions[session].stage)
            .filter(|other| (&other.account, &other.region) == home)
            .count()
    }

    pub(super) fn roster(&self, session: usize) -> Vec<RosterEntry> {
        self.sessions[session]
            .people
            .iter()
            .filter_map(|(who, person)| {
                let publish = self.publish_of(session, who)?;
                if !publish.is_up || !publish.is_visible() {
                    return None;
                }
                // What is muted is said at the source.
                let said = publish.home.as_ref().map_or(session, |(_, source)| *source);
                let mute = self.mutes.get(&(said, who.clone()));
                Some(RosterEntry {
                    id: who.clone(),
                    user_id: person.user_id.clone(),
                    attributes: person.attributes.clone(),
                    publish: publish.id,
                    mute: mute.copied().unwrap_or_default(),
                    source: publish.home.clone().map(|(stage, _)| stage),
                })
            })
            .collect()
    }

    pub(super) fn all_rosters(&self) -> BTreeMap<StageArn, Vec<RosterEntry>> {
        let live = (0..self.sessions.len()).filter(|number| !self.sessions[*number].ended);
        live.map(|number| (self.sessions[number].stage.clone(), self.roster(number)))
            .collect()
    }

    /// Sockets are told a roster that is not what it was. One that came in with this call knows it by its reply.
    pub(super) fn expect_rosters(
        &mut self,
        before: &BTreeMap<StageArn, Vec<RosterEntry>>,
        entered: Option<ConnectionId>,
    ) {
        for (stage, roster) in self.all_rosters() {
            let old = before.get(&stage).map_or(&[][..], Vec::as_slice);
            let session = self.active(&stage);
            let sockets: BTreeSet<ConnectionId> = self
                .connections
                .iter()
                .filter(|c| Some(c.session) == session && c.kind == Kind::Socket)
                .map(|c| c.id)
                .filter(|id| Some(*id) != entered)
                .collect();
            if old != roster && !sockets.is_empty() {
                self.expected.rosters.insert(stage, (sockets, roster));
            }
        }
    }
}
