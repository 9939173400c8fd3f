//! Batches of records, deletion, secrets.

use futures_util::future::join_all;
use model::{EventName, Record};

use super::{
    arn, at, ended, event_of, happened, insert, joined, page, participant_of, person, session_id,
    started,
};
use crate::{ParticipantFilter, Store, StoreError};

pub(crate) async fn records_of_a_deleted_stage_are_dropped(store: &dyn Store) {
    let gone = insert(store, "gone").await;
    let kept = insert(store, "kept").await;
    store
        .records_apply(&[started(&gone, 1, at(0))])
        .await
        .unwrap();
    store.stage_delete(&gone).await.unwrap();
    store
        .records_apply(&[
            joined(&gone, 1, "ana", at(1)),
            happened(&gone, 1, "ana", 1, EventName::Joined),
            started(&kept, 2, at(1)),
            started(&gone, 3, at(1)),
            joined(&gone, 3, "ana", at(1)),
            ended(&gone, 1, at(2)),
            joined(&kept, 2, "ben", at(1)),
        ])
        .await
        .unwrap();
    let live = store.session_live().await.unwrap();
    assert_eq!(live.len(), 1);
    assert_eq!(live[0].connected[0].participant.id, person("ben"));
    // Were there rows without an owner, a stage with the same ARN could inherit them.
    insert(store, "gone").await;
    let sessions = store.session_list(&gone, &page(10)).await.unwrap();
    assert!(sessions.items.is_empty());
    let known = store.participant_known(&gone, &person("ana")).await;
    assert_eq!(known.unwrap(), None);
}

pub(crate) async fn records_of_an_unknown_session_are_dropped(store: &dyn Store) {
    let one = insert(store, "one").await;
    store
        .records_apply(&[
            joined(&one, 9, "ana", at(1)),
            happened(&one, 9, "ana", 1, EventName::Joined),
            ended(&one, 9, at(2)),
            started(&one, 1, at(3)),
        ])
        .await
        .unwrap();
    assert_eq!(store.session_get(&one, &session_id(9)).await.unwrap(), None);
    let known = store.participant_known(&one, &person("ana")).await;
    assert_eq!(known.unwrap(), None);
    let kept = store.session_get(&one, &session_id(1)).await.unwrap();
    assert!(kept.is_some());
}

pub(crate) async fn a_batch_applied_twice_is_applied_once(store: &dyn Store) {
    let one = insert(store, "one").await;
    let mut first = participant_of(&one, 1, "ana", at(1));
    first.publishing = true;
    let mut after = first.clone();
    after.publishing = false;
    after.published = true;
    let batch = [
        started(&one, 1, at(1)),
        Record::Participant(first),
        happened(&one, 1, "ana", 1, EventName::Joined),
        Record::Participant(after.clone()),
        happened(&one, 1, "ana", 2, EventName::Left),
        ended(&one, 1, at(3)),
        started(&one, 2, at(4)),
    ];
    for _ in 0..2 {
        store.records_apply(&batch).await.unwrap();
        let stage = store.stage_get(&one).await.unwrap().unwrap();
        assert_eq!(stage.active_session, Some(session_id(2)));
        let sessions = store.session_list(&one, &page(10)).await.unwrap();
        let ends: Vec<_> = sessions.items.iter().map(|session| session.end).collect();
        assert_eq!(ends, [None, Some(at(3))]);
        let list = store
            .participant_list(&one, &session_id(1), &ParticipantFilter::All, &page(10))
            .await
            .unwrap();
        assert_eq!(list.items, std::slice::from_ref(&after));
        let events = store
            .event_list(&one, &session_id(1), &person("ana"), &page(10))
            .await
            .unwrap();
        assert_eq!(
            events.items,
            [
                event_of(&one, 1, "ana", 1, EventName::Joined),
                event_of(&one, 1, "ana", 2, EventName::Left)
            ]
        );
    }
    store.records_apply(&[]).await.unwrap();
}

pub(crate) async fn a_deleted_stage_takes_everything_with_it(store: &dyn Store) {
    let gone = insert(store, "gone").await;
    let kept = insert(store, "kept").await;
    for stage in [&gone, &kept] {
        store
            .records_apply(&[
                started(stage, 1, at(0)),
                joined(stage, 1, "ana", at(1)),
                happened(stage, 1, "ana", 1, EventName::Joined),
            ])
            .await
            .unwrap();
        store
            .participant_ban(stage, &person("bad"), at(1))
            .await
            .unwrap();
    }
    store.stage_delete(&gone).await.unwrap();
    let again = store.stage_delete(&gone).await;
    assert!(matches!(again, Err(StoreError::NotFound)));

    assert_eq!(store.stage_get(&gone).await.unwrap(), None);
    let left = store.stage_all().await.unwrap();
    assert_eq!(left, [(kept.clone(), vec![person("bad")])]);
    let session = session_id(1);
    assert_eq!(store.session_get(&gone, &session).await.unwrap(), None);
    let participant = store.participant_get(&gone, &session, &person("ana")).await;
    assert_eq!(participant.unwrap(), None);
    for (stage, count) in [(&gone, 0), (&kept, 1), (&arn("absent"), 0)] {
        let events = store
            .event_list(stage, &session, &person("ana"), &page(10))
            .await
            .unwrap();
        assert_eq!(events.items.len(), count, "{stage}");
    }
}

pub(crate) async fn secrets_are_made_once(store: &dyn Store) {
    let candidates: Vec<Vec<u8>> = (0..20_u8).map(|byte| vec![byte, 0, 255]).collect();
    let results = join_all(
        candidates
            .iter()
            .map(|fresh| store.secret_get_or_insert("key", fresh)),
    )
    .await;
    let secrets: Vec<_> = results.into_iter().map(Result::unwrap).collect();
    assert!(candidates.contains(&secrets[0]));
    assert!(secrets.iter().all(|secret| *secret == secrets[0]));
    let other = store.secret_get_or_insert("other", b"").await.unwrap();
    assert_eq!(other, b"");
    let other = store.secret_get_or_insert("other", b"late").await.unwrap();
    assert_eq!(other, b"");
}
