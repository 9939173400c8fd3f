//! A store that does not answer in time although what it was asked for happens (T59).

use async_trait::async_trait;
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

use super::*;

/// Makes and deletes stages without saying so, as far as it is told to.
struct Mute {
    inner: Sqlite,
    insert: Act,
    delete: Act,
}

/// What becomes of one kind of write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    /// It happens and is answered.
    Says,
    /// It happens and is not answered.
    Silent,
    /// It does not happen and is not answered.
    Hangs,
}

fn no_answer() -> StoreError {
    StoreError::Unavailable("no answer in time".into())
}

macro_rules! mute_store {
    ($(fn $name:ident($($argument:ident: $type:ty),*) -> $output:ty;)*) => {
        #[async_trait]
        impl Store for Mute {
            async fn stage_insert(&self, stage: &Stage, quota: u32) -> Result<(), StoreError> {
                match self.insert {
                    Act::Says => self.inner.stage_insert(stage, quota).await,
                    Act::Silent => self.inner.stage_insert(stage, quota).await.and(Err(no_answer())),
                    Act::Hangs => Err(no_answer()),
                }
            }

            async fn stage_delete(&self, arn: &StageArn) -> Result<(), StoreError> {
                match self.delete {
                    Act::Says => self.inner.stage_delete(arn).await,
                    Act::Silent => self.inner.stage_delete(arn).await.and(Err(no_answer())),
                    Act::Hangs => Err(no_answer()),
                }
            }

            $(async fn $name(&self, $($argument: $type),*) -> Result<$output, StoreError> {
                self.inner.$name($($argument),*).await
            })*
        }
    };
}

mute_store! {
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
    fn session_expire(before: Timestamp) -> u64;
    fn participant_list(stage: &StageArn, session: &SessionId, filter: &ParticipantFilter, page: &PageRequest) -> Page<Participant>;
    fn participant_get(stage: &StageArn, session: &SessionId, participant: &ParticipantId) -> Option<Participant>;
    fn participant_known(stage: &StageArn, participant: &ParticipantId) -> Option<CameBy>;
    fn participant_session(stage: &StageArn, participant: &ParticipantId) -> Option<SessionId>;
    fn participant_ban(stage: &StageArn, participant: &ParticipantId, at: Timestamp) -> ();
    fn replica_list(source: &StageArn, session: &SessionId, participant: &ParticipantId, page: &PageRequest) -> Page<Replica>;
    fn replica_known(source: &StageArn, destination: &StageArn, participant: &ParticipantId) -> bool;
    fn event_list(stage: &StageArn, session: &SessionId, participant: &ParticipantId, page: &PageRequest) -> Page<Event>;
    fn records_apply(records: &[Record]) -> ();
    fn heartbeat(at: Timestamp) -> ();
    fn secret_get_or_insert(name: &str, fresh: &[u8]) -> Vec<u8>;
}

#[tokio::test]
async fn t59_a_stage_whose_insert_is_not_answered_is_never_listed_and_closed() {
    for (insert, delete, stored, open) in [
        (Act::Says, Act::Says, true, true),
        (Act::Silent, Act::Says, false, false),
        (Act::Hangs, Act::Says, false, false),
        // What cannot be made sure stays open: with a row it works, without one it does no harm.
        (Act::Silent, Act::Hangs, true, true),
        (Act::Silent, Act::Silent, false, true),
        (Act::Hangs, Act::Hangs, false, true),
    ] {
        let latency = Arc::new(store::Latency::default());
        let inner = Sqlite::open_memory(latency).await.unwrap();
        let mute = Arc::new(Mute {
            inner,
            insert,
            delete,
        });
        let world = World::with(|settings| settings.store = mute.clone()).await;
        let answer = world.call(ANA, "CreateStage", json!({})).await;
        let status = if insert == Act::Says { 200 } else { 503 };
        assert_eq!(answer.status, status, "{insert:?} {delete:?}");
        let rows = mute.inner.stage_all().await.unwrap();
        assert_eq!(rows.len() == 1, stored, "{insert:?} {delete:?}");
        let told = world.told.lock().unwrap();
        let is_open = matches!(told[..], [Input::StageOpened { .. }]);
        let is_closed = matches!(
            told[..],
            [Input::StageOpened { .. }, Input::StageDeleted { .. }]
        );
        assert_eq!((is_open, is_closed), (open, !open), "{insert:?} {delete:?}");
    }
}
