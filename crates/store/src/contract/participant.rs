//! Participants: filters, order, bans.

use model::{
    ClientInfo, Ingest, Participant, ParticipantState, Protocol, Record, Replication, StageArn,
};

use super::{
    NAUGHTY, arn, at, ended, ingest_in, insert, joined, page, participant_of, person, read_all,
    session_id, started,
};
use crate::{CameBy, ParticipantFilter, Store, StoreError};

async fn with_session(store: &dyn Store) -> StageArn {
    let one = insert(store, "one").await;
    store
        .records_apply(&[started(&one, 1, at(0))])
        .await
        .unwrap();
    one
}

async fn write(store: &dyn Store, participant: &Participant) {
    store
        .records_apply(&[Record::Participant(participant.clone())])
        .await
        .unwrap();
}

async fn read(store: &dyn Store, like: &Participant) -> Option<Participant> {
    store
        .participant_get(&like.stage, &like.session, &like.id)
        .await
        .unwrap()
}

pub(crate) async fn a_participant_reads_back_as_it_was_written(store: &dyn Store) {
    let one = with_session(store).await;
    let mut ana = participant_of(&one, 1, "aNa-_9", at(5));
    ana.user_id = "ana@example.org".into();
    ana.attributes.insert("colour".into(), "blue".into());
    ana.client = ClientInfo {
        isp_name: "isp".into(),
        os_name: "os".into(),
        os_version: "1.0".into(),
        browser_name: "browser".into(),
        browser_version: "2;3".into(),
        sdk_version: "1.2.3".into(),
    };
    let protocols = [
        Protocol::Unknown,
        Protocol::Whip,
        Protocol::Rtmp,
        Protocol::Rtmps,
    ];
    for protocol in protocols {
        ana.protocol = protocol;
        ana.published = protocol != Protocol::Unknown;
        ana.publishing = protocol == Protocol::Whip;
        write(store, &ana).await;
        assert_eq!(read(store, &ana).await.as_ref(), Some(&ana));
    }
    for redundant in [false, true] {
        ana.ingest = Some(Box::new(ingest("mine", redundant)));
        write(store, &ana).await;
        assert_eq!(read(store, &ana).await.as_ref(), Some(&ana));
    }
    let mut later = ana.clone();
    later.state = ParticipantState::Disconnected;
    later.first_join = at(60);
    write(store, &later).await;
    later.first_join = at(5);
    let stored = read(store, &ana).await;
    assert_eq!(stored, Some(later), "a later join does not move the first");

    let other_case = participant_of(&one, 1, "ANA-_9", at(5));
    assert_eq!(read(store, &other_case).await, None);
}

pub(crate) async fn what_has_been_published_is_not_taken_back(store: &dyn Store) {
    let one = with_session(store).await;
    let mut ana = participant_of(&one, 1, "ana", at(5));
    ana.published = true;
    ana.publishing = true;
    ana.protocol = Protocol::Whip;
    ana.ingest = Some(Box::new(ingest("mine", true)));
    write(store, &ana).await;
    let mut anew = participant_of(&one, 1, "ana", at(60));
    anew.user_id = "u".into();
    anew.published = false;
    anew.publishing = false;
    anew.protocol = Protocol::Unknown;
    write(store, &anew).await;
    let expected = Participant {
        first_join: at(5),
        published: true,
        protocol: Protocol::Whip,
        ingest: ana.ingest.clone(),
        ..anew
    };
    assert_eq!(read(store, &ana).await, Some(expected));
}

pub(crate) async fn t14_hostile_text_of_participants_is_stored_verbatim(store: &dyn Store) {
    let one = with_session(store).await;
    for (number, text) in NAUGHTY.iter().enumerate() {
        let mut naughty = participant_of(&one, 1, &format!("p{number}"), at(1));
        naughty.user_id = (*text).to_owned();
        naughty
            .attributes
            .insert((*text).to_owned(), (*text).to_owned());
        naughty.client.isp_name = (*text).to_owned();
        write(store, &naughty).await;
        let found = store
            .participant_list(
                &one,
                &session_id(1),
                &ParticipantFilter::UserId((*text).to_owned()),
                &page(100),
            )
            .await
            .unwrap();
        assert_eq!(found.items, [naughty], "{text:?}");
    }
}

pub(crate) async fn filters_select(store: &dyn Store) {
    let one = with_session(store).await;
    let people = [
        ("a", "u", false, ParticipantState::Connected),
        ("b", "u", true, ParticipantState::Disconnected),
        ("c", "U", true, ParticipantState::Connected),
        ("d", "", false, ParticipantState::Disconnected),
        ("e", "u", true, ParticipantState::Connected),
    ];
    for (id, user_id, published, state) in people {
        let mut person = participant_of(&one, 1, id, at(1));
        person.user_id = user_id.into();
        person.published = published;
        person.state = state;
        write(store, &person).await;
    }
    let cases = [
        (ParticipantFilter::All, "abcde"),
        (ParticipantFilter::UserId("u".into()), "abe"),
        (ParticipantFilter::UserId("U".into()), "c"),
        (ParticipantFilter::UserId(String::new()), "d"),
        (ParticipantFilter::UserId("%".into()), ""),
        (ParticipantFilter::Published(true), "bce"),
        (ParticipantFilter::Published(false), "ad"),
        (ParticipantFilter::State(ParticipantState::Connected), "ace"),
        (
            ParticipantFilter::State(ParticipantState::Disconnected),
            "bd",
        ),
        (ParticipantFilter::Nobody, ""),
    ];
    for (filter, expected) in cases {
        for limit in [1, 2, 100] {
            let found = read_all(
                limit,
                async |request| {
                    store
                        .participant_list(&one, &session_id(1), &filter, &request)
                        .await
                },
                async |_| {},
            )
            .await;
            let ids: String = found.iter().map(|one| one.id.as_str()).collect();
            assert_eq!(ids, expected, "{filter:?} by {limit}");
        }
    }
}

pub(crate) async fn participants_are_listed_by_first_join(store: &dyn Store) {
    let one = with_session(store).await;
    let join = async |id: String, first_join: i64| {
        store
            .records_apply(&[joined(&one, 1, &id, at(first_join))])
            .await
            .unwrap();
    };
    for number in 0..10_u8 {
        // The later the id in the alphabet, the earlier the join; pairs share a time.
        let id = char::from(b'k' - number);
        join(format!("{id}"), i64::from(number / 2)).await;
    }
    let found = read_all(
        3,
        async |request| {
            store
                .participant_list(&one, &session_id(1), &ParticipantFilter::All, &request)
                .await
        },
        async |turn| {
            join(format!("early{turn}"), -1).await;
            join(format!("late{turn}"), 100).await;
        },
    )
    .await;
    let ids: Vec<_> = found.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(
        ids[..10],
        ["j", "k", "h", "i", "f", "g", "d", "e", "b", "c"]
    );
    assert!(ids[10..].iter().all(|id| id.starts_with("late")), "{ids:?}");
}

pub(crate) async fn the_same_participant_in_two_sessions_is_two_records(store: &dyn Store) {
    let one = with_session(store).await;
    store
        .records_apply(&[
            started(&one, 2, at(9)),
            joined(&one, 1, "ana", at(1)),
            joined(&one, 2, "ana", at(9)),
        ])
        .await
        .unwrap();
    for (number, first_join) in [(1, at(1)), (2, at(9))] {
        let ana = participant_of(&one, number, "ana", first_join);
        assert_eq!(read(store, &ana).await, Some(ana));
    }
}

pub(crate) async fn a_participant_is_known_on_its_stage_only(store: &dyn Store) {
    let one = with_session(store).await;
    let two = insert(store, "two").await;
    store
        .records_apply(&[joined(&one, 1, "ana", at(1))])
        .await
        .unwrap();
    let cases = [
        (&one, "ana", Some(CameBy::Token)),
        (&one, "Ana", None),
        (&two, "ana", None),
        (&arn("absent"), "ana", None),
    ];
    for (stage, id, expected) in cases {
        let known = store.participant_known(stage, &person(id)).await.unwrap();
        assert_eq!(known, expected, "{id} on {stage}");
    }
}

pub(crate) async fn how_a_participant_came_to_a_stage_is_known_over_all_sessions(
    store: &dyn Store,
) {
    let one = with_session(store).await;
    let mut cam = participant_of(&one, 1, "cam", at(1));
    cam.ingest = Some(Box::new(ingest("mine", false)));
    write(store, &cam).await;
    let known = async || store.participant_known(&one, &cam.id).await.unwrap();
    assert_eq!(known().await, Some(CameBy::Ingest));
    let batch = [ended(&one, 1, at(2)), started(&one, 2, at(3))];
    store.records_apply(&batch).await.unwrap();
    let mut again = participant_of(&one, 2, "cam", at(4));
    again.ingest = Some(Box::new(ingest("other", true)));
    again.replication = Some(Replication::Source { is_active: true });
    write(store, &again).await;
    assert_eq!(known().await, Some(CameBy::Ingest));
    // No key of this stage brought it there as a replica, even if one has brought it before.
    let mut replica = again.clone();
    replica.replication = Some(Replication::Replica {
        is_active: true,
        source_stage: arn("elsewhere"),
        source_session: session_id(9),
    });
    write(store, &replica).await;
    assert_eq!(known().await, Some(CameBy::Token));
    write(store, &again).await;
    assert_eq!(known().await, Some(CameBy::Ingest));
    let batch = [
        ended(&one, 2, at(5)),
        started(&one, 3, at(6)),
        joined(&one, 3, "cam", at(7)),
    ];
    store.records_apply(&batch).await.unwrap();
    assert_eq!(known().await, Some(CameBy::Token));
}

pub(crate) async fn the_newest_session_of_a_participant_is_found_on_its_stage(store: &dyn Store) {
    let one = insert(store, "one").await;
    let two = insert(store, "two").await;
    let batch = [
        started(&one, 1, at(0)),
        joined(&one, 1, "ana", at(1)),
        joined(&one, 1, "ben", at(1)),
        ended(&one, 1, at(2)),
        started(&two, 2, at(9)),
        joined(&two, 2, "cem", at(9)),
        started(&one, 3, at(5)),
        joined(&one, 3, "ana", at(6)),
        ended(&one, 3, at(7)),
        // Nobody of them is in the newest one.
        started(&one, 4, at(8)),
        joined(&one, 4, "dan", at(8)),
    ];
    store.records_apply(&batch).await.unwrap();
    for (stage, id, expected) in [
        (&one, "ana", Some(3)),
        (&one, "ben", Some(1)),
        (&one, "dan", Some(4)),
        (&one, "cem", None),
        (&two, "cem", Some(2)),
        (&two, "ana", None),
        (&arn("absent"), "ana", None),
    ] {
        let found = store.participant_session(stage, &person(id)).await.unwrap();
        assert_eq!(found, expected.map(session_id), "{id} on {stage}");
    }
}

/// Through the configuration of this id, which is of the account and region of every stage here.
fn ingest(id: &str, redundant: bool) -> Ingest {
    let configuration = ingest_in("111122223333", "us-west-2", id).arn;
    Ingest {
        configuration,
        redundant,
    }
}

pub(crate) async fn bans_last_and_repeat(store: &dyn Store) {
    let one = insert(store, "one").await;
    let two = insert(store, "two").await;
    for id in ["b", "a", "b"] {
        store
            .participant_ban(&one, &person(id), at(1))
            .await
            .unwrap();
    }
    let all = store.stage_all().await.unwrap();
    assert_eq!(all, [(one, vec![person("a"), person("b")]), (two, vec![])]);
    let absent = store
        .participant_ban(&arn("absent"), &person("a"), at(1))
        .await;
    assert!(matches!(absent, Err(StoreError::NotFound)));
}
