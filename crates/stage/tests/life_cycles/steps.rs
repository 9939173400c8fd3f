//! How the tables are run: acts, and the words for outputs.
//!
//! Words: `session 1 starts`, `session 1 ends`, `ana JOINED`, `ben SUBSCRIBE_ERROR ana PUBLISHER_NOT_FOUND`,
//! `admitted 1` (the session), `admitted 1 from c2` (the publish), `joined 1 [ana]` (the roster), `refused TokenExpired`,
//! `close c1 token-reused`, `roster [ana ben] to c3 c4`, `roster [ana without audio] to c3`, `roster [ana as host] to c3`, `exchanged`,
//! `ana TOKEN_EXCHANGED both until 9 for publish until 9 as host`. A time is told (` at 12`, in seconds since the start) where it
//! is not the wall clock's. `cam active on first` and `cam inactive on first` are the states of an ingest configuration. The reply `Done` is not told. Participant records are not told; `record` asks for them.
//!
//! Of replicas: `replica ana JOINED`, `ben SUBSCRIBE_STARTED replica ana`, `ana REPLICATION_STARTED second 2` (the stage and its
//! session), `admitted 2 from c1 of first`, `roster second [ana of first] to c5`, `[ana of first with team=red]`. A roster of the
//! first stage is told without the name of the stage. Records of replications are not told; `replicas` asks for them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use model::{
    Capabilities, ClientInfo, ConnectionId, ErrorCode, Event, ExchangedToken, Grant,
    IngestConfigurationArn, IngestGrant, IngestPart, Issuer, LiveSession, Now, Participant,
    ParticipantId, ParticipantState, Protocol, Record, Replica, Replication, SessionId, StageArn,
};
use stage::{
    Attachment, CloseCause, Input, LeftReason, Mute, Output, Replicate, ReplicationKey, Reply,
    Roster, Settings, Stages,
};

/// Seconds since the Unix epoch at which every table begins.
const START_SECOND: i64 = 1_800_000_000;

/// The participants of two streams; none where there is one.
pub(crate) type Legs = &'static [&'static str];

/// What happens in a row.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Open(&'static [&'static str]),
    /// The API makes a stage besides the first.
    OpenOther(&'static str),
    Delete,
    DeleteAll,
    Join(u64, Token),
    /// Somebody asks whether they may join.
    Knock(Token),
    Publish(u64, Token, Option<ErrorCode>),
    Subscribe(u64, Token, &'static str),
    /// An encoder comes, with what the door finds wrong.
    Ingest(u64, Key, Option<ErrorCode>),
    /// The API has attached the configuration to a stage, of two streams or of one, or to none.
    Attached(&'static str, Option<(&'static str, Legs)>),
    Up(u64),
    /// The socket says that audio and video are muted.
    Mute(u64, bool, bool),
    Closed(u64, CloseCause),
    /// The socket exchanges its token.
    Exchange(u64, Token),
    /// The machine is told just that.
    Tell(Box<Input>),
    /// Asks for the newest record of a participant on a stage.
    RecordOn(&'static str, &'static str),
    /// Asks for the newest records of all replications.
    Replicas,
    /// All records of participants and replications so far are lost.
    Lose,
    /// The shell puts out the participant whose socket it is.
    PutOut(u64, LeftReason),
    Disconnect(&'static str),
    Restore(Box<LiveSession>),
    Shutdown,
    /// Time passes on both clocks; timers ring when they are due.
    After(Duration),
    /// The machine is not called for so long, as on a host that was suspended.
    Sleep(Duration),
    /// The wall clock steps.
    Step(i64),
    /// Asks for the newest record of a participant.
    Record(&'static str),
}

/// A token and the client that holds it.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    who: &'static str,
    stage: &'static str,
    capabilities: Capabilities,
    expires_second: i64,
    client: ClientInfo,
    issuer: Issuer,
    /// What the user's name ends with.
    name: &'static str,
}

pub(crate) fn who(who: &'static str) -> Token {
    Token {
        who,
        stage: "first",
        capabilities: Capabilities {
            publish: true,
            subscribe: true,
        },
        expires_second: 1_000_000_000,
        client: ClientInfo::default(),
        issuer: Issuer::Service,
        name: "",
    }
}

impl Token {
    pub(crate) fn on(self, stage: &'static str) -> Self {
        Self { stage, ..self }
    }

    pub(crate) fn only_subscribes(mut self) -> Self {
        self.capabilities.publish = false;
        self
    }

    pub(crate) fn only_publishes(mut self) -> Self {
        self.capabilities.subscribe = false;
        self
    }

    /// The customer has signed it.
    pub(crate) fn signed(self) -> Self {
        let issuer = Issuer::Customer;
        Self { issuer, ..self }
    }

    /// The user is called so.
    pub(crate) fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// The token ends so many seconds after the start.
    pub(crate) fn expires(self, expires_second: i64) -> Self {
        Self {
            expires_second,
            ..self
        }
    }

    pub(crate) fn uses(mut self, os: &str, browser: &str) -> Self {
        os.clone_into(&mut self.client.os_name);
        browser.clone_into(&mut self.client.browser_name);
        self
    }

    fn grant(&self) -> Grant {
        Grant {
            stage: arn(self.stage),
            participant: participant_id(self.who),
            user_id: user_id(self.who, self.name),
            attributes: BTreeMap::from([("name".to_owned(), user_id(self.who, self.name))]),
            capabilities: self.capabilities,
            expires: second(self.expires_second),
            issuer: self.issuer,
            whip_url: String::new(),
            events_url: String::new(),
        }
    }
}

/// A stream key, and how it is used.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    configuration: &'static str,
    who: &'static str,
    stage: &'static str,
    protocol: Protocol,
    part: IngestPart,
    name: &'static str,
}

/// The key of a configuration with one stream, whose participant has its name.
pub(crate) fn key(configuration: &'static str) -> Key {
    Key {
        configuration,
        who: configuration,
        stage: "first",
        protocol: Protocol::Rtmps,
        part: IngestPart::Whole,
        name: "",
    }
}

impl Key {
    pub(crate) fn on(self, stage: &'static str) -> Self {
        Self { stage, ..self }
    }

    pub(crate) fn without_tls(self) -> Self {
        let protocol = Protocol::Rtmp;
        Self { protocol, ..self }
    }

    /// One of the two streams, with a participant of its own.
    pub(crate) fn leg(self, who: &'static str) -> Self {
        let part = IngestPart::Leg;
        Self { who, part, ..self }
    }

    /// What viewers see of the two.
    pub(crate) fn both(self) -> Self {
        let part = IngestPart::Virtual;
        Self { part, ..self }
    }

    /// The user is called so.
    pub(crate) fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    fn input(&self, connection: u64, fault: Option<ErrorCode>) -> Input {
        Input::Ingest {
            connection: ConnectionId(connection),
            grant: self.grant(),
            fault,
        }
    }

    fn grant(&self) -> Box<IngestGrant> {
        Box::new(IngestGrant {
            stage: arn(self.stage),
            configuration: configuration(self.configuration),
            participant: participant_id(self.who),
            user_id: user_id(self.who, self.name),
            attributes: BTreeMap::from([("name".to_owned(), user_id(self.who, self.name))]),
            protocol: self.protocol,
            part: self.part,
        })
    }
}

fn user_id(who: &str, name: &str) -> String {
    let name = if name.is_empty() { "user" } else { name };
    format!("{name} of {who}")
}

pub(crate) fn open() -> Act {
    Act::Open(&[])
}

pub(crate) fn join(connection: u64, token: Token) -> Act {
    Act::Join(connection, token)
}

pub(crate) fn publish(connection: u64, token: Token) -> Act {
    Act::Publish(connection, token, None)
}

pub(crate) fn faulty_publish(connection: u64, token: Token, fault: ErrorCode) -> Act {
    Act::Publish(connection, token, Some(fault))
}

pub(crate) fn subscribe(connection: u64, token: Token, publisher: &'static str) -> Act {
    Act::Subscribe(connection, token, publisher)
}

pub(crate) fn ingest(connection: u64, key: Key) -> Act {
    Act::Ingest(connection, key, None)
}

pub(crate) fn faulty_ingest(connection: u64, key: Key, fault: ErrorCode) -> Act {
    Act::Ingest(connection, key, Some(fault))
}

pub(crate) fn attached(configuration: &'static str, stage: &'static str) -> Act {
    Act::Attached(configuration, Some((stage, &[])))
}

pub(crate) fn attached_as_two(configuration: &'static str, stage: &'static str, legs: Legs) -> Act {
    Act::Attached(configuration, Some((stage, legs)))
}

pub(crate) fn detached(configuration: &'static str) -> Act {
    Act::Attached(configuration, None)
}

fn attach(name: &str, stage: Option<(&str, Legs)>) -> Input {
    Input::IngestDetached {
        configuration: configuration(name),
        unless: stage.map(|(name, legs)| Attachment {
            stage: arn(name),
            legs: legs.iter().map(|leg| participant_id(leg)).collect(),
        }),
    }
}

pub(crate) fn up(connection: u64) -> Act {
    Act::Up(connection)
}

pub(crate) fn mute(connection: u64, audio: bool, video: bool) -> Act {
    Act::Mute(connection, audio, video)
}

pub(crate) fn closed(connection: u64) -> Act {
    Act::Closed(connection, CloseCause::Client)
}

pub(crate) fn silent(connection: u64) -> Act {
    Act::Closed(connection, CloseCause::Timeout)
}

pub(crate) fn fault(connection: u64, code: ErrorCode) -> Act {
    Act::Closed(connection, CloseCause::Fault(code))
}

pub(crate) fn exchange(connection: u64, token: Token) -> Act {
    Act::Exchange(connection, token)
}

/// From, to, whom, and the window in seconds.
pub(crate) fn replicate(from: &str, to: &str, who: &str, window: u64) -> Act {
    replicate_with(from, to, who, window, &[])
}

/// The same, with what the replica has besides.
pub(crate) fn replicate_with(
    from: &str,
    to: &str,
    who: &str,
    window: u64,
    attributes: &[(&str, &str)],
) -> Act {
    let attributes = attributes.iter();
    Act::Tell(Box::new(Input::Replicate(Replicate {
        of: replication(from, to, who),
        window: Duration::from_secs(window),
        attributes: attributes
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    })))
}

fn replication(from: &str, to: &str, who: &str) -> ReplicationKey {
    ReplicationKey {
        source: arn(from),
        destination: arn(to),
        participant: participant_id(who),
    }
}

/// Whoever asked for that replication has its answer.
pub(crate) fn answered(from: &str, to: &str, who: &str) -> Act {
    Act::Tell(Box::new(Input::ReplicationAnswered(replication(
        from, to, who,
    ))))
}

pub(crate) fn stop(from: &str, to: &str, who: &str) -> Act {
    Act::Tell(Box::new(Input::StopReplication(replication(from, to, who))))
}

/// The API deletes that stage.
pub(crate) fn delete(stage: &str) -> Act {
    let stage = arn(stage);
    Act::Tell(Box::new(Input::StageDeleted { stage }))
}

/// The API bans somebody from that stage.
pub(crate) fn disconnect_from(stage: &str, who: &str) -> Act {
    Act::Tell(Box::new(Input::Disconnect {
        stage: arn(stage),
        participant: participant_id(who),
    }))
}

pub(crate) fn record_on(stage: &'static str, who: &'static str) -> Act {
    Act::RecordOn(stage, who)
}

pub(crate) fn after(seconds: u64) -> Act {
    Act::After(Duration::from_secs(seconds))
}

pub(crate) fn sleep(seconds: u64) -> Act {
    Act::Sleep(Duration::from_secs(seconds))
}

pub(crate) fn record(who: &'static str) -> Act {
    Act::Record(who)
}

/// `abroad` is in another region and `foreign` belongs to another account; all other stages are at home.
pub(crate) fn arn(stage: &str) -> StageArn {
    let home = match stage {
        "abroad" => "eu-west-1:123456789012",
        "foreign" => "us-west-2:210987654321",
        _ => "us-west-2:123456789012",
    };
    StageArn::parse(&format!("arn:aws:ivs:{home}:stage/{stage}")).expect("a name makes an ARN")
}

fn configuration(name: &str) -> IngestConfigurationArn {
    let text = format!("arn:aws:ivs:us-west-2:123456789012:ingest-configuration/{name}");
    IngestConfigurationArn::parse(&text).expect("a name makes an ARN")
}

pub(crate) fn participant_id(who: &str) -> ParticipantId {
    ParticipantId::parse(who).expect("a name is an id")
}

/// The time so many seconds after the start.
pub(crate) fn second(second: i64) -> Timestamp {
    Timestamp::from_second(START_SECOND + second).expect("tables stay within the calendar")
}

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
    machine: Stages,
    now: Now,
    sessions: Vec<SessionId>,
    participants: BTreeMap<(StageArn, ParticipantId), Participant>,
    replicas: BTreeMap<(SessionId, ParticipantId, StageArn), Replica>,
    sequences: BTreeMap<SessionId, u64>,
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

    fn words(&mut self, output: Output) -> Option<String> {
        Some(match output {
            Output::Record(Record::SessionStarted(session)) => {
                assert!(!self.sessions.contains(&session.id));
                assert_eq!((session.start, session.end), (self.now.wall, None));
                self.sessions.push(session.id.clone());
                format!("session {} starts", self.session(&session.id))
            }
            Output::Record(Record::SessionEnded { session, end, .. }) => {
                format!("session {} ends{}", self.session(&session), self.time(end))
            }
            Output::Record(Record::Participant(participant)) => {
                let key = (participant.stage.clone(), participant.id.clone());
                self.participants.insert(key, participant);
                return None;
            }
            Output::Record(Record::Event(event)) => self.event(&event),
            Output::Record(Record::Ingest {
                stage,
                configuration,
                active,
            }) => {
                let state = if active { "active" } else { "inactive" };
                format!("{} {state} on {}", configuration.id, stage.id)
            }
            Output::Record(Record::Replica(replica)) => {
                let key = (
                    replica.source_session.clone(),
                    replica.participant.clone(),
                    replica.destination_stage.clone(),
                );
                self.replicas.insert(key, replica);
                return None;
            }
            Output::Reply(Reply::Done) => return None,
            Output::Reply(Reply::Joined { session, roster }) => {
                format!("joined {} {}", self.session(&session), names(&roster))
            }
            Output::Reply(Reply::Admitted {
                session,
                publisher,
                source,
            }) => {
                let from = publisher.map_or_else(String::new, |publish| format!(" from {publish}"));
                let of = source.map_or_else(String::new, |stage| format!(" of {}", stage.id));
                format!("admitted {}{from}{of}", self.session(&session))
            }
            Output::Reply(Reply::Exchanged) => "exchanged".to_owned(),
            Output::Reply(Reply::Refused(refusal)) => format!("refused {refusal:?}"),
            Output::Close { connection, reason } => {
                format!("close {connection} {}", reason.as_str())
            }
            Output::Roster { to, roster } => {
                let to: Vec<String> = to.iter().map(ToString::to_string).collect();
                format!("roster {} to {}", names(&roster), to.join(" "))
            }
        })
    }

    /// Counted from 1; 0 for one of an earlier process.
    fn session(&self, id: &SessionId) -> usize {
        self.sessions
            .iter()
            .position(|known| known == id)
            .map_or(0, |at| at + 1)
    }

    fn event(&mut self, event: &Event) -> String {
        let last = self.sequences.entry(event.session.clone()).or_insert(0);
        if *last > 0 {
            assert_eq!(event.sequence, *last + 1, "sequences have no gaps");
        }
        *last = event.sequence;
        let replica = if event.replica { "replica " } else { "" };
        let mut words = match &event.remote {
            None => format!("{replica}{} {}", event.participant, event.name.as_str()),
            Some(remote) => {
                let name = event.name.as_str();
                format!("{} {name} {replica}{remote}", event.participant)
            }
        };
        if let Some((stage, session)) = &event.destination {
            words = format!("{words} {} {}", stage.id, self.session(session));
        }
        if let Some(code) = event.error {
            words = format!("{words} {}", code.as_str());
        }
        if let Some(exchange) = &event.exchange {
            let [previous, new] = [&exchange.previous, &exchange.new].map(token_words);
            words = format!("{words} {previous} for {new}");
        }
        words + &self.time(event.time)
    }

    fn time(&self, time: Timestamp) -> String {
        if time == self.now.wall {
            String::new()
        } else {
            format!(" at {}", time.as_second() - START_SECOND)
        }
    }

    /// All replications: who, from where to where, and whether it goes on.
    fn replica_words(&self) -> Vec<String> {
        let replicas = self.replicas.values();
        let words = replicas.map(|replica| {
            let from = self.session(&replica.source_session);
            let to = self.session(&replica.destination_session);
            let state = if replica.is_active {
                "goes on"
            } else {
                "is over"
            };
            format!(
                "{} {} {from} to {} {to} {state}",
                replica.participant, replica.source_stage.id, replica.destination_stage.id
            )
        });
        words.collect()
    }

    fn describe(&self, stage: &str, who: &str) -> String {
        let key = (arn(stage), participant_id(who));
        let Some(participant) = self.participants.get(&key) else {
            return "no record".to_owned();
        };
        let mut words = vec![
            participant.state.as_str().to_owned(),
            format!(
                "since {}",
                participant.first_join.as_second() - START_SECOND
            ),
        ];
        if participant.published {
            words.push("published".to_owned());
        }
        if participant.publishing {
            words.push("publishing".to_owned());
        }
        if participant.protocol != Protocol::Unknown {
            words.push(participant.protocol.as_str().to_owned());
        }
        if let Some(ingest) = &participant.ingest {
            let by = if ingest.redundant { "both of" } else { "by" };
            words.push(format!("{by} {}", ingest.configuration.id));
        }
        for (name, value) in [
            ("os", &participant.client.os_name),
            ("browser", &participant.client.browser_name),
        ] {
            if !value.is_empty() {
                words.push(format!("{name}={value}"));
            }
        }
        match &participant.replication {
            None => {}
            Some(Replication::Source { is_active: true }) => words.push("replicated".to_owned()),
            Some(Replication::Source { is_active: false }) => {
                words.push("was replicated".to_owned());
            }
            Some(Replication::Replica {
                is_active,
                source_stage,
                source_session,
            }) => {
                let verb = if *is_active { "" } else { "was " };
                let session = self.session(source_session);
                words.push(format!("{verb}replica of {} {session}", source_stage.id));
            }
        }
        words.join(" ") + &name_words(&participant.user_id)
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

/// What a user is called, where it is something else than `user`.
fn name_words(user_id: &str) -> String {
    // A record that a crash left has no name.
    let name = user_id.split_once(" of ").map_or("user", |(name, _)| name);
    if name == "user" {
        String::new()
    } else {
        format!(" as {name}")
    }
}

fn token_words(token: &ExchangedToken) -> String {
    assert_eq!(token.attributes["name"], token.user_id);
    let allows = match (token.capabilities.publish, token.capabilities.subscribe) {
        (true, true) => "both",
        (true, false) => "publish",
        (false, true) => "subscribe",
        (false, false) => "nothing",
    };
    let until = token.expires.as_second() - START_SECOND;
    format!("{allows} until {until}{}", name_words(&token.user_id))
}

fn names(roster: &Roster) -> String {
    let names: Vec<String> = roster
        .participants
        .iter()
        .map(|entry| {
            let name = name_words(&entry.user_id);
            let of = entry.source.as_ref();
            let of = of.map_or_else(String::new, |stage| format!(" of {}", stage.id));
            let attributes = entry.attributes.iter();
            let with = attributes
                .filter(|(name, value)| *name != "name" || **value != entry.user_id)
                .map(|(name, value)| format!(" with {name}={value}"));
            let with = with.collect::<String>();
            let muted = match entry.mute {
                Mute {
                    audio: false,
                    video: false,
                } => "",
                Mute {
                    audio: true,
                    video: false,
                } => " without audio",
                Mute {
                    audio: false,
                    video: true,
                } => " without video",
                Mute {
                    audio: true,
                    video: true,
                } => " without anything",
            };
            format!("{}{name}{of}{with}{muted}", entry.id)
        })
        .collect();
    let stage = if roster.stage == arn("first").id {
        String::new()
    } else {
        format!("{} ", roster.stage)
    };
    format!("{stage}[{}]", names.join(" "))
}
