//! Public keys.

use aws_sdk_ivsrealtime::Client;
use aws_sdk_ivsrealtime::operation::get_public_key::GetPublicKeyError;
use aws_sdk_ivsrealtime::operation::import_public_key::ImportPublicKeyError;
use aws_sdk_ivsrealtime::operation::import_public_key::builders::ImportPublicKeyFluentBuilder;
use conformance::calls;

use crate::assert_refused;

pub(crate) async fn live(client: &Client) {
    let mut arns = Vec::new();
    for number in 1..=3 {
        let imported = import(client, number).send().await.unwrap();
        let key = imported.public_key().unwrap();
        assert_eq!(key.public_key_material(), Some(material(number).as_str()));
        arns.push(key.arn().unwrap().to_owned());
    }
    let again = import(client, 3).send().await;
    assert_refused(again, 409, ImportPublicKeyError::is_conflict_exception);
    let more = import(client, 4).send().await;
    assert_refused(
        more,
        402,
        ImportPublicKeyError::is_service_quota_exceeded_exception,
    );

    let got = client.get_public_key().arn(&arns[0]).send().await.unwrap();
    assert_eq!(
        got.public_key()
            .unwrap()
            .fingerprint()
            .unwrap()
            .split(':')
            .count(),
        16
    );
    let list = client.list_public_keys().into_paginator().page_size(2);
    let keys = list.items().send().try_collect().await.unwrap();
    let listed = keys.iter().filter_map(|key| key.arn());
    assert_eq!(listed.collect::<Vec<_>>(), arns);
    for arn in &arns {
        client.delete_public_key().arn(arn).send().await.unwrap();
    }
    let gone = client.get_public_key().arn(&arns[0]).send().await;
    assert_refused(
        gone,
        404,
        GetPublicKeyError::is_resource_not_found_exception,
    );
}

fn import(client: &Client, number: u32) -> ImportPublicKeyFluentBuilder {
    client
        .import_public_key()
        .public_key_material(material(number))
}

/// The PEM text of a P-384 key.
fn material(number: u32) -> String {
    std::fs::read_to_string(calls::folder().join(format!("keys/{number}.pem"))).unwrap()
}
