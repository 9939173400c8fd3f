//! A full ICE client made from the text of a real program's offer.
//!
//! The offer's credentials, fingerprint and role are replaced by the client's own; all else stays as that program wrote it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sfu::{Datagram, Transport};
use str0m::change::SdpAnswer;
use str0m::config::Fingerprint;
use str0m::format::{Codec, FormatParams};
use str0m::media::{Frequency, KeyframeRequestKind, MediaKind, Mid, Rid};
use str0m::net::{Protocol, Receive, TcpType};
use str0m::rtp::rtcp::Rtcp;
use str0m::rtp::{Extension, ExtensionMap, ExtensionValues, RawPacket, RtpPacket, RtpWrite, Ssrc};
use str0m::{Candidate, Event, IceCreds, Input, Output, Rtc};

/// A medium of the client.
pub(crate) struct Track {
    pub(crate) kind: MediaKind,
    pub(crate) mid: Mid,
    ssrc: Option<u32>,
    rtx: Option<u32>,
    /// Next sequence number.
    pub(crate) sequence: u64,
    /// What it offers to send of one video, if it is simulcast.
    pub(crate) encodings: Vec<Encoding>,
}

/// One encoding of a simulcast video.
#[derive(Clone, Debug)]
pub(crate) struct Encoding {
    rid: Rid,
    pub(crate) ssrc: u32,
    sequence: u64,
}

pub(crate) struct Client {
    pub(crate) rtc: Rtc,
    pub(crate) address: SocketAddr,
    pub(crate) transport: Transport,
    pub(crate) tracks: Vec<Track>,
    pub(crate) received: Vec<RtpPacket>,
    /// The streams that it was told of, by the names of their sections.
    pub(crate) streams: BTreeMap<String, u32>,
    pub(crate) key_frame_requests: usize,
    /// The sources and numbers of packets that it was asked for again.
    pub(crate) missing: Vec<(u32, u16)>,
    /// The encodings that a key frame was asked of.
    pub(crate) asked: Vec<Rid>,
    pub(crate) is_connected: bool,
    pub(crate) is_closed: bool,
    pub(crate) due: Instant,
    /// What a NAT makes of its address.
    pub(crate) seen_as: Option<SocketAddr>,
    pub(crate) outbox: Vec<Vec<u8>>,
    pub(crate) sdp: String,
}

/// The value of the first `a=<name>:` line.
pub(crate) fn value<'a>(sdp: &'a str, name: &str) -> &'a str {
    let prefix = format!("a={name}:");
    sdp.lines()
        .find_map(|line| line.strip_prefix(prefix.as_str()))
        .unwrap_or_else(|| panic!("no {prefix} in {sdp}"))
}

/// The sections of a description, each with its m-line.
pub(crate) fn sections(sdp: &str) -> Vec<&str> {
    let starts: Vec<_> = sdp
        .match_indices("m=")
        .map(|(at, _)| at)
        .filter(|at| *at == 0 || sdp[..*at].ends_with('\n'))
        .collect();
    let ends = starts.iter().skip(1).copied().chain([sdp.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(from, to)| &sdp[*from..to])
        .collect()
}

fn codecs(template: &str, rtc: &mut str0m::RtcConfig) {
    let mut known = BTreeSet::new();
    for section in sections(template) {
        for line in section.lines() {
            let Some((number, encoding)) = line
                .strip_prefix("a=rtpmap:")
                .and_then(|rest| rest.split_once(' '))
            else {
                continue;
            };
            // The sections of a bundle say the same.
            if !known.insert(number) {
                continue;
            }
            let (codec, rate, channels) = match encoding {
                // What is redundant comes as it is, and goes as it is.
                "opus/48000/2" | "red/48000/2" => {
                    (Codec::Opus, Frequency::FORTY_EIGHT_KHZ, Some(2))
                }
                "H264/90000" => (Codec::H264, Frequency::NINETY_KHZ, None),
                "VP8/90000" => (Codec::Vp8, Frequency::NINETY_KHZ, None),
                _ => continue,
            };
            let format = section
                .lines()
                .find_map(|line| line.strip_prefix(&format!("a=fmtp:{number} ")))
                .unwrap_or("");
            let rtx = section.lines().find_map(|line| {
                let (rtx, apt) = line.strip_prefix("a=fmtp:")?.split_once(" apt=")?;
                (apt == number).then(|| rtx.parse::<u8>().unwrap().into())
            });
            rtc.codec_config().add_config(
                number.parse::<u8>().unwrap().into(),
                rtx,
                codec,
                rate,
                channels,
                FormatParams::parse_line(format),
            );
        }
    }
}

fn extensions(template: &str) -> ExtensionMap {
    let mut map = ExtensionMap::empty();
    for line in template.lines() {
        if let Some((id, uri)) = line
            .strip_prefix("a=extmap:")
            .and_then(|rest| rest.split_once(' '))
        {
            let extension = match uri {
                "urn:ietf:params:rtp-hdrext:sdes:mid" => Extension::RtpMid,
                "urn:ietf:params:rtp-hdrext:ssrc-audio-level" => Extension::AudioLevel,
                "urn:3gpp:video-orientation" => Extension::VideoOrientation,
                "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id" => Extension::RtpStreamId,
                "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id" => {
                    Extension::RepairedRtpStreamId
                }
                "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time" => {
                    Extension::AbsoluteCaptureTime
                }
                uri if uri.contains("transport-wide-cc") => Extension::TransportSequenceNumber,
                _ => continue,
            };
            map.set(id.parse().unwrap(), extension);
        }
    }
    map
}

/// A real program's offer, made the client's.
fn filled(template: &str, rtc: &mut Rtc) -> String {
    let credentials = rtc.direct_api().local_ice_credentials();
    let fingerprint = rtc.direct_api().local_dtls_fingerprint().to_string();
    let line = |line: &str| match line.split(':').next() {
        Some("a=ice-ufrag") => format!("a=ice-ufrag:{}\r\n", credentials.ufrag),
        Some("a=ice-pwd") => format!("a=ice-pwd:{}\r\n", credentials.pass),
        Some("a=fingerprint") => format!("a=fingerprint:{fingerprint}\r\n"),
        _ => format!("{line}\r\n"),
    };
    template.lines().map(line).collect()
}

impl Client {
    pub(crate) fn new(
        template: &str,
        address: SocketAddr,
        transport: Transport,
        now: Instant,
    ) -> Self {
        let mut config = Rtc::builder()
            .set_rtp_mode(true)
            .enable_raw_packets(true)
            .clear_codecs()
            .set_extension_map(extensions(template));
        codecs(template, &mut config);
        let mut rtc = config.build(now);
        let candidate = match transport {
            Transport::Udp => Candidate::host(address, "udp").unwrap(),
            Transport::Tcp => Candidate::builder()
                .tcp()
                .host(address)
                .tcptype(TcpType::Active)
                .build()
                .unwrap(),
        };
        rtc.add_local_candidate(candidate);
        let sdp = filled(template, &mut rtc);
        let tracks = sections(template).into_iter().map(track).collect();
        Self {
            rtc,
            address,
            transport,
            tracks,
            received: Vec::new(),
            streams: BTreeMap::new(),
            key_frame_requests: 0,
            missing: Vec::new(),
            asked: Vec::new(),
            is_connected: false,
            is_closed: false,
            due: now,
            seen_as: None,
            outbox: Vec::new(),
            sdp,
        }
    }

    /// Takes the answer and begins.
    pub(crate) fn accept(&mut self, answer: &str, now: Instant) {
        SdpAnswer::from_sdp_string(answer).expect("str0m reads the answer");
        let is_sender = answer.contains("a=recvonly");
        for candidate in answer.lines().filter_map(|line| line.strip_prefix("a=")) {
            let proto = match self.transport {
                Transport::Udp => " udp ",
                Transport::Tcp => " tcp ",
            };
            if candidate.starts_with("candidate:") && candidate.contains(proto) {
                self.rtc
                    .add_remote_candidate(Candidate::from_sdp_string(candidate).unwrap());
            }
        }
        let mut api = self.rtc.direct_api();
        api.set_ice_controlling(true);
        api.set_remote_ice_credentials(IceCreds {
            ufrag: value(answer, "ice-ufrag").to_owned(),
            pass: value(answer, "ice-pwd").to_owned(),
        });
        let fingerprint: Fingerprint = value(answer, "fingerprint").parse().unwrap();
        api.set_remote_fingerprint(fingerprint);
        if !is_sender && answer.contains("transport-wide-cc") {
            api.enable_twcc_feedback();
        }
        for track in &self.tracks {
            api.declare_media(track.mid, track.kind);
            for (at, encoding) in (0..).zip(&track.encodings) {
                let rtx = Some(Ssrc::from(2_000 + at));
                api.declare_stream_tx(encoding.ssrc.into(), rtx, track.mid, Some(encoding.rid));
            }
            if is_sender && track.encodings.is_empty() {
                let default = if track.kind.is_audio() { 11 } else { 22 };
                let ssrc = track.ssrc.unwrap_or(default);
                let rtx = track.kind.is_video().then(|| track.rtx.unwrap_or(23));
                api.declare_stream_tx(ssrc.into(), rtx.map(Ssrc::from), track.mid, None);
            }
        }
        api.start_dtls(value(answer, "setup") == "passive").unwrap();
        if !is_sender {
            self.expect(answer);
        }
        self.drive(now);
    }

    /// Takes the streams of an answer that it does not know yet.
    fn expect(&mut self, answer: &str) {
        let mut api = self.rtc.direct_api();
        for section in sections(answer) {
            let track = track(section);
            let ssrc = track.ssrc.expect("an SSRC in the answer");
            if self.streams.insert(track.mid.to_string(), ssrc).is_none() {
                let rtx = track.rtx.map(Ssrc::from);
                api.expect_stream_rx(ssrc.into(), rtx, track.mid, None);
            }
        }
    }

    /// The same client's offer with other sections at the end.
    pub(crate) fn offer_again(&mut self, template: &str) -> String {
        filled(template, &mut self.rtc)
    }

    /// Takes the answer to that: its new sections, and other credentials where it began with others.
    pub(crate) fn accept_again(&mut self, answer: &str, now: Instant) {
        let mut api = self.rtc.direct_api();
        for section in sections(answer) {
            let track = track(section);
            if !self.streams.contains_key(&*track.mid.to_string()) {
                api.declare_media(track.mid, track.kind);
            }
        }
        api.set_remote_ice_credentials(IceCreds {
            ufrag: value(answer, "ice-ufrag").to_owned(),
            pass: value(answer, "ice-pwd").to_owned(),
        });
        self.expect(answer);
        self.drive(now);
    }

    /// Forgets its ways and credentials, as a browser does for an ICE restart.
    pub(crate) fn restart(&mut self, server: SocketAddr) {
        let ours = Candidate::host(self.address, "udp").unwrap();
        let theirs = Candidate::host(server, "udp").unwrap();
        let mut api = self.rtc.direct_api();
        api.invalidate_candidate(&theirs);
        api.invalidate_candidate(&ours);
        api.set_local_ice_credentials(IceCreds::new());
        self.rtc.add_local_candidate(ours);
        self.rtc.add_remote_candidate(theirs);
    }

    /// Sends 20 ms of sound of a level, in -dBov.
    pub(crate) fn speak(
        &mut self,
        number: u8,
        payload: &[u8],
        timestamp: u32,
        level: i8,
        now: Instant,
    ) {
        let mut tracks = self.tracks.iter_mut();
        let track = tracks.find(|track| track.kind.is_audio()).unwrap();
        track.sequence += 1;
        let (mid, sequence) = (track.mid, track.sequence);
        let mut api = self.rtc.direct_api();
        let stream = api.stream_tx_by_mid(mid, None).unwrap();
        let values = ExtensionValues {
            audio_level: Some(-level),
            voice_activity: Some(level < 100),
            ..ExtensionValues::default()
        };
        let write = RtpWrite::new(number.into(), sequence.into(), timestamp, now, payload);
        stream.write_rtp(write.ext_vals(values));
        self.drive(now);
    }

    /// Sends one packet of a kind.
    pub(crate) fn send(&mut self, kind: MediaKind, number: u8, packet: Packet<'_>, now: Instant) {
        let track = self
            .tracks
            .iter_mut()
            .find(|track| track.kind == kind)
            .unwrap();
        if !track.encodings.is_empty() {
            self.send_encoding(0, number, packet, now);
            return;
        }
        let sequence = track.sequence;
        track.sequence += 1;
        let mid = track.mid;
        self.send_as(mid, number, sequence, packet, now);
    }

    /// Sends one packet of an encoding, by its place in the offer.
    pub(crate) fn send_encoding(
        &mut self,
        place: usize,
        number: u8,
        packet: Packet<'_>,
        now: Instant,
    ) {
        let mut tracks = self.tracks.iter_mut();
        let video = tracks.find(|track| track.kind.is_video()).unwrap();
        let encoding = &mut video.encodings[place];
        encoding.sequence += 1;
        let (ssrc, sequence) = (encoding.ssrc, encoding.sequence);
        let mut api = self.rtc.direct_api();
        let stream = api.stream_tx(&ssrc.into()).unwrap();
        let (number, payload) = (number.into(), packet.payload);
        let write = RtpWrite::new(number, sequence.into(), packet.timestamp, now, payload);
        stream.write_rtp(write.marker(packet.marker).nackable(true));
        self.drive(now);
    }

    /// The name of an encoding, by its place in the offer.
    pub(crate) fn rid(&self, place: usize) -> Rid {
        let mut tracks = self.tracks.iter();
        let video = tracks.find(|track| track.kind.is_video()).unwrap();
        video.encodings[place].rid
    }

    /// The encoding's next packet has that number.
    pub(crate) fn rewind_encoding(&mut self, place: usize, sequence: u64) {
        let mut tracks = self.tracks.iter_mut();
        let video = tracks.find(|track| track.kind.is_video()).unwrap();
        video.encodings[place].sequence = sequence - 1;
    }

    pub(crate) fn send_as(
        &mut self,
        mid: Mid,
        number: u8,
        sequence: u64,
        packet: Packet<'_>,
        now: Instant,
    ) {
        let mut api = self.rtc.direct_api();
        let stream = api.stream_tx_by_mid(mid, None).unwrap();
        let write = RtpWrite::new(
            number.into(),
            sequence.into(),
            packet.timestamp,
            now,
            packet.payload,
        );
        stream.write_rtp(write.marker(packet.marker).nackable(true));
        self.drive(now);
    }

    pub(crate) fn ask_for_key_frame(&mut self, now: Instant) {
        let track = self
            .tracks
            .iter()
            .find(|track| track.kind.is_video())
            .unwrap();
        let mid = track.mid;
        let mut api = self.rtc.direct_api();
        let stream = api.stream_rx_by_mid(mid, None).unwrap();
        stream.request_keyframe(KeyframeRequestKind::Pli);
        self.drive(now);
    }

    pub(crate) fn drive(&mut self, now: Instant) {
        self.rtc.handle_input(Input::Timeout(now)).unwrap();
        self.drain();
    }

    pub(crate) fn receive(&mut self, source: SocketAddr, contents: &[u8], now: Instant) {
        let proto = match self.transport {
            Transport::Udp => Protocol::Udp,
            Transport::Tcp => Protocol::Tcp,
        };
        let receive = Receive::new(proto, source, self.address, contents).unwrap();
        self.rtc.handle_input(Input::Receive(now, receive)).unwrap();
        self.drain();
    }

    pub(crate) fn drain(&mut self) {
        loop {
            // Its own handshake may run out of time.
            let Ok(output) = self.rtc.poll_output() else {
                self.is_closed = true;
                self.due += Duration::from_hours(1);
                return;
            };
            match output {
                Output::Timeout(at) => {
                    self.due = at;
                    return;
                }
                Output::Transmit(transmit) => self.outbox.push(transmit.contents.to_vec()),
                Output::Event(Event::Connected) => self.is_connected = true,
                Output::Event(Event::RtpPacket(packet)) => self.received.push(packet),
                Output::Event(Event::KeyframeRequest(request)) => {
                    self.key_frame_requests += 1;
                    self.asked.extend(request.rid);
                }
                Output::Event(Event::RawPacket(packet)) => {
                    if let RawPacket::RtcpRx(Rtcp::Nack(nack)) = *packet {
                        let ssrc = *nack.ssrc;
                        let numbers = nack.reports.iter().flat_map(|entry| {
                            let later = (0..16).filter(|bit| entry.blp >> bit & 1 == 1);
                            let later = later.map(|bit| entry.pid.wrapping_add(bit + 1));
                            std::iter::once(entry.pid).chain(later)
                        });
                        self.missing.extend(numbers.map(|number| (ssrc, number)));
                    }
                }
                Output::Event(Event::Closed) => self.is_closed = true,
                Output::Event(_) => {}
            }
        }
    }

    pub(crate) fn datagram<'a>(&self, contents: &'a [u8]) -> Datagram<'a> {
        Datagram {
            transport: self.transport,
            source: self.seen_as.unwrap_or(self.address),
            contents,
        }
    }

    /// What came of a kind, in the order of arrival.
    pub(crate) fn received_of(&self, kind: MediaKind) -> Vec<&RtpPacket> {
        let is_of = |packet: &&RtpPacket| match kind {
            MediaKind::Audio => *packet.header.payload_type == 111,
            MediaKind::Video => *packet.header.payload_type != 111,
        };
        self.received.iter().filter(is_of).collect()
    }
}

/// What to send.
#[derive(Clone, Copy)]
pub(crate) struct Packet<'a> {
    pub(crate) payload: &'a [u8],
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
}

fn track(section: &str) -> Track {
    let fid = section
        .lines()
        .find_map(|line| line.strip_prefix("a=ssrc-group:FID "));
    let (main, rtx) = if let Some((main, rtx)) = fid.and_then(|pair| pair.split_once(' ')) {
        (main.parse().ok(), rtx.parse().ok())
    } else {
        let line = section
            .lines()
            .find_map(|line| line.strip_prefix("a=ssrc:"));
        let main = line.and_then(|line| line.split(' ').next()?.parse().ok());
        (main, None)
    };
    Track {
        kind: if section.starts_with("m=audio") {
            MediaKind::Audio
        } else {
            MediaKind::Video
        },
        mid: value(section, "mid").into(),
        ssrc: main,
        rtx,
        sequence: 100,
        encodings: (0..)
            .zip(
                section
                    .lines()
                    .filter_map(|line| line.strip_prefix("a=rid:")),
            )
            .filter_map(|(at, rid)| {
                Some(Encoding {
                    rid: rid.strip_suffix(" send")?.into(),
                    ssrc: 1_000 + at,
                    sequence: 100,
                })
            })
            .collect(),
    }
}
