//! Replications: who may not be replicated, and what a replica takes away from others.

use stage::Settings;

use crate::replications::{away, replicated, table, two_stages};
use crate::steps::{
    Act, after, answered, check_with, closed, join, publish, record, record_on, replicate,
    replicate_with, stop, subscribe, up, who,
};

#[test]
fn a_start_that_cannot_be_is_refused_by_name_and_changes_nothing() {
    table(
        replicated(60),
        [
            (
                replicate("first", "first", "ana", 0),
                "refused Replication(SameStage)",
            ),
            (
                replicate("third", "second", "ana", 0),
                "refused Replication(SourceNotFound)",
            ),
            (
                replicate("first", "third", "ana", 0),
                "refused Replication(DestinationNotFound)",
            ),
            (Act::OpenOther("third"), ""),
            (
                replicate("first", "third", "nobody", 0),
                "refused Replication(ParticipantNotFound)",
            ),
            // The source has no session.
            (
                replicate("third", "second", "ana", 0),
                "refused Replication(ParticipantNotFound)",
            ),
            (
                replicate("first", "second", "ana", 0),
                "refused Replication(AlreadyReplicated)",
            ),
            (answered("first", "second", "ana"), ""),
            (
                replicate("first", "second", "ana", 60),
                "refused Replication(AlreadyReplicated)",
            ),
            (
                replicate("second", "third", "vic", 0),
                "refused Replication(NotPublishing)",
            ),
            // Its media is not up.
            (publish(4, who("vic").on("second")), "admitted 2"),
            (
                replicate("second", "third", "vic", 0),
                "refused Replication(NotPublishing)",
            ),
            (
                closed(2),
                "ana PUBLISH_STOPPED; replica ana PUBLISH_STOPPED; replica ana LEFT; \
                 roster [] to c1; roster second [] to c3",
            ),
            (
                replicate("first", "second", "ana", 0),
                "refused Replication(AlreadyReplicated)",
            ),
            (
                replicate("first", "third", "ana", 0),
                "refused Replication(NotPublishing)",
            ),
            (
                Act::Shutdown,
                "ana REPLICATION_STOPPED second 2; ana LEFT; session 1 ends; vic LEFT; \
                 session 2 ends; close c1 unknown; close c4 unknown; close c3 unknown",
            ),
            (
                replicate("first", "second", "ana", 0),
                "refused ShuttingDown",
            ),
            (stop("first", "second", "ana"), "refused ShuttingDown"),
        ],
    );
}

#[test]
fn a_start_that_nobody_has_been_told_of_is_the_same_when_it_is_repeated() {
    let runs = [
        "ana first 1 to second 2 goes on",
        "ana first 1 to second 2 is over",
    ];
    table(
        replicated(60),
        [
            (replicate("first", "second", "ana", 60), ""),
            (Act::Replicas, runs[0]),
            // What is not the same is another one.
            (
                replicate("first", "second", "ana", 61),
                "refused Replication(AlreadyReplicated)",
            ),
            (
                replicate_with("first", "second", "ana", 60, &[("team", "red")]),
                "refused Replication(AlreadyReplicated)",
            ),
            // Away, it goes on too.
            (
                closed(2),
                "ana PUBLISH_STOPPED; replica ana PUBLISH_STOPPED; replica ana LEFT; roster [] to c1; \
                 roster second [] to c3",
            ),
            (replicate("first", "second", "ana", 60), ""),
            (answered("first", "second", "ana"), ""),
            (
                replicate("first", "second", "ana", 60),
                "refused Replication(AlreadyReplicated)",
            ),
            (
                stop("first", "second", "ana"),
                "ana REPLICATION_STOPPED second 2",
            ),
            (Act::Replicas, runs[1]),
            (stop("first", "second", "ana"), ""),
            (Act::Replicas, runs[1]),
            // What was answered is over: this is another one.
            (publish(5, who("ana").signed()), "admitted 1"),
            (up(5), "ana PUBLISH_STARTED; roster [ana] to c1"),
            (
                replicate("first", "second", "ana", 0),
                "ana REPLICATION_STARTED second 2; replica ana JOINED; replica ana PUBLISH_STARTED; \
                 roster second [ana of first] to c3",
            ),
            (replicate("first", "second", "ana", 0), ""),
        ],
    );
}

#[test]
fn what_is_repeated_is_recorded_once_more_as_it_stands() {
    table(
        replicated(0),
        [
            (Act::Lose, ""),
            (replicate("first", "second", "ana", 0), ""),
            (Act::Replicas, "ana first 1 to second 2 goes on"),
            (
                record("ana"),
                "CONNECTED since 0 published publishing WHIP replicated",
            ),
            (
                record_on("second", "ana"),
                "CONNECTED since 0 published publishing WHIP replica of first 1",
            ),
            (
                stop("first", "second", "ana"),
                "ana REPLICATION_STOPPED second 2; replica ana PUBLISH_STOPPED; replica ana LEFT; \
                 roster second [] to c3",
            ),
            (Act::Lose, ""),
            (stop("first", "second", "ana"), ""),
            (Act::Replicas, "ana first 1 to second 2 is over"),
            (
                record("ana"),
                "CONNECTED since 0 published publishing WHIP was replicated",
            ),
            (
                record_on("second", "ana"),
                "DISCONNECTED since 0 published WHIP was replica of first 1",
            ),
        ],
    );
}

#[test]
fn t12_a_stage_of_another_account_or_region_is_as_one_that_does_not_exist() {
    table(
        two_stages(),
        [
            (Act::OpenOther("abroad"), ""),
            (Act::OpenOther("foreign"), ""),
            (
                replicate("first", "abroad", "ana", 0),
                "refused Replication(DestinationNotFound)",
            ),
            (
                replicate("first", "foreign", "ana", 0),
                "refused Replication(DestinationNotFound)",
            ),
            (
                replicate("foreign", "first", "ana", 0),
                "refused Replication(DestinationNotFound)",
            ),
            (
                stop("first", "foreign", "ana"),
                "refused Replication(DestinationNotFound)",
            ),
        ],
    );
}

#[test]
fn t29_who_may_not_publish_is_not_replicated_and_a_replica_is_nobodys_to_use() {
    table(
        replicated(60),
        [
            (
                join(4, who("ben").only_subscribes()),
                "ben JOINED; joined 1 [ana]",
            ),
            (
                publish(5, who("ben").only_subscribes()),
                "ben PUBLISH_ERROR INSUFFICIENT_CAPABILITIES; refused InsufficientCapabilities",
            ),
            (
                replicate("first", "second", "ben", 0),
                "refused Replication(NotPublishing)",
            ),
            (join(6, who("ana").on("second")), "refused ReplicaPresent"),
        ],
    );
}

#[test]
fn rp6_a_participant_is_replicated_five_times_at_once() {
    table(
        replicated(60),
        [
            (Act::OpenOther("b"), ""),
            (Act::OpenOther("c"), ""),
            (Act::OpenOther("d"), ""),
            (Act::OpenOther("e"), ""),
            (Act::OpenOther("f"), ""),
            (
                replicate("first", "b", "ana", 0),
                "session 3 starts; ana REPLICATION_STARTED b 3; replica ana JOINED; \
                 replica ana PUBLISH_STARTED",
            ),
            (
                replicate("first", "c", "ana", 0),
                "session 4 starts; ana REPLICATION_STARTED c 4; replica ana JOINED; \
                 replica ana PUBLISH_STARTED",
            ),
            (
                replicate("first", "d", "ana", 0),
                "session 5 starts; ana REPLICATION_STARTED d 5; replica ana JOINED; \
                 replica ana PUBLISH_STARTED",
            ),
            (
                replicate("first", "e", "ana", 0),
                "session 6 starts; ana REPLICATION_STARTED e 6; replica ana JOINED; \
                 replica ana PUBLISH_STARTED",
            ),
            (
                replicate("first", "f", "ana", 0),
                "refused Replication(TooManyReplicas)",
            ),
            // Another participant has its own five, and one that is over makes room.
            (publish(4, who("ben")), "ben JOINED; admitted 1"),
            (up(4), "ben PUBLISH_STARTED; roster [ana ben] to c1"),
            (
                replicate("first", "f", "ben", 0),
                "session 7 starts; ben REPLICATION_STARTED f 7; replica ben JOINED; \
                 replica ben PUBLISH_STARTED",
            ),
            (
                stop("first", "c", "ana"),
                "ana REPLICATION_STOPPED c 4; replica ana PUBLISH_STOPPED; replica ana LEFT",
            ),
            (
                record("ana"),
                "CONNECTED since 0 published publishing WHIP replicated",
            ),
            (
                replicate("first", "f", "ana", 0),
                "ana REPLICATION_STARTED f 7; replica ana JOINED; replica ana PUBLISH_STARTED",
            ),
            // Each ends or waits by its own window.
            (
                closed(2),
                "ana PUBLISH_STOPPED; ana REPLICATION_STOPPED b 3; ana REPLICATION_STOPPED d 5; \
                 ana REPLICATION_STOPPED e 6; ana REPLICATION_STOPPED f 7; \
                 replica ana PUBLISH_STOPPED; replica ana LEFT; replica ana PUBLISH_STOPPED; \
                 replica ana LEFT; replica ana PUBLISH_STOPPED; replica ana LEFT; \
                 replica ana PUBLISH_STOPPED; replica ana LEFT; replica ana PUBLISH_STOPPED; \
                 replica ana LEFT; roster [ben] to c1; roster second [] to c3",
            ),
        ],
    );
}

#[test]
fn rp6_a_replica_is_one_of_the_destinations_publishers_also_while_it_is_away() {
    let settings = Settings {
        publishers_per_stage_max: 2,
        ..Settings::default()
    };
    let mut rows = replicated(60);
    rows.extend([
        (publish(4, who("vic").on("second")), "admitted 2"),
        (
            publish(5, who("wim").on("second")),
            "wim JOINED; wim PUBLISH_ERROR QUOTA_EXCEEDED; wim LEFT; refused QuotaExceeded",
        ),
        (
            closed(2),
            "ana PUBLISH_STOPPED; replica ana PUBLISH_STOPPED; replica ana LEFT; roster [] to c1; \
             roster second [] to c3",
        ),
        (
            publish(6, who("wim").on("second")),
            "wim JOINED; wim PUBLISH_ERROR QUOTA_EXCEEDED; wim LEFT; refused QuotaExceeded",
        ),
        // At the source it has no place while it is away.
        (publish(7, who("ben")), "ben JOINED; admitted 1"),
        (publish(8, who("cleo")), "cleo JOINED; admitted 1"),
        (up(7), "ben PUBLISH_STARTED; roster [ben] to c1"),
        (
            replicate("first", "second", "ben", 0),
            "refused Replication(DestinationFull)",
        ),
        (
            stop("first", "second", "ana"),
            "ana REPLICATION_STOPPED second 2",
        ),
        (
            replicate("first", "second", "ben", 0),
            "ben REPLICATION_STARTED second 2; replica ben JOINED; replica ben PUBLISH_STARTED; \
             roster second [ben of first] to c3",
        ),
        (
            publish(9, who("wim").on("second")),
            "wim JOINED; wim PUBLISH_ERROR QUOTA_EXCEEDED; wim LEFT; refused QuotaExceeded",
        ),
    ]);
    check_with(settings, &rows);
}

#[test]
fn rp6_a_replica_is_one_of_the_regions_publishers() {
    let settings = Settings {
        publishers_per_region_max: 2,
        ..Settings::default()
    };
    let mut rows = replicated(0);
    rows.extend([
        (Act::OpenOther("third"), ""),
        (
            replicate("first", "third", "ana", 0),
            "refused Replication(DestinationFull)",
        ),
        (
            publish(4, who("ben")),
            "ben JOINED; ben PUBLISH_ERROR QUOTA_EXCEEDED; ben LEFT; refused QuotaExceeded",
        ),
        (
            stop("first", "second", "ana"),
            "ana REPLICATION_STOPPED second 2; replica ana PUBLISH_STOPPED; replica ana LEFT; \
             roster second [] to c3",
        ),
        (publish(5, who("ben")), "ben JOINED; admitted 1"),
    ]);
    check_with(settings, &rows);
}

#[test]
fn rp11_a_replica_is_not_replicated_onward() {
    table(
        replicated(60),
        [
            (Act::OpenOther("third"), ""),
            (
                replicate("second", "third", "ana", 0),
                "refused Replication(IsReplica)",
            ),
            (
                replicate("second", "first", "ana", 0),
                "refused Replication(IsReplica)",
            ),
            (
                closed(2),
                "ana PUBLISH_STOPPED; replica ana PUBLISH_STOPPED; replica ana LEFT; \
                 roster [] to c1; roster second [] to c3",
            ),
            (
                replicate("second", "third", "ana", 0),
                "refused Replication(IsReplica)",
            ),
        ],
    );
}

#[test]
fn rp11_a_participant_that_is_on_the_destination_is_in_the_way() {
    table(
        two_stages(),
        [
            (
                subscribe(4, who("ana").on("second"), "vic"),
                "refused PublisherNotPublishing { retry_after: 1s }",
            ),
            (
                join(5, who("ana").on("second")),
                "ana JOINED; joined 2 second []",
            ),
            (
                replicate("first", "second", "ana", 0),
                "refused Replication(Present)",
            ),
            // One that was there is not, and its record becomes the replica's.
            (closed(5), "ana LEFT"),
            (record_on("second", "ana"), "DISCONNECTED since 0"),
            (after(10), ""),
            (
                replicate("first", "second", "ana", 0),
                "ana REPLICATION_STARTED second 2; replica ana JOINED; replica ana PUBLISH_STARTED; \
                 roster second [ana of first] to c3",
            ),
            (
                record_on("second", "ana"),
                "CONNECTED since 0 published publishing WHIP replica of first 1",
            ),
        ],
    );
}

#[test]
fn rp11_a_replica_is_in_the_way_of_another_of_its_id() {
    table(
        away(),
        [
            (Act::OpenOther("third"), ""),
            (
                publish(4, who("ana").on("third")),
                "session 3 starts; ana JOINED; admitted 3",
            ),
            (up(4), "ana PUBLISH_STARTED"),
            (
                replicate("third", "second", "ana", 0),
                "refused Replication(Present)",
            ),
            // It may come back to the first.
            (closed(1), "ana LEFT"),
            (
                replicate("third", "first", "ana", 0),
                "refused Replication(Present)",
            ),
            (
                stop("first", "second", "ana"),
                "ana REPLICATION_STOPPED second 2",
            ),
            (
                replicate("third", "first", "ana", 0),
                "ana REPLICATION_STARTED first 1; replica ana JOINED; replica ana PUBLISH_STARTED",
            ),
            (
                record("ana"),
                "CONNECTED since 0 published publishing WHIP replica of third 3",
            ),
        ],
    );
}

#[test]
fn rp11_no_token_of_the_same_id_comes_in_while_the_replica_is_there_or_comes_back() {
    let there = || who("ana").on("second");
    let doors = || {
        [
            (Act::Knock(there()), "refused ReplicaPresent"),
            (join(10, there()), "refused ReplicaPresent"),
            (publish(11, there()), "refused ReplicaPresent"),
            (subscribe(12, there(), "vic"), "refused ReplicaPresent"),
            // The replica is no holder of this token: an expired one gets no further by it.
            (join(13, there().expires(-1)), "refused ReplicaPresent"),
        ]
    };
    table(replicated(0), doors());
    table(away(), doors());
    table(
        away(),
        [
            (after(60), "ana REPLICATION_STOPPED second 2"),
            (Act::Knock(there().expires(-1)), "refused TokenExpired"),
            (join(10, there()), "ana JOINED; joined 2 second []"),
            (
                record_on("second", "ana"),
                "CONNECTED since 0 published WHIP",
            ),
        ],
    );
}
