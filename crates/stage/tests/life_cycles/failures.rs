//! What the world does to the process: crashes, and clocks that step.

use std::collections::BTreeMap;

use model::{
    ClientInfo, LiveParticipant, LiveSession, Participant, ParticipantState, Protocol, Session,
    SessionId,
};

use crate::steps::{
    Act, after, arn, check, closed, join, open, participant_id, publish, record, second, subscribe,
    up, who,
};

/// A participant that was connected at the crash: who, whether it published, whom it received.
type Left<'a> = (&'a str, bool, &'a [&'a str]);

/// What a crash left: times in seconds since the start of the table.
fn left(start: i64, last_seen: i64, connected: &[Left<'_>]) -> Act {
    let stage = arn("first");
    let id = SessionId::parse("st-beforeTheCras").expect("it has the shape");
    let connected = connected
        .iter()
        .map(|(who, publishing, subscribed)| LiveParticipant {
            participant: Participant {
                stage: stage.clone(),
                session: id.clone(),
                id: participant_id(who),
                user_id: String::new(),
                attributes: BTreeMap::new(),
                state: ParticipantState::Connected,
                first_join: second(start),
                published: *publishing,
                publishing: *publishing,
                protocol: Protocol::Unknown,
                ingest: None,
                client: ClientInfo::default(),
                replication: None,
            },
            subscribed: subscribed.iter().map(|who| participant_id(who)).collect(),
        })
        .collect();
    Act::Restore(Box::new(LiveSession {
        session: Session {
            stage,
            id,
            start: second(start),
            end: None,
        },
        connected,
        away: Vec::new(),
        replicas: Vec::new(),
        last_sequence: 41,
        last_seen: second(last_seen),
    }))
}

#[test]
fn what_a_crash_left_open_is_closed_at_the_last_sign_of_life() {
    check(&[
        (open(), ""),
        (
            left(
                -600,
                -60,
                &[
                    ("ana", true, &["ben"]),
                    ("ben", true, &["ana", "ana"]),
                    ("cleo", false, &[]),
                ],
            ),
            "ana PUBLISH_STOPPED at -60; ana SUBSCRIBE_STOPPED ben at -60; ana LEFT at -60; \
             ben PUBLISH_STOPPED at -60; ben SUBSCRIBE_STOPPED ana at -60; ben LEFT at -60; \
             cleo LEFT at -60; session 0 ends at -60",
        ),
        (record("ana"), "DISCONNECTED since -600 published"),
        (record("cleo"), "DISCONNECTED since -600"),
        (
            join(1, who("ana")),
            "session 1 starts; ana JOINED; joined 1 []",
        ),
    ]);
}

#[test]
fn a_session_without_anybody_in_it_is_closed_too() {
    check(&[
        (open(), ""),
        (left(-600, -60, &[]), "session 0 ends at -60"),
        (after(86_400), ""),
    ]);
}

#[test]
fn a_crash_is_never_dated_before_the_session() {
    check(&[
        (open(), ""),
        (
            left(-60, -600, &[("ana", false, &[])]),
            "ana LEFT at -60; session 0 ends at -60",
        ),
    ]);
}

#[test]
fn sequences_go_on_where_the_crash_cut_them() {
    let mut machine = stage::Stages::new(stage::Settings::default(), [1; 32]);
    let Act::Restore(left) = left(-600, -60, &[("ana", true, &[])]) else {
        unreachable!("it is a restore");
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "an Instant can only be made by reading the clock"
    )]
    let mono = std::time::Instant::now();
    let now = model::Now {
        mono,
        wall: second(0),
    };
    machine.handle(stage::Input::Restored(*left), now);
    let sequences: Vec<u64> = std::iter::from_fn(|| machine.poll_output())
        .filter_map(|output| match output {
            stage::Output::Record(model::Record::Event(event)) => Some(event.sequence),
            stage::Output::Record(_)
            | stage::Output::Reply(_)
            | stage::Output::Close { .. }
            | stage::Output::Roster { .. } => None,
        })
        .collect();
    assert_eq!(sequences, [42, 43]);
}

#[test]
fn t34_a_wall_clock_that_steps_back_never_turns_events_around() {
    check(&[
        (open(), ""),
        (
            join(1, who("ana")),
            "session 1 starts; ana JOINED; joined 1 []",
        ),
        (after(60), ""),
        (publish(2, who("ana")), "admitted 1"),
        (up(2), "ana PUBLISH_STARTED; roster [ana] to c1"),
        (Act::Step(-86_400), ""),
        (after(10), ""),
        (
            subscribe(3, who("ben"), "ana"),
            "ben JOINED at 60; admitted 1 from c2",
        ),
        (record("ben"), "CONNECTED since 60"),
        (
            closed(2),
            "ana PUBLISH_STOPPED at 60; ben LEFT at 60; close c3 unknown; roster [] to c1",
        ),
        (closed(1), "ana LEFT at 60"),
        (after(180), "session 1 ends at 60"),
        // The next session takes the clock as it is.
        (
            join(4, who("ana")),
            "session 2 starts; ana JOINED; joined 2 []",
        ),
    ]);
}

#[test]
fn t34_a_wall_clock_that_steps_ends_no_stream_and_no_session() {
    for step in [86_400 * 365, -86_400 * 365] {
        check(&[
            (open(), ""),
            (
                publish(1, who("ana")),
                "session 1 starts; ana JOINED; admitted 1",
            ),
            (up(1), "ana PUBLISH_STARTED"),
            (closed(1), "ana PUBLISH_STOPPED; ana LEFT"),
            (Act::Step(step), ""),
            (after(179), ""),
            (Act::Step(-step), ""),
            (after(1), "session 1 ends"),
        ]);
    }
}

#[test]
fn t34_a_wall_clock_that_steps_forward_expires_tokens_but_disconnects_nobody() {
    let ana = || who("ana").expires(43_200);
    check(&[
        (open(), ""),
        (join(1, ana()), "session 1 starts; ana JOINED; joined 1 []"),
        (Act::Step(86_400), ""),
        (after(60), ""),
        (publish(2, ana()), "admitted 1"),
        (join(3, who("ben").expires(43_200)), "refused TokenExpired"),
    ]);
}
