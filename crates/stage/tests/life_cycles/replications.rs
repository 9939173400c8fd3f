//! Replications: how a participant appears on another stage, goes and comes back. RP rows are those of the service's rules.

use stage::Settings;

use crate::steps::{
    Act, Token, after, check, check_with, closed, exchange, fault, join, mute, open, publish,
    record, record_on, replicate, replicate_with, silent, sleep, stop, subscribe, up, who,
};

type Rows = Vec<(Act, &'static str)>;

/// A token of the second stage.
fn there(name: &'static str) -> Token {
    who(name).on("second")
}

/// Ana has a socket and publishes on the first stage; Vic has a socket on the second.
pub(crate) fn two_stages() -> Rows {
    vec![
        (open(), ""),
        (Act::OpenOther("second"), ""),
        (
            join(1, who("ana").signed()),
            "session 1 starts; ana JOINED; joined 1 []",
        ),
        (publish(2, who("ana").signed()), "admitted 1"),
        (up(2), "ana PUBLISH_STARTED; roster [ana] to c1"),
        (
            join(3, there("vic")),
            "session 2 starts; vic JOINED; joined 2 second []",
        ),
    ]
}

/// And Ana is replicated there.
pub(crate) fn replicated(window: u64) -> Rows {
    let mut rows = two_stages();
    rows.push((
        replicate("first", "second", "ana", window),
        "ana REPLICATION_STARTED second 2; replica ana JOINED; replica ana PUBLISH_STARTED; \
         roster second [ana of first] to c3",
    ));
    rows
}

/// And Ana is away, for at most a minute.
pub(crate) fn away() -> Rows {
    let mut rows = replicated(60);
    rows.push((
        closed(2),
        "ana PUBLISH_STOPPED; replica ana PUBLISH_STOPPED; replica ana LEFT; roster [] to c1; \
         roster second [] to c3",
    ));
    rows
}

/// Runs a table that goes on from there.
pub(crate) fn table(mut rows: Rows, more: impl IntoIterator<Item = (Act, &'static str)>) {
    rows.extend(more);
    check(&rows);
}

#[test]
fn rp1_a_publisher_appears_on_another_stage_and_is_received_there_by_the_same_publish() {
    table(
        replicated(0),
        [
            (
                subscribe(4, there("vic"), "ana"),
                "admitted 2 from c2 of first",
            ),
            (up(4), "vic SUBSCRIBE_STARTED replica ana"),
            (Act::Replicas, "ana first 1 to second 2 goes on"),
            (
                stop("first", "second", "ana"),
                "ana REPLICATION_STOPPED second 2; replica ana PUBLISH_STOPPED; \
                 vic SUBSCRIBE_STOPPED replica ana; replica ana LEFT; close c4 unknown; \
                 roster second [] to c3",
            ),
            (Act::Replicas, "ana first 1 to second 2 is over"),
            (
                subscribe(5, who("ben"), "ana"),
                "ben JOINED; admitted 1 from c2",
            ),
            (up(5), "ben SUBSCRIBE_STARTED ana"),
        ],
    );
}

#[test]
fn rp4_the_records_of_both_sides_say_who_comes_from_where() {
    table(
        replicated(0),
        [
            (
                record("ana"),
                "CONNECTED since 0 published publishing WHIP replicated",
            ),
            (
                record_on("second", "ana"),
                "CONNECTED since 0 published publishing WHIP replica of first 1",
            ),
            (
                closed(2),
                "ana PUBLISH_STOPPED; ana REPLICATION_STOPPED second 2; replica ana PUBLISH_STOPPED; \
                 replica ana LEFT; roster [] to c1; roster second [] to c3",
            ),
            (
                record("ana"),
                "CONNECTED since 0 published WHIP was replicated",
            ),
            (
                record_on("second", "ana"),
                "DISCONNECTED since 0 published WHIP was replica of first 1",
            ),
        ],
    );
}

#[test]
fn rp10_a_destination_without_a_session_gets_one_which_lasts_while_the_replica_is_there() {
    check(&[
        (open(), ""),
        (Act::OpenOther("second"), ""),
        (
            publish(1, who("ana")),
            "session 1 starts; ana JOINED; admitted 1",
        ),
        (up(1), "ana PUBLISH_STARTED"),
        (
            replicate("first", "second", "ana", 0),
            "session 2 starts; ana REPLICATION_STARTED second 2; replica ana JOINED; \
             replica ana PUBLISH_STARTED",
        ),
        // Nobody but the replica is there, for much longer than the grace.
        (after(3_600), ""),
        (
            closed(1),
            "ana PUBLISH_STOPPED; ana REPLICATION_STOPPED second 2; ana LEFT; \
             replica ana PUBLISH_STOPPED; replica ana LEFT",
        ),
        (after(179), ""),
        (after(1), "session 1 ends; session 2 ends"),
    ]);
}

#[test]
fn rp5_the_replica_has_its_own_attributes_on_top_of_the_tokens_and_the_source_does_not() {
    table(
        two_stages(),
        [
            (
                replicate_with(
                    "first",
                    "second",
                    "ana",
                    0,
                    &[("team", "red"), ("name", "A.")],
                ),
                "ana REPLICATION_STARTED second 2; replica ana JOINED; replica ana PUBLISH_STARTED; \
                 roster second [ana of first with name=A. with team=red] to c3",
            ),
            (join(4, who("ben")), "ben JOINED; joined 1 [ana]"),
            // RP-13: an exchange changes what is not overridden.
            (
                exchange(1, who("ana").signed().named("host")),
                "ana TOKEN_EXCHANGED both until 1000000000 for both until 1000000000 as host; exchanged; \
                 roster [ana as host] to c1 c4; \
                 roster second [ana as host of first with name=A. with team=red] to c3",
            ),
        ],
    );
}

#[test]
fn rp13_who_the_source_is_and_what_it_has_muted_is_so_at_the_replica() {
    table(
        replicated(60),
        [
            (
                mute(1, true, false),
                "roster [ana without audio] to c1; roster second [ana of first without audio] to c3",
            ),
            (
                exchange(1, who("ana").signed().named("host")),
                "ana TOKEN_EXCHANGED both until 1000000000 for both until 1000000000 as host; exchanged; \
                 roster [ana as host without audio] to c1; \
                 roster second [ana as host of first without audio] to c3",
            ),
            (
                record_on("second", "ana"),
                "CONNECTED since 0 published publishing WHIP replica of first 1 as host",
            ),
            // What changes while it is away is so when it is back.
            (
                closed(2),
                "ana PUBLISH_STOPPED; replica ana PUBLISH_STOPPED; replica ana LEFT; \
                 roster [] to c1; roster second [] to c3",
            ),
            (mute(1, true, true), ""),
            (
                exchange(1, who("ana").signed()),
                "ana TOKEN_EXCHANGED both until 1000000000 as host for both until 1000000000; exchanged",
            ),
            (publish(4, who("ana")), "admitted 1"),
            (
                up(4),
                "ana PUBLISH_STARTED; replica ana JOINED; replica ana PUBLISH_STARTED; \
                 roster [ana without anything] to c1; roster second [ana of first without anything] to c3",
            ),
        ],
    );
}

#[test]
fn rp13_a_source_that_may_not_publish_any_more_is_away() {
    table(
        replicated(60),
        [
            (
                exchange(1, who("ana").signed().only_subscribes()),
                "ana TOKEN_EXCHANGED both until 1000000000 for subscribe until 1000000000; \
                 ana PUBLISH_STOPPED; replica ana PUBLISH_STOPPED; replica ana LEFT; exchanged; \
                 close c2 unknown; roster [] to c1; roster second [] to c3",
            ),
            (after(60), "ana REPLICATION_STOPPED second 2"),
        ],
    );
}

#[test]
fn rp13_a_socket_that_joins_a_source_says_who_its_replica_is() {
    check(&[
        (open(), ""),
        (Act::OpenOther("second"), ""),
        (
            publish(1, who("ana")),
            "session 1 starts; ana JOINED; admitted 1",
        ),
        (up(1), "ana PUBLISH_STARTED"),
        (
            join(2, there("vic")),
            "session 2 starts; vic JOINED; joined 2 second []",
        ),
        (
            replicate("first", "second", "ana", 0),
            "ana REPLICATION_STARTED second 2; replica ana JOINED; replica ana PUBLISH_STARTED; \
             roster second [ana of first] to c2",
        ),
        (
            join(3, who("ana").named("host")),
            "joined 1 [ana as host]; roster second [ana as host of first] to c2",
        ),
    ]);
}

#[test]
fn rp2_who_publishes_again_within_the_window_reappears_in_both_stages() {
    table(
        replicated(60),
        [
            (
                closed(2),
                "ana PUBLISH_STOPPED; replica ana PUBLISH_STOPPED; replica ana LEFT; \
                 roster [] to c1; roster second [] to c3",
            ),
            (record("ana"), "CONNECTED since 0 published WHIP replicated"),
            (
                record_on("second", "ana"),
                "DISCONNECTED since 0 published WHIP replica of first 1",
            ),
            (Act::Replicas, "ana first 1 to second 2 goes on"),
            (
                subscribe(4, there("vic"), "ana"),
                "refused PublisherNotPublishing { retry_after: 1s }",
            ),
            (after(59), ""),
            (publish(5, who("ana")), "admitted 1"),
            (
                up(5),
                "ana PUBLISH_STARTED; replica ana JOINED; replica ana PUBLISH_STARTED; \
                 roster [ana] to c1; roster second [ana of first] to c3",
            ),
            (
                subscribe(6, there("vic"), "ana"),
                "admitted 2 from c5 of first",
            ),
            // Each absence has a window of its own, and a publish that lasts has none.
            (after(29), ""),
            (up(6), "vic SUBSCRIBE_STARTED replica ana"),
            (after(600), ""),
            (
                silent(5),
                "ana PUBLISH_STOPPED; replica ana PUBLISH_STOPPED; \
                 vic SUBSCRIBE_STOPPED replica ana; replica ana LEFT; close c6 unknown; \
                 roster [] to c1; roster second [] to c3",
            ),
            (after(59), ""),
            (after(1), "ana REPLICATION_STOPPED second 2"),
            (Act::Replicas, "ana first 1 to second 2 is over"),
            (
                record("ana"),
                "CONNECTED since 0 published WHIP was replicated",
            ),
            (
                record_on("second", "ana"),
                "DISCONNECTED since 0 published WHIP was replica of first 1",
            ),
            // RP-3: it has to be started again.
            (publish(7, who("ana")), "admitted 1"),
            (up(7), "ana PUBLISH_STARTED; roster [ana] to c1"),
            (
                replicate("first", "second", "ana", 60),
                "ana REPLICATION_STARTED second 2; replica ana JOINED; replica ana PUBLISH_STARTED; \
                 roster second [ana of first] to c3",
            ),
        ],
    );
}

#[test]
fn rp14_the_longest_window_is_five_minutes_whatever_is_asked_for() {
    for window in [300, 301, u64::MAX] {
        table(
            replicated(window),
            [
                (
                    closed(2),
                    "ana PUBLISH_STOPPED; replica ana PUBLISH_STOPPED; replica ana LEFT; \
                     roster [] to c1; roster second [] to c3",
                ),
                (after(299), ""),
                (after(1), "ana REPLICATION_STOPPED second 2"),
            ],
        );
    }
}

#[test]
fn rp2_media_that_is_not_up_in_the_window_is_too_late() {
    table(
        replicated(60),
        [
            (
                closed(2),
                "ana PUBLISH_STOPPED; replica ana PUBLISH_STOPPED; replica ana LEFT; \
                 roster [] to c1; roster second [] to c3",
            ),
            (after(59), ""),
            (publish(4, who("ana")), "admitted 1"),
            (after(1), "ana REPLICATION_STOPPED second 2"),
            (up(4), "ana PUBLISH_STARTED; roster [ana] to c1"),
        ],
    );
}

#[test]
fn rp2_who_leaves_and_comes_back_within_the_window_finds_both_sessions_as_they_were() {
    check(&[
        (open(), ""),
        (Act::OpenOther("second"), ""),
        (
            publish(1, who("ana")),
            "session 1 starts; ana JOINED; admitted 1",
        ),
        (up(1), "ana PUBLISH_STARTED"),
        (
            replicate("first", "second", "ana", 300),
            "session 2 starts; ana REPLICATION_STARTED second 2; replica ana JOINED; \
             replica ana PUBLISH_STARTED",
        ),
        (
            closed(1),
            "ana PUBLISH_STOPPED; ana LEFT; replica ana PUBLISH_STOPPED; replica ana LEFT",
        ),
        // The grace is shorter than the window, and waits for its end.
        (after(299), ""),
        (
            record("ana"),
            "DISCONNECTED since 0 published WHIP replicated",
        ),
        (publish(2, who("ana")), "ana JOINED; admitted 1"),
        (
            up(2),
            "ana PUBLISH_STARTED; replica ana JOINED; replica ana PUBLISH_STARTED",
        ),
        (
            closed(2),
            "ana PUBLISH_STOPPED; ana LEFT; replica ana PUBLISH_STOPPED; replica ana LEFT",
        ),
        (after(300), "ana REPLICATION_STOPPED second 2"),
        (after(179), ""),
        (after(1), "session 1 ends; session 2 ends"),
    ]);
}

#[test]
fn rp2_the_window_is_counted_on_the_monotonic_clock_and_is_over_before_who_comes_late() {
    table(
        replicated(60),
        [
            (
                closed(2),
                "ana PUBLISH_STOPPED; replica ana PUBLISH_STOPPED; replica ana LEFT; \
                 roster [] to c1; roster second [] to c3",
            ),
            (Act::Step(86_400), ""),
            (after(59), ""),
            (Act::Step(-86_400), ""),
            (sleep(10), ""),
            (
                publish(4, who("ana")),
                "ana REPLICATION_STOPPED second 2; admitted 1",
            ),
        ],
    );
}

#[test]
fn rp3_without_a_window_every_end_of_the_publish_ends_the_replication() {
    let stopped = "ana PUBLISH_STOPPED; ana REPLICATION_STOPPED second 2; replica ana PUBLISH_STOPPED; \
         replica ana LEFT; roster [] to c1; roster second [] to c3";
    for (act, expected) in [
        (closed(2), stopped),
        (silent(2), stopped),
        (
            fault(2, model::ErrorCode::BitrateExceeded),
            "ana PUBLISH_ERROR BITRATE_EXCEEDED; ana PUBLISH_STOPPED; \
             ana REPLICATION_STOPPED second 2; replica ana PUBLISH_STOPPED; replica ana LEFT; \
             roster [] to c1; roster second [] to c3",
        ),
        (
            after(86_400),
            "ana PUBLISH_ERROR STREAM_DURATION_EXCEEDED; ana PUBLISH_STOPPED; \
             ana REPLICATION_STOPPED second 2; replica ana PUBLISH_STOPPED; replica ana LEFT; \
             close c2 unknown; roster [] to c1; roster second [] to c3",
        ),
        // A publish in the place of the older one is an end and a beginning.
        (
            publish(4, who("ana")),
            "ana PUBLISH_STOPPED; ana REPLICATION_STOPPED second 2; replica ana PUBLISH_STOPPED; \
             replica ana LEFT; admitted 1; close c2 token-reused; roster [] to c1; \
             roster second [] to c3",
        ),
        (
            join(4, who("ana")),
            "ana PUBLISH_STOPPED; ana REPLICATION_STOPPED second 2; ana LEFT; ana JOINED; \
             replica ana PUBLISH_STOPPED; replica ana LEFT; joined 1 []; close c2 token-reused; \
             close c1 token-reused; roster second [] to c3",
        ),
    ] {
        table(replicated(0), [(act, expected)]);
    }
}

#[test]
fn rp2_a_publish_in_the_place_of_the_older_one_takes_its_place_at_the_replica_too() {
    table(
        replicated(60),
        [
            (
                publish(4, who("ana")),
                "ana PUBLISH_STOPPED; replica ana PUBLISH_STOPPED; replica ana LEFT; admitted 1; \
                 close c2 token-reused; roster [] to c1; roster second [] to c3",
            ),
            (
                up(4),
                "ana PUBLISH_STARTED; replica ana JOINED; replica ana PUBLISH_STARTED; \
                 roster [ana] to c1; roster second [ana of first] to c3",
            ),
            (
                subscribe(5, there("vic"), "ana"),
                "admitted 2 from c4 of first",
            ),
            // The same token comes again: this is no end of the replication either.
            (
                join(6, who("ana")),
                "ana PUBLISH_STOPPED; ana LEFT; ana JOINED; replica ana PUBLISH_STOPPED; \
                 replica ana LEFT; joined 1 []; close c4 token-reused; close c1 token-reused; \
                 close c5 unknown; roster second [] to c3",
            ),
            (after(60), "ana REPLICATION_STOPPED second 2"),
        ],
    );
}

#[test]
fn versus_two_stages_are_replicated_to_each_other_and_neither_way_ends_the_other() {
    table(
        replicated(0),
        [
            (publish(4, there("vic")), "admitted 2"),
            (
                up(4),
                "vic PUBLISH_STARTED; roster second [ana of first vic] to c3",
            ),
            (
                replicate("second", "first", "vic", 0),
                "vic REPLICATION_STARTED first 1; replica vic JOINED; replica vic PUBLISH_STARTED; \
                 roster [ana vic of second] to c1",
            ),
            (
                subscribe(5, who("ana"), "vic"),
                "admitted 1 from c4 of second",
            ),
            (
                subscribe(6, there("vic"), "ana"),
                "admitted 2 from c2 of first",
            ),
            (
                stop("first", "second", "ana"),
                "ana REPLICATION_STOPPED second 2; replica ana PUBLISH_STOPPED; replica ana LEFT; \
                 close c6 unknown; roster second [vic] to c3",
            ),
            (up(5), "ana SUBSCRIBE_STARTED replica vic"),
            (
                closed(4),
                "vic PUBLISH_STOPPED; vic REPLICATION_STOPPED first 1; replica vic PUBLISH_STOPPED; \
                 ana SUBSCRIBE_STOPPED replica vic; replica vic LEFT; close c5 unknown; \
                 roster [ana] to c1; roster second [] to c3",
            ),
        ],
    );
}

#[test]
fn a_participant_that_is_away_is_not_forgotten_however_few_are_remembered() {
    let settings = Settings {
        disconnected_remembered_max: 0,
        ..Settings::default()
    };
    let mut rows = replicated(60);
    rows.extend([
        (
            closed(2),
            "ana PUBLISH_STOPPED; replica ana PUBLISH_STOPPED; replica ana LEFT; \
             roster [] to c1; roster second [] to c3",
        ),
        (closed(1), "ana LEFT"),
        (publish(4, who("ana")), "ana JOINED; admitted 1"),
        (
            up(4),
            "ana PUBLISH_STARTED; replica ana JOINED; replica ana PUBLISH_STARTED; \
             roster second [ana of first] to c3",
        ),
        (
            closed(4),
            "ana PUBLISH_STOPPED; ana LEFT; replica ana PUBLISH_STOPPED; replica ana LEFT; \
             roster second [] to c3",
        ),
        (after(60), "ana REPLICATION_STOPPED second 2"),
        (
            record("ana"),
            "DISCONNECTED since 0 published WHIP was replicated",
        ),
        (
            subscribe(5, there("vic"), "ana"),
            "vic SUBSCRIBE_ERROR ana PUBLISHER_NOT_FOUND; refused PublisherNotFound",
        ),
    ]);
    check_with(settings, &rows);
}
