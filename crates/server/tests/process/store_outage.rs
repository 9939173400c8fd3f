//! A database that takes no writes for a while, because another program holds its lock.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, SqliteConnection};
use tokio::runtime::Runtime;

use crate::http::{get, join};
use crate::server::{Server, now, until};
use crate::signing::{call, stage};

/// Holds the write lock of a server's database.
struct Lock {
    connection: SqliteConnection,
    runtime: Runtime,
}

impl Lock {
    fn take(folder: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let options = SqliteConnectOptions::new()
            .filename(folder.join("data/downstage.db"))
            .busy_timeout(Duration::from_secs(10));
        let connection = runtime.block_on(async {
            let mut connection = options.connect().await.unwrap();
            connection.execute("BEGIN IMMEDIATE").await.unwrap();
            connection
        });
        Self {
            connection,
            runtime,
        }
    }

    fn release(self) {
        self.runtime.block_on(self.connection.close()).unwrap();
    }
}

#[test]
fn t59_people_join_while_the_store_is_away_and_what_happened_is_written_when_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::dev(folder.path(), &[]);
    let (arn, token) = stage(server.http);
    let lock = Lock::take(folder.path());

    let socket = join(server.http, &arn, &token);
    until("the server says that it is not ready", || {
        (get(server.http, "/readyz").status == 503).then_some(())
    });
    assert_eq!(get(server.http, "/healthz").status, 200);
    let sessions = || {
        call(
            server.http,
            "ListStageSessions",
            &json!({ "stageArn": arn }),
        )
        .1
    };
    assert_eq!(sessions()["stageSessions"], json!([]));

    lock.release();
    until("the server is ready again", || {
        (get(server.http, "/readyz").status == 200).then_some(())
    });
    let session = until("the session is written", || {
        sessions()["stageSessions"][0]["sessionId"]
            .as_str()
            .map(str::to_owned)
    });
    let input = json!({ "stageArn": arn, "sessionId": session });
    let (_, participants) = call(server.http, "ListParticipants", &input);
    assert_eq!(participants["participants"][0]["state"], "CONNECTED");
    drop(socket);
}

#[test]
fn t59_a_drain_ends_in_time_while_the_store_is_away_and_the_loss_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::dev(folder.path(), &[]);
    let (arn, token) = stage(server.http);
    let lock = Lock::take(folder.path());
    let socket = join(server.http, &arn, &token);

    let began = now();
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0), "{}", server.log());
    assert!(now() - began < Duration::from_secs(6));
    assert!(
        server.log().contains("records are lost"),
        "{}",
        server.log()
    );
    drop(socket);
    lock.release();
}

#[test]
fn a_second_signal_ends_a_drain_that_takes_long() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::dev(folder.path(), &[]);
    let (arn, token) = stage(server.http);
    let lock = Lock::take(folder.path());
    let socket = join(server.http, &arn, &token);

    server.signal("TERM");
    until("the drain begins", || {
        server.log().contains("stopping").then_some(())
    });
    let began = now();
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(1), "{}", server.log());
    assert!(now() - began < Duration::from_secs(1), "{}", server.log());
    drop(socket);
    lock.release();
}
