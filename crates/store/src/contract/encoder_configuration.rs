//! Encoder configurations.

use model::Video;

use super::{NAUGHTY, encoder_in};
use crate::Store;

pub(crate) async fn t14_an_encoder_configuration_reads_back_as_it_was_written(store: &dyn Store) {
    for (number, text) in NAUGHTY.iter().enumerate() {
        let mut written = encoder_in("111122223333", "us-west-2", &format!("naughty{number}"));
        written.name = (*text).to_owned();
        written.tags.insert(format!("key {text}"), (*text).into());
        store
            .encoder_configuration_insert(&written, 1_000)
            .await
            .unwrap();
        let read = store.encoder_configuration_get(&written.arn).await.unwrap();
        assert_eq!(read.as_ref(), Some(&written), "{text:?}");
    }
}

pub(crate) async fn framerates_keep_every_bit(store: &dyn Store) {
    for (number, framerate) in [1.0, 29.97, 30.0, 59.94, 0.1 + 0.2, 60.0]
        .into_iter()
        .enumerate()
    {
        let mut written = encoder_in("111122223333", "us-west-2", &format!("e{number}"));
        written.video = Video {
            width: 2,
            height: 1920,
            framerate,
            bitrate: 8_500_000,
        };
        store
            .encoder_configuration_insert(&written, 1_000)
            .await
            .unwrap();
        let read = store.encoder_configuration_get(&written.arn).await.unwrap();
        assert_eq!(read, Some(written));
    }
}
