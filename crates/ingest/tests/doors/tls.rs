//! RTMPS.

use std::time::Duration;

use ingest::{Identity, IdentitySource, Limits};
use model::EventName;
use rtmp::client::Event;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::encoder::{Encoder, target, tls};
use crate::scene::{KEY, PATIENCE, Scene, identity, participant, until};

#[tokio::test]
async fn r27_an_encoder_publishes_by_rtmps_and_is_listed_so() {
    let scene = Scene::new();
    let stream = tls(scene.rtmps, "localhost", &scene.identity.certificate)
        .await
        .unwrap();
    let mut encoder = Encoder::new(stream, target("app", KEY));
    assert_eq!(encoder.event().await, Some(Event::Published));
    encoder.begin().await;
    encoder.group().await;
    scene
        .until_event(&participant('a'), EventName::PublishStarted)
        .await;
    assert_eq!(scene.ingest.counters().streams, [("rtmp", 0), ("rtmps", 1)]);
    drop(encoder);
    scene.until_event(&participant('a'), EventName::Left).await;
}

#[tokio::test]
async fn t54_what_is_not_tls_is_closed_at_once_on_the_tls_port() {
    let scene = Scene::new();
    for bytes in [
        [&[3][..], &[0; 1_536]].concat(),
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
    ] {
        let began = Instant::now();
        let mut stream = TcpStream::connect(scene.rtmps).await.unwrap();
        let _ = stream.write_all(&bytes).await;
        let mut answer = Vec::new();
        let read = timeout(PATIENCE, stream.read_to_end(&mut answer));
        let _ = read.await.expect("the server closes");
        assert!(began.elapsed() < Duration::from_secs(3));
    }
    until(|| scene.refusals("TLS_FAILED") == 2).await;
    for refusal in scene.ingest.report().refusals {
        assert!(refusal.what.contains("is not TLS"), "{}", refusal.what);
    }
}

#[tokio::test]
async fn who_does_not_trust_the_certificate_is_told_apart_from_who_speaks_no_such_tls() {
    let scene = Scene::new();
    let stranger = identity("localhost");
    for (name, certificate) in [
        ("localhost", &stranger.certificate),
        ("elsewhere.example", &scene.identity.certificate),
    ] {
        assert!(tls(scene.rtmps, name, certificate).await.is_err());
    }
    until(|| scene.refusals("TLS_FAILED") == 2).await;
    // A hello of TLS 1.0, with one cipher and no extensions.
    let hello = [
        &[22, 3, 1, 0, 47, 1, 0, 0, 43, 3, 1][..],
        &[0; 32],
        &[0, 0, 4, 0, 47, 0, 255, 1, 0],
    ];
    let mut stream = TcpStream::connect(scene.rtmps).await.unwrap();
    stream.write_all(&hello.concat()).await.unwrap();
    until(|| scene.refusals("TLS_FAILED") == 3).await;
    let report = scene.ingest.report();
    let said: Vec<bool> = report
        .refusals
        .iter()
        .map(|refusal| refusal.what.contains("does not trust the certificate"))
        .collect();
    assert_eq!(said, [false, true, true], "{report:?}");
    assert!(report.refusals[0].what.contains("TLS 1.2"));
}

#[tokio::test]
async fn t64_a_tls_handshake_that_does_not_end_is_closed() {
    let scene = Scene::with(Limits {
        handshake_timeout: Duration::from_millis(200),
        ..Limits::default()
    });
    let mut stream = TcpStream::connect(scene.rtmps).await.unwrap();
    stream.write_all(&[0x16, 3, 1]).await.unwrap();
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut answer));
    let _ = read.await.expect("the server closes");
    until(|| scene.refusals("TLS_FAILED") == 1).await;
}

#[tokio::test]
async fn t64_a_certificate_is_replaced_for_newcomers_when_its_files_change() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (
        folder.path().join("certificate.pem"),
        folder.path().join("key.pem"),
    );
    let write = |identity: &Identity| {
        std::fs::write(&key, &identity.key).unwrap();
        std::fs::write(&certificate, &identity.certificate).unwrap();
    };
    let (old, new) = (identity("old.example"), identity("new.example"));
    write(&old);
    let source = IdentitySource::Files {
        certificate: certificate.clone(),
        key: key.clone(),
    };
    let scene = Scene::start(Limits::default(), old.clone(), source);
    let stream = tls(scene.rtmps, "old.example", &old.certificate)
        .await
        .unwrap();
    let mut encoder = Encoder::new(stream, target("app", KEY));
    assert_eq!(encoder.event().await, Some(Event::Published));

    // Files that belong to different certificates change nothing.
    std::fs::write(&key, &new.key).unwrap();
    write(&new);
    let replaced = async {
        while tls(scene.rtmps, "new.example", &new.certificate)
            .await
            .is_err()
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, replaced).await.expect("newcomers see it");
    assert!(
        tls(scene.rtmps, "old.example", &old.certificate)
            .await
            .is_err()
    );

    // Who was there goes on.
    encoder.begin().await;
    encoder.group().await;
    scene
        .until_event(&participant('a'), EventName::PublishStarted)
        .await;
}
