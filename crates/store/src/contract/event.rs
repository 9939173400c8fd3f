//! Events.

use std::collections::BTreeMap;

use model::{Capabilities, ErrorCode, EventName, Exchange, ExchangedToken, Record};

use super::{arn, at, event_of, happened, insert, page, person, read_all, session_id, started};
use crate::Store;

pub(crate) async fn every_name_and_error_reads_back(store: &dyn Store) {
    let one = insert(store, "one").await;
    store
        .records_apply(&[started(&one, 1, at(0))])
        .await
        .unwrap();
    let mut written = Vec::new();
    for (sequence, name) in (1..).zip(EventName::ALL) {
        written.push(event_of(&one, 1, "ana", sequence, *name));
    }
    for (sequence, code) in (100..).zip(ErrorCode::ALL) {
        let mut event = event_of(&one, 1, "ana", sequence, EventName::SubscribeError);
        event.error = Some(*code);
        event.remote = Some(person("ben"));
        written.push(event);
    }
    let token = |publish, user_id: &str, seconds| ExchangedToken {
        capabilities: Capabilities {
            publish,
            subscribe: true,
        },
        user_id: user_id.to_owned(),
        attributes: BTreeMap::from([("näme".to_owned(), user_id.to_owned())]),
        expires: at(seconds),
    };
    let mut exchanged = event_of(&one, 1, "ana", 200, EventName::TokenExchanged);
    exchanged.exchange = Some(Box::new(Exchange {
        previous: token(true, "", 5),
        new: token(false, "\"quoted\"", 7),
    }));
    written.push(exchanged);
    let mut replicated = event_of(&one, 1, "ana", 201, EventName::ReplicationStarted);
    replicated.destination = Some((arn("two"), session_id(7)));
    written.push(replicated);
    let mut received = event_of(&one, 1, "ana", 202, EventName::SubscribeStarted);
    received.remote = Some(person("ben"));
    received.replica = true;
    written.push(received);
    let records: Vec<_> = written.iter().cloned().map(Record::Event).collect();
    store.records_apply(&records).await.unwrap();
    let list = store
        .event_list(&one, &session_id(1), &person("ana"), &page(100))
        .await
        .unwrap();
    assert_eq!(list.items, written);
    assert_eq!(list.next, None);
}

pub(crate) async fn events_are_listed_oldest_first_for_one_participant(store: &dyn Store) {
    let one = insert(store, "one").await;
    store
        .records_apply(&[
            started(&one, 1, at(0)),
            started(&one, 2, at(0)),
            happened(&one, 2, "ana", 1, EventName::Joined),
        ])
        .await
        .unwrap();
    // All at one time: the sequence decides, and it is numeric (9 before 10).
    let mut records = Vec::new();
    for sequence in 1..=24 {
        let who = if sequence % 2 == 0 { "ana" } else { "ben" };
        let mut event = event_of(&one, 1, who, sequence, EventName::PublishStarted);
        event.time = at(7);
        records.push(Record::Event(event));
    }
    store.records_apply(&records).await.unwrap();
    let seen = read_all(
        5,
        async |request| {
            store
                .event_list(&one, &session_id(1), &person("ana"), &request)
                .await
        },
        async |turn| {
            let sequence = 100 + u64::try_from(turn).unwrap();
            let late = happened(&one, 1, "ana", sequence, EventName::Left);
            store.records_apply(&[late]).await.unwrap();
        },
    )
    .await;
    let sequences: Vec<_> = seen.iter().map(|event| event.sequence).collect();
    let expected: Vec<u64> = (1..=12).map(|half| 2 * half).chain(101..=102).collect();
    assert_eq!(sequences, expected);
}
