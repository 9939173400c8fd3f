//! One receiver's SRTP: AEAD_AES_256_GCM as RFC 7714 has it, with session keys that both sides make from a number.

use anyhow::Context as _;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

/// RTP header (12 bytes) with one one-byte extension of two bytes, as transport-wide sequence numbers need (RFC 8285).
pub(super) const HEADER: usize = 20;
/// Of the RTP header's first byte and of the extension block: version 2 with extension; profile, length, element 3 of two bytes.
const FIRST: u8 = 0x90;
const EXTENSION: [u8; 5] = [0xbe, 0xde, 0x00, 0x01, 0x31];

/// One receiver's key, and where its stream is.
pub(super) struct Stream {
    key: LessSafeKey,
    salt: [u8; 12],
    ssrc: u32,
    /// Packets sealed so far; the SRTP index of the next, from 1 on.
    next: u64,
}

impl Stream {
    /// The stream of one receiver.
    pub(super) fn new(number: usize) -> anyhow::Result<Self> {
        let byte = |shift: usize| u8::try_from((number >> shift) & 0xff).unwrap_or(0);
        let mut key = [0x5a; 32];
        key[..3].copy_from_slice(&[byte(0), byte(8), byte(16)]);
        let key = UnboundKey::new(&AES_256_GCM, &key)
            .ok()
            .context("a key of 32 bytes")?;
        Ok(Self {
            key: LessSafeKey::new(key),
            salt: [0xa5; 12],
            ssrc: u32::try_from(number)?,
            next: 1,
        })
    }

    /// Appends a packet: the header rewritten, the payload sealed.
    pub(super) fn seal(&mut self, packet: &[u8], out: &mut Vec<u8>) -> anyhow::Result<()> {
        let (header, payload) = packet.split_at_checked(12).context("an RTP header")?;
        let index = self.next;
        self.next += 1;
        let start = out.len();
        let sequence = (index & 0xffff) as u16;
        out.extend([FIRST, header[1]]);
        out.extend(sequence.to_be_bytes());
        out.extend(&header[4..8]);
        out.extend(self.ssrc.to_be_bytes());
        out.extend(EXTENSION);
        out.extend(sequence.to_be_bytes());
        out.push(0);
        let body = out.len();
        out.extend(payload);
        let nonce = self.nonce(index)?;
        let (head, body) = out[start..].split_at_mut(body - start);
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce, Aad::from(&*head), body)
            .ok()
            .context("sealing")?;
        out.extend(tag.as_ref());
        Ok(())
    }

    /// Opens a packet; gives its payload. The index is that of the newest packet, which is enough where nothing overtakes.
    pub(super) fn open<'a>(&mut self, packet: &'a mut [u8]) -> Option<&'a [u8]> {
        let (head, body) = packet.split_at_mut_checked(HEADER)?;
        let sequence = u16::from_be_bytes([head[2], head[3]]);
        let ahead = sequence.wrapping_sub((self.next & 0xffff) as u16);
        let index = self.next + u64::from(ahead);
        let nonce = self.nonce(index).ok()?;
        let payload = self
            .key
            .open_in_place(nonce, Aad::from(&*head), body)
            .ok()?;
        self.next = index + 1;
        Some(payload)
    }

    /// RFC 7714 section 8.1: two zero bytes, SSRC, roll-over counter and sequence number, added to the salt.
    fn nonce(&self, index: u64) -> anyhow::Result<Nonce> {
        let mut bytes = [0; 12];
        bytes[2..6].copy_from_slice(&self.ssrc.to_be_bytes());
        bytes[6..].copy_from_slice(&index.to_be_bytes()[2..]);
        for (byte, salt) in bytes.iter_mut().zip(self.salt) {
            *byte ^= salt;
        }
        Nonce::try_assume_unique_for_key(&bytes)
            .ok()
            .context("a nonce of 12 bytes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that sealing adds.
    const TAG: usize = 16;

    #[test]
    fn what_is_sealed_is_opened_over_the_end_of_the_sequence_numbers() {
        let (mut from, mut to) = (Stream::new(7).unwrap(), Stream::new(7).unwrap());
        let packet: Vec<u8> = (0..200).collect();
        for _ in 0..70_000 {
            let mut out = Vec::new();
            from.seal(&packet, &mut out).unwrap();
            assert_eq!(out.len(), packet.len() + HEADER - 12 + TAG);
            assert_eq!(to.open(&mut out).unwrap(), &packet[12..]);
        }
    }

    #[test]
    fn the_packet_of_another_receiver_does_not_open() {
        let (mut from, mut to) = (Stream::new(7).unwrap(), Stream::new(8).unwrap());
        let mut out = Vec::new();
        from.seal(&[0; 100], &mut out).unwrap();
        assert!(to.open(&mut out).is_none());
    }
}
