//! Sockets that are lost, and clients that come back.

use serde_json::json;

use super::*;

fn closed(fault: PeerFault) -> Input {
    Input::Feed(FeedNews {
        closed: Some(fault),
        ..FeedNews::default()
    })
}

#[test]
fn a_client_that_comes_back_in_time_gets_what_it_missed_and_what_is_new() {
    let mut run = Run::with_ana();
    let seen = run.seq;
    assert_eq!(run.handle(Input::Feed(bindings(&[("1", 1)]))), "bind 1=ana");
    assert_eq!(run.handle(Input::Lost), "");
    assert_eq!(run.handle(Input::Feed(layers(1, "q"))), "", "nobody reads");
    assert_eq!(run.handle(Input::Feed(layers(1, "h"))), "");
    let both = roster(&[("ana", 1, ""), ("ben", 2, "")]);
    assert_eq!(run.handle(Input::Roster(both)), "ask ben", "media goes on");
    assert_eq!(run.admitted("ben", 2), "up c102; want c1 av c2 av");
    assert_eq!(run.after(29_000), "");
    assert_eq!(
        run.resume(seen, None),
        "bind 1=ana; joined replayed -; delta - +ben ~; layers ana h"
    );
    assert_eq!(run.after(60_000), "");
}

#[test]
fn a_client_that_missed_too_much_gets_everything_again() {
    let mut run = Run::with_ana();
    run.handle(Input::Feed(bindings(&[("1", 1)])));
    run.handle(Input::Feed(layers(1, "q")));
    for _ in 0..300 {
        run.says(r#"{"type":"ping"}"#);
    }
    let newest = run.seq;
    run.handle(Input::Lost);
    for seen in [3, newest + 7] {
        let expected = "joined snapshot [ana]; bind 1=ana; layers ana q";
        assert_eq!(run.resume(seen, None), expected, "{seen}");
    }
}

#[test]
fn a_session_waits_thirty_seconds() {
    let mut run = Run::with_ana();
    run.handle(Input::Lost);
    let window = u64::try_from(RESUME_WINDOW.as_millis()).unwrap();
    assert_eq!(run.after(window - 1), "");
    assert_eq!(run.after(1), "end Expired");
}

#[test]
fn a_second_socket_takes_over_from_one_that_works() {
    let mut run = Run::with_ana();
    let seen = run.seq;
    assert_eq!(run.resume(seen, None), "joined replayed -");
    assert_eq!(run.says(r#"{"type":"ping"}"#), "pong");
}

#[test]
fn an_offer_that_comes_with_a_resume_is_for_a_new_feed() {
    let mut run = Run::with_ana();
    run.handle(Input::Feed(bindings(&[("1", 1)])));
    let seen = run.seq;
    run.handle(Input::Lost);
    assert_eq!(
        run.resume(seen, Some(OFFER)),
        "release c101; close feed; open"
    );
    assert!(!run.machine.listens(), "not before joined");
    assert_eq!(
        run.handle(Input::Answered(Ok(answer()))),
        "ask ana; joined replayed - answered"
    );
    assert_eq!(run.admitted("ana", 1), "want c1 av");
    assert_eq!(run.handle(Input::Feed(connected())), "up c101");
    assert_eq!(run.handle(Input::Feed(bindings(&[("1", 1)]))), "bind 1=ana");
}

#[test]
fn an_answer_that_nobody_read_comes_again() {
    let mut run = Run::with_ana();
    let seen = run.seq;
    let offer = json!({ "type": "offer", "sdp": OFFER }).to_string();
    assert_eq!(run.says(&offer), "reoffer");
    run.handle(Input::Lost);
    run.handle(Input::Answered(Ok(answer())));
    assert_eq!(run.resume(seen, None), "answer; joined replayed -");
}

#[test]
fn an_answer_with_a_frame_of_its_own_is_not_repeated_by_joined() {
    let (mut run, _) = Run::new(join(&json!({})), roster(&[]));
    let offer = json!({ "type": "offer", "sdp": OFFER }).to_string();
    assert_eq!(run.says(&offer), "open");
    assert_eq!(run.handle(Input::Answered(Ok(answer()))), "answer");
    run.handle(Input::Lost);
    assert_eq!(run.resume(run.seq, None), "joined replayed -");
}

#[test]
fn a_feed_that_falls_silent_with_its_socket_waits_and_one_that_is_closed_does_not() {
    let mut run = Run::with_ana();
    let seen = run.seq;
    run.handle(Input::Lost);
    assert_eq!(
        run.handle(closed(PeerFault::Timeout)),
        "release c101; close feed"
    );
    assert_eq!(
        run.resume(seen, None),
        "joined replayed -; error FEED_ENDED"
    );
    let mut run = Run::with_ana();
    run.handle(Input::Lost);
    assert_eq!(
        run.handle(closed(PeerFault::ClosedByPeer)),
        "release c101; close feed; end Expired"
    );
    let mut run = Run::with_ana();
    assert_eq!(
        run.handle(closed(PeerFault::ClosedByPeer)),
        "release c101; close feed; error FEED_ENDED",
        "its socket works"
    );
}

#[test]
fn a_socket_that_is_lost_before_joined_was_told_knows_nothing() {
    let (mut run, _) = Run::new(join(&json!({ "offer": OFFER })), roster(&[("ana", 1, "")]));
    run.handle(Input::Lost);
    assert_eq!(run.resume(0, None), "");
    assert_eq!(
        run.handle(Input::Answered(Ok(answer()))),
        "ask ana; joined snapshot [ana] answered"
    );
}

#[test]
fn a_client_that_lost_joined_too_is_told_everything() {
    let mut run = Run::with_ana();
    let seen = run.seq;
    run.handle(Input::Lost);
    assert_eq!(run.resume(seen, None), "joined replayed -");
    run.handle(Input::Lost);
    assert_eq!(run.resume(seen, None), "joined snapshot [ana]");
}

#[test]
fn failures_that_wait_for_a_lost_client_are_few() {
    let mut run = Run::with_feed();
    run.handle(Input::Lost);
    for publish in 1..60 {
        run.handle(Input::Roster(roster(&[("ana", publish, "")])));
        run.answered("ana", Answer::Refused(Refusal::QuotaExceeded));
    }
    let seen = run.seq;
    let words = run.resume(seen, None);
    assert_eq!(words.matches("error STAGE_AT_CAPACITY ana").count(), 32);
}
