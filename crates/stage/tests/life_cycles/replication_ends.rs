//! Replications: what ends them at once, and what a crash leaves of them.

use model::{
    ClientInfo, LiveParticipant, LiveSession, Participant, ParticipantState, Protocol, Replica,
    Replication, Session, SessionId,
};
use stage::LeftReason;

use crate::replications::{away, replicated, table};
use crate::steps::{
    Act, after, arn, check, closed, delete, disconnect_from, join, open, participant_id, publish,
    record, record_on, replicate, second, stop, subscribe, up, who,
};

#[test]
fn rp12_disconnecting_the_replica_ends_that_replication_and_bans_the_id_there() {
    table(
        replicated(60),
        [
            (
                subscribe(4, who("vic").on("second"), "ana"),
                "admitted 2 from c2 of first",
            ),
            (
                disconnect_from("second", "ana"),
                "ana REPLICATION_STOPPED second 2; replica ana PUBLISH_STOPPED; replica ana LEFT; \
                 close c4 unknown; roster second [] to c3",
            ),
            (
                record("ana"),
                "CONNECTED since 0 published publishing WHIP was replicated",
            ),
            // T30: neither by a token nor by the API.
            (
                join(5, who("ana").on("second")),
                "refused ParticipantDisconnected",
            ),
            (
                replicate("first", "second", "ana", 0),
                "refused Replication(Banned)",
            ),
        ],
    );
}

#[test]
fn rp12_a_replica_that_is_away_is_disconnected_too() {
    table(
        away(),
        [
            (
                disconnect_from("second", "ana"),
                "ana REPLICATION_STOPPED second 2",
            ),
            (publish(4, who("ana")), "admitted 1"),
            (up(4), "ana PUBLISH_STARTED; roster [ana] to c1"),
        ],
    );
}

#[test]
fn rp12_who_is_put_out_of_the_source_is_gone_everywhere_whatever_the_window() {
    table(
        replicated(60),
        [
            (
                Act::Disconnect("ana"),
                "ana REPLICATION_STOPPED second 2; ana PUBLISH_STOPPED; ana LEFT; \
                 replica ana PUBLISH_STOPPED; replica ana LEFT; \
                 close c2 participant-disconnected; close c1 participant-disconnected; \
                 roster second [] to c3",
            ),
            (
                replicate("first", "second", "ana", 0),
                "refused Replication(NotPublishing)",
            ),
        ],
    );
    for (reason, closes) in [
        (
            LeftReason::ConnectionTokenRevoked,
            "close c2 real-time-connection-token-revocation; \
             close c1 real-time-connection-token-revocation",
        ),
        (
            LeftReason::FailedExchange,
            "close c2 failed-exchange; close c1 failed-exchange",
        ),
    ] {
        let expected = format!(
            "ana REPLICATION_STOPPED second 2; ana PUBLISH_STOPPED; ana LEFT; \
             replica ana PUBLISH_STOPPED; replica ana LEFT; {closes}; roster second [] to c3"
        );
        table(
            replicated(60),
            [(Act::PutOut(1, reason), expected.leak() as &'static str)],
        );
    }
    // Also while it is away, with a socket or without.
    table(
        away(),
        [(
            Act::Disconnect("ana"),
            "ana REPLICATION_STOPPED second 2; ana LEFT; close c1 participant-disconnected",
        )],
    );
    table(
        away(),
        [
            (closed(1), "ana LEFT"),
            (Act::Disconnect("ana"), "ana REPLICATION_STOPPED second 2"),
        ],
    );
}

#[test]
fn a_stop_is_at_once_and_a_second_one_is_no_error() {
    table(
        away(),
        [
            (
                stop("first", "second", "vic"),
                "refused Replication(NeverReplicated)",
            ),
            (
                stop("second", "first", "ana"),
                "refused Replication(NeverReplicated)",
            ),
            (
                stop("third", "second", "ana"),
                "refused Replication(SourceNotFound)",
            ),
            (
                stop("first", "third", "ana"),
                "refused Replication(DestinationNotFound)",
            ),
            (
                stop("first", "second", "ana"),
                "ana REPLICATION_STOPPED second 2",
            ),
            (stop("first", "second", "ana"), ""),
            (stop("first", "second", "ana"), ""),
            (publish(4, who("ana")), "admitted 1"),
            (up(4), "ana PUBLISH_STARTED; roster [ana] to c1"),
        ],
    );
}

#[test]
fn t16_a_deleted_source_takes_its_replicas_along() {
    table(
        replicated(60),
        [
            (
                subscribe(4, who("vic").on("second"), "ana"),
                "admitted 2 from c2 of first",
            ),
            (up(4), "vic SUBSCRIBE_STARTED replica ana"),
            (
                Act::Delete,
                "ana REPLICATION_STOPPED second 2; replica ana PUBLISH_STOPPED; \
                 vic SUBSCRIBE_STOPPED replica ana; replica ana LEFT; ana PUBLISH_STOPPED; ana LEFT; \
                 session 1 ends; close c4 unknown; close c2 stage-deleted; close c1 stage-deleted; \
                 roster second [] to c3",
            ),
            (after(3_600), ""),
        ],
    );
    table(
        away(),
        [(
            Act::Delete,
            "ana REPLICATION_STOPPED second 2; ana LEFT; session 1 ends; close c1 stage-deleted",
        )],
    );
}

#[test]
fn t16_a_deleted_destination_takes_its_replicas_along_and_leaves_their_source() {
    table(
        replicated(60),
        [
            (
                subscribe(4, who("vic").on("second"), "ana"),
                "admitted 2 from c2 of first",
            ),
            (
                delete("second"),
                "ana REPLICATION_STOPPED second 2; replica ana PUBLISH_STOPPED; replica ana LEFT; \
                 vic LEFT; session 2 ends; close c4 stage-deleted; close c3 stage-deleted",
            ),
            (
                record("ana"),
                "CONNECTED since 0 published publishing WHIP was replicated",
            ),
            (closed(2), "ana PUBLISH_STOPPED; roster [] to c1"),
        ],
    );
    table(
        away(),
        [(
            delete("second"),
            "ana REPLICATION_STOPPED second 2; vic LEFT; session 2 ends; close c3 stage-deleted",
        )],
    );
    let gone = "ana REPLICATION_STOPPED second 2; replica ana PUBLISH_STOPPED; replica ana LEFT; \
         ana PUBLISH_STOPPED; ana LEFT; session 1 ends; vic LEFT; session 2 ends; ";
    for (act, reason) in [
        (Act::DeleteAll, "stage-deleted"),
        (Act::Shutdown, "unknown"),
    ] {
        let closes = format!("{gone}close c2 {reason}; close c1 {reason}; close c3 {reason}");
        table(replicated(60), [(act, closes.leak() as &'static str)]);
    }
}

/// What a crash left of a replication of Ana's from the first stage to the second, which Vic receives; Ben is away.
fn left(stage: &str) -> Act {
    let session =
        |name: &str| SessionId::parse(&format!("st-{name:0<13}")).expect("it has the shape");
    let (here, there) = (session("1"), session("2"));
    let own = if stage == "first" { &here } else { &there };
    let person = |who: &str, state, replication: Option<Replication>| {
        let is_there = state == ParticipantState::Connected && replication.is_some();
        Participant {
            stage: arn(stage),
            session: own.clone(),
            id: participant_id(who),
            user_id: String::new(),
            attributes: std::collections::BTreeMap::new(),
            state,
            first_join: second(-600),
            published: replication.is_some(),
            publishing: is_there,
            protocol: Protocol::Whip,
            ingest: None,
            client: ClientInfo::default(),
            replication,
        }
    };
    let replica = |who: &str| Replica {
        source_stage: arn("first"),
        source_session: here.clone(),
        participant: participant_id(who),
        destination_stage: arn("second"),
        destination_session: there.clone(),
        is_active: true,
    };
    let (replication, replicas) = if stage == "first" {
        let replicas = vec![replica("ana"), replica("ben")];
        (Replication::Source { is_active: true }, replicas)
    } else {
        let replication = Replication::Replica {
            is_active: true,
            source_stage: arn("first"),
            source_session: here.clone(),
        };
        (replication, Vec::new())
    };
    let ana = person(
        "ana",
        ParticipantState::Connected,
        Some(replication.clone()),
    );
    let ben = person("ben", ParticipantState::Disconnected, Some(replication));
    let mut connected = vec![LiveParticipant {
        participant: ana,
        subscribed: Vec::new(),
    }];
    if stage == "second" {
        connected.push(LiveParticipant {
            participant: person("vic", ParticipantState::Connected, None),
            subscribed: vec![participant_id("ana")],
        });
    }
    Act::Restore(Box::new(LiveSession {
        session: Session {
            stage: arn(stage),
            id: own.clone(),
            start: second(-600),
            end: None,
        },
        connected,
        away: vec![ben],
        replicas,
        last_sequence: 41,
        last_seen: second(-60),
    }))
}

#[test]
fn what_a_crash_left_of_replications_is_closed_on_both_sides() {
    check(&[
        (open(), ""),
        (Act::OpenOther("second"), ""),
        (
            left("first"),
            "ana PUBLISH_STOPPED at -60; ana REPLICATION_STOPPED second 0 at -60; ana LEFT at -60; \
             ben REPLICATION_STOPPED second 0 at -60; session 0 ends at -60",
        ),
        (
            left("second"),
            "replica ana PUBLISH_STOPPED at -60; replica ana LEFT at -60; \
             vic SUBSCRIBE_STOPPED replica ana at -60; vic LEFT at -60; session 0 ends at -60",
        ),
        (
            Act::Replicas,
            "ana first 0 to second 0 is over; ben first 0 to second 0 is over",
        ),
        (
            record("ana"),
            "DISCONNECTED since -600 published WHIP was replicated",
        ),
        (
            record("ben"),
            "DISCONNECTED since -600 published WHIP was replicated",
        ),
        (
            record_on("second", "ana"),
            "DISCONNECTED since -600 published WHIP was replica of first 0",
        ),
        (
            record_on("second", "ben"),
            "DISCONNECTED since -600 published WHIP was replica of first 0",
        ),
        // Nothing comes back by itself.
        (
            publish(1, who("ana")),
            "session 1 starts; ana JOINED; admitted 1",
        ),
        (up(1), "ana PUBLISH_STARTED"),
        (
            stop("first", "second", "ana"),
            "refused Replication(NeverReplicated)",
        ),
    ]);
}
