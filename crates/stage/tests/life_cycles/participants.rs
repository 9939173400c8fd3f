//! Participants: the door, the record, reuse of a token, eviction.

use std::time::Duration;

use model::ErrorCode;
use stage::Settings;

use crate::steps::{
    Act, Run, after, check, check_with, closed, fault, join, open, publish, record, silent,
    subscribe, up, who,
};

#[test]
fn an_expired_token_does_not_join_by_any_door_and_leaves_no_trace() {
    check(&[
        (open(), ""),
        (Act::Knock(who("ana")), ""),
        (Act::Knock(who("ana").expires(0)), "refused TokenExpired"),
        (join(1, who("ana").expires(0)), "refused TokenExpired"),
        (publish(2, who("ana").expires(-1)), "refused TokenExpired"),
        (
            subscribe(3, who("ana").expires(0), "ben"),
            "refused TokenExpired",
        ),
        (record("ana"), "no record"),
        (
            join(4, who("ana").expires(1)),
            "session 1 starts; ana JOINED; joined 1 []",
        ),
    ]);
}

#[test]
fn a_token_that_expires_while_its_participant_is_connected_still_serves_it() {
    let ana = || who("ana").expires(5);
    let ben = || who("ben");
    check(&[
        (open(), ""),
        (join(1, ana()), "session 1 starts; ana JOINED; joined 1 []"),
        (join(2, ben()), "ben JOINED; joined 1 []"),
        (publish(3, ben()), "admitted 1"),
        (up(3), "ben PUBLISH_STARTED; roster [ben] to c1 c2"),
        (after(3_600), ""),
        (publish(4, ana()), "admitted 1"),
        (subscribe(5, ana(), "ben"), "admitted 1 from c3"),
        (
            join(6, ana()),
            "ana LEFT; ana JOINED; joined 1 [ben]; close c4 token-reused; close c5 token-reused; close c1 token-reused",
        ),
        (closed(6), "ana LEFT"),
        (join(7, ana()), "refused TokenExpired"),
        (publish(8, ana()), "refused TokenExpired"),
        (subscribe(9, ana(), "ben"), "refused TokenExpired"),
    ]);
}

#[test]
fn a_stage_that_does_not_exist_refuses_everybody() {
    check(&[
        (Act::Knock(who("ana")), "refused StageNotFound"),
        (join(1, who("ana")), "refused StageNotFound"),
        (publish(2, who("ana")), "refused StageNotFound"),
        (subscribe(3, who("ana"), "ben"), "refused StageNotFound"),
        (Act::Disconnect("ana"), ""),
        (up(1), ""),
        (closed(1), ""),
    ]);
}

#[test]
fn a_participant_is_connected_while_it_has_a_connection() {
    check(&[
        (open(), ""),
        (
            join(1, who("ana")),
            "session 1 starts; ana JOINED; joined 1 []",
        ),
        (publish(2, who("ana")), "admitted 1"),
        (up(2), "ana PUBLISH_STARTED; roster [ana] to c1"),
        (closed(1), ""),
        (record("ana"), "CONNECTED since 0 published publishing WHIP"),
        (join(3, who("ana")), "joined 1 [ana]"),
        (silent(2), "ana PUBLISH_STOPPED; roster [] to c3"),
        (record("ana"), "CONNECTED since 0 published WHIP"),
        (silent(3), "ana LEFT"),
        (record("ana"), "DISCONNECTED since 0 published WHIP"),
    ]);
}

#[test]
fn a_socket_joins_a_participant_that_is_there_through_media() {
    check(&[
        (open(), ""),
        (
            publish(1, who("ana")),
            "session 1 starts; ana JOINED; admitted 1",
        ),
        (join(2, who("ana")), "joined 1 []"),
        (up(1), "ana PUBLISH_STARTED; roster [ana] to c2"),
        (
            subscribe(3, who("ben"), "ana"),
            "ben JOINED; admitted 1 from c1",
        ),
        (join(4, who("ben")), "joined 1 [ana]"),
    ]);
}

#[test]
fn t31_a_second_socket_with_the_same_token_takes_everything_over() {
    check(&[
        (open(), ""),
        (
            join(1, who("ana")),
            "session 1 starts; ana JOINED; joined 1 []",
        ),
        (publish(2, who("ana")), "admitted 1"),
        (up(2), "ana PUBLISH_STARTED; roster [ana] to c1"),
        (join(3, who("ben")), "ben JOINED; joined 1 [ana]"),
        (publish(4, who("ben")), "admitted 1"),
        (up(4), "ben PUBLISH_STARTED; roster [ana ben] to c1 c3"),
        (subscribe(5, who("ana"), "ben"), "admitted 1 from c4"),
        (up(5), "ana SUBSCRIBE_STARTED ben"),
        (subscribe(6, who("ben"), "ana"), "admitted 1 from c2"),
        (up(6), "ben SUBSCRIBE_STARTED ana"),
        (after(60), ""),
        (
            join(7, who("ana")),
            "ana PUBLISH_STOPPED; ben SUBSCRIBE_STOPPED ana; ana SUBSCRIBE_STOPPED ben; ana LEFT; ana JOINED; \
             joined 1 [ben]; close c6 unknown; close c2 token-reused; close c5 token-reused; close c1 token-reused; \
             roster [ben] to c3",
        ),
        (record("ana"), "CONNECTED since 0 published WHIP"),
        (closed(1), ""),
        (closed(2), ""),
        (closed(5), ""),
        (closed(6), ""),
    ]);
}

#[test]
fn t31_a_thousand_joins_with_one_token_leave_one_participant() {
    let mut run = Run::new(Settings::default());
    run.act(open());
    run.act(join(1, who("ana")));
    for connection in 2..=1_000 {
        let words = run.act(join(connection, who("ana")));
        let older = connection - 1;
        let expected = format!("ana LEFT; ana JOINED; joined 1 []; close c{older} token-reused");
        assert_eq!(words.join("; "), expected);
    }
    assert_eq!(run.connected_records(), 1);
    assert_eq!(run.act(closed(1_000)), ["ana LEFT"]);
    assert_eq!(run.connected_records(), 0);
}

#[test]
fn a_second_whip_publish_without_a_socket_is_a_newer_join() {
    check(&[
        (open(), ""),
        (
            publish(1, who("ana")),
            "session 1 starts; ana JOINED; admitted 1",
        ),
        (up(1), "ana PUBLISH_STARTED"),
        (join(2, who("ben")), "ben JOINED; joined 1 [ana]"),
        (publish(3, who("ben")), "admitted 1"),
        (up(3), "ben PUBLISH_STARTED; roster [ana ben] to c2"),
        (subscribe(4, who("ana"), "ben"), "admitted 1 from c3"),
        (up(4), "ana SUBSCRIBE_STARTED ben"),
        (
            publish(5, who("ana")),
            "ana PUBLISH_STOPPED; ana SUBSCRIBE_STOPPED ben; ana LEFT; ana JOINED; admitted 1; \
             close c1 token-reused; close c4 token-reused; roster [ben] to c2",
        ),
        (up(5), "ana PUBLISH_STARTED; roster [ana ben] to c2"),
    ]);
}

#[test]
fn a_whip_publish_joins_what_a_subscriber_has_without_a_socket() {
    check(&[
        (open(), ""),
        (
            publish(1, who("ana")),
            "session 1 starts; ana JOINED; admitted 1",
        ),
        (up(1), "ana PUBLISH_STARTED"),
        (
            subscribe(2, who("ben"), "ana"),
            "ben JOINED; admitted 1 from c1",
        ),
        (publish(3, who("ben")), "admitted 1"),
        (closed(2), ""),
        (closed(3), "ben LEFT"),
    ]);
}

#[test]
fn t30_a_disconnected_participant_never_comes_back() {
    check(&[
        (open(), ""),
        (
            join(1, who("ana")),
            "session 1 starts; ana JOINED; joined 1 []",
        ),
        (publish(2, who("ana")), "admitted 1"),
        (up(2), "ana PUBLISH_STARTED; roster [ana] to c1"),
        (join(3, who("ben")), "ben JOINED; joined 1 [ana]"),
        (subscribe(4, who("ben"), "ana"), "admitted 1 from c2"),
        (up(4), "ben SUBSCRIBE_STARTED ana"),
        (
            Act::Disconnect("ana"),
            "ana PUBLISH_STOPPED; ben SUBSCRIBE_STOPPED ana; ana LEFT; close c4 unknown; \
             close c2 participant-disconnected; close c1 participant-disconnected; roster [] to c3",
        ),
        (Act::Knock(who("ana")), "refused ParticipantDisconnected"),
        (join(5, who("ana")), "refused ParticipantDisconnected"),
        (publish(6, who("ana")), "refused ParticipantDisconnected"),
        (
            subscribe(7, who("ana"), "ben"),
            "refused ParticipantDisconnected",
        ),
        (
            join(8, who("ana").expires(-1)),
            "refused ParticipantDisconnected",
        ),
        (Act::Disconnect("ana"), ""),
        (
            subscribe(9, who("ben"), "ana"),
            "refused PublisherNotPublishing { retry_after: 1s }",
        ),
    ]);
}

#[test]
fn t30_a_ban_holds_after_a_restart_and_for_those_who_never_joined() {
    check(&[
        (Act::Open(&["ana"]), ""),
        (join(1, who("ana")), "refused ParticipantDisconnected"),
        (Act::Disconnect("ben"), ""),
        (publish(2, who("ben")), "refused ParticipantDisconnected"),
        (record("ana"), "no record"),
        (record("ben"), "no record"),
    ]);
}

#[test]
fn a_later_door_fills_in_what_the_first_did_not_say_of_the_client() {
    check(&[
        (open(), ""),
        (
            join(1, who("ana").uses("", "Firefox")),
            "session 1 starts; ana JOINED; joined 1 []",
        ),
        (record("ana"), "CONNECTED since 0 browser=Firefox"),
        (publish(2, who("ana").uses("Linux", "Chrome")), "admitted 1"),
        (record("ana"), "CONNECTED since 0 os=Linux browser=Firefox"),
        (closed(1), ""),
        (closed(2), "ana LEFT"),
        (
            join(3, who("ana").uses("Mac", "Safari")),
            "ana JOINED; joined 1 []",
        ),
        (record("ana"), "CONNECTED since 0 os=Linux browser=Firefox"),
    ]);
}

#[test]
fn a_stage_with_all_seats_taken_refuses_another_socket() {
    let settings = Settings {
        subscribers_per_stage_max: 1,
        publishers_per_stage_max: 1,
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
            (join(2, who("ben")), "ben JOINED; joined 1 []"),
            (
                join(3, who("cleo")),
                "cleo JOIN_ERROR QUOTA_EXCEEDED; refused QuotaExceeded",
            ),
            (record("cleo"), "no record"),
            (
                join(4, who("ben")),
                "ben LEFT; ben JOINED; joined 1 []; close c2 token-reused",
            ),
            (closed(4), "ben LEFT"),
            (join(5, who("cleo")), "cleo JOINED; joined 1 []"),
        ],
    );
}

#[test]
fn a_stage_without_any_quota_still_begins_no_empty_session() {
    let settings = Settings {
        subscribers_per_stage_max: 0,
        publishers_per_stage_max: 0,
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
            (
                publish(2, who("ana")),
                "ana PUBLISH_ERROR QUOTA_EXCEEDED; refused QuotaExceeded",
            ),
            (closed(1), "ana LEFT"),
            (after(180), "session 1 ends"),
        ],
    );
}

#[test]
fn a_fault_of_a_socket_is_a_leave() {
    check(&[
        (open(), ""),
        (
            join(1, who("ana")),
            "session 1 starts; ana JOINED; joined 1 []",
        ),
        (up(1), ""),
        (fault(1, ErrorCode::InternalServerException), "ana LEFT"),
    ]);
}

#[test]
fn nothing_waits_on_a_stage_where_people_only_hold_sockets() {
    let mut run = Run::new(Settings {
        setup_timeout: Duration::from_secs(1),
        ..Settings::default()
    });
    run.act(open());
    run.act(join(1, who("ana")));
    assert_eq!(run.poll_timeout(), None);
}

#[test]
fn a_full_stage_of_ten_thousand_viewers_is_told_and_emptied() {
    let mut run = Run::new(Settings::default());
    run.act(open());
    run.act(publish(1, who("ana")));
    run.act(up(1));
    for viewer in 0..10_000 {
        let who = who(format!("viewer-{viewer}").leak()).only_subscribes();
        let connection = 10 + viewer * 2;
        assert_eq!(run.act(join(connection, who.clone())).len(), 2);
        let admitted = run.act(subscribe(connection + 1, who, "ana"));
        assert_eq!(admitted, ["admitted 1 from c1"]);
        run.act(up(connection + 1));
    }
    let one_more = run.act(subscribe(5, who("late"), "ana"));
    assert_eq!(
        one_more.join("; "),
        "late JOINED; late SUBSCRIBE_ERROR ana QUOTA_EXCEEDED; late LEFT; refused QuotaExceeded"
    );
    // The publisher's stop, its leave, and for each viewer a stop, a close and its place in one roster.
    assert_eq!(run.act(closed(1)).len(), 2 + 10_000 * 2 + 1);
    assert_eq!(run.connected_records(), 10_000);
}

// T63
#[test]
fn whoever_left_first_is_forgotten_beyond_the_bound_and_comes_back_anew() {
    let settings = Settings {
        disconnected_remembered_max: 1,
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
            (join(2, who("ben")), "ben JOINED; joined 1 []"),
            (join(3, who("cleo")), "cleo JOINED; joined 1 []"),
            (closed(1), "ana LEFT"),
            (
                subscribe(4, who("cleo"), "ana"),
                "refused PublisherNotPublishing { retry_after: 1s }",
            ),
            (closed(2), "ben LEFT"),
            (
                subscribe(5, who("cleo"), "ana"),
                "cleo SUBSCRIBE_ERROR ana PUBLISHER_NOT_FOUND; refused PublisherNotFound",
            ),
            (
                subscribe(6, who("cleo"), "ben"),
                "refused PublisherNotPublishing { retry_after: 1s }",
            ),
            (after(7), ""),
            (join(7, who("ben")), "ben JOINED; joined 1 []"),
            (join(8, who("ana")), "ana JOINED; joined 1 []"),
            (record("ben"), "CONNECTED since 0"),
            (record("ana"), "CONNECTED since 7"),
        ],
    );
}

#[test]
fn where_nobody_is_remembered_a_newer_join_still_takes_over() {
    let settings = Settings {
        disconnected_remembered_max: 0,
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
            (
                join(2, who("ana")),
                "ana LEFT; ana JOINED; joined 1 []; close c1 token-reused",
            ),
            (closed(2), "ana LEFT"),
            (after(180), "session 1 ends"),
        ],
    );
}
