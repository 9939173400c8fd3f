//! Everything that can be wrong with a token, in words for the person who wonders why it is refused. Clients are told
//! less: see [`crate::token::TokenError`].

/// Longest token that is looked at, in bytes. The largest that the API lets anyone ask for is near 10 KiB: 1 KiB of
/// attributes and 128 characters of user id, which JSON escapes six-fold at worst and base64 lengthens by a third.
pub(crate) const TOKEN_LEN_MAX: usize = 12 * 1_024;

/// `r` and `s` of P-384 side by side, in bytes (RFC 7518 section 3.4).
pub(crate) const SIGNATURE_LEN: usize = 96;

/// One thing that is wrong with a token. Never repeats any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Over the size limit; it is not read any further.
    #[error("the token is longer than {TOKEN_LEN_MAX} bytes")]
    TooLong,
    /// Not a JWS in compact form.
    #[error("a token is three parts with dots between them")]
    Parts,
    /// A part is spelt wrongly.
    #[error("the {part} is not base64url without padding")]
    Base64 {
        /// `header`, `payload` or `signature`.
        part: &'static str,
    },
    /// A part does not read as an object.
    #[error("the {part} is not one JSON object in which every member stands once")]
    Json {
        /// `header` or `payload`.
        part: &'static str,
    },
    /// Another algorithm, or none.
    #[error("the header's alg must be \"ES384\"")]
    Algorithm,
    /// No JWT by its own words.
    #[error("the header's typ must be \"JWT\"")]
    Type,
    /// The header would choose a key, a format or an algorithm.
    #[error("the header must not have {member}: a token does not choose how it is verified")]
    HeaderMember {
        /// Which member.
        member: &'static str,
    },
    /// `kid` names nothing that could be imported.
    #[error("the header's kid must be the ARN of a public key")]
    KeyId,
    /// Connection tokens come from customers only.
    #[error("the header's kid is missing: a connection token is signed with an imported key")]
    KeyIdMissing,
    /// A DER signature, or another curve's.
    #[error(
        "the signature must have {SIGNATURE_LEN} bytes, r and s side by side (RFC 7518 section 3.4), not DER"
    )]
    SignatureForm,
    /// Nobody has imported the key, or it has been deleted.
    #[error("the key that kid names has not been imported, or has been deleted")]
    KeyNotFound,
    /// The wrong key, or a changed token.
    #[error("the signature is not that of the key over this header and payload")]
    Signature,
    /// A claim that must be there is not.
    #[error("the claim {claim} is missing")]
    ClaimMissing {
        /// Which claim.
        claim: &'static str,
    },
    /// A claim is mistyped, out of range, or at odds with another.
    #[error("the claim {claim} must be {rule}")]
    Claim {
        /// Which claim.
        claim: &'static str,
        /// What it must be.
        rule: &'static str,
    },
    /// A connection token is for no stage.
    #[error("a connection token must not have the claim {claim}")]
    ClaimForeign {
        /// Which claim.
        claim: &'static str,
    },
    /// `exp` has passed.
    #[error("the token has expired (claim exp)")]
    Expired,
    /// There is no such stage, or not any more.
    #[error("the stage does not exist, or has been deleted")]
    StageNotFound,
    /// `DisconnectParticipant` has been called for it.
    #[error("the participant has been disconnected for good (DisconnectParticipant)")]
    Banned,
    /// `RevokeConnectionToken` has been called for it.
    #[error("the connection token has been revoked (RevokeConnectionToken)")]
    Revoked,
}

impl Fault {
    /// A stable word for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooLong => "TOO_LONG",
            Self::Parts => "NOT_THREE_PARTS",
            Self::Base64 { .. } => "NOT_BASE64URL",
            Self::Json { .. } => "NOT_JSON",
            Self::Algorithm => "ALGORITHM",
            Self::Type => "TYPE",
            Self::HeaderMember { .. } => "HEADER_MEMBER",
            Self::KeyId => "KEY_ID",
            Self::KeyIdMissing => "KEY_ID_MISSING",
            Self::SignatureForm => "SIGNATURE_FORM",
            Self::KeyNotFound => "KEY_NOT_FOUND",
            Self::Signature => "SIGNATURE",
            Self::ClaimMissing { .. } => "CLAIM_MISSING",
            Self::Claim { .. } => "CLAIM",
            Self::ClaimForeign { .. } => "CLAIM_FOREIGN",
            Self::Expired => "EXPIRED",
            Self::StageNotFound => "STAGE_NOT_FOUND",
            Self::Banned => "BANNED",
            Self::Revoked => "REVOKED",
        }
    }
}
