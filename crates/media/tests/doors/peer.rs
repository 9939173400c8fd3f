//! A WebRTC client on real sockets: publishes small frames or counts what it receives.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::format::Codec;
use str0m::media::{
    Direction, KeyframeRequestKind, MediaKind, MediaTime, Mid, Simulcast, SimulcastLayer,
};
use str0m::net::{Protocol, Receive, TcpType};
use str0m::{Candidate, Event, IceConnectionState, Input, Output, Rtc};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// What a publisher of two encodings sends, lowest first: their names, and the bytes of a picture.
const ENCODINGS: [(&str, usize); 2] = [("l", 300), ("h", 2_000)];

/// A NAL unit of supplemental enhancement information: a message of the user's, with a name and a text.
pub(crate) const SEI: [u8; 24] = *b"\x06\x05\x14sixteen bytes idwhat\x80";

/// A picture that only goes on from the one before.
const PICTURE: [u8; 24] =
    *b"\0\0\0\x01\x41\x9a\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab\xab";

/// Parameter sets of 640x360, Constrained Baseline.
pub(crate) const SPS: [u8; 10] = [0x67, 0x42, 0xe0, 0x1f, 0xda, 0x02, 0x80, 0xbf, 0xe5, 0x40];
pub(crate) const PPS: [u8; 4] = [0x68, 0xce, 0x3c, 0x80];

/// SPS, PPS, SEI, and an IDR slice of so many bytes.
fn key_frame(bytes: usize) -> Vec<u8> {
    let mut frame = Vec::new();
    for nal in [
        &SPS[..],
        &PPS,
        &SEI,
        &[&[0x65, 0x88][..], &vec![0xab; bytes]].concat(),
    ] {
        frame.extend([0, 0, 0, 1]);
        frame.extend(nal);
    }
    frame
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Publisher,
    /// A publisher of two encodings, `l` and `h`.
    Simulcast,
    /// A publisher that sends a key frame when it is asked for one.
    Thrifty,
    Subscriber,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) connected: bool,
    /// DTLS was closed by the server, or ICE gave up.
    pub(crate) closed: bool,
    pub(crate) video: u64,
    pub(crate) audio: u64,
    /// Pictures with the SEI of publishers.
    pub(crate) sei: u64,
    /// Key frames that were asked for.
    pub(crate) asked: u64,
    /// Level of the newest sound, in decibels, and whether it is a voice.
    pub(crate) level: Option<(i8, bool)>,
}

/// A peer that has an offer and no answer yet.
pub(crate) struct Offering {
    rtc: Box<Rtc>,
    role: Role,
    mids: Vec<(Mid, MediaKind)>,
    pending: SdpPendingOffer,
    pub(crate) sdp: String,
    local: SocketAddr,
    door: Door,
}

/// A socket that is bound and has not sent yet.
enum Door {
    Udp(UdpSocket),
    Tcp(TcpSocket),
}

enum Word {
    Close,
    /// Another offer, with so many more sections for audio and video, or with other ICE credentials.
    Offer {
        more: [usize; 2],
        restarts: bool,
        sdp: oneshot::Sender<String>,
    },
    /// To that.
    Answer(String),
    /// A key frame is needed.
    Ask,
}

/// A peer at work. Dropped, it falls silent without a word.
pub(crate) struct Peer {
    words: mpsc::Sender<Word>,
    seen: watch::Receiver<Seen>,
    /// Frames of each section.
    frames: watch::Receiver<BTreeMap<String, u64>>,
    video: Mid,
    _task: JoinSet<()>,
}

fn config() -> Box<Rtc> {
    let config = Rtc::builder()
        .clear_codecs()
        .enable_opus(true, false)
        .enable_h264(true);
    Box::new(config.build(Instant::now().into_std()))
}

impl Offering {
    pub(crate) async fn udp(role: Role) -> Self {
        Self::on_udp(role, [1, 1]).await
    }

    /// A subscriber with so many sections for audio and for video.
    pub(crate) async fn pool(audio: usize, video: usize) -> Self {
        Self::on_udp(Role::Subscriber, [audio, video]).await
    }

    async fn on_udp(role: Role, sections: [usize; 2]) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let local = socket.local_addr().unwrap();
        let candidate = Candidate::host(local, "udp").unwrap();
        Self::new(role, sections, local, candidate, Door::Udp(socket))
    }

    pub(crate) fn tcp(role: Role) -> Self {
        // The candidate has the port that we connect from.
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let local = socket.local_addr().unwrap();
        let candidate = Candidate::builder()
            .tcp()
            .host(local)
            .tcptype(TcpType::Active);
        let candidate = candidate.build().unwrap();
        Self::new(role, [1, 1], local, candidate, Door::Tcp(socket))
    }

    fn new(
        role: Role,
        sections: [usize; 2],
        local: SocketAddr,
        candidate: Candidate,
        door: Door,
    ) -> Self {
        let mut rtc = config();
        rtc.add_local_candidate(candidate).unwrap();
        let mut mids = Vec::new();
        let (sdp, pending) = offer(&mut rtc, role, sections, false, &mut mids);
        Self {
            rtc,
            role,
            mids,
            pending,
            sdp,
            local,
            door,
        }
    }

    /// Takes the answer and goes to work.
    pub(crate) async fn accept(mut self, answer: &str) -> Peer {
        let parsed = SdpAnswer::from_sdp_string(answer).expect("an answer that str0m reads");
        self.rtc
            .sdp_api()
            .accept_answer(self.pending, parsed)
            .unwrap();
        let wire = match self.door {
            Door::Udp(socket) => Wire::Udp(socket),
            Door::Tcp(socket) => Wire::Tcp(
                socket.connect(tcp_candidate(answer)).await.unwrap(),
                Vec::new(),
            ),
        };
        let (words, inbox) = mpsc::channel(4);
        let (sender, seen) = watch::channel(Seen::default());
        let (counts, frames) = watch::channel(BTreeMap::new());
        let of_kind = |kind| self.mids.iter().find(|(_, own)| *own == kind);
        let video = of_kind(MediaKind::Video).expect("a section for video").0;
        let work = Work {
            rtc: self.rtc,
            role: self.role,
            mids: self.mids,
            pending: None,
            local: self.local,
            wire,
            seen: sender,
            counts,
            frames: 0,
            answered: 0,
        };
        let mut task = JoinSet::new();
        task.spawn(work.run(inbox));
        Peer {
            words,
            seen,
            frames,
            video,
            _task: task,
        }
    }
}

/// An offer with so many more sections for audio and video.
fn offer(
    rtc: &mut Rtc,
    role: Role,
    sections: [usize; 2],
    restarts: bool,
    mids: &mut Vec<(Mid, MediaKind)>,
) -> (String, SdpPendingOffer) {
    let direction = match role {
        Role::Publisher | Role::Simulcast | Role::Thrifty => Direction::SendOnly,
        Role::Subscriber => Direction::RecvOnly,
    };
    let mut change = rtc.sdp_api();
    if restarts {
        change.ice_restart(true);
    }
    for (kind, count) in [MediaKind::Audio, MediaKind::Video]
        .into_iter()
        .zip(sections)
    {
        for _ in 0..count {
            let stream = Some("stream".to_owned());
            let simulcast =
                (role == Role::Simulcast && kind == MediaKind::Video).then(|| Simulcast {
                    send: ENCODINGS.map(|(rid, _)| SimulcastLayer::new(rid)).to_vec(),
                    recv: Vec::new(),
                });
            let mid = change.add_media(kind, direction, stream, None, simulcast);
            mids.push((mid, kind));
        }
    }
    let (offer, pending): (SdpOffer, _) = change.apply().unwrap();
    (offer.to_sdp_string(), pending)
}

/// Where the answer takes TCP connections.
fn tcp_candidate(answer: &str) -> SocketAddr {
    let line = answer
        .lines()
        .find(|line| line.starts_with("a=candidate:") && line.contains(" tcp "));
    let words: Vec<&str> = line.expect("a TCP candidate").split(' ').collect();
    format!("{}:{}", words[4], words[5]).parse().unwrap()
}

impl Peer {
    pub(crate) async fn until(&mut self, what: impl FnMut(&Seen) -> bool) -> Seen {
        let found = tokio::time::timeout(Duration::from_secs(15), self.seen.wait_for(what)).await;
        let found = found.map(|seen| *seen.expect("the peer is at work"));
        found.unwrap_or_else(|_| panic!("it stays at {:?}", *self.seen.borrow()))
    }

    /// The `mid` of the section with its video.
    pub(crate) fn video_mid(&self) -> String {
        self.video.to_string()
    }

    pub(crate) async fn connected(&mut self) {
        self.until(|seen| seen.connected).await;
    }

    /// Waits for so many frames in a section, beyond those that came before.
    pub(crate) async fn frames(&mut self, mid: &str, count: u64) {
        let of = |frames: &BTreeMap<String, u64>| frames.get(mid).copied().unwrap_or_default();
        let before = of(&self.frames.borrow());
        let came = self.frames.wait_for(|frames| of(frames) >= before + count);
        let came = tokio::time::timeout(Duration::from_secs(15), came).await;
        let came = came.map(|frames| frames.map(drop));
        came.unwrap_or_else(|_| panic!("section {mid} stays at {before} frames"))
            .expect("the peer is at work");
    }

    /// Another offer: with so many more sections for audio and video, or an ICE restart.
    pub(crate) async fn offer(&self, more: [usize; 2], restarts: bool) -> String {
        let (sdp, offer) = oneshot::channel();
        let word = Word::Offer {
            more,
            restarts,
            sdp,
        };
        self.words.send(word).await.unwrap();
        offer.await.unwrap()
    }

    /// The answer to that.
    pub(crate) async fn answer(&self, sdp: &str) {
        self.words.send(Word::Answer(sdp.to_owned())).await.unwrap();
    }

    /// Asks for a key frame, as one does who has lost too much.
    pub(crate) async fn ask(&self) {
        self.words.send(Word::Ask).await.unwrap();
    }

    /// Says goodbye by DTLS.
    pub(crate) async fn close(&self) {
        self.words.send(Word::Close).await.unwrap();
    }
}

enum Wire {
    Udp(UdpSocket),
    Tcp(TcpStream, Vec<u8>),
}

impl Wire {
    async fn send(&mut self, to: SocketAddr, datagram: &[u8]) {
        match self {
            Self::Udp(socket) => {
                socket.send_to(datagram, to).await.unwrap();
            }
            Self::Tcp(stream, _) => {
                let length = u16::try_from(datagram.len()).unwrap().to_be_bytes();
                // The server may have hung up; str0m finds out by itself.
                let _ = stream.write_all(&[&length[..], datagram].concat()).await;
            }
        }
    }

    /// The next datagram. Safe to cancel: what has come in part stays in the buffer.
    async fn receive(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        match self {
            Self::Udp(socket) => {
                let mut buffer = vec![0; 2_000];
                let (length, source) = socket.recv_from(&mut buffer).await.ok()?;
                buffer.truncate(length);
                Some((source, buffer))
            }
            Self::Tcp(stream, partial) => loop {
                if let Some((length, rest)) = partial.split_first_chunk::<2>() {
                    let length = usize::from(u16::from_be_bytes(*length));
                    if rest.len() >= length {
                        let frame = rest[..length].to_vec();
                        partial.drain(..2 + length);
                        return Some((stream.peer_addr().ok()?, frame));
                    }
                }
                if stream.read_buf(partial).await.ok()? == 0 {
                    return None;
                }
            },
        }
    }
}

struct Work {
    rtc: Box<Rtc>,
    role: Role,
    mids: Vec<(Mid, MediaKind)>,
    /// An offer that has no answer yet.
    pending: Option<SdpPendingOffer>,
    local: SocketAddr,
    wire: Wire,
    seen: watch::Sender<Seen>,
    counts: watch::Sender<BTreeMap<String, u64>>,
    frames: u64,
    /// Key frames that had been asked for when it sent the last, if it is thrifty.
    answered: u64,
}

impl Work {
    async fn run(mut self, mut inbox: mpsc::Receiver<Word>) {
        let mut beat = tokio::time::interval(Duration::from_millis(20));
        loop {
            let due = self.drain().await;
            if !self.rtc.is_alive() {
                self.seen.send_modify(|seen| seen.closed = true);
                return;
            }
            let now = || Instant::now().into_std();
            tokio::select! {
                () = tokio::time::sleep_until(Instant::from_std(due)) => {
                    self.rtc.handle_input(Input::Timeout(now())).unwrap();
                }
                received = self.wire.receive() => {
                    let Some((source, datagram)) = received else {
                        self.seen.send_modify(|seen| seen.closed = true);
                        return;
                    };
                    let proto = match self.wire {
                        Wire::Udp(_) => Protocol::Udp,
                        Wire::Tcp(..) => Protocol::Tcp,
                    };
                    if let Ok(contents) = datagram.as_slice().try_into() {
                        let receive = Receive { proto, source, destination: self.local, contents };
                        let _ = self.rtc.handle_input(Input::Receive(now(), receive));
                    }
                }
                Some(word) = inbox.recv() => self.obey(word),
                _ = beat.tick() => self.publish(),
            }
        }
    }

    fn obey(&mut self, word: Word) {
        match word {
            Word::Close => self.rtc.close().unwrap(),
            Word::Ask => {
                for (mid, kind) in &self.mids {
                    if *kind == MediaKind::Video {
                        let mut writer = self.rtc.writer(*mid).expect("a section");
                        writer
                            .request_keyframe(None, KeyframeRequestKind::Pli)
                            .unwrap();
                    }
                }
            }
            Word::Offer {
                more,
                restarts,
                sdp,
            } => {
                let made = offer(&mut self.rtc, self.role, more, restarts, &mut self.mids);
                self.pending = Some(made.1);
                sdp.send(made.0).unwrap();
            }
            Word::Answer(sdp) => {
                let parsed = SdpAnswer::from_sdp_string(&sdp).expect("an answer that str0m reads");
                let pending = self.pending.take().expect("an offer");
                self.rtc.sdp_api().accept_answer(pending, parsed).unwrap();
            }
        }
    }

    async fn drain(&mut self) -> std::time::Instant {
        loop {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(at)) => return at,
                Ok(Output::Transmit(transmit)) => {
                    self.wire
                        .send(transmit.destination, &transmit.contents)
                        .await;
                }
                Ok(Output::Event(event)) => self.note(&event),
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn note(&self, event: &Event) {
        use IceConnectionState::Disconnected;
        if let Event::MediaData(data) = event {
            self.counts
                .send_modify(|counts| *counts.entry(data.mid.to_string()).or_default() += 1);
        }
        self.seen.send_modify(|seen| {
            seen.connected |= matches!(event, Event::Connected);
            seen.closed |= matches!(
                event,
                Event::Closed | Event::IceConnectionStateChange(Disconnected)
            );
            if let Event::MediaData(data) = event {
                let count = if self.mids.contains(&(data.mid, MediaKind::Audio)) {
                    &mut seen.audio
                } else {
                    &mut seen.video
                };
                *count += 1;
                let values = &data.ext_vals;
                seen.level = values.audio_level.zip(values.voice_activity).or(seen.level);
                let mut windows = data.data.windows(SEI.len());
                seen.sei += u64::from(windows.any(|window| window == SEI));
            }
            seen.asked += u64::from(matches!(event, Event::KeyframeRequest(_)));
        });
    }

    /// One Opus and one H.264 frame, once there is somebody to send to.
    fn publish(&mut self) {
        if self.role == Role::Subscriber || !self.seen.borrow().connected {
            return;
        }
        self.frames += 1;
        let elapsed = Duration::from_millis(20) * u32::try_from(self.frames).unwrap();
        let audio: (Mid, _, _, Arc<[u8]>) =
            (self.mids[0].0, Codec::Opus, None, vec![0xfc; 80].into());
        let video = |rid, bytes| (self.mids[1].0, Codec::H264, rid, key_frame(bytes).into());
        let mut videos = if self.role == Role::Simulcast {
            ENCODINGS
                .map(|(rid, bytes)| video(Some(rid), bytes))
                .to_vec()
        } else {
            vec![video(None, 2_000)]
        };
        let asked = self.seen.borrow().asked;
        let has_answered = std::mem::replace(&mut self.answered, asked) == asked;
        if self.role == Role::Thrifty && has_answered {
            videos[0].3 = PICTURE.into();
        }
        for (mid, codec, rid, frame) in std::iter::once(audio).chain(videos) {
            let Some(writer) = self.rtc.writer(mid) else {
                continue;
            };
            let found = writer
                .payload_params()
                .find(|params| params.spec().codec == codec);
            let number = found.expect("the codec was agreed on").pt();
            // Speech, as RFC 6464 has it; video has no such extension.
            let writer = if codec == Codec::Opus {
                writer.audio_level(-20, true)
            } else {
                writer
            };
            let writer = match rid {
                Some(rid) => writer.rid(rid.into()),
                None => writer,
            };
            let time = MediaTime::from(elapsed);
            writer
                .write(number, Instant::now().into_std(), time, frame)
                .unwrap();
        }
    }
}
