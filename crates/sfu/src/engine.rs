//! One str0m connection behind a wall: every call into it may fail or panic, and neither gets further than this module.
//!
//! str0m's rule is that each mutation is followed by a full drain; [`Engine::turn`] is the only way in, and does both.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::change::SdpOffer;
use str0m::config::{CryptoProvider, DtlsCert};
use str0m::format::Codec as RtcCodec;
use str0m::ice::StunMessage;
use str0m::media::Mid;
use str0m::net::{Protocol, Receive};
use str0m::rtp::Extension;
use str0m::{Candidate, Event, IceCreds, Input, Output as RtcOutput, Rtc, RtcError};

use crate::answer::Agreed;
use crate::codec::{Codec, Kind};
use crate::egress::Batch;
use crate::io::{Datagram, Output, Transport};
use crate::offer::{Credentials, Direction};

/// Most outputs of one drain; a burst of a hundred packets is far below.
const DRAIN_MAX: usize = 20_000;
/// After an error the connection is asked again this much later.
const RETRY: Duration = Duration::from_secs(1);
/// Packets kept for retransmission to a subscriber, and how long: enough for one second of 720p.
const RTX_PACKETS: usize = 256;
const RTX_AGE: Duration = Duration::from_secs(1);
/// Most of what is sent that may be retransmissions; bounds what a storm of NACKs costs.
const RTX_SHARE: f32 = 0.3;

/// A call into the connection has panicked; the connection is not to be used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Panicked;

/// What is the same for all connections of a worker.
#[derive(Clone)]
pub(crate) struct Common {
    pub(crate) crypto: Arc<CryptoProvider>,
    /// One certificate for all: making a key for each join costs more than the rest of the join.
    pub(crate) certificate: Option<DtlsCert>,
    pub(crate) candidates: Vec<Candidate>,
}

/// One connection.
pub(crate) struct Engine {
    /// `None` after a panic.
    rtc: Option<Box<Rtc>>,
    common: Common,
    local: Credentials,
    /// When it wants to be driven next.
    pub(crate) due: Instant,
    /// Whether it has ended by itself.
    pub(crate) is_over: bool,
    #[cfg(test)]
    pub(crate) panics_next: bool,
}

impl Engine {
    /// Accepts a (normalised) offer; gives back the connection and str0m's answer, or nothing if it cannot be answered.
    pub(crate) fn accept(
        common: &Common,
        offer: &str,
        agreed: &[Agreed],
        direction: Direction,
        now: Instant,
    ) -> Result<Option<(Self, String)>, Panicked> {
        let made = catch_unwind(AssertUnwindSafe(|| {
            let local = IceCreds::new();
            let mut rtc = configure(common, agreed, direction, local.clone()).build(now);
            for candidate in &common.candidates {
                rtc.add_local_candidate(candidate.clone());
            }
            let answer = accept_offer(&mut rtc, offer)?;
            if direction == Direction::Subscribe {
                limit_retransmission(&mut rtc, agreed);
            }
            Some((Box::new(rtc), local, answer))
        }));
        let Some((rtc, local, answer)) = made.map_err(|_| Panicked)? else {
            return Ok(None);
        };
        let engine = Self {
            rtc: Some(rtc),
            common: common.clone(),
            local: Credentials {
                ufrag: local.ufrag,
                password: local.pass,
            },
            due: now,
            is_over: false,
            #[cfg(test)]
            panics_next: false,
        };
        Ok(Some((engine, answer)))
    }

    /// Our ICE credentials.
    pub(crate) fn local(&self) -> &Credentials {
        &self.local
    }

    /// Accepts the same offer with other ICE credentials: an ICE restart. `None` if that fails.
    pub(crate) fn restart(&mut self, offer: &str) -> Result<Option<Credentials>, Panicked> {
        let made = self.guarded(|rtc| {
            accept_offer(rtc, offer)?;
            let local = rtc.direct_api().local_ice_credentials();
            Some(Credentials {
                ufrag: local.ufrag,
                password: local.pass,
            })
        })?;
        if let Some(local) = &made {
            self.local = local.clone();
        }
        Ok(made)
    }

    /// Whether a binding request proves to know the password (RFC 8489 section 9.1.3).
    ///
    /// A panic while reading it is the datagram's, and touches no connection.
    pub(crate) fn is_authentic_check(&self, contents: &[u8], remote: &Credentials) -> bool {
        let read = || {
            let Ok(message) = StunMessage::parse(contents) else {
                return false;
            };
            let names_both = message
                .split_username()
                .is_some_and(|(to, from)| to == self.local.ufrag && from == remote.ufrag);
            names_both
                && message.is_binding_request()
                && message.verify(self.local.password.as_bytes(), |key, payloads| {
                    self.common
                        .crypto
                        .sha1_hmac_provider
                        .sha1_hmac(key, payloads)
                })
        };
        catch_unwind(AssertUnwindSafe(read)).unwrap_or(false)
    }

    /// Hands a datagram in. `destination` is the candidate it was sent to.
    pub(crate) fn receive(
        rtc: &mut Rtc,
        datagram: &Datagram<'_>,
        destination: std::net::SocketAddr,
        now: Instant,
    ) -> Result<(), RtcError> {
        let proto = match datagram.transport {
            Transport::Udp => Protocol::Udp,
            Transport::Tcp => Protocol::Tcp,
        };
        match Receive::new(proto, datagram.source, destination, datagram.contents) {
            Ok(receive) => rtc.handle_input(Input::Receive(now, receive)),
            Err(error) => {
                tracing::trace!(%error, "datagram not read");
                Ok(())
            }
        }
    }

    /// Mutates the connection, then takes out all that follows: datagrams into `outputs`, the rest into `events`.
    pub(crate) fn turn(
        &mut self,
        now: Instant,
        events: &mut Vec<Event>,
        outputs: &mut VecDeque<Output>,
        mutate: impl FnOnce(&mut Rtc) -> Result<(), RtcError>,
    ) -> Result<(), Panicked> {
        let mut batch = Batch::default();
        let result = self.guarded(|rtc| {
            if let Err(error) = mutate(rtc) {
                tracing::debug!(%error, "connection refused its input");
            }
            let due = drain(rtc, now, events, |datagram| batch.push(datagram, outputs));
            (due, !rtc.is_alive())
        });
        batch.flush(outputs);
        let (due, is_over) = result?;
        self.due = due;
        self.is_over = is_over;
        Ok(())
    }

    fn guarded<T>(&mut self, call: impl FnOnce(&mut Rtc) -> T) -> Result<T, Panicked> {
        let rtc = self.rtc.as_mut().ok_or(Panicked)?;
        #[cfg(test)]
        let panics = std::mem::take(&mut self.panics_next);
        let result = catch_unwind(AssertUnwindSafe(|| {
            #[cfg(test)]
            assert!(!panics, "injected");
            call(rtc)
        }));
        result.map_err(|_| {
            // Dropping what a panic has left half changed may panic once more.
            let rtc = self.rtc.take();
            let _ = catch_unwind(AssertUnwindSafe(move || drop(rtc)));
            Panicked
        })
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine")
            .field("due", &self.due)
            .finish_non_exhaustive()
    }
}

fn drain(
    rtc: &mut Rtc,
    now: Instant,
    events: &mut Vec<Event>,
    mut send: impl FnMut(str0m::net::Transmit),
) -> Instant {
    for _ in 0..DRAIN_MAX {
        match rtc.poll_output() {
            Ok(RtcOutput::Timeout(at)) => return at,
            Ok(RtcOutput::Transmit(datagram)) => send(datagram),
            Ok(RtcOutput::Event(event)) => events.push(event),
            Err(error) => {
                tracing::debug!(%error, "connection failed");
                return now + RETRY;
            }
        }
    }
    now + RETRY
}

fn accept_offer(rtc: &mut Rtc, offer: &str) -> Option<String> {
    let offer = SdpOffer::from_sdp_string(offer)
        .inspect_err(|error| tracing::debug!(%error, "offer not read"))
        .ok()?;
    let answer = rtc
        .sdp_api()
        .accept_offer(offer)
        .inspect_err(|error| tracing::debug!(%error, "offer not accepted"))
        .ok()?;
    Some(answer.to_sdp_string())
}

/// A connection that knows exactly the payload types that were agreed on, so that it answers with those.
fn configure(
    common: &Common,
    agreed: &[Agreed],
    direction: Direction,
    local: IceCreds,
) -> str0m::RtcConfig {
    let mut config = Rtc::builder()
        .set_crypto_provider(Arc::clone(&common.crypto))
        .set_local_ice_credentials(local)
        .set_ice_lite(true)
        .set_rtp_mode(true)
        .set_send_buffer_video(RTX_PACKETS)
        .clear_codecs()
        .clear_extension_map()
        .set_extension(1, Extension::AudioLevel)
        .set_extension(4, Extension::RtpMid)
        .set_extension(5, Extension::PlayoutDelay)
        .set_extension(13, Extension::VideoOrientation);
    if direction == Direction::Publish {
        config = config
            .set_extension(3, Extension::TransportSequenceNumber)
            .set_extension(8, Extension::AbsoluteCaptureTime)
            .set_extension(10, Extension::RtpStreamId)
            .set_extension(11, Extension::RepairedRtpStreamId);
    }
    if let Some(certificate) = &common.certificate {
        config = config.set_dtls_cert(certificate.clone());
    }
    for payload in agreed.iter().flat_map(|agreed| &agreed.payloads) {
        let (codec, channels) = match payload.codec {
            Codec::Opus => (RtcCodec::Opus, Some(2)),
            Codec::H264 => (RtcCodec::H264, None),
            Codec::Vp8 => (RtcCodec::Vp8, None),
        };
        config.codec_config().add_config(
            payload.number.into(),
            payload.rtx.map(Into::into),
            codec,
            match payload.codec {
                Codec::Opus => str0m::media::Frequency::FORTY_EIGHT_KHZ,
                Codec::H264 | Codec::Vp8 => str0m::media::Frequency::NINETY_KHZ,
            },
            channels,
            payload.params(),
        );
    }
    config
}

fn limit_retransmission(rtc: &mut Rtc, agreed: &[Agreed]) {
    for Agreed { section, .. } in agreed {
        let mid = Mid::from(section.mid.as_str());
        if section.kind == Kind::Video
            && let Some(stream) = rtc.direct_api().stream_tx_by_mid(mid, None)
        {
            stream.set_rtx_cache(RTX_PACKETS, RTX_AGE, Some(RTX_SHARE));
        }
    }
}
