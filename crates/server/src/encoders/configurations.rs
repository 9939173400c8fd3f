//! How `ingest` finds the configurations that stream keys name: it may not know the store.

use std::sync::Arc;

use ingest::{Configurations, ConfigurationsUnavailable};
use store::SharedStore;

/// Asks the store anew each time: a key that was remembered here would outlive its configuration.
pub(super) fn of(store: SharedStore) -> Configurations {
    Arc::new(move |arn| {
        let store = Arc::clone(&store);
        Box::pin(async move {
            store.ingest_configuration_get(&arn).await.map_err(|error| {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "cannot look up an ingest configuration");
                ConfigurationsUnavailable
            })
        })
    })
}
