//! What goes in and what comes out.

use std::net::SocketAddr;
use std::time::Duration;

use model::{ConnectionId, ErrorCode, limits};

use crate::Offer;

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

/// One thing that happened.
#[derive(Debug)]
pub enum Input<'a> {
    /// A publisher's offer; answered by [`Output::Answer`].
    Publish {
        /// The new peer.
        connection: ConnectionId,
        /// Its offer.
        offer: Offer,
    },
    /// A subscriber's offer; answered by [`Output::Answer`].
    Subscribe {
        /// The new peer.
        connection: ConnectionId,
        /// Whose media it gets.
        publisher: ConnectionId,
        /// Its offer.
        offer: Offer,
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
    /// A peer is to go. It is told by a DTLS close; nothing more is put out about it.
    Close {
        /// Which peer.
        connection: ConnectionId,
    },
    /// A datagram.
    Datagram(Datagram<'a>),
    /// A TCP connection is gone.
    TcpClosed {
        /// Its remote address.
        source: SocketAddr,
    },
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
    /// A peer is gone on its own account; it is forgotten already.
    Closed {
        /// Which peer.
        connection: ConnectionId,
        /// Why.
        fault: PeerFault,
    },
}

/// An accepted offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The SDP answer, complete with candidates in every section.
    pub sdp: String,
}

/// An accepted patch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Patched {
    /// Candidates were noted (204).
    Candidates,
    /// ICE restarted (200); the fragment has the new credentials and candidates.
    Restarted {
        /// `application/trickle-ice-sdpfrag`.
        fragment: String,
    },
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
    /// Peers that ended by a panic inside their connection.
    pub panics: u64,
}
