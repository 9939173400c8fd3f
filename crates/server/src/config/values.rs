//! The types of single settings: parsed once, and not able to be wrong.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;
use serde::Deserialize;

/// A text that must not be seen. Its `Debug` shows nothing.
#[derive(Clone, Deserialize, PartialEq, Eq)]
#[serde(transparent)]
pub(crate) struct Redacted(String);

impl Redacted {
    /// Hides a text.
    pub(crate) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text, for the one place that needs it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redacted(..)")
    }
}

impl FromStr for Redacted {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

/// A length of time as people write it: `500ms`, `10s`, `3m`, `12h`, `60d`, or several of these in a row (`1h30m`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

/// Why a text is not a length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a duration such as 500ms, 10s, 3m, 12h or 60d")]
pub(crate) struct SpanError;

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let mut rest = text;
        let mut total = Duration::ZERO;
        while !rest.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, tail) = rest.split_at(digits);
            let letters = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
            let (unit, tail) = tail.split_at(letters);
            let number: u64 = number.parse().map_err(|_| SpanError)?;
            let milliseconds: u64 = match unit {
                "ms" => 1,
                "s" => 1_000,
                "m" => 60 * 1_000,
                "h" => 60 * 60 * 1_000,
                "d" => 24 * 60 * 60 * 1_000,
                _ => return Err(SpanError),
            };
            let part = number.checked_mul(milliseconds).ok_or(SpanError)?;
            total = total
                .checked_add(Duration::from_millis(part))
                .ok_or(SpanError)?;
            rest = tail;
        }
        if text.is_empty() {
            Err(SpanError)
        } else {
            Ok(Self(total))
        }
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer)
    }
}

/// An address for candidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExternalAddress {
    /// The one that faces the outside.
    Auto,
    /// This one.
    Address(IpAddr),
}

/// Why a text is not an address for candidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an IP address or `auto`")]
pub(crate) struct ExternalAddressError;

impl FromStr for ExternalAddress {
    type Err = ExternalAddressError;

    fn from_str(text: &str) -> Result<Self, ExternalAddressError> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        text.parse()
            .map(Self::Address)
            .map_err(|_| ExternalAddressError)
    }
}

impl<'de> Deserialize<'de> for ExternalAddress {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer)
    }
}

/// Reads a value by its `FromStr`; the error never repeats the text.
pub(super) fn from_text<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr<Err: fmt::Display>,
    D: serde::Deserializer<'de>,
{
    String::deserialize(deserializer)?
        .parse()
        .map_err(serde::de::Error::custom)
}

/// Who may read `/metrics`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum MetricsAccess {
    /// Everybody.
    Open,
    /// Direct clients on this machine.
    Loopback,
    /// Nobody.
    Off,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For eyes.
    Human,
    /// One JSON object a line.
    Json,
}

/// From which level on log lines are written.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogLevel {
    /// Bugs.
    Error,
    /// Worth waking someone if frequent.
    Warn,
    /// A state that users notice.
    Info,
    /// A deviation.
    Debug,
    /// Each packet.
    Trace,
}

/// An access key as it is written down.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccessKeyEntry {
    /// The access key id: 3 to 128 letters, digits and `_`.
    pub(crate) id: String,
    /// The secret access key, 16 characters at least.
    pub(crate) secret: Redacted,
    /// Whose it is: twelve digits.
    pub(crate) account: String,
    /// A policy in IAM's JSON form that says what the key may do; without one it may do everything in its account.
    pub(crate) policy_file: Option<PathBuf>,
    /// Where the entry was written.
    #[serde(skip)]
    pub(crate) place: AccessKeyPlace,
}

/// Where an access key was written down; a relative `policy_file` counts from there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum AccessKeyPlace {
    /// On the command line, in the environment or in the defaults.
    #[default]
    Text,
    /// In a file of this folder.
    Folder(PathBuf),
}

impl FromStr for AccessKeyEntry {
    type Err = std::convert::Infallible;

    /// Splits `ID:SECRET:ACCOUNT[:POLICY_FILE]`. What is missing is empty and refused later, by its place in the list: an
    /// error from here would make the command line's parser print the text, and with it the secret.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(4, ':');
        let mut part = || parts.next().unwrap_or_default().to_owned();
        Ok(Self {
            id: part(),
            secret: Redacted(part()),
            account: part(),
            policy_file: parts.next().map(PathBuf::from),
            place: AccessKeyPlace::Text,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_numbers_with_units() {
        let cases = [
            ("500ms", Some(500)),
            ("10s", Some(10_000)),
            ("3m", Some(180_000)),
            ("1h30m", Some(5_400_000)),
            ("60d", Some(5_184_000_000)),
            ("0s", Some(0)),
            ("", None),
            ("10", None),
            ("s", None),
            ("10 s", None),
            ("-1s", None),
            ("1.5s", None),
            ("10S", None),
            ("99999999999999999999s", None),
            ("18446744073709551615d", None),
            ("10µs", None),
        ];
        for (text, milliseconds) in cases {
            let expected = milliseconds.map(|each| Span(Duration::from_millis(each)));
            assert_eq!(text.parse().ok(), expected, "{text:?}");
        }
    }

    #[test]
    fn secrets_do_not_show_in_debug_output() {
        let key: AccessKeyEntry = "AKID:hunter2hunter2hunter2:123456789012".parse().unwrap();
        assert!(!format!("{key:?}").contains("hunter2"));
    }
}
