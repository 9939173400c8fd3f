//! The machine, the ledger and the reference side by side, on one clock.

mod knocks;
mod names;
mod settle;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use model::{ConnectionId, Now, ParticipantId, SessionId, StageArn};
use stage::{
    Attachment, CloseCause, Input, Replicate, ReplicationKey, RosterEntry, Settings, Stages,
};

use self::names::{configuration_arn, legs_of, participant_id, stage_arn, word};
use crate::{Act, Ledger, Reference, Start, Stop, Token};

/// The wall clock's reading when a world begins: an ordinary day in 2027.
const START_SECOND: i64 = 1_800_000_000;

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
}
