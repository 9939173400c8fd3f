//! `[[ice_servers]]`: STUN servers and relays that clients are told of.

use std::str::FromStr;
use std::time::Duration;

use auth::relay::SharedSecret;
use media::{IceAccess, IceServerSettings, IceUrl};
use serde::Deserialize;

use super::resolve::{ConfigError, invalid, long_enough};
use super::{Redacted, Span};

/// Servers, and URLs of each: a client gathers candidates from all of them before it is done.
const SERVERS_MAX: usize = 8;
const URLS_MAX: usize = 8;
/// Longest user name and password; STUN has room for 508 bytes (RFC 8489 section 14.3).
const TEXT_BYTES_MAX: usize = 256;
/// How long time-limited credentials are good for: longer than any one stay, since a relay asks for them again at each refresh.
const LIFETIME: Duration = Duration::from_hours(24);
const LIFETIME_MIN: Duration = Duration::from_mins(1);
const LIFETIME_MAX: Duration = Duration::from_hours(24 * 30);

/// An ICE server as it is written down.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IceServerEntry {
    /// Where it is reached: `stun:`, `stuns:`, `turn:` or `turns:` URLs.
    pub(crate) urls: Vec<String>,
    /// The user name of all clients.
    pub(crate) username: Option<String>,
    /// The password that goes with it.
    pub(crate) credential: Option<Redacted>,
    /// What the relay shares with this server, for time-limited credentials.
    pub(crate) secret: Option<Redacted>,
    /// How long those are good for.
    pub(crate) lifetime: Option<Span>,
}

impl FromStr for IceServerEntry {
    type Err = std::convert::Infallible;

    /// Splits `URL[;SECRET]` or `URL;USERNAME;CREDENTIAL`. What is wrong is refused later, by its place in the list: an error from
    /// here would make the command line's parser print the text, and with it the secret.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(3, ';');
        let urls = vec![parts.next().unwrap_or_default().to_owned()];
        let entry = Self {
            urls,
            ..Self::default()
        };
        Ok(match (parts.next(), parts.next()) {
            (None, _) => entry,
            (Some(secret), None) => Self {
                secret: Some(Redacted::new(secret)),
                ..entry
            },
            (Some(username), Some(credential)) => Self {
                username: Some(username.to_owned()),
                credential: Some(Redacted::new(credential)),
                ..entry
            },
        })
    }
}

/// What clients are told, if all of it is sound.
pub(super) fn check(entries: Vec<IceServerEntry>) -> Result<Vec<IceServerSettings>, ConfigError> {
    if entries.len() > SERVERS_MAX {
        let what = format!("at most {SERVERS_MAX} servers");
        return Err(invalid("ice_servers", what));
    }
    entries
        .into_iter()
        .enumerate()
        .map(|(at, entry)| entry.check(&|field| format!("ice_servers[{at}].{field}")))
        .collect()
}

impl IceServerEntry {
    fn check(self, key: &dyn Fn(&str) -> String) -> Result<IceServerSettings, ConfigError> {
        if self.urls.is_empty() || self.urls.len() > URLS_MAX {
            return Err(invalid(key("urls"), format!("1 to {URLS_MAX} URLs")));
        }
        let urls = self
            .urls
            .iter()
            .map(|url| IceUrl::parse(url).map_err(|error| invalid(key("urls"), error.to_string())))
            .collect::<Result<Vec<_>, _>>()?;
        if self.lifetime.is_some() && self.secret.is_none() {
            return Err(invalid(
                key("lifetime"),
                "goes with `secret`: other credentials do not end",
            ));
        }
        let access = match (self.username, self.credential, self.secret) {
            (None, None, None) => IceAccess::Open,
            (Some(username), Some(credential), None) => {
                let credential = credential.expose().to_owned();
                quotable(&key("username"), &username)?;
                quotable(&key("credential"), &credential)?;
                IceAccess::Fixed {
                    username,
                    credential,
                }
            }
            (None, None, Some(secret)) => {
                long_enough(&key("secret"), &secret)?;
                let lifetime = self.lifetime.map_or(LIFETIME, |span| span.0);
                if !(LIFETIME_MIN..=LIFETIME_MAX).contains(&lifetime) {
                    return Err(invalid(key("lifetime"), "must lie between 1m and 30d"));
                }
                IceAccess::Timed {
                    secret: SharedSecret::new(secret.expose()),
                    lifetime,
                }
            }
            (_, _, Some(_)) => {
                let what =
                    "makes user names and passwords itself: leave `username` and `credential` out";
                return Err(invalid(key("secret"), what));
            }
            (Some(_), None, None) => {
                return Err(invalid(key("credential"), "needed beside `username`"));
            }
            (None, Some(_), None) => {
                return Err(invalid(key("username"), "needed beside `credential`"));
            }
        };
        let is_open = matches!(access, IceAccess::Open);
        if is_open && urls.iter().any(IceUrl::is_relay) {
            let what = "a relay needs `secret`, or `username` and `credential`: one that is open to all relays for anybody";
            return Err(invalid(key("urls"), what));
        }
        if !is_open && !urls.iter().all(IceUrl::is_relay) {
            let what = "a STUN server takes no credentials: give it an entry of its own";
            return Err(invalid(key("urls"), what));
        }
        Ok(IceServerSettings { urls, access })
    }
}

/// A text that a header can carry between quotes as it is, since simple clients do not undo escapes.
fn quotable(key: &str, text: &str) -> Result<(), ConfigError> {
    let is_sound = (1..=TEXT_BYTES_MAX).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'));
    if is_sound {
        return Ok(());
    }
    let what = format!(
        "must be 1 to {TEXT_BYTES_MAX} visible ASCII characters without spaces, `\"` and `\\`"
    );
    Err(invalid(key, what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct File {
        ice_servers: Vec<IceServerEntry>,
    }

    fn from_file(text: &str) -> Result<Vec<IceServerSettings>, String> {
        let text = format!("[[ice_servers]]\n{text}");
        let file: File = toml::from_str(&text).map_err(|error| error.to_string())?;
        check(file.ice_servers).map_err(|error| error.to_string())
    }

    #[test]
    fn servers_are_open_or_have_one_way_in() {
        let access = |text| from_file(text).map(|all| format!("{:?}", all[0].access));
        for (text, expected) in [
            ("urls = [\"stun:a.example\", \"stuns:a.example\"]", "Open"),
            (
                "urls = [\"turn:a.example\"]\nusername = \"a\"\ncredential = \"b\"",
                "Fixed(..)",
            ),
            (
                "urls = [\"turn:a.example\"]\nsecret = \"0123456789abcdef\"\nlifetime = \"1h\"",
                "Timed(..)",
            ),
        ] {
            assert_eq!(access(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_cannot_work_is_refused_by_key_and_never_shown() {
        for (text, expected) in [
            ("urls = []", "ice_servers[0].urls: 1 to 8"),
            (
                "urls = [\"http://hunter2\"]",
                "ice_servers[0].urls: must be stun:",
            ),
            (
                "urls = [\"turn:a.example\"]",
                "ice_servers[0].urls: a relay needs",
            ),
            (
                "urls = [\"turn:a.example\", \"stun:a.example\"]\nsecret = \"hunter2hunter2hunter2\"",
                "ice_servers[0].urls: a STUN server takes no credentials",
            ),
            (
                "urls = [\"turn:a.example\"]\nusername = \"hunter2\"",
                "ice_servers[0].credential: needed",
            ),
            (
                "urls = [\"turn:a.example\"]\ncredential = \"hunter2\"",
                "ice_servers[0].username: needed",
            ),
            (
                "urls = [\"turn:a.example\"]\nusername = \"a\"\ncredential = \"hunter2\\\"\"",
                "ice_servers[0].credential: must be 1 to 256 visible",
            ),
            (
                "urls = [\"turn:a.example\"]\nusername = \"hunter2 \"\ncredential = \"b\"",
                "ice_servers[0].username: must be 1 to 256 visible",
            ),
            (
                "urls = [\"turn:a.example\"]\nsecret = \"hunter2\"",
                "ice_servers[0].secret: must have at least 16",
            ),
            (
                "urls = [\"turn:a.example\"]\nusername = \"a\"\nsecret = \"hunter2hunter2hunter2\"",
                "ice_servers[0].secret: makes user names",
            ),
            (
                "urls = [\"turn:a.example\"]\nsecret = \"hunter2hunter2hunter2\"\nlifetime = \"1s\"",
                "ice_servers[0].lifetime: must lie between",
            ),
            (
                "urls = [\"stun:a.example\"]\nlifetime = \"1h\"",
                "ice_servers[0].lifetime: goes with",
            ),
        ] {
            let error = from_file(text).unwrap_err();
            assert!(error.starts_with(expected), "{text}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        let many = vec![IceServerEntry::default(); SERVERS_MAX + 1];
        assert!(check(many).unwrap_err().to_string().contains("at most 8"));
    }

    #[test]
    fn a_flag_names_one_url_and_what_opens_it() {
        for (text, expected) in [
            ("stun:a.example:3478", "Open"),
            ("turn:a.example?transport=tcp;0123456789abcdef", "Timed(..)"),
            ("turn:a.example;user;pass;word", "Fixed(..)"),
        ] {
            let entry: IceServerEntry = text.parse().unwrap();
            assert!(!format!("{entry:?}").contains("pass"));
            let settings = check(vec![entry]).unwrap();
            assert_eq!(format!("{:?}", settings[0].access), expected, "{text}");
        }
    }
}
