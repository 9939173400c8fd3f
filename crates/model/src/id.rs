//! Identifiers and ARNs, parsed once at the edge and typed from there on.
//!
//! Lengths and alphabets are those of the API model (`ivs-realtime` 2020-07-14): a stage id is 12 alphanumerics in every
//! published sample, a session id is exactly `st-` and 13 alphanumerics, a participant id is up to 64 of `[a-zA-Z0-9-_]`.

use std::fmt;

/// Why a text is not the identifier it should be. Never repeats the text: it may be hostile or secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {kind}")]
pub struct IdError {
    /// What was expected, e.g. `stage ARN`.
    pub kind: &'static str,
}

const ALPHANUMERIC: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Maps random bytes to alphanumerics. The bias of `byte % 62` costs 0.02 bits a character: these are names, not secrets.
fn alphanumeric<const N: usize>(random: [u8; N]) -> String {
    random
        .iter()
        .map(|byte| {
            let at = usize::from(*byte) % ALPHANUMERIC.len();
            char::from(ALPHANUMERIC.get(at).copied().unwrap_or(b'0'))
        })
        .collect()
}

fn is_alphanumeric(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Checks the text against the id's length and alphabet.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) { Ok(Self(text.to_owned())) } else { Err(IdError { kind: $kind }) }
            }

            /// The id as it stands on the wire.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id! {
    /// An account: twelve digits.
    AccountId, "account id", |text| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

text_id! {
    /// A region name, e.g. `us-west-2`: 1 to 32 of `[a-z0-9-]`.
    Region, "region", |text| (1..=32).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

text_id! {
    /// The last part of a stage's ARN; also the `topic` of its tokens.
    StageId, "stage id", |text| (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

text_id! {
    /// A stage session: exactly `st-` and 13 alphanumerics.
    SessionId, "session id", |text| text.len() == 16
        && text.strip_prefix("st-").is_some_and(is_alphanumeric)
}

text_id! {
    /// A participant, which is also its token's `jti`: 1 to 64 of `[a-zA-Z0-9-_]`, case-sensitive.
    ParticipantId, "participant id", |text| (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

text_id! {
    /// The last part of the ARN of a key or a configuration: 1 to 64 of `[a-zA-Z0-9-]`.
    ResourceId, "resource id", |text| (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

text_id! {
    /// A connection token, its `jti`: 1 to 64 of `[a-zA-Z0-9-_]`, case-sensitive.
    ConnectionTokenId, "connection token id", |text| (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

impl ResourceId {
    /// A new id from 12 random bytes.
    pub fn from_random(random: [u8; 12]) -> Self {
        Self(alphanumeric(random))
    }
}

impl ParticipantId {
    /// A new id from 24 random bytes, for a participant that no token names.
    pub fn from_random(random: [u8; 24]) -> Self {
        Self(alphanumeric(random))
    }
}

impl StageId {
    /// A new stage id from 12 random bytes.
    pub fn from_random(random: [u8; 12]) -> Self {
        Self(alphanumeric(random))
    }
}

impl SessionId {
    /// A new session id from 13 random bytes.
    pub fn from_random(random: [u8; 13]) -> Self {
        Self(format!("st-{}", alphanumeric(random)))
    }
}

/// One connection of a participant: an events socket, a publish or a subscription. Minted by the shell, unique in a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}", self.0)
    }
}

/// `arn:aws:ivs:<region>:<account>:stage/<id>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StageArn {
    /// Where the stage lives.
    pub region: Region,
    /// Whose it is.
    pub account: AccountId,
    /// Which one.
    pub id: StageId,
}

impl StageArn {
    /// Parses the whole text.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let arn = ResourceArn::parse(text).map_err(|_| IdError { kind: "stage ARN" })?;
        if arn.kind != "stage" {
            return Err(IdError { kind: "stage ARN" });
        }
        let id = StageId::parse(&arn.id).map_err(|_| IdError { kind: "stage ARN" })?;
        Ok(Self {
            region: arn.region,
            account: arn.account,
            id,
        })
    }
}

impl fmt::Display for StageArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "arn:aws:ivs:{}:{}:stage/{}",
            self.region, self.account, self.id
        )
    }
}

impl From<&StageArn> for ResourceArn {
    fn from(arn: &StageArn) -> Self {
        Self {
            region: arn.region.clone(),
            account: arn.account.clone(),
            kind: "stage".to_owned(),
            id: arn.id.to_string(),
        }
    }
}

macro_rules! arn {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name {
            /// Where it lives.
            pub region: Region,
            /// Whose it is.
            pub account: AccountId,
            /// Which one.
            pub id: ResourceId,
        }

        impl $name {
            /// The resource kind in the ARN.
            pub const KIND: &str = $kind;

            /// Parses the whole text.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                const FAULT: IdError = IdError { kind: $what };
                let arn = ResourceArn::parse(text).map_err(|_| FAULT)?;
                if arn.kind != $kind {
                    return Err(FAULT);
                }
                let id = ResourceId::parse(&arn.id).map_err(|_| FAULT)?;
                Ok(Self { region: arn.region, account: arn.account, id })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!("arn:aws:ivs:{}:{}:", $kind, "/{}"), self.region, self.account, self.id)
            }
        }

        impl From<&$name> for ResourceArn {
            fn from(arn: &$name) -> Self {
                Self {
                    region: arn.region.clone(),
                    account: arn.account.clone(),
                    kind: $kind.to_owned(),
                    id: arn.id.to_string(),
                }
            }
        }
    };
}

arn! {
    /// `arn:aws:ivs:<region>:<account>:public-key/<id>`; the `kid` of the tokens that its private half signs.
    PublicKeyArn, "public-key", "public key ARN"
}

arn! {
    /// `arn:aws:ivs:<region>:<account>:ingest-configuration/<id>`.
    IngestConfigurationArn, "ingest-configuration", "ingest configuration ARN"
}

arn! {
    /// `arn:aws:ivs:<region>:<account>:encoder-configuration/<id>`.
    EncoderConfigurationArn, "encoder-configuration", "encoder configuration ARN"
}

arn! {
    /// `arn:aws:ivs:<region>:<account>:storage-configuration/<id>`.
    StorageConfigurationArn, "storage-configuration", "storage configuration ARN"
}

/// `arn:aws:ivs:<region>:<account>:<kind>/<id>`: any resource that can carry tags.
///
/// The pattern modelled for `ResourceArn` allows one character of resource kind and so matches no real ARN; this is the
/// form that every real one has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceArn {
    /// Where it lives.
    pub region: Region,
    /// Whose it is.
    pub account: AccountId,
    /// Its kind, e.g. `stage`: `[a-z-]+`.
    pub kind: String,
    /// Which one: `[a-zA-Z0-9-]+`.
    pub id: String,
}

impl ResourceArn {
    /// Parses the whole text, at most 128 bytes.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        const FAULT: IdError = IdError {
            kind: "resource ARN",
        };
        if text.len() > 128 {
            return Err(FAULT);
        }
        let rest = text.strip_prefix("arn:aws:ivs:").ok_or(FAULT)?;
        let mut parts = rest.splitn(3, ':');
        let (Some(region), Some(account), Some(resource)) =
            (parts.next(), parts.next(), parts.next())
        else {
            return Err(FAULT);
        };
        let (kind, id) = resource.split_once('/').ok_or(FAULT)?;
        let kind_is_valid = !kind.is_empty()
            && kind
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        let id_is_valid = !id.is_empty()
            && id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !kind_is_valid || !id_is_valid {
            return Err(FAULT);
        }
        Ok(Self {
            region: Region::parse(region).map_err(|_| FAULT)?,
            account: AccountId::parse(account).map_err(|_| FAULT)?,
            kind: kind.to_owned(),
            id: id.to_owned(),
        })
    }
}

impl fmt::Display for ResourceArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "arn:aws:ivs:{}:{}:{}/{}",
            self.region, self.account, self.kind, self.id
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_arn_reads_back_as_written() {
        let text = "arn:aws:ivs:us-west-2:123456789012:stage/abcdABCDefgh";
        assert_eq!(StageArn::parse(text).unwrap().to_string(), text);
    }

    #[test]
    fn arns_of_keys_and_configurations_are_of_one_kind_each_and_read_back_as_written() {
        for text in [
            "arn:aws:ivs:us-west-2:123456789012:public-key/f99cde61-c2b0-4df3-8941-ca7d38acca1a",
            "arn:aws:ivs:us-west-2:123456789012:ingest-configuration/abcdABCDefgh",
            "arn:aws:ivs:us-west-2:123456789012:encoder-configuration/abcdABCDefgh",
            "arn:aws:ivs:us-west-2:123456789012:storage-configuration/abcdABCDefgh",
        ] {
            let read = [
                PublicKeyArn::parse(text).map(|arn| arn.to_string()),
                IngestConfigurationArn::parse(text).map(|arn| arn.to_string()),
                EncoderConfigurationArn::parse(text).map(|arn| arn.to_string()),
                StorageConfigurationArn::parse(text).map(|arn| arn.to_string()),
            ];
            let read: Vec<String> = read.into_iter().flatten().collect();
            assert_eq!(read, [text]);
            assert!(StageArn::parse(text).is_err());
        }
    }

    #[test]
    fn arns_of_other_partitions_services_kinds_and_shapes_are_refused() {
        for text in [
            "",
            "arn:aws-cn:ivs:us-west-2:123456789012:stage/abcd",
            "arn:aws:s3:us-west-2:123456789012:stage/abcd",
            "arn:aws:ivs:us-west-2:123456789012:channel/abcd",
            "arn:aws:ivs:us-west-2:12345:stage/abcd",
            "arn:aws:ivs:us-west-2:123456789012:stage/",
            "arn:aws:ivs:us-west-2:123456789012:stage/ab/cd",
            "arn:aws:ivs:us-west-2:123456789012:stage/ab\n",
            "arn:aws:ivs:US:123456789012:stage/abcd",
        ] {
            assert!(StageArn::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn minted_ids_have_the_modelled_shape() {
        let session = SessionId::from_random([255; 13]);
        assert_eq!(SessionId::parse(session.as_str()), Ok(session));
        assert_eq!(StageId::from_random([7; 12]).as_str().len(), 12);
    }

    #[test]
    fn session_ids_are_exactly_sixteen_long() {
        assert!(SessionId::parse("st-0123456789abc").is_ok());
        for text in [
            "st-0123456789ab",
            "st-0123456789abcd",
            "ts-0123456789abc",
            "st-0123456789ab-",
        ] {
            assert!(SessionId::parse(text).is_err(), "{text}");
        }
    }
}
