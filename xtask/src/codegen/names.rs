//! From the model's names to Rust's.

/// `recordingS3BucketName` and `S3Detail` as `recording_s3_bucket_name` and `s3_detail`.
pub(crate) fn snake(name: &str) -> String {
    let mut snake = String::new();
    let mut after_word = false;
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && after_word {
            snake.push('_');
        }
        after_word = !letter.is_ascii_uppercase();
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// `StageName` as `STAGE_NAME`.
pub(crate) fn shouting(name: &str) -> String {
    snake(name).to_ascii_uppercase()
}

/// `AUDIO_VIDEO` as `AudioVideo`.
pub(crate) fn variant(value: &str) -> String {
    let mut variant = String::new();
    for word in value.split('_') {
        let mut letters = word.chars();
        variant.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        variant.push_str(&letters.as_str().to_ascii_lowercase());
    }
    variant
}

/// What serde's `rename_all = "camelCase"` makes of a field.
pub(crate) fn camel(snake: &str) -> String {
    let mut camel = String::new();
    let mut upper = false;
    for letter in snake.chars() {
        match letter {
            '_' => upper = true,
            letter if upper => {
                camel.push(letter.to_ascii_uppercase());
                upper = false;
            }
            letter => camel.push(letter),
        }
    }
    camel
}

/// `ResourceNotFoundException` as `ResourceNotFound`.
pub(crate) fn error_variant(shape: &str) -> &str {
    shape.strip_suffix("Exception").unwrap_or(shape)
}

/// The file in which an operation's shapes stand: one for each kind of resource.
pub(crate) fn group(operation: &str) -> &'static str {
    const GROUPS: [(&str, &str); 11] = [
        ("EncoderConfiguration", "encoder_configuration"),
        ("IngestConfiguration", "ingest_configuration"),
        ("StorageConfiguration", "storage_configuration"),
        ("Composition", "composition"),
        ("PublicKey", "public_key"),
        ("Replica", "replication"),
        ("Token", "token"),
        ("Participant", "participant"),
        ("Stage", "stage"),
        ("Tag", "tag"),
        ("Untag", "tag"),
    ];
    GROUPS
        .iter()
        .find(|(part, _)| operation.contains(part))
        .map_or("other", |(_, group)| group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_each_languages_habit() {
        assert_eq!(snake("recordingS3BucketName"), "recording_s3_bucket_name");
        assert_eq!(snake("S3Detail"), "s3_detail");
        assert_eq!(camel("recording_s3_bucket_name"), "recordingS3BucketName");
        assert_eq!(variant("B_FRAME_PRESENT"), "BFramePresent");
        assert_eq!(error_variant("PendingVerification"), "PendingVerification");
        assert_eq!(group("ListParticipantReplicas"), "replication");
    }
}
