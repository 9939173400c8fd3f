//! The object store to which recordings go.

use std::path::PathBuf;

use api::{BucketFault, Buckets};
use async_trait::async_trait;

/// Folders of a folder.
pub(crate) struct LocalBuckets {
    folder: Option<PathBuf>,
}

impl LocalBuckets {
    /// The buckets below the data folder; none without one.
    pub(crate) fn new(data: Option<PathBuf>) -> Self {
        Self {
            folder: data.map(|data| data.join("objects")),
        }
    }
}

#[async_trait]
impl Buckets for LocalBuckets {
    async fn exists(&self, name: &str) -> Result<bool, BucketFault> {
        let Some(folder) = &self.folder else {
            return Ok(false);
        };
        match tokio::fs::metadata(folder.join(name)).await {
            Ok(metadata) => Ok(metadata.is_dir()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(BucketFault::Unavailable(error.into())),
        }
    }
}
