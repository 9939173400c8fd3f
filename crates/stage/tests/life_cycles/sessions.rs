//! Sessions: when one begins, how long it lasts, what ends it.

use std::time::Duration;

use stage::Settings;

use crate::steps::{
    Act, after, check, check_with, closed, join, open, publish, record, sleep, subscribe, up, who,
};

#[test]
fn a_session_begins_with_the_first_join_and_ends_three_minutes_after_the_last_leave() {
    check(&[
        (open(), ""),
        (after(86_400), ""),
        (
            join(1, who("ana")),
            "session 1 starts; ana JOINED; joined 1 []",
        ),
        (join(2, who("ben")), "ben JOINED; joined 1 []"),
        (closed(1), "ana LEFT"),
        (after(86_400), ""),
        (closed(2), "ben LEFT"),
        (after(179), ""),
        (after(1), "session 1 ends"),
        (after(86_400), ""),
    ]);
}

#[test]
fn a_rejoin_within_the_grace_continues_the_session_and_the_record() {
    check(&[
        (open(), ""),
        (
            join(1, who("ana")),
            "session 1 starts; ana JOINED; joined 1 []",
        ),
        (after(10), ""),
        (closed(1), "ana LEFT"),
        (record("ana"), "DISCONNECTED since 0"),
        (after(179), ""),
        (join(2, who("ana")), "ana JOINED; joined 1 []"),
        (record("ana"), "CONNECTED since 0"),
        (after(600), ""),
        (closed(2), "ana LEFT"),
        (after(179), ""),
        (join(3, who("ben")), "ben JOINED; joined 1 []"),
        (closed(3), "ben LEFT"),
        (after(180), "session 1 ends"),
    ]);
}

#[test]
fn a_join_after_the_end_opens_another_session_with_a_new_record() {
    check(&[
        (open(), ""),
        (
            join(1, who("ana")),
            "session 1 starts; ana JOINED; joined 1 []",
        ),
        (publish(2, who("ana")), "admitted 1"),
        (up(2), "ana PUBLISH_STARTED; roster [ana] to c1"),
        (closed(1), ""),
        (closed(2), "ana PUBLISH_STOPPED; ana LEFT"),
        (after(180), "session 1 ends"),
        (record("ana"), "DISCONNECTED since 0 published WHIP"),
        (
            join(3, who("ana")),
            "session 2 starts; ana JOINED; joined 2 []",
        ),
        (record("ana"), "CONNECTED since 180"),
    ]);
}

#[test]
fn a_session_that_was_due_to_end_ends_before_a_late_join_is_looked_at() {
    check(&[
        (open(), ""),
        (
            join(1, who("ana")),
            "session 1 starts; ana JOINED; joined 1 []",
        ),
        (closed(1), "ana LEFT"),
        (sleep(3_600), ""),
        (
            join(2, who("ana")),
            "session 1 ends; session 2 starts; ana JOINED; joined 2 []",
        ),
    ]);
}

#[test]
fn subscribers_alone_keep_a_session_alive() {
    check(&[
        (open(), ""),
        (
            join(1, who("ana")),
            "session 1 starts; ana JOINED; joined 1 []",
        ),
        (after(7 * 86_400), ""),
        (closed(1), "ana LEFT"),
    ]);
}

#[test]
fn the_grace_can_be_set() {
    let settings = Settings {
        session_grace: Duration::from_secs(1),
        ..Settings::default()
    };
    check_with(
        settings,
        &[
            (open(), ""),
            (
                join(1, who("ana")),
                "session 1 starts; ana JOINED; joined 1 []",
            ),
            (closed(1), "ana LEFT"),
            (after(1), "session 1 ends"),
        ],
    );
}

#[test]
fn a_grace_beyond_the_clock_never_ends() {
    let settings = Settings {
        session_grace: Duration::MAX,
        ..Settings::default()
    };
    check_with(
        settings,
        &[
            (open(), ""),
            (
                join(1, who("ana")),
                "session 1 starts; ana JOINED; joined 1 []",
            ),
            (closed(1), "ana LEFT"),
            (after(365 * 86_400), ""),
            (join(2, who("ana")), "ana JOINED; joined 1 []"),
        ],
    );
}

#[test]
fn stages_have_sessions_of_their_own() {
    check(&[
        (open(), ""),
        (
            join(1, who("ana")),
            "session 1 starts; ana JOINED; joined 1 []",
        ),
        (join(2, who("ana").on("second")), "refused StageNotFound"),
    ]);
}

#[test]
fn deleting_a_stage_disconnects_everybody_and_ends_the_session() {
    check(&[
        (open(), ""),
        (
            join(1, who("ana")),
            "session 1 starts; ana JOINED; joined 1 []",
        ),
        (publish(2, who("ana")), "admitted 1"),
        (up(2), "ana PUBLISH_STARTED; roster [ana] to c1"),
        (
            subscribe(3, who("ben"), "ana"),
            "ben JOINED; admitted 1 from c2",
        ),
        (up(3), "ben SUBSCRIBE_STARTED ana"),
        (publish(4, who("cleo")), "cleo JOINED; admitted 1"),
        (
            Act::Delete,
            "ana PUBLISH_STOPPED; ben SUBSCRIBE_STOPPED ana; ben LEFT; ana LEFT; cleo LEFT; session 1 ends; \
             close c3 stage-deleted; close c2 stage-deleted; close c1 stage-deleted; close c4 stage-deleted",
        ),
        (record("ana"), "DISCONNECTED since 0 published WHIP"),
        (join(5, who("ana")), "refused StageNotFound"),
        (closed(1), ""),
        (Act::Delete, ""),
        (after(86_400), ""),
    ]);
}

#[test]
fn deleting_every_stage_disconnects_everybody_and_closes_every_door() {
    check(&[
        (open(), ""),
        (
            join(1, who("ana")),
            "session 1 starts; ana JOINED; joined 1 []",
        ),
        (
            Act::DeleteAll,
            "ana LEFT; session 1 ends; close c1 stage-deleted",
        ),
        (join(2, who("ana")), "refused StageNotFound"),
        (Act::DeleteAll, ""),
        (after(86_400), ""),
        (open(), ""),
        (
            join(3, who("ana")),
            "session 2 starts; ana JOINED; joined 2 []",
        ),
    ]);
}

#[test]
fn deleting_an_idle_stage_ends_the_session_in_its_grace() {
    check(&[
        (open(), ""),
        (
            join(1, who("ana")),
            "session 1 starts; ana JOINED; joined 1 []",
        ),
        (closed(1), "ana LEFT"),
        (after(60), ""),
        (Act::Delete, "session 1 ends"),
        (after(86_400), ""),
    ]);
}

#[test]
fn a_stage_that_is_opened_twice_keeps_its_session() {
    check(&[
        (open(), ""),
        (
            join(1, who("ana")),
            "session 1 starts; ana JOINED; joined 1 []",
        ),
        (Act::Open(&["ben"]), ""),
        (join(2, who("ben")), "refused ParticipantDisconnected"),
        (join(3, who("cleo")), "cleo JOINED; joined 1 []"),
    ]);
}

#[test]
fn a_shutdown_ends_every_session_and_lets_nobody_in() {
    check(&[
        (open(), ""),
        (
            join(1, who("ana")),
            "session 1 starts; ana JOINED; joined 1 []",
        ),
        (publish(2, who("ana")), "admitted 1"),
        (up(2), "ana PUBLISH_STARTED; roster [ana] to c1"),
        (
            Act::Shutdown,
            "ana PUBLISH_STOPPED; ana LEFT; session 1 ends; close c2 unknown; close c1 unknown",
        ),
        (join(3, who("ana")), "refused ShuttingDown"),
        (publish(4, who("ana")), "refused ShuttingDown"),
        (subscribe(5, who("ben"), "ana"), "refused ShuttingDown"),
        (join(6, who("ana").on("second")), "refused ShuttingDown"),
        (Act::Disconnect("ana"), ""),
        (Act::Shutdown, ""),
        (after(86_400), ""),
    ]);
}
