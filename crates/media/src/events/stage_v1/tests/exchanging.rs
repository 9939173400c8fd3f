//! Exchanges of tokens, as sessions see them.

use serde_json::json;

use super::*;

fn wish(token: &str) -> String {
    json!({ "type": "exchange", "token": token }).to_string()
}

fn now_may(capabilities: &[&'static str]) -> Input {
    Input::Exchanged(Ok(me(capabilities)))
}

#[test]
fn another_token_is_asked_for_and_the_client_told_who_it_is() {
    let mut run = Run::with_ana();
    assert_eq!(run.says(&wish("new")), "exchange new");
    assert_eq!(run.says(&wish("new")), "", "it is being asked for");
    assert_eq!(run.says(&wish("other")), "error EXCHANGE_PENDING");
    assert_eq!(run.handle(now_may(&["publish", "subscribe"])), "exchanged");
    let told = &run.frames.last().unwrap()["self"];
    assert_eq!(told["capabilities"], json!(["publish", "subscribe"]));
    // Who has lost the answer asks again, and that is no other exchange.
    assert_eq!(run.says(&wish("new")), "exchanged");
    assert_eq!(run.says(&wish("other")), "exchange other");
}

#[test]
fn who_may_not_receive_any_more_has_no_feed_until_it_may_and_offers_again() {
    let mut run = Run::with_ana();
    run.handle(Input::Feed(bindings(&[("1", 1)])));
    run.says(&wish("publish"));
    // `stage` has ended the subscription by then.
    run.handle(Input::LinkEnded(ConnectionId(101)));
    assert_eq!(
        run.handle(now_may(&["publish"])),
        "close feed; exchanged; bind"
    );
    let offer = json!({ "type": "offer", "sdp": OFFER }).to_string();
    assert_eq!(run.says(&offer), "error TOKEN_NOT_ALLOWED");
    assert_eq!(run.says(&wish("both")), "exchange both");
    assert_eq!(run.handle(now_may(&["publish", "subscribe"])), "exchanged");
    assert_eq!(run.says(&offer), "open");
    assert_eq!(run.handle(Input::Answered(Ok(answer()))), "answer; ask ana");
}

#[test]
fn subscriptions_that_are_on_their_way_are_given_up() {
    let mut run = Run::with_ana();
    run.says(&wish("publish"));
    let both = roster(&[("ana", 1, ""), ("ben", 2, "")]);
    assert_eq!(run.handle(Input::Roster(both)), "ask ben");
    assert_eq!(
        run.handle(now_may(&["publish"])),
        "release c101; close feed; exchanged; bind"
    );
    assert_eq!(run.admitted("ben", 2), "release c102");
}

#[test]
fn a_refusal_ends_the_session_and_everything_that_the_participant_has() {
    let mut run = Run::with_ana();
    run.says(&wish("forged"));
    let refused = Input::Exchanged(Err("jti differs".to_owned()));
    assert_eq!(
        run.handle(refused),
        "error TOKEN_EXCHANGE_FAILED; put out FailedExchange; left failed-exchange; end Left(FailedExchange)"
    );
    let error = &run.frames[run.frames.len() - 2];
    assert_eq!(
        (&error["category"], &error["message"]),
        (&json!("JOIN_ERROR"), &json!("jti differs"))
    );
}

#[test]
fn a_client_that_was_away_is_told_after_its_joined() {
    let mut run = Run::with_ana();
    run.says(&wish("publish"));
    run.handle(Input::Lost);
    assert_eq!(
        run.handle(now_may(&["publish"])),
        "release c101; close feed"
    );
    let seen = run.seq;
    assert_eq!(run.resume(seen, None), "joined replayed -; exchanged; bind");
    let joined = &run.frames[run.frames.len() - 3];
    assert_eq!(joined["self"]["capabilities"], json!(["publish"]));
}

// T45
#[test]
fn t45_exchanges_that_come_too_soon_wait() {
    let mut run = Run::with_feed();
    for token in ["a", "b", "c", "d", "e"] {
        assert_eq!(run.says(&wish(token)), format!("exchange {token}"));
        run.handle(now_may(&["publish", "subscribe"]));
    }
    assert_eq!(run.says(&wish("f")), "");
    assert_eq!(run.after(900), "");
    assert_eq!(run.after(200), "exchange f");
}
