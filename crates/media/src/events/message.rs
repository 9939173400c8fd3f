//! The messages of the events socket: JSON objects with a `type`.

use axum::extract::ws::{Utf8Bytes, close_code};
use serde::Deserialize;
use serde_json::json;
use stage::{LeftReason, Refusal, Roster};

/// What a client says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// Is anybody there?
    Ping,
    /// Something that this server does not know, or not JSON.
    Unknown,
}

/// Reads a client's message.
pub(super) fn parse(text: &str) -> Request {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow, rename = "type")]
        kind: std::borrow::Cow<'a, str>,
    }
    match serde_json::from_str::<Envelope<'_>>(text) {
        Ok(envelope) if envelope.kind == "PING" => Request::Ping,
        Ok(_) | Err(_) => Request::Unknown,
    }
}

/// The answer to a ping.
pub(super) const PONG: Utf8Bytes = Utf8Bytes::from_static(r#"{"type":"PONG"}"#);

/// The whole roster. A participant that is missing from it does not publish (any more).
pub(crate) fn stage_state(roster: &Roster) -> Utf8Bytes {
    let participants: Vec<_> = roster
        .participants
        .iter()
        .map(|entry| {
            json!({
                "id": entry.id.as_str(),
                "userId": entry.user_id,
                "attributes": entry.attributes,
                "isPublishing": true,
            })
        })
        .collect();
    let payload = json!({ "stageId": roster.stage.as_str(), "participants": participants });
    message("STAGE_STATE", &payload)
}

/// Why the join was refused.
pub(super) fn join_error(goodbye: &Goodbye) -> Utf8Bytes {
    let payload = json!({ "code": goodbye.error_code, "reason": goodbye.reason });
    message("JOIN_ERROR", &payload)
}

/// Why the socket is closed.
pub(super) fn stage_left(goodbye: &Goodbye) -> Utf8Bytes {
    message("STAGE_LEFT", &json!({ "reason": goodbye.reason }))
}

fn message(kind: &str, payload: &serde_json::Value) -> Utf8Bytes {
    json!({ "type": kind, "payload": payload })
        .to_string()
        .into()
}

/// How a socket is closed by the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Goodbye {
    /// Of the WebSocket close frame (RFC 6455, section 7.4).
    pub(super) close_code: u16,
    /// The word in the message and in the close frame.
    pub(super) reason: &'static str,
    /// `StageErrorCode` of the Web Broadcast SDK reference, for a refused join.
    pub(super) error_code: u16,
}

impl From<&Refusal> for Goodbye {
    fn from(refusal: &Refusal) -> Self {
        let (close_code, reason, error_code) = match refusal {
            Refusal::TokenExpired => (close_code::POLICY, "TOKEN_EXPIRED", 2),
            Refusal::QuotaExceeded => (close_code::AGAIN, "STAGE_AT_CAPACITY", 6),
            Refusal::StageNotFound => (close_code::POLICY, "STAGE_DELETED", 9),
            Refusal::ParticipantDisconnected => {
                (close_code::POLICY, "PARTICIPANT_DISCONNECTED", 10)
            }
            Refusal::ShuttingDown => (close_code::RESTART, "FAILED", 4),
            // It may go at any time; a join is worth another try.
            Refusal::ReplicaPresent => (close_code::AGAIN, "FAILED", 4),
            // Not answers to a join, for which any token will do; told all the same rather than left open.
            Refusal::InsufficientCapabilities
            | Refusal::Offer(_)
            | Refusal::PublisherNotFound
            | Refusal::PublisherNotPublishing { .. }
            | Refusal::SelfSubscribe
            | Refusal::StreamKeyInUse
            | Refusal::IngestDetached
            | Refusal::Exchange(_)
            | Refusal::Replication(_) => (close_code::ERROR, "FAILED", 4),
        };
        Self {
            close_code,
            reason,
            error_code,
        }
    }
}

impl From<LeftReason> for Goodbye {
    fn from(left: LeftReason) -> Self {
        let close_code = match left {
            LeftReason::UserInitiated => close_code::NORMAL,
            LeftReason::Unknown => close_code::AWAY,
            LeftReason::TokenReused
            | LeftReason::ParticipantDisconnected
            | LeftReason::StageDeleted
            | LeftReason::FailedExchange
            | LeftReason::ConnectionTokenRevoked => close_code::POLICY,
        };
        Self {
            close_code,
            reason: left.as_str(),
            error_code: 4,
        }
    }
}

/// The server could not ask `stage`.
pub(super) const FAILED: Goodbye = Goodbye {
    close_code: close_code::AGAIN,
    reason: "FAILED",
    error_code: 4,
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use model::{ConnectionId, ParticipantId, StageId};
    use stage::{Mute, RosterEntry};

    use super::*;

    #[test]
    fn a_roster_is_one_whole_snapshot() {
        let roster = Roster {
            stage: StageId::parse("abcdABCDefgh").unwrap(),
            participants: vec![RosterEntry {
                id: ParticipantId::parse("ana").unwrap(),
                user_id: "A \"quote\"".to_owned(),
                attributes: BTreeMap::from([("role".to_owned(), "host".to_owned())]),
                publish: ConnectionId(1),
                mute: Mute::default(),
                source: None,
            }],
        };
        let value: serde_json::Value = serde_json::from_str(&stage_state(&roster)).unwrap();
        let expected = json!({ "type": "STAGE_STATE", "payload": {
            "stageId": "abcdABCDefgh",
            "participants": [
                { "id": "ana", "userId": "A \"quote\"", "attributes": { "role": "host" }, "isPublishing": true },
            ],
        }});
        assert_eq!(value, expected);
    }

    #[test]
    fn only_a_ping_is_a_ping() {
        for (text, expected) in [
            (r#"{"type":"PING"}"#, Request::Ping),
            (r#"{ "seq": 1, "type": "\u0050ING" }"#, Request::Ping),
            (r#"{"type":"SET_STATE"}"#, Request::Unknown),
            (r#"{"type":7}"#, Request::Unknown),
            ("PING", Request::Unknown),
            ("", Request::Unknown),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
        assert_eq!(parse(&"[".repeat(60_000)), Request::Unknown);
    }
}
