//! Buckets for recordings, as the API sees them.

use serde_json::json;

use crate::server::Server;
use crate::signing::call;

#[test]
fn dev_has_a_bucket_and_takes_any_folder_beside_it_for_one() {
    let folder = tempfile::tempdir().unwrap();
    let objects = folder.path().join("data/objects");
    for flags in [&[][..], &["--ephemeral"]] {
        let server = Server::dev(folder.path(), flags);
        let status = |bucket: &str| {
            let input = json!({ "s3": { "bucketName": bucket } });
            call(server.http, "CreateStorageConfiguration", &input).0
        };
        assert_eq!(status("recordings"), 200, "{flags:?}");
        assert_eq!(status("archive"), 404, "{flags:?}");
        std::fs::create_dir_all(objects.join("archive")).unwrap();
        let is_kept = flags.is_empty();
        assert_eq!(status("archive"), if is_kept { 200 } else { 404 });
        std::fs::remove_dir(objects.join("archive")).unwrap();
    }
}

#[test]
fn another_folder_may_hold_the_buckets_also_of_a_server_that_keeps_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let objects = folder.path().join("objects");
    let flags = [
        "--ephemeral",
        "--object-store-folder",
        objects.to_str().unwrap(),
        "--object-store-buckets",
        "one,two",
    ];
    let server = Server::dev(folder.path(), &flags);
    for (bucket, status) in [("one", 200), ("two", 200), ("recordings", 404)] {
        let input = json!({ "s3": { "bucketName": bucket } });
        let answered = call(server.http, "CreateStorageConfiguration", &input).0;
        assert_eq!(answered, status, "{bucket}");
    }
    assert!(objects.join("one").is_dir() && !folder.path().join("data").exists());
}
