//! Ingest configurations: keys, redundancy, the stage to which they publish.

use futures_util::future::{join, join_all};
use model::{IngestConfiguration, IngestCredential, IngestProtocol, Record, StageArn, StreamKey};

use super::{NAUGHTY, arn, arn_in, at, ingest_in, insert, page, person, read_all, stage_in};
use crate::{IngestChange, IngestFilter, Redundancy, Store, StoreError};

fn ingest(id: &str) -> IngestConfiguration {
    ingest_in("111122223333", "us-west-2", id)
}

async fn read(store: &dyn Store, id: &str) -> IngestConfiguration {
    let arn = ingest(id).arn;
    store.ingest_configuration_get(&arn).await.unwrap().unwrap()
}

fn move_to(stage: Option<StageArn>) -> IngestChange {
    IngestChange {
        stage: Some(stage),
        redundancy: None,
    }
}

fn redundant(key: &str) -> IngestChange {
    IngestChange {
        stage: None,
        redundancy: Some(Redundancy::On {
            participants: [person(&format!("{key}1")), person(&format!("{key}2"))],
            second_key: StreamKey::new(key.to_owned()),
        }),
    }
}

pub(crate) async fn t14_an_ingest_configuration_reads_back_as_it_was_written(store: &dyn Store) {
    let stage = insert(store, "one").await;
    for (number, text) in NAUGHTY.iter().enumerate() {
        let mut written = ingest(&format!("naughty{number}"));
        written.name = (*text).to_owned();
        written.protocol = [IngestProtocol::Rtmp, IngestProtocol::Rtmps][number % 2];
        written.insecure = number % 3 == 0;
        written.stage = (number % 2 == 0).then(|| stage.clone());
        written.stream_key = StreamKey::new((*text).to_owned());
        written.credentials = (0..number % 3)
            .map(|one| IngestCredential {
                participant: person(&format!("{number}-{one}")),
                stream_key: StreamKey::new(format!("{text} {one}")),
            })
            .collect();
        written.user_id = (*text).to_owned();
        written
            .attributes
            .insert((*text).to_owned(), (*text).to_owned());
        written.tags.insert(format!("key {text}"), (*text).into());
        store
            .ingest_configuration_insert(&written, 1_000)
            .await
            .unwrap();
        let read = store.ingest_configuration_get(&written.arn).await.unwrap();
        assert_eq!(read.as_ref(), Some(&written), "{text:?}");
    }
}

pub(crate) async fn an_update_moves_an_ingest_configuration_and_nothing_else(store: &dyn Store) {
    let stages = [insert(store, "one").await, insert(store, "two").await];
    let mut expected = ingest("mine");
    expected.tags.insert("kept".into(), "yes".into());
    store
        .ingest_configuration_insert(&expected, 10)
        .await
        .unwrap();
    for stage in [
        Some(stages[0].clone()),
        Some(stages[1].clone()),
        None,
        Some(stages[0].clone()),
    ] {
        expected.stage.clone_from(&stage);
        let change = move_to(stage);
        let updated = store
            .ingest_configuration_update(&expected.arn, &change)
            .await;
        assert_eq!(updated.unwrap(), expected);
        assert_eq!(read(store, "mine").await, expected);
    }
    let nothing = IngestChange::default();
    let updated = store.ingest_configuration_update(&expected.arn, &nothing);
    assert_eq!(updated.await.unwrap(), expected);
    let absent = store
        .ingest_configuration_update(&ingest("absent").arn, &move_to(None))
        .await;
    assert!(matches!(absent, Err(StoreError::NotFound)));
}

pub(crate) async fn redundancy_keeps_credentials_that_are_there(store: &dyn Store) {
    let mut expected = ingest("mine");
    store
        .ingest_configuration_insert(&expected, 10)
        .await
        .unwrap();
    let update = async |change| {
        let updated = store
            .ingest_configuration_update(&expected.arn, &change)
            .await
            .unwrap();
        assert_eq!(read(store, "mine").await, updated);
        updated
    };
    let off = IngestChange {
        stage: None,
        redundancy: Some(Redundancy::Off),
    };
    let on = update(redundant("a")).await;
    let first = [
        IngestCredential {
            participant: person("a1"),
            stream_key: expected.stream_key.clone(),
        },
        IngestCredential {
            participant: person("a2"),
            stream_key: StreamKey::new("a".into()),
        },
    ];
    assert_eq!(on.credentials, first);
    assert_eq!(update(redundant("b")).await.credentials, first, "again");
    assert_eq!(update(move_to(None)).await.credentials, first, "unchanged");
    assert_eq!(update(off).await, expected);
    let on = update(redundant("c")).await;
    assert_eq!(on.credentials[1].participant, person("c2"));
    expected.credentials = on.credentials.clone();
    assert_eq!(on, expected);
}

pub(crate) async fn t16_an_ingest_configuration_publishes_to_a_stage_that_is_there(
    store: &dyn Store,
) {
    for (account, region) in [("111122223333", "eu-west-1"), ("999988887777", "us-west-2")] {
        let elsewhere = stage_in(account, region, "elsewhere");
        store.stage_insert(&elsewhere, 10).await.unwrap();
    }
    store
        .ingest_configuration_insert(&ingest("mine"), 10)
        .await
        .unwrap();
    for stage in [
        arn("absent"),
        arn_in("111122223333", "eu-west-1", "elsewhere"),
        arn_in("999988887777", "us-west-2", "elsewhere"),
    ] {
        let mut other = ingest("other");
        other.stage = Some(stage.clone());
        let results = [
            store.ingest_configuration_insert(&other, 10).await.err(),
            store
                .ingest_configuration_update(&ingest("mine").arn, &move_to(Some(stage)))
                .await
                .err(),
        ];
        for result in results {
            let expected = "stage";
            assert!(
                matches!(result, Some(StoreError::ReferenceNotFound { kind }) if kind == expected)
            );
        }
    }
    assert_eq!(read(store, "mine").await, ingest("mine"));
    let other = store.ingest_configuration_get(&ingest("other").arn).await;
    assert_eq!(other.unwrap(), None);
}

pub(crate) async fn ingest_configurations_of_a_stage_are_listed(store: &dyn Store) {
    let stages = [insert(store, "one").await, insert(store, "two").await];
    for number in 0..21_usize {
        let mut one = ingest(&format!("i{number:02}"));
        one.created = at(i64::try_from(number % 2).unwrap());
        one.stage = stages.get(number % 3).cloned();
        store.ingest_configuration_insert(&one, 100).await.unwrap();
    }
    let list = async |filter: IngestFilter, account: &str| {
        let place = arn_in(account, "us-west-2", "x");
        let seen = read_all(
            2,
            async |request| {
                store
                    .ingest_configuration_list(&place.account, &place.region, &filter, &request)
                    .await
            },
            async |_| {},
        )
        .await;
        seen.into_iter()
            .map(|one| (one.created, one.arn.id.to_string()))
            .collect::<Vec<_>>()
    };
    let mine = "111122223333";
    for (number, stage) in stages.iter().enumerate() {
        let filter = IngestFilter::Stage(stage.clone());
        let mut expected: Vec<_> = (0..21_usize)
            .filter(|one| one % 3 == number)
            .map(|one| (at(i64::try_from(one % 2).unwrap()), format!("i{one:02}")))
            .collect();
        expected.sort();
        assert_eq!(list(filter.clone(), mine).await, expected);
        assert_eq!(list(filter, "999988887777").await, [], "another account");
    }
    assert_eq!(list(IngestFilter::All, mine).await.len(), 21);
    assert_eq!(list(IngestFilter::Nothing, mine).await, []);
    assert_eq!(list(IngestFilter::Stage(arn("absent")), mine).await, []);
}

pub(crate) async fn a_participant_is_detached_by_each_of_its_names(store: &dyn Store) {
    let stage = insert(store, "one").await;
    let other = insert(store, "two").await;
    let mut expected = ingest("mine");
    expected.stage = Some(stage.clone());
    store
        .ingest_configuration_insert(&expected, 10)
        .await
        .unwrap();
    let mut bystander = ingest("bystander");
    bystander.stage = Some(stage.clone());
    store
        .ingest_configuration_insert(&bystander, 10)
        .await
        .unwrap();
    let on = store
        .ingest_configuration_update(&expected.arn, &redundant("r"))
        .await
        .unwrap();
    let whole = on.participant.clone();
    for participant in [whole.clone(), person("r1"), person("r2")] {
        let detach = store.ingest_configuration_detach(&stage, &participant);
        let mine = std::slice::from_ref(&on.arn);
        assert_eq!(detach.await.unwrap(), mine, "{participant}");
        let read = read(store, "mine").await;
        assert_eq!((read.stage, &read.credentials), (None, &on.credentials));
        let again = store.ingest_configuration_detach(&stage, &participant);
        assert_eq!(
            again.await.unwrap(),
            [],
            "nobody publishes as {participant}"
        );
        store
            .ingest_configuration_update(&on.arn, &move_to(Some(stage.clone())))
            .await
            .unwrap();
    }
    for (stage, participant) in [
        (&other, whole),
        (&stage, person("R1")),
        (&stage, person("r")),
    ] {
        let detach = store.ingest_configuration_detach(stage, &participant);
        assert_eq!(detach.await.unwrap(), [], "{participant}");
    }
    assert_eq!(read(store, "mine").await.stage.as_ref(), Some(&stage));
    assert_eq!(read(store, "bystander").await, bystander);
}

pub(crate) async fn t16_a_deleted_stage_detaches_its_ingest_configurations(store: &dyn Store) {
    let (gone, kept) = (insert(store, "gone").await, insert(store, "kept").await);
    for number in 0..6 {
        let mut one = ingest(&format!("i{number}"));
        one.stage = [Some(gone.clone()), Some(kept.clone()), None][number % 3].clone();
        store.ingest_configuration_insert(&one, 10).await.unwrap();
    }
    store.stage_delete(&gone).await.unwrap();
    // A stage with the same ARN does not get them back.
    insert(store, "gone").await;
    for number in 0..6 {
        let stage = read(store, &format!("i{number}")).await.stage;
        assert_eq!(stage, (number % 3 == 1).then(|| kept.clone()), "{number}");
    }
}

pub(crate) async fn t16_racing_stage_deletes_and_attachments_leave_no_dangling_reference(
    store: &dyn Store,
) {
    let configurations: Vec<_> = (0..10)
        .map(|number| ingest(&format!("i{number}")))
        .collect();
    for one in &configurations {
        store.ingest_configuration_insert(one, 100).await.unwrap();
    }
    for round in 0..5 {
        let stage = insert(store, &format!("s{round}")).await;
        let change = move_to(Some(stage.clone()));
        let attach = join_all(
            configurations
                .iter()
                .map(|one| store.ingest_configuration_update(&one.arn, &change)),
        );
        let delete = async {
            for _ in 0..round {
                tokio::task::yield_now().await;
            }
            store.stage_delete(&stage).await
        };
        let (attached, deleted) = join(attach, delete).await;
        deleted.unwrap();
        for result in attached {
            assert!(matches!(
                result,
                Ok(_) | Err(StoreError::ReferenceNotFound { kind: "stage" })
            ));
        }
        for one in &configurations {
            let read = store.ingest_configuration_get(&one.arn).await.unwrap();
            assert_eq!(read.unwrap().stage, None, "{}", one.arn);
        }
        let place = arn("x");
        let filter = IngestFilter::Stage(stage);
        let list = store
            .ingest_configuration_list(&place.account, &place.region, &filter, &page(100))
            .await;
        assert!(list.unwrap().items.is_empty());
    }
}

/// A configuration that is attached to the stage.
async fn attached(store: &dyn Store, id: &str, stage: &StageArn) -> IngestConfiguration {
    let mut one = ingest(id);
    one.stage = Some(stage.clone());
    store.ingest_configuration_insert(&one, 100).await.unwrap();
    one
}

async fn set_active(store: &dyn Store, id: &str, stage: &StageArn, active: bool) {
    let record = Record::Ingest {
        stage: stage.clone(),
        configuration: ingest(id).arn,
        active,
    };
    // Whoever does not learn the end of a batch repeats it.
    for _ in 0..2 {
        let record = std::slice::from_ref(&record);
        store.records_apply(record).await.unwrap();
    }
}

pub(crate) async fn t16_what_is_active_is_neither_changed_nor_deleted_but_by_force(
    store: &dyn Store,
) {
    let (one, two) = (insert(store, "one").await, insert(store, "two").await);
    let mut expected = attached(store, "mine", &one).await;
    let arn = expected.arn.clone();
    set_active(store, "mine", &one, true).await;
    expected.active = true;
    assert_eq!(read(store, "mine").await, expected);
    for change in [
        IngestChange::default(),
        move_to(Some(one.clone())),
        move_to(Some(two.clone())),
        move_to(None),
        redundant("r"),
    ] {
        let changed = store.ingest_configuration_update(&arn, &change).await;
        assert!(matches!(changed, Err(StoreError::Active)), "{change:?}");
    }
    let deleted = store.ingest_configuration_delete(&arn, false).await;
    assert!(matches!(deleted, Err(StoreError::Active)));
    assert_eq!(read(store, "mine").await, expected);

    set_active(store, "mine", &one, false).await;
    expected.active = false;
    expected.stage = Some(two.clone());
    let changed = store
        .ingest_configuration_update(&arn, &move_to(Some(two.clone())))
        .await;
    assert_eq!(changed.unwrap(), expected);
    set_active(store, "mine", &two, true).await;
    store.ingest_configuration_delete(&arn, true).await.unwrap();
    for force in [false, true] {
        let again = store.ingest_configuration_delete(&arn, force).await;
        assert!(matches!(again, Err(StoreError::NotFound)));
    }
    // What is told of it later is told of nobody.
    set_active(store, "mine", &two, false).await;
    let read = store.ingest_configuration_get(&arn).await;
    assert_eq!(read.unwrap(), None);
}

pub(crate) async fn a_state_counts_on_the_stage_to_which_the_configuration_is_attached(
    store: &dyn Store,
) {
    let (one, two) = (insert(store, "one").await, insert(store, "two").await);
    attached(store, "mine", &one).await;
    attached(store, "other", &one).await;
    let is_active = async || {
        let one = read(store, "mine").await;
        (one.stage.is_some(), one.active)
    };
    let participant = ingest("mine").participant;
    set_active(store, "mine", &two, true).await;
    assert_eq!(is_active().await, (true, false), "on another stage");
    set_active(store, "mine", &one, true).await;
    assert_eq!(is_active().await, (true, true));
    store
        .ingest_configuration_detach(&one, &participant)
        .await
        .unwrap();
    assert_eq!(is_active().await, (false, false), "detached");
    // The stream that began before that is told of after it.
    set_active(store, "mine", &one, true).await;
    assert_eq!(is_active().await, (false, false));
    let move_to_two = move_to(Some(two.clone()));
    store
        .ingest_configuration_update(&ingest("mine").arn, &move_to_two)
        .await
        .unwrap();
    set_active(store, "mine", &two, true).await;
    // The end on the other stage comes late.
    set_active(store, "mine", &one, false).await;
    assert_eq!(is_active().await, (true, true));
    store.stage_delete(&two).await.unwrap();
    assert_eq!(is_active().await, (false, false), "its stage is deleted");
    insert(store, "two").await;
    set_active(store, "mine", &two, true).await;
    assert_eq!(is_active().await, (false, false));
    assert!(!read(store, "other").await.active);
    let elsewhere = stage_in("999988887777", "us-west-2", "one");
    store.stage_insert(&elsewhere, 10).await.unwrap();
    set_active(store, "other", &elsewhere.arn, true).await;
    assert!(!read(store, "other").await.active);
}

pub(crate) async fn configurations_are_listed_by_state(store: &dyn Store) {
    let stage = insert(store, "one").await;
    for number in 0..9_u32 {
        let id = format!("i{number}");
        attached(store, &id, &stage).await;
        set_active(store, &id, &stage, number % 3 == 0).await;
    }
    let list = async |active: bool, account: &str| {
        let place = arn_in(account, "us-west-2", "x");
        let filter = IngestFilter::Active(active);
        let seen = read_all(
            2,
            async |request| {
                store
                    .ingest_configuration_list(&place.account, &place.region, &filter, &request)
                    .await
            },
            async |_| {},
        )
        .await;
        seen.into_iter()
            .map(|one| {
                assert_eq!(one.active, active);
                one.arn.id.to_string()
            })
            .collect::<Vec<_>>()
    };
    let mine = "111122223333";
    assert_eq!(list(true, mine).await, ["i0", "i3", "i6"]);
    let inactive = ["i1", "i2", "i4", "i5", "i7", "i8"];
    assert_eq!(list(false, mine).await, inactive);
    for active in [false, true] {
        assert_eq!(list(active, "999988887777").await, [""; 0]);
    }
}
