//! Redundant audio (RFC 2198): a packet that repeats what some packets before it held, with its own encoding last.
//!
//! Headers come first: four bytes for each repeated block (a bit that says that more follow, payload type, how much older it is,
//! how long it is), then one byte for the packet's own. The blocks follow in that order, the last one to the end of the packet.

use crate::payload::Malformed;

/// Most blocks of one packet: libwebrtc's receivers take no more.
const BLOCKS_MAX: usize = 32;
/// Header of a repeated block, and of the last one.
const HEADER_BYTES: usize = 4;
const LAST_HEADER_BYTES: usize = 1;
/// More headers follow.
const FOLLOWED: u8 = 0x80;

/// What is known of a payload that has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Red {
    /// Blocks that repeat.
    repeated: usize,
    /// Where the packet's own encoding begins.
    primary: usize,
}

impl Red {
    /// Reads a payload all of whose blocks are of one payload type, and whose own encoding is there. Blocks of another type, which
    /// might be redundant audio again, are malformed: they could not be named to a receiver.
    pub(crate) fn read(payload: &[u8], number: u8) -> Result<Self, Malformed> {
        let mut repeated = 0;
        let mut bytes = 0;
        let mut rest = payload;
        loop {
            let (&first, _) = rest.split_first().ok_or(Malformed)?;
            if first & !FOLLOWED != number || repeated >= BLOCKS_MAX {
                return Err(Malformed);
            }
            if first & FOLLOWED == 0 {
                break;
            }
            let (header, after) = rest.split_first_chunk::<HEADER_BYTES>().ok_or(Malformed)?;
            let &[_, _, high, low] = header;
            bytes += usize::from(u16::from_be_bytes([high & 0x03, low]));
            repeated += 1;
            rest = after;
        }
        let primary = repeated * HEADER_BYTES + LAST_HEADER_BYTES + bytes;
        // A packet without media of its own is none to those that do not take redundancy.
        if primary >= payload.len() {
            return Err(Malformed);
        }
        Ok(Self { repeated, primary })
    }

    /// The packet's own encoding in the payload that was read.
    pub(crate) fn primary(self, payload: &[u8]) -> &[u8] {
        payload.get(self.primary..).unwrap_or_default()
    }

    /// Gives all blocks of a copy of the payload that was read another payload type.
    pub(crate) fn rename(self, payload: &mut [u8], number: u8) {
        let headers = payload.iter_mut().step_by(HEADER_BYTES);
        for header in headers.take(self.repeated + 1) {
            *header = (*header & FOLLOWED) | (number & !FOLLOWED);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OPUS: u8 = 111;

    /// A block that repeats: how much older it is, and what is in it.
    type Repeated<'a> = (u16, &'a [u8]);

    /// A payload of those repeated blocks, each with its age, and of the packet's own.
    fn payload(number: u8, repeated: &[Repeated<'_>], primary: &[u8]) -> Vec<u8> {
        let mut payload = Vec::new();
        for (age, block) in repeated {
            let length = u16::try_from(block.len()).unwrap();
            let [high, low] = length.to_be_bytes();
            let [older, old] = (age << 2).to_be_bytes();
            payload.extend([FOLLOWED | number, older, old | high, low]);
        }
        payload.push(number);
        for (_, block) in repeated {
            payload.extend_from_slice(block);
        }
        payload.extend_from_slice(primary);
        payload
    }

    #[test]
    fn the_last_block_is_the_packets_own() {
        let long = [7; 1_023];
        let cases: [(&[Repeated<'_>], &[u8]); 6] = [
            (&[], &[1, 2, 3]),
            (&[(960, &[4, 5])], &[1]),
            (&[(1_920, &[6]), (960, &[4, 5])], &[1, 2]),
            (&[(960, &[])], &[1]),
            (&[(0x3fff, &long)], &[1; 300]),
            (&[(960, &[9][..]); BLOCKS_MAX - 1], &[1]),
        ];
        for (repeated, primary) in cases {
            let mut payload = payload(OPUS, repeated, primary);
            let red = Red::read(&payload, OPUS).unwrap();
            assert_eq!(red.primary(&payload), primary);
            // Another name changes the names alone.
            red.rename(&mut payload, 96);
            assert_eq!(payload, self::payload(96, repeated, primary));
            assert_eq!(Red::read(&payload, 96), Ok(red));
        }
    }

    #[test]
    fn t42_redundancy_that_does_not_add_up_is_malformed() {
        let whole = payload(OPUS, &[(1_920, &[6, 7]), (960, &[4, 5])], &[1]);
        let many = vec![(960, &[9_u8; 1][..]); BLOCKS_MAX + 1];
        let nested = payload(OPUS, &[(960, &[4])], &payload(OPUS, &[], &[1]));
        for (name, payload, is_sound) in [
            ("sound", whole.clone(), true),
            ("empty", Vec::new(), false),
            ("cut within a header", whole[..3].to_vec(), false),
            ("cut between headers", whole[..4].to_vec(), false),
            ("no last header", whole[..8].to_vec(), false),
            ("headers alone", whole[..9].to_vec(), false),
            ("cut within a block", whole[..12].to_vec(), false),
            ("no media of its own", whole[..13].to_vec(), false),
            (
                "a block past the end",
                vec![0xef, 0, 0x03, 0xff, 0x6f, 1, 2],
                false,
            ),
            ("too many blocks", payload(OPUS, &many, &[1]), false),
            ("headers without end", vec![FOLLOWED | OPUS; 400], false),
            ("another codec", payload(0, &[], &[1]), false),
            (
                "another codec repeated",
                [&[0x80, 0, 0, 1], &whole[8..]].concat(),
                false,
            ),
            // By its payload type it would be redundancy again.
            ("nested", payload(63, &[(960, &[4])], &[1]), false),
            (
                "nested within",
                [&[0xbf, 0, 0, 1, 0x6f], &whole[9..]].concat(),
                false,
            ),
            // What is nested in disguise is the decoder's to refuse, as any noise is.
            ("in disguise", nested, true),
        ] {
            assert_eq!(Red::read(&payload, OPUS).is_ok(), is_sound, "{name}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        // T42.
        #[test]
        fn t42_arbitrary_redundancy_never_panics(
            mut payload in prop::collection::vec(any::<u8>(), 0..300),
            number in 0..128_u8,
            leads in any::<bool>(),
        ) {
            if leads && let Some(first) = payload.first_mut() {
                *first = (*first & FOLLOWED) | number;
            }
            if let Ok(red) = Red::read(&payload, number) {
                prop_assert!(!red.primary(&payload).is_empty());
                let before = payload.clone();
                red.rename(&mut payload, number ^ 1);
                prop_assert_eq!(Red::read(&payload, number ^ 1), Ok(red));
                prop_assert_eq!(red.primary(&payload), red.primary(&before));
            }
        }

        #[test]
        fn whatever_is_put_in_comes_out(
            blocks in prop::collection::vec((0..0x4000_u16, prop::collection::vec(any::<u8>(), 0..40)), 0..BLOCKS_MAX),
            primary in prop::collection::vec(any::<u8>(), 1..200),
            number in 0..128_u8,
        ) {
            let repeated: Vec<_> = blocks.iter().map(|(age, block)| (*age, block.as_slice())).collect();
            let payload = payload(number, &repeated, &primary);
            let red = Red::read(&payload, number).unwrap();
            prop_assert_eq!(red.primary(&payload), primary.as_slice());
        }
    }
}
