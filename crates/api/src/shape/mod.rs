//! Our records in the API's shapes, one file per kind.
//!
//! Optional texts are sent as `""` and tags as `{}` where there are none; other members that have no value are left out.

mod encoder_configuration;
mod event;
mod ingest_configuration;
mod participant;
mod public_key;
mod replica;
mod session;
mod stage;
mod storage_configuration;

pub(crate) use encoder_configuration::{encoder_configuration, encoder_configuration_summary};
pub(crate) use event::event;
pub(crate) use ingest_configuration::{ingest_configuration, ingest_configuration_summary};
pub(crate) use participant::{participant, participant_summary};
pub(crate) use public_key::{public_key, public_key_summary};
pub(crate) use replica::replica;
pub(crate) use session::{session, session_summary};
pub(crate) use stage::{stage, stage_summary};
pub(crate) use storage_configuration::{storage_configuration, storage_configuration_summary};

#[cfg(test)]
mod tests {
    use model::{ErrorCode, EventName, ParticipantState, Protocol};
    use wire::types;

    #[test]
    fn every_word_of_ours_is_a_word_of_the_api() {
        for name in EventName::ALL {
            assert!(types::EventName::parse(name.as_str()).is_some(), "{name:?}");
        }
        for code in ErrorCode::ALL {
            assert!(
                types::EventErrorCode::parse(code.as_str()).is_some(),
                "{code:?}"
            );
        }
        for state in [ParticipantState::Connected, ParticipantState::Disconnected] {
            assert!(types::ParticipantState::parse(state.as_str()).is_some());
        }
        for protocol in [
            Protocol::Unknown,
            Protocol::Whip,
            Protocol::Rtmp,
            Protocol::Rtmps,
        ] {
            assert!(types::ParticipantProtocol::parse(protocol.as_str()).is_some());
        }
    }
}
