//! An event of a session.

use model::{Event, ExchangedToken};
use wire::types;

use crate::token::whole_seconds;

/// `Event`. Every event says whether it is about a replica, also where the participant cannot be one.
pub(crate) fn event(event: Event) -> types::Event {
    let (previous_token, new_token) = event.exchange.map_or((None, None), |exchange| {
        (
            Some(exchanged_token(exchange.previous)),
            Some(exchanged_token(exchange.new)),
        )
    });
    let (destination_stage_arn, destination_session_id) = event
        .destination
        .map(|(stage, session)| (stage.to_string(), session.to_string()))
        .unzip();
    types::Event {
        name: types::EventName::parse(event.name.as_str()),
        participant_id: Some(event.participant.to_string()),
        event_time: Some(whole_seconds(event.time)),
        remote_participant_id: event.remote.map(|remote| remote.to_string()),
        error_code: event
            .error
            .and_then(|code| types::EventErrorCode::parse(code.as_str())),
        replica: Some(event.replica),
        destination_stage_arn,
        destination_session_id,
        previous_token,
        new_token,
    }
}

/// `ExchangedParticipantToken`.
fn exchanged_token(token: ExchangedToken) -> types::ExchangedParticipantToken {
    use types::ParticipantTokenCapability::{Publish, Subscribe};
    let held = [
        (Publish, token.capabilities.publish),
        (Subscribe, token.capabilities.subscribe),
    ];
    let held = held.into_iter().filter(|(_, held)| *held);
    types::ExchangedParticipantToken {
        capabilities: Some(held.map(|(capability, _)| capability).collect()),
        attributes: Some(token.attributes),
        user_id: Some(token.user_id),
        expiration_time: Some(whole_seconds(token.expires)),
    }
}
