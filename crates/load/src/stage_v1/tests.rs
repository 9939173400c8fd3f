//! Viewers against a socket of a few words.

use std::sync::mpsc;

use tokio::net::TcpListener;
use tokio_tungstenite::accept_hdr_async;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

use super::*;

/// A server that says these words after the first message, and gives the protocols and all messages that it was told.
async fn server(listener: TcpListener, words: &[Value]) -> (String, Vec<Value>) {
    let mut protocols = String::new();
    #[expect(clippy::result_large_err, reason = "as the library has it")]
    let choose = |request: &Request, mut response: Response| {
        let header = request.headers().get("sec-websocket-protocol").unwrap();
        protocols = header.to_str().unwrap().to_owned();
        let chosen = "stage.v1".parse().unwrap();
        response
            .headers_mut()
            .insert("sec-websocket-protocol", chosen);
        Ok(response)
    };
    let (stream, _) = listener.accept().await.unwrap();
    let mut socket = accept_hdr_async(stream, choose).await.unwrap();
    let mut seen = Vec::new();
    while let Some(Ok(message)) = socket.next().await {
        let Message::Text(text) = message else {
            continue;
        };
        seen.push(serde_json::from_str(&text).unwrap());
        if seen.len() == 1 {
            for word in words {
                socket.send(Message::text(word.to_string())).await.unwrap();
            }
        }
    }
    (protocols, seen)
}

/// What a viewer is told when a server says these words; and what the server was told.
fn watch_server(words: &[Value]) -> (Result<Session, Fault>, String, Vec<Value>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let seat = Seat {
            url: format!("ws://{}/events/abcd", listener.local_addr().unwrap()),
            token: Bearer("hunter2".to_owned()),
        };
        let (over, is_over) = watch::channel(false);
        let (tell, told) = mpsc::channel();
        let viewer = take(
            seat,
            "v=0".to_owned(),
            |outcome| {
                tell.send(outcome).unwrap();
                over.send(true).unwrap();
            },
            is_over,
        );
        let (seen, ()) = tokio::join!(server(listener, words), viewer);
        (told.recv().unwrap(), seen.0, seen.1)
    })
}

#[test]
fn a_viewer_joins_with_its_offer_and_leaves() {
    let words = [
        json!({ "seq": 1, "type": "joined", "answer": "v=1", "slots": [{ "mid": "0", "kind": "video" }] }),
        json!({ "seq": 2, "type": "bind", "slots": [] }),
    ];
    let (outcome, protocols, seen) = watch_server(&words);
    assert_eq!(outcome.unwrap().sdp, "v=1");
    assert!(protocols.contains("stage.v1") && protocols.contains("hunter2"));
    assert_eq!(seen[0]["offer"], "v=0");
    assert_eq!(seen.last().unwrap()["type"], "leave");
}

#[test]
fn a_refusal_is_told_in_words() {
    for (word, expected) in [
        (
            json!({ "seq": 1, "type": "error", "code": "OFFER_MALFORMED", "message": "no ice-ufrag" }),
            "OFFER_MALFORMED: no ice-ufrag",
        ),
        (
            json!({ "seq": 1, "type": "left", "reason": "BANNED" }),
            "put out: BANNED",
        ),
    ] {
        assert_eq!(watch_server(&[word]).0.unwrap_err(), expected);
    }
}

#[test]
fn other_messages_are_passed_over() {
    let delta = json!({ "seq": 2, "type": "delta", "join": [] });
    assert_eq!(answer(&delta.to_string()), Ok(None));
    assert!(answer("nonsense").is_err());
}
