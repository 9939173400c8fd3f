//! Blocks that are signed with keys everybody knows: how Flash Player and its server told each other from others. Encoders that do it
//! refuse a server that does not do it back.

use aws_lc_rs::hmac;

use super::Block;

/// Bytes of a digest.
pub(super) const DIGEST: usize = 32;

/// What both keys end in, when the second block is signed.
const TAIL: [u8; 32] = [
    0xf0, 0xee, 0xc2, 0x4a, 0x80, 0x68, 0xbe, 0xe8, 0x2e, 0x00, 0xd0, 0xd1, 0x02, 0x9e, 0x7e, 0x57,
    0x6e, 0xec, 0x5d, 0x2d, 0x29, 0x80, 0x6f, 0xab, 0x93, 0xb8, 0xe6, 0x36, 0xcf, 0xeb, 0x31, 0xae,
];

/// Who signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signer {
    Client,
    Server,
}

impl Signer {
    fn key(self) -> &'static [u8] {
        match self {
            Self::Client => b"Genuine Adobe Flash Player 001",
            Self::Server => b"Genuine Adobe Flash Media Server 001",
        }
    }
}

/// Where the first block of a signed handshake holds its digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// In the second half, behind a key.
    Zero,
    /// In the first half.
    One,
}

impl Scheme {
    /// Where the digest begins: behind four bytes, the sum of which is how far.
    fn position(self, block: &Block) -> usize {
        let at = match self {
            Self::Zero => 772,
            Self::One => 8,
        };
        let sum: usize = block.iter().skip(at).take(4).map(|b| usize::from(*b)).sum();
        at + 4 + sum % 728
    }

    /// The digest that a block holds, and the one it should hold.
    fn digests(self, block: &Block, signer: Signer) -> Option<([u8; DIGEST], [u8; DIGEST])> {
        let (before, rest) = block.split_at_checked(self.position(block))?;
        let (held, behind) = rest.split_first_chunk()?;
        Some((*held, sign(signer.key(), &[before, behind])))
    }

    /// Puts the digest of a block where it belongs.
    pub(super) fn seal(self, block: &mut Block, signer: Signer) -> [u8; DIGEST] {
        let position = self.position(block);
        let digest = self
            .digests(block, signer)
            .map_or([0; DIGEST], |pair| pair.1);
        for (to, from) in block.iter_mut().skip(position).zip(digest) {
            *to = from;
        }
        digest
    }
}

/// The scheme of a first block that is signed, and its digest.
pub(super) fn find(block: &Block, signer: Signer) -> Option<(Scheme, [u8; DIGEST])> {
    [Scheme::Zero, Scheme::One].into_iter().find_map(|scheme| {
        let (held, expected) = scheme.digests(block, signer)?;
        (held == expected).then_some((scheme, held))
    })
}

/// Signs a second block at its end, as the answer to a first block with that digest.
pub(super) fn seal_answer(block: &mut Block, signer: Signer, digest: &[u8; DIGEST]) {
    if let Some((text, end)) = block.split_last_chunk_mut::<DIGEST>() {
        *end = answer(text, signer, digest);
    }
}

/// Whether a second block answers a first block with that digest.
pub(super) fn is_answer(block: &Block, signer: Signer, digest: &[u8; DIGEST]) -> bool {
    block
        .split_last_chunk()
        .is_some_and(|(text, end)| *end == answer(text, signer, digest))
}

fn answer(text: &[u8], signer: Signer, digest: &[u8; DIGEST]) -> [u8; DIGEST] {
    let key = [signer.key(), &TAIL].concat();
    sign(&sign(&key, &[digest]), &[text])
}

fn sign(key: &[u8], text: &[&[u8]]) -> [u8; DIGEST] {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    for part in text {
        context.update(part);
    }
    let mut digest = [0; DIGEST];
    for (to, from) in digest.iter_mut().zip(context.sign().as_ref()) {
        *to = *from;
    }
    digest
}
