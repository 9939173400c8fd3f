//! The machine, the ledger and the reference side by side, on one clock.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use model::{
    Capabilities, ClientInfo, ConnectionId, Grant, IngestConfigurationArn, IngestGrant, IngestPart,
    Issuer, Now, Participant, ParticipantId, ParticipantState, Protocol, Record, SessionId,
    StageArn,
};
use stage::{
    Attachment, CloseCause, Input, Output, Replicate, ReplicationKey, Reply, RosterEntry, Settings,
    Stages,
};

use crate::expected::{Answer, Expected, Line};
use crate::{Act, Door, Key, Ledger, Reference, Start, Stop, Token};

/// The wall clock's reading when a world begins: an ordinary day in 2027.
const START_SECOND: i64 = 1_800_000_000;

/// The participant of each configuration; those of its two streams follow. Some of them are participants with tokens too.
const FIRST_OF_CONFIGURATIONS: [u8; 2] = [3, 6];

/// Starts of replications that may be repeated.
const STARTS_MAX: usize = 3;

/// One simulated process with its store, its clients and its clocks.
#[derive(Debug)]
pub struct World {
    settings: Settings,
    machine: Stages,
    reference: Reference,
    ledger: Ledger,
    now: Now,
    /// Stages that the store has, with its bans.
    stages: BTreeMap<StageArn, BTreeSet<ParticipantId>>,
    /// Sessions in the order of their starts.
    sessions: Vec<SessionId>,
    /// Connections that a client believes to be open.
    open: BTreeMap<ConnectionId, Client>,
    /// The connection whose end the machine is being told. What is due comes first, so it may close it nevertheless.
    leaving: Option<ConnectionId>,
    /// Whether the newest connection is asking to be let in.
    knocking: bool,
    /// Replications that were asked for, the newest first.
    starts: VecDeque<Replicate>,
    /// How many connections there ever were.
    minted: u64,
    /// How many processes there were.
    processes: u8,
    /// The last wall time at which the store heard from the process.
    heartbeat: Timestamp,
    /// What kinds of outputs there have been, see [`World::seen`].
    seen: BTreeSet<String>,
}

/// The far end of a connection.
#[derive(Debug)]
struct Client {
    stage: StageArn,
    participant: ParticipantId,
    /// What an events socket was told last.
    roster: Option<Vec<RosterEntry>>,
}

impl World {
    /// A world without stages. Its monotonic clock starts at `mono`, whatever that is.
    pub fn new(settings: Settings, mono: Instant) -> Self {
        let wall = Timestamp::from_second(START_SECOND).expect("2027 is in the calendar");
        Self {
            machine: Stages::new(settings.clone(), [0; 32]),
            reference: Reference::new(settings.clone()),
            settings,
            ledger: Ledger::default(),
            now: Now { mono, wall },
            stages: BTreeMap::new(),
            sessions: Vec::new(),
            open: BTreeMap::new(),
            leaving: None,
            knocking: false,
            starts: VecDeque::new(),
            minted: 0,
            processes: 0,
            heartbeat: wall,
            seen: BTreeSet::new(),
        }
    }

    /// What kinds of outputs there have been, in words: `LEFT`, `PUBLISH_ERROR QUOTA_EXCEEDED`, `refused: the token has expired`,
    /// `close token-reused`, `roster`. A test that wants to be sure that its acts are lively looks here.
    pub fn seen(&self) -> &BTreeSet<String> {
        &self.seen
    }

    /// Does one act and panics if anything about it is wrong.
    pub fn act(&mut self, act: Act) {
        match act {
            Act::Open(stage) => {
                let stage = stage_arn(stage);
                let bans = self.stages.entry(stage.clone()).or_default();
                let banned = bans.iter().cloned().collect();
                self.tell(&Input::StageOpened { stage, banned });
            }
            Act::Delete(stage) => {
                let stage = stage_arn(stage);
                self.stages.remove(&stage);
                self.tell(&Input::StageDeleted { stage });
            }
            Act::DeleteAll => {
                self.stages.clear();
                self.tell(&Input::AllStagesDeleted);
            }
            Act::Disconnect(stage, who) => self.ban(stage_arn(stage), participant_id(who)),
            Act::Knock(token, door) => {
                let input = self.knock(token, door);
                self.knocking = true;
                self.tell(&input);
                self.knocking = false;
            }
            Act::Ingest(key) => {
                let input = self.ingest(key);
                self.knocking = true;
                self.tell(&input);
                self.knocking = false;
            }
            Act::Attach(configuration, stage) => self.attach(configuration, stage),
            Act::Up { pick, open } => {
                if let Some(connection) = self.pick(pick, open) {
                    self.tell(&Input::Connected { connection });
                }
            }
            Act::Mute { pick, open, mute } => {
                if let Some(connection) = self.pick(pick, open) {
                    self.tell(&Input::Mute { connection, mute });
                }
            }
            Act::Exchange {
                pick,
                open,
                token,
                own,
            } => {
                if let Some(connection) = self.pick(pick, open) {
                    self.exchange(connection, token, own);
                }
            }
            Act::PutOut { pick, open, reason } => {
                if let Some(connection) = self.pick(pick, open) {
                    self.tell(&Input::PutOut { connection, reason });
                }
            }
            Act::Closed { pick, open, cause } => {
                if let Some(connection) = self.pick(pick, open) {
                    self.close(connection, cause);
                }
            }
            Act::Replicate(start) => self.replicate(start),
            Act::ReplicateAgain(pick) => {
                let pick = usize::from(pick) % self.starts.len().max(1);
                if let Some(start) = self.starts.get(pick).cloned() {
                    self.tell(&Input::Replicate(start));
                }
            }
            Act::StopReplication(stop) => self.stop_replication(stop),
            Act::Pass(time) => self.pass(time),
            Act::Sleep(time) => self.now = self.now.plus(time),
            Act::Step(seconds) => {
                let step = SignedDuration::from_secs(seconds);
                self.now.wall = self.now.wall.saturating_add(step).expect("it is no span");
            }
            Act::Shutdown => self.tell(&Input::Shutdown),
            Act::Crash => self.crash(),
        }
    }

    fn ban(&mut self, stage: StageArn, participant: ParticipantId) {
        if let Some(bans) = self.stages.get_mut(&stage) {
            bans.insert(participant.clone());
        }
        self.tell(&Input::Disconnect { stage, participant });
    }

    fn attach(&mut self, configuration: u8, stage: Option<(u8, u8)>) {
        let unless = stage.map(|(stage, legs)| Attachment {
            stage: stage_arn(stage),
            legs: legs_of(configuration, legs),
        });
        let configuration = configuration_arn(configuration);
        self.tell(&Input::IngestDetached {
            configuration,
            unless,
        });
    }

    fn exchange(&mut self, connection: ConnectionId, token: Token, own: bool) {
        let mut grant = self.grant(token);
        if let Some(client) = self.open.get(&connection).filter(|_| own) {
            grant.stage = client.stage.clone();
            grant.participant = client.participant.clone();
        }
        self.tell(&Input::Exchange { connection, grant });
    }

    fn replicate(&mut self, start: Start) {
        let Start {
            pick,
            from,
            to,
            who,
            window,
            name,
            is_answered,
        } = start;
        let named = (stage_arn(from), participant_id(who));
        let (source, participant) = self.pick_source(pick, &named.0).unwrap_or(named);
        let over = (name > 0).then(|| ("name".to_owned(), word("name", name)));
        let start = Replicate {
            of: ReplicationKey {
                source,
                destination: stage_arn(to),
                participant,
            },
            window,
            attributes: over.into_iter().collect(),
        };
        self.tell(&Input::Replicate(start.clone()));
        if is_answered {
            self.tell(&Input::ReplicationAnswered(start.of.clone()));
        }
        self.starts.push_front(start);
        self.starts.truncate(STARTS_MAX);
    }

    fn stop_replication(&mut self, stop: Stop) {
        let Stop {
            pick,
            from,
            to,
            who,
        } = stop;
        let named = || ReplicationKey {
            source: stage_arn(from),
            destination: stage_arn(to),
            participant: participant_id(who),
        };
        let of = self.pick_replica(pick).unwrap_or_else(named);
        self.tell(&Input::StopReplication(of));
    }

    fn close(&mut self, connection: ConnectionId, cause: CloseCause) {
        self.leaving = self.open.remove(&connection).map(|_| connection);
        self.tell(&Input::Closed { connection, cause });
        self.leaving = None;
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now.plus(time);
        loop {
            assert_eq!(
                self.machine.poll_timeout(),
                self.reference.poll_timeout(),
                "something is due when the rules say so"
            );
            let due = self.machine.poll_timeout().filter(|due| *due <= end.mono);
            let Some(due) = due else { break };
            let until = due.saturating_duration_since(self.now.mono);
            self.now = self.now.plus(until);
            self.machine.handle_timeout(self.now);
            let expected = self.reference.handle_timeout(self.now);
            self.settle(&expected);
        }
        self.now = end;
    }

    fn crash(&mut self) {
        self.processes = self.processes.wrapping_add(1);
        self.machine = Stages::new(self.settings.clone(), [self.processes; 32]);
        self.reference.crash();
        self.ledger.crash();
        self.open.clear();
        let left = self.ledger.live(self.heartbeat);
        for (stage, bans) in self.stages.clone() {
            let banned = bans.into_iter().collect();
            self.tell(&Input::StageOpened { stage, banned });
        }
        for session in left {
            self.tell(&Input::Restored(session));
        }
        assert!(self.ledger.live(self.heartbeat).is_empty());
    }

    /// Gives an input to the machine and to the reference.
    fn tell(&mut self, input: &Input) {
        self.heartbeat = self.now.wall;
        self.machine.handle(input.clone(), self.now);
        let expected = self.reference.handle(input, self.now);
        self.settle(&expected);
    }

    /// Carries out what the machine wants, and looks at each output.
    fn settle(&mut self, expected: &Expected) {
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
    fn check(&self) {
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

    fn note_reply(&mut self, reply: &Reply) {
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

    fn line(&mut self, record: Record) -> Option<Line> {
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

    fn number(&self, session: &SessionId) -> usize {
        let number = self.sessions.iter().position(|known| known == session);
        number.expect("a session starts before anything happens in it")
    }

    fn knock(&mut self, token: Token, door: Door) -> Input {
        self.minted += 1;
        let connection = ConnectionId(self.minted);
        let grant = self.grant(token);
        self.open.insert(
            connection,
            Client {
                stage: grant.stage.clone(),
                participant: grant.participant.clone(),
                roster: None,
            },
        );
        let client = ClientInfo {
            os_name: word("os", token.os),
            sdk_version: word("sdk", token.sdk),
            ..ClientInfo::default()
        };
        match door {
            Door::Socket => Input::Join {
                connection,
                grant,
                client,
            },
            Door::Publish(fault) => Input::Publish {
                connection,
                grant,
                client,
                fault,
            },
            Door::Subscribe(publisher) => Input::Subscribe {
                connection,
                grant,
                client,
                publisher: participant_id(publisher),
            },
        }
    }

    fn ingest(&mut self, key: Key) -> Input {
        self.minted += 1;
        let connection = ConnectionId(self.minted);
        let name = word("name", key.name);
        let whole = FIRST_OF_CONFIGURATIONS[usize::from(key.configuration)];
        let grant = IngestGrant {
            stage: stage_arn(key.stage),
            configuration: configuration_arn(key.configuration),
            participant: participant_id(match key.part {
                IngestPart::Whole | IngestPart::Virtual => whole,
                IngestPart::Leg => whole + 1 + key.leg,
            }),
            attributes: BTreeMap::from([("name".to_owned(), name.clone())]),
            user_id: name,
            protocol: if key.tls {
                Protocol::Rtmps
            } else {
                Protocol::Rtmp
            },
            part: key.part,
        };
        self.open.insert(
            connection,
            Client {
                stage: grant.stage.clone(),
                participant: grant.participant.clone(),
                roster: None,
            },
        );
        Input::Ingest {
            connection,
            grant: Box::new(grant),
            fault: key.fault,
        }
    }

    fn grant(&self, token: Token) -> Grant {
        let name = word("name", token.name);
        Grant {
            stage: stage_arn(token.stage),
            participant: participant_id(token.who),
            attributes: BTreeMap::from([("name".to_owned(), name.clone())]),
            user_id: name,
            capabilities: Capabilities {
                publish: token.publish,
                subscribe: token.subscribe,
            },
            expires: self
                .now
                .wall
                .saturating_add(SignedDuration::from_secs(token.expires_in))
                .expect("it is no span"),
            issuer: if token.signed {
                Issuer::Customer
            } else {
                Issuer::Service
            },
            whip_url: String::new(),
            events_url: String::new(),
        }
    }

    /// The stage and participant of a client; or somebody who was replicated before, from that stage.
    fn pick_source(
        &self,
        pick: Option<u16>,
        stage: &StageArn,
    ) -> Option<(StageArn, ParticipantId)> {
        let clients = self.open.values();
        let clients = clients.map(|client| (&client.stage, &client.participant));
        let replicas = self.ledger.replicas().into_iter();
        let replicas = replicas.map(|replica| (stage, &replica.participant));
        let known: Vec<_> = clients.chain(replicas).collect();
        let (stage, who) = known.get(usize::from(pick?) % known.len().max(1))?;
        Some(((*stage).clone(), (*who).clone()))
    }

    /// A replication that was recorded, over or not.
    fn pick_replica(&self, pick: Option<u16>) -> Option<ReplicationKey> {
        let replicas = self.ledger.replicas();
        let replica = replicas.get(usize::from(pick?) % replicas.len().max(1))?;
        Some(ReplicationKey {
            source: replica.source_stage.clone(),
            destination: replica.destination_stage.clone(),
            participant: replica.participant.clone(),
        })
    }

    fn pick(&self, pick: u16, open: bool) -> Option<ConnectionId> {
        let pick = usize::from(pick);
        if open {
            let count = self.open.len().max(1);
            return self.open.keys().nth(pick % count).copied();
        }
        // One more than there were: a connection that nobody has heard of.
        Some(ConnectionId(pick as u64 % (self.minted + 2)))
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

/// The third stage is in another region and the fourth belongs to another account.
fn stage_arn(stage: u8) -> StageArn {
    let home = match stage {
        2 => "eu-west-1:123456789012",
        3 => "us-west-2:210987654321",
        _ => "us-west-2:123456789012",
    };
    let text = format!("arn:aws:ivs:{home}:stage/stage{stage}");
    StageArn::parse(&text).expect("it has the shape")
}

fn configuration_arn(configuration: u8) -> IngestConfigurationArn {
    let home = "arn:aws:ivs:us-west-2:123456789012:ingest-configuration";
    let text = format!("{home}/configuration{configuration}");
    IngestConfigurationArn::parse(&text).expect("it has the shape")
}

/// The participants of those legs of a configuration whose bits are set.
fn legs_of(configuration: u8, legs: u8) -> Vec<ParticipantId> {
    let whole = FIRST_OF_CONFIGURATIONS[usize::from(configuration)];
    let there = (0..2).filter(|leg| legs >> leg & 1 == 1);
    there.map(|leg| participant_id(whole + 1 + leg)).collect()
}

/// Whether it is the participant of one of two redundant streams, when it is an encoder's.
fn is_leg(who: &ParticipantId) -> bool {
    FIRST_OF_CONFIGURATIONS
        .into_iter()
        .flat_map(|whole| [whole + 1, whole + 2])
        .any(|leg| participant_id(leg) == *who)
}

fn participant_id(who: u8) -> ParticipantId {
    ParticipantId::parse(&format!("participant-{who}")).expect("it has the shape")
}

fn word(name: &str, choice: u8) -> String {
    if choice == 0 {
        String::new()
    } else {
        format!("{name}-{choice}")
    }
}
