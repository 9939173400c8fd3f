//! Making stream keys, for CreateIngestConfiguration and UpdateIngestConfiguration.

use std::fmt::Write as _;

use model::{IngestConfigurationArn, StreamKey};

use crate::app::App;

/// The secret part of a key, in bytes. Who guesses it publishes in the customer's name, and a door for streams has no rate
/// that would slow a guess down: 160 bits are beyond any search.
const SECRET_LEN: usize = 20;

/// A new key of the configuration: `rt_<account>_<region>_<configuration id>_<secret>`, the form that the API's model gives.
/// The secret is in hexadecimal digits, which no encoder, shell or URL takes for anything else.
pub(crate) fn mint(app: &App, arn: &IngestConfigurationArn) -> StreamKey {
    let mut key = format!("rt_{}_{}_{}_", arn.account, arn.region, arn.id);
    for byte in app.random::<SECRET_LEN>() {
        // Writing to a string does not fail.
        let _ = write!(key, "{byte:02x}");
    }
    StreamKey::new(key)
}
