//! What came before the stream is whole: a key frame must not be lost because the audio comes a moment later.

use std::collections::VecDeque;
use std::time::Duration;

use super::Unit;
use super::audio::Packet;
use super::video::Picture;

/// Audio before the first picture that is kept, in media time.
const PREROLL: Duration = Duration::from_millis(100);

/// Pictures by their track, and packets of audio.
#[derive(Debug, Default)]
pub(super) struct Held {
    units: VecDeque<One>,
    bytes: usize,
}

#[derive(Debug)]
enum One {
    Picture(u8, Picture),
    Packet(Packet),
}

impl One {
    fn bytes(&self) -> usize {
        match self {
            Self::Picture(_, picture) => picture.nals.iter().map(bytes::Bytes::len).sum(),
            Self::Packet(packet) => packet.bytes.len(),
        }
    }
}

impl Held {
    /// Holds a picture. A key frame stands for all of its track before it.
    pub(super) fn picture(&mut self, track: u8, picture: Picture) {
        if picture.is_key {
            self.forget(track);
        }
        self.push(One::Picture(track, picture));
    }

    /// Holds a packet of audio.
    pub(super) fn packet(&mut self, packet: Packet) {
        self.push(One::Packet(packet));
    }

    /// Forgets the pictures of a track.
    pub(super) fn forget(&mut self, track: u8) {
        self.units
            .retain(|one| !matches!(one, One::Picture(number, _) if *number == track));
        self.bytes = self.units.iter().map(One::bytes).sum();
    }

    /// How much is held.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// All of it, where `tracks` are the numbers of tracks in the order of layers. Audio begins with the pictures.
    pub(super) fn into_units(self, tracks: &[u8]) -> impl Iterator<Item = Unit> {
        let first = self.units.iter().filter_map(|one| match one {
            One::Picture(_, picture) => Some(picture.at),
            One::Packet(_) => None,
        });
        let first = first.min().unwrap_or_default();
        self.units.into_iter().filter_map(move |one| match one {
            One::Picture(track, picture) => {
                let layer = tracks.iter().position(|number| *number == track)?;
                Some(picture.into_unit(layer))
            }
            One::Packet(packet) => (packet.at + PREROLL >= first).then(|| packet.into_unit()),
        })
    }

    fn push(&mut self, one: One) {
        self.bytes += one.bytes();
        self.units.push_back(one);
    }
}
