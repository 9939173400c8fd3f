//! `[rtmp]`: the ports to which encoders publish, and what the world is told of them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use http::uri::Authority;
use serde::Deserialize;

use super::Mode;
use super::resolve::{ConfigError, invalid};
use super::values::from_text;

/// What Opus is defined for (RFC 6716, 2.1.1), in bits a second.
const OPUS_BITRATE: std::ops::RangeInclusive<u32> = 6_000..=510_000;

/// `[rtmp]`.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RtmpSettings {
    /// Address of the port for RTMP, or `off`. Port 0 takes a free one. Stream keys travel in clear text here, so only ingest
    /// configurations with `insecureIngest` are let in.
    #[arg(
        id = "rtmp.listen",
        long = "rtmp",
        env = "DOWNSTAGE_RTMP",
        value_name = "ADDRESS:PORT|off"
    )]
    pub(crate) listen: Option<Listen>,

    /// Address of the port for RTMPS (RTMP in TLS), or `off`. Port 0 takes a free one. `serve` needs `rtmp.certificate` and
    /// `rtmp.key` for it; `dev` makes a certificate of its own and keeps it in the data folder.
    #[arg(
        id = "rtmp.tls_listen",
        long = "rtmps",
        env = "DOWNSTAGE_RTMPS",
        value_name = "ADDRESS:PORT|off"
    )]
    pub(crate) tls_listen: Option<Listen>,

    /// PEM file with the certificate of the RTMPS port, followed by those that lead to its root. It is read again when it
    /// changes. In the configuration file, relative to that file.
    #[arg(
        id = "rtmp.certificate",
        long = "rtmps-certificate",
        env = "DOWNSTAGE_RTMPS_CERTIFICATE",
        value_name = "FILE"
    )]
    pub(crate) certificate: Option<PathBuf>,

    /// PEM file with the private key of that certificate. It is read again when it changes. In the configuration file,
    /// relative to that file.
    #[arg(
        id = "rtmp.key",
        long = "rtmps-key",
        env = "DOWNSTAGE_RTMPS_KEY",
        value_name = "FILE"
    )]
    pub(crate) key: Option<PathBuf>,

    /// Host that stage endpoints name for RTMP and RTMPS. Unset, it is that of `public_url`.
    #[arg(
        id = "rtmp.public_host",
        long = "rtmp-host",
        env = "DOWNSTAGE_RTMP_HOST",
        value_name = "HOST"
    )]
    pub(crate) public_host: Option<String>,

    /// Port that stage endpoints name for RTMP, where a router or a container maps it. Unset, it is that of `rtmp.listen`.
    #[arg(
        id = "rtmp.public_port",
        long = "rtmp-port",
        env = "DOWNSTAGE_RTMP_PORT",
        value_name = "PORT"
    )]
    pub(crate) public_port: Option<u16>,

    /// Port that stage endpoints name for RTMPS. Unset, it is that of `rtmp.tls_listen`.
    #[arg(
        id = "rtmp.tls_public_port",
        long = "rtmps-port",
        env = "DOWNSTAGE_RTMPS_PORT",
        value_name = "PORT"
    )]
    pub(crate) tls_public_port: Option<u16>,

    /// Bit rate of the Opus into which the AAC of encoders is turned, in bits a second.
    #[arg(
        id = "rtmp.opus_bitrate",
        long = "opus-bitrate",
        env = "DOWNSTAGE_OPUS_BITRATE",
        value_name = "BITS"
    )]
    pub(crate) opus_bitrate: Option<u32>,
}

/// Where to listen, if at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listen {
    /// Nowhere.
    Off,
    /// Here.
    At(SocketAddr),
}

/// Why a text says nothing about listening.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an address with a port, such as 0.0.0.0:1935, or `off`")]
pub(crate) struct ListenError;

impl FromStr for Listen {
    type Err = ListenError;

    fn from_str(text: &str) -> Result<Self, ListenError> {
        if text == "off" {
            return Ok(Self::Off);
        }
        text.parse().map(Self::At).map_err(|_| ListenError)
    }
}

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer)
    }
}

impl Listen {
    fn address(self) -> Option<SocketAddr> {
        match self {
            Self::Off => None,
            Self::At(address) => Some(address),
        }
    }
}

/// RTMP ingest, checked.
#[derive(Clone, Debug)]
pub(crate) struct Rtmp {
    /// Where RTMP is taken.
    pub(crate) listen: Option<SocketAddr>,
    /// Where RTMPS is taken.
    pub(crate) tls_listen: Option<SocketAddr>,
    /// The PEM files of certificate and key. `None` with a port for RTMPS is a certificate of one's own making.
    pub(crate) files: Option<CertificateFiles>,
    /// What stage endpoints name instead of the host of the public URL.
    pub(crate) public_host: Option<String>,
    /// What they name instead of the port that is bound.
    pub(crate) public_port: Option<u16>,
    /// The same for RTMPS.
    pub(crate) tls_public_port: Option<u16>,
    /// In bits a second.
    pub(crate) opus_bitrate_bps: u32,
}

/// Where the certificate of RTMPS is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CertificateFiles {
    /// The chain, its own certificate first.
    pub(crate) certificate: PathBuf,
    /// The private key.
    pub(crate) key: PathBuf,
}

impl RtmpSettings {
    /// This layer over another.
    pub(super) fn over(self, under: Self) -> Self {
        Self {
            listen: self.listen.or(under.listen),
            tls_listen: self.tls_listen.or(under.tls_listen),
            certificate: self.certificate.or(under.certificate),
            key: self.key.or(under.key),
            public_host: self.public_host.or(under.public_host),
            public_port: self.public_port.or(under.public_port),
            tls_public_port: self.tls_public_port.or(under.tls_public_port),
            opus_bitrate: self.opus_bitrate.or(under.opus_bitrate),
        }
    }

    pub(super) fn check(self, mode: Mode) -> Result<Rtmp, ConfigError> {
        let in_defaults = "the defaults have this key";
        let listen = self.listen.expect(in_defaults).address();
        let tls_listen = self.tls_listen.expect(in_defaults).address();
        let files = match (self.certificate, self.key) {
            (Some(certificate), Some(key)) => Some(CertificateFiles { certificate, key }),
            (None, None) => None,
            (Some(_), None) => {
                return Err(invalid("rtmp.key", "needed, as rtmp.certificate is set"));
            }
            (None, Some(_)) => {
                return Err(invalid("rtmp.certificate", "needed, as rtmp.key is set"));
            }
        };
        if mode == Mode::Serve && tls_listen.is_some() && files.is_none() {
            let what =
                "needed, as rtmp.tls_listen is set: name PEM files of a certificate and its key";
            return Err(invalid("rtmp.certificate", what));
        }
        if tls_listen.is_none() && files.is_some() {
            let what = "needed, as rtmp.certificate is set: say where to listen";
            return Err(invalid("rtmp.tls_listen", what));
        }
        if let Some(host) = &self.public_host
            && !is_host(host)
        {
            let what = "must be a host name or an address ([…] around IPv6), without a port";
            return Err(invalid("rtmp.public_host", what));
        }
        for (key, port) in [
            ("rtmp.public_port", self.public_port),
            ("rtmp.tls_public_port", self.tls_public_port),
        ] {
            if port == Some(0) {
                return Err(invalid(key, "must lie between 1 and 65535"));
            }
        }
        let opus_bitrate_bps = self.opus_bitrate.expect(in_defaults);
        if !OPUS_BITRATE.contains(&opus_bitrate_bps) {
            let (least, most) = (OPUS_BITRATE.start(), OPUS_BITRATE.end());
            let what = format!("must lie between {least} and {most}");
            return Err(invalid("rtmp.opus_bitrate", what));
        }
        Ok(Rtmp {
            listen,
            tls_listen,
            files,
            public_host: self.public_host,
            public_port: self.public_port,
            tls_public_port: self.tls_public_port,
            opus_bitrate_bps,
        })
    }
}

fn is_host(text: &str) -> bool {
    text.parse::<Authority>()
        .is_ok_and(|authority| authority.host() == text && !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::Settings;
    use super::*;

    fn check(mode: Mode, text: &str) -> Result<Rtmp, String> {
        let settings: Settings = toml::from_str(text).map_err(|error| error.to_string())?;
        let rtmp = settings.over(Settings::defaults(mode)).rtmp;
        rtmp.check(mode).map_err(|error| error.to_string())
    }

    #[test]
    fn dev_listens_on_both_ports_and_serve_where_it_is_told() {
        let dev = check(Mode::Dev, "").unwrap();
        assert_eq!(dev.listen, Some("127.0.0.1:1935".parse().unwrap()));
        assert_eq!(dev.tls_listen, Some("127.0.0.1:1936".parse().unwrap()));
        let off = check(
            Mode::Dev,
            "rtmp.listen = \"off\"\nrtmp.tls_listen = \"off\"",
        )
        .unwrap();
        assert_eq!((off.listen, off.tls_listen), (None, None));
        let serve = check(Mode::Serve, "").unwrap();
        assert_eq!((serve.listen, serve.tls_listen), (None, None));
        let text = "[rtmp]\ntls_listen = \"0.0.0.0:443\"\ncertificate = \"a.pem\"\nkey = \"b.pem\"";
        let serve = check(Mode::Serve, text).unwrap();
        assert!(serve.tls_listen.is_some() && serve.files.is_some());
    }

    #[test]
    fn what_does_not_fit_together_is_refused_by_key() {
        let cases = [
            ("tls_listen = \"0.0.0.0:1936\"", "rtmp.certificate: needed"),
            ("certificate = \"a.pem\"", "rtmp.key: needed"),
            ("key = \"a.pem\"", "rtmp.certificate: needed"),
            (
                "certificate = \"a.pem\"\nkey = \"a.pem\"",
                "rtmp.tls_listen: needed",
            ),
            ("public_host = \"host:1935\"", "rtmp.public_host: must be"),
            ("public_host = \"rtmp://host\"", "rtmp.public_host: must be"),
            ("public_host = \"\"", "rtmp.public_host: must be"),
            ("public_port = 0", "rtmp.public_port: must lie"),
            ("opus_bitrate = 5999", "rtmp.opus_bitrate: must lie"),
            ("opus_bitrate = 510001", "rtmp.opus_bitrate: must lie"),
        ];
        for (text, expected) in cases {
            let error = check(Mode::Serve, &format!("[rtmp]\n{text}")).unwrap_err();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
        for (text, is_fine) in [
            ("127.0.0.1:0", true),
            ("off", true),
            ("1935", false),
            ("on", false),
        ] {
            let text = format!("[rtmp]\nlisten = \"{text}\"");
            assert_eq!(check(Mode::Serve, &text).is_ok(), is_fine, "{text}");
        }
    }
}
