//! `downstage keygen`: new keys. Access keys are for callers of the control API and stand in the configuration; participant
//! keys are for customers who sign tokens themselves, and their public half is imported.

mod access_key;
mod participant_key;

use crate::cli::KeygenCommand;
use crate::clock;

/// Carries a command out and says what to print.
pub(crate) fn run(command: &KeygenCommand) -> anyhow::Result<String> {
    match command {
        KeygenCommand::AccessKey(key) => {
            Ok(access_key::generate(&key.account, &clock::system_random()))
        }
        KeygenCommand::ParticipantKey { out } => {
            participant_key::save(&auth::key_pair::generate(), out)
        }
    }
}
