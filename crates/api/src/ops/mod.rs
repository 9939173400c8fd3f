//! The operations, one file each: what it reads, what its policy is about, what it does, its tests.

use wire::error::OperationError;
use wire::{Invalid, Operation, RequestParts};

use crate::access::{self, Barrier, Subject};
use crate::app::{Call, Caller};
use crate::error::{Declared, Failure, Refusal, ServerFault};
use crate::reply::Reply;

pub(crate) mod create_encoder_configuration;
pub(crate) mod create_ingest_configuration;
mod create_participant_token;
pub(crate) mod create_stage;
pub(crate) mod create_storage_configuration;
mod delete_encoder_configuration;
mod delete_ingest_configuration;
mod delete_public_key;
mod delete_stage;
mod delete_storage_configuration;
mod disconnect_participant;
mod get_encoder_configuration;
mod get_ingest_configuration;
mod get_participant;
mod get_public_key;
mod get_stage;
mod get_stage_session;
mod get_storage_configuration;
pub(crate) mod import_public_key;
mod list_encoder_configurations;
mod list_ingest_configurations;
mod list_participant_events;
mod list_participant_replicas;
mod list_participants;
mod list_public_keys;
mod list_stage_sessions;
mod list_stages;
mod list_storage_configurations;
mod list_tags_for_resource;
mod revoke_connection_token;
mod start_participant_replication;
mod stop_participant_replication;
mod tag_resource;
mod untag_resource;
mod update_ingest_configuration;
mod update_stage;

/// One operation.
pub(crate) trait Op {
    /// What it reads.
    type Input: Send;
    /// The exceptions that the model declares for it.
    type Error: Declared + Send;
    /// Which one it is.
    const OPERATION: Operation;

    /// Reads the request and checks every modelled constraint.
    fn parse(parts: &RequestParts<'_>) -> Result<Self::Input, Invalid>;

    /// What the access policy is asked about.
    fn subject(input: &Self::Input, caller: &Caller) -> Subject;

    /// Does it, and prints the output.
    fn run(
        call: &Call,
        input: Self::Input,
    ) -> impl Future<Output = Result<Vec<u8>, Failure<Self::Error>>> + Send;
}

/// Picks the file of an operation.
macro_rules! pick {
    (
        ($call:ident, $operation:ident, $parts:ident)
        served { $($name:ident in $module:ident,)* }
        unavailable { $($unavailable:ident,)* }
    ) => {
        match $operation {
            $(Operation::$name => run::<$module::$name>($call, $parts).await,)*
            $(Operation::$unavailable)|* => unavailable($call, $operation, $parts).await,
        }
    };
}

/// Serves a signed request.
pub(crate) async fn serve(call: &Call, operation: Operation, parts: &RequestParts<'_>) -> Reply {
    pick! {
        (call, operation, parts)
        served {
            CreateStage in create_stage,
            GetStage in get_stage,
            ListStages in list_stages,
            UpdateStage in update_stage,
            DeleteStage in delete_stage,
            CreateParticipantToken in create_participant_token,
            ImportPublicKey in import_public_key,
            GetPublicKey in get_public_key,
            ListPublicKeys in list_public_keys,
            DeletePublicKey in delete_public_key,
            RevokeConnectionToken in revoke_connection_token,
            DisconnectParticipant in disconnect_participant,
            ListStageSessions in list_stage_sessions,
            GetStageSession in get_stage_session,
            ListParticipants in list_participants,
            GetParticipant in get_participant,
            ListParticipantEvents in list_participant_events,
            CreateIngestConfiguration in create_ingest_configuration,
            GetIngestConfiguration in get_ingest_configuration,
            ListIngestConfigurations in list_ingest_configurations,
            UpdateIngestConfiguration in update_ingest_configuration,
            DeleteIngestConfiguration in delete_ingest_configuration,
            StartParticipantReplication in start_participant_replication,
            StopParticipantReplication in stop_participant_replication,
            ListParticipantReplicas in list_participant_replicas,
            CreateStorageConfiguration in create_storage_configuration,
            GetStorageConfiguration in get_storage_configuration,
            ListStorageConfigurations in list_storage_configurations,
            DeleteStorageConfiguration in delete_storage_configuration,
            CreateEncoderConfiguration in create_encoder_configuration,
            GetEncoderConfiguration in get_encoder_configuration,
            ListEncoderConfigurations in list_encoder_configurations,
            DeleteEncoderConfiguration in delete_encoder_configuration,
            TagResource in tag_resource,
            UntagResource in untag_resource,
            ListTagsForResource in list_tags_for_resource,
        }
        // `unavailable.txt` lists them; a test compares it with these.
        unavailable {
            GetComposition,
            ListCompositions,
            StartComposition,
            StopComposition,
        }
    }
}

async fn run<O: Op>(call: &Call, parts: &RequestParts<'_>) -> Reply {
    let input = O::parse(parts);
    let subject = input.as_ref().map_or_else(
        |_| Subject::of_unread(O::OPERATION, &call.caller, parts),
        |input| O::subject(input, &call.caller),
    );
    if let Err(barrier) = authorise(call, O::OPERATION, &subject).await {
        return barrier;
    }
    let done = match input {
        Ok(input) => O::run(call, input).await,
        Err(invalid) => Err(invalid.into()),
    };
    match done {
        Ok(body) => Reply::ok(body),
        Err(failure) => refuse(&failure),
    }
}

fn refuse<E: OperationError>(failure: &Failure<E>) -> Reply {
    if let Failure::Server(fault) = failure {
        log(fault);
    }
    failure.reply()
}

async fn unavailable(call: &Call, operation: Operation, parts: &RequestParts<'_>) -> Reply {
    let subject = Subject::of_unread(operation, &call.caller, parts);
    match authorise(call, operation, &subject).await {
        Ok(()) => Refusal::NotInBuild(operation).reply(),
        Err(barrier) => barrier,
    }
}

async fn authorise(call: &Call, operation: Operation, subject: &Subject) -> Result<(), Reply> {
    let store = &call.app.settings.store;
    access::authorise(store, &call.caller, operation.name(), subject)
        .await
        .map_err(|barrier| match barrier {
            Barrier::Refused(refusal) => refusal.reply(),
            Barrier::Fault(fault) => {
                log(&fault);
                fault.reply()
            }
        })
}

/// A fault that passes is a warning; one that cannot be is an error.
fn log(fault: &ServerFault) {
    let source = std::error::Error::source(fault).map(tracing::field::display);
    match fault {
        ServerFault::StoreUnavailable(_)
        | ServerFault::BucketsUnavailable(_)
        | ServerFault::StagesUnreachable
        | ServerFault::StoreTooSlow => {
            tracing::warn!(source, "{fault}");
        }
        ServerFault::StoreUnexpected(_) | ServerFault::Interrupted => {
            tracing::error!(source, "{fault}");
        }
    }
}
