//! Random lives of small stages, each step compared with the reference.
//!
//! The lives are the same at every run. `SIM_SEED=<number>` takes others and `SIM_CASES=<number>` more of them; a failure
//! prints the seed that replays it and the shortest acts that still fail.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use model::{ErrorCode, IngestPart};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use sim::{Act, Door, Key, Start, Stop, Token, World};
use stage::{CloseCause, ExchangeFault, LeftReason, Mute, Refusal, ReplicationFault, Settings};

/// Limits so small that random acts run into each of them.
fn narrow() -> Settings {
    Settings {
        session_grace: Duration::from_secs(5),
        stream_duration_max: Duration::from_secs(30),
        publishers_per_stage_max: 2,
        subscribers_per_stage_max: 2,
        publishers_per_region_max: 3,
        subscriptions_per_region_max: 3,
        setup_timeout: Duration::from_secs(4),
        ..Settings::default()
    }
}

/// Room on every stage, and little of it in a region: who is over a quota here is over one of the region's.
fn narrow_regions() -> Settings {
    Settings {
        publishers_per_region_max: 3,
        subscriptions_per_region_max: 2,
        setup_timeout: Duration::from_secs(4),
        ..wide()
    }
}

/// Limits that replications run into.
fn narrow_replications() -> Settings {
    Settings {
        publishers_per_stage_max: 3,
        publishers_per_region_max: 6,
        replicas_per_participant_max: 1,
        ..narrow()
    }
}

/// Limits that random acts seldom reach.
fn wide() -> Settings {
    Settings::default()
}

/// The first stage is where most of it happens.
fn mostly_one() -> BoxedStrategy<u8> {
    prop_oneof![20 => Just(0), 2 => Just(1), 1 => 2..4_u8].boxed()
}

/// It happens on those stages that can be replicated to each other.
fn mostly_at_home() -> BoxedStrategy<u8> {
    prop_oneof![8 => Just(0), 8 => Just(1), 4 => Just(4), 1 => 2..4_u8].boxed()
}

fn token(stage: BoxedStrategy<u8>) -> impl Strategy<Value = Token> {
    let flag = || prop::bool::weighted(0.9);
    let expires_in = prop_oneof![8 => Just(3_600), 1 => Just(0), 1 => -100_000_i64..10];
    let said = (0..3_u8, 0..3_u8, 0..3_u8, any::<bool>());
    (stage, 0..5_u8, flag(), flag(), expires_in, said).prop_map(
        |(stage, who, publish, subscribe, expires_in, (name, os, sdk, signed))| Token {
            stage,
            who,
            publish,
            subscribe,
            expires_in,
            name,
            signed,
            os,
            sdk,
        },
    )
}

fn error() -> impl Strategy<Value = ErrorCode> {
    prop::sample::select(ErrorCode::ALL)
}

fn door() -> impl Strategy<Value = Door> {
    prop_oneof![
        3 => Just(Door::Socket),
        4 => prop::option::weighted(0.15, error()).prop_map(Door::Publish),
        5 => (0..9_u8).prop_map(Door::Subscribe),
    ]
}

fn key(stage: BoxedStrategy<u8>) -> impl Strategy<Value = Key> {
    let part = prop_oneof![
        3 => Just(IngestPart::Whole),
        4 => Just(IngestPart::Leg),
        2 => Just(IngestPart::Virtual),
    ];
    let fault = prop::option::weighted(0.1, error());
    (
        stage,
        part,
        (0..2_u8, 0..2_u8, 0..3_u8),
        any::<bool>(),
        fault,
    )
        .prop_map(
            |(stage, part, (configuration, leg, name), tls, fault)| Key {
                configuration,
                stage,
                part,
                leg,
                tls,
                name,
                fault,
            },
        )
}

/// One stream, two, or two of which a door knows one.
fn legs() -> impl Strategy<Value = u8> {
    prop_oneof![3 => Just(0_u8), 2 => Just(3_u8), 1 => 1..3_u8]
}

fn cause() -> impl Strategy<Value = CloseCause> {
    prop_oneof![
        2 => Just(CloseCause::Client),
        1 => Just(CloseCause::Timeout),
        2 => error().prop_map(CloseCause::Fault),
        1 => Just(CloseCause::Fault(ErrorCode::InternalServerException)),
    ]
}

fn act(stage: fn() -> BoxedStrategy<u8>) -> BoxedStrategy<Act> {
    let open = || prop::bool::weighted(0.9);
    let millis = |most: u64| (0..most).prop_map(Duration::from_millis);
    prop_oneof![
        4 => (0..5_u8).prop_map(Act::Open),
        40 => (token(stage()), door()).prop_map(|(token, door)| Act::Knock(token, door)),
        40 => (any::<u16>(), open()).prop_map(|(pick, open)| Act::Up { pick, open }),
        14 => key(stage()).prop_map(Act::Ingest),
        2 => (0..2_u8, prop::option::weighted(0.7, (0..2_u8, legs())))
            .prop_map(|(configuration, stage)| Act::Attach(configuration, stage)),
        5 => (any::<u16>(), open(), any::<(bool, bool)>()).prop_map(|(pick, open, (audio, video))| Act::Mute {
            pick,
            open,
            mute: Mute { audio, video },
        }),
        12 => (any::<u16>(), open(), token(stage()), prop::bool::weighted(0.9)).prop_map(|(pick, open, token, own)| Act::Exchange {
            pick,
            open,
            token,
            own,
        }),
        1 => (any::<u16>(), open()).prop_map(|(pick, open)| Act::PutOut {
            pick,
            open,
            reason: LeftReason::FailedExchange,
        }),
        10 => (any::<u16>(), open(), cause())
            .prop_map(|(pick, open, cause)| Act::Closed { pick, open, cause }),
        10 => millis(2_000).prop_map(Act::Pass),
        3 => millis(10_000).prop_map(Act::Pass),
        3 => millis(20_000).prop_map(Act::Sleep),
        2 => (-100_000_i64..100_000).prop_map(Act::Step),
        2 => (stage(), 0..9_u8).prop_map(|(stage, who)| Act::Disconnect(stage, who)),
        1 => prop_oneof![5 => (0..5_u8).prop_map(Act::Delete), 1 => Just(Act::DeleteAll)],
        2 => Just(Act::Crash),
        1 => Just(Act::Shutdown),
    ]
    .boxed()
}

/// Starts and stops of replications among all else.
fn replicating_act() -> BoxedStrategy<Act> {
    let pick = || prop::option::weighted(0.8, any::<u16>());
    let window = prop_oneof![2 => Just(0), 5 => 1_000..12_000_u64];
    let start = (
        pick(),
        mostly_at_home(),
        mostly_at_home(),
        0..9_u8,
        window,
        0..3_u8,
        any::<bool>(),
    );
    let stop = (pick(), mostly_at_home(), mostly_at_home(), 0..9_u8);
    prop_oneof![
        60 => act(mostly_at_home),
        14 => start.prop_map(|(pick, from, to, who, window, name, is_answered)| Act::Replicate(Start {
            pick,
            from,
            to,
            who,
            window: Duration::from_millis(window),
            name,
            is_answered,
        })),
        4 => any::<u16>().prop_map(Act::ReplicateAgain),
        3 => stop
            .prop_map(|(pick, from, to, who)| Act::StopReplication(Stop { pick, from, to, who })),
    ]
    .boxed()
}

/// Lives one life; what kinds of outputs there were in it.
fn live(settings: Settings, stages: &[u8], acts: &[Act]) -> BTreeSet<String> {
    #[expect(
        clippy::disallowed_methods,
        reason = "an Instant can only be made by reading the clock; a world counts from it and never reads another"
    )]
    let mut world = World::new(settings, Instant::now());
    for stage in stages {
        world.act(Act::Open(*stage));
    }
    for act in acts {
        world.act(*act);
    }
    // The world ends in peace: everybody goes, and every session ends.
    world.act(Act::Shutdown);
    world.act(Act::Pass(Duration::from_hours(48)));
    world.act(Act::Crash);
    world.seen().clone()
}

fn number(name: &str, default: u64) -> u64 {
    let given = std::env::var(name).ok();
    given.map_or(default, |text| text.parse().expect("it is a number"))
}

/// Lives random lives on one stage for the most part; what kinds of outputs there were in all of them.
fn check(settings: fn() -> Settings, cases: u32) -> BTreeSet<String> {
    check_acts(settings, &[0], &act(mostly_one), cases)
}

/// The same on some stages, of such acts.
fn check_acts(
    settings: fn() -> Settings,
    stages: &[u8],
    act: &BoxedStrategy<Act>,
    cases: u32,
) -> BTreeSet<String> {
    let seed = number("SIM_SEED", 1);
    let cases = number("SIM_CASES", cases.into());
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config {
        cases: u32::try_from(cases).expect("so many take for ever"),
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let outputs = RefCell::new(BTreeSet::new());
    let outcome = runner.run(&prop::collection::vec(act.clone(), 1..200), |acts| {
        let lived = std::panic::catch_unwind(|| live(settings(), stages, &acts));
        outputs.borrow_mut().extend(lived.map_err(|panic| {
            let message = panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
            TestCaseError::fail(message.unwrap_or_default())
        })?);
        Ok(())
    });
    match outcome {
        Ok(()) => outputs.into_inner(),
        Err(TestError::Fail(why, acts)) => panic!(
            "SIM_SEED={seed} SIM_CASES={cases} replays this:\n{why}\nThe shortest acts that fail: {acts:#?}"
        ),
        Err(TestError::Abort(why)) => panic!("no acts could be made: {why}"),
    }
}

#[test]
fn lives_within_narrow_limits_are_as_the_reference_says() {
    let seen = check(narrow, 1_500);
    // Lives in which nothing happens prove nothing.
    let expected = [
        "start",
        "end",
        "roster",
        "JOINED",
        "LEFT",
        "PUBLISH_STARTED",
        "PUBLISH_STOPPED",
        "SUBSCRIBE_STARTED",
        "SUBSCRIBE_STOPPED",
        "JOIN_ERROR QUOTA_EXCEEDED",
        "PUBLISH_ERROR INSUFFICIENT_CAPABILITIES",
        "PUBLISH_ERROR QUOTA_EXCEEDED",
        "PUBLISH_ERROR STREAM_DURATION_EXCEEDED",
        "PUBLISH_ERROR BITRATE_EXCEEDED",
        "SUBSCRIBE_ERROR INSUFFICIENT_CAPABILITIES",
        "SUBSCRIBE_ERROR QUOTA_EXCEEDED",
        "SUBSCRIBE_ERROR PUBLISHER_NOT_FOUND",
        "SUBSCRIBE_ERROR INTERNAL_SERVER_EXCEPTION",
        "PUBLISH_ERROR INVALID_PROTOCOL",
        "PUBLISH_ERROR REUSE_OF_STREAM_KEY",
        "close unknown",
        "close token-reused",
        "close participant-disconnected",
        "close stage-deleted",
        "close failed-exchange",
        "TOKEN_EXCHANGED",
    ];
    let refusals = [
        Refusal::StageNotFound,
        Refusal::TokenExpired,
        Refusal::ParticipantDisconnected,
        Refusal::InsufficientCapabilities,
        Refusal::QuotaExceeded,
        Refusal::Offer(ErrorCode::InvalidVideoCodec),
        Refusal::PublisherNotFound,
        Refusal::PublisherNotPublishing {
            retry_after: Duration::ZERO,
        },
        Refusal::SelfSubscribe,
        Refusal::StreamKeyInUse,
        Refusal::IngestDetached,
        Refusal::ShuttingDown,
        Refusal::Exchange(ExchangeFault::NotJoined),
        Refusal::Exchange(ExchangeFault::NotSelfSigned),
        Refusal::Exchange(ExchangeFault::OtherStage),
        Refusal::Exchange(ExchangeFault::OtherParticipant),
    ];
    let refused = refusals.map(|refusal| format!("refused: {refusal}"));
    let expected = expected.map(str::to_owned).into_iter().chain(refused);
    let missing: Vec<String> = expected.filter(|word| !seen.contains(word)).collect();
    assert!(missing.is_empty(), "no life had {missing:?}");
}

#[test]
fn lives_within_wide_limits_are_as_the_reference_says() {
    check(wide, 500);
}

#[test]
fn lives_within_narrow_regions_are_as_the_reference_says() {
    let seen = check(narrow_regions, 2_000);
    for expected in [
        "PUBLISH_ERROR QUOTA_EXCEEDED",
        "SUBSCRIBE_ERROR QUOTA_EXCEEDED",
    ] {
        assert!(seen.contains(expected), "no life had {expected}");
    }
}

/// Lives of replications under such limits have all of that.
fn check_replications(settings: fn() -> Settings, cases: u32, expected: &[&str]) {
    let seen = check_acts(settings, &[0, 1, 4], &replicating_act(), cases);
    let always = [
        "REPLICATION_STARTED",
        "REPLICATION_STOPPED",
        "replica JOINED",
        "replica LEFT",
        "replica PUBLISH_STARTED",
        "replica PUBLISH_STOPPED",
        "replica SUBSCRIBE_STARTED",
        "replica SUBSCRIBE_STOPPED",
    ];
    let faults = [
        ReplicationFault::SourceNotFound,
        ReplicationFault::DestinationNotFound,
        ReplicationFault::SameStage,
        ReplicationFault::ParticipantNotFound,
        ReplicationFault::NotPublishing,
        ReplicationFault::IsReplica,
        ReplicationFault::AlreadyReplicated,
        ReplicationFault::Present,
        ReplicationFault::Banned,
        ReplicationFault::NeverReplicated,
    ];
    let refused = faults.map(|fault| format!("refused: {fault}"));
    let replica_present = format!("refused: {}", Refusal::ReplicaPresent);
    let expected = always.iter().chain(expected).map(|word| (*word).to_owned());
    let expected = expected.chain(refused).chain([replica_present]);
    let missing: Vec<String> = expected.filter(|word| !seen.contains(word)).collect();
    assert!(missing.is_empty(), "no life had {missing:?}");
}

#[test]
fn lives_with_replications_are_as_the_reference_says() {
    check_replications(wide, 700, &[]);
}

#[test]
fn lives_with_replications_within_narrow_limits_are_as_the_reference_says() {
    let full = format!("refused: {}", ReplicationFault::DestinationFull);
    let many = format!("refused: {}", ReplicationFault::TooManyReplicas);
    check_replications(narrow_replications, 1_200, &[&full, &many]);
}
