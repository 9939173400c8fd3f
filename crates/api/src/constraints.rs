//! Constraints that the API states in prose only, so that the generated checks of `wire` cannot know them.

use std::collections::BTreeMap;

use auth::public_key::PublicKeyError;
use model::limits;

/// Which constraint a request breaks. The text is what the caller is told; it repeats nothing of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Breach {
    #[error("nextToken is not valid for this request")]
    NextToken,
    #[error("tag keys must not begin with aws:")]
    TagKeyReserved,
    #[error("tag keys and values must not contain control characters")]
    TagControlCharacter,
    #[error("resourceArn is not the ARN of a resource")]
    ResourceArn,
    #[error(
        "attributes must not be longer than {} bytes in total",
        limits::ATTRIBUTES_BYTES_MAX
    )]
    AttributesTooLong,
    #[error(
        "at most one of filterByUserId, filterByPublished, filterByState and filterByRecordingState may be given"
    )]
    FiltersExclusive,
    #[error("publicKeyMaterial is not the public key of a P-384 key pair in PEM: {0}")]
    PublicKey(PublicKeyError),
    #[error("tokenId is not the jti of a connection token")]
    TokenId,
    #[error("video.width and video.height must be even")]
    VideoSideOdd,
    #[error(
        "video.width times video.height must not be more than {} pixels",
        limits::ENCODER_PIXELS_MAX
    )]
    VideoTooLarge,
    #[error("at most one of filterByStageArn and filterByState may be given")]
    IngestFiltersExclusive,
    #[error("the source and the destination are the same stage")]
    SameStage,
    #[error("insecureIngest must be true for the protocol RTMP")]
    InsecureIngest,
}

/// Tag keys with the service's own prefix (in any case) are reserved, and control characters are not allowed (AWS general
/// reference, "Tag naming limits and requirements").
pub(crate) fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), Breach> {
    const RESERVED: &str = "aws:";
    for (key, value) in tags {
        let reserved = key
            .get(..RESERVED.len())
            .is_some_and(|prefix| prefix.eq_ignore_ascii_case(RESERVED));
        if reserved {
            return Err(Breach::TagKeyReserved);
        }
        if key.chars().chain(value.chars()).any(char::is_control) {
            return Err(Breach::TagControlCharacter);
        }
    }
    Ok(())
}

/// The attributes of a participant may have 1 KB in total: the UTF-8 bytes of all keys and values.
pub(crate) fn check_attributes(attributes: &BTreeMap<String, String>) -> Result<(), Breach> {
    let bytes: usize = attributes
        .iter()
        .map(|(key, value)| key.len() + value.len())
        .sum();
    if bytes > limits::ATTRIBUTES_BYTES_MAX {
        return Err(Breach::AttributesTooLong);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(key: &str, value: &str) -> BTreeMap<String, String> {
        BTreeMap::from([(key.to_owned(), value.to_owned())])
    }

    #[test]
    fn t15_reserved_prefixes_and_control_characters_are_refused_in_tags() {
        for (key, value, expected) in [
            ("team", "media", Ok(())),
            ("alchemy::id", "", Ok(())),
            ("awsome", "aws:fine", Ok(())),
            ("aws", "x", Ok(())),
            ("é\u{1F600}", "\u{1F600}", Ok(())),
            ("aws:x", "", Err(Breach::TagKeyReserved)),
            ("AwS:x", "", Err(Breach::TagKeyReserved)),
            ("a\r\nb", "", Err(Breach::TagControlCharacter)),
            ("a", "b\u{0}", Err(Breach::TagControlCharacter)),
            ("a", "\u{85}", Err(Breach::TagControlCharacter)),
        ] {
            assert_eq!(check_tags(&one(key, value)), expected, "{key:?}={value:?}");
        }
    }

    #[test]
    fn attributes_are_counted_in_bytes_of_keys_and_values_together() {
        assert_eq!(check_attributes(&one("k", &"v".repeat(1_023))), Ok(()));
        assert_eq!(check_attributes(&one("é", &"v".repeat(1_022))), Ok(()));
        let long = Err(Breach::AttributesTooLong);
        assert_eq!(check_attributes(&one("k", &"v".repeat(1_024))), long);
        assert_eq!(check_attributes(&one("é", &"v".repeat(1_023))), long);
    }
}
