//! What clients say, and what they are told besides their feed.

use serde_json::json;

use super::*;

fn an_offer() -> String {
    json!({ "type": "offer", "sdp": OFFER }).to_string()
}

#[test]
fn without_an_offer_the_client_is_in_and_gets_nothing_until_it_offers() {
    let (mut run, words) = Run::new(join(&json!({})), roster(&[("ana", 1, "")]));
    assert_eq!(words, "joined no [ana]");
    assert_eq!(run.says(&an_offer()), "open");
    assert_eq!(run.says(&an_offer()), "error OFFER_PENDING");
    assert_eq!(run.handle(Input::Answered(Ok(answer()))), "answer; ask ana");
}

#[test]
fn an_offer_that_is_no_good_leaves_the_client_in_and_the_feed_as_it_is() {
    for (sdp, code) in [
        ("nonsense", "OFFER_MALFORMED"),
        ("v=0\r\n", "OFFER_MALFORMED"),
        ("", "OFFER_MALFORMED"),
    ] {
        let (_, words) = Run::new(join(&json!({ "offer": sdp })), roster(&[]));
        assert_eq!(words, format!("joined no []; error {code}"));
        let mut run = Run::with_feed();
        let offer = json!({ "type": "offer", "sdp": sdp }).to_string();
        assert_eq!(run.says(&offer), format!("error {code}"));
        assert_eq!(run.says(&an_offer()), "reoffer", "still open");
    }
    let (mut run, _) = Run::new(join(&json!({ "offer": OFFER })), roster(&[("ana", 1, "")]));
    let refused = Input::Answered(Err(PeerFault::Offer));
    assert_eq!(
        run.handle(refused),
        "joined no [ana]; error OFFER_UNACCEPTABLE"
    );
    assert_eq!(run.says(&an_offer()), "open");
}

#[test]
fn a_feed_is_offered_again_and_stays_when_that_fails() {
    let mut run = Run::with_ana();
    assert_eq!(run.says(&an_offer()), "reoffer");
    assert_eq!(run.says(&an_offer()), "error OFFER_PENDING");
    let failed = Input::Answered(Err(PeerFault::Offer));
    assert_eq!(run.handle(failed), "error OFFER_UNACCEPTABLE");
    assert_eq!(run.says(&an_offer()), "reoffer");
    assert_eq!(run.handle(Input::Answered(Ok(answer()))), "answer");
}

// T29
#[test]
fn t29_a_token_that_may_not_subscribe_gets_no_feed() {
    let everything = join(&json!({ "offer": OFFER }));
    let (mut run, words) = Run::with(everything, roster(&[("ana", 1, "")]), false);
    assert_eq!(words, "joined no [ana]; error TOKEN_NOT_ALLOWED");
    assert_eq!(run.says(&an_offer()), "error TOKEN_NOT_ALLOWED");
    let sub = r#"{"type":"sub","set":[{"pid":"ana","kinds":["audio"]}]}"#;
    assert_eq!(run.says(sub), "error TOKEN_NOT_ALLOWED");
    let seen = run.seq;
    assert_eq!(
        run.resume(seen, Some(OFFER)),
        "joined replayed -; error TOKEN_NOT_ALLOWED"
    );
}

#[test]
fn small_messages_are_answered() {
    let mut run = Run::with_feed();
    assert_eq!(run.says(r#"{"type":"ping"}"#), "pong");
    let mute = r#"{"type":"mute","audio":true,"video":false}"#;
    assert_eq!(run.says(mute), "mute true false");
    assert_eq!(run.says(mute), "", "once");
    // A publish outlives the session that said what is muted, so the first word of the next one counts.
    let unmute = r#"{"type":"mute","audio":false,"video":false}"#;
    assert_eq!(Run::with_feed().says(unmute), "mute false false");
    assert_eq!(
        run.says(r#"{"type":"leave"}"#),
        "left user-initiated; end Left(UserInitiated)"
    );
}

#[test]
fn a_client_that_breaks_the_protocol_is_told_and_then_closed() {
    let mut run = Run::with_feed();
    assert_eq!(
        run.says(r#"{"type":"join"}"#),
        "error MESSAGE_UNEXPECTED; end Offence(\"joined already\")"
    );
    let mut run = Run::with_feed();
    for _ in 0..20 {
        assert_eq!(run.says("nonsense"), "error MESSAGE_MALFORMED");
    }
    assert_eq!(
        run.says("nonsense"),
        "error MESSAGE_MALFORMED; end Offence(\"too many malformed messages\")"
    );
}

#[test]
fn more_wants_than_are_kept_are_refused() {
    let mut run = Run::with_feed();
    let sub = |from: usize| {
        let pids =
            (from..from + 128).map(|number| json!({ "pid": format!("p{number}"), "kinds": [] }));
        json!({ "type": "sub", "set": pids.collect::<Vec<_>>() }).to_string()
    };
    for from in (0..1_024).step_by(128) {
        assert_eq!(run.says(&sub(from)), "");
    }
    assert_eq!(run.says(&sub(1_024)), "error TOO_MANY_SUBS");
}

#[test]
fn whoever_puts_the_participant_out_is_named() {
    for (reason, word) in [
        (LeftReason::TokenReused, "token-reused"),
        (
            LeftReason::ParticipantDisconnected,
            "participant-disconnected",
        ),
        (LeftReason::StageDeleted, "stage-deleted"),
        (LeftReason::FailedExchange, "failed-exchange"),
        (
            LeftReason::ConnectionTokenRevoked,
            "real-time-connection-token-revocation",
        ),
        (LeftReason::Unknown, "unknown"),
    ] {
        let mut run = Run::with_ana();
        assert_eq!(
            run.handle(Input::Left(reason)),
            format!("left {word}; end Left({reason:?})")
        );
    }
}

#[test]
fn speakers_are_told_loudest_first_and_only_those_who_are_known() {
    let mut run = Run::with_ana();
    let voices = |levels: &[(u64, u8)]| {
        let levels = levels.iter().map(|(id, level)| (ConnectionId(*id), *level));
        Input::Voices(Arc::new(levels.collect()))
    };
    assert_eq!(run.handle(voices(&[(1, 30), (2, 10)])), "speakers ana");
    assert_eq!(run.handle(voices(&[(1, 30), (2, 12)])), "");
    run.handle(Input::Roster(roster(&[("ana", 1, ""), ("ben", 2, "")])));
    assert_eq!(run.after(200), "delta - +ben ~; speakers ben ana");
    assert_eq!(run.handle(voices(&[(1, 9), (2, 12)])), "speakers ana ben");
    assert_eq!(run.handle(voices(&[])), "speakers");
}
