//! An event of a session.

use model::Event;
use wire::types;

use crate::token::whole_seconds;

/// `Event`. Every event of this build is about joining, publishing or subscribing, and so says whether it is about a replica.
pub(crate) fn event(event: Event) -> types::Event {
    types::Event {
        name: types::EventName::parse(event.name.as_str()),
        participant_id: Some(event.participant.to_string()),
        event_time: Some(whole_seconds(event.time)),
        remote_participant_id: event.remote.map(|remote| remote.to_string()),
        error_code: event
            .error
            .and_then(|code| types::EventErrorCode::parse(code.as_str())),
        replica: Some(false),
        ..types::Event::default()
    }
}
