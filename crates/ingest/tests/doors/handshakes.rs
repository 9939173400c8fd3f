//! Before anybody wants to publish.

use std::time::Duration;

use ingest::Limits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::encoder::Encoder;
use crate::scene::{KEY, PATIENCE, Scene, until};

const SOON: Duration = Duration::from_millis(200);

fn hasty() -> Limits {
    Limits {
        handshake_timeout: SOON,
        publish_timeout: 2 * SOON,
        ..Limits::default()
    }
}

/// Sends bytes, and waits for the server to close.
async fn closed_after(scene: &Scene, bytes: &[u8]) -> Duration {
    let began = Instant::now();
    let mut stream = TcpStream::connect(scene.rtmp).await.unwrap();
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer))
        .await
        .expect("the server closes");
    began.elapsed()
}

#[tokio::test]
async fn t49_who_says_nothing_or_half_of_it_is_closed_in_time() {
    let scene = Scene::with(hasty());
    let half = [&[3][..], &[0; 700]].concat();
    for bytes in [&[][..], &[3], &half] {
        let took = closed_after(&scene, bytes).await;
        assert!(took >= SOON && took < 10 * SOON, "{took:?}");
    }
    assert_eq!(scene.refusals("TIMED_OUT"), 3);
}

#[tokio::test]
async fn t49_a_handshake_byte_by_byte_does_not_move_its_deadline() {
    let scene = Scene::with(hasty());
    let began = Instant::now();
    let mut stream = TcpStream::connect(scene.rtmp).await.unwrap();
    let mut beat = tokio::time::interval(Duration::from_millis(5));
    while stream.write_all(&[3]).await.is_ok() {
        assert!(began.elapsed() < 20 * SOON, "it is never closed");
        beat.tick().await;
    }
    assert!(began.elapsed() >= SOON);
}

#[tokio::test]
async fn t54_what_is_not_rtmp_is_closed_at_once() {
    let scene = Scene::new();
    let hello = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], &hello, &[6; 8]] {
        let took = closed_after(&scene, bytes).await;
        assert!(took < Duration::from_secs(3), "{took:?}");
    }
    assert_eq!(scene.refusals("PROTOCOL_FAULT"), 3);
    let report = scene.ingest.report();
    let said = report.refusals.iter().map(|refusal| refusal.what.as_str());
    let said: Vec<&str> = said.collect();
    for (what, word) in said.iter().zip(["RTMPE", "TLS", "HTTP"]) {
        assert!(what.contains(word), "{what}");
    }
}

#[tokio::test]
async fn who_does_not_publish_in_time_is_closed() {
    let scene = Scene::with(hasty());
    let mut shaken = [&[3][..], &[0; 1_536]].concat();
    shaken.extend([0; 1_536]);
    let took = closed_after(&scene, &shaken).await;
    assert!(took >= 2 * SOON && took < 20 * SOON, "{took:?}");
    let report = scene.ingest.report();
    assert!(report.refusals[0].what.starts_with("no publish has come"));
}

#[tokio::test]
async fn t49_one_address_has_so_many_connections_and_gets_them_back() {
    let scene = Scene::with(Limits {
        connections_per_address_max: 2,
        ..Limits::default()
    });
    let first = Encoder::published(scene.rtmp, KEY).await;
    let _second = TcpStream::connect(scene.rtmp).await.unwrap();
    until(|| scene.ingest.counters().connections == 2).await;
    assert!(closed_after(&scene, &[]).await < Duration::from_secs(3));
    assert_eq!(scene.refusals("TOO_MANY_CONNECTIONS"), 1);
    drop(first);
    until(|| scene.ingest.counters().connections == 1).await;
    Encoder::published(scene.rtmp, KEY).await;
}
