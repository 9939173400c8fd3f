//! Publishes: capability, offer, quota, start, replacement, end.

use std::time::Duration;

use model::ErrorCode;
use stage::Settings;

use crate::steps::{
    Run, after, check, check_with, closed, fault, faulty_publish, join, mute, open, publish,
    record, sleep, subscribe, up, who,
};

#[test]
fn a_publish_is_on_the_list_and_on_the_roster_once_its_media_is_up() {
    check(&[
        (open(), ""),
        (
            join(1, who("ana")),
            "session 1 starts; ana JOINED; joined 1 []",
        ),
        (publish(2, who("ana")), "admitted 1"),
        (record("ana"), "CONNECTED since 0"),
        (join(3, who("ben")), "ben JOINED; joined 1 []"),
        (up(2), "ana PUBLISH_STARTED; roster [ana] to c1 c3"),
        (up(2), ""),
        (record("ana"), "CONNECTED since 0 published publishing WHIP"),
        (closed(2), "ana PUBLISH_STOPPED; roster [] to c1 c3"),
        (closed(2), ""),
        (up(2), ""),
        (record("ana"), "CONNECTED since 0 published WHIP"),
    ]);
}

#[test]
fn a_whip_publisher_joins_by_publishing_and_leaves_by_stopping() {
    check(&[
        (open(), ""),
        (
            publish(1, who("ana")),
            "session 1 starts; ana JOINED; admitted 1",
        ),
        (up(1), "ana PUBLISH_STARTED"),
        (closed(1), "ana PUBLISH_STOPPED; ana LEFT"),
        (record("ana"), "DISCONNECTED since 0 published WHIP"),
        (after(180), "session 1 ends"),
    ]);
}

#[test]
fn t29_a_token_without_the_capability_does_not_publish() {
    let ana = || who("ana").only_subscribes();
    check(&[
        (open(), ""),
        (
            publish(1, ana()),
            "session 1 starts; ana JOINED; ana PUBLISH_ERROR INSUFFICIENT_CAPABILITIES; ana LEFT; \
             refused InsufficientCapabilities",
        ),
        (record("ana"), "DISCONNECTED since 0"),
        (join(2, ana()), "ana JOINED; joined 1 []"),
        (
            publish(3, ana()),
            "ana PUBLISH_ERROR INSUFFICIENT_CAPABILITIES; refused InsufficientCapabilities",
        ),
        (
            faulty_publish(4, ana(), ErrorCode::InvalidVideoCodec),
            "ana PUBLISH_ERROR INSUFFICIENT_CAPABILITIES; refused InsufficientCapabilities",
        ),
        (record("ana"), "CONNECTED since 0"),
    ]);
}

#[test]
fn an_unacceptable_offer_is_refused_with_its_code() {
    for code in [ErrorCode::InvalidVideoCodec, ErrorCode::InvalidAudioCodec] {
        let error = format!("ana PUBLISH_ERROR {}; ", code.as_str());
        let refused = format!("refused Offer({code:?})");
        check(&[
            (open(), ""),
            (
                faulty_publish(1, who("ana"), code),
                &format!("session 1 starts; ana JOINED; {error}ana LEFT; {refused}"),
            ),
            (join(2, who("ana")), "ana JOINED; joined 1 []"),
            (
                faulty_publish(3, who("ana"), code),
                &format!("{error}{refused}"),
            ),
            (closed(2), "ana LEFT"),
            (after(180), "session 1 ends"),
        ]);
    }
}

#[test]
fn the_thirteenth_publisher_is_over_the_quota() {
    let names: [&str; 12] = [
        "p01", "p02", "p03", "p04", "p05", "p06", "p07", "p08", "p09", "p10", "p11", "p12",
    ];
    let mut run = Run::new(Settings::default());
    run.act(open());
    for (connection, name) in (1..).zip(names) {
        assert!(
            run.act(publish(connection, who(name)))
                .contains(&"admitted 1".to_owned())
        );
    }
    // Those whose media is not up yet count.
    let refused = run.act(publish(13, who("p13"))).join("; ");
    assert_eq!(
        refused,
        "p13 JOINED; p13 PUBLISH_ERROR QUOTA_EXCEEDED; p13 LEFT; refused QuotaExceeded"
    );
    // One's own publish is no obstacle to its successor.
    let replaced = run.act(publish(14, who("p12"))).join("; ");
    assert_eq!(
        replaced,
        "p12 LEFT; p12 JOINED; admitted 1; close c12 token-reused"
    );
    run.act(closed(14));
    let admitted = run.act(publish(15, who("p13"))).join("; ");
    assert_eq!(admitted, "p13 JOINED; admitted 1");
}

#[test]
fn a_refused_publish_evicts_nobody() {
    let settings = Settings {
        publishers_per_stage_max: 1,
        ..Settings::default()
    };
    check_with(
        settings,
        &[
            (open(), ""),
            (
                publish(1, who("ana")),
                "session 1 starts; ana JOINED; admitted 1",
            ),
            (up(1), "ana PUBLISH_STARTED"),
            (
                faulty_publish(2, who("ana"), ErrorCode::InvalidAudioCodec),
                "ana PUBLISH_ERROR INVALID_AUDIO_CODEC; refused Offer(InvalidAudioCodec)",
            ),
            (
                publish(3, who("ana").only_subscribes()),
                "ana PUBLISH_ERROR INSUFFICIENT_CAPABILITIES; refused InsufficientCapabilities",
            ),
            (
                publish(4, who("ben")),
                "ben JOINED; ben PUBLISH_ERROR QUOTA_EXCEEDED; ben LEFT; refused QuotaExceeded",
            ),
            (record("ana"), "CONNECTED since 0 published publishing WHIP"),
        ],
    );
}

#[test]
fn a_second_publish_beside_a_socket_replaces_only_the_publish() {
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
        (
            publish(4, who("ana")),
            "ana PUBLISH_STOPPED; ben SUBSCRIBE_STOPPED ana; ben LEFT; admitted 1; close c3 unknown; \
             close c2 token-reused; roster [] to c1",
        ),
        (publish(5, who("ana")), "admitted 1; close c4 token-reused"),
        (up(5), "ana PUBLISH_STARTED; roster [ana] to c1"),
    ]);
}

#[test]
fn a_publish_that_breaks_a_rule_is_an_error_before_it_stops() {
    for code in [
        ErrorCode::BitrateExceeded,
        ErrorCode::ResolutionExceeded,
        ErrorCode::BFramePresent,
        ErrorCode::InternalServerException,
    ] {
        let word = code.as_str();
        check(&[
            (open(), ""),
            (
                join(1, who("ana")),
                "session 1 starts; ana JOINED; joined 1 []",
            ),
            (publish(2, who("ana")), "admitted 1"),
            (up(2), "ana PUBLISH_STARTED; roster [ana] to c1"),
            (
                fault(2, code),
                &format!("ana PUBLISH_ERROR {word}; ana PUBLISH_STOPPED; roster [] to c1"),
            ),
            (publish(3, who("ana")), "admitted 1"),
            (fault(3, code), &format!("ana PUBLISH_ERROR {word}")),
            (publish(4, who("ben")), "ben JOINED; admitted 1"),
            (
                fault(4, code),
                &format!("ben PUBLISH_ERROR {word}; ben LEFT"),
            ),
        ]);
    }
}

#[test]
fn media_that_does_not_come_up_in_time_is_closed_without_a_code() {
    check(&[
        (open(), ""),
        (
            join(1, who("ana")),
            "session 1 starts; ana JOINED; joined 1 []",
        ),
        (publish(2, who("ana")), "admitted 1"),
        (publish(3, who("ben")), "ben JOINED; admitted 1"),
        (after(29), ""),
        (after(1), "ben LEFT; close c2 unknown; close c3 unknown"),
        (record("ben"), "DISCONNECTED since 0"),
        (up(2), ""),
        (closed(3), ""),
    ]);
}

#[test]
fn media_that_comes_up_after_its_time_on_a_host_that_slept_is_closed() {
    check(&[
        (open(), ""),
        (
            publish(1, who("ana")),
            "session 1 starts; ana JOINED; admitted 1",
        ),
        (sleep(30), ""),
        (up(1), "ana LEFT; close c1 unknown"),
    ]);
}

#[test]
fn a_publish_lasts_a_day_from_when_its_media_is_up() {
    check(&[
        (open(), ""),
        (
            join(1, who("ana")),
            "session 1 starts; ana JOINED; joined 1 []",
        ),
        (publish(2, who("ana")), "admitted 1"),
        (after(20), ""),
        (up(2), "ana PUBLISH_STARTED; roster [ana] to c1"),
        (after(60), ""),
        (up(2), ""),
        (after(86_400 - 61), ""),
        (
            after(1),
            "ana PUBLISH_ERROR STREAM_DURATION_EXCEEDED; ana PUBLISH_STOPPED; close c2 unknown; roster [] to c1",
        ),
        (publish(3, who("ana")), "admitted 1"),
    ]);
}

#[test]
fn a_publisher_that_leaves_takes_the_subscriptions_to_it_along() {
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
        (up(2), "ben SUBSCRIBE_STARTED ana"),
        (join(3, who("cleo")), "cleo JOINED; joined 1 [ana]"),
        (subscribe(4, who("cleo"), "ana"), "admitted 1 from c1"),
        (
            closed(1),
            "ana PUBLISH_STOPPED; ben SUBSCRIBE_STOPPED ana; ben LEFT; ana LEFT; close c2 unknown; \
             close c4 unknown; roster [] to c3",
        ),
        (record("cleo"), "CONNECTED since 0"),
    ]);
}

#[test]
fn two_publishers_that_receive_each_other_end_one_at_a_time() {
    check(&[
        (open(), ""),
        (
            publish(1, who("ana")),
            "session 1 starts; ana JOINED; admitted 1",
        ),
        (publish(2, who("ben")), "ben JOINED; admitted 1"),
        (up(1), "ana PUBLISH_STARTED"),
        (up(2), "ben PUBLISH_STARTED"),
        (subscribe(3, who("ana"), "ben"), "admitted 1 from c2"),
        (subscribe(4, who("ben"), "ana"), "admitted 1 from c1"),
        (up(3), "ana SUBSCRIBE_STARTED ben"),
        (up(4), "ben SUBSCRIBE_STARTED ana"),
        (
            closed(1),
            "ana PUBLISH_STOPPED; ben SUBSCRIBE_STOPPED ana; close c4 unknown",
        ),
        (
            closed(2),
            "ben PUBLISH_STOPPED; ana SUBSCRIBE_STOPPED ben; ana LEFT; ben LEFT; close c3 unknown",
        ),
    ]);
}

#[test]
fn limits_of_time_can_be_set() {
    let settings = Settings {
        setup_timeout: Duration::from_secs(2),
        stream_duration_max: Duration::from_secs(5),
        ..Settings::default()
    };
    check_with(
        settings,
        &[
            (open(), ""),
            (
                publish(1, who("ana")),
                "session 1 starts; ana JOINED; admitted 1",
            ),
            (after(1), ""),
            (up(1), "ana PUBLISH_STARTED"),
            (after(4), ""),
            (
                after(1),
                "ana PUBLISH_ERROR STREAM_DURATION_EXCEEDED; ana PUBLISH_STOPPED; ana LEFT; close c1 unknown",
            ),
            (publish(2, who("ana")), "ana JOINED; admitted 1"),
            (after(2), "ana LEFT; close c2 unknown"),
        ],
    );
}

#[test]
fn what_a_publisher_mutes_is_on_the_roster_from_its_first_publish_until_it_leaves() {
    check(&[
        (open(), ""),
        (
            join(1, who("ben")),
            "session 1 starts; ben JOINED; joined 1 []",
        ),
        (join(2, who("ana")), "ana JOINED; joined 1 []"),
        (mute(2, true, false), ""),
        (publish(3, who("ana")), "admitted 1"),
        (
            up(3),
            "ana PUBLISH_STARTED; roster [ana without audio] to c2 c1",
        ),
        (mute(2, true, false), ""),
        (
            mute(2, true, true),
            "roster [ana without anything] to c2 c1",
        ),
        (
            join(4, who("cat")),
            "cat JOINED; joined 1 [ana without anything]",
        ),
        (closed(3), "ana PUBLISH_STOPPED; roster [] to c2 c1 c4"),
        (mute(2, false, true), ""),
        (publish(5, who("ana")), "admitted 1"),
        (
            up(5),
            "ana PUBLISH_STARTED; roster [ana without video] to c2 c1 c4",
        ),
        (mute(2, false, false), "roster [ana] to c2 c1 c4"),
        (
            mute(2, true, false),
            "roster [ana without audio] to c2 c1 c4",
        ),
        (closed(2), ""),
        (
            closed(5),
            "ana PUBLISH_STOPPED; ana LEFT; roster [] to c1 c4",
        ),
        (publish(6, who("ana")), "ana JOINED; admitted 1"),
        (up(6), "ana PUBLISH_STARTED; roster [ana] to c1 c4"),
    ]);
}

#[test]
fn only_a_socket_that_is_there_mutes() {
    check(&[
        (open(), ""),
        (
            join(1, who("ben")),
            "session 1 starts; ben JOINED; joined 1 []",
        ),
        (publish(2, who("ana")), "ana JOINED; admitted 1"),
        (up(2), "ana PUBLISH_STARTED; roster [ana] to c1"),
        (mute(2, true, true), ""),
        (mute(9, true, true), ""),
        (mute(1, true, true), ""),
        (join(3, who("cat")), "cat JOINED; joined 1 [ana]"),
    ]);
}
