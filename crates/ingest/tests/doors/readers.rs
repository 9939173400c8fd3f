//! Encoders that do not read what they are told.

use std::net::SocketAddr;
use std::time::Duration;

use ingest::Limits;
use model::EventName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::encoder::{Encoder, target};
use crate::scene::{KEY, PATIENCE, Scene, participant, until};

/// A ping on the chunk stream of control messages: the server answers with as many bytes.
const PING: &[u8] = &[2, 0, 0, 0, 0, 0, 6, 4, 0, 0, 0, 0, 0, 6, 1, 2, 3, 4];

/// A connection that holds little of what it has not read.
async fn narrow(server: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    socket.connect(server).await.unwrap()
}

/// Asks for answers, reads none, and goes on until the server closes.
async fn ask_without_end(stream: &mut TcpStream) {
    let pings = PING.repeat(512);
    let asking = async { while stream.write_all(&pings).await.is_ok() {} };
    timeout(PATIENCE, asking).await.expect("the server closes");
}

/// Sockets fill up before the server holds too much for them.
fn patient_with_memory() -> Limits {
    Limits {
        write_timeout: Duration::from_millis(200),
        session: rtmp::Limits {
            transmit_bytes_max: 1 << 30,
            ..rtmp::Limits::default()
        },
        ..Limits::default()
    }
}

/// Sockets stay full for long, and what waits for them is bounded.
fn patient_with_time() -> Limits {
    Limits {
        write_timeout: PATIENCE,
        publish_timeout: PATIENCE,
        media_timeout: PATIENCE,
        ..Limits::default()
    }
}

#[tokio::test]
async fn t49_who_never_reads_is_closed_before_it_publishes() {
    for (limits, expected) in [
        (patient_with_memory(), "does not read its answers"),
        (patient_with_time(), "bytes of answers wait"),
    ] {
        let scene = Scene::with(limits);
        let mut stream = narrow(scene.rtmp).await;
        let hello = [&[3][..], &[0; 2 * 1_536]].concat();
        stream.write_all(&hello).await.unwrap();
        // The answer to the handshake is read; nothing after it is.
        let mut answer = vec![0; 1 + 2 * 1_536];
        stream.read_exact(&mut answer).await.unwrap();
        ask_without_end(&mut stream).await;
        until(|| scene.ingest.counters().connections == 0).await;
        let what = &scene.ingest.report().refusals[0].what;
        assert!(what.contains(expected), "{what}");
    }
}

#[tokio::test]
async fn a_publisher_that_stops_reading_is_cut_off_and_its_key_is_free() {
    for (limits, expected) in [
        (patient_with_memory(), "does not read its answers"),
        (patient_with_time(), "bytes of answers wait"),
    ] {
        let scene = Scene::with(limits);
        let stream = narrow(scene.rtmp).await;
        let mut encoder = Encoder::new(stream, target("app", KEY));
        assert_eq!(encoder.event().await, Some(rtmp::client::Event::Published));
        encoder.begin().await;
        encoder.group().await;
        scene
            .until_event(&participant('a'), EventName::PublishStarted)
            .await;
        ask_without_end(&mut encoder.socket).await;
        scene.until_event(&participant('a'), EventName::Left).await;
        let report = scene.ingest.report();
        let last = report.configurations[0].last_refusal.as_ref().unwrap();
        assert!(last.what.contains(expected), "{}", last.what);
        Encoder::published(scene.rtmp, KEY).await;
    }
}
