//! What a client says.
//!
//! It is read strictly: an unknown type, an unknown member and a value out of its bounds are malformed.

use std::collections::BTreeSet;
use std::fmt;

use model::ParticipantId;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sfu::{LayerLabel, Medium, Start};

/// Participants that one `sub` may name, in `set` and in `reset`. A stage has 12 publishers unless its quota is raised.
pub(in super::super) const SUB_PARTICIPANTS_MAX: usize = 128;
/// Largest width or height of a picture that can be asked for, pixels.
const PICTURE_SIDE_MAX: u16 = 8_192;
/// Longest name of a client library that is kept, characters (API model of participants).
const SDK_VERSION_CHARS_MAX: usize = 128;

/// What a client says.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(Serialize))]
#[serde(tag = "type", rename_all = "camelCase")]
pub(in super::super) enum FromClient {
    /// The first message of each socket.
    Join(Join),
    /// What is wanted of whom.
    Sub(Sub),
    /// An SDP offer: of the feed that is there, or for one if there is none.
    Offer(Offer),
    /// What this participant has muted.
    Mute(Mute),
    /// Another token for the same participant.
    Exchange(Exchange),
    /// Is anybody there?
    Ping(Empty),
    /// Goodbye.
    Leave(Empty),
}

/// A message without members.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(Serialize))]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Empty {}

/// See [`FromClient::Join`].
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(test, derive(Serialize))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in super::super) struct Join {
    /// Opens a feed; an older one of a resumed session is closed.
    pub(in super::super) offer: Option<Secret>,
    /// What is wanted of those whom no `sub` names. A resumed session keeps what it has.
    pub(in super::super) want: DefaultWant,
    /// The session to go on with.
    pub(in super::super) resume: Option<Resume>,
    /// The client library, for the participant's record.
    #[serde(deserialize_with = "sdk_version")]
    pub(in super::super) sdk_version: String,
}

/// Where a client was when it lost its socket.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(Serialize))]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Resume {
    /// As `joined` named it.
    pub(in super::super) session: Secret,
    /// Of the last frame that came.
    pub(in super::super) seq: u64,
}

/// Text that opens something. It is never shown.
#[derive(Clone, Deserialize, Serialize)]
#[serde(transparent)]
pub(in super::super) struct Secret(pub(in super::super) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// What is wanted of those whom no `sub` names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(Serialize))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(in super::super) struct DefaultWant {
    /// Whom.
    pub(in super::super) default: Whom,
    /// What of them; everything unless it is said.
    pub(in super::super) kinds: Option<BTreeSet<Kind>>,
    /// With which layer to begin.
    pub(in super::super) initial: Initial,
}

/// Whom a client wants without naming them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(Serialize))]
#[serde(rename_all = "camelCase")]
pub(in super::super) enum Whom {
    /// Everybody who publishes, as soon as they do.
    #[default]
    All,
    /// Nobody.
    None,
}

/// What streams are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in super::super) enum Kind {
    Audio,
    Video,
}

impl From<Medium> for Kind {
    fn from(medium: Medium) -> Self {
        match medium {
            Medium::Audio => Self::Audio,
            Medium::Video => Self::Video,
        }
    }
}

/// With which layer a video begins while the server chooses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(Serialize))]
#[serde(rename_all = "camelCase")]
pub(in super::super) enum Initial {
    #[default]
    Low,
    High,
}

impl From<Initial> for Start {
    fn from(initial: Initial) -> Self {
        match initial {
            Initial::Low => Self::Lowest,
            Initial::High => Self::Highest,
        }
    }
}

/// See [`FromClient::Sub`].
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(Serialize))]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Sub {
    /// What is wanted of these from now on, in place of what was wanted of them before.
    #[serde(default, deserialize_with = "few")]
    pub(in super::super) set: Vec<SubEntry>,
    /// These are wanted as everybody is.
    #[serde(default, deserialize_with = "few")]
    pub(in super::super) reset: Vec<Pid>,
}

/// What is wanted of one participant.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(Serialize))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in super::super) struct SubEntry {
    /// Of whom.
    pub(in super::super) pid: Pid,
    /// What; nothing where it is empty.
    pub(in super::super) kinds: BTreeSet<Kind>,
    /// With which layer to begin.
    #[serde(default)]
    pub(in super::super) initial: Initial,
    /// The layer to be kept while it is there; without one the server chooses.
    #[serde(default, deserialize_with = "label")]
    #[cfg_attr(test, serde(serialize_with = "print_label"))]
    pub(in super::super) prefer: Option<LayerLabel>,
    /// The largest picture that is of use.
    #[serde(default)]
    pub(in super::super) max_size: Option<Size>,
    /// Who is upgraded first; higher comes first.
    #[serde(default)]
    pub(in super::super) priority: u8,
}

/// Of a picture, pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(Serialize))]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Size {
    #[serde(deserialize_with = "side")]
    pub(in super::super) width: u16,
    #[serde(deserialize_with = "side")]
    pub(in super::super) height: u16,
}

/// See [`FromClient::Offer`].
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(Serialize))]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Offer {
    pub(in super::super) sdp: Secret,
}

/// See [`FromClient::Mute`].
#[derive(Clone, Copy, Debug, Deserialize)]
#[cfg_attr(test, derive(Serialize))]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Mute {
    pub(in super::super) audio: bool,
    pub(in super::super) video: bool,
}

/// See [`FromClient::Exchange`].
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(Serialize))]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Exchange {
    pub(in super::super) token: Secret,
}

/// A participant's id on the wire.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) struct Pid(pub(in super::super) ParticipantId);

impl<'de> Deserialize<'de> for Pid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let id = ParticipantId::parse(&text);
        id.map(Self)
            .map_err(|_| D::Error::custom("a pid has 1 to 64 of [a-zA-Z0-9-_]"))
    }
}

impl Serialize for Pid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.as_str().serialize(serializer)
    }
}

fn few<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let all = Vec::deserialize(deserializer)?;
    if all.len() <= SUB_PARTICIPANTS_MAX {
        Ok(all)
    } else {
        let bound = format!("a sub names at most {SUB_PARTICIPANTS_MAX} participants in each list");
        Err(D::Error::custom(bound))
    }
}

fn label<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<LayerLabel>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| {
        let bound = "prefer is the label of a layer, 1 to 16 of [a-zA-Z0-9-_]";
        LayerLabel::parse(&text).ok_or_else(|| D::Error::custom(bound))
    })
    .transpose()
}

#[cfg(test)]
#[expect(clippy::ref_option, reason = "serde hands it over so")]
fn print_label<S: Serializer>(
    label: &Option<LayerLabel>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    label.as_ref().map(LayerLabel::as_str).serialize(serializer)
}

fn side<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let side = u16::deserialize(deserializer)?;
    if (1..=PICTURE_SIDE_MAX).contains(&side) {
        Ok(side)
    } else {
        let bound = format!("width and height of maxSize are 1 to {PICTURE_SIDE_MAX}");
        Err(D::Error::custom(bound))
    }
}

/// Text of a client about itself: what does not fit the participant's record is dropped.
fn sdk_version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.,:; ".contains(c);
    let text = String::deserialize(deserializer)?;
    let is_sound = text.len() <= SDK_VERSION_CHARS_MAX && text.chars().all(fits);
    Ok(if is_sound { text } else { String::new() })
}

/// Reads a client's message; else what is wrong with it, in words that never repeat it.
pub(in super::super) fn parse(text: &str) -> Result<FromClient, String> {
    serde_json::from_str(text).map_err(|error| explain(&error))
}

/// [`parse`], of what has been taken out of something else.
pub(in super::super) fn read(message: serde_json::Value) -> Result<FromClient, String> {
    serde_json::from_value(message).map_err(|error| explain(&error))
}

fn explain(error: &serde_json::Error) -> String {
    let words = error.to_string();
    if !error.is_data() {
        return "the message is not JSON".to_owned();
    }
    if words.starts_with("unknown ") && words.ends_with("there are no fields") {
        return "the message has no members but its type".to_owned();
    }
    // What serde found comes first and may be the client's own words; what it looked for comes last and is ours.
    match words.rsplit_once("expected ") {
        Some((_, expected)) => {
            format!("a member is unknown or has a wrong value; expected {expected}")
        }
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_that_are_not_of_the_protocol_are_malformed_and_never_repeated() {
        for text in [
            "",
            "secret",
            "[]",
            "{}",
            r#"{"type":7}"#,
            r#"{"type":"secret"}"#,
            r#"{"type":"PING"}"#,
            r#"{"type":"ping","type":"ping"}"#,
            r#"{"type":"ping","secret":1}"#,
            r#"{"type":"leave","reason":"secret"}"#,
            r#"{"type":"join","secret":"secret"}"#,
            r#"{"type":"join","offer":7}"#,
            r#"{"type":"join","want":{"default":"secret"}}"#,
            r#"{"type":"join","want":{"kinds":["secret"]}}"#,
            r#"{"type":"join","resume":{"session":"secret"}}"#,
            r#"{"type":"join","resume":{"session":"secret","seq":-1}}"#,
            r#"{"type":"sub","set":[{"pid":"ana"}]}"#,
            r#"{"type":"sub","set":[{"pid":"","kinds":[]}]}"#,
            r#"{"type":"sub","set":[{"pid":"secret!","kinds":[]}]}"#,
            r#"{"type":"sub","set":[{"pid":"ana","kinds":[],"prefer":"secret secret"}]}"#,
            r#"{"type":"sub","set":[{"pid":"ana","kinds":[],"priority":256}]}"#,
            r#"{"type":"sub","set":[{"pid":"ana","kinds":[],"maxSize":{"width":0,"height":1}}]}"#,
            r#"{"type":"sub","set":[{"pid":"ana","kinds":[],"maxSize":{"width":1}}]}"#,
            r#"{"type":"offer"}"#,
            r#"{"type":"mute","audio":true}"#,
            r#"{"type":"mute","audio":true,"video":"secret"}"#,
            r#"{"type":"exchange"}"#,
            r#"{"type":"pong"}"#,
            r#"{"type":"ping expected secret"}"#,
            r#"{"type":"ping","expected secret":1}"#,
        ] {
            let explanation = parse(text).expect_err(text);
            assert!(!explanation.contains("secret"), "{text}: {explanation}");
            assert!((1..300).contains(&explanation.len()), "{explanation}");
        }
        assert!(parse(&"[".repeat(60_000)).is_err());
        assert!(parse(&format!(r#"{{"type":"join","want":{}"#, "[".repeat(60_000))).is_err());
    }

    #[test]
    fn what_lets_others_into_a_connection_is_never_shown() {
        for text in [
            r#"{"type":"join","offer":"canary","resume":{"session":"canary","seq":1}}"#,
            r#"{"type":"offer","sdp":"canary"}"#,
            r#"{"type":"exchange","token":"canary"}"#,
        ] {
            let shown = format!("{:?}", parse(text).unwrap());
            assert!(!shown.contains("canary"), "{shown}");
        }
    }

    #[test]
    fn lists_are_as_long_as_they_may_be() {
        for (count, is_sound) in [
            (SUB_PARTICIPANTS_MAX, true),
            (SUB_PARTICIPANTS_MAX + 1, false),
        ] {
            let pids = vec!["\"ana\""; count].join(",");
            let text = format!(r#"{{"type":"sub","reset":[{pids}]}}"#);
            assert_eq!(parse(&text).is_ok(), is_sound, "{count}");
        }
    }

    #[test]
    fn what_a_client_says_of_itself_is_kept_where_it_fits() {
        let long = "x".repeat(129);
        for (said, kept) in [
            ("web 1.2.3", "web 1.2.3"),
            ("<script>", ""),
            ("\u{202e}", ""),
            (&long, ""),
        ] {
            let text = serde_json::json!({ "type": "join", "sdkVersion": said }).to_string();
            let FromClient::Join(join) = parse(&text).unwrap() else {
                panic!("a join: {text}");
            };
            assert_eq!(join.sdk_version, kept);
        }
    }
}
