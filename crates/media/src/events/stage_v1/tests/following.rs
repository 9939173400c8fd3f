//! Whom a session subscribes to, and what its feed carries.

use serde_json::json;

use super::*;

#[test]
fn who_publishes_is_subscribed_to_and_bound_without_a_word_of_the_client() {
    let mut run = Run::with_ana();
    assert_eq!(run.handle(Input::Feed(bindings(&[("1", 1)]))), "bind 1=ana");
    assert_eq!(run.handle(Input::Feed(bindings(&[("1", 1)]))), "");
    let both = roster(&[("ana", 1, ""), ("ben", 2, ""), ("me", 3, "")]);
    assert_eq!(run.handle(Input::Roster(both)), "ask ben", "never oneself");
    assert_eq!(run.admitted("ben", 2), "up c102; want c1 av c2 av");
    assert_eq!(
        run.handle(Input::Roster(roster(&[("ben", 2, "")]))),
        "release c101; want c2 av; bind"
    );
    assert_eq!(run.after(200), "delta -ana +ben ~");
}

#[test]
fn those_who_were_there_before_the_feed_are_asked_for_once_its_offer_is_answered() {
    let before = roster(&[("ana", 1, ""), ("ben", 2, "")]);
    let (mut run, words) = Run::new(join(&json!({ "offer": OFFER })), before);
    assert_eq!(words, "open");
    assert_eq!(
        run.handle(Input::Answered(Ok(answer()))),
        "ask ana; ask ben; joined no [ana ben] answered"
    );
    assert_eq!(run.admitted("ana", 1), "want c1 av");
    assert_eq!(run.handle(Input::Feed(connected())), "up c101");
    assert_eq!(run.admitted("ben", 2), "up c102; want c1 av c2 av");
}

#[test]
fn wants_are_kept_whoever_is_there() {
    let none = json!({ "offer": OFFER, "want": { "default": "none" } });
    let (mut run, _) = Run::new(join(&none), roster(&[("ana", 1, "")]));
    run.handle(Input::Answered(Ok(answer())));
    let sub =
        r#"{"type":"sub","set":[{"pid":"ana","kinds":["audio"]},{"pid":"ben","kinds":["video"]}]}"#;
    assert_eq!(run.says(sub), "ask ana");
    assert_eq!(run.admitted("ana", 1), "want c1 a");
    let both = roster(&[("ana", 1, ""), ("ben", 2, ""), ("cat", 3, "")]);
    assert_eq!(run.handle(Input::Roster(both)), "ask ben");
    assert_eq!(run.admitted("ben", 2), "want c1 a c2 v");
    let sub = r#"{"type":"sub","set":[{"pid":"ana","kinds":["audio","video"]}],"reset":["ben"]}"#;
    assert_eq!(run.says(sub), "release c102; want c1 av");
    assert_eq!(run.says(r#"{"type":"sub"}"#), "");
}

#[test]
fn changes_of_the_roster_come_together() {
    let mut run = Run::with_ana();
    let wait = u64::try_from(DELTA_INTERVAL.as_millis()).unwrap();
    run.handle(Input::Roster(roster(&[("ana", 1, "a")])));
    run.after(wait / 2);
    run.handle(Input::Roster(roster(&[("ana", 1, "a"), ("ben", 2, "")])));
    assert_eq!(run.handle(Input::Roster(roster(&[("ana", 1, "v")]))), "");
    assert_eq!(run.after(wait), "delta - + ~ana");
    run.after(wait);
    let there = roster(&[("ana", 1, "v"), ("ben", 2, "")]);
    assert_eq!(
        run.handle(Input::Roster(there)),
        "ask ben; delta - +ben ~",
        "the first change after a rest is told at once"
    );
    run.handle(Input::Roster(roster(&[("ana", 1, "")])));
    run.handle(Input::Roster(roster(&[("ana", 1, "v"), ("ben", 2, "")])));
    assert_eq!(run.after(wait), "", "what is as it was is no change");
}

#[test]
fn nobody_is_bound_who_is_not_known() {
    let mut run = Run::with_ana();
    let both = roster(&[("ana", 1, ""), ("ben", 2, "")]);
    assert_eq!(run.handle(Input::Roster(both)), "ask ben");
    run.admitted("ben", 2);
    assert_eq!(
        run.handle(Input::Feed(bindings(&[("1", 2)]))),
        "delta - +ben ~; bind 1=ben"
    );
    assert_eq!(
        run.handle(Input::Feed(bindings(&[("1", 2), ("3", 9)]))),
        "",
        "a publish that has no link"
    );
}

#[test]
fn who_publishes_anew_is_asked_for_and_bound_anew() {
    let mut run = Run::with_ana();
    run.handle(Input::Feed(bindings(&[("1", 1)])));
    assert_eq!(
        run.handle(Input::LinkEnded(ConnectionId(101))),
        "want; bind"
    );
    assert_eq!(
        run.handle(Input::Roster(roster(&[("ana", 5, "")]))),
        "ask ana"
    );
    assert_eq!(run.admitted("ana", 5), "up c105; want c5 av");
    assert_eq!(
        run.handle(Input::Feed(bindings(&[("1", 5)]))),
        "delta -ana +ana ~; bind 1=ana"
    );
}

#[test]
fn a_slot_that_goes_over_to_a_new_publish_unseen_is_told_again() {
    let mut run = Run::with_ana();
    run.handle(Input::Feed(bindings(&[("1", 1)])));
    run.handle(Input::Lost);
    run.handle(Input::LinkEnded(ConnectionId(101)));
    run.handle(Input::Roster(roster(&[("ana", 5, "")])));
    run.admitted("ana", 5);
    run.handle(Input::Feed(bindings(&[("1", 5)])));
    let seen = run.seq;
    assert_eq!(
        run.resume(seen, None),
        "joined replayed -; delta -ana +ana ~; bind 1=ana"
    );
}

#[test]
fn a_subscription_that_the_service_ends_is_asked_for_when_the_client_asks() {
    let mut run = Run::with_ana();
    assert_eq!(run.handle(Input::LinkEnded(ConnectionId(101))), "want");
    assert_eq!(run.after(60_000), "");
    let sub = r#"{"type":"sub","reset":["ana"]}"#;
    assert_eq!(run.says(sub), "ask ana");
}

#[test]
fn a_refusal_is_told_and_asked_again_only_when_it_may_help() {
    let mut run = Run::with_feed();
    run.handle(Input::Roster(roster(&[("ana", 1, "")])));
    let full = Answer::Refused(Refusal::QuotaExceeded);
    assert_eq!(
        run.answered("ana", full.clone()),
        "error STAGE_AT_CAPACITY ana"
    );
    assert_eq!(run.after(60_000), "delta - +ana ~");
    assert_eq!(run.says(r#"{"type":"sub","set":[]}"#), "");
    assert_eq!(
        run.says(r#"{"type":"sub","set":[{"pid":"ana","kinds":["audio"]}]}"#),
        "ask ana"
    );
    run.answered("ana", full);
    assert_eq!(
        run.handle(Input::Roster(roster(&[("ana", 2, "")]))),
        "ask ana; delta -ana +ana ~",
        "another publish"
    );
    let retry_after = Duration::from_secs(3);
    let not_yet = Answer::Refused(Refusal::PublisherNotPublishing { retry_after });
    assert_eq!(run.answered("ana", not_yet), "");
    assert_eq!(run.after(2_999), "");
    assert_eq!(run.after(1), "ask ana");
}

#[test]
fn a_stage_that_does_not_answer_is_asked_less_and_less() {
    let mut run = Run::with_feed();
    run.handle(Input::Roster(roster(&[("ana", 1, "")])));
    run.after(200);
    for seconds in [1, 2, 4, 8, 16, 16] {
        assert_eq!(run.answered("ana", Answer::Silence), "");
        assert_eq!(run.after(seconds * 1_000 - 1), "");
        assert_eq!(run.after(1), "ask ana", "after {seconds} s");
    }
}

#[test]
fn a_yes_that_comes_too_late_is_given_back() {
    let mut run = Run::with_feed();
    run.handle(Input::Roster(roster(&[("ana", 1, "")])));
    run.handle(Input::Roster(roster(&[])));
    assert_eq!(run.admitted("ana", 1), "release c101");
    run.handle(Input::Roster(roster(&[("ana", 2, "")])));
    let older = run.asked["ana"];
    run.says(r#"{"type":"sub","set":[{"pid":"ana","kinds":[]}]}"#);
    assert_eq!(run.says(r#"{"type":"sub","reset":["ana"]}"#), "ask ana");
    let newer = run.asked.insert("ana".to_owned(), older).unwrap();
    assert_eq!(run.admitted("ana", 2), "release c102", "the older question");
    run.asked.insert("ana".to_owned(), newer);
    assert_eq!(run.admitted("ana", 2), "up c102; want c2 av");
}

#[test]
fn a_worker_that_has_too_much_to_do_is_told_again() {
    let mut run = Run::with_ana();
    assert_eq!(run.handle(Input::WantRefused), "");
    assert_eq!(run.handle(Input::Roster(roster(&[("ana", 1, "")]))), "");
    assert_eq!(run.after(50), "want c1 av");
    assert_eq!(run.after(1_000), "");
}

#[test]
fn a_feed_that_ends_takes_its_links_along_and_another_offer_begins_anew() {
    let mut run = Run::with_ana();
    run.handle(Input::Feed(bindings(&[("1", 1)])));
    let closed = FeedNews {
        closed: Some(PeerFault::Timeout),
        ..FeedNews::default()
    };
    assert_eq!(
        run.handle(Input::Feed(closed)),
        "release c101; close feed; error FEED_ENDED"
    );
    assert_eq!(run.after(60_000), "", "without a feed nobody is asked for");
    let offer = json!({ "type": "offer", "sdp": OFFER }).to_string();
    assert_eq!(run.says(&offer), "open");
    assert_eq!(run.handle(Input::Answered(Ok(answer()))), "answer; ask ana");
    assert_eq!(run.admitted("ana", 1), "want c1 av");
    assert_eq!(run.handle(Input::Feed(connected())), "up c101");
    assert_eq!(run.handle(Input::Feed(connected())), "", "once");
}

#[test]
fn news_of_the_feed_are_the_newest() {
    let mut run = Run::with_ana();
    let need = FeedNews {
        need: Some((5, 4)),
        ..FeedNews::default()
    };
    assert_eq!(run.handle(Input::Feed(need)), "need 5 4");
    assert_eq!(run.handle(Input::Feed(layers(1, "q"))), "layers ana q");
    assert_eq!(
        run.handle(Input::Feed(layers(7, "q"))),
        "",
        "of nobody whom the feed gets"
    );
    let quality = FeedNews {
        quality: Some(Quality {
            estimate_bps: 2,
            sent_bps: 1,
            loss: 64,
            round_trip: Some(Duration::from_millis(30)),
        }),
        ..FeedNews::default()
    };
    assert_eq!(run.handle(Input::Feed(quality)), "quality");
    let frame = run.frames.last().unwrap();
    assert_eq!(
        (&frame["loss"], &frame["roundTripMs"]),
        (&json!(0.25), &json!(30))
    );
}
