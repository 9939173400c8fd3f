//! An ingest configuration.

use model::{IngestConfiguration, IngestCredential, IngestProtocol};
use wire::types;

/// `IngestConfiguration`. That plain RTMP is taken is part of the input only.
pub(crate) fn ingest_configuration(
    configuration: IngestConfiguration,
) -> types::IngestConfiguration {
    let credentials: Vec<_> = configuration.credentials.iter().map(credential).collect();
    types::IngestConfiguration {
        arn: configuration.arn.to_string(),
        name: Some(configuration.name),
        ingest_protocol: protocol(configuration.protocol),
        stream_key: configuration.stream_key.expose().to_owned().into(),
        stage_arn: configuration
            .stage
            .map(|stage| stage.to_string())
            .unwrap_or_default(),
        participant_id: configuration.participant.to_string(),
        state: state(configuration.active),
        user_id: Some(configuration.user_id),
        redundant_ingest: Some(!credentials.is_empty()),
        redundant_ingest_credentials: (!credentials.is_empty()).then_some(credentials),
        attributes: (!configuration.attributes.is_empty()).then_some(configuration.attributes),
        tags: Some(configuration.tags),
    }
}

/// `IngestConfigurationSummary`: nothing in it is secret.
pub(crate) fn ingest_configuration_summary(
    configuration: IngestConfiguration,
) -> types::IngestConfigurationSummary {
    types::IngestConfigurationSummary {
        arn: configuration.arn.to_string(),
        name: Some(configuration.name),
        ingest_protocol: protocol(configuration.protocol),
        stage_arn: configuration
            .stage
            .map(|stage| stage.to_string())
            .unwrap_or_default(),
        participant_id: configuration.participant.to_string(),
        state: state(configuration.active),
        user_id: Some(configuration.user_id),
        redundant_ingest: Some(!configuration.credentials.is_empty()),
    }
}

fn credential(credential: &IngestCredential) -> types::RedundantIngestCredential {
    types::RedundantIngestCredential {
        participant_id: Some(credential.participant.to_string()),
        stream_key: Some(credential.stream_key.expose().to_owned().into()),
    }
}

fn state(active: bool) -> types::IngestConfigurationState {
    if active {
        types::IngestConfigurationState::Active
    } else {
        types::IngestConfigurationState::Inactive
    }
}

fn protocol(protocol: IngestProtocol) -> types::IngestProtocol {
    match protocol {
        IngestProtocol::Rtmp => types::IngestProtocol::Rtmp,
        IngestProtocol::Rtmps => types::IngestProtocol::Rtmps,
    }
}
