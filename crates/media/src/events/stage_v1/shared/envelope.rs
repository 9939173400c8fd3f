//! What is around a message on a shared connection: `on`, the channel, and in the first message of each the participant's token.

use std::fmt;
use std::sync::Arc;

use axum::extract::ws::Utf8Bytes;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::events::stage_v1::message::{self, FromClient, Secret};

/// Longest name of a channel, characters.
const NAME_CHARS_MAX: usize = 32;

/// The name of a channel: 1 to 32 of `[A-Za-z0-9_-]`, chosen by the client.
pub(super) type Name = Arc<str>;

/// What a client says on a connection.
pub(super) enum Said {
    /// To the connection itself.
    Ping,
    /// On a channel.
    On {
        channel: Name,
        /// Whose session it is to be, if this says so.
        token: Option<Secret>,
        /// `Err` says what is wrong with it.
        message: Box<Result<FromClient, String>>,
    },
}

/// The members of an object, of which none is there twice.
struct Members(Map<String, Value>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Whole;
        impl<'de> Visitor<'de> for Whole {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Members, A::Error> {
                let mut members = Map::new();
                while let Some((name, value)) = access.next_entry::<String, Value>()? {
                    if members.insert(name, value).is_some() {
                        return Err(A::Error::custom("a member is there twice"));
                    }
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Whole)
    }
}

/// Reads what a client says; else what is wrong with it, in words that never repeat it.
pub(super) fn read(text: &str) -> Result<Said, &'static str> {
    let Members(mut members) = serde_json::from_str(text)
        .map_err(|_| "the message is no JSON object, or has a member twice")?;
    let Some(on) = members.remove("on") else {
        let is_ping = members.len() == 1 && members.get("type").is_some_and(|kind| kind == "ping");
        return if is_ping {
            Ok(Said::Ping)
        } else {
            Err("every message but a ping names its channel (on)")
        };
    };
    let channel = on.as_str().filter(|name| is_name(name));
    let channel = channel.ok_or("on is 1 to 32 of [A-Za-z0-9_-]")?;
    let token = match members.remove("token") {
        // An exchange has a token of its own.
        Some(token) if members.get("type").is_some_and(|kind| kind == "exchange") => {
            members.insert("token".to_owned(), token);
            None
        }
        Some(Value::String(token)) => Some(Secret(token)),
        Some(_) => return Err("token is a text"),
        None => None,
    };
    Ok(Said::On {
        channel: channel.into(),
        token,
        message: Box::new(message::read(Value::Object(members))),
    })
}

fn is_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    (1..=NAME_CHARS_MAX).contains(&text.len()) && text.bytes().all(fits)
}

/// A frame of a session, as it is on a connection.
pub(super) fn wrap(channel: &str, frame: &str) -> Utf8Bytes {
    // Frames are objects with members, and nothing in a name has to be escaped.
    let members = frame.strip_prefix('{').unwrap_or(frame);
    format!("{{\"on\":\"{channel}\",{members}").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> String {
        match read(text) {
            Ok(Said::Ping) => "ping".to_owned(),
            Ok(Said::On {
                channel,
                token,
                message,
            }) => {
                let token = token.map_or_else(String::new, |token| format!(" {}", token.0));
                let kind = match *message {
                    Ok(FromClient::Join(_)) => "join",
                    Ok(FromClient::Exchange(_)) => "exchange",
                    Ok(FromClient::Ping(_)) => "ping",
                    Ok(_) => "other",
                    Err(_) => "malformed",
                };
                format!("{channel} {kind}{token}")
            }
            Err(_) => "malformed".to_owned(),
        }
    }

    #[test]
    fn messages_name_their_channel_and_the_first_one_has_a_token() {
        let long = "x".repeat(33);
        for (text, expected) in [
            (r#"{"type":"ping"}"#, "ping"),
            (r#"{"type":"ping","x":1}"#, "malformed"),
            (r#"{"type":"leave"}"#, "malformed"),
            (r#"{"on":"a","type":"ping"}"#, "a ping"),
            (r#"{"on":"a","type":"join","token":"t"}"#, "a join t"),
            (r#"{"on":"a","type":"join","token":7}"#, "malformed"),
            (r#"{"on":"a","type":"exchange","token":"t"}"#, "a exchange"),
            (r#"{"on":"a","type":"ping","token":"t"}"#, "a ping t"),
            (r#"{"on":"a","on":"b","type":"ping"}"#, "malformed"),
            (r#"{"on":"a","type":"ping","type":"ping"}"#, "malformed"),
            (r#"{"on":"a","type":"ping","secret":1}"#, "a malformed"),
            (r#"{"on":"a"}"#, "a malformed"),
            (r#"{"on":"","type":"ping"}"#, "malformed"),
            (r#"{"on":"a b","type":"ping"}"#, "malformed"),
            (r#"{"on":7,"type":"ping"}"#, "malformed"),
            (&format!(r#"{{"on":"{long}","type":"ping"}}"#), "malformed"),
            ("[]", "malformed"),
            ("", "malformed"),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
        assert!(read(&"[".repeat(60_000)).is_err());
    }

    #[test]
    fn a_frame_says_on_which_channel_it_is() {
        let frame = wrap("a-1", r#"{"seq":1,"type":"pong"}"#);
        assert_eq!(frame.as_str(), r#"{"on":"a-1","seq":1,"type":"pong"}"#);
    }
}
