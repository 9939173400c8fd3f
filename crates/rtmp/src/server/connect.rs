//! `connect`: who calls, for which application, and what is answered.

use crate::StreamName;
use crate::amf0::Value;
use crate::command;
use crate::message::{Message, kind};
use crate::metadata::{ENCODER_CHARS_MAX, printable};

/// Characters of a host name that are kept.
const HOST_CHARS_MAX: usize = 255;
/// `CanDecode` and `CanForward` of enhanced RTMP's `FourCcInfoMask`.
const CAN_DECODE: f64 = 1.0;
const CAN_FORWARD: f64 = 4.0;
/// `Multitrack` and `ModEx` of enhanced RTMP's `CapsExMask`.
const CAPABILITIES: f64 = 6.0;

/// What a publish repeats of `connect`.
#[derive(Default)]
pub(super) struct Connect {
    pub(super) app: String,
    pub(super) app_rest: StreamName,
    pub(super) encoder: String,
    pub(super) host: Option<String>,
    /// Whether the encoder has said what it can of enhanced RTMP.
    pub(super) is_enhanced: bool,
}

impl Connect {
    /// Reads the object; members that are unknown or of another type are passed over.
    pub(super) fn read(object: &Value) -> Self {
        let text = |name| object.get(name).and_then(Value::as_str);
        let url = text("tcUrl").unwrap_or_default();
        let (authority, path) = split_url(url);
        let (app, rest) = split_app(text("app").unwrap_or(path));
        let host = authority.rsplit('@').next().filter(|host| !host.is_empty());
        let enhanced = [
            "fourCcList",
            "videoFourCcInfoMap",
            "audioFourCcInfoMap",
            "capsEx",
        ];
        Self {
            app: app.to_owned(),
            app_rest: StreamName::new(rest),
            encoder: printable(text("flashVer").unwrap_or_default(), ENCODER_CHARS_MAX),
            host: host.map(|host| printable(host, HOST_CHARS_MAX)),
            is_enhanced: enhanced.iter().any(|name| object.get(name).is_some()),
        }
    }

    /// The answer that lets the encoder go on.
    pub(super) fn answer(&self, transaction: f64) -> Message {
        let mut information = command::information(
            "status",
            "NetConnection.Connect.Success",
            "Connection succeeded.",
        );
        if let Value::Object(members) = &mut information {
            let mut say = |name: &str, value| members.push((name.to_owned(), value));
            say("objectEncoding", Value::Number(0.0));
            if self.is_enhanced {
                let codecs = ["avc1", "mp4a"].map(Value::string);
                say("fourCcList", Value::StrictArray(codecs.into()));
                let video = [("avc1", Value::Number(CAN_FORWARD))];
                say("videoFourCcInfoMap", Value::object(video));
                let audio = [("mp4a", Value::Number(CAN_DECODE))];
                say("audioFourCcInfoMap", Value::object(audio));
                say("capsEx", Value::Number(CAPABILITIES));
            }
        }
        let properties = Value::object([
            ("fmsVer", Value::string("FMS/3,5,7,7009")),
            ("capabilities", Value::Number(31.0)),
        ]);
        let values = [
            Value::string("_result"),
            Value::Number(transaction),
            properties,
            information,
        ];
        command::message(kind::COMMAND, 0, &values)
    }
}

/// Host with port, and path, of `rtmp://host:port/path`.
fn split_url(url: &str) -> (&str, &str) {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    rest.split_once('/').unwrap_or((rest, ""))
}

/// The first part of a path without its query, and what follows it.
fn split_app(path: &str) -> (&str, &str) {
    let path = path.split('?').next().unwrap_or_default();
    let path = path.trim_matches('/');
    let (app, rest) = path.split_once('/').unwrap_or((path, ""));
    (app, rest.trim_start_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(members: Vec<(&str, Value)>) -> Connect {
        let members = members.into_iter();
        let members = members.map(|(name, value)| (name.to_owned(), value));
        Connect::read(&Value::Object(members.collect()))
    }

    #[test]
    fn r16_the_app_is_found_with_query_slashes_and_without_a_member() {
        let table = [
            ("app", "app", ""),
            ("app/", "app", ""),
            ("/app//", "app", ""),
            ("app?token=x/y", "app", ""),
            ("app/?x=1", "app", ""),
            ("app/rt_key", "app", "rt_key"),
            ("app/rt_key/?x", "app", "rt_key"),
            ("app//a/b", "app", "a/b"),
            ("", "", ""),
        ];
        for (given, app, rest) in table {
            let connect = read(vec![("app", Value::string(given))]);
            assert_eq!(
                (&*connect.app, connect.app_rest.expose()),
                (app, rest),
                "{given}"
            );
            let url = format!("rtmp://host/{given}");
            let connect = read(vec![("tcUrl", Value::string(url))]);
            assert_eq!(
                (&*connect.app, connect.app_rest.expose()),
                (app, rest),
                "{given}"
            );
        }
    }

    #[test]
    fn r16_unknown_and_mistyped_members_of_connect_are_passed_over() {
        let connect = read(vec![
            ("app", Value::string("app")),
            ("tcUrl", Value::Number(7.0)),
            ("flashVer", Value::StrictArray(vec![])),
            ("unheardOf", Value::object([("a", Value::Date(0.0))])),
        ]);
        assert_eq!(
            (&*connect.app, &*connect.encoder, connect.host),
            ("app", "", None)
        );
    }

    #[test]
    fn a_host_is_kept_without_credentials_and_control_characters() {
        let connect = read(vec![(
            "tcUrl",
            Value::string("rtmp://me:key@h\nost:1935/app/key"),
        )]);
        assert_eq!(connect.host.as_deref(), Some("host:1935"));
    }
}
