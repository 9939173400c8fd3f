//! One machine, and the acts that it is told.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use model::{
    ConnectionId, Now, Participant, ParticipantId, ParticipantState, Replica, SessionId, StageArn,
};
use stage::{Input, Mute, Output, Settings, Stages};

use super::{Act, arn, attach, participant_id, second};

/// Runs a table with the documented limits.
pub(crate) fn check(rows: &[(Act, &str)]) {
    check_with(Settings::default(), rows);
}

/// Runs a table: each row's outputs, in words and joined by `; `, are what the row says.
pub(crate) fn check_with(settings: Settings, rows: &[(Act, &str)]) {
    let mut run = Run::new(settings);
    for (at, (act, expected)) in rows.iter().enumerate() {
        let words = run.act(act.clone());
        assert_eq!(words.join("; "), *expected, "row {at}: {act:?}");
    }
}

/// One machine and what it has said so far.
pub(crate) struct Run {
    pub(super) machine: Stages,
    pub(super) now: Now,
    pub(super) sessions: Vec<SessionId>,
    pub(super) participants: BTreeMap<(StageArn, ParticipantId), Participant>,
    pub(super) replicas: BTreeMap<(SessionId, ParticipantId, StageArn), Replica>,
    pub(super) sequences: BTreeMap<SessionId, u64>,
}

impl Run {
    pub(crate) fn new(settings: Settings) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "an Instant can only be made by reading the clock; every time in a table is counted from this one"
        )]
        let mono = Instant::now();
        Self {
            machine: Stages::new(settings, [7; 32]),
            now: Now {
                mono,
                wall: second(0),
            },
            sessions: Vec::new(),
            participants: BTreeMap::new(),
            replicas: BTreeMap::new(),
            sequences: BTreeMap::new(),
        }
    }

    /// Does one act; what came of it, in words.
    pub(crate) fn act(&mut self, act: Act) -> Vec<String> {
        let input = match act {
            Act::After(time) => return self.pass(time),
            Act::Sleep(time) => {
                self.now = self.now.plus(time);
                return Vec::new();
            }
            Act::Step(seconds) => {
                self.now.wall += SignedDuration::from_secs(seconds);
                return Vec::new();
            }
            Act::Record(who) => return vec![self.describe("first", who)],
            Act::RecordOn(stage, who) => return vec![self.describe(stage, who)],
            Act::Replicas => return self.replica_words(),
            Act::Lose => return self.lose(),
            Act::Tell(input) => *input,
            Act::Open(banned) => Input::StageOpened {
                stage: arn("first"),
                banned: banned.iter().map(|who| participant_id(who)).collect(),
            },
            Act::OpenOther(stage) => Input::StageOpened {
                stage: arn(stage),
                banned: Vec::new(),
            },
            Act::Delete => Input::StageDeleted {
                stage: arn("first"),
            },
            Act::DeleteAll => Input::AllStagesDeleted,
            Act::Knock(token) => Input::Knock {
                grant: token.grant(),
            },
            Act::Join(connection, token) => Input::Join {
                connection: ConnectionId(connection),
                grant: token.grant(),
                client: token.client,
            },
            Act::Publish(connection, token, fault) => Input::Publish {
                connection: ConnectionId(connection),
                grant: token.grant(),
                client: token.client,
                fault,
            },
            Act::Subscribe(connection, token, publisher) => Input::Subscribe {
                connection: ConnectionId(connection),
                grant: token.grant(),
                client: token.client,
                publisher: participant_id(publisher),
            },
            Act::Ingest(connection, key, fault) => key.input(connection, fault),
            Act::Attached(name, stage) => attach(name, stage),
            Act::Up(connection) => Input::Connected {
                connection: ConnectionId(connection),
            },
            Act::Mute(connection, audio, video) => Input::Mute {
                connection: ConnectionId(connection),
                mute: Mute { audio, video },
            },
            Act::Closed(connection, cause) => Input::Closed {
                connection: ConnectionId(connection),
                cause,
            },
            Act::Exchange(connection, token) => Input::Exchange {
                connection: ConnectionId(connection),
                grant: token.grant(),
            },
            Act::PutOut(connection, reason) => Input::PutOut {
                connection: ConnectionId(connection),
                reason,
            },
            Act::Disconnect(who) => Input::Disconnect {
                stage: arn("first"),
                participant: participant_id(who),
            },
            Act::Restore(session) => Input::Restored(*session),
            Act::Shutdown => Input::Shutdown,
        };
        self.machine.handle(input, self.now);
        self.take(1)
    }

    fn lose(&mut self) -> Vec<String> {
        self.participants.clear();
        self.replicas.clear();
        Vec::new()
    }

    fn pass(&mut self, time: Duration) -> Vec<String> {
        let end = self.now.plus(time);
        let mut words = Vec::new();
        while let Some(due) = self.machine.poll_timeout().filter(|due| *due <= end.mono) {
            self.now = self.now.plus(due.saturating_duration_since(self.now.mono));
            self.machine.handle_timeout(self.now);
            words.extend(self.take(0));
        }
        self.now = end;
        words
    }

    /// Takes the outputs of one call: records, then so many replies, then closes, then rosters.
    fn take(&mut self, replies: usize) -> Vec<String> {
        let outputs: Vec<Output> = std::iter::from_fn(|| self.machine.poll_output()).collect();
        let order = |output: &Output| match output {
            Output::Record(_) => 0,
            Output::Reply(_) => 1,
            Output::Close { .. } => 2,
            Output::Roster { .. } => 3,
        };
        let in_order = outputs.iter().is_sorted_by_key(order);
        assert!(in_order, "outputs are out of order: {outputs:?}");
        let is_reply = |output: &&Output| matches!(output, Output::Reply(_));
        assert_eq!(outputs.iter().filter(is_reply).count(), replies);
        outputs
            .into_iter()
            .filter_map(|output| self.words(output))
            .collect()
    }

    /// How many participants' newest records say CONNECTED.
    pub(crate) fn connected_records(&self) -> usize {
        self.participants
            .values()
            .filter(|participant| participant.state == ParticipantState::Connected)
            .count()
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.machine.poll_timeout()
    }
}
