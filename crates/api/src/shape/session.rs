//! A session of a stage.

use model::Session;
use wire::types;

use crate::token::whole_seconds;

/// `StageSession`.
pub(crate) fn session(session: &Session) -> types::StageSession {
    types::StageSession {
        session_id: Some(session.id.to_string()),
        start_time: Some(whole_seconds(session.start)),
        end_time: session.end.map(whole_seconds),
    }
}

/// `StageSessionSummary`.
pub(crate) fn session_summary(session: &Session) -> types::StageSessionSummary {
    types::StageSessionSummary {
        session_id: Some(session.id.to_string()),
        start_time: Some(whole_seconds(session.start)),
        end_time: session.end.map(whole_seconds),
    }
}
