//! Exchanges: one token takes the place of another while its participant stays.

use stage::LeftReason;

use crate::steps::{
    Act, Token, after, check, closed, exchange, join, open, publish, record, subscribe, up, who,
};

/// A token that Ana's own back end has signed.
fn ana() -> Token {
    who("ana").signed().expires(100)
}

/// Ana and Ben have a socket each and publish, and each receives the other.
fn both_publish() -> Vec<(Act, &'static str)> {
    vec![
        (open(), ""),
        (join(1, ana()), "session 1 starts; ana JOINED; joined 1 []"),
        (join(2, who("ben")), "ben JOINED; joined 1 []"),
        (publish(3, ana()), "admitted 1"),
        (up(3), "ana PUBLISH_STARTED; roster [ana] to c1 c2"),
        (publish(4, who("ben")), "admitted 1"),
        (up(4), "ben PUBLISH_STARTED; roster [ana ben] to c1 c2"),
        (subscribe(5, ana(), "ben"), "admitted 1 from c4"),
        (up(5), "ana SUBSCRIBE_STARTED ben"),
        (subscribe(6, who("ben"), "ana"), "admitted 1 from c3"),
        (up(6), "ben SUBSCRIBE_STARTED ana"),
    ]
}

#[test]
fn a_publisher_that_is_somebody_else_is_told_of_at_once_and_goes_on() {
    let mut rows = both_publish();
    rows.extend([
        (
            exchange(1, ana().named("host").expires(200)),
            "ana TOKEN_EXCHANGED both until 100 for both until 200 as host; exchanged; \
             roster [ana as host ben] to c1 c2",
        ),
        (
            record("ana"),
            "CONNECTED since 0 published publishing WHIP as host",
        ),
        (
            exchange(1, ana()),
            "ana TOKEN_EXCHANGED both until 200 as host for both until 100; exchanged; \
             roster [ana ben] to c1 c2",
        ),
    ]);
    check(&rows);
}

#[test]
fn who_does_not_publish_exchanges_silently_and_publishes_as_who_it_is_then() {
    check(&[
        (open(), ""),
        (join(1, ana()), "session 1 starts; ana JOINED; joined 1 []"),
        (join(2, who("ben")), "ben JOINED; joined 1 []"),
        (
            exchange(1, ana().named("host")),
            "ana TOKEN_EXCHANGED both until 100 for both until 100 as host; exchanged",
        ),
        (record("ana"), "CONNECTED since 0 as host"),
        (publish(3, ana().named("host")), "admitted 1"),
        (up(3), "ana PUBLISH_STARTED; roster [ana as host] to c1 c2"),
    ]);
}

#[test]
fn a_publish_ends_with_the_capability_for_it_and_begins_again_with_it() {
    let mut rows = both_publish();
    rows.extend([
        (
            exchange(1, ana().only_subscribes()),
            "ana TOKEN_EXCHANGED both until 100 for subscribe until 100; ana PUBLISH_STOPPED; \
             ben SUBSCRIBE_STOPPED ana; exchanged; close c6 unknown; close c3 unknown; roster [ben] to c1 c2",
        ),
        (record("ana"), "CONNECTED since 0 published WHIP"),
        (
            publish(7, ana().only_subscribes()),
            "ana PUBLISH_ERROR INSUFFICIENT_CAPABILITIES; refused InsufficientCapabilities",
        ),
        (
            exchange(1, ana()),
            "ana TOKEN_EXCHANGED subscribe until 100 for both until 100; exchanged",
        ),
        (publish(8, ana()), "admitted 1"),
        (up(8), "ana PUBLISH_STARTED; roster [ana ben] to c1 c2"),
    ]);
    check(&rows);
}

#[test]
fn a_publish_whose_media_is_not_up_ends_with_the_capability_too() {
    check(&[
        (open(), ""),
        (join(1, ana()), "session 1 starts; ana JOINED; joined 1 []"),
        (publish(2, ana()), "admitted 1"),
        (
            exchange(1, ana().only_subscribes()),
            "ana TOKEN_EXCHANGED both until 100 for subscribe until 100; exchanged; close c2 unknown",
        ),
        (up(2), ""),
    ]);
}

#[test]
fn subscriptions_end_with_the_capability_for_them_and_nothing_else_does() {
    let mut rows = both_publish();
    rows.extend([
        (
            exchange(1, ana().only_publishes()),
            "ana TOKEN_EXCHANGED both until 100 for publish until 100; ana SUBSCRIBE_STOPPED ben; exchanged; \
             close c5 unknown",
        ),
        (
            subscribe(7, ana().only_publishes(), "ben"),
            "ana SUBSCRIBE_ERROR ben INSUFFICIENT_CAPABILITIES; refused InsufficientCapabilities",
        ),
        (
            exchange(1, ana()),
            "ana TOKEN_EXCHANGED publish until 100 for both until 100; exchanged",
        ),
        (subscribe(8, ana(), "ben"), "admitted 1 from c4"),
    ]);
    check(&rows);
}

#[test]
fn no_other_token_gives_what_the_exchanged_one_does_not_while_the_socket_is_there() {
    check(&[
        (open(), ""),
        (join(1, ana()), "session 1 starts; ana JOINED; joined 1 []"),
        (
            exchange(1, ana().only_subscribes()),
            "ana TOKEN_EXCHANGED both until 100 for subscribe until 100; exchanged",
        ),
        (
            publish(2, ana()),
            "ana PUBLISH_ERROR INSUFFICIENT_CAPABILITIES; refused InsufficientCapabilities",
        ),
        (
            exchange(1, ana().only_publishes()),
            "ana TOKEN_EXCHANGED subscribe until 100 for publish until 100; exchanged",
        ),
        (
            subscribe(3, ana(), "ben"),
            "ana SUBSCRIBE_ERROR ben INSUFFICIENT_CAPABILITIES; refused InsufficientCapabilities",
        ),
        // What it does give counts for the older token as well: it is one presence.
        (publish(4, ana().only_subscribes()), "admitted 1"),
        (closed(1), ""),
        // Without the socket each token counts for itself again.
        (
            publish(5, ana().only_subscribes()),
            "ana PUBLISH_ERROR INSUFFICIENT_CAPABILITIES; refused InsufficientCapabilities",
        ),
        (closed(4), "ana LEFT"),
        (join(6, ana()), "ana JOINED; joined 1 []"),
        (publish(7, ana()), "admitted 1"),
    ]);
}

#[test]
fn a_socket_that_joins_what_media_has_begun_says_who_it_is() {
    check(&[
        (open(), ""),
        (
            publish(1, ana().named("host")),
            "session 1 starts; ana JOINED; admitted 1",
        ),
        (join(2, who("ben")), "ben JOINED; joined 1 []"),
        (up(1), "ana PUBLISH_STARTED; roster [ana as host] to c2"),
        (join(3, ana()), "joined 1 [ana]; roster [ana] to c2"),
        (record("ana"), "CONNECTED since 0 published publishing WHIP"),
    ]);
}

#[test]
fn only_tokens_that_a_customer_has_signed_for_this_participant_and_stage_are_exchanged() {
    check(&[
        (open(), ""),
        (Act::OpenOther("second"), ""),
        (join(1, ana()), "session 1 starts; ana JOINED; joined 1 []"),
        (exchange(1, who("ana")), "refused Exchange(NotSelfSigned)"),
        (
            exchange(1, who("ben").signed()),
            "refused Exchange(OtherParticipant)",
        ),
        (
            exchange(1, ana().on("second")),
            "refused Exchange(OtherStage)",
        ),
        (exchange(1, ana().on("third")), "refused StageNotFound"),
        (exchange(1, ana().expires(0)), "refused TokenExpired"),
        (publish(2, ana()), "admitted 1"),
        // Only a socket has a token to exchange, and only while it is there.
        (exchange(2, ana()), "refused Exchange(NotJoined)"),
        (exchange(9, ana()), "refused Exchange(NotJoined)"),
        (join(3, who("ben")), "ben JOINED; joined 1 []"),
        (
            exchange(3, who("ben").signed()),
            "refused Exchange(NotSelfSigned)",
        ),
        (closed(1), ""),
        (exchange(1, ana()), "refused Exchange(NotJoined)"),
        // A refusal changes nothing by itself.
        (record("ana"), "CONNECTED since 0"),
    ]);
}

#[test]
fn a_token_that_has_ended_can_be_exchanged_and_a_ban_cannot_be_escaped() {
    check(&[
        (open(), ""),
        (join(1, ana()), "session 1 starts; ana JOINED; joined 1 []"),
        (after(150), ""),
        (
            exchange(1, ana().expires(300)),
            "ana TOKEN_EXCHANGED both until 100 for both until 300; exchanged",
        ),
        (
            Act::Disconnect("ana"),
            "ana LEFT; close c1 participant-disconnected",
        ),
        (
            exchange(1, ana().expires(300)),
            "refused ParticipantDisconnected",
        ),
        (Act::Shutdown, "session 1 ends"),
        (exchange(1, ana()), "refused ShuttingDown"),
    ]);
}

#[test]
fn who_is_put_out_loses_everything_and_may_come_back() {
    let mut rows = both_publish();
    rows.extend([
        (
            Act::PutOut(1, LeftReason::FailedExchange),
            "ana PUBLISH_STOPPED; ben SUBSCRIBE_STOPPED ana; ana SUBSCRIBE_STOPPED ben; ana LEFT; \
             close c6 unknown; close c3 failed-exchange; close c5 failed-exchange; \
             close c1 failed-exchange; roster [ben] to c2",
        ),
        (Act::PutOut(1, LeftReason::FailedExchange), ""),
        // Media is no socket.
        (Act::PutOut(4, LeftReason::FailedExchange), ""),
        (join(7, ana()), "ana JOINED; joined 1 [ben]"),
        (
            Act::PutOut(7, LeftReason::ConnectionTokenRevoked),
            "ana LEFT; close c7 real-time-connection-token-revocation",
        ),
    ]);
    check(&rows);
}
