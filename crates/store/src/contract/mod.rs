//! The contract that every implementation of [`Store`] passes, as cases over `&dyn Store`. Each case begins with an empty store.

pub(crate) mod connection_token;
pub(crate) mod encoder_configuration;
pub(crate) mod event;
pub(crate) mod ingest_configuration;
pub(crate) mod participant;
pub(crate) mod public_key;
pub(crate) mod records;
pub(crate) mod replica;
pub(crate) mod resource;
pub(crate) mod session;
pub(crate) mod stage;
pub(crate) mod state;
pub(crate) mod storage_configuration;
pub(crate) mod tags;

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::{
    AccountId, ClientInfo, EncoderConfiguration, EncoderConfigurationArn, Event, EventName,
    IngestConfiguration, IngestConfigurationArn, IngestProtocol, Participant, ParticipantId,
    ParticipantState, Protocol, PublicKey, PublicKeyArn, Record, RecordingConfiguration, Region,
    ResourceId, Session, SessionId, Stage, StageArn, StageId, StorageConfiguration,
    StorageConfigurationArn, StreamKey, Video,
};

use crate::{Page, PageRequest, Position, Store, StoreError};

/// Runs every case as a test of its own against the stores that `$open` makes.
macro_rules! suite {
    ($open:path) => {
        $crate::contract::suite!($open;
            resource: a_second_resource_with_the_same_arn_is_refused,
            resource: t16_a_quota_holds_when_many_insert_at_once,
            resource: a_quota_counts_one_account_in_one_region,
            resource: lists_hold_one_account_and_region,
            resource: pages_are_complete_while_others_insert_and_delete,
            resource: a_page_holds_1_to_100_items,
            resource: a_delete_is_final,
            resource: tags_of_every_kind_merge_and_go,
            resource: racing_merges_inserts_and_deletes_are_serial,
            stage: a_stage_reads_back_as_it_was_written,
            stage: t14_hostile_text_is_stored_verbatim,
            stage: an_update_changes_name_and_recording_only,
            stage: t13_a_position_that_is_not_of_the_list_is_corrupt,
            stage: t16_racing_writers_leave_no_orphans,
            public_key: t14_a_public_key_reads_back_as_it_was_written,
            public_key: a_key_is_imported_once_in_an_account_and_region,
            ingest_configuration: t14_an_ingest_configuration_reads_back_as_it_was_written,
            ingest_configuration: an_update_moves_an_ingest_configuration_and_nothing_else,
            ingest_configuration: redundancy_keeps_credentials_that_are_there,
            ingest_configuration: t16_an_ingest_configuration_publishes_to_a_stage_that_is_there,
            ingest_configuration: ingest_configurations_of_a_stage_are_listed,
            ingest_configuration: a_participant_is_detached_by_each_of_its_names,
            ingest_configuration: t16_a_deleted_stage_detaches_its_ingest_configurations,
            ingest_configuration: t16_racing_stage_deletes_and_attachments_leave_no_dangling_reference,
            ingest_configuration: t16_what_is_active_is_neither_changed_nor_deleted_but_by_force,
            ingest_configuration: a_state_counts_on_the_stage_to_which_the_configuration_is_attached,
            ingest_configuration: configurations_are_listed_by_state,
            encoder_configuration: t14_an_encoder_configuration_reads_back_as_it_was_written,
            encoder_configuration: framerates_keep_every_bit,
            storage_configuration: t14_a_storage_configuration_reads_back_as_it_was_written,
            storage_configuration: t16_a_stage_records_to_a_storage_configuration_that_is_there,
            storage_configuration: t16_a_storage_configuration_in_use_is_not_deleted,
            storage_configuration: a_stage_elsewhere_does_not_use_the_storage_configuration_with_its_id,
            storage_configuration: t16_racing_storage_deletes_and_stages_leave_no_dangling_reference,
            connection_token: a_token_is_revoked_in_its_account_and_region,
            connection_token: revoked_tokens_are_forgotten_by_their_last_revocation,
            state: what_is_exported_cleared_and_inserted_is_exported_again,
            state: an_export_knows_no_history,
            state: a_seed_skips_what_is_there_and_ignores_quotas,
            state: a_seed_is_taken_as_a_whole_or_not_at_all,
            state: a_reset_takes_everything_but_the_secrets,
            tags: tags_merge_and_go,
            tags: a_merge_past_fifty_tags_changes_nothing,
            tags: merges_at_once_lose_nothing,
            tags: resources_that_are_not_there_have_no_tags,
            session: starts_and_ends_move_the_active_session,
            session: sessions_are_listed_newest_first,
            session: live_sessions_know_who_was_connected_and_receiving_what,
            session: live_sessions_know_what_was_replicated,
            session: a_live_session_was_last_seen_at_its_latest_sign_of_life,
            session: sessions_expire_by_their_end,
            participant: a_participant_reads_back_as_it_was_written,
            participant: t14_hostile_text_of_participants_is_stored_verbatim,
            participant: what_has_been_published_is_not_taken_back,
            participant: filters_select,
            participant: participants_are_listed_by_first_join,
            participant: the_same_participant_in_two_sessions_is_two_records,
            participant: a_participant_is_known_on_its_stage_only,
            participant: how_a_participant_came_to_a_stage_is_known_over_all_sessions,
            participant: bans_last_and_repeat,
            participant: the_newest_session_of_a_participant_is_found_on_its_stage,
            replica: replications_of_a_participant_are_listed_by_destination,
            replica: a_replication_that_begins_anew_takes_the_place_of_the_older_one,
            replica: replications_go_with_their_source_and_stay_without_their_destination,
            replica: replications_expire_with_the_session_of_their_source,
            event: every_name_and_error_reads_back,
            event: events_are_listed_oldest_first_for_one_participant,
            records: records_of_a_deleted_stage_are_dropped,
            records: records_of_an_unknown_session_are_dropped,
            records: a_batch_applied_twice_is_applied_once,
            records: a_deleted_stage_takes_everything_with_it,
            records: secrets_are_made_once,
        );
    };
    ($open:path; $($area:ident: $case:ident,)*) => {
        $(#[tokio::test]
        async fn $case() {
            let (store, _kept) = $open().await;
            $crate::contract::$area::$case(&store).await;
        })*
    };
}

pub(crate) use suite;

/// Texts that break naive quoting, encoding or matching.
const NAUGHTY: &[&str] = &[
    "",
    " ",
    "' OR '1'='1",
    "'; DROP TABLE stage; --",
    "\"; DELETE FROM secret; --",
    "?1 :name @x $y %s {0}",
    "100%_*[a-z]",
    "\\\\ \\n \\u0000",
    "nul\0inside",
    "NULL",
    "null",
    "0x1F",
    "1e400",
    "\u{202e}right to left\u{200b}",
    "e\u{301} \u{e9}",
    "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467} \u{10ffff}",
    "line\r\nbreak\ttab\u{7f}\u{1b}[31m",
    "{\"a\":[1,2,\"",
    "</script><script>",
];

fn at(seconds: i64) -> Timestamp {
    Timestamp::new(1_700_000_000 + seconds, 123_456_789).unwrap()
}

fn arn_in(account: &str, region: &str, id: &str) -> StageArn {
    StageArn {
        region: Region::parse(region).unwrap(),
        account: AccountId::parse(account).unwrap(),
        id: StageId::parse(id).unwrap(),
    }
}

fn arn(id: &str) -> StageArn {
    arn_in("111122223333", "us-west-2", id)
}

fn stage_in(account: &str, region: &str, id: &str) -> Stage {
    Stage {
        arn: arn_in(account, region, id),
        name: "a stage".to_owned(),
        tags: BTreeMap::new(),
        created: at(0),
        active_session: None,
        recording: RecordingConfiguration::default(),
    }
}

fn stage(id: &str) -> Stage {
    stage_in("111122223333", "us-west-2", id)
}

async fn insert(store: &dyn Store, id: &str) -> StageArn {
    store.stage_insert(&stage(id), 1_000).await.unwrap();
    arn(id)
}

fn public_key_in(account: &str, region: &str, id: &str) -> PublicKey {
    let StageArn {
        region, account, ..
    } = arn_in(account, region, "x");
    PublicKey {
        arn: PublicKeyArn {
            region,
            account,
            id: ResourceId::parse(id).unwrap(),
        },
        name: "a public key".to_owned(),
        material: "PEM\n".to_owned(),
        spki: id.as_bytes().to_vec(),
        fingerprint: "00:11".to_owned(),
        tags: BTreeMap::new(),
        created: at(0),
    }
}

pub(crate) fn ingest_in(account: &str, region: &str, id: &str) -> IngestConfiguration {
    let StageArn {
        region, account, ..
    } = arn_in(account, region, "x");
    IngestConfiguration {
        arn: IngestConfigurationArn {
            region,
            account,
            id: ResourceId::parse(id).unwrap(),
        },
        name: "an ingest configuration".to_owned(),
        protocol: IngestProtocol::Rtmps,
        insecure: false,
        stage: None,
        participant: person(&format!("participant-{id}")),
        active: false,
        stream_key: StreamKey::new(format!("key-{id}")),
        credentials: Vec::new(),
        user_id: String::new(),
        attributes: BTreeMap::new(),
        tags: BTreeMap::new(),
        created: at(0),
    }
}

fn encoder_in(account: &str, region: &str, id: &str) -> EncoderConfiguration {
    let StageArn {
        region, account, ..
    } = arn_in(account, region, "x");
    EncoderConfiguration {
        arn: EncoderConfigurationArn {
            region,
            account,
            id: ResourceId::parse(id).unwrap(),
        },
        name: "an encoder configuration".to_owned(),
        video: Video::default(),
        tags: BTreeMap::new(),
        created: at(0),
    }
}

fn storage_in(account: &str, region: &str, id: &str) -> StorageConfiguration {
    let StageArn {
        region, account, ..
    } = arn_in(account, region, "x");
    StorageConfiguration {
        arn: StorageConfigurationArn {
            region,
            account,
            id: ResourceId::parse(id).unwrap(),
        },
        name: "a storage configuration".to_owned(),
        bucket: "recordings".to_owned(),
        tags: BTreeMap::new(),
        created: at(0),
    }
}

async fn insert_storage(store: &dyn Store, id: &str) -> StorageConfigurationArn {
    let configuration = storage_in("111122223333", "us-west-2", id);
    store
        .storage_configuration_insert(&configuration, 1_000)
        .await
        .unwrap();
    configuration.arn
}

fn session_id(number: u32) -> SessionId {
    SessionId::parse(&format!("st-{number:013}")).unwrap()
}

fn person(id: &str) -> ParticipantId {
    ParticipantId::parse(id).unwrap()
}

fn started(stage: &StageArn, number: u32, start: Timestamp) -> Record {
    Record::SessionStarted(Session {
        stage: stage.clone(),
        id: session_id(number),
        start,
        end: None,
    })
}

fn ended(stage: &StageArn, number: u32, end: Timestamp) -> Record {
    Record::SessionEnded {
        stage: stage.clone(),
        session: session_id(number),
        end,
    }
}

fn participant_of(stage: &StageArn, session: u32, id: &str, first_join: Timestamp) -> Participant {
    Participant {
        stage: stage.clone(),
        session: session_id(session),
        id: person(id),
        user_id: String::new(),
        attributes: BTreeMap::new(),
        state: ParticipantState::Connected,
        first_join,
        published: false,
        publishing: false,
        protocol: Protocol::Unknown,
        ingest: None,
        client: ClientInfo::default(),
        replication: None,
    }
}

fn joined(stage: &StageArn, session: u32, id: &str, first_join: Timestamp) -> Record {
    Record::Participant(participant_of(stage, session, id, first_join))
}

fn event_of(stage: &StageArn, session: u32, id: &str, sequence: u64, name: EventName) -> Event {
    Event {
        stage: stage.clone(),
        session: session_id(session),
        participant: person(id),
        sequence,
        time: at(i64::try_from(sequence).unwrap()),
        name,
        remote: None,
        error: None,
        exchange: None,
        replica: false,
        destination: None,
    }
}

fn happened(stage: &StageArn, session: u32, id: &str, sequence: u64, name: EventName) -> Record {
    Record::Event(event_of(stage, session, id, sequence, name))
}

fn page(limit: u32) -> PageRequest {
    PageRequest { after: None, limit }
}

/// Reads a list page by page; `between` happens before each further page.
async fn read_all<T>(
    limit: u32,
    mut read: impl AsyncFnMut(PageRequest) -> Result<Page<T>, StoreError>,
    mut between: impl AsyncFnMut(usize),
) -> Vec<T> {
    let mut items = Vec::new();
    let mut after: Option<Position> = None;
    for turn in 0.. {
        if turn > 0 {
            between(turn).await;
        }
        let page = read(PageRequest { after, limit }).await.unwrap();
        assert!(page.items.len() <= usize::try_from(limit).unwrap());
        items.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
        assert!(turn < 1_000, "the list does not end");
    }
    items
}
