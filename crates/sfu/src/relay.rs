//! What crosses from one worker to another: a publisher's packets as they are, shared and not copied.

use std::fmt;
use std::sync::Arc;

use crate::answer::Agreed;
use crate::layer::Layers;
use crate::packet::{Packet, Track};

/// Most packets in one [`Relayed`], so that the room for a bounded number of them is bounded too.
pub(crate) const PACKETS_MAX: usize = 64;

/// Packets of one publisher, in the order of their arrival; 1 to 64 of them. A clone shares them.
#[derive(Clone)]
pub struct Relayed(Arc<[Arc<Packet>]>);

impl Relayed {
    /// Those packets, in as many parts as it takes.
    pub(crate) fn parts(packets: &[Arc<Packet>]) -> impl Iterator<Item = Self> {
        packets
            .chunks(PACKETS_MAX)
            .map(|part| Self(Arc::from(part)))
    }

    pub(crate) fn packets(&self) -> &[Arc<Packet>] {
        &self.0
    }

    /// What is left where packets of the encodings in `lost` are dropped up to their next key frames, from which on these are lost
    /// no more; `None` if that is nothing.
    pub fn from_key_frames(self, lost: &mut Tracks) -> Option<Self> {
        if lost.is_empty() {
            return Some(self);
        }
        let is_left = |packet: &&Arc<Packet>| {
            if packet.is_start {
                lost.remove(packet.track);
            }
            !lost.has(packet.track)
        };
        let left: Vec<_> = self.0.iter().filter(is_left).cloned().collect();
        Self::parts(&left).next()
    }

    /// How many packets.
    #[expect(clippy::len_without_is_empty, reason = "there is always one")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The encodings of the video that packets are of: those that need a key frame where the packets get lost.
    pub fn videos(&self) -> Tracks {
        let mut videos = Tracks::default();
        for packet in self.0.iter() {
            videos.insert(packet.track);
        }
        videos
    }
}

impl fmt::Debug for Relayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relayed")
            .field("packets", &self.len())
            .finish()
    }
}

/// Some of the encodings of a publisher's video.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tracks([bool; Track::LAYERS_MAX]);

impl Tracks {
    /// None of them.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Adds all of those.
    pub fn add(&mut self, others: Self) {
        for (has, other) in self.0.iter_mut().zip(others.0) {
            *has |= other;
        }
    }

    fn has(self, track: Track) -> bool {
        let place = track.place();
        place.is_some_and(|place| self.0.get(place) == Some(&true))
    }

    fn remove(&mut self, track: Track) {
        let place = track.place();
        if let Some(has) = place.and_then(|place| self.0.get_mut(place)) {
            *has = false;
        }
    }

    /// Adds an encoding; audio is none.
    pub(crate) fn insert(&mut self, track: Track) {
        let place = track.place();
        if let Some(has) = place.and_then(|place| self.0.get_mut(place)) {
            *has = true;
        }
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Track> {
        let places = self.0.into_iter().enumerate();
        places.filter_map(|(place, has)| has.then(|| Track::video(place)).flatten())
    }
}

/// What a worker has to know to serve a publisher that another one has: what was agreed on with it, how its layers have been, and
/// what a subscriber can begin with at once.
#[derive(Clone)]
pub struct Description(Box<Described>);

#[derive(Clone)]
pub(crate) struct Described {
    /// Whether it is without a connection.
    pub(crate) is_inlet: bool,
    pub(crate) agreed: Vec<Agreed>,
    /// The payload types that media came with.
    pub(crate) audio_sent: Option<u8>,
    pub(crate) video_sent: Option<u8>,
    pub(crate) layers: Layers,
    /// The newest key frame of each encoding with all that has come since.
    pub(crate) start: Vec<Arc<Packet>>,
}

impl Description {
    pub(crate) fn new(described: Described) -> Self {
        Self(Box::new(described))
    }

    pub(crate) fn into_inner(self) -> Described {
        *self.0
    }
}

impl fmt::Debug for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Description")
            .field("start", &self.0.start.len())
            .finish_non_exhaustive()
    }
}
