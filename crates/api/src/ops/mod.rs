//! The operations, one file each: what it reads, what its policy is about, what it does, its tests.

use wire::error::OperationError;
use wire::{Invalid, Operation, RequestParts};

use crate::access::{self, Barrier, Subject};
use crate::app::{Call, Caller};
use crate::error::{Declared, Failure, Refusal, ServerFault};
use crate::reply::Reply;

mod create_ingest_configuration;
mod create_participant_token;
mod create_stage;
mod create_storage_configuration;
mod delete_ingest_configuration;
mod delete_stage;
mod delete_storage_configuration;
mod disconnect_participant;
mod get_ingest_configuration;
mod get_participant;
mod get_stage;
mod get_stage_session;
mod get_storage_configuration;
mod list_ingest_configurations;
mod list_participant_events;
mod list_participants;
mod list_stage_sessions;
mod list_stages;
mod list_storage_configurations;
mod list_tags_for_resource;
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

/// Serves a signed request.
pub(crate) async fn serve(call: &Call, operation: Operation, parts: &RequestParts<'_>) -> Reply {
    match operation {
        Operation::CreateStage => run::<create_stage::CreateStage>(call, parts).await,
        Operation::GetStage => run::<get_stage::GetStage>(call, parts).await,
        Operation::ListStages => run::<list_stages::ListStages>(call, parts).await,
        Operation::UpdateStage => run::<update_stage::UpdateStage>(call, parts).await,
        Operation::DeleteStage => run::<delete_stage::DeleteStage>(call, parts).await,
        Operation::CreateParticipantToken => {
            run::<create_participant_token::CreateParticipantToken>(call, parts).await
        }
        Operation::DisconnectParticipant => {
            run::<disconnect_participant::DisconnectParticipant>(call, parts).await
        }
        Operation::ListStageSessions => {
            run::<list_stage_sessions::ListStageSessions>(call, parts).await
        }
        Operation::GetStageSession => run::<get_stage_session::GetStageSession>(call, parts).await,
        Operation::ListParticipants => {
            run::<list_participants::ListParticipants>(call, parts).await
        }
        Operation::GetParticipant => run::<get_participant::GetParticipant>(call, parts).await,
        Operation::ListParticipantEvents => {
            run::<list_participant_events::ListParticipantEvents>(call, parts).await
        }
        Operation::CreateIngestConfiguration => {
            run::<create_ingest_configuration::CreateIngestConfiguration>(call, parts).await
        }
        Operation::GetIngestConfiguration => {
            run::<get_ingest_configuration::GetIngestConfiguration>(call, parts).await
        }
        Operation::ListIngestConfigurations => {
            run::<list_ingest_configurations::ListIngestConfigurations>(call, parts).await
        }
        Operation::UpdateIngestConfiguration => {
            run::<update_ingest_configuration::UpdateIngestConfiguration>(call, parts).await
        }
        Operation::DeleteIngestConfiguration => {
            run::<delete_ingest_configuration::DeleteIngestConfiguration>(call, parts).await
        }
        Operation::CreateStorageConfiguration => {
            run::<create_storage_configuration::CreateStorageConfiguration>(call, parts).await
        }
        Operation::GetStorageConfiguration => {
            run::<get_storage_configuration::GetStorageConfiguration>(call, parts).await
        }
        Operation::ListStorageConfigurations => {
            run::<list_storage_configurations::ListStorageConfigurations>(call, parts).await
        }
        Operation::DeleteStorageConfiguration => {
            run::<delete_storage_configuration::DeleteStorageConfiguration>(call, parts).await
        }
        Operation::TagResource => run::<tag_resource::TagResource>(call, parts).await,
        Operation::UntagResource => run::<untag_resource::UntagResource>(call, parts).await,
        Operation::ListTagsForResource => {
            run::<list_tags_for_resource::ListTagsForResource>(call, parts).await
        }
        // `unavailable.txt` lists them; a test compares it with this match.
        Operation::CreateEncoderConfiguration
        | Operation::DeleteEncoderConfiguration
        | Operation::DeletePublicKey
        | Operation::GetComposition
        | Operation::GetEncoderConfiguration
        | Operation::GetPublicKey
        | Operation::ImportPublicKey
        | Operation::ListCompositions
        | Operation::ListEncoderConfigurations
        | Operation::ListParticipantReplicas
        | Operation::ListPublicKeys
        | Operation::RevokeConnectionToken
        | Operation::StartComposition
        | Operation::StartParticipantReplication
        | Operation::StopComposition
        | Operation::StopParticipantReplication => unavailable(call, operation, parts).await,
    }
}

async fn run<O: Op>(call: &Call, parts: &RequestParts<'_>) -> Reply {
    let input = O::parse(parts);
    let subject = input.as_ref().map_or_else(
        |_| Subject::of_unread(parts),
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
    match authorise(call, operation, &Subject::of_unread(parts)).await {
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
        | ServerFault::StagesUnreachable => {
            tracing::warn!(source, "{fault}");
        }
        ServerFault::StoreUnexpected(_) | ServerFault::Interrupted => {
            tracing::error!(source, "{fault}");
        }
    }
}
