//! ICE servers that clients are told of: STUN servers and relays (TURN) that somebody runs beside this server.
//!
//! They stand in `Link` headers of WHIP and WHEP (RFC 9725 section 4.6) and in what `stage.v1` says at the join. What is absent:
//! a relay of our own, and any word between this server and a relay. A relay that shares a secret with us gets credentials
//! that name the participant and end by themselves.

mod url;

use std::fmt;
use std::time::Duration;

use auth::relay::SharedSecret;
use http::HeaderValue;
use jiff::{SignedDuration, Timestamp};
use model::ParticipantId;

pub use url::{IceUrl, IceUrlError};

/// One row of what the operator says.
#[derive(Clone, Debug)]
pub struct IceServerSettings {
    /// Where it is reached; each is tried.
    pub urls: Vec<IceUrl>,
    /// How clients get in.
    pub access: IceAccess,
}

/// How clients get into an ICE server.
#[derive(Clone)]
pub enum IceAccess {
    /// Without a word, as STUN servers have it.
    Open,
    /// Everybody by the same user name and password.
    Fixed {
        /// The user name.
        username: String,
        /// The password.
        credential: String,
    },
    /// Everybody by credentials of their own, made with a secret that the relay knows too.
    Timed {
        /// The secret.
        secret: SharedSecret,
        /// How long credentials are good for.
        lifetime: Duration,
    },
}

impl fmt::Debug for IceAccess {
    /// Shows which it is, and nothing that opens anything.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "Open",
            Self::Fixed { .. } => "Fixed(..)",
            Self::Timed { .. } => "Timed(..)",
        })
    }
}

/// What one participant is told of an ICE server, as `RTCIceServer` of the browsers has it.
#[derive(Clone, PartialEq, Eq, serde::Serialize)]
pub(crate) struct IceServer {
    /// Where it is reached.
    pub(crate) urls: Vec<String>,
    /// The user name, if it wants one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) username: Option<String>,
    /// The password that goes with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) credential: Option<String>,
}

impl fmt::Debug for IceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceServer")
            .field("urls", &self.urls)
            .finish_non_exhaustive()
    }
}

impl IceServer {
    /// What the participant is told at that time.
    pub(crate) fn told(
        settings: &IceServerSettings,
        participant: &ParticipantId,
        now: Timestamp,
    ) -> Self {
        let (username, credential) = match &settings.access {
            IceAccess::Open => (None, None),
            IceAccess::Fixed {
                username,
                credential,
            } => (Some(username.clone()), Some(credential.clone())),
            IceAccess::Timed { secret, lifetime } => {
                let lifetime = SignedDuration::try_from(*lifetime).unwrap_or(SignedDuration::MAX);
                let expiry = now.saturating_add(lifetime).unwrap_or(Timestamp::MAX);
                let credentials = secret.credentials(participant, expiry);
                (Some(credentials.username), Some(credentials.password))
            }
        };
        let urls = settings.urls.iter().map(ToString::to_string).collect();
        Self {
            urls,
            username,
            credential,
        }
    }

    /// Its `Link` headers, one for each URL. Marked as secret, so that nothing on the way shows them.
    pub(crate) fn links(&self) -> impl Iterator<Item = HeaderValue> + '_ {
        self.urls.iter().filter_map(|url| {
            let mut link = format!("<{url}>; rel=\"ice-server\"");
            if let (Some(username), Some(credential)) = (&self.username, &self.credential) {
                link.extend([
                    "; username=\"",
                    username,
                    "\"; credential=\"",
                    credential,
                    "\"; credential-type=\"password\"",
                ]);
            }
            let mut value = HeaderValue::from_maybe_shared(bytes::Bytes::from(link)).ok()?;
            value.set_sensitive(true);
            Some(value)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(access: IceAccess) -> IceServer {
        let url = |text| IceUrl::parse(text).unwrap();
        let settings = IceServerSettings {
            urls: vec![url("turn:turn.example.com"), url("turns:192.0.2.1:5349")],
            access,
        };
        let ana = ParticipantId::parse("ana").unwrap();
        IceServer::told(&settings, &ana, Timestamp::from_second(1_000).unwrap())
    }

    #[test]
    fn each_url_is_a_link_with_what_opens_it() {
        let links = |access| -> Vec<String> {
            let server = told(access);
            let texts = server.links().map(|link| {
                assert!(link.is_sensitive());
                link.to_str().unwrap().to_owned()
            });
            texts.collect()
        };
        assert_eq!(
            links(IceAccess::Open),
            [
                "<turn:turn.example.com>; rel=\"ice-server\"",
                "<turns:192.0.2.1:5349>; rel=\"ice-server\""
            ]
        );
        let fixed = IceAccess::Fixed {
            username: "user".to_owned(),
            credential: "pass".to_owned(),
        };
        assert_eq!(
            links(fixed)[0],
            "<turn:turn.example.com>; rel=\"ice-server\"; username=\"user\"; credential=\"pass\"; credential-type=\"password\""
        );
        let timed = IceAccess::Timed {
            secret: SharedSecret::new("north"),
            lifetime: Duration::from_secs(500),
        };
        assert!(
            links(timed)[1].contains("; username=\"1500:ana\"; credential=\""),
            "the expiry and the participant"
        );
    }

    #[test]
    fn nothing_that_opens_a_relay_is_shown() {
        for access in [
            IceAccess::Fixed {
                username: "hunter2".to_owned(),
                credential: "hunter2".to_owned(),
            },
            IceAccess::Timed {
                secret: SharedSecret::new("hunter2"),
                lifetime: Duration::from_secs(1),
            },
        ] {
            let shown = format!("{access:?}");
            let server = told(access);
            let secret = server.credential.clone().unwrap();
            let shown = format!(
                "{shown} {server:?} {:?}",
                server.links().collect::<Vec<_>>()
            );
            assert!(
                !shown.contains("hunter2") && !shown.contains(&secret),
                "{shown}"
            );
        }
    }
}
