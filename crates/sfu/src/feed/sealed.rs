//! Sealed packets of a client that takes lost ones only as they were (RFC 4585 without RFC 4588).
//!
//! Such a packet goes out anew byte by byte. Nothing is sealed for it, so that its index stays used for one content, whatever has
//! changed since: the client's extensions, the numbers of a feedback, the packet's publisher.

/// Packets that are kept of a stream: half a second of 2 Mbit/s, or a key frame. A buffer holds 1,500 bytes at most.
const PACKETS_MAX: usize = 128;

/// The newest packets of one stream. The one that is so many numbers further takes a packet's place, and its buffer.
#[derive(Debug, Default)]
pub(super) struct Sealed {
    places: Vec<(u64, Vec<u8>)>,
}

impl Sealed {
    /// Keeps a packet.
    pub(super) fn keep(&mut self, index: u64, datagram: &[u8]) {
        if self.places.is_empty() {
            self.places.resize(PACKETS_MAX, (0, Vec::new()));
        }
        if let Some((kept, buffer)) = self.places.get_mut(place(index)) {
            // A late packet does not drive out a newer one.
            if index >= *kept {
                *kept = index;
                buffer.clear();
                buffer.extend_from_slice(datagram);
            }
        }
    }

    /// The packet of that number as it went out.
    pub(super) fn get(&self, index: u64) -> Option<&[u8]> {
        let (kept, datagram) = self.places.get(place(index))?;
        (*kept == index && !datagram.is_empty()).then_some(datagram)
    }
}

fn place(index: u64) -> usize {
    usize::try_from(index % PACKETS_MAX as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_packets_are_kept() {
        let mut sealed = Sealed::default();
        assert_eq!(sealed.get(0), None);
        for index in 1..=200_u8 {
            sealed.keep(index.into(), &[index; 3]);
        }
        for index in 1..=200_u8 {
            let expected = (index > 72).then_some([index; 3]);
            assert_eq!(
                sealed.get(index.into()),
                expected.as_ref().map(<[u8; 3]>::as_slice)
            );
        }
        sealed.keep(1, &[9]);
        assert_eq!(
            (sealed.get(1), sealed.get(129)),
            (None, Some(&[129; 3][..]))
        );
    }
}
