//! A storage configuration.

use model::StorageConfiguration;
use wire::types;

/// `StorageConfiguration`.
pub(crate) fn storage_configuration(
    configuration: StorageConfiguration,
) -> types::StorageConfiguration {
    types::StorageConfiguration {
        arn: configuration.arn.to_string(),
        name: Some(configuration.name),
        s3: Some(s3(configuration.bucket)),
        tags: Some(configuration.tags),
    }
}

/// `StorageConfigurationSummary`, which says as much as the whole.
pub(crate) fn storage_configuration_summary(
    configuration: StorageConfiguration,
) -> types::StorageConfigurationSummary {
    types::StorageConfigurationSummary {
        arn: configuration.arn.to_string(),
        name: Some(configuration.name),
        s3: Some(s3(configuration.bucket)),
        tags: Some(configuration.tags),
    }
}

fn s3(bucket_name: String) -> types::S3StorageConfiguration {
    types::S3StorageConfiguration { bucket_name }
}
