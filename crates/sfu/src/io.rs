//! What goes in and what comes out.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use model::{ConnectionId, ErrorCode, limits};

use crate::{Description, InletDescription, Offer, Relayed, Room, Tracks};

/// Bytes that are kept of all inlets together: as much as 84 encodings at the highest bitrate may.
const KEPT_BYTES: usize = 1 << 30;

/// What an operator may tune.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The addresses that answers advertise, each for UDP and TCP; the first of a family stands for the socket of that family.
    pub addresses: Vec<SocketAddr>,
    /// Whether answers offer TCP candidates too.
    pub tcp: bool,
    /// How long a peer may be silent (no authentic packet) before it counts as gone.
    pub liveness_timeout: Duration,
    /// Highest publish bitrate, bits per second, averaged over [`Settings::bitrate_window`].
    pub publish_bitrate_bps_max: u64,
    /// Over which time the bitrate is averaged.
    pub bitrate_window: Duration,
    /// Largest published picture, in pixels.
    pub publish_pixels_max: u32,
    /// Shortest time between two key frame requests to one publisher.
    pub key_frame_request_interval: Duration,
    /// What is kept of all encodings of inlets for viewers that begin. Clones of the settings share it: it is one for a process.
    pub kept: Room,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            addresses: Vec::new(),
            tcp: true,
            liveness_timeout: limits::LIVENESS_TIMEOUT,
            publish_bitrate_bps_max: limits::PUBLISH_BITRATE_BPS_MAX,
            bitrate_window: Duration::from_secs(2),
            publish_pixels_max: limits::PUBLISH_PIXELS_MAX,
            key_frame_request_interval: Duration::from_millis(500),
            kept: Room::new(KEPT_BYTES),
        }
    }
}

/// How a datagram travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// UDP.
    Udp,
    /// TCP, framed by RFC 4571; the shell does the framing.
    Tcp,
}

/// One datagram from the network.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// How it came.
    pub transport: Transport,
    /// From where.
    pub source: SocketAddr,
    /// What it holds.
    pub contents: &'a [u8],
}

/// One thing that happened. Not `Debug`: fragments open connections.
pub enum Input<'a> {
    /// A publisher's offer; answered by [`Output::Answer`].
    Publish {
        /// The new peer.
        connection: ConnectionId,
        /// Its offer.
        offer: Offer,
    },
    /// A subscriber's offer; answered by [`Output::Answer`]. It gets all that the publisher sends, as far as it offers to
    /// receive it; [`Input::Want`] changes that.
    Subscribe {
        /// The new peer.
        connection: ConnectionId,
        /// Whose media it gets.
        publisher: ConnectionId,
        /// Its offer.
        offer: Offer,
    },
    /// The offer of a subscriber with a pool of slots; answered by [`Output::Answer`]. It gets nothing before [`Input::Want`].
    Feed {
        /// The new peer.
        connection: ConnectionId,
        /// Its offer.
        offer: Offer,
    },
    /// Another offer of a feed: with further sections, or with other ICE credentials (a restart). Answered by
    /// [`Output::Answer`]; after an error the feed is as it was.
    Reoffer {
        /// Which peer.
        connection: ConnectionId,
        /// The new offer.
        offer: Offer,
    },
    /// All that a subscriber is to get; takes the place of what it wanted before. A publisher that is not there is not an
    /// error: it may have gone a moment ago.
    Want {
        /// Which peer.
        connection: ConnectionId,
        /// From whom, and what; one entry for each publisher.
        wants: Vec<Want>,
    },
    /// An `application/trickle-ice-sdpfrag` body (RFC 8840, RFC 9725 section 4.3); answered by [`Output::Patched`].
    Patch {
        /// Which peer.
        connection: ConnectionId,
        /// The body.
        fragment: &'a str,
        /// Whether an ICE restart is allowed by the request's preconditions (`If-Match: *`).
        restart: bool,
    },
    /// A peer or an inlet is to go. A peer is told by a DTLS close; nothing more is put out about it.
    Close {
        /// Which.
        connection: ConnectionId,
    },
    /// A datagram.
    Datagram(Datagram<'a>),
    /// A TCP connection is gone.
    TcpClosed {
        /// Its remote address.
        source: SocketAddr,
    },
    /// Another worker wants a publisher's packets; answered by [`Output::RelayOpened`].
    RelayOpen {
        /// Whose.
        publisher: ConnectionId,
        /// The number of the worker.
        to: usize,
    },
    /// Another worker wants no more of a publisher's packets.
    RelayClose {
        /// Whose.
        publisher: ConnectionId,
        /// The number of the worker.
        to: usize,
    },
    /// There is a publisher on another worker. From here on it is one of this worker too: it can be subscribed to, and feeds that
    /// want it already get it.
    Mirror {
        /// Which.
        publisher: ConnectionId,
        /// What its own worker says of it.
        description: Description,
    },
    /// Packets of a mirrored publisher. They are dropped where there is no such mirror.
    Relayed {
        /// Whose.
        publisher: ConnectionId,
        /// The packets.
        packets: Relayed,
    },
    /// A mirrored publisher is gone.
    MirrorClose {
        /// Which.
        publisher: ConnectionId,
    },
    /// A publisher without a connection begins: it can be subscribed to from here on. A name that is taken changes nothing.
    Inlet {
        /// The new publisher.
        connection: ConnectionId,
        /// What it sends.
        description: InletDescription,
    },
    /// Packets of an inlet, as its packetiser has made them, in order. They are dropped where there is no such inlet.
    InletPackets {
        /// Whose.
        connection: ConnectionId,
        /// The packets.
        packets: Relayed,
    },
    /// Another worker needs key frames of a publisher: for its subscribers, or because packets got lost on the way to it.
    KeyFrameWanted {
        /// Whose.
        publisher: ConnectionId,
        /// Of which encodings.
        tracks: Tracks,
    },
}

/// What a subscriber wants of one publisher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    /// Of whom.
    pub publisher: ConnectionId,
    /// Whether its audio is wanted.
    pub audio: bool,
    /// What is wanted of its video, if anything.
    pub video: Option<VideoWant>,
}

/// How a publisher's video is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VideoWant {
    /// The layer that is to be kept while it is there; without one the server chooses.
    pub layer: Option<LayerLabel>,
    /// Where to begin while the server chooses.
    pub start: Start,
    /// Largest picture that is of use, in pixels of width times height; a layer above is not chosen where one below is there.
    pub pixels_max: Option<u32>,
    /// Who is upgraded first when there is not enough for all; higher comes first.
    pub priority: u8,
}

/// Where automatic choice of a layer begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// With the lowest, then up.
    #[default]
    Lowest,
    /// With the highest, then down if need be.
    Highest,
}

/// The name of a simulcast layer: its RID (RFC 8851), or [`LayerLabel::ONLY`] where there is one encoding without a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LayerLabel(Arc<str>);

impl LayerLabel {
    /// What the only encoding of a publisher without simulcast is called.
    pub const ONLY: &'static str = "default";
    /// Longest name: what a one-byte header extension carries (RFC 8285 section 4.2).
    pub const BYTES_MAX: usize = 16;

    /// A name; `None` unless it is 1 to 16 letters, digits, `-` or `_`. RFC 8851 section 10 has letters and digits only;
    /// clients in use write the other two.
    pub fn parse(text: &str) -> Option<Self> {
        let is_sound = (1..=Self::BYTES_MAX).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        is_sound.then(|| Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What carries a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Medium {
    /// Opus.
    Audio,
    /// H.264 or VP8.
    Video,
}

/// One section of a feed, in which the server puts one publisher's medium at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The section's `mid`.
    pub mid: String,
    /// What it can carry.
    pub medium: Medium,
}

/// What a slot carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The slot's `mid`.
    pub mid: String,
    /// What it carries.
    pub medium: Medium,
    /// Whose media.
    pub publisher: ConnectionId,
    /// Whether nothing is sent for want of bandwidth.
    pub is_paused: bool,
}

/// One layer of a publisher's video, as it arrives here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Its name.
    pub label: LayerLabel,
    /// Width of the picture, pixels; 0 before the first key frame.
    pub width: u32,
    /// Height of the picture, pixels; 0 before the first key frame.
    pub height: u32,
    /// Pictures in a second.
    pub frames_per_second: u32,
    /// Measured bitrate, bits per second.
    pub bitrate_bps: u64,
}

/// A publisher's layers as one subscriber gets them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layers {
    /// Whose.
    pub publisher: ConnectionId,
    /// Those that are there, lowest first.
    pub layers: Vec<Layer>,
    /// The one that is being sent; `None` while video is paused or has not begun.
    pub selected: Option<LayerLabel>,
    /// Why it is that one.
    pub reason: LayerReason,
}

/// Why a subscriber gets the layer that it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerReason {
    /// The server chooses.
    Automatic,
    /// It was asked for.
    Selected,
    /// The one that was asked for is not there.
    Unavailable,
    /// The one that was asked for does not fit the bandwidth.
    Bandwidth,
}

/// How a subscriber is served at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quality {
    /// Estimated bandwidth to it, bits per second.
    pub estimate_bps: u64,
    /// What is sent to it, bits per second.
    pub sent_bps: u64,
    /// Lost packets of the last reports, in 1/256.
    pub loss: u8,
    /// Round trip, if known.
    pub round_trip: Option<Duration>,
}

/// One effect.
#[derive(Debug)]
pub enum Output {
    /// The result of an offer. After an error there is no peer.
    Answer {
        /// Which peer.
        connection: ConnectionId,
        /// The answer, or what is wrong.
        result: Result<Answer, PeerFault>,
    },
    /// The result of a patch. After an error the peer is as it was.
    Patched {
        /// Which peer.
        connection: ConnectionId,
        /// What to reply.
        result: Result<Patched, PatchFault>,
    },
    /// Bytes for the network.
    Transmit(Transmit),
    /// ICE and DTLS are done: media can flow.
    Connected {
        /// Which peer.
        connection: ConnectionId,
    },
    /// What the slots of a feed carry; all of them that carry something. Put out at each change.
    Bound {
        /// Which peer.
        connection: ConnectionId,
        /// Slots in use, by `mid`.
        bindings: Vec<Binding>,
    },
    /// A feed has too few slots for what it wants; so many are needed in all.
    Need {
        /// Which peer.
        connection: ConnectionId,
        /// Slots for audio.
        audio: usize,
        /// Slots for video.
        video: usize,
    },
    /// Layers, or which of them a subscriber gets, have changed.
    Layers {
        /// Which peer.
        connection: ConnectionId,
        /// What there is now.
        layers: Layers,
    },
    /// A publisher has begun or stopped to speak, by the audio levels that its packets carry (RFC 6464).
    Voice {
        /// Which publisher.
        connection: ConnectionId,
        /// Whether it speaks now.
        is_speaking: bool,
        /// Its level, in -dBov: 0 is loudest, 127 silence.
        level: u8,
    },
    /// How a subscriber is served, every few seconds while it changes.
    Quality {
        /// Which peer.
        connection: ConnectionId,
        /// The figures.
        quality: Quality,
    },
    /// Whether another worker gets a publisher's packets from here on.
    RelayOpened {
        /// Whose.
        publisher: ConnectionId,
        /// The number of the worker.
        to: usize,
        /// What the worker has to know; `None` if there is no such publisher (any more).
        description: Option<Description>,
    },
    /// Packets for another worker.
    Relay {
        /// Whose.
        publisher: ConnectionId,
        /// The number of the worker.
        to: usize,
        /// The packets.
        packets: Relayed,
    },
    /// A publisher whose packets another worker got is gone.
    RelayClosed {
        /// Which.
        publisher: ConnectionId,
        /// The number of the worker.
        to: usize,
    },
    /// A mirrored publisher's own worker is to ask it for key frames.
    KeyFrame {
        /// Whose.
        publisher: ConnectionId,
        /// Of which encodings.
        tracks: Tracks,
    },
    /// Nobody here has wanted a mirrored publisher for a while: it is forgotten, and needs no packets.
    MirrorIdle {
        /// Which.
        publisher: ConnectionId,
    },
    /// A mirrored publisher has been given up here for a fault of ours, and is still wanted: its own worker is to be told
    /// [`Input::RelayClose`], and then [`Input::RelayOpen`] again.
    MirrorLost {
        /// Which.
        publisher: ConnectionId,
    },
    /// A peer is gone on its own account, or an inlet by a fault of ours; it is forgotten already.
    Closed {
        /// Which.
        connection: ConnectionId,
        /// Why.
        fault: PeerFault,
    },
}

/// An accepted offer.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The SDP answer, complete with candidates in every section.
    pub sdp: String,
    /// The slots of a feed, in the order of the sections; empty for other peers.
    pub slots: Vec<Slot>,
}

impl fmt::Debug for Answer {
    /// Leaves the SDP out: its ICE password lets others into the connection.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("slots", &self.slots)
            .finish_non_exhaustive()
    }
}

/// An accepted patch.
#[derive(Clone, PartialEq, Eq)]
pub enum Patched {
    /// Candidates were noted (204).
    Candidates,
    /// ICE restarted (200); the fragment has the new credentials and candidates.
    Restarted {
        /// `application/trickle-ice-sdpfrag`.
        fragment: String,
    },
}

impl fmt::Debug for Patched {
    /// Leaves the fragment out: its ICE password lets others into the connection.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Candidates => "Candidates",
            Self::Restarted { .. } => "Restarted(..)",
        })
    }
}

/// Why a patch is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchFault {
    /// No such peer.
    #[error("the session does not exist")]
    NotFound,
    /// Not a fragment.
    #[error("the fragment is malformed")]
    Malformed,
    /// New credentials without `If-Match: *`.
    #[error("an ICE restart needs the precondition If-Match: *")]
    RestartNotAllowed,
    /// The restart did not work; the session goes on with its old credentials.
    #[error("the ICE restart failed")]
    RestartFailed,
}

/// Why a peer ended, or never began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeerFault {
    /// The peer closed DTLS.
    #[error("the peer has closed the connection")]
    ClosedByPeer,
    /// Nothing authentic came for the liveness timeout.
    #[error("the peer has fallen silent")]
    Timeout,
    /// The publisher is not on this worker (any more).
    #[error("the publisher is gone")]
    PublisherGone,
    /// The offer parsed but could not be answered.
    #[error("the offer cannot be answered")]
    Offer,
    /// A rule was broken, or the server failed.
    #[error("{}", .0.as_str())]
    Fault(ErrorCode),
}

/// Bytes for one remote address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// How they travel.
    pub transport: Transport,
    /// Where to.
    pub destination: SocketAddr,
    /// One datagram, or several of [`Transmit::segment`] bytes each with a last one that may be shorter.
    pub contents: Vec<u8>,
    /// Size of a segment where `contents` holds several datagrams; UDP only.
    pub segment: Option<usize>,
}

/// What has passed, counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// RTP packets that publishers sent.
    pub packets_in: u64,
    /// Their payload bytes.
    pub bytes_in: u64,
    /// RTP packets written to subscribers.
    pub packets_out: u64,
    /// Their payload bytes.
    pub bytes_out: u64,
    /// Datagrams that belonged to no peer.
    pub datagrams_unknown: u64,
    /// RTP packets dropped: malformed, too large to be passed on, or for a subscriber that is not ready.
    pub packets_dropped: u64,
    /// Key frame requests sent to publishers.
    pub key_frame_requests: u64,
    /// RTP packets sent again because a subscriber has asked for them.
    pub packets_retransmitted: u64,
    /// Packets that were asked for and are not kept any more, or were too many.
    pub retransmissions_refused: u64,
    /// Changes from one layer to another that subscribers have seen.
    pub layer_switches: u64,
    /// Times that a video was paused for want of bandwidth.
    pub pauses: u64,
    /// RTP packets handed to other workers, each once for each worker.
    pub packets_relayed: u64,
    /// Peers that ended by a panic inside their connection.
    pub panics: u64,
}
