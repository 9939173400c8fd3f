//! Offers against a server of a few words.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;

use super::*;

/// A server that gives these answers, one for each connection, and what it was asked.
fn server(answers: Vec<String>) -> (SocketAddr, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let serve = |answer: String| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut seen = String::new();
            while !seen.ends_with("v=0") {
                let mut chunk = [0; 4_096];
                let count = stream.read(&mut chunk).unwrap();
                assert!(count > 0, "{seen}");
                seen += std::str::from_utf8(&chunk[..count]).unwrap();
            }
            stream.write_all(answer.as_bytes()).unwrap();
            seen
        };
        answers.into_iter().map(serve).collect()
    });
    (address, thread)
}

fn answer(head: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")
}

fn ask(answers: Vec<String>, is_patient: bool) -> (Result<Session, Fault>, Vec<String>) {
    let (address, thread) = server(answers);
    let endpoint = Endpoint {
        url: format!("http://{address}/whip/ana"),
        bearer: Some(Bearer("hunter2".to_owned())),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let outcome = runtime.block_on(offer(&client().unwrap(), &endpoint, "v=0", is_patient));
    (outcome, thread.join().unwrap())
}

#[test]
fn a_redirect_repeats_the_offer_and_the_token() {
    for status in ["301 M", "302 F", "307 T", "308 P"] {
        let first = answer(&format!("{status}\r\nlocation: /node/7"), "");
        let second = answer("201 Created\r\nlocation: session/1", "v=1");
        let (outcome, seen) = ask(vec![first, second], false);
        let session = outcome.unwrap();
        assert_eq!(session.sdp, "v=1");
        assert_eq!(session.resource.unwrap().path(), "/node/session/1");
        assert!(seen[1].starts_with("POST /node/7 "), "{}", seen[1]);
        for request in seen {
            assert!(request.contains("Bearer hunter2"), "{request}");
            assert!(request.contains("application/sdp"), "{request}");
        }
    }
}

#[test]
fn redirects_end() {
    let again = answer("307 T\r\nlocation: /again", "");
    let (outcome, _) = ask(vec![again; 1 + REDIRECTS_MAX], false);
    assert_eq!(outcome.unwrap_err(), "more than 5 redirects");
    let away = answer("307 T\r\nlocation: ftp://example.com/", "");
    assert!(ask(vec![away], false).0.is_err());
}

#[test]
fn a_publisher_who_is_not_there_yet_is_asked_for_again() {
    let early = answer("409 Conflict\r\nretry-after: 0", "");
    let made = answer("201 Created", "v=1");
    let (outcome, _) = ask(vec![early.clone(), early.clone(), made], true);
    assert!(outcome.unwrap().resource.is_none());
    let (outcome, _) = ask(vec![early], false);
    assert!(outcome.unwrap_err().starts_with("409 Conflict"));
}

#[test]
fn a_refusal_is_told_without_the_token() {
    let (outcome, _) = ask(vec![answer("401 Unauthorized", "no such token")], true);
    assert_eq!(outcome.unwrap_err(), "401 Unauthorized: no such token");
    let endless = "x".repeat(ANSWER_BYTES_MAX + 1);
    let (outcome, _) = ask(vec![answer("201 Created", &endless)], true);
    assert_eq!(outcome.unwrap_err(), "the answer is too long");
}

#[test]
fn a_token_that_came_by_https_is_shown_to_https_alone() {
    for (from, to, expected) in [
        ("https://a.example/whip", "https://b.example/whip", true),
        ("https://a.example/whip", "http://a.example/session", false),
        ("http://a.example/whip", "http://a.example/session", true),
        ("http://a.example/whip", "https://a.example/session", true),
        ("http://a.example/whip", "ftp://a.example/session", false),
    ] {
        let url = |text: &str| Url::parse(text).unwrap();
        assert_eq!(may_follow(&url(from), &url(to)), expected, "{from} to {to}");
    }
}
