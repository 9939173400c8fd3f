//! Replications by the session of their source.

use model::{Record, Replica, StageArn};

use super::{
    arn, at, ended, insert, joined, page, person, read_all, session_id, stage_in, started,
};
use crate::Store;

/// A replication of `who` from the session `session` of `from` to the session `there` of `to`.
fn replica(from: (&StageArn, u32), who: &str, to: (&StageArn, u32), is_active: bool) -> Replica {
    let ((source, session), (destination, there)) = (from, to);
    Replica {
        source_stage: source.clone(),
        source_session: session_id(session),
        participant: person(who),
        destination_stage: destination.clone(),
        destination_session: session_id(there),
        is_active,
    }
}

async fn apply(store: &dyn Store, replicas: &[Replica]) {
    let records: Vec<_> = replicas.iter().cloned().map(Record::Replica).collect();
    store.records_apply(&records).await.unwrap();
}

async fn list(store: &dyn Store, source: &StageArn, session: u32, who: &str) -> Vec<Replica> {
    let session = session_id(session);
    let page = store
        .replica_list(source, &session, &person(who), &page(100))
        .await
        .unwrap();
    assert_eq!(page.next, None);
    page.items
}

pub(crate) async fn replications_of_a_participant_are_listed_by_destination(store: &dyn Store) {
    let one = insert(store, "one").await;
    let two = insert(store, "two").await;
    let starts = [
        started(&one, 1, at(0)),
        started(&one, 2, at(1)),
        started(&two, 3, at(0)),
    ];
    store.records_apply(&starts).await.unwrap();
    let long = arn(&"z".repeat(64));
    let destinations = [arn("a"), arn("b"), arn("c"), arn("d"), long];
    let mut expected = Vec::new();
    for (number, destination) in (10..).zip(&destinations) {
        let is_active = number % 2 == 0;
        expected.push(replica((&one, 1), "ana", (destination, number), is_active));
    }
    let mut written: Vec<_> = expected.iter().rev().cloned().collect();
    // Another participant, another session, another stage.
    written.push(replica((&one, 1), "ben", (&destinations[0], 10), true));
    written.push(replica((&one, 2), "ana", (&destinations[0], 10), true));
    written.push(replica((&two, 3), "ana", (&destinations[0], 10), true));
    apply(store, &written).await;
    assert_eq!(list(store, &one, 1, "ana").await, expected);
    for limit in 1..=6 {
        let seen = read_all(
            limit,
            async |request| {
                store
                    .replica_list(&one, &session_id(1), &person("ana"), &request)
                    .await
            },
            async |_| apply(store, &expected).await,
        )
        .await;
        assert_eq!(seen, expected, "in pages of {limit}");
    }
    for (source, session, who, count) in [
        (&one, 1, "ben", 1),
        (&one, 2, "ana", 1),
        (&two, 3, "ana", 1),
        (&two, 1, "ana", 0),
        (&one, 1, "Ana", 0),
        (&one, 9, "ana", 0),
        (&arn("nowhere"), 1, "ana", 0),
    ] {
        let found = list(store, source, session, who).await;
        assert_eq!(found.len(), count, "{source} {session} {who}");
    }
}

pub(crate) async fn a_replication_that_begins_anew_takes_the_place_of_the_older_one(
    store: &dyn Store,
) {
    let one = insert(store, "one").await;
    let two = arn("two");
    let starts = [started(&one, 1, at(0))];
    store.records_apply(&starts).await.unwrap();
    for (there, is_active) in [(2, true), (2, false), (3, true), (3, true), (3, false)] {
        let stands = replica((&one, 1), "ana", (&two, there), is_active);
        apply(store, std::slice::from_ref(&stands)).await;
        assert_eq!(list(store, &one, 1, "ana").await, [stands]);
    }
}

/// From where, to where and who; whether that is known.
async fn assert_known(store: &dyn Store, rows: &[(&StageArn, &StageArn, &str, bool)]) {
    for (source, destination, who, expected) in rows {
        let known = store.replica_known(source, destination, &person(who)).await;
        assert_eq!(known.unwrap(), *expected, "{source} {destination} {who}");
    }
}

pub(crate) async fn replications_go_with_their_source_and_stay_without_their_destination(
    store: &dyn Store,
) {
    let one = insert(store, "one").await;
    let two = insert(store, "two").await;
    let other = stage_in("999999999999", "us-west-2", "one");
    store.stage_insert(&other, 10).await.unwrap();
    let starts = [
        started(&one, 1, at(0)),
        started(&two, 2, at(0)),
        started(&other.arn, 1, at(0)),
        joined(&one, 1, "ana", at(0)),
    ];
    store.records_apply(&starts).await.unwrap();
    let there = replica((&one, 1), "ana", (&two, 2), true);
    let back = replica((&two, 2), "ben", (&one, 1), false);
    apply(store, &[there.clone(), back.clone()]).await;
    assert_known(
        store,
        &[
            (&one, &two, "ana", true),
            (&two, &one, "ben", true),
            (&two, &one, "ana", false),
            (&one, &two, "ben", false),
            (&one, &one, "ana", false),
            (&other.arn, &two, "ana", false),
            (&arn("nowhere"), &two, "ana", false),
        ],
    )
    .await;
    store.stage_delete(&two).await.unwrap();
    assert_eq!(list(store, &one, 1, "ana").await, [there]);
    assert_eq!(list(store, &two, 2, "ben").await, []);
    // What comes late has no owner, and a stage that takes the name inherits nothing.
    apply(store, &[back]).await;
    insert(store, "two").await;
    assert_eq!(list(store, &two, 2, "ben").await, []);
    assert_known(
        store,
        &[(&one, &two, "ana", true), (&two, &one, "ben", false)],
    )
    .await;
}

pub(crate) async fn replications_expire_with_the_session_of_their_source(store: &dyn Store) {
    let one = insert(store, "one").await;
    let two = insert(store, "two").await;
    let records = [
        started(&one, 1, at(0)),
        ended(&one, 1, at(10)),
        started(&one, 2, at(20)),
        started(&two, 3, at(0)),
        ended(&two, 3, at(10)),
    ];
    store.records_apply(&records).await.unwrap();
    let over = replica((&one, 1), "ana", (&two, 3), false);
    let kept = replica((&one, 2), "ana", (&two, 3), true);
    apply(store, &[over, kept.clone()]).await;
    let replica_of_ben = replica((&one, 1), "ben", (&two, 3), false);
    apply(store, &[replica_of_ben]).await;
    assert_eq!(store.session_expire(at(11)).await.unwrap(), 2);
    assert_eq!(list(store, &one, 1, "ana").await, []);
    assert_eq!(list(store, &one, 2, "ana").await, [kept]);
    assert_known(
        store,
        &[(&one, &two, "ana", true), (&one, &two, "ben", false)],
    )
    .await;
}
