//! Sessions: the active one, their order, what a crash left, retention.

use model::{Event, EventName, ParticipantState, Record, Replica, Replication, StageArn};

use super::{
    arn, at, ended, event_of, happened, insert, joined, page, participant_of, person, read_all,
    session_id, started,
};
use crate::{ParticipantFilter, Store};

async fn active(store: &dyn Store, stage: &StageArn) -> Option<String> {
    let stage = store.stage_get(stage).await.unwrap().unwrap();
    stage.active_session.map(|id| id.to_string())
}

pub(crate) async fn starts_and_ends_move_the_active_session(store: &dyn Store) {
    let one = insert(store, "one").await;
    let two = insert(store, "two").await;
    let steps = [
        (started(&one, 1, at(1)), Some(1)),
        (ended(&one, 1, at(2)), None),
        // A start that comes again after the end changes nothing.
        (started(&one, 1, at(1)), None),
        (started(&one, 2, at(3)), Some(2)),
        // The end of a session that is not the active one leaves the active one.
        (ended(&one, 1, at(2)), Some(2)),
        (ended(&one, 2, at(4)), None),
    ];
    for (record, expected) in steps {
        store
            .records_apply(std::slice::from_ref(&record))
            .await
            .unwrap();
        let expected = expected.map(|number| session_id(number).to_string());
        assert_eq!(active(store, &one).await, expected, "{record:?}");
    }
    assert_eq!(active(store, &two).await, None);
    let first = store
        .session_get(&one, &session_id(1))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((first.start, first.end), (at(1), Some(at(2))));
    let elsewhere = store.session_get(&two, &session_id(1)).await.unwrap();
    assert_eq!(elsewhere, None);
}

pub(crate) async fn sessions_are_listed_newest_first(store: &dyn Store) {
    let one = insert(store, "one").await;
    let begin = async |number: u32, start: i64| {
        let records = [
            started(&one, number, at(start)),
            ended(&one, number, at(start)),
        ];
        store.records_apply(&records).await.unwrap();
    };
    // Starts come in threes; ids decide among equals.
    for number in 0..11 {
        begin(number, i64::from(number / 3)).await;
    }
    let seen = read_all(
        2,
        async |request| store.session_list(&one, &request).await,
        async |turn| begin(100 + u32::try_from(turn).unwrap(), 50).await,
    )
    .await;
    let numbers: Vec<_> = seen.iter().map(|session| session.id.to_string()).collect();
    let expected: Vec<_> = (0..11)
        .rev()
        .map(|number| session_id(number).to_string())
        .collect();
    assert_eq!(numbers, expected, "what begins meanwhile is newer than all");

    let none = store.session_list(&arn("absent"), &page(5)).await.unwrap();
    assert!(none.items.is_empty() && none.next.is_none());
}

fn subscribed(stage: &StageArn, who: &str, remote: &str, sequence: u64, on: bool) -> Record {
    let name = if on {
        EventName::SubscribeStarted
    } else {
        EventName::SubscribeStopped
    };
    Record::Event(Event {
        remote: Some(person(remote)),
        ..event_of(stage, 1, who, sequence, name)
    })
}

pub(crate) async fn live_sessions_know_who_was_connected_and_receiving_what(store: &dyn Store) {
    let one = insert(store, "one").await;
    let mut left = participant_of(&one, 1, "gone", at(1));
    left.state = ParticipantState::Disconnected;
    let mut publisher = participant_of(&one, 1, "pub", at(3));
    publisher.publishing = true;
    publisher.published = true;
    store
        .records_apply(&[
            started(&one, 1, at(1)),
            Record::Participant(left),
            Record::Participant(publisher.clone()),
            joined(&one, 1, "ana", at(2)),
            happened(&one, 1, "ana", 1, EventName::Joined),
            subscribed(&one, "ana", "pub", 2, true),
            subscribed(&one, "ana", "x", 3, true),
            subscribed(&one, "gone", "pub", 4, true),
            subscribed(&one, "ana", "x", 5, false),
            subscribed(&one, "ana", "pub", 6, false),
            subscribed(&one, "ana", "pub", 7, true),
            subscribed(&one, "ana", "a", 8, true),
            // A failed attempt is neither a start nor a stop.
            happened(&one, 1, "pub", 9, EventName::SubscribeError),
            // A finished session is not live.
            started(&insert(store, "two").await, 2, at(1)),
            ended(&arn("two"), 2, at(2)),
        ])
        .await
        .unwrap();
    let live = store.session_live().await.unwrap();
    assert_eq!(live.len(), 1);
    assert_eq!(live[0].session.id, session_id(1));
    assert_eq!(live[0].session.stage, one);
    assert_eq!(live[0].last_sequence, 9);
    let connected: Vec<_> = live[0]
        .connected
        .iter()
        .map(|one| (one.participant.id.clone(), one.subscribed.clone()))
        .collect();
    assert_eq!(
        connected,
        [
            (person("ana"), vec![person("a"), person("pub")]),
            (person("pub"), vec![])
        ]
    );
    assert_eq!(live[0].connected[1].participant, publisher);
}

pub(crate) async fn live_sessions_know_what_was_replicated(store: &dyn Store) {
    let one = insert(store, "one").await;
    let replica = |who: &str, to: &str, session: u32, is_active: bool| Replica {
        source_stage: one.clone(),
        source_session: session_id(1),
        participant: person(who),
        destination_stage: arn(to),
        destination_session: session_id(session),
        is_active,
    };
    let record = |who: &str, state, replication| {
        let mut participant = participant_of(&one, 1, who, at(1));
        participant.state = state;
        participant.replication = Some(replication);
        participant
    };
    let source = |is_active| Replication::Source { is_active };
    let received = |is_active| Replication::Replica {
        is_active,
        source_stage: arn("three"),
        source_session: session_id(3),
    };
    let connected = record("ana", ParticipantState::Connected, source(true));
    let away = [
        record("ben", ParticipantState::Disconnected, source(true)),
        record("cleo", ParticipantState::Disconnected, received(true)),
    ];
    let gone = [
        record("dan", ParticipantState::Disconnected, source(false)),
        record("eve", ParticipantState::Disconnected, received(false)),
    ];
    let mut records = vec![started(&one, 1, at(1))];
    records.extend(
        [&connected]
            .into_iter()
            .chain(&away)
            .chain(&gone)
            .cloned()
            .map(Record::Participant),
    );
    records.extend(
        [
            replica("ana", "two", 2, true),
            replica("ana", "three", 3, true),
            replica("ben", "two", 2, true),
            replica("dan", "two", 2, true),
            replica("ana", "three", 3, false),
            replica("dan", "two", 2, false),
            // It began anew, in another session there.
            replica("ana", "two", 2, false),
            replica("ana", "two", 4, true),
        ]
        .map(Record::Replica),
    );
    store.records_apply(&records).await.unwrap();
    let [live] = store.session_live().await.unwrap().try_into().unwrap();
    assert_eq!(live.connected[0].participant, connected);
    assert_eq!(live.away, away);
    let active = [
        replica("ana", "two", 4, true),
        replica("ben", "two", 2, true),
    ];
    assert_eq!(live.replicas, active);
}

pub(crate) async fn a_live_session_was_last_seen_at_its_latest_sign_of_life(store: &dyn Store) {
    let one = insert(store, "one").await;
    let last_seen = async || store.session_live().await.unwrap()[0].last_seen;
    store
        .records_apply(&[started(&one, 1, at(100))])
        .await
        .unwrap();
    let live = store.session_live().await.unwrap();
    assert_eq!((live[0].last_seen, live[0].last_sequence), (at(100), 0));
    store.heartbeat(at(50)).await.unwrap();
    assert_eq!(last_seen().await, at(100), "the start is later");
    store.heartbeat(at(150)).await.unwrap();
    assert_eq!(last_seen().await, at(150));
    store
        .records_apply(&[happened(&one, 1, "ana", 200, EventName::Joined)])
        .await
        .unwrap();
    assert_eq!(last_seen().await, at(200), "an event is later");
    store.heartbeat(at(201)).await.unwrap();
    assert_eq!(last_seen().await, at(201));
}

pub(crate) async fn sessions_expire_by_their_end(store: &dyn Store) {
    let one = insert(store, "one").await;
    // More than one transaction's worth, one at the limit, one after it, one live.
    for number in 0..20 {
        store
            .records_apply(&[
                started(&one, number, at(0)),
                joined(&one, number, "ana", at(0)),
                happened(&one, number, "ana", 1, EventName::Joined),
                ended(&one, number, at(10)),
            ])
            .await
            .unwrap();
    }
    store
        .records_apply(&[
            started(&one, 50, at(1)),
            ended(&one, 50, at(11)),
            started(&one, 51, at(1)),
            ended(&one, 51, at(12)),
            started(&one, 52, at(1)),
        ])
        .await
        .unwrap();
    assert_eq!(store.session_expire(at(11)).await.unwrap(), 20);
    assert_eq!(store.session_expire(at(11)).await.unwrap(), 0);
    let left = store.session_list(&one, &page(100)).await.unwrap();
    let ids: Vec<_> = left.items.into_iter().map(|session| session.id).collect();
    assert_eq!(ids, [session_id(52), session_id(51), session_id(50)]);
    let participants = store
        .participant_list(&one, &session_id(3), &ParticipantFilter::All, &page(10))
        .await
        .unwrap();
    assert!(participants.items.is_empty());
    let known = store.participant_known(&one, &person("ana")).await;
    assert_eq!(known.unwrap(), None);
}
