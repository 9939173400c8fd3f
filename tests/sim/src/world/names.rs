//! The names of what an act counts by numbers.

use model::{IngestConfigurationArn, ParticipantId, StageArn};

/// The participant of each configuration; those of its two streams follow. Some of them are participants with tokens too.
pub(super) const FIRST_OF_CONFIGURATIONS: [u8; 2] = [3, 6];

/// The third stage is in another region and the fourth belongs to another account.
pub(super) fn stage_arn(stage: u8) -> StageArn {
    let home = match stage {
        2 => "eu-west-1:123456789012",
        3 => "us-west-2:210987654321",
        _ => "us-west-2:123456789012",
    };
    let text = format!("arn:aws:ivs:{home}:stage/stage{stage}");
    StageArn::parse(&text).expect("it has the shape")
}

pub(super) fn configuration_arn(configuration: u8) -> IngestConfigurationArn {
    let home = "arn:aws:ivs:us-west-2:123456789012:ingest-configuration";
    let text = format!("{home}/configuration{configuration}");
    IngestConfigurationArn::parse(&text).expect("it has the shape")
}

/// The participants of those legs of a configuration whose bits are set.
pub(super) fn legs_of(configuration: u8, legs: u8) -> Vec<ParticipantId> {
    let whole = FIRST_OF_CONFIGURATIONS[usize::from(configuration)];
    let there = (0..2).filter(|leg| legs >> leg & 1 == 1);
    there.map(|leg| participant_id(whole + 1 + leg)).collect()
}

/// Whether it is the participant of one of two redundant streams, when it is an encoder's.
pub(super) fn is_leg(who: &ParticipantId) -> bool {
    FIRST_OF_CONFIGURATIONS
        .into_iter()
        .flat_map(|whole| [whole + 1, whole + 2])
        .any(|leg| participant_id(leg) == *who)
}

pub(super) fn participant_id(who: u8) -> ParticipantId {
    ParticipantId::parse(&format!("participant-{who}")).expect("it has the shape")
}

pub(super) fn word(name: &str, choice: u8) -> String {
    if choice == 0 {
        String::new()
    } else {
        format!("{name}-{choice}")
    }
}
