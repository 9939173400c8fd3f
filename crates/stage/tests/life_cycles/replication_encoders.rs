//! Replications of those who publish by RTMP: they are ordinary publishers, and a redundant ingest is one participant.

use crate::steps::{
    Act, after, attached, attached_as_two, check, closed, detached, ingest, join, key, open,
    publish, record_on, replicate, subscribe, up, who,
};

#[test]
fn rp11_an_encoder_is_replicated_and_comes_back_within_the_window() {
    check(&[
        (open(), ""),
        (Act::OpenOther("second"), ""),
        (
            join(1, who("vic").on("second")),
            "session 1 starts; vic JOINED; joined 1 second []",
        ),
        (
            ingest(2, key("cam")),
            "session 2 starts; cam JOINED; cam active on first; admitted 2",
        ),
        (
            replicate("first", "second", "cam", 60),
            "refused Replication(NotPublishing)",
        ),
        (up(2), "cam PUBLISH_STARTED"),
        (
            replicate("first", "second", "cam", 60),
            "cam REPLICATION_STARTED second 1; replica cam JOINED; replica cam PUBLISH_STARTED; \
             roster second [cam of first] to c1",
        ),
        (
            record_on("second", "cam"),
            "CONNECTED since 0 published publishing RTMPS replica of first 2",
        ),
        (
            subscribe(3, who("vic").on("second"), "cam"),
            "admitted 1 from c2 of first",
        ),
        (
            closed(2),
            "cam PUBLISH_STOPPED; cam inactive on first; cam LEFT; replica cam PUBLISH_STOPPED; \
             replica cam LEFT; close c3 unknown; roster second [] to c1",
        ),
        (after(59), ""),
        (
            ingest(4, key("cam").without_tls()),
            "cam JOINED; cam active on first; admitted 2",
        ),
        (
            up(4),
            "cam PUBLISH_STARTED; replica cam JOINED; replica cam PUBLISH_STARTED; \
             roster second [cam of first] to c1",
        ),
        (
            record_on("second", "cam"),
            "CONNECTED since 0 published publishing RTMP replica of first 2",
        ),
        // DisconnectParticipant detaches the configuration: that is the end, whatever the window.
        (
            detached("cam"),
            "cam REPLICATION_STOPPED second 1; cam PUBLISH_STOPPED; cam inactive on first; cam LEFT; \
             replica cam PUBLISH_STOPPED; replica cam LEFT; close c4 participant-disconnected; \
             roster second [] to c1",
        ),
    ]);
}

#[test]
fn of_a_redundant_ingest_only_what_viewers_see_is_replicated() {
    check(&[
        (open(), ""),
        (Act::OpenOther("second"), ""),
        (
            ingest(1, key("cam").leg("cam-a")),
            "session 1 starts; cam-a JOINED; cam active on first; admitted 1",
        ),
        (up(1), "cam-a PUBLISH_STARTED"),
        (
            replicate("first", "second", "cam-a", 60),
            "refused Replication(ParticipantNotFound)",
        ),
        (ingest(2, key("cam").both()), "cam JOINED; admitted 1"),
        (up(2), "cam PUBLISH_STARTED"),
        (
            replicate("first", "second", "cam", 0),
            "session 2 starts; cam REPLICATION_STARTED second 2; replica cam JOINED; \
             replica cam PUBLISH_STARTED",
        ),
        // The other stream takes over, and nobody is told.
        (
            ingest(3, key("cam").leg("cam-b")),
            "cam-b JOINED; admitted 1",
        ),
        (up(3), "cam-b PUBLISH_STARTED"),
        (closed(1), "cam-a PUBLISH_STOPPED; cam-a LEFT"),
        (
            closed(2),
            "cam PUBLISH_STOPPED; cam REPLICATION_STOPPED second 2; cam LEFT; \
             replica cam PUBLISH_STOPPED; replica cam LEFT",
        ),
    ]);
}

#[test]
fn rp12_an_encoder_that_is_away_is_given_up_when_its_configuration_is_detached() {
    let away = || {
        vec![
            (open(), ""),
            (Act::OpenOther("second"), ""),
            (
                ingest(1, key("cam")),
                "session 1 starts; cam JOINED; cam active on first; admitted 1",
            ),
            (up(1), "cam PUBLISH_STARTED"),
            (
                replicate("first", "second", "cam", 60),
                "session 2 starts; cam REPLICATION_STARTED second 2; replica cam JOINED; \
                 replica cam PUBLISH_STARTED",
            ),
            (
                closed(1),
                "cam PUBLISH_STOPPED; cam inactive on first; cam LEFT; replica cam PUBLISH_STOPPED; \
                 replica cam LEFT",
            ),
        ]
    };
    for detach in [detached("cam"), attached("cam", "second")] {
        let mut rows = away();
        rows.push((detach, "cam REPLICATION_STOPPED second 2"));
        check(&rows);
    }
    // What changes nothing about where it publishes ends nothing, and neither does another configuration.
    let mut rows = away();
    rows.extend([
        (attached("cam", "first"), ""),
        (attached_as_two("cam", "first", &["one", "two"]), ""),
        (detached("other"), ""),
        // By a token it is back, whatever becomes of its key.
        (publish(2, who("cam")), "cam JOINED; admitted 1"),
        (
            up(2),
            "cam PUBLISH_STARTED; replica cam JOINED; replica cam PUBLISH_STARTED",
        ),
        (detached("cam"), ""),
        (
            closed(2),
            "cam PUBLISH_STOPPED; cam LEFT; replica cam PUBLISH_STOPPED; replica cam LEFT",
        ),
        (detached("cam"), ""),
        (after(60), "cam REPLICATION_STOPPED second 2"),
    ]);
    check(&rows);
}

#[test]
fn rp11_no_key_of_the_same_id_comes_in_where_the_replica_is() {
    check(&[
        (open(), ""),
        (Act::OpenOther("second"), ""),
        (
            publish(1, who("cam").on("second")),
            "session 1 starts; cam JOINED; admitted 1",
        ),
        (up(1), "cam PUBLISH_STARTED"),
        (
            replicate("second", "first", "cam", 60),
            "session 2 starts; cam REPLICATION_STARTED first 2; replica cam JOINED; \
             replica cam PUBLISH_STARTED",
        ),
        (ingest(2, key("cam")), "refused ReplicaPresent"),
        (
            closed(1),
            "cam PUBLISH_STOPPED; cam LEFT; replica cam PUBLISH_STOPPED; replica cam LEFT",
        ),
        (ingest(3, key("cam")), "refused ReplicaPresent"),
        (after(60), "cam REPLICATION_STOPPED first 2"),
        (
            ingest(4, key("cam")),
            "cam JOINED; cam active on first; admitted 2",
        ),
    ]);
}
