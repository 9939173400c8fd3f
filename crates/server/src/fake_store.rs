//! A store for tests of what writes to one: it notes what it is given, and its expiry never ends.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use jiff::Timestamp;
use model::{
    AccountId, ConnectionTokenId, EncoderConfiguration, EncoderConfigurationArn, Event,
    IngestConfiguration, IngestConfigurationArn, LiveSession, Participant, ParticipantId,
    PublicKey, PublicKeyArn, Record, Region, Replica, ResourceArn, RevokedConnectionToken, Session,
    SessionId, Stage, StageArn, State, StorageConfiguration, StorageConfigurationArn, Tags,
};
use store::{
    CameBy, IngestChange, IngestFilter, Page, PageRequest, ParticipantFilter, Seeded, StageChange,
    Store, StoreError,
};
use tokio::sync::Notify;

/// What it was given.
#[derive(Default)]
pub(crate) struct Fake {
    pub(crate) written: Mutex<Vec<Record>>,
    /// Whether it refuses records.
    pub(crate) refuses: AtomicBool,
    /// Records were written.
    pub(crate) wrote: Notify,
    /// A sign of life was written.
    pub(crate) beat: Notify,
    /// An expiry has begun.
    pub(crate) expiring: Notify,
}

macro_rules! fake_store {
    ($(fn $name:ident($($argument:ident: $type:ty),*) -> $output:ty;)*) => {
        #[async_trait]
        impl Store for Fake {
            async fn records_apply(&self, records: &[Record]) -> Result<(), StoreError> {
                if self.refuses.load(Ordering::Relaxed) && !records.is_empty() {
                    return Err(StoreError::NotFound);
                }
                self.written.lock().unwrap().extend_from_slice(records);
                self.wrote.notify_one();
                Ok(())
            }

            async fn heartbeat(&self, _at: Timestamp) -> Result<(), StoreError> {
                self.beat.notify_one();
                Ok(())
            }

            async fn session_expire(&self, _before: Timestamp) -> Result<u64, StoreError> {
                self.expiring.notify_one();
                std::future::pending().await
            }

            $(async fn $name(&self, $($argument: $type),*) -> Result<$output, StoreError> {
                panic!("a test asks for {:?}", (stringify!($name), $($argument),*))
            })*
        }
    };
}

fake_store! {
    fn stage_insert(stage: &Stage, quota: u32) -> ();
    fn stage_delete(arn: &StageArn) -> ();
    fn stage_get(arn: &StageArn) -> Option<Stage>;
    fn stage_list(account: &AccountId, region: &Region, page: &PageRequest) -> Page<Stage>;
    fn stage_all() -> Vec<(StageArn, Vec<ParticipantId>)>;
    fn stage_update(arn: &StageArn, change: &StageChange) -> Stage;
    fn public_key_insert(key: &PublicKey, quota: u32) -> ();
    fn public_key_get(arn: &PublicKeyArn) -> Option<PublicKey>;
    fn public_key_list(account: &AccountId, region: &Region, page: &PageRequest) -> Page<PublicKey>;
    fn public_key_delete(arn: &PublicKeyArn) -> ();
    fn ingest_configuration_insert(configuration: &IngestConfiguration, quota: u32) -> ();
    fn ingest_configuration_get(arn: &IngestConfigurationArn) -> Option<IngestConfiguration>;
    fn ingest_configuration_list(account: &AccountId, region: &Region, filter: &IngestFilter, page: &PageRequest) -> Page<IngestConfiguration>;
    fn ingest_configuration_update(arn: &IngestConfigurationArn, change: &IngestChange) -> IngestConfiguration;
    fn ingest_configuration_delete(arn: &IngestConfigurationArn, force: bool) -> ();
    fn ingest_configuration_detach(stage: &StageArn, participant: &ParticipantId) -> Vec<IngestConfigurationArn>;
    fn encoder_configuration_insert(configuration: &EncoderConfiguration, quota: u32) -> ();
    fn encoder_configuration_get(arn: &EncoderConfigurationArn) -> Option<EncoderConfiguration>;
    fn encoder_configuration_list(account: &AccountId, region: &Region, page: &PageRequest) -> Page<EncoderConfiguration>;
    fn encoder_configuration_delete(arn: &EncoderConfigurationArn) -> ();
    fn storage_configuration_insert(configuration: &StorageConfiguration, quota: u32) -> ();
    fn storage_configuration_get(arn: &StorageConfigurationArn) -> Option<StorageConfiguration>;
    fn storage_configuration_list(account: &AccountId, region: &Region, page: &PageRequest) -> Page<StorageConfiguration>;
    fn storage_configuration_delete(arn: &StorageConfigurationArn) -> ();
    fn connection_token_revoke(token: &RevokedConnectionToken) -> ();
    fn connection_token_is_revoked(account: &AccountId, region: &Region, token: &ConnectionTokenId) -> bool;
    fn connection_token_expire(before: Timestamp) -> u64;
    fn state_export() -> State;
    fn state_insert(state: &State) -> Seeded;
    fn state_clear() -> Vec<StageArn>;
    fn tags_get(arn: &ResourceArn) -> Option<Tags>;
    fn tags_merge(arn: &ResourceArn, tags: &Tags) -> ();
    fn tags_remove(arn: &ResourceArn, keys: &[String]) -> ();
    fn session_list(stage: &StageArn, page: &PageRequest) -> Page<Session>;
    fn session_get(stage: &StageArn, session: &SessionId) -> Option<Session>;
    fn session_live() -> Vec<LiveSession>;
    fn participant_list(stage: &StageArn, session: &SessionId, filter: &ParticipantFilter, page: &PageRequest) -> Page<Participant>;
    fn participant_get(stage: &StageArn, session: &SessionId, participant: &ParticipantId) -> Option<Participant>;
    fn participant_known(stage: &StageArn, participant: &ParticipantId) -> Option<CameBy>;
    fn participant_session(stage: &StageArn, participant: &ParticipantId) -> Option<SessionId>;
    fn participant_ban(stage: &StageArn, participant: &ParticipantId, at: Timestamp) -> ();
    fn replica_list(source: &StageArn, session: &SessionId, participant: &ParticipantId, page: &PageRequest) -> Page<Replica>;
    fn replica_known(source: &StageArn, destination: &StageArn, participant: &ParticipantId) -> bool;
    fn event_list(stage: &StageArn, session: &SessionId, participant: &ParticipantId, page: &PageRequest) -> Page<Event>;
    fn secret_get_or_insert(name: &str, fresh: &[u8]) -> Vec<u8>;
}
