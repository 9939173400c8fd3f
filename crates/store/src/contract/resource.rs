//! What holds for every kind of resource: identity, quota, order, places apart.

use std::collections::BTreeSet;
use std::fmt::Debug;

use async_trait::async_trait;
use futures_util::future::join_all;
use jiff::Timestamp;
use model::{
    AccountId, EncoderConfiguration, IngestConfiguration, PublicKey, Region, ResourceArn, Stage,
    StorageConfiguration, Tags,
};

use super::{at, encoder_in, ingest_in, page, public_key_in, read_all, stage_in, storage_in};
use crate::{IngestFilter, Page, PageRequest, Store, StoreError};

/// A kind of resource, as far as all kinds are alike.
#[async_trait]
trait Resource: Clone + Debug + PartialEq + Send + Sync + Sized {
    fn sample(account: &str, region: &str, id: &str) -> Self;
    fn arn(&self) -> ResourceArn;
    fn name(&mut self) -> &mut String;
    fn created(&mut self) -> &mut Timestamp;
    fn tags(&mut self) -> &mut Tags;
    async fn insert(&self, store: &dyn Store, quota: u32) -> Result<(), StoreError>;
    async fn get(&self, store: &dyn Store) -> Option<Self>;
    async fn list(
        store: &dyn Store,
        account: &AccountId,
        region: &Region,
        page: &PageRequest,
    ) -> Result<Page<Self>, StoreError>;
    async fn delete(&self, store: &dyn Store) -> Result<(), StoreError>;

    fn here(id: &str) -> Self {
        Self::sample("111122223333", "us-west-2", id)
    }

    async fn list_here(store: &dyn Store, request: &PageRequest) -> Result<Page<Self>, StoreError> {
        let place = Self::here("x").arn();
        Self::list(store, &place.account, &place.region, request).await
    }
}

macro_rules! resource {
    ($kind:ident, $sample:expr, $insert:ident, $get:ident, $list:ident ($($filter:expr)?), $delete:ident ($($force:expr)?)) => {
        #[async_trait]
        impl Resource for $kind {
            fn sample(account: &str, region: &str, id: &str) -> Self {
                $sample(account, region, id)
            }
            fn arn(&self) -> ResourceArn {
                (&self.arn).into()
            }
            fn name(&mut self) -> &mut String {
                &mut self.name
            }
            fn created(&mut self) -> &mut Timestamp {
                &mut self.created
            }
            fn tags(&mut self) -> &mut Tags {
                &mut self.tags
            }
            async fn insert(&self, store: &dyn Store, quota: u32) -> Result<(), StoreError> {
                store.$insert(self, quota).await
            }
            async fn get(&self, store: &dyn Store) -> Option<Self> {
                store.$get(&self.arn).await.unwrap()
            }
            async fn list(
                store: &dyn Store,
                account: &AccountId,
                region: &Region,
                page: &PageRequest,
            ) -> Result<Page<Self>, StoreError> {
                store.$list(account, region, $($filter,)? page).await
            }
            async fn delete(&self, store: &dyn Store) -> Result<(), StoreError> {
                store.$delete(&self.arn $(, $force)?).await
            }
        }
    };
}

resource!(
    Stage,
    stage_in,
    stage_insert,
    stage_get,
    stage_list(),
    stage_delete()
);
resource!(
    PublicKey,
    public_key_in,
    public_key_insert,
    public_key_get,
    public_key_list(),
    public_key_delete()
);
resource!(
    IngestConfiguration,
    ingest_in,
    ingest_configuration_insert,
    ingest_configuration_get,
    ingest_configuration_list(&IngestFilter::All),
    ingest_configuration_delete(false)
);
resource!(
    EncoderConfiguration,
    encoder_in,
    encoder_configuration_insert,
    encoder_configuration_get,
    encoder_configuration_list(),
    encoder_configuration_delete()
);
resource!(
    StorageConfiguration,
    storage_in,
    storage_configuration_insert,
    storage_configuration_get,
    storage_configuration_list(),
    storage_configuration_delete()
);

/// Makes a case of a check: the check on every kind, one after the other in the same store.
macro_rules! on_every_kind {
    ($($case:ident: $check:ident;)*) => {
        $(pub(crate) async fn $case(store: &dyn Store) {
            $check::<Stage>(store).await;
            $check::<PublicKey>(store).await;
            $check::<IngestConfiguration>(store).await;
            $check::<EncoderConfiguration>(store).await;
            $check::<StorageConfiguration>(store).await;
        })*
    };
}

on_every_kind! {
    a_second_resource_with_the_same_arn_is_refused: same_arn;
    t16_a_quota_holds_when_many_insert_at_once: quota_holds;
    a_quota_counts_one_account_in_one_region: quota_counts;
    lists_hold_one_account_and_region: places_are_apart;
    pages_are_complete_while_others_insert_and_delete: pages_are_complete;
    a_page_holds_1_to_100_items: page_sizes;
    a_delete_is_final: delete_is_final;
    tags_of_every_kind_merge_and_go: tags_merge_and_go;
    racing_merges_inserts_and_deletes_are_serial: races_are_serial;
}

async fn same_arn<R: Resource>(store: &dyn Store) {
    let first = R::here("same");
    first.insert(store, 10).await.unwrap();
    let mut second = first.clone();
    *second.name() = "another".into();
    let refused = second.insert(store, 10).await;
    assert!(matches!(refused, Err(StoreError::AlreadyExists)));
    assert_eq!(first.get(store).await, Some(first));
}

async fn quota_holds<R: Resource>(store: &dyn Store) {
    let many: Vec<_> = (0..40)
        .map(|number| R::here(&format!("s{number}")))
        .collect();
    let results = join_all(many.iter().map(|one| one.insert(store, 7))).await;
    let inserted = results.iter().filter(|result| result.is_ok()).count();
    assert_eq!(inserted, 7);
    for result in results.into_iter().filter_map(Result::err) {
        assert!(
            matches!(result, StoreError::QuotaExceeded { max: 7, .. }),
            "{result}"
        );
    }
    let list = R::list_here(store, &page(100)).await.unwrap();
    assert_eq!(list.items.len(), 7, "what was refused is not there");
}

async fn quota_counts<R: Resource>(store: &dyn Store) {
    let places = [
        ("111122223333", "us-west-2"),
        ("111122223333", "eu-west-1"),
        ("999988887777", "us-west-2"),
    ];
    for (account, region) in places {
        R::sample(account, region, "one")
            .insert(store, 1)
            .await
            .unwrap();
        let two = R::sample(account, region, "two");
        let refused = two.insert(store, 1).await.unwrap_err();
        assert!(matches!(refused, StoreError::QuotaExceeded { max: 1, .. }));
        let kinds = two.arn().kind.replace('-', " ") + "s";
        let said = format!("the quota of {kinds} is reached: 1 in an account and region");
        assert_eq!(refused.to_string(), said);
    }
    R::here("one").delete(store).await.unwrap();
    R::here("two").insert(store, 1).await.unwrap();
}

async fn places_are_apart<R: Resource>(store: &dyn Store) {
    let places = [
        ("111122223333", "us-west-2"),
        ("111122223333", "us-west-1"),
        ("111122223334", "us-west-2"),
    ];
    let samples = places.map(|(account, region)| R::sample(account, region, "one"));
    for sample in &samples {
        sample.insert(store, 10).await.unwrap();
    }
    for sample in &samples {
        let place = sample.arn();
        let list = R::list(store, &place.account, &place.region, &page(100)).await;
        let list = list.unwrap();
        assert_eq!((list.items, list.next), (vec![sample.clone()], None));
        assert_eq!(sample.get(store).await.as_ref(), Some(sample));
    }
    samples[0].delete(store).await.unwrap();
    assert_eq!(samples[0].get(store).await, None);
    for sample in &samples[1..] {
        assert_eq!(sample.get(store).await.as_ref(), Some(sample));
    }
}

async fn pages_are_complete<R: Resource>(store: &dyn Store) {
    let write = async |name: String, number: usize| {
        let mut one = R::here(&name);
        // Few creation times for many resources: ids decide among equals.
        *one.created() = at(i64::try_from(number % 3).unwrap());
        one.insert(store, 1_000).await.unwrap();
    };
    for number in 0..25 {
        write(format!("m{number:02}"), number).await;
    }
    let seen = read_all(
        4,
        async |request| R::list_here(store, &request).await,
        async |turn| {
            write(format!("a{turn:02}"), turn).await;
            write(format!("z{turn:02}"), turn).await;
            // The last one of the page before is among the deleted ones: its key still tells where to go on.
            let gone = format!("m{:02}", turn - 1);
            R::here(&gone).delete(store).await.unwrap();
        },
    )
    .await;

    let keys: Vec<_> = seen
        .into_iter()
        .map(|mut one| (*one.created(), one.arn().id))
        .collect();
    assert!(keys.is_sorted(), "{keys:?}");
    let unique: BTreeSet<_> = keys.iter().map(|(_, id)| id.clone()).collect();
    assert_eq!(unique.len(), keys.len(), "an item came twice");
    let left = R::list_here(store, &page(100)).await.unwrap();
    assert_eq!(left.next, None);
    for one in left.items {
        let id = one.arn().id;
        assert!(
            !id.starts_with('m') || unique.contains(&id),
            "{id} is missing"
        );
    }
}

async fn page_sizes<R: Resource>(store: &dyn Store) {
    for number in 0..103 {
        let one = R::here(&format!("s{number:03}"));
        one.insert(store, 1_000).await.unwrap();
    }
    for (limit, size) in [
        (0, 1),
        (1, 1),
        (50, 50),
        (100, 100),
        (101, 100),
        (u32::MAX, 100),
    ] {
        let list = R::list_here(store, &page(limit)).await.unwrap();
        assert_eq!(list.items.len(), size, "{limit}");
    }
    let all = read_all(
        100,
        async |request| R::list_here(store, &request).await,
        async |_| {},
    )
    .await;
    assert_eq!(all.len(), 103);
}

async fn delete_is_final<R: Resource>(store: &dyn Store) {
    let mut gone = R::here("gone");
    gone.tags().insert("a".into(), "1".into());
    let kept = R::here("kept");
    for one in [&gone, &kept] {
        one.insert(store, 10).await.unwrap();
    }
    gone.delete(store).await.unwrap();
    assert_eq!(gone.get(store).await, None);
    assert_eq!(store.tags_get(&gone.arn()).await.unwrap(), None);
    let again = gone.delete(store).await;
    assert!(matches!(again, Err(StoreError::NotFound)));
    let list = R::list_here(store, &page(10)).await.unwrap();
    assert_eq!(list.items, [kept]);
    // Its ARN may come again, and inherits nothing.
    let fresh = R::here("gone");
    fresh.insert(store, 10).await.unwrap();
    assert_eq!(fresh.get(store).await, Some(fresh));
}

async fn tags_merge_and_go<R: Resource>(store: &dyn Store) {
    let mut tagged = R::here("tagged");
    tagged.tags().insert("first".into(), "1".into());
    let other = R::here("other");
    for one in [&tagged, &other] {
        one.insert(store, 10).await.unwrap();
    }
    let more = Tags::from([
        ("first".to_owned(), "2".to_owned()),
        ("more".to_owned(), String::new()),
    ]);
    store.tags_merge(&tagged.arn(), &more).await.unwrap();
    tagged.tags().extend(more);
    assert_eq!(tagged.get(store).await.as_ref(), Some(&tagged));
    let keys = ["first".to_owned(), "absent".to_owned()];
    store.tags_remove(&tagged.arn(), &keys).await.unwrap();
    tagged.tags().remove("first");
    assert_eq!(tagged.get(store).await.as_ref(), Some(&tagged));
    let read = store.tags_get(&tagged.arn()).await.unwrap();
    assert_eq!(read, Some(tagged.tags().clone()));
    assert_eq!(other.get(store).await, Some(other));
}

async fn races_are_serial<R: Resource>(store: &dyn Store) {
    let one = R::here("raced");
    let outcomes = join_all((0..60_u32).map(|number| {
        let one = &one;
        async move {
            let result = match number % 3 {
                0 => one.insert(store, 1).await.map(|()| 1),
                1 => one.delete(store).await.map(|()| -1),
                _ => {
                    let tags = Tags::from([(format!("k{number}"), String::new())]);
                    store.tags_merge(&one.arn(), &tags).await.map(|()| 0)
                }
            };
            match result {
                Err(StoreError::AlreadyExists | StoreError::NotFound) => Ok(0),
                other => other,
            }
        }
    }))
    .await;
    let balance: i32 = outcomes.into_iter().map(Result::unwrap).sum();
    let there = one.get(store).await.is_some();
    assert_eq!(balance, i32::from(there), "inserts and deletes alternate");
}
