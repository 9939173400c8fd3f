//! Packets for the peer.

use std::collections::BTreeSet;
use std::fmt;

use super::cipher::{Cipher, ENCRYPTED, RTCP_HEADER, WORD};
use super::{Indices, PACKET_MAX, Profile, SrtpError, Ticket};

/// Most sources of one connection: each slot has two, and a slot may be replaced.
const SOURCES_MAX: usize = 4_096;
/// An RTCP index has 31 bits.
const RTCP_INDEX_END: u32 = 1 << 31;

/// Our keys.
pub struct Sealer {
    profile: Profile,
    media: Cipher,
    reports: Cipher,
    /// One for all sources, as they share the key and none sends much.
    rtcp_index: u32,
    sources: BTreeSet<u32>,
}

impl Sealer {
    pub(super) fn new(profile: Profile, media: Cipher, reports: Cipher) -> Self {
        Self {
            profile,
            media,
            reports,
            // RFC 3711 section 3.4 begins with 0, every implementation in use with 1; no receiver minds the gap.
            rtcp_index: 1,
            sources: BTreeSet::new(),
        }
    }

    /// The indices of a source, once; `None` from the second time on, and after 4,096 sources.
    pub fn indices(&mut self, ssrc: u32) -> Option<Indices> {
        let is_new = self.sources.len() < SOURCES_MAX && self.sources.insert(ssrc);
        is_new.then(|| Indices::new(ssrc))
    }

    /// By how many bytes sealing makes an RTP packet longer.
    pub fn overhead(&self) -> usize {
        self.profile.tag()
    }

    /// Seals the RTP packet from `start` to the end of the buffer, in place; its first `header` bytes are header and
    /// extensions. The buffer grows by [`Sealer::overhead`].
    ///
    /// After an error the packet is cut off the buffer, so that it cannot leave unsealed.
    pub fn seal_rtp(
        &self,
        ticket: Ticket,
        packet: &mut Vec<u8>,
        start: usize,
        header: usize,
    ) -> Result<(), SrtpError> {
        let sealed = self.try_seal_rtp(ticket, packet, start, header);
        if sealed.is_err() {
            packet.truncate(start);
        }
        sealed
    }

    fn try_seal_rtp(
        &self,
        ticket: Ticket,
        packet: &mut Vec<u8>,
        start: usize,
        header: usize,
    ) -> Result<(), SrtpError> {
        let whole = packet.get_mut(start..).ok_or(SrtpError::Packet)?;
        if whole.len() > PACKET_MAX {
            return Err(SrtpError::Packet);
        }
        let (head, payload) = whole
            .split_at_mut_checked(header)
            .ok_or(SrtpError::Packet)?;
        let (ssrc, index) = ticket.redeem(head)?;
        match &self.media {
            Cipher::Gcm(gcm) => {
                let tag = gcm.seal(gcm.nonce_rtp(ssrc, index), head, payload)?;
                packet.extend_from_slice(&tag);
            }
            Cipher::Counter(counter) => {
                counter.apply(ssrc, index, payload)?;
                let rollover = u32::try_from(index >> 16).map_err(|_| SrtpError::Packet)?;
                let tag = counter.tag(whole, Some(rollover));
                packet.extend_from_slice(&tag);
            }
        }
        Ok(())
    }

    /// Seals the compound RTCP packet from `start` to the end of the buffer, in place. The buffer grows by
    /// the tag and the index. After an error the packet is cut off.
    pub fn seal_rtcp(&mut self, packet: &mut Vec<u8>, start: usize) -> Result<(), SrtpError> {
        let sealed = self.try_seal_rtcp(packet, start);
        if sealed.is_err() {
            packet.truncate(start);
        }
        sealed
    }

    fn try_seal_rtcp(&mut self, packet: &mut Vec<u8>, start: usize) -> Result<(), SrtpError> {
        let whole = packet.get_mut(start..).ok_or(SrtpError::Packet)?;
        if whole.len() > PACKET_MAX {
            return Err(SrtpError::Packet);
        }
        let (head, payload) = whole
            .split_first_chunk_mut::<RTCP_HEADER>()
            .ok_or(SrtpError::Packet)?;
        let [.., a, b, c, d] = *head;
        let ssrc = u32::from_be_bytes([a, b, c, d]);
        if self.rtcp_index >= RTCP_INDEX_END {
            return Err(SrtpError::Exhausted);
        }
        let index = self.rtcp_index;
        // Used from here on, whatever comes of it.
        self.rtcp_index += 1;
        let word = (ENCRYPTED | index).to_be_bytes();
        match &self.reports {
            Cipher::Gcm(gcm) => {
                let readable = readable(*head, word);
                let tag = gcm.seal(gcm.nonce_rtcp(ssrc, index), &readable, payload)?;
                packet.extend_from_slice(&tag);
                packet.extend_from_slice(&word);
            }
            Cipher::Counter(counter) => {
                counter.apply(ssrc, u64::from(index), payload)?;
                packet.extend_from_slice(&word);
                let whole = packet.get(start..).ok_or(SrtpError::Packet)?;
                let tag = counter.tag(whole, None);
                packet.extend_from_slice(&tag);
            }
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) fn set_rtcp_index(&mut self, index: u32) {
        self.rtcp_index = index;
    }
}

/// What of an RTCP packet is authentic without being encrypted (RFC 7714 section 9.2).
pub(super) fn readable(head: [u8; RTCP_HEADER], word: [u8; WORD]) -> [u8; RTCP_HEADER + WORD] {
    let mut readable = [0; RTCP_HEADER + WORD];
    for (to, from) in readable.iter_mut().zip(head.into_iter().chain(word)) {
        *to = from;
    }
    readable
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer")
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}
