//! The trait, method by method: a span and the function that does the work, on connections that read or in the writer's turn.

use async_trait::async_trait;
use jiff::Timestamp;
use model::{
    AccountId, Ban, ConnectionTokenId, EncoderConfiguration, EncoderConfigurationArn, Event,
    IngestConfiguration, IngestConfigurationArn, LiveSession, Participant, ParticipantId,
    PublicKey, PublicKeyArn, Record, Region, Replica, ResourceArn, RevokedConnectionToken, Session,
    SessionId, Stage, StageArn, State, StorageConfiguration, StorageConfigurationArn, Tags,
};
use tracing::debug_span;

use super::resource::Resource;
use super::{
    Sqlite, connection_token, encoder_configuration, event, grave, ingest_configuration, life,
    participant, public_key, records, replica, secret, session, stage, state,
    storage_configuration, tags,
};
use crate::{
    CameBy, IngestChange, IngestFilter, Operation, Page, PageRequest, ParticipantFilter, Seeded,
    StageChange, Store, StoreError,
};

/// Calls a function that reads, with these arguments.
macro_rules! reads {
    ($self:ident, $operation:ident, $span:expr => $($function:ident)::+($($argument:ident),*)) => {
        $self
            .read(Operation::$operation, $span, $($function)::+(&$self.db, $($argument),*))
            .await
    };
}

/// Calls a function that writes, with copies of these arguments: a write does not depend on who waits for it.
macro_rules! writes {
    ($self:ident, $operation:ident, $span:expr => $($function:ident)::+($($argument:ident),*)) => {{
        $(let $argument = $argument.to_owned();)*
        $self
            .write(Operation::$operation, $span, move |connection| {
                Box::pin($($function)::+(connection, $($argument),*))
            })
            .await
    }};
}

#[async_trait]
impl Store for Sqlite {
    async fn stage_insert(&self, stage: &Stage, quota: u32) -> Result<(), StoreError> {
        let span = debug_span!("db.stage.insert", stage = %stage.arn.id);
        writes!(self, StageInsert, span => stage::insert(stage, quota))
    }

    async fn stage_get(&self, arn: &StageArn) -> Result<Option<Stage>, StoreError> {
        let span = debug_span!("db.stage.lookup", stage = %arn.id);
        reads!(self, StageGet, span => stage::Row::get(arn))
    }

    async fn stage_list(
        &self,
        account: &AccountId,
        region: &Region,
        page: &PageRequest,
    ) -> Result<Page<Stage>, StoreError> {
        let span = debug_span!("db.stage.list");
        reads!(self, StageList, span => stage::Row::list(account, region, page))
    }

    async fn stage_all(&self) -> Result<Vec<(StageArn, Vec<ParticipantId>)>, StoreError> {
        let span = debug_span!("db.stage.all");
        reads!(self, StageAll, span => stage::all())
    }

    async fn stage_update(
        &self,
        arn: &StageArn,
        change: &StageChange,
    ) -> Result<Stage, StoreError> {
        let span = debug_span!("db.stage.update", stage = %arn.id);
        writes!(self, StageUpdate, span => stage::update(arn, change))
    }

    async fn stage_delete(&self, arn: &StageArn) -> Result<(), StoreError> {
        let span = debug_span!("db.stage.delete", stage = %arn.id);
        writes!(self, StageDelete, span => stage::delete(arn))
    }

    async fn public_key_insert(&self, key: &PublicKey, quota: u32) -> Result<(), StoreError> {
        let span = debug_span!("db.public_key.insert", key = %key.arn.id);
        writes!(self, PublicKeyInsert, span => public_key::insert(key, quota))
    }

    async fn public_key_get(&self, arn: &PublicKeyArn) -> Result<Option<PublicKey>, StoreError> {
        let span = debug_span!("db.public_key.lookup", key = %arn.id);
        reads!(self, PublicKeyGet, span => public_key::Row::get(arn))
    }

    async fn public_key_list(
        &self,
        account: &AccountId,
        region: &Region,
        page: &PageRequest,
    ) -> Result<Page<PublicKey>, StoreError> {
        let span = debug_span!("db.public_key.list");
        reads!(self, PublicKeyList, span => public_key::Row::list(account, region, page))
    }

    async fn public_key_delete(&self, arn: &PublicKeyArn) -> Result<(), StoreError> {
        let span = debug_span!("db.public_key.delete", key = %arn.id);
        let arn = ResourceArn::from(arn);
        writes!(self, PublicKeyDelete, span => public_key::Row::delete(arn))
    }

    async fn ingest_configuration_insert(
        &self,
        configuration: &IngestConfiguration,
        quota: u32,
    ) -> Result<(), StoreError> {
        let span =
            debug_span!("db.ingest_configuration.insert", configuration = %configuration.arn.id);
        writes!(self, IngestConfigurationInsert, span => ingest_configuration::insert(configuration, quota))
    }

    async fn ingest_configuration_get(
        &self,
        arn: &IngestConfigurationArn,
    ) -> Result<Option<IngestConfiguration>, StoreError> {
        let span = debug_span!("db.ingest_configuration.lookup", configuration = %arn.id);
        reads!(self, IngestConfigurationGet, span => ingest_configuration::Row::get(arn))
    }

    async fn ingest_configuration_list(
        &self,
        account: &AccountId,
        region: &Region,
        filter: &IngestFilter,
        page: &PageRequest,
    ) -> Result<Page<IngestConfiguration>, StoreError> {
        let span = debug_span!("db.ingest_configuration.list");
        reads!(self, IngestConfigurationList, span => ingest_configuration::list(account, region, filter, page))
    }

    async fn ingest_configuration_update(
        &self,
        arn: &IngestConfigurationArn,
        change: &IngestChange,
    ) -> Result<IngestConfiguration, StoreError> {
        let span = debug_span!("db.ingest_configuration.update", configuration = %arn.id);
        writes!(self, IngestConfigurationUpdate, span => ingest_configuration::update(arn, change))
    }

    async fn ingest_configuration_delete(
        &self,
        arn: &IngestConfigurationArn,
        force: bool,
    ) -> Result<(), StoreError> {
        let span = debug_span!("db.ingest_configuration.delete", configuration = %arn.id);
        writes!(self, IngestConfigurationDelete, span => ingest_configuration::delete(arn, force))
    }

    async fn ingest_configuration_detach(
        &self,
        stage: &StageArn,
        participant: &ParticipantId,
    ) -> Result<Vec<IngestConfigurationArn>, StoreError> {
        let span = debug_span!("db.ingest_configuration.detach", stage = %stage.id, %participant);
        writes!(self, IngestConfigurationDetach, span => ingest_configuration::detach(stage, participant))
    }

    async fn encoder_configuration_insert(
        &self,
        configuration: &EncoderConfiguration,
        quota: u32,
    ) -> Result<(), StoreError> {
        let span =
            debug_span!("db.encoder_configuration.insert", configuration = %configuration.arn.id);
        writes!(self, EncoderConfigurationInsert, span => encoder_configuration::insert(configuration, quota))
    }

    async fn encoder_configuration_get(
        &self,
        arn: &EncoderConfigurationArn,
    ) -> Result<Option<EncoderConfiguration>, StoreError> {
        let span = debug_span!("db.encoder_configuration.lookup", configuration = %arn.id);
        reads!(self, EncoderConfigurationGet, span => encoder_configuration::Row::get(arn))
    }

    async fn encoder_configuration_list(
        &self,
        account: &AccountId,
        region: &Region,
        page: &PageRequest,
    ) -> Result<Page<EncoderConfiguration>, StoreError> {
        let span = debug_span!("db.encoder_configuration.list");
        reads!(self, EncoderConfigurationList, span => encoder_configuration::Row::list(account, region, page))
    }

    async fn encoder_configuration_delete(
        &self,
        arn: &EncoderConfigurationArn,
    ) -> Result<(), StoreError> {
        let span = debug_span!("db.encoder_configuration.delete", configuration = %arn.id);
        let arn = ResourceArn::from(arn);
        writes!(self, EncoderConfigurationDelete, span => encoder_configuration::Row::delete(arn))
    }

    async fn storage_configuration_insert(
        &self,
        configuration: &StorageConfiguration,
        quota: u32,
    ) -> Result<(), StoreError> {
        let span =
            debug_span!("db.storage_configuration.insert", configuration = %configuration.arn.id);
        writes!(self, StorageConfigurationInsert, span => storage_configuration::insert(configuration, quota))
    }

    async fn storage_configuration_get(
        &self,
        arn: &StorageConfigurationArn,
    ) -> Result<Option<StorageConfiguration>, StoreError> {
        let span = debug_span!("db.storage_configuration.lookup", configuration = %arn.id);
        reads!(self, StorageConfigurationGet, span => storage_configuration::Row::get(arn))
    }

    async fn storage_configuration_list(
        &self,
        account: &AccountId,
        region: &Region,
        page: &PageRequest,
    ) -> Result<Page<StorageConfiguration>, StoreError> {
        let span = debug_span!("db.storage_configuration.list");
        reads!(self, StorageConfigurationList, span => storage_configuration::Row::list(account, region, page))
    }

    async fn storage_configuration_delete(
        &self,
        arn: &StorageConfigurationArn,
    ) -> Result<(), StoreError> {
        let span = debug_span!("db.storage_configuration.delete", configuration = %arn.id);
        let arn = ResourceArn::from(arn);
        writes!(self, StorageConfigurationDelete, span => storage_configuration::delete(arn))
    }

    async fn connection_token_revoke(
        &self,
        token: &RevokedConnectionToken,
    ) -> Result<(), StoreError> {
        let span = debug_span!("db.connection_token.revoke", token = %token.id);
        writes!(self, ConnectionTokenRevoke, span => connection_token::revoke(token))
    }

    async fn connection_token_is_revoked(
        &self,
        account: &AccountId,
        region: &Region,
        token: &ConnectionTokenId,
    ) -> Result<bool, StoreError> {
        let span = debug_span!("db.connection_token.is_revoked", %token);
        reads!(self, ConnectionTokenIsRevoked, span => connection_token::is_revoked(account, region, token))
    }

    async fn connection_token_expire(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut expired = 0;
        // In small transactions, so that other writes get their turn.
        loop {
            let span = debug_span!("db.connection_token.expire");
            match writes!(self, ConnectionTokenExpire, span => connection_token::expire_some(before))?
            {
                0 => return Ok(expired),
                some => expired += some,
            }
        }
    }

    async fn state_export(&self) -> Result<State, StoreError> {
        let span = debug_span!("db.state.export");
        reads!(self, StateExport, span => state::export())
    }

    async fn state_insert(&self, state: &State) -> Result<Seeded, StoreError> {
        let span = debug_span!("db.state.insert");
        writes!(self, StateInsert, span => state::insert(state))
    }

    async fn state_clear(&self) -> Result<Vec<StageArn>, StoreError> {
        let span = debug_span!("db.state.clear");
        writes!(self, StateClear, span => state::clear())
    }

    async fn tags_get(&self, arn: &ResourceArn) -> Result<Option<Tags>, StoreError> {
        let span = debug_span!("db.tags.lookup", resource = %arn.id);
        reads!(self, TagsGet, span => tags::get(arn))
    }

    async fn tags_merge(&self, arn: &ResourceArn, tags: &Tags) -> Result<(), StoreError> {
        let span = debug_span!("db.tags.merge", resource = %arn.id);
        writes!(self, TagsMerge, span => tags::merge(arn, tags))
    }

    async fn tags_remove(&self, arn: &ResourceArn, keys: &[String]) -> Result<(), StoreError> {
        let span = debug_span!("db.tags.remove", resource = %arn.id);
        writes!(self, TagsRemove, span => tags::remove(arn, keys))
    }

    async fn session_list(
        &self,
        stage: &StageArn,
        page: &PageRequest,
    ) -> Result<Page<Session>, StoreError> {
        let span = debug_span!("db.session.list", stage = %stage.id);
        reads!(self, SessionList, span => session::list(stage, page))
    }

    async fn session_get(
        &self,
        stage: &StageArn,
        session: &SessionId,
    ) -> Result<Option<Session>, StoreError> {
        let span = debug_span!("db.session.lookup", stage = %stage.id, %session);
        reads!(self, SessionGet, span => session::get(stage, session))
    }

    async fn session_live(&self) -> Result<Vec<LiveSession>, StoreError> {
        let span = debug_span!("db.session.live");
        reads!(self, SessionLive, span => session::live())
    }

    async fn session_expire(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut expired = 0;
        // In small transactions, so that other writes get their turn.
        loop {
            let span = debug_span!("db.session.expire");
            match writes!(self, SessionExpire, span => grave::bury_some(before))? {
                0 => break,
                some => expired += some,
            }
        }
        loop {
            let span = debug_span!("db.session.clear");
            if !writes!(self, SessionExpire, span => grave::clear_some())? {
                return Ok(expired);
            }
        }
    }

    async fn participant_list(
        &self,
        stage: &StageArn,
        session: &SessionId,
        filter: &ParticipantFilter,
        page: &PageRequest,
    ) -> Result<Page<Participant>, StoreError> {
        let span = debug_span!("db.participant.list", stage = %stage.id, %session);
        reads!(self, ParticipantList, span => participant::list(stage, session, filter, page))
    }

    async fn participant_get(
        &self,
        stage: &StageArn,
        session: &SessionId,
        participant: &ParticipantId,
    ) -> Result<Option<Participant>, StoreError> {
        let span = debug_span!("db.participant.lookup", stage = %stage.id, %session, %participant);
        reads!(self, ParticipantGet, span => participant::get(stage, session, participant))
    }

    async fn participant_known(
        &self,
        stage: &StageArn,
        participant: &ParticipantId,
    ) -> Result<Option<CameBy>, StoreError> {
        let span = debug_span!("db.participant.known", stage = %stage.id, %participant);
        reads!(self, ParticipantKnown, span => participant::known(stage, participant))
    }

    async fn participant_session(
        &self,
        stage: &StageArn,
        participant: &ParticipantId,
    ) -> Result<Option<SessionId>, StoreError> {
        let span = debug_span!("db.participant.session", stage = %stage.id, %participant);
        reads!(self, ParticipantSession, span => participant::session(stage, participant))
    }

    async fn participant_ban(
        &self,
        stage: &StageArn,
        participant: &ParticipantId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let span = debug_span!("db.participant.ban", stage = %stage.id, %participant);
        let ban = Ban {
            stage: stage.clone(),
            participant: participant.clone(),
            at,
        };
        writes!(self, ParticipantBan, span => participant::ban(ban))
    }

    async fn replica_list(
        &self,
        source: &StageArn,
        session: &SessionId,
        participant: &ParticipantId,
        page: &PageRequest,
    ) -> Result<Page<Replica>, StoreError> {
        let span = debug_span!("db.replica.list", stage = %source.id, %session, %participant);
        reads!(self, ReplicaList, span => replica::list(source, session, participant, page))
    }

    async fn replica_known(
        &self,
        source: &StageArn,
        destination: &StageArn,
        participant: &ParticipantId,
    ) -> Result<bool, StoreError> {
        let span = debug_span!("db.replica.known", stage = %source.id, %participant);
        reads!(self, ReplicaKnown, span => replica::known(source, destination, participant))
    }

    async fn event_list(
        &self,
        stage: &StageArn,
        session: &SessionId,
        participant: &ParticipantId,
        page: &PageRequest,
    ) -> Result<Page<Event>, StoreError> {
        let span = debug_span!("db.event.list", stage = %stage.id, %session, %participant);
        reads!(self, EventList, span => event::list(stage, session, participant, page))
    }

    async fn records_apply(&self, records: &[Record]) -> Result<(), StoreError> {
        if records.is_empty() {
            return Ok(());
        }
        let span = debug_span!("db.records.apply", records = records.len());
        writes!(self, RecordsApply, span => records::apply(records))
    }

    async fn heartbeat(&self, at: Timestamp) -> Result<(), StoreError> {
        let span = debug_span!("db.life.heartbeat");
        writes!(self, Heartbeat, span => life::heartbeat(at))
    }

    async fn secret_get_or_insert(&self, name: &str, fresh: &[u8]) -> Result<Vec<u8>, StoreError> {
        let span = debug_span!("db.secret.lookup");
        writes!(self, SecretGetOrInsert, span => secret::get_or_insert(name, fresh))
    }
}
