//! Packets from the peer: reports and requests about what it gets.

use std::fmt;

use super::cipher::{Cipher, ENCRYPTED, RTCP_HEADER, WORD};
use super::seal::readable;
use super::{PACKET_MAX, Profile, SrtpError};

/// Most sources that one peer reports as; browsers have one for each section.
const SOURCES_MAX: usize = 256;

/// The peer's keys.
pub struct Opener {
    profile: Profile,
    reports: Cipher,
    /// In the order of their numbers. Only authentic packets make one.
    sources: Vec<Source>,
}

impl Opener {
    pub(super) fn new(profile: Profile, reports: Cipher) -> Self {
        Self {
            profile,
            reports,
            sources: Vec::new(),
        }
    }

    /// Opens a datagram into `plain`, whose former contents go.
    ///
    /// After an error `plain` is empty, and all else is as before.
    pub fn open_rtcp(&mut self, datagram: &[u8], plain: &mut Vec<u8>) -> Result<(), SrtpError> {
        plain.clear();
        let opened = self.try_open_rtcp(datagram, plain);
        if opened.is_err() {
            plain.clear();
        }
        opened
    }

    /// How many sources have sent something authentic.
    #[cfg(test)]
    pub(super) fn known(&self) -> usize {
        self.sources.len()
    }

    fn try_open_rtcp(&mut self, datagram: &[u8], plain: &mut Vec<u8>) -> Result<(), SrtpError> {
        let parts = self.parts(datagram).ok_or(SrtpError::Unauthentic)?;
        // An unencrypted packet would have to be agreed on, and is not.
        if parts.word & ENCRYPTED == 0 {
            return Err(SrtpError::Unauthentic);
        }
        let [.., a, b, c, d] = parts.head;
        let ssrc = u32::from_be_bytes([a, b, c, d]);
        let index = parts.word & !ENCRYPTED;
        let place = self
            .sources
            .binary_search_by_key(&ssrc, |source| source.ssrc);
        match place.ok().and_then(|place| self.sources.get(place)) {
            Some(source) if !source.is_new(index) => return Err(SrtpError::Replayed),
            None if self.sources.len() >= SOURCES_MAX => return Err(SrtpError::Sources),
            Some(_) | None => {}
        }
        if let Cipher::Counter(counter) = &self.reports {
            counter.verify(parts.authentic, None, parts.tag)?;
        }
        plain.extend_from_slice(&parts.head);
        plain.extend_from_slice(parts.payload);
        let payload = plain.get_mut(RTCP_HEADER..).ok_or(SrtpError::Unauthentic)?;
        match &self.reports {
            Cipher::Gcm(gcm) => {
                let readable = readable(parts.head, parts.word.to_be_bytes());
                let nonce = gcm.nonce_rtcp(ssrc, index);
                gcm.open(nonce, &readable, parts.tag, payload)?;
            }
            Cipher::Counter(counter) => counter.apply(ssrc, u64::from(index), payload)?,
        }
        match place {
            Ok(place) => {
                if let Some(source) = self.sources.get_mut(place) {
                    source.note(index);
                }
            }
            Err(place) => self.sources.insert(
                place,
                Source {
                    ssrc,
                    newest: index,
                    seen: 1,
                },
            ),
        }
        Ok(())
    }

    fn parts<'a>(&self, datagram: &'a [u8]) -> Option<Parts<'a>> {
        let (head, rest) = datagram.split_first_chunk::<RTCP_HEADER>()?;
        if datagram.len() > PACKET_MAX || head.first()? >> 6 != 2 {
            return None;
        }
        let tag = self.profile.tag();
        let split =
            |from: &'a [u8], last: usize| from.split_at_checked(from.len().checked_sub(last)?);
        let (payload, tag, word) = match &self.reports {
            Cipher::Gcm(_) => {
                let (rest, word) = rest.split_last_chunk::<WORD>()?;
                let (payload, tag) = split(rest, tag)?;
                (payload, tag, word)
            }
            Cipher::Counter(_) => {
                let (rest, tag) = split(rest, tag)?;
                let (payload, word) = rest.split_last_chunk::<WORD>()?;
                (payload, tag, word)
            }
        };
        Some(Parts {
            head: *head,
            payload,
            tag,
            word: u32::from_be_bytes(*word),
            authentic: datagram.get(..datagram.len().checked_sub(tag.len())?)?,
        })
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opener")
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}

struct Parts<'a> {
    head: [u8; RTCP_HEADER],
    payload: &'a [u8],
    tag: &'a [u8],
    word: u32,
    /// All before the tag, where the tag comes last.
    authentic: &'a [u8],
}

/// What has come from one source (RFC 3711 section 3.3.2).
struct Source {
    ssrc: u32,
    newest: u32,
    /// A bit for each of the newest 128 indices, the newest at 0.
    seen: u128,
}

impl Source {
    fn is_new(&self, index: u32) -> bool {
        match self.newest.checked_sub(index) {
            None => true,
            Some(age) => age < u128::BITS && self.seen & (1 << age) == 0,
        }
    }

    fn note(&mut self, index: u32) {
        if let Some(step) = index.checked_sub(self.newest) {
            self.seen = self.seen.checked_shl(step).unwrap_or(0) | 1;
            self.newest = index;
        } else {
            let age = self.newest - index;
            self.seen |= 1u128.checked_shl(age).unwrap_or(0);
        }
    }
}
