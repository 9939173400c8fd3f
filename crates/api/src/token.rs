//! Making participant tokens, for CreateStage and CreateParticipantToken.

use std::time::Duration;

use auth::participant_id;
use auth::token::TokenRequest;
use jiff::Timestamp;
use model::{Capabilities, StageArn, limits};
use wire::types::{ParticipantToken, ParticipantTokenCapability, ParticipantTokenConfiguration};

use crate::app::Call;
use crate::constraints::{Breach, check_attributes};

/// What a caller asks of a token. No capabilities, or an empty list of them, is everything.
pub(crate) type Wish = ParticipantTokenConfiguration;

/// Checks what the model leaves to prose.
pub(crate) fn check(wish: &Wish) -> Result<(), Breach> {
    wish.attributes.as_ref().map_or(Ok(()), check_attributes)
}

/// Makes the token for a new participant. What was asked for is echoed, what was not is left out.
pub(crate) fn grant(call: &Call, stage: &StageArn, wish: Wish) -> ParticipantToken {
    let settings = &call.app.settings;
    let participant = participant_id::mint(&settings.participant_key, stage, call.app.random());
    let minutes = wish
        .duration
        .and_then(|minutes| u32::try_from(minutes).ok())
        .unwrap_or(limits::TOKEN_MINUTES_DEFAULT);
    let life = Duration::from_secs(u64::from(minutes) * 60);
    let issued = whole_seconds(call.now.wall);
    let capabilities = wish.capabilities.map(without_duplicates);
    let token = settings.token_key.sign(&TokenRequest {
        stage,
        participant: &participant,
        user_id: wish.user_id.as_deref(),
        attributes: wish.attributes.as_ref(),
        capabilities: allowed(capabilities.as_deref().unwrap_or_default()),
        events_url: &settings.endpoints.events,
        whip_url: &settings.endpoints.whip,
        issued,
        life,
    });
    ParticipantToken {
        participant_id: Some(participant.to_string()),
        token: Some(token.into()),
        user_id: wish.user_id,
        attributes: wish.attributes,
        duration: wish.duration,
        capabilities,
        expiration_time: Some(issued.saturating_add(life).unwrap_or(Timestamp::MAX)),
    }
}

/// The time without its fraction: what tokens and most times of the API carry.
pub(crate) fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

fn without_duplicates(list: Vec<ParticipantTokenCapability>) -> Vec<ParticipantTokenCapability> {
    let mut seen = Vec::with_capacity(list.len());
    for capability in list {
        if !seen.contains(&capability) {
            seen.push(capability);
        }
    }
    seen
}

fn allowed(list: &[ParticipantTokenCapability]) -> Capabilities {
    Capabilities {
        publish: list.is_empty() || list.contains(&ParticipantTokenCapability::Publish),
        subscribe: list.is_empty() || list.contains(&ParticipantTokenCapability::Subscribe),
    }
}
