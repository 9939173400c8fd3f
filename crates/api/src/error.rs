//! The one map from what went wrong to what the caller is told: status codes and exception names stand here and in the
//! generated error enums of `wire`, nowhere else.
//!
//! Three kinds of answer. A [`Failure`] comes out of an operation: an exception that the model declares for it, or a fault
//! of this server. A [`Refusal`] comes out of the pipeline before any operation runs. Exceptions that the model knows
//! carry `exceptionMessage`; what stands before the service (signatures, routes) carries `message`, as an API gateway does;
//! errors outside the model carry both, because SDKs show only `message` for them.

use std::error::Error;

use auth::sigv4::SignatureError;
use serde_json::json;
use stage::ReplicationFault;
use store::StoreError;
use wire::Operation;
use wire::error::{
    CreateEncoderConfigurationError, CreateIngestConfigurationError, CreateParticipantTokenError,
    CreateStageError, CreateStorageConfigurationError, DeleteEncoderConfigurationError,
    DeleteIngestConfigurationError, DeletePublicKeyError, DeleteStageError,
    DeleteStorageConfigurationError, DisconnectParticipantError, ErrorShape,
    GetEncoderConfigurationError, GetIngestConfigurationError, GetParticipantError,
    GetPublicKeyError, GetStageError, GetStageSessionError, GetStorageConfigurationError,
    ImportPublicKeyError, ListEncoderConfigurationsError, ListIngestConfigurationsError,
    ListParticipantEventsError, ListParticipantReplicasError, ListParticipantsError,
    ListPublicKeysError, ListStageSessionsError, ListStagesError, ListStorageConfigurationsError,
    ListTagsForResourceError, OperationError, RevokeConnectionTokenError,
    StartParticipantReplicationError, StopParticipantReplicationError, TagResourceError,
    UntagResourceError, UpdateIngestConfigurationError, UpdateStageError,
};

use crate::BucketFault;
use crate::calls::Outcome;
use crate::constraints::Breach;
use crate::reply::Reply;

/// Seconds after which a caller that was turned away may try again.
const RETRY_AFTER_SECONDS: u32 = 1;

/// The exceptions of one operation that its file can cause. What an operation does not declare falls back to
/// ValidationException: the model declares that for every operation, and no ResourceNotFoundException for any paginated list.
pub(crate) trait Declared: OperationError + Sized {
    fn validation(message: String) -> Self;
    fn resource_not_found(_message: String) -> Option<Self> {
        None
    }
    fn quota_exceeded(_message: String) -> Option<Self> {
        None
    }
    fn conflict(_message: String) -> Option<Self> {
        None
    }
    fn access_denied(_message: String) -> Option<Self> {
        None
    }
}

macro_rules! declared {
    ($($error:ident { $($method:ident => $variant:ident),* })*) => {$(
        impl Declared for $error {
            fn validation(message: String) -> Self {
                Self::Validation(message)
            }
            $(fn $method(message: String) -> Option<Self> {
                Some(Self::$variant(message))
            })*
        }
    )*};
}

declared! {
    CreateStageError { quota_exceeded => ServiceQuotaExceeded }
    GetStageError { resource_not_found => ResourceNotFound }
    ListStagesError {}
    UpdateStageError { resource_not_found => ResourceNotFound }
    DeleteStageError { resource_not_found => ResourceNotFound }
    CreateParticipantTokenError { resource_not_found => ResourceNotFound }
    ImportPublicKeyError { quota_exceeded => ServiceQuotaExceeded, conflict => Conflict }
    GetPublicKeyError { resource_not_found => ResourceNotFound }
    ListPublicKeysError {}
    DeletePublicKeyError { resource_not_found => ResourceNotFound }
    RevokeConnectionTokenError {}
    DisconnectParticipantError { resource_not_found => ResourceNotFound }
    ListStageSessionsError {}
    GetStageSessionError { resource_not_found => ResourceNotFound }
    ListParticipantsError {}
    GetParticipantError { resource_not_found => ResourceNotFound }
    ListParticipantEventsError {}
    CreateIngestConfigurationError { quota_exceeded => ServiceQuotaExceeded }
    GetIngestConfigurationError { resource_not_found => ResourceNotFound }
    ListIngestConfigurationsError {}
    UpdateIngestConfigurationError {
        resource_not_found => ResourceNotFound,
        conflict => Conflict
    }
    DeleteIngestConfigurationError {
        resource_not_found => ResourceNotFound,
        conflict => Conflict
    }
    StartParticipantReplicationError {
        resource_not_found => ResourceNotFound,
        quota_exceeded => ServiceQuotaExceeded,
        conflict => Conflict
    }
    StopParticipantReplicationError { resource_not_found => ResourceNotFound }
    ListParticipantReplicasError {}
    CreateStorageConfigurationError {
        resource_not_found => ResourceNotFound,
        quota_exceeded => ServiceQuotaExceeded,
        access_denied => AccessDenied
    }
    GetStorageConfigurationError { resource_not_found => ResourceNotFound }
    ListStorageConfigurationsError {}
    DeleteStorageConfigurationError {
        resource_not_found => ResourceNotFound,
        conflict => Conflict
    }
    CreateEncoderConfigurationError { quota_exceeded => ServiceQuotaExceeded }
    GetEncoderConfigurationError { resource_not_found => ResourceNotFound }
    ListEncoderConfigurationsError {}
    DeleteEncoderConfigurationError { resource_not_found => ResourceNotFound }
    TagResourceError { resource_not_found => ResourceNotFound }
    UntagResourceError { resource_not_found => ResourceNotFound }
    ListTagsForResourceError { resource_not_found => ResourceNotFound }
}

/// What a request names and the caller does not have. Another account's or region's resource reads the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Absent {
    #[error("the stage does not exist")]
    Stage,
    #[error("the source stage does not exist")]
    SourceStage,
    #[error("the destination stage does not exist")]
    DestinationStage,
    #[error("the stage session does not exist")]
    Session,
    #[error("the participant does not exist")]
    Participant,
    #[error("the participant is not on the source stage")]
    ParticipantOnSource,
    #[error("the public key does not exist")]
    PublicKey,
    #[error("the ingest configuration does not exist")]
    IngestConfiguration,
    #[error("the encoder configuration does not exist")]
    EncoderConfiguration,
    #[error("the storage configuration does not exist")]
    StorageConfiguration,
    #[error("the bucket does not exist")]
    Bucket,
    #[error("the resource does not exist")]
    Resource,
}

/// What a request would make for the second time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Duplicate {
    #[error("the key in publicKeyMaterial is imported already")]
    PublicKey,
}

/// What this server failed to do. The operator acts on it, so it is logged with its source and told in general words.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServerFault {
    #[error("the store does not answer")]
    StoreUnavailable(#[source] Box<dyn Error + Send + Sync>),
    #[error("the store gave an answer that the operation cannot cause")]
    StoreUnexpected(#[source] StoreError),
    #[error("the object store cannot be used")]
    BucketsUnavailable(#[source] Box<dyn Error + Send + Sync>),
    #[error("the stages cannot be reached: their queue is full or closed")]
    StagesUnreachable,
    #[error("what the stages did is not stored in time")]
    StoreTooSlow,
    #[error("the operation was cut short")]
    Interrupted,
}

/// How an operation fails.
#[derive(Debug)]
pub(crate) enum Failure<E> {
    /// With an exception that the model declares for it.
    Declared(E),
    /// With a fault of this server, which any operation may have.
    Server(ServerFault),
}

impl<E: Declared> Failure<E> {
    fn invalid(message: String) -> Self {
        Self::Declared(E::validation(message))
    }
}

impl<E: Declared> From<wire::Invalid> for Failure<E> {
    fn from(invalid: wire::Invalid) -> Self {
        Self::invalid(invalid.to_string())
    }
}

impl<E: Declared> From<Breach> for Failure<E> {
    fn from(breach: Breach) -> Self {
        Self::invalid(breach.to_string())
    }
}

impl<E: Declared> From<Absent> for Failure<E> {
    fn from(absent: Absent) -> Self {
        let message = absent.to_string();
        E::resource_not_found(message.clone())
            .map_or_else(|| Self::invalid(message), Self::Declared)
    }
}

impl<E: Declared> From<Duplicate> for Failure<E> {
    fn from(duplicate: Duplicate) -> Self {
        let message = duplicate.to_string();
        E::conflict(message.clone()).map_or_else(|| Self::invalid(message), Self::Declared)
    }
}

impl<E: Declared> From<ReplicationFault> for Failure<E> {
    fn from(fault: ReplicationFault) -> Self {
        let message = fault.to_string();
        let declared = match fault {
            ReplicationFault::SourceNotFound
            | ReplicationFault::DestinationNotFound
            | ReplicationFault::ParticipantNotFound
            | ReplicationFault::NeverReplicated => E::resource_not_found(message.clone()),
            ReplicationFault::NotPublishing
            | ReplicationFault::IsReplica
            | ReplicationFault::AlreadyReplicated
            | ReplicationFault::Present
            | ReplicationFault::Banned => E::conflict(message.clone()),
            ReplicationFault::TooManyReplicas | ReplicationFault::DestinationFull => {
                E::quota_exceeded(message.clone())
            }
            ReplicationFault::SameStage => None,
        };
        declared.map_or_else(|| Self::invalid(message), Self::Declared)
    }
}

impl<E: Declared> From<BucketFault> for Failure<E> {
    fn from(fault: BucketFault) -> Self {
        let message = fault.to_string();
        match fault {
            BucketFault::Denied(source) => E::access_denied(message).map_or_else(
                || Self::Server(ServerFault::BucketsUnavailable(source)),
                Self::Declared,
            ),
            BucketFault::Unavailable(source) => {
                Self::Server(ServerFault::BucketsUnavailable(source))
            }
        }
    }
}

impl<E> From<ServerFault> for Failure<E> {
    fn from(fault: ServerFault) -> Self {
        Self::Server(fault)
    }
}

impl From<StoreError> for ServerFault {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(source) => Self::StoreUnavailable(source),
            StoreError::QuotaExceeded { .. }
            | StoreError::AlreadyExists
            | StoreError::NotFound
            | StoreError::Active
            | StoreError::ReferenceNotFound { .. }
            | StoreError::Referenced { .. }
            | StoreError::TooManyTags { .. }
            | StoreError::Corrupt { .. }
            | StoreError::InUse { .. }
            | StoreError::SchemaTooNew { .. } => Self::StoreUnexpected(error),
        }
    }
}

impl<E: Declared> From<StoreError> for Failure<E> {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Absent::Resource.into(),
            StoreError::ReferenceNotFound { .. } => {
                let message = error.to_string();
                E::resource_not_found(message.clone())
                    .map_or_else(|| Self::invalid(message), Self::Declared)
            }
            StoreError::TooManyTags { .. } => Self::invalid(error.to_string()),
            StoreError::AlreadyExists | StoreError::Active | StoreError::Referenced { .. } => {
                E::conflict(error.to_string()).map_or_else(
                    || Self::Server(ServerFault::StoreUnexpected(error)),
                    Self::Declared,
                )
            }
            StoreError::QuotaExceeded { .. } => E::quota_exceeded(error.to_string()).map_or_else(
                || Self::Server(ServerFault::StoreUnexpected(error)),
                Self::Declared,
            ),
            StoreError::Unavailable(_)
            | StoreError::Corrupt { .. }
            | StoreError::InUse { .. }
            | StoreError::SchemaTooNew { .. } => Self::Server(error.into()),
        }
    }
}

impl<E: OperationError> Failure<E> {
    /// The answer to the caller.
    pub(crate) fn reply(&self) -> Reply {
        match self {
            Self::Declared(error) => declared(error.shape(), error.message()),
            Self::Server(fault) => fault.reply(),
        }
    }
}

impl ServerFault {
    /// The answer to the caller.
    pub(crate) fn reply(&self) -> Reply {
        let (status, message) = match self {
            Self::StoreUnavailable(_)
            | Self::BucketsUnavailable(_)
            | Self::StagesUnreachable
            | Self::StoreTooSlow => (503, "the service is not available at the moment"),
            Self::StoreUnexpected(_) | Self::Interrupted => (500, "the service failed"),
        };
        let name = ErrorShape::InternalServer.name();
        outside_the_model(status, name, message, Outcome::ServerError)
    }
}

/// Why a request does not reach its operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No operation has this method and path.
    NoRoute,
    /// The signature.
    Signature(SignatureError),
    /// The body is over the limit.
    BodyTooLarge,
    /// Too many large bodies are being read already.
    Crowded,
    /// The body ended before its length, or its framing is broken.
    BodyBroken,
    /// The body is compressed or otherwise encoded.
    BodyEncoded,
    /// The body is of another type than JSON.
    BodyNotJson,
    /// The rate of the operation is exceeded.
    Throttled,
    /// The policy of the access key does not allow it.
    Denied { action: String, resource: String },
    /// The operation is not in this build.
    NotInBuild(Operation),
}

impl Refusal {
    /// The answer to the caller.
    pub(crate) fn reply(&self) -> Reply {
        match self {
            // One text for both, so that the answer does not tell which paths exist.
            Self::NoRoute | Self::Signature(SignatureError::Missing) => unauthenticated(
                "MissingAuthenticationTokenException",
                "Missing Authentication Token",
            ),
            Self::Signature(error) => unauthenticated(signature_name(*error), &error.to_string()),
            Self::BodyTooLarge => gateway(
                413,
                "RequestEntityTooLargeException",
                "the request body is too large",
                Outcome::Invalid,
            ),
            Self::Crowded => outside_the_model(
                503,
                ErrorShape::InternalServer.name(),
                "too many large requests at the moment",
                Outcome::ServerError,
            ),
            Self::BodyBroken => gateway(
                400,
                "SerializationException",
                "the request body could not be read",
                Outcome::Invalid,
            ),
            Self::BodyEncoded => gateway(
                415,
                "UnsupportedMediaTypeException",
                "request bodies with a content encoding are not accepted",
                Outcome::Invalid,
            ),
            Self::BodyNotJson => gateway(
                415,
                "UnsupportedMediaTypeException",
                "the content type of a request body is application/json",
                Outcome::Invalid,
            ),
            Self::Throttled => outside_the_model(
                429,
                "ThrottlingException",
                "the request rate of this operation is exceeded",
                Outcome::Throttled,
            ),
            Self::Denied { action, resource } => declared(
                ErrorShape::AccessDenied,
                &format!("the access key is not allowed to perform {action} on {resource}"),
            ),
            Self::NotInBuild(operation) => outside_the_model(
                501,
                "NotImplementedException",
                &format!("{} is not available in this build", operation.name()),
                Outcome::Unavailable,
            ),
        }
    }
}

fn signature_name(error: SignatureError) -> &'static str {
    match error {
        SignatureError::Missing => "MissingAuthenticationTokenException",
        SignatureError::Incomplete { .. } => "IncompleteSignatureException",
        SignatureError::UnrecognizedClient => "UnrecognizedClientException",
        SignatureError::Invalid { .. } => "InvalidSignatureException",
    }
}

/// An exception of the model.
fn declared(shape: ErrorShape, message: &str) -> Reply {
    let outcome = match shape {
        ErrorShape::AccessDenied | ErrorShape::PendingVerification => Outcome::Denied,
        ErrorShape::Conflict => Outcome::ClientError,
        ErrorShape::InternalServer => Outcome::ServerError,
        ErrorShape::ResourceNotFound => Outcome::NotFound,
        ErrorShape::ServiceQuotaExceeded => Outcome::Quota,
        ErrorShape::Validation => Outcome::Invalid,
    };
    let body = json!({ "__type": shape.name(), "exceptionMessage": message });
    Reply::error(shape.status(), shape.name(), &body, outcome)
}

/// An error that callers meet in practice although the model does not declare it.
fn outside_the_model(status: u16, name: &'static str, message: &str, outcome: Outcome) -> Reply {
    let body = json!({ "__type": name, "exceptionMessage": message, "message": message });
    let reply = Reply::error(status, name, &body, outcome);
    match status {
        429 | 503 => reply.retry_after(RETRY_AFTER_SECONDS),
        _ => reply,
    }
}

/// What stands before the service.
fn gateway(status: u16, name: &'static str, message: &str, outcome: Outcome) -> Reply {
    Reply::error(status, name, &json!({ "message": message }), outcome)
}

fn unauthenticated(name: &'static str, message: &str) -> Reply {
    gateway(403, name, message, Outcome::Unauthenticated)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(reply: Reply) -> (u16, String) {
        let now = jiff::Timestamp::UNIX_EPOCH;
        let response = reply.into_response(&crate::reply::RequestIds::new([0; 28], now));
        let name = response.headers()["x-amzn-errortype"].to_str().unwrap();
        (response.status().as_u16(), name.to_owned())
    }

    #[test]
    fn every_refusal_has_its_status_and_name() {
        let denied = Refusal::Denied {
            action: "ivs:GetStage".to_owned(),
            resource: "*".to_owned(),
        };
        let incomplete = SignatureError::Incomplete { what: "x" };
        let invalid = SignatureError::Invalid { what: "x" };
        let unknown = SignatureError::UnrecognizedClient;
        let missing = SignatureError::Missing;
        let not_in_build = Refusal::NotInBuild(Operation::StartComposition);
        for (refusal, status, name) in [
            (Refusal::NoRoute, 403, "MissingAuthenticationTokenException"),
            (Refusal::Crowded, 503, "InternalServerException"),
            (
                Refusal::Signature(missing),
                403,
                "MissingAuthenticationTokenException",
            ),
            (
                Refusal::Signature(incomplete),
                403,
                "IncompleteSignatureException",
            ),
            (
                Refusal::Signature(unknown),
                403,
                "UnrecognizedClientException",
            ),
            (
                Refusal::Signature(invalid),
                403,
                "InvalidSignatureException",
            ),
            (Refusal::BodyTooLarge, 413, "RequestEntityTooLargeException"),
            (Refusal::BodyBroken, 400, "SerializationException"),
            (Refusal::BodyEncoded, 415, "UnsupportedMediaTypeException"),
            (Refusal::BodyNotJson, 415, "UnsupportedMediaTypeException"),
            (Refusal::Throttled, 429, "ThrottlingException"),
            (denied, 403, "AccessDeniedException"),
            (not_in_build, 501, "NotImplementedException"),
        ] {
            let expected = (status, name.to_owned());
            assert_eq!(verdict(refusal.reply()), expected, "{refusal:?}");
        }
    }

    #[test]
    fn what_an_operation_does_not_declare_is_a_validation_exception() {
        fn list(failure: &Failure<ListStageSessionsError>) -> (u16, String) {
            verdict(failure.reply())
        }
        fn get(failure: &Failure<GetStageError>) -> (u16, String) {
            verdict(failure.reply())
        }
        let validation = (400, "ValidationException".to_owned());
        let not_found = (404, "ResourceNotFoundException".to_owned());
        assert_eq!(list(&Absent::Stage.into()), validation);
        assert_eq!(get(&Absent::Stage.into()), not_found);
        assert_eq!(get(&StoreError::NotFound.into()), not_found);
        assert_eq!(get(&StoreError::TooManyTags { max: 50 }.into()), validation);
        // A quota that the operation cannot reach is our own mistake.
        let full = || StoreError::QuotaExceeded {
            kinds: "stages",
            max: 1,
        };
        assert_eq!(get(&full().into()).0, 500);
        let made: Failure<CreateStageError> = full().into();
        assert_eq!(verdict(made.reply()).0, 402);
    }
}
