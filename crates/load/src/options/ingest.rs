//! Where publishers by RTMP go.

use std::fmt;
use std::str::FromStr;

use reqwest::Url;

/// Publishers that come by RTMP, as encoders do, and not by WebRTC.
#[derive(Clone, Debug)]
pub struct Rtmp {
    /// Where to: of a stage one URL, whose keys are made by the control API; of other servers one for each publisher, with its key;
    /// a shorter list is gone through again and again.
    pub urls: Vec<RtmpUrl>,
    /// Whether any certificate will do for RTMPS, such as one that a server has made for itself.
    pub any_certificate: bool,
}

/// `rtmp://host:port/app`, or with a stream key behind it. `Debug` hides the key.
#[derive(Clone, PartialEq, Eq)]
pub struct RtmpUrl {
    pub(crate) is_tls: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) app: String,
    pub(crate) key: Option<String>,
}

/// Why a text is no [`RtmpUrl`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected rtmp://host:port/app or rtmp://host:port/app/key, or rtmps://")]
pub struct RtmpUrlError;

impl RtmpUrl {
    /// The same server with another key.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Self {
        Self {
            key: Some(key.to_owned()),
            ..self.clone()
        }
    }

    /// Whether it says which stream it is.
    pub fn has_key(&self) -> bool {
        self.key.is_some()
    }

    /// What an encoder calls the server: all but the key.
    pub(crate) fn tc_url(&self) -> String {
        let scheme = if self.is_tls { "rtmps" } else { "rtmp" };
        format!("{scheme}://{}:{}/{}", self.host, self.port, self.app)
    }
}

impl fmt::Debug for RtmpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = if self.has_key() { "/.." } else { "" };
        write!(f, "RtmpUrl({}{key})", self.tc_url())
    }
}

impl FromStr for RtmpUrl {
    type Err = RtmpUrlError;

    fn from_str(text: &str) -> Result<Self, RtmpUrlError> {
        let url = Url::parse(text).map_err(|_| RtmpUrlError)?;
        let (is_tls, port) = match url.scheme() {
            "rtmp" => (false, 1_935),
            "rtmps" => (true, 443),
            _ => return Err(RtmpUrlError),
        };
        // What is behind the last slash is the key, and a key may have a query.
        let path = url.path().trim_start_matches('/');
        let (app, key) = match path.rsplit_once('/') {
            None | Some((_, "")) => (path.trim_end_matches('/'), None),
            Some((app, key)) => (app, Some(key)),
        };
        let host = url.host_str().filter(|host| !host.is_empty());
        if app.is_empty() || !url.username().is_empty() {
            return Err(RtmpUrlError);
        }
        let query = url.query().map(|query| format!("?{query}"));
        Ok(Self {
            is_tls,
            host: host.ok_or(RtmpUrlError)?.to_owned(),
            port: url.port().unwrap_or(port),
            app: app.to_owned(),
            key: key.map(|key| key.to_owned() + query.as_deref().unwrap_or_default()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_may_have_a_key_and_shows_it_nowhere() {
        let url: RtmpUrl = "rtmp://127.0.0.1/app/".parse().unwrap();
        assert_eq!((&*url.app, url.port, url.has_key()), ("app", 1_935, false));
        assert_eq!(url.tc_url(), "rtmp://127.0.0.1:1935/app");
        let url: RtmpUrl = "rtmps://[::1]:1936/a/b/hunter2?x=1".parse().unwrap();
        assert_eq!(
            (&*url.host, &*url.app, url.key.as_deref()),
            ("[::1]", "a/b", Some("hunter2?x=1"))
        );
        assert!(!format!("{url:?}").contains("hunter2"), "{url:?}");
        assert_eq!(url.with_key("other").key.as_deref(), Some("other"));
        for wrong in [
            "http://127.0.0.1/app",
            "rtmp://127.0.0.1",
            "rtmp:///app",
            "rtmp://me:pw@host/app",
            "app",
        ] {
            assert_eq!(wrong.parse::<RtmpUrl>(), Err(RtmpUrlError), "{wrong}");
        }
    }
}
