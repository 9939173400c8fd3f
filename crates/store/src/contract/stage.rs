//! Stages: identity, quota, order.

use futures_util::future::join_all;
use model::{RecordingConfiguration, StageId, ThumbnailConfiguration};

use super::{
    NAUGHTY, arn, at, insert, insert_storage, joined, page, person, session_id, stage, started,
};
use crate::{
    IngestFilter, PageRequest, ParticipantFilter, Position, StageChange, Store, StoreError,
};

pub(crate) async fn a_stage_reads_back_as_it_was_written(store: &dyn Store) {
    let mut written = stage("abcdABCDefgh");
    written.tags.insert("team".into(), "video".into());
    written.active_session = Some(session_id(1));
    written.recording = RecordingConfiguration {
        storage_configuration_arn: insert_storage(store, "x").await.to_string(),
        media_types: vec!["AUDIO_ONLY".into()],
        thumbnail: ThumbnailConfiguration {
            interval_seconds: 86_400,
            storage: vec!["SEQUENTIAL".into(), "LATEST".into()],
            recording_mode: "INTERVAL".into(),
        },
        reconnect_window_seconds: 300,
        segment_seconds: 2,
        record_replicas: false,
    };
    store.stage_insert(&written, 10).await.unwrap();
    assert_eq!(store.stage_get(&written.arn).await.unwrap(), Some(written));
    assert_eq!(store.stage_get(&arn("other")).await.unwrap(), None);
}

pub(crate) async fn t14_hostile_text_is_stored_verbatim(store: &dyn Store) {
    for (number, text) in NAUGHTY.iter().enumerate() {
        let mut written = stage(&format!("naughty{number}"));
        written.name = (*text).to_owned();
        written
            .tags
            .insert(format!("key {text}"), (*text).to_owned());
        written.recording.media_types = vec![(*text).to_owned()];
        store.stage_insert(&written, 1_000).await.unwrap();
        let read = store.stage_get(&written.arn).await.unwrap();
        assert_eq!(read.as_ref(), Some(&written), "{text:?}");
    }
    let all = store.stage_all().await.unwrap();
    assert_eq!(all.len(), NAUGHTY.len());
}

pub(crate) async fn an_update_changes_name_and_recording_only(store: &dyn Store) {
    let mut original = stage("one");
    original.tags.insert("kept".into(), "yes".into());
    store.stage_insert(&original, 10).await.unwrap();
    store
        .records_apply(&[started(&original.arn, 1, at(1))])
        .await
        .unwrap();

    let mut expected = original.clone();
    expected.active_session = Some(session_id(1));
    let nothing = StageChange::default();
    let updated = store.stage_update(&original.arn, &nothing).await.unwrap();
    assert_eq!(updated, expected);

    let rename = StageChange {
        name: Some("renamed".into()),
        recording: None,
    };
    store.stage_update(&original.arn, &rename).await.unwrap();
    let mut recording = original.recording.clone();
    recording.segment_seconds = 10;
    let record = StageChange {
        name: None,
        recording: Some(recording),
    };
    let updated = store.stage_update(&original.arn, &record).await.unwrap();
    expected.name = "renamed".into();
    expected.recording.segment_seconds = 10;
    assert_eq!(updated, expected);
    assert_eq!(
        store.stage_get(&expected.arn).await.unwrap(),
        Some(expected)
    );
    let absent = store.stage_update(&stage("absent").arn, &rename).await;
    assert!(matches!(absent, Err(StoreError::NotFound)));
}

pub(crate) async fn t13_a_position_that_is_not_of_the_list_is_corrupt(store: &dyn Store) {
    for id in ["one", "two"] {
        insert(store, id).await;
    }
    let one = arn("one");
    let list = store
        .stage_list(&one.account, &one.region, &page(1))
        .await
        .unwrap();
    let of_stages = list.next.unwrap();
    let mut other_version = of_stages.clone();
    other_version.0[0] ^= 0x80;
    for bad in [
        other_version,
        Position(Vec::new()),
        Position(vec![0xFF; 2_000]),
        Position(b"' OR 1=1 --".to_vec()),
    ] {
        let request = PageRequest {
            after: Some(bad.clone()),
            limit: 10,
        };
        let result = store.stage_list(&one.account, &one.region, &request).await;
        assert!(
            matches!(result, Err(StoreError::Corrupt { what: "position" })),
            "{bad:?}"
        );
    }
    let request = PageRequest {
        after: Some(of_stages),
        limit: 10,
    };
    let session = session_id(1);
    let filter = ParticipantFilter::All;
    let (account, region) = (&one.account, &one.region);
    let results = [
        store.public_key_list(account, region, &request).await.err(),
        store
            .ingest_configuration_list(account, region, &IngestFilter::All, &request)
            .await
            .err(),
        store
            .ingest_configuration_list(account, region, &IngestFilter::Stage(one.clone()), &request)
            .await
            .err(),
        store
            .encoder_configuration_list(account, region, &request)
            .await
            .err(),
        store
            .storage_configuration_list(account, region, &request)
            .await
            .err(),
        store.session_list(&one, &request).await.err(),
        store
            .participant_list(&one, &session, &filter, &request)
            .await
            .err(),
        store
            .event_list(&one, &session, &person("ana"), &request)
            .await
            .err(),
    ];
    for result in results {
        assert!(matches!(
            result,
            Some(StoreError::Corrupt { what: "position" })
        ));
    }
}

pub(crate) async fn t16_racing_writers_leave_no_orphans(store: &dyn Store) {
    let stages: Vec<_> = (0..10).map(|number| stage(&format!("r{number}"))).collect();
    for stage in &stages {
        store.stage_insert(stage, 100).await.unwrap();
    }
    let outcomes = join_all((0..200).map(|number: u32| {
        let stage = &stages[usize::try_from(number).unwrap() % stages.len()];
        async move {
            let id = format!("p{number}");
            match number % 5 {
                0 if number >= 100 => store.stage_delete(&stage.arn).await,
                1 => {
                    let rename = StageChange {
                        name: Some(id),
                        recording: None,
                    };
                    store.stage_update(&stage.arn, &rename).await.map(drop)
                }
                2 => store.participant_ban(&stage.arn, &person(&id), at(1)).await,
                _ => {
                    let records = [
                        started(&stage.arn, number, at(0)),
                        joined(&stage.arn, number, &id, at(0)),
                    ];
                    store.records_apply(&records).await
                }
            }
        }
    }))
    .await;
    for outcome in outcomes.into_iter().filter_map(Result::err) {
        assert!(matches!(outcome, StoreError::NotFound), "{outcome}");
    }
    // Numbers 100, 105, ... delete the stages 0 and 5.
    let left: Vec<StageId> = store
        .stage_all()
        .await
        .unwrap()
        .into_iter()
        .map(|(arn, _)| arn.id)
        .collect();
    assert_eq!(left.len(), 8);
    for live in store.session_live().await.unwrap() {
        assert!(left.contains(&live.session.stage.id));
        assert_eq!(live.connected.len(), 1);
    }
}
