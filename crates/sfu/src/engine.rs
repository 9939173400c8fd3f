//! One str0m connection behind a wall: every call into it may fail or panic, and neither gets further than this module.
//!
//! str0m's rule is that each mutation is followed by a full drain; [`Engine::turn`] is the only way in, and does both.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use srtp::Material;
use srtp::handshake;
use str0m::change::SdpOffer;
use str0m::config::{CryptoProvider, DtlsCert, Fingerprint};
use str0m::format::Codec as RtcCodec;
use str0m::ice::StunMessage;
use str0m::net::{Protocol, Receive};
use str0m::rtp::Extension;
use str0m::{Candidate, Event, IceCreds, Input, Output as RtcOutput, Rtc, RtcError};

use crate::answer::Agreed;
use crate::codec::Codec;
use crate::egress::Egress;
use crate::io::{Datagram, Transport};
use crate::offer::{Credentials, Setup, Terms};

/// Most outputs of one drain; a burst of a hundred packets is far below.
const DRAIN_MAX: usize = 20_000;
/// After an error the connection is asked again this much later.
const RETRY: Duration = Duration::from_secs(1);
/// A call into the connection has panicked; the connection is not to be used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Panicked;

/// An authentic connectivity check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Check {
    /// Whether the client wants its way used (USE-CANDIDATE, RFC 8445 section 7.1.2).
    pub(crate) is_nominated: bool,
    /// PRIORITY of the client's candidate.
    pub(crate) priority: u32,
    /// The transaction, by which one that comes again is known.
    pub(crate) transaction: [u8; 12],
}

/// What is the same for all connections of a worker.
#[derive(Clone)]
pub(crate) struct Common {
    /// For publishers.
    pub(crate) crypto: Arc<CryptoProvider>,
    /// For feeds: it keeps the keys of media back from the connection (`handshake`).
    pub(crate) key_taking: Arc<CryptoProvider>,
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
    /// The keys of media that the handshake has made, where they were kept back.
    material: Option<Material>,
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
        now: Instant,
    ) -> Result<Option<(Self, String)>, Panicked> {
        let made = catch_unwind(AssertUnwindSafe(|| {
            let local = IceCreds::new();
            let mut rtc = configure(common, agreed, local.clone()).build(now);
            for candidate in &common.candidates {
                rtc.add_local_candidate(candidate.clone());
            }
            let answer = accept_offer(&mut rtc, offer)?;
            Some((Box::new(rtc), local, answer))
        }));
        let Some((rtc, local, answer)) = made.map_err(|_| Panicked)? else {
            return Ok(None);
        };
        Ok(Some((Self::new(rtc, common, local, now), answer)))
    }

    /// A connection that does ICE and DTLS with the client of those terms, and no media. `None` if it cannot begin.
    pub(crate) fn connect(
        common: &Common,
        terms: &Terms,
        now: Instant,
    ) -> Result<Option<Self>, Panicked> {
        let made = catch_unwind(AssertUnwindSafe(|| {
            let local = IceCreds::new();
            let mut config = Rtc::builder()
                .set_crypto_provider(Arc::clone(&common.key_taking))
                .set_local_ice_credentials(local.clone())
                .set_ice_lite(true)
                .set_rtp_mode(true)
                .clear_codecs()
                .clear_extension_map();
            if let Some(certificate) = &common.certificate {
                config = config.set_dtls_cert(certificate.clone());
            }
            let mut rtc = config.build(now);
            for candidate in &common.candidates {
                rtc.add_local_candidate(candidate.clone());
            }
            let fingerprint: Fingerprint = format!("sha-256 {}", terms.fingerprint).parse().ok()?;
            // Time begins with the first input, and the handshake needs it.
            rtc.handle_input(Input::Timeout(now)).ok()?;
            let mut api = rtc.direct_api();
            api.set_ice_controlling(false);
            api.set_remote_ice_credentials(remote(&terms.credentials));
            api.set_remote_fingerprint(fingerprint);
            api.start_dtls(is_active(terms)).ok()?;
            Some((Box::new(rtc), local))
        }));
        let Some((rtc, local)) = made.map_err(|_| Panicked)? else {
            return Ok(None);
        };
        Ok(Some(Self::new(rtc, common, local, now)))
    }

    fn new(rtc: Box<Rtc>, common: &Common, local: IceCreds, now: Instant) -> Self {
        Self {
            rtc: Some(rtc),
            common: common.clone(),
            local: Credentials {
                ufrag: local.ufrag,
                password: local.pass,
            },
            material: None,
            due: now,
            is_over: false,
            #[cfg(test)]
            panics_next: false,
        }
    }

    /// Gives a connection without media other credentials on both sides: an ICE restart.
    pub(crate) fn renew(&mut self, theirs: &Credentials) -> Result<Credentials, Panicked> {
        let local = self.guarded(|rtc| {
            let local = IceCreds::new();
            let mut api = rtc.direct_api();
            api.set_local_ice_credentials(local.clone());
            api.set_remote_ice_credentials(remote(theirs));
            local
        })?;
        self.local = Credentials {
            ufrag: local.ufrag,
            password: local.pass,
        };
        Ok(self.local.clone())
    }

    /// The keys of media, once the handshake has made them.
    pub(crate) fn take_material(&mut self) -> Option<Material> {
        self.material.take()
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

    /// Reads a binding request that proves to know the password (RFC 8489 section 9.1.3); `None` for any other.
    ///
    /// A panic while reading it is the datagram's, and touches no connection.
    pub(crate) fn authentic_check(&self, contents: &[u8], remote: &Credentials) -> Option<Check> {
        let read = || {
            let message = StunMessage::parse(contents).ok()?;
            let names_both = message
                .split_username()
                .is_some_and(|(to, from)| to == self.local.ufrag && from == remote.ufrag);
            let is_authentic = names_both
                && message.is_binding_request()
                && message.verify(self.local.password.as_bytes(), |key, payloads| {
                    self.common
                        .crypto
                        .sha1_hmac_provider
                        .sha1_hmac(key, payloads)
                });
            let transaction = contents.get(8..20)?.first_chunk().copied()?;
            is_authentic.then(|| Check {
                is_nominated: message.use_candidate(),
                priority: message.prio().unwrap_or(0),
                transaction,
            })
        };
        catch_unwind(AssertUnwindSafe(read)).unwrap_or(None)
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

    /// Mutates the connection, then takes out all that follows: datagrams into `egress`, the rest into `events`.
    pub(crate) fn turn(
        &mut self,
        now: Instant,
        events: &mut Vec<Event>,
        egress: &mut Egress,
        mutate: impl FnOnce(&mut Rtc) -> Result<(), RtcError>,
    ) -> Result<(), Panicked> {
        let result = self.guarded(|rtc| {
            if let Err(error) = mutate(rtc) {
                tracing::debug!(%error, "connection refused its input");
            }
            let due = drain(rtc, now, events, |datagram| egress.push(datagram));
            (due, !rtc.is_alive())
        });
        egress.flush();
        // Keys that a handshake has made belong to the connection that was driven.
        let material = handshake::take();
        let (due, is_over) = result?;
        if material.is_some() {
            self.material = material;
        }
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

fn remote(credentials: &Credentials) -> IceCreds {
    IceCreds {
        ufrag: credentials.ufrag.clone(),
        pass: credentials.password.clone(),
    }
}

/// Whether we begin the handshake: only where the client waits for us to (RFC 8842 section 5.3).
pub(crate) fn is_active(terms: &Terms) -> bool {
    terms.setup == Setup::Passive
}

/// A connection that knows exactly the payload types that were agreed on, so that it answers with those.
fn configure(common: &Common, agreed: &[Agreed], local: IceCreds) -> str0m::RtcConfig {
    let mut config = Rtc::builder()
        .set_crypto_provider(Arc::clone(&common.crypto))
        .set_local_ice_credentials(local)
        .set_ice_lite(true)
        .set_rtp_mode(true)
        .clear_codecs()
        .clear_extension_map()
        .set_extension(1, Extension::AudioLevel)
        .set_extension(3, Extension::TransportSequenceNumber)
        .set_extension(4, Extension::RtpMid)
        .set_extension(5, Extension::PlayoutDelay)
        .set_extension(8, Extension::AbsoluteCaptureTime)
        .set_extension(10, Extension::RtpStreamId)
        .set_extension(11, Extension::RepairedRtpStreamId)
        .set_extension(13, Extension::VideoOrientation);
    if let Some(certificate) = &common.certificate {
        config = config.set_dtls_cert(certificate.clone());
    }
    for payload in agreed.iter().flat_map(|agreed| &agreed.payloads) {
        if payload.redundant.is_some() {
            // The only way to name redundant audio to str0m, which goes over to the offer's numbers and, in RTP mode, hands out
            // the packets as they are.
            config.codec_config().enable_opus(true, true);
            continue;
        }
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
