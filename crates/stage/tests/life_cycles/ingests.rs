//! Publishes of encoders: keys, state, reconnects, redundant streams, and what the API does to them.

use model::ErrorCode;
use stage::Settings;

use crate::steps::{
    Act, after, attached, attached_as_two, check, check_with, closed, detached, fault,
    faulty_ingest, ingest, join, key, open, publish, record, silent, subscribe, up, who,
};

#[test]
fn an_encoder_joins_by_publishing_is_seen_and_leaves_by_stopping() {
    check(&[
        (open(), ""),
        (
            join(1, who("ana")),
            "session 1 starts; ana JOINED; joined 1 []",
        ),
        (
            ingest(2, key("cam")),
            "cam JOINED; cam active on first; admitted 1",
        ),
        (record("cam"), "CONNECTED since 0 by cam"),
        (
            subscribe(3, who("ana"), "cam"),
            "refused PublisherNotPublishing { retry_after: 1s }",
        ),
        (up(2), "cam PUBLISH_STARTED; roster [cam] to c1"),
        (
            record("cam"),
            "CONNECTED since 0 published publishing RTMPS by cam",
        ),
        (subscribe(4, who("ana"), "cam"), "admitted 1 from c2"),
        (up(4), "ana SUBSCRIBE_STARTED cam"),
        (
            closed(2),
            "cam PUBLISH_STOPPED; cam inactive on first; ana SUBSCRIBE_STOPPED cam; cam LEFT; \
             close c4 unknown; roster [] to c1",
        ),
        (record("cam"), "DISCONNECTED since 0 published RTMPS by cam"),
        (closed(2), ""),
    ]);
}

#[test]
fn r29_an_encoder_that_comes_back_is_the_same_participant_in_the_same_record() {
    check(&[
        (open(), ""),
        (
            ingest(1, key("cam")),
            "session 1 starts; cam JOINED; cam active on first; admitted 1",
        ),
        (up(1), "cam PUBLISH_STARTED"),
        (
            silent(1),
            "cam PUBLISH_STOPPED; cam inactive on first; cam LEFT",
        ),
        // At once, by another protocol, and with what the configuration says by then.
        (
            ingest(2, key("cam").without_tls().named("host")),
            "cam JOINED; cam active on first; admitted 1",
        ),
        (
            record("cam"),
            "CONNECTED since 0 published RTMPS by cam as host",
        ),
        (up(2), "cam PUBLISH_STARTED"),
        (
            record("cam"),
            "CONNECTED since 0 published publishing RTMP by cam as host",
        ),
        (
            closed(2),
            "cam PUBLISH_STOPPED; cam inactive on first; cam LEFT",
        ),
        (after(180), "session 1 ends"),
        (
            ingest(3, key("cam")),
            "session 2 starts; cam JOINED; cam active on first; admitted 2",
        ),
        (record("cam"), "CONNECTED since 180 by cam"),
    ]);
}

#[test]
fn t53_a_key_that_is_in_use_stays_with_whoever_has_it() {
    check(&[
        (open(), ""),
        (
            ingest(1, key("cam")),
            "session 1 starts; cam JOINED; cam active on first; admitted 1",
        ),
        (
            ingest(2, key("cam")),
            "cam PUBLISH_ERROR REUSE_OF_STREAM_KEY; refused StreamKeyInUse",
        ),
        (up(1), "cam PUBLISH_STARTED"),
        (
            ingest(3, key("cam").without_tls()),
            "cam PUBLISH_ERROR REUSE_OF_STREAM_KEY; refused StreamKeyInUse",
        ),
        (closed(2), ""),
        (
            record("cam"),
            "CONNECTED since 0 published publishing RTMPS by cam",
        ),
        (
            closed(1),
            "cam PUBLISH_STOPPED; cam inactive on first; cam LEFT",
        ),
        (
            ingest(4, key("cam")),
            "cam JOINED; cam active on first; admitted 1",
        ),
    ]);
}

#[test]
fn t54_what_the_door_finds_is_on_the_list_and_leaves_the_configuration_inactive() {
    let refused = |code: ErrorCode| (code.as_str(), format!("refused Offer({code:?})"));
    for code in [ErrorCode::InvalidProtocol, ErrorCode::InvalidStreamKey] {
        let (word, refused) = refused(code);
        check(&[
            (open(), ""),
            (
                faulty_ingest(1, key("cam").without_tls(), code),
                &format!(
                    "session 1 starts; cam JOINED; cam PUBLISH_ERROR {word}; cam LEFT; {refused}"
                ),
            ),
            (record("cam"), "DISCONNECTED since 0 by cam"),
            (
                ingest(2, key("cam")),
                "cam JOINED; cam active on first; admitted 1",
            ),
            (
                faulty_ingest(3, key("cam").without_tls(), code),
                &format!("cam PUBLISH_ERROR {word}; {refused}"),
            ),
            (up(2), "cam PUBLISH_STARTED"),
            (after(180), ""),
        ]);
    }
}

#[test]
fn a_stream_that_breaks_a_rule_is_an_error_first_and_then_gone() {
    for code in [
        ErrorCode::BFramePresent,
        ErrorCode::BitrateExceeded,
        ErrorCode::ResolutionExceeded,
        ErrorCode::InvalidAudioCodec,
        ErrorCode::InvalidVideoCodec,
        ErrorCode::InvalidInput,
    ] {
        let word = code.as_str();
        check(&[
            (open(), ""),
            (
                ingest(1, key("cam")),
                "session 1 starts; cam JOINED; cam active on first; admitted 1",
            ),
            (
                fault(1, code),
                &format!("cam PUBLISH_ERROR {word}; cam inactive on first; cam LEFT"),
            ),
            (
                ingest(2, key("cam")),
                "cam JOINED; cam active on first; admitted 1",
            ),
            (up(2), "cam PUBLISH_STARTED"),
            (
                fault(2, code),
                &format!(
                    "cam PUBLISH_ERROR {word}; cam PUBLISH_STOPPED; cam inactive on first; cam LEFT"
                ),
            ),
        ]);
    }
}

#[test]
fn an_encoder_counts_as_a_publisher() {
    let settings = Settings {
        publishers_per_stage_max: 2,
        ..Settings::default()
    };
    check_with(
        settings,
        &[
            (open(), ""),
            (
                ingest(1, key("cam")),
                "session 1 starts; cam JOINED; cam active on first; admitted 1",
            ),
            (publish(2, who("ana")), "ana JOINED; admitted 1"),
            (
                publish(3, who("ben")),
                "ben JOINED; ben PUBLISH_ERROR QUOTA_EXCEEDED; ben LEFT; refused QuotaExceeded",
            ),
            (
                ingest(4, key("mic")),
                "mic JOINED; mic PUBLISH_ERROR QUOTA_EXCEEDED; mic LEFT; refused QuotaExceeded",
            ),
            (record("mic"), "DISCONNECTED since 0 by mic"),
            (closed(1), "cam inactive on first; cam LEFT"),
            (
                ingest(5, key("mic")),
                "mic JOINED; mic active on first; admitted 1",
            ),
        ],
    );
}

#[test]
fn a_stream_ends_after_a_day_and_one_without_media_after_the_setup_time() {
    check(&[
        (open(), ""),
        (
            ingest(1, key("cam")),
            "session 1 starts; cam JOINED; cam active on first; admitted 1",
        ),
        (after(29), ""),
        (
            after(1),
            "cam inactive on first; cam LEFT; close c1 unknown",
        ),
        (
            ingest(2, key("cam")),
            "cam JOINED; cam active on first; admitted 1",
        ),
        (up(2), "cam PUBLISH_STARTED"),
        (after(24 * 60 * 60 - 1), ""),
        (
            after(1),
            "cam PUBLISH_ERROR STREAM_DURATION_EXCEEDED; cam PUBLISH_STOPPED; cam inactive on first; \
             cam LEFT; close c2 unknown",
        ),
    ]);
}

#[test]
fn t30_a_configuration_that_is_detached_loses_its_publish_and_may_come_back_when_it_is_attached() {
    check(&[
        (open(), ""),
        (
            ingest(1, key("cam")),
            "session 1 starts; cam JOINED; cam active on first; admitted 1",
        ),
        (up(1), "cam PUBLISH_STARTED"),
        (
            ingest(2, key("mic")),
            "mic JOINED; mic active on first; admitted 1",
        ),
        (
            detached("cam"),
            "cam PUBLISH_STOPPED; cam inactive on first; cam LEFT; \
             close c1 participant-disconnected",
        ),
        // A door that has read the configuration before that.
        (ingest(3, key("cam")), "refused IngestDetached"),
        (attached("cam", "first"), ""),
        (
            ingest(4, key("cam")),
            "cam JOINED; cam active on first; admitted 1",
        ),
        (attached("cam", "first"), ""),
        (up(4), "cam PUBLISH_STARTED"),
        (
            detached("mic"),
            "mic inactive on first; mic LEFT; close c2 participant-disconnected",
        ),
        (detached("none"), ""),
    ]);
}

#[test]
fn t16_a_configuration_that_moves_takes_its_publish_off_the_stage_that_it_leaves() {
    check(&[
        (open(), ""),
        (Act::OpenOther("second"), ""),
        (
            ingest(1, key("cam")),
            "session 1 starts; cam JOINED; cam active on first; admitted 1",
        ),
        (
            attached("cam", "second"),
            "cam inactive on first; cam LEFT; close c1 participant-disconnected",
        ),
        (ingest(2, key("cam")), "refused IngestDetached"),
        (
            ingest(3, key("cam").on("second")),
            "session 2 starts; cam JOINED; cam active on second; admitted 2",
        ),
        // What a door knows is not older than this.
        (after(10), ""),
        (
            attached("cam", "first"),
            "cam inactive on second; cam LEFT; close c3 participant-disconnected",
        ),
        (
            ingest(4, key("cam")),
            "cam JOINED; cam active on first; admitted 1",
        ),
    ]);
}

#[test]
fn t16_a_configuration_that_becomes_two_streams_or_one_loses_what_it_was_and_doors_that_are_behind_are_refused()
 {
    check(&[
        (open(), ""),
        (attached("cam", "first"), ""),
        (
            ingest(1, key("cam")),
            "session 1 starts; cam JOINED; cam active on first; admitted 1",
        ),
        (
            attached_as_two("cam", "first", &["one", "two"]),
            "cam inactive on first; cam LEFT; close c1 participant-disconnected",
        ),
        (ingest(2, key("cam")), "refused IngestDetached"),
        (
            ingest(3, key("cam").leg("one")),
            "one JOINED; cam active on first; admitted 1",
        ),
        (ingest(4, key("cam").both()), "cam JOINED; admitted 1"),
        // Told again, it changes nothing.
        (attached_as_two("cam", "first", &["one", "two"]), ""),
        (
            attached("cam", "first"),
            "one LEFT; cam inactive on first; cam LEFT; \
             close c3 participant-disconnected; close c4 participant-disconnected",
        ),
        (ingest(5, key("cam").leg("two")), "refused IngestDetached"),
        (ingest(6, key("cam").both()), "refused IngestDetached"),
        (
            ingest(7, key("cam")),
            "cam JOINED; cam active on first; admitted 1",
        ),
    ]);
}

#[test]
fn t53_two_streams_that_were_given_up_and_made_anew_leave_none_of_the_old_ones_in() {
    check(&[
        (open(), ""),
        (attached_as_two("cam", "first", &["one", "two"]), ""),
        (
            ingest(1, key("cam").leg("one")),
            "session 1 starts; one JOINED; cam active on first; admitted 1",
        ),
        (closed(1), "cam inactive on first; one LEFT"),
        (attached("cam", "first"), ""),
        (attached_as_two("cam", "first", &["three", "four"]), ""),
        // A door that has read the configuration before all that.
        (ingest(2, key("cam").leg("one")), "refused IngestDetached"),
        (
            ingest(3, key("cam").leg("three")),
            "three JOINED; cam active on first; admitted 1",
        ),
        (ingest(4, key("cam").both()), "cam JOINED; admitted 1"),
        (
            attached_as_two("cam", "first", &["five", "six"]),
            "three LEFT; close c3 participant-disconnected",
        ),
    ]);
}

#[test]
fn what_the_machine_knows_of_a_change_it_forgets_when_no_door_can_be_behind() {
    check(&[
        (open(), ""),
        (detached("cam"), ""),
        (ingest(1, key("cam")), "refused IngestDetached"),
        (after(9), ""),
        (detached("cam"), ""),
        (after(9), ""),
        (ingest(2, key("cam")), "refused IngestDetached"),
        (after(1), ""),
        (
            ingest(3, key("cam")),
            "session 1 starts; cam JOINED; cam active on first; admitted 1",
        ),
        (detached("mic"), ""),
        (
            Act::DeleteAll,
            "cam inactive on first; cam LEFT; session 1 ends; close c3 stage-deleted",
        ),
        (open(), ""),
        (
            ingest(4, key("mic")),
            "session 2 starts; mic JOINED; mic active on first; admitted 2",
        ),
    ]);
}

#[test]
fn t30_a_ban_is_for_tokens_and_a_stream_key_is_none() {
    check(&[
        (Act::Open(&["cam"]), ""),
        (join(1, who("cam")), "refused ParticipantDisconnected"),
        (
            ingest(2, key("cam")),
            "session 1 starts; cam JOINED; cam active on first; admitted 1",
        ),
        (up(2), "cam PUBLISH_STARTED"),
        (publish(3, who("cam")), "refused ParticipantDisconnected"),
        (
            Act::Disconnect("cam"),
            "cam PUBLISH_STOPPED; cam inactive on first; cam LEFT; \
             close c2 participant-disconnected",
        ),
        (
            ingest(4, key("cam")),
            "cam JOINED; cam active on first; admitted 1",
        ),
        (
            subscribe(5, who("cam"), "cam"),
            "refused ParticipantDisconnected",
        ),
    ]);
}

#[test]
fn tokens_of_the_same_id_go_with_the_configuration_and_take_over_as_ever() {
    check(&[
        (open(), ""),
        (
            ingest(1, key("cam")),
            "session 1 starts; cam JOINED; cam active on first; admitted 1",
        ),
        (up(1), "cam PUBLISH_STARTED"),
        (join(2, who("cam").named("host")), "joined 1 [cam as host]"),
        (
            publish(3, who("cam").named("host")),
            "cam PUBLISH_STOPPED; cam inactive on first; admitted 1; close c1 token-reused; \
             roster [] to c2",
        ),
        (
            ingest(4, key("cam")),
            "cam PUBLISH_ERROR REUSE_OF_STREAM_KEY; refused StreamKeyInUse",
        ),
        (closed(3), ""),
        (ingest(5, key("cam")), "cam active on first; admitted 1"),
        (
            record("cam"),
            "CONNECTED since 0 published RTMPS by cam as host",
        ),
        (
            detached("cam"),
            "cam inactive on first; cam LEFT; close c5 participant-disconnected; \
             close c2 participant-disconnected",
        ),
    ]);
}

#[test]
fn nobody_gets_in_where_there_is_no_stage_or_no_time_left() {
    check(&[
        (ingest(1, key("cam")), "refused StageNotFound"),
        (open(), ""),
        (
            ingest(2, key("cam")),
            "session 1 starts; cam JOINED; cam active on first; admitted 1",
        ),
        (
            Act::Delete,
            "cam inactive on first; cam LEFT; session 1 ends; close c2 stage-deleted",
        ),
        (ingest(3, key("cam")), "refused StageNotFound"),
        (open(), ""),
        (
            ingest(4, key("cam")),
            "session 2 starts; cam JOINED; cam active on first; admitted 2",
        ),
        (
            Act::Shutdown,
            "cam inactive on first; cam LEFT; session 2 ends; close c4 unknown",
        ),
        (ingest(5, key("cam")), "refused ShuttingDown"),
    ]);
}

#[test]
fn two_streams_are_listed_and_their_virtual_participant_is_seen_and_counted() {
    let settings = Settings {
        publishers_per_stage_max: 1,
        publishers_per_region_max: 1,
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
                ingest(2, key("cam").leg("one")),
                "one JOINED; cam active on first; admitted 1",
            ),
            (ingest(3, key("cam").both()), "cam JOINED; admitted 1"),
            (up(2), "one PUBLISH_STARTED"),
            (up(3), "cam PUBLISH_STARTED; roster [cam] to c1"),
            (
                ingest(4, key("cam").leg("two").without_tls()),
                "two JOINED; admitted 1",
            ),
            (up(4), "two PUBLISH_STARTED"),
            (
                record("one"),
                "CONNECTED since 0 published publishing RTMPS both of cam",
            ),
            (
                record("two"),
                "CONNECTED since 0 published publishing RTMP both of cam",
            ),
            (
                record("cam"),
                "CONNECTED since 0 published publishing RTMPS both of cam",
            ),
            (join(5, who("ben")), "ben JOINED; joined 1 [cam]"),
            // Nobody can receive one of the two, or learn that it is there.
            (
                subscribe(6, who("ben"), "one"),
                "ben SUBSCRIBE_ERROR one PUBLISHER_NOT_FOUND; refused PublisherNotFound",
            ),
            (subscribe(7, who("ben"), "cam"), "admitted 1 from c3"),
            (
                publish(8, who("ana")),
                "ana PUBLISH_ERROR QUOTA_EXCEEDED; refused QuotaExceeded",
            ),
            (
                ingest(9, key("cam").leg("one")),
                "one PUBLISH_ERROR REUSE_OF_STREAM_KEY; refused StreamKeyInUse",
            ),
            // The other one goes on; it comes back as who it was.
            (closed(2), "one PUBLISH_STOPPED; one LEFT"),
            (
                subscribe(10, who("ben"), "one"),
                "ben SUBSCRIBE_ERROR one PUBLISHER_NOT_FOUND; refused PublisherNotFound",
            ),
            (ingest(11, key("cam").leg("one")), "one JOINED; admitted 1"),
            (closed(4), "two PUBLISH_STOPPED; two LEFT"),
            (closed(11), "one LEFT"),
            (
                closed(3),
                "cam PUBLISH_STOPPED; cam inactive on first; cam LEFT; close c7 unknown; \
                 roster [] to c1 c5",
            ),
        ],
    );
}

#[test]
fn each_of_two_streams_lasts_a_day_and_what_viewers_see_lasts_for_ever() {
    const DAY: u64 = 24 * 60 * 60;
    check(&[
        (open(), ""),
        (
            ingest(1, key("cam").leg("one")),
            "session 1 starts; one JOINED; cam active on first; admitted 1",
        ),
        (ingest(2, key("cam").both()), "cam JOINED; admitted 1"),
        (up(1), "one PUBLISH_STARTED"),
        (up(2), "cam PUBLISH_STARTED"),
        (after(DAY / 2), ""),
        (ingest(3, key("cam").leg("two")), "two JOINED; admitted 1"),
        (up(3), "two PUBLISH_STARTED"),
        (after(DAY / 2 - 1), ""),
        (
            after(1),
            "one PUBLISH_ERROR STREAM_DURATION_EXCEEDED; one PUBLISH_STOPPED; one LEFT; \
             close c1 unknown",
        ),
        (ingest(4, key("cam").leg("one")), "one JOINED; admitted 1"),
        (up(4), "one PUBLISH_STARTED"),
        (
            after(DAY / 2),
            "two PUBLISH_ERROR STREAM_DURATION_EXCEEDED; two PUBLISH_STOPPED; two LEFT; \
             close c3 unknown",
        ),
        (
            after(DAY / 2),
            "one PUBLISH_ERROR STREAM_DURATION_EXCEEDED; one PUBLISH_STOPPED; one LEFT; \
             close c4 unknown",
        ),
        (after(30 * DAY), ""),
        (
            record("cam"),
            "CONNECTED since 0 published publishing RTMPS both of cam",
        ),
    ]);
}

#[test]
fn a_redundant_ingest_that_is_detached_goes_as_a_whole() {
    check(&[
        (open(), ""),
        (
            ingest(1, key("cam").leg("one")),
            "session 1 starts; one JOINED; cam active on first; admitted 1",
        ),
        (ingest(2, key("cam").both()), "cam JOINED; admitted 1"),
        (up(2), "cam PUBLISH_STARTED"),
        (ingest(3, key("cam").leg("two")), "two JOINED; admitted 1"),
        (
            detached("cam"),
            "one LEFT; cam PUBLISH_STOPPED; cam LEFT; cam inactive on first; two LEFT; \
             close c1 participant-disconnected; close c2 participant-disconnected; \
             close c3 participant-disconnected",
        ),
        (ingest(4, key("cam").leg("one")), "refused IngestDetached"),
    ]);
}
