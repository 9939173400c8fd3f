//! What the machine wants done is done here, and held against the reference and the ledger.

use std::collections::{BTreeMap, BTreeSet};

use model::{
    ConnectionId, Participant, ParticipantId, ParticipantState, Protocol, Record, SessionId,
};
use stage::{Output, Reply};

use super::World;
use super::names::is_leg;
use crate::expected::{Answer, Expected, Line};

impl World {
    /// Carries out what the machine wants, and looks at each output.
    pub(super) fn settle(&mut self, expected: &Expected) {
        let mut seen = Expected::default();
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Record(record) => {
                    assert_eq!(
                        (&seen.reply, seen.closes.len()),
                        (&None, 0),
                        "records first"
                    );
                    self.ledger.apply(&record);
                    seen.lines.extend(self.line(record));
                }
                Output::Reply(reply) => {
                    assert_eq!(seen.reply, None, "there is one reply");
                    assert!(seen.closes.is_empty() && seen.rosters.is_empty());
                    self.note_reply(&reply);
                    let answer = Answer::of(reply, |session| self.number(session));
                    seen.reply = Some(answer);
                }
                Output::Close { connection, reason } => {
                    assert!(seen.rosters.is_empty(), "rosters come last");
                    let was_open = self.open.remove(&connection).is_some()
                        || self.leaving.take_if(|id| *id == connection).is_some();
                    assert!(was_open, "{connection} was open");
                    seen.closes.insert(connection, reason);
                }
                Output::Roster { to, roster } => {
                    let mut stages = BTreeSet::new();
                    for socket in &to {
                        let client = self.open.get_mut(socket).expect("the socket is open");
                        assert_eq!(client.stage.id, roster.stage);
                        let told = client.roster.replace(roster.participants.clone());
                        assert!(told.is_some(), "{socket} is an events socket");
                        stages.insert(client.stage.clone());
                    }
                    let [stage] = Vec::from_iter(stages).try_into().expect("one stage");
                    let told = (to.into_iter().collect(), roster.participants);
                    assert_eq!(seen.rosters.insert(stage, told), None);
                }
            }
        }
        self.seen.extend(seen.words());
        assert_eq!(seen.reply, expected.reply);
        assert_eq!(by_list(&seen.lines), by_list(&expected.lines));
        assert_eq!(seen.closes, expected.closes);
        assert_eq!(seen.rosters, expected.rosters);
        self.check();
    }

    /// What must hold between two calls.
    pub(super) fn check(&self) {
        self.ledger.check();
        for (socket, client) in &self.open {
            let Some(told) = &client.roster else { continue };
            let told: Vec<&ParticipantId> = told.iter().map(|entry| &entry.id).collect();
            let publishing = self.ledger.publishing(&client.stage);
            let publishing: Vec<&ParticipantId> = publishing
                .into_iter()
                .filter(|p| p.protocol == Protocol::Whip || !is_leg(&p.id))
                .map(|p| &p.id)
                .collect();
            assert_eq!(told, publishing, "{socket} knows who publishes");
        }
        let active = self.reference.active_configurations();
        let kept = self.ledger.active_configurations();
        assert_eq!(*kept, active, "what is connected is active");
        let mut people = BTreeMap::<&SessionId, usize>::new();
        for (session, who, person, is_connected, is_publishing) in self.reference.people() {
            *people.entry(session).or_default() += 1;
            let kept = self.ledger.participant(session, who);
            let kept = kept.expect("whoever has joined has a record");
            let state = if is_connected {
                ParticipantState::Connected
            } else {
                ParticipantState::Disconnected
            };
            let Participant {
                first_join,
                published,
                ..
            } = *kept;
            assert_eq!((kept.state, kept.protocol), (state, person.protocol));
            assert_eq!(kept.ingest.as_deref(), person.ingest.as_ref(), "{who}");
            assert_eq!(
                (first_join, published),
                (person.first_join, person.published)
            );
            assert_eq!(kept.publishing, is_publishing, "{who}");
            assert_eq!(kept.user_id, person.user_id, "{who}");
            assert_eq!(kept.attributes, person.attributes, "{who}");
            assert_eq!(kept.replication, person.replication, "{who}");
            assert_eq!(kept.client.os_name, person.client.0);
            assert_eq!(kept.client.sdk_version, person.client.1);
        }
        for (session, people) in people {
            assert_eq!(self.ledger.participant_count(session), people);
        }
    }

    pub(super) fn note_reply(&mut self, reply: &Reply) {
        let minted = ConnectionId(self.minted);
        let (stage, roster) = match reply {
            // Of a socket that is refused an exchange there is more to come.
            Reply::Refused(_) if self.knocking => {
                self.open.remove(&minted);
                return;
            }
            Reply::Done | Reply::Exchanged | Reply::Refused(_) => return,
            Reply::Joined { session, roster } => (session, Some(roster.participants.clone())),
            Reply::Admitted {
                session, publisher, ..
            } => {
                if let Some(publish) = publisher {
                    assert!(self.open.contains_key(publish), "its media is there");
                }
                (session, None)
            }
        };
        assert!(self.sessions.contains(stage), "the session was recorded");
        let client = self.open.get_mut(&minted).expect("it has just knocked");
        client.roster = roster;
    }

    pub(super) fn line(&mut self, record: Record) -> Option<Line> {
        Some(match record {
            Record::SessionStarted(session) => {
                self.sessions.push(session.id.clone());
                let number = self.sessions.len() - 1;
                self.reference.name_session(number, session.id);
                Line::Started {
                    session: number,
                    at: session.start,
                }
            }
            Record::SessionEnded { session, end, .. } => Line::Ended {
                session: self.number(&session),
                at: end,
            },
            Record::Participant(_) | Record::Ingest { .. } | Record::Replica(_) => return None,
            Record::Event(event) => Line::Event {
                session: self.number(&event.session),
                who: event.participant,
                name: event.name,
                remote: event.remote,
                error: event.error,
                exchange: event.exchange,
                replica: event.replica,
                destination: event
                    .destination
                    .map(|(stage, session)| (stage, self.number(&session))),
                at: event.time,
            },
        })
    }

    pub(super) fn number(&self, session: &SessionId) -> usize {
        let number = self.sessions.iter().position(|known| known == session);
        number.expect("a session starts before anything happens in it")
    }
}

/// Facts by session and by whose list they are in. Stops that follow each other have no order among them.
fn by_list(lines: &[Line]) -> BTreeMap<(usize, Option<ParticipantId>), Vec<Line>> {
    let mut lists = BTreeMap::<_, Vec<Line>>::new();
    for line in lines {
        let list = match line {
            Line::Event { session, who, .. } => (*session, Some(who.clone())),
            Line::Started { session, .. } | Line::Ended { session, .. } => (*session, None),
        };
        lists.entry(list).or_default().push(line.clone());
    }
    for list in lists.values_mut() {
        for run in list.chunk_by_mut(|one, next| one.stop().is_some() && next.stop().is_some()) {
            run.sort_by(|one, next| one.stop().cmp(&next.stop()));
        }
    }
    lists
}
