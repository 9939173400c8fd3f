//! Media from the peer, for a client: the server has its publishers' from str0m.

use std::fmt;

use super::cipher::Cipher;
use super::window::Window;
use super::{PACKET_MAX, Profile, SrtpError};

/// Most sources that one server sends as; each stream has two.
const SOURCES_MAX: usize = 256;

/// The peer's keys for media.
pub struct MediaOpener {
    profile: Profile,
    media: Cipher,
    /// In the order of their numbers. Only authentic packets make one.
    sources: Vec<Source>,
}

struct Source {
    ssrc: u32,
    seen: Window,
}

/// An RTP packet that was opened in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Its index: the sequence number without wraps.
    pub index: u64,
    /// Where its payload ends, padding included.
    pub end: usize,
}

impl MediaOpener {
    pub(super) fn new(profile: Profile, media: Cipher) -> Self {
        Self {
            profile,
            media,
            sources: Vec::new(),
        }
    }

    /// How packets are protected.
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// Opens an RTP packet in place; its first `header` bytes are header and extensions.
    ///
    /// After an error the payload holds anything, and all else is as before.
    pub fn open(&mut self, packet: &mut [u8], header: usize) -> Result<Opened, SrtpError> {
        let end = packet
            .len()
            .checked_sub(self.profile.tag())
            .filter(|end| header >= 12 && *end >= header && packet.len() <= PACKET_MAX)
            .ok_or(SrtpError::Unauthentic)?;
        let (sequence, ssrc) = numbers(packet).ok_or(SrtpError::Unauthentic)?;
        let place = self
            .sources
            .binary_search_by_key(&ssrc, |source| source.ssrc);
        let known = place.ok().and_then(|place| self.sources.get(place));
        let index = match known {
            Some(source) => guess(source.seen.newest().unwrap_or(0), sequence)
                .filter(|index| source.seen.is_free(*index))
                .ok_or(SrtpError::Replayed)?,
            None if self.sources.len() >= SOURCES_MAX => return Err(SrtpError::Sources),
            None => u64::from(sequence),
        };
        self.decrypt(packet, header, end, (ssrc, index))?;
        match place {
            Ok(place) => {
                if let Some(source) = self.sources.get_mut(place) {
                    source.seen.take(index);
                }
            }
            Err(place) => {
                let mut seen = Window::default();
                seen.take(index);
                self.sources.insert(place, Source { ssrc, seen });
            }
        }
        Ok(Opened { index, end })
    }

    fn decrypt(
        &self,
        packet: &mut [u8],
        header: usize,
        end: usize,
        (ssrc, index): (u32, u64),
    ) -> Result<(), SrtpError> {
        let (plain, tag) = packet
            .split_at_mut_checked(end)
            .ok_or(SrtpError::Unauthentic)?;
        if let Cipher::Counter(counter) = &self.media {
            let rollover = u32::try_from(index >> 16).map_err(|_| SrtpError::Unauthentic)?;
            counter.verify(plain, Some(rollover), tag)?;
        }
        let (head, payload) = plain
            .split_at_mut_checked(header)
            .ok_or(SrtpError::Unauthentic)?;
        match &self.media {
            Cipher::Gcm(gcm) => gcm.open(gcm.nonce_rtp(ssrc, index), head, tag, payload),
            Cipher::Counter(counter) => counter.apply(ssrc, index, payload),
        }
    }
}

impl fmt::Debug for MediaOpener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaOpener")
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}

/// Sequence number and source of an RTP packet.
fn numbers(packet: &[u8]) -> Option<(u16, u32)> {
    let sequence = packet.get(2..4)?.first_chunk()?;
    let ssrc = packet.get(8..12)?.first_chunk()?;
    let is_rtp = packet.first()? >> 6 == 2;
    is_rtp.then_some((u16::from_be_bytes(*sequence), u32::from_be_bytes(*ssrc)))
}

/// The index nearest to the newest (RFC 3711 section 3.3.1); `None` before the first.
fn guess(newest: u64, sequence: u16) -> Option<u64> {
    let step = i64::from(
        sequence
            .wrapping_sub((newest & 0xffff) as u16)
            .cast_signed(),
    );
    newest.checked_add_signed(step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_index_is_meant() {
        for (newest, sequence, expected) in [
            (0, 5, Some(5)),
            (65_535, 0, Some(65_536)),
            (65_536, 65_535, Some(65_535)),
            (131_072, 65_000, Some(130_536)),
            (10, 65_530, None),
        ] {
            assert_eq!(guess(newest, sequence), expected, "{newest} {sequence}");
        }
    }
}
