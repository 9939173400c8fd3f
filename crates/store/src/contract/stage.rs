//! Stages: identity, quota, order.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use model::{RecordingConfiguration, StageId, ThumbnailConfiguration};

use super::{
    NAUGHTY, arn, arn_in, at, insert, insert_storage, joined, page, person, read_all, session_id,
    stage, stage_of, started,
};
use crate::{PageRequest, ParticipantFilter, Position, StageChange, Store, StoreError};

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

pub(crate) async fn a_second_stage_with_the_same_arn_is_refused(store: &dyn Store) {
    let first = stage("same");
    store.stage_insert(&first, 10).await.unwrap();
    let mut second = first.clone();
    second.name = "another".into();
    let refused = store.stage_insert(&second, 10).await;
    assert!(matches!(refused, Err(StoreError::AlreadyExists)));
    assert_eq!(store.stage_get(&first.arn).await.unwrap(), Some(first));
}

pub(crate) async fn t16_a_quota_holds_when_many_insert_at_once(store: &dyn Store) {
    let stages: Vec<_> = (0..40).map(|number| stage(&format!("s{number}"))).collect();
    let results = join_all(stages.iter().map(|stage| store.stage_insert(stage, 7))).await;
    let inserted = results.iter().filter(|result| result.is_ok()).count();
    assert_eq!(inserted, 7);
    for result in results.into_iter().filter_map(Result::err) {
        assert!(
            matches!(result, StoreError::QuotaExceeded { max: 7 }),
            "{result}"
        );
    }
    assert_eq!(store.stage_all().await.unwrap().len(), 7);
}

pub(crate) async fn a_quota_counts_one_account_in_one_region(store: &dyn Store) {
    let places = [
        ("111122223333", "us-west-2"),
        ("111122223333", "eu-west-1"),
        ("999988887777", "us-west-2"),
    ];
    for (account, region) in places {
        let first = stage_of(arn_in(account, region, "one"));
        store.stage_insert(&first, 1).await.unwrap();
        let second = stage_of(arn_in(account, region, "two"));
        let refused = store.stage_insert(&second, 1).await;
        assert!(matches!(refused, Err(StoreError::QuotaExceeded { max: 1 })));
    }
    store
        .stage_delete(&arn_in(places[0].0, places[0].1, "one"))
        .await
        .unwrap();
    store.stage_insert(&stage("two"), 1).await.unwrap();
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

pub(crate) async fn lists_hold_one_account_and_region(store: &dyn Store) {
    for (account, region) in [
        ("111122223333", "us-west-2"),
        ("111122223333", "us-west-1"),
        ("111122223334", "us-west-2"),
    ] {
        let one = stage_of(arn_in(account, region, "one"));
        store.stage_insert(&one, 10).await.unwrap();
    }
    let mine = arn("one");
    let list = store
        .stage_list(&mine.account, &mine.region, &page(100))
        .await
        .unwrap();
    assert_eq!(list.items, [stage("one")]);
    assert_eq!(list.next, None);
}

pub(crate) async fn pages_are_complete_while_others_insert_and_delete(store: &dyn Store) {
    // Few creation times for many stages: ids decide among equals.
    let created = |number: usize| at(i64::try_from(number % 3).unwrap());
    let write = async |name: String, number: usize| {
        let mut one = stage(&name);
        one.created = created(number);
        store.stage_insert(&one, 1_000).await.unwrap();
    };
    for number in 0..25 {
        write(format!("m{number:02}"), number).await;
    }
    let place = arn("x");
    let seen = read_all(
        4,
        async |request| {
            store
                .stage_list(&place.account, &place.region, &request)
                .await
        },
        async |turn| {
            write(format!("a{turn:02}"), turn).await;
            write(format!("z{turn:02}"), turn).await;
            // The last one of the page before is among the deleted ones: its key still tells where to go on.
            let gone = format!("m{:02}", turn - 1);
            store.stage_delete(&arn(&gone)).await.unwrap();
        },
    )
    .await;

    let keys: Vec<_> = seen
        .iter()
        .map(|stage| (stage.created, stage.arn.id.clone()))
        .collect();
    assert!(keys.is_sorted(), "{keys:?}");
    let unique: BTreeSet<_> = keys.iter().map(|(_, id)| id.clone()).collect();
    assert_eq!(unique.len(), keys.len(), "an item came twice");
    for (arn, _) in store.stage_all().await.unwrap() {
        if arn.id.as_str().starts_with('m') {
            assert!(unique.contains(&arn.id), "{arn} is missing");
        }
    }
}

pub(crate) async fn a_page_holds_1_to_100_items(store: &dyn Store) {
    for number in 0..103 {
        insert(store, &format!("s{number:03}")).await;
    }
    let place = arn("x");
    for (limit, size) in [
        (0, 1),
        (1, 1),
        (50, 50),
        (100, 100),
        (101, 100),
        (u32::MAX, 100),
    ] {
        let list = store
            .stage_list(&place.account, &place.region, &page(limit))
            .await
            .unwrap();
        assert_eq!(list.items.len(), size, "limit {limit}");
        assert!(list.next.is_some());
    }
    let all = read_all(
        100,
        async |request| {
            store
                .stage_list(&place.account, &place.region, &request)
                .await
        },
        async |_| {},
    )
    .await;
    assert_eq!(all.len(), 103);
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
    let results = [
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
