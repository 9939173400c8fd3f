//! How the tables are run: acts by short names. What the machine wants done about them is told in `words`.

mod holders;
mod run;
mod words;

use std::time::Duration;

use jiff::Timestamp;
use model::{ErrorCode, IngestConfigurationArn, LiveSession, ParticipantId, StageArn};
use stage::{Attachment, CloseCause, Input, LeftReason, Replicate, ReplicationKey};

pub(crate) use holders::{Key, Token, key, who};
pub(crate) use run::{Run, check, check_with};

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
