//! The object store to which recordings go, as buckets by name: folders of a folder, a server that speaks S3 (`s3`), or memory.
//!
//! A bucket is there if it can be written to, so that is tried: an empty object is put and taken away again. Nothing else tells a
//! bucket that only looks right (a read-only disk, a policy) from one that will take a recording.

mod s3;

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use api::BucketFault;
use async_trait::async_trait;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload};

use crate::config::{self, BucketName};
use s3::S3;

/// How long the object store may take to say whether it takes an object. A caller of the API waits for it.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long it may take to have the object taken away, which nothing depends on.
const CLEANUP_TIMEOUT: Duration = Duration::from_secs(2);
/// The object that is put to see whether one can be put.
const PROBE: &str = ".downstage-write-check";

/// The buckets of the configured object store.
pub(crate) struct Buckets {
    place: Place,
}

enum Place {
    Memory(BTreeMap<BucketName, Arc<InMemory>>),
    Folder(PathBuf),
    S3(S3),
}

impl Buckets {
    /// Opens what the configuration names, and makes the buckets that are to be there.
    pub(crate) fn open(store: &config::ObjectStore) -> anyhow::Result<Self> {
        let place = match store {
            config::ObjectStore::Memory { buckets } => {
                let buckets = buckets.iter().cloned();
                Place::Memory(buckets.map(|name| (name, Arc::default())).collect())
            }
            config::ObjectStore::Folder { folder, buckets } => {
                for name in buckets {
                    make_folder(folder, name)?;
                }
                Place::Folder(folder.clone())
            }
            config::ObjectStore::S3(s3) => Place::S3(S3::open(s3)?),
        };
        Ok(Self { place })
    }

    /// The objects of a bucket, if there may be one: of an S3 server only a request can tell.
    pub(crate) async fn bucket(
        &self,
        name: &BucketName,
    ) -> Result<Option<Arc<dyn ObjectStore>>, BucketFault> {
        Ok(match &self.place {
            Place::Memory(buckets) => buckets
                .get(name)
                .map(|bucket| Arc::clone(bucket) as Arc<dyn ObjectStore>),
            Place::Folder(folder) => {
                let folder = folder.join(name.as_str());
                let opened = tokio::task::spawn_blocking(move || open_folder(&folder));
                let bucket = opened
                    .await
                    .map_err(|error| BucketFault::Unavailable(error.into()))?;
                bucket?.map(|bucket| Arc::new(bucket) as Arc<dyn ObjectStore>)
            }
            Place::S3(s3) => Some(Arc::new(s3.bucket(name)?)),
        })
    }

    /// Puts an object into a bucket and takes it away.
    async fn try_bucket(&self, name: &BucketName) -> Result<bool, BucketFault> {
        let probe = object_store::path::Path::from(PROBE);
        let put = async {
            let Some(bucket) = self.bucket(name).await? else {
                return Ok(None);
            };
            match bucket.put(&probe, PutPayload::new()).await {
                Ok(_) => Ok(Some(bucket)),
                Err(error) => self.judge(&error).map(|()| None),
            }
        };
        let put = tokio::time::timeout(ANSWER_TIMEOUT, put).await;
        let Some(bucket) = put.map_err(|_| BucketFault::Unavailable(no_answer().into()))?? else {
            return Ok(false);
        };
        // Left where it is, it is empty and the next one takes its place.
        let _ = tokio::time::timeout(CLEANUP_TIMEOUT, bucket.delete(&probe)).await;
        Ok(true)
    }

    /// What it means that an object cannot be put: without a fault, that there is no bucket.
    fn judge(&self, error: &object_store::Error) -> Result<(), BucketFault> {
        match &self.place {
            // Memory takes everything; a bucket that has been opened is there.
            Place::Memory(_) | Place::Folder(_) => judge_local(error),
            Place::S3(_) => s3::judge(error),
        }
    }
}

#[async_trait]
impl api::Buckets for Buckets {
    async fn exists(&self, name: &str) -> Result<bool, BucketFault> {
        match name.parse() {
            Ok(name) => self.try_bucket(&name).await,
            // The API's pattern lets names pass that no bucket can have.
            Err(_) => Ok(false),
        }
    }
}

/// Whether an S3 server answers and takes our credentials, in words for the operator.
pub(crate) async fn reach(server: &config::S3) -> Result<String, String> {
    let s3 = S3::open(server).map_err(|error| format!("{error:#}"))?;
    let reached = tokio::time::timeout(ANSWER_TIMEOUT, s3.reach()).await;
    reached
        .unwrap_or_else(|_| Err(no_answer()))
        .map(|words| format!("{} {words}", server.endpoint))
        .map_err(|words| format!("{}: {words}", server.endpoint))
}

fn no_answer() -> String {
    format!("no answer within {} seconds", ANSWER_TIMEOUT.as_secs())
}

/// Makes a bucket, for the owner of the process only, as all of its data.
fn make_folder(folder: &Path, name: &BucketName) -> anyhow::Result<()> {
    let bucket = folder.join(name.as_str());
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .create(&bucket)
        .with_context(|| format!("cannot make the bucket {}", bucket.display()))?;
    if !is_folder(&bucket)? {
        bail!("the bucket {} is not a folder itself", bucket.display());
    }
    Ok(())
}

/// The bucket in a folder. A link is none: it could lead anywhere on this machine.
fn open_folder(folder: &Path) -> Result<Option<LocalFileSystem>, BucketFault> {
    if !is_folder(folder).map_err(judge_io)? {
        return Ok(None);
    }
    LocalFileSystem::new_with_prefix(folder)
        .map(Some)
        .or_else(|error| judge_local(&error).map(|()| None))
}

fn is_folder(path: &Path) -> std::io::Result<bool> {
    match std::fs::symlink_metadata(path) {
        Ok(metadata) => Ok(metadata.is_dir()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn judge_local(error: &object_store::Error) -> Result<(), BucketFault> {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(each) = cause {
        if let Some(io) = each.downcast_ref::<std::io::Error>() {
            if io.kind() == ErrorKind::NotFound {
                return Ok(());
            }
            // The outer errors name the path, the kind is all that the caller needs.
            return Err(judge_io(io.kind().into()));
        }
        cause = each.source();
    }
    Err(BucketFault::Unavailable(error.to_string().into()))
}

fn judge_io(error: std::io::Error) -> BucketFault {
    if error.kind() == ErrorKind::PermissionDenied {
        BucketFault::Denied(error.into())
    } else {
        BucketFault::Unavailable(error.into())
    }
}

#[cfg(test)]
mod tests {
    use api::Buckets as _;

    use super::*;

    fn names(names: &[&str]) -> Vec<BucketName> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    fn in_folder(folder: &Path, buckets: &[&str]) -> anyhow::Result<Buckets> {
        Buckets::open(&config::ObjectStore::Folder {
            folder: folder.to_owned(),
            buckets: names(buckets),
        })
    }

    async fn is_there(buckets: &Buckets, name: &str) -> bool {
        buckets.exists(name).await.unwrap()
    }

    #[tokio::test]
    async fn a_bucket_is_a_folder_itself_and_is_left_as_it_was() {
        let outside = tempfile::tempdir().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let objects = folder.path().join("data/objects");
        let buckets = in_folder(&objects, &[]).unwrap();
        assert!(!is_there(&buckets, "recordings").await);

        std::fs::create_dir_all(objects.join("recordings")).unwrap();
        std::fs::write(objects.join("recordings/clip"), "kept").unwrap();
        assert!(is_there(&buckets, "recordings").await);
        let left: Vec<_> = std::fs::read_dir(objects.join("recordings"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, ["clip"]);

        std::fs::write(objects.join("a-file"), "").unwrap();
        std::os::unix::fs::symlink(outside.path(), objects.join("a-link")).unwrap();
        std::os::unix::fs::symlink("nowhere", objects.join("dangling")).unwrap();
        for name in ["a-file", "a-link", "dangling", "absent"] {
            assert!(!is_there(&buckets, name).await, "{name}");
        }
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn names_that_lead_elsewhere_are_no_buckets() {
        let folder = tempfile::tempdir().unwrap();
        let objects = folder.path().join("objects");
        let buckets = in_folder(&objects, &["recordings"]).unwrap();
        for path in [
            "data",
            ".hidden",
            "objects/...",
            "objects/a..b",
            "objects/-ab",
        ] {
            std::fs::create_dir_all(folder.path().join(path)).unwrap();
        }
        let absolute = folder.path().join("data");
        for name in [
            "",
            ".",
            "..",
            "...",
            "a..b",
            "-ab",
            "../data",
            "../.hidden",
            "recordings/..",
            "recordings/",
            "./recordings",
            "Recordings",
            "recordings\0",
            absolute.to_str().unwrap(),
        ] {
            assert!(!is_there(&buckets, name).await, "{name:?}");
        }
    }

    #[tokio::test]
    async fn buckets_are_made_at_the_start_for_their_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let objects = folder.path().join("data/objects");
        for _ in 0..2 {
            let buckets = in_folder(&objects, &["recordings", "b.2"]).unwrap();
            assert!(is_there(&buckets, "recordings").await && is_there(&buckets, "b.2").await);
            assert!(!is_there(&buckets, "others").await);
        }
        for made in [&objects, &objects.join("recordings")] {
            let mode = std::fs::metadata(made).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700, "{}", made.display());
        }
        std::fs::write(objects.join("taken"), "").unwrap();
        std::os::unix::fs::symlink(folder.path(), objects.join("linked")).unwrap();
        for name in ["taken", "linked"] {
            assert!(in_folder(&objects, &[name]).is_err(), "{name}");
        }
    }

    #[tokio::test]
    async fn memory_has_the_buckets_that_are_asked_for() {
        let asked = names(&["recordings"]);
        let buckets = Buckets::open(&config::ObjectStore::Memory { buckets: asked }).unwrap();
        for (name, expected) in [("recordings", true), ("others", false), ("..", false)] {
            assert_eq!(is_there(&buckets, name).await, expected, "{name}");
        }
    }

    #[test]
    fn a_disk_that_fails_is_no_missing_bucket() {
        let fault = |kind: ErrorKind| {
            judge_local(&object_store::Error::Generic {
                store: "LocalFileSystem",
                source: Box::new(std::io::Error::from(kind)),
            })
        };
        assert!(fault(ErrorKind::NotFound).is_ok());
        let denied = fault(ErrorKind::PermissionDenied).unwrap_err();
        assert!(matches!(denied, BucketFault::Denied(_)));
        for kind in [
            ErrorKind::StorageFull,
            ErrorKind::ReadOnlyFilesystem,
            ErrorKind::Other,
        ] {
            let fault = fault(kind).unwrap_err();
            assert!(matches!(fault, BucketFault::Unavailable(_)), "{kind}");
        }
    }
}
