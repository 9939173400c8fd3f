//! The doors for encoders (RTMP and RTMPS), as this binary opens them: ports, certificate, and what the crate `ingest` may not know.

mod certificate;
mod configurations;
mod outlets;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use ingest::{IdentitySource, Ingest};
use media::Media;
use model::Now;
use store::SharedStore;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::clock::{Clock, Random};
use crate::config::Config;
use crate::endpoints::IngestUrls;
use crate::run::Message;

/// The ports, bound and not served yet.
pub(crate) struct Ports {
    plain: Option<TcpListener>,
    tls: Option<(TcpListener, IdentitySource)>,
    /// Where they are.
    pub(crate) bound: Bound,
    /// Whether nobody but this server vouches for the certificate of RTMPS.
    pub(crate) is_self_signed: bool,
}

/// Where the ports are that are open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bound {
    /// Of RTMP.
    pub(crate) rtmp: Option<SocketAddr>,
    /// Of RTMPS.
    pub(crate) rtmps: Option<SocketAddr>,
}

impl Ports {
    /// Binds what is configured, and reads or makes the certificate, which is for `host` then.
    pub(crate) async fn bind(config: &Config, host: &str, now: Now) -> anyhow::Result<Self> {
        let rtmp = &config.rtmp;
        let plain = bind(rtmp.listen, "RTMP").await?;
        let tls = match bind(rtmp.tls_listen, "RTMPS").await? {
            None => None,
            Some(listener) => Some((listener, certificate::source(config, host, now)?)),
        };
        let address = |listener: &TcpListener| listener.local_addr();
        let bound = Bound {
            rtmp: plain.as_ref().map(address).transpose()?,
            rtmps: tls
                .as_ref()
                .map(|(listener, _)| address(listener))
                .transpose()?,
        };
        Ok(Self {
            plain,
            tls,
            bound,
            is_self_signed: rtmp.files.is_none(),
        })
    }

    /// Lets encoders in.
    pub(crate) fn open(self, ingest: &Ingest) -> anyhow::Result<()> {
        if let Some(listener) = self.plain {
            ingest.listen(listener);
        }
        if let Some((listener, source)) = self.tls {
            let opened = ingest.listen_tls(listener, source);
            opened.context("the certificate of the RTMPS port")?;
        }
        Ok(())
    }
}

async fn bind(address: Option<SocketAddr>, what: &str) -> anyhow::Result<Option<TcpListener>> {
    let Some(address) = address else {
        return Ok(None);
    };
    let listener = TcpListener::bind(address).await;
    let listener = listener.with_context(|| format!("cannot listen on {address} for {what}"))?;
    Ok(Some(listener))
}

/// What encoders are told, as stage endpoints say it.
pub(crate) fn urls(config: &Config, host: &str, bound: Bound) -> IngestUrls {
    let rtmp = &config.rtmp;
    let host = rtmp.public_host.as_deref().unwrap_or(host);
    let url = |scheme: &str, bound: Option<SocketAddr>, public: Option<u16>| {
        let port = public.unwrap_or(bound?.port());
        Some(format!("{scheme}://{host}:{port}/app/"))
    };
    IngestUrls {
        rtmp: url("rtmp", bound.rtmp, rtmp.public_port),
        rtmps: url("rtmps", bound.rtmps, rtmp.tls_public_port),
    }
}

/// Ingest over the media plane and the store. Its doors are shut.
pub(crate) fn ingest(
    config: &Config,
    media: &Media,
    store: SharedStore,
    stages: mpsc::Sender<Message>,
    (clock, random): (Clock, Random),
) -> Arc<Ingest> {
    Arc::new(Ingest::new(ingest::Settings {
        stages,
        configurations: configurations::of(store),
        outlets: outlets::of(media.clone()),
        clock,
        random,
        limits: ingest::Limits {
            liveness_timeout: config.liveness_timeout,
            ..ingest::Limits::default()
        },
        media: ingest::media::Limits {
            opus_bitrate_bps: config.rtmp.opus_bitrate_bps,
            ..ingest::media::Limits::default()
        },
    }))
}
