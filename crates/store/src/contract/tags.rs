//! Tags and their limit.

use futures_util::future::join_all;
use model::{ResourceArn, Tags};

use super::insert;
use crate::{Store, StoreError};

fn resource(kind: &str, id: &str) -> ResourceArn {
    ResourceArn::parse(&format!("arn:aws:ivs:us-west-2:111122223333:{kind}/{id}")).unwrap()
}

fn tags(pairs: &[(&str, &str)]) -> Tags {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn numbered(range: std::ops::Range<u32>) -> Tags {
    range
        .map(|number| (format!("k{number:02}"), "v".to_owned()))
        .collect()
}

pub(crate) async fn tags_merge_and_go(store: &dyn Store) {
    insert(store, "one").await;
    let one = resource("stage", "one");
    assert_eq!(store.tags_get(&one).await.unwrap(), Some(Tags::new()));
    store
        .tags_merge(&one, &tags(&[("a", "1"), ("b", "2")]))
        .await
        .unwrap();
    store
        .tags_merge(&one, &tags(&[("b", "3"), ("A", "")]))
        .await
        .unwrap();
    let merged = tags(&[("A", ""), ("a", "1"), ("b", "3")]);
    assert_eq!(store.tags_get(&one).await.unwrap(), Some(merged));
    store
        .tags_remove(&one, &["a".to_owned(), "absent".to_owned()])
        .await
        .unwrap();
    let rest = tags(&[("A", ""), ("b", "3")]);
    assert_eq!(store.tags_get(&one).await.unwrap(), Some(rest.clone()));
    let stage = store.stage_get(&super::arn("one")).await.unwrap().unwrap();
    assert_eq!(stage.tags, rest);
}

pub(crate) async fn a_merge_past_fifty_tags_changes_nothing(store: &dyn Store) {
    insert(store, "one").await;
    let one = resource("stage", "one");
    store.tags_merge(&one, &numbered(0..49)).await.unwrap();
    // Two of three are there already; what counts is the number after the merge.
    let mut over = numbered(47..51);
    over.insert("k00".into(), "changed".into());
    let refused = store.tags_merge(&one, &over).await;
    assert!(matches!(refused, Err(StoreError::TooManyTags { max: 50 })));
    assert_eq!(store.tags_get(&one).await.unwrap(), Some(numbered(0..49)));
    store.tags_merge(&one, &numbered(40..50)).await.unwrap();
    assert_eq!(store.tags_get(&one).await.unwrap(), Some(numbered(0..50)));
}

pub(crate) async fn merges_at_once_lose_nothing(store: &dyn Store) {
    insert(store, "one").await;
    let one = resource("stage", "one");
    let parts: Vec<_> = (0..25).map(|at| numbered(2 * at..2 * at + 2)).collect();
    for result in join_all(parts.iter().map(|part| store.tags_merge(&one, part))).await {
        result.unwrap();
    }
    assert_eq!(store.tags_get(&one).await.unwrap(), Some(numbered(0..50)));
}

pub(crate) async fn resources_that_are_not_there_have_no_tags(store: &dyn Store) {
    insert(store, "one").await;
    for absent in [
        resource("stage", "two"),
        resource("composition", "one"),
        resource("public-key", "one"),
    ] {
        assert_eq!(store.tags_get(&absent).await.unwrap(), None, "{absent}");
        let merged = store.tags_merge(&absent, &numbered(0..1)).await;
        assert!(matches!(merged, Err(StoreError::NotFound)), "{absent}");
        let removed = store.tags_remove(&absent, &[]).await;
        assert!(matches!(removed, Err(StoreError::NotFound)), "{absent}");
    }
}
