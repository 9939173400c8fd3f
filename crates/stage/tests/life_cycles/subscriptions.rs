//! Subscriptions: whom one may receive, replacement, end.

use model::ErrorCode;
use stage::Settings;

use crate::steps::{
    Act, after, check, check_with, closed, fault, join, open, publish, record, silent, subscribe,
    up, who,
};

/// ana publishes by connection 1, without a socket.
fn with_ana(rows: &[(Act, &str)]) {
    with_ana_and(Settings::default(), rows);
}

fn with_ana_and(settings: Settings, rows: &[(Act, &str)]) {
    let mut all = vec![
        (open(), ""),
        (
            publish(1, who("ana")),
            "session 1 starts; ana JOINED; admitted 1",
        ),
        (up(1), "ana PUBLISH_STARTED"),
    ];
    all.extend_from_slice(rows);
    check_with(settings, &all);
}

#[test]
fn a_subscription_is_on_the_list_while_its_media_is_up() {
    with_ana(&[
        (join(2, who("ben")), "ben JOINED; joined 1 [ana]"),
        (subscribe(3, who("ben"), "ana"), "admitted 1 from c1"),
        (up(3), "ben SUBSCRIBE_STARTED ana"),
        (up(3), ""),
        (closed(3), "ben SUBSCRIBE_STOPPED ana"),
        (closed(3), ""),
        (subscribe(4, who("ben"), "ana"), "admitted 1 from c1"),
        (silent(4), ""),
    ]);
}

#[test]
fn a_subscriber_without_a_socket_joins_by_subscribing_and_leaves_by_stopping() {
    with_ana(&[
        (
            subscribe(2, who("ben"), "ana"),
            "ben JOINED; admitted 1 from c1",
        ),
        (up(2), "ben SUBSCRIBE_STARTED ana"),
        (silent(2), "ben SUBSCRIBE_STOPPED ana; ben LEFT"),
        (record("ben"), "DISCONNECTED since 0"),
    ]);
}

#[test]
fn t29_a_token_without_the_capability_does_not_subscribe() {
    let ben = || who("ben").only_publishes();
    with_ana(&[
        (
            subscribe(2, ben(), "ana"),
            "ben JOINED; ben SUBSCRIBE_ERROR ana INSUFFICIENT_CAPABILITIES; ben LEFT; refused InsufficientCapabilities",
        ),
        (join(3, ben()), "ben JOINED; joined 1 [ana]"),
        (
            subscribe(4, ben(), "ana"),
            "ben SUBSCRIBE_ERROR ana INSUFFICIENT_CAPABILITIES; refused InsufficientCapabilities",
        ),
        (record("ben"), "CONNECTED since 0"),
    ]);
}

#[test]
fn a_participant_does_not_receive_itself() {
    with_ana(&[
        (subscribe(2, who("ana"), "ana"), "refused SelfSubscribe"),
        (subscribe(3, who("ben"), "ben"), "refused SelfSubscribe"),
        (record("ben"), "no record"),
    ]);
}

#[test]
fn a_publisher_that_was_never_in_the_session_is_not_found() {
    with_ana(&[
        (
            subscribe(2, who("ben"), "cleo"),
            "ben JOINED; ben SUBSCRIBE_ERROR cleo PUBLISHER_NOT_FOUND; ben LEFT; refused PublisherNotFound",
        ),
        (join(3, who("ben")), "ben JOINED; joined 1 [ana]"),
        (
            subscribe(4, who("ben"), "cleo"),
            "ben SUBSCRIBE_ERROR cleo PUBLISHER_NOT_FOUND; refused PublisherNotFound",
        ),
    ]);
}

#[test]
fn without_a_session_no_publisher_is_found_and_none_begins() {
    check(&[
        (open(), ""),
        (subscribe(1, who("ben"), "ana"), "refused PublisherNotFound"),
        (record("ben"), "no record"),
        (
            join(2, who("ben")),
            "session 1 starts; ben JOINED; joined 1 []",
        ),
    ]);
}

#[test]
fn a_publisher_that_is_not_publishing_is_worth_another_try() {
    with_ana(&[
        (join(2, who("ben")), "ben JOINED; joined 1 [ana]"),
        (
            subscribe(3, who("cleo"), "ben"),
            "refused PublisherNotPublishing { retry_after: 1s }",
        ),
        (record("cleo"), "no record"),
        (publish(4, who("ben")), "admitted 1"),
        (
            subscribe(5, who("cleo"), "ben"),
            "refused PublisherNotPublishing { retry_after: 1s }",
        ),
        (up(4), "ben PUBLISH_STARTED; roster [ana ben] to c2"),
        (
            subscribe(6, who("cleo"), "ben"),
            "cleo JOINED; admitted 1 from c4",
        ),
        (
            closed(1),
            "ana PUBLISH_STOPPED; ana LEFT; roster [ben] to c2",
        ),
        (
            subscribe(7, who("cleo"), "ana"),
            "refused PublisherNotPublishing { retry_after: 1s }",
        ),
    ]);
}

#[test]
fn a_second_subscription_to_the_same_publisher_replaces_the_first() {
    with_ana(&[
        (
            subscribe(2, who("ben"), "ana"),
            "ben JOINED; admitted 1 from c1",
        ),
        (up(2), "ben SUBSCRIBE_STARTED ana"),
        (
            subscribe(3, who("ben"), "ana"),
            "ben SUBSCRIBE_STOPPED ana; admitted 1 from c1; close c2 token-reused",
        ),
        (
            subscribe(4, who("ben"), "ana"),
            "admitted 1 from c1; close c3 token-reused",
        ),
        (up(3), ""),
        (up(4), "ben SUBSCRIBE_STARTED ana"),
        (record("ben"), "CONNECTED since 0"),
    ]);
}

#[test]
fn one_participant_receives_several_publishers() {
    with_ana(&[
        (publish(2, who("cleo")), "cleo JOINED; admitted 1"),
        (up(2), "cleo PUBLISH_STARTED"),
        (
            subscribe(3, who("ben"), "ana"),
            "ben JOINED; admitted 1 from c1",
        ),
        (subscribe(4, who("ben"), "cleo"), "admitted 1 from c2"),
        (up(3), "ben SUBSCRIBE_STARTED ana"),
        (up(4), "ben SUBSCRIBE_STARTED cleo"),
        (
            closed(1),
            "ana PUBLISH_STOPPED; ben SUBSCRIBE_STOPPED ana; ana LEFT; close c3 unknown",
        ),
        (closed(4), "ben SUBSCRIBE_STOPPED cleo; ben LEFT"),
    ]);
}

#[test]
fn the_quota_counts_participants_that_receive_somebody() {
    let settings = Settings {
        subscribers_per_stage_max: 1,
        ..Settings::default()
    };
    with_ana_and(
        settings,
        &[
            (publish(2, who("cleo")), "cleo JOINED; admitted 1"),
            (up(2), "cleo PUBLISH_STARTED"),
            (
                subscribe(3, who("ben"), "ana"),
                "ben JOINED; admitted 1 from c1",
            ),
            (subscribe(4, who("ben"), "cleo"), "admitted 1 from c2"),
            (
                subscribe(5, who("cleo"), "ana"),
                "cleo SUBSCRIBE_ERROR ana QUOTA_EXCEEDED; refused QuotaExceeded",
            ),
            (
                subscribe(6, who("dan"), "ana"),
                "dan JOINED; dan SUBSCRIBE_ERROR ana QUOTA_EXCEEDED; dan LEFT; refused QuotaExceeded",
            ),
            (closed(3), ""),
            (closed(4), "ben LEFT"),
            (subscribe(7, who("cleo"), "ana"), "admitted 1 from c1"),
        ],
    );
}

#[test]
fn a_subscription_that_fails_is_an_error_before_it_stops() {
    with_ana(&[
        (
            subscribe(2, who("ben"), "ana"),
            "ben JOINED; admitted 1 from c1",
        ),
        (up(2), "ben SUBSCRIBE_STARTED ana"),
        (
            fault(2, ErrorCode::InternalServerException),
            "ben SUBSCRIBE_ERROR ana INTERNAL_SERVER_EXCEPTION; ben SUBSCRIBE_STOPPED ana; ben LEFT",
        ),
        (
            subscribe(3, who("ben"), "ana"),
            "ben JOINED; admitted 1 from c1",
        ),
        (
            fault(3, ErrorCode::InternalServerException),
            "ben SUBSCRIBE_ERROR ana INTERNAL_SERVER_EXCEPTION; ben LEFT",
        ),
    ]);
}

#[test]
fn a_subscription_whose_media_does_not_come_up_in_time_is_closed() {
    with_ana(&[
        (join(2, who("ben")), "ben JOINED; joined 1 [ana]"),
        (subscribe(3, who("ben"), "ana"), "admitted 1 from c1"),
        (
            subscribe(4, who("cleo"), "ana"),
            "cleo JOINED; admitted 1 from c1",
        ),
        (after(30), "cleo LEFT; close c3 unknown; close c4 unknown"),
    ]);
}

#[test]
fn a_subscription_lasts_no_longer_than_the_publish_that_it_receives() {
    with_ana(&[
        (after(3_600), ""),
        (join(2, who("ben")), "ben JOINED; joined 1 [ana]"),
        (subscribe(3, who("ben"), "ana"), "admitted 1 from c1"),
        (up(3), "ben SUBSCRIBE_STARTED ana"),
        (
            after(86_400 - 3_600),
            "ana PUBLISH_ERROR STREAM_DURATION_EXCEEDED; ana PUBLISH_STOPPED; ben SUBSCRIBE_STOPPED ana; ana LEFT; \
             close c1 unknown; close c3 unknown; roster [] to c2",
        ),
    ]);
}

#[test]
fn a_subscription_lasts_a_day() {
    // Both are due at once, and the connection that was made first is looked at first.
    check(&[
        (open(), ""),
        (
            publish(9, who("ana")),
            "session 1 starts; ana JOINED; admitted 1",
        ),
        (up(9), "ana PUBLISH_STARTED"),
        (
            subscribe(3, who("ben"), "ana"),
            "ben JOINED; admitted 1 from c9",
        ),
        (up(3), "ben SUBSCRIBE_STARTED ana"),
        (
            after(86_400),
            "ben SUBSCRIBE_ERROR ana STREAM_DURATION_EXCEEDED; ben SUBSCRIBE_STOPPED ana; ben LEFT; \
             ana PUBLISH_ERROR STREAM_DURATION_EXCEEDED; ana PUBLISH_STOPPED; ana LEFT; \
             close c3 unknown; close c9 unknown",
        ),
    ]);
}
