//! A server's session against any bytes: from nothing, or from a publish that was accepted, in pieces of any size.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rtmp::server::{Event, Session};
use rtmp::{HANDSHAKE_RANDOM_BYTES, Limits, StreamName, client};

/// Both ends through a publish.
fn publishing() -> Session {
    let random = [7; HANDSHAKE_RANDOM_BYTES];
    let target = client::Target {
        app: "app".to_owned(),
        tc_url: String::new(),
        name: StreamName::new("key"),
        encoder: String::new(),
    };
    let mut client = client::Session::new(Limits::default(), random, target);
    let mut server = Session::new(Limits::default(), random);
    while !client.is_publishing() {
        while let Some(bytes) = client.poll_transmit() {
            server.receive(&bytes).expect("our client breaks no rule");
        }
        while server.poll_event().is_some() {
            server.accept();
        }
        while let Some(bytes) = server.poll_transmit() {
            client.receive(&bytes).expect("our server breaks no rule");
        }
    }
    server
}

fuzz_target!(|data: &[u8]| {
    let Some((how, bytes)) = data.split_first() else {
        return;
    };
    let mut session = if how & 1 == 0 {
        publishing()
    } else {
        Session::new(Limits::default(), [7; HANDSHAKE_RANDOM_BYTES])
    };
    let piece = match how >> 1 {
        0 => bytes.len().max(1),
        size => usize::from(size),
    };
    for part in bytes.chunks(piece) {
        let done = session.receive(part);
        while let Some(event) = session.poll_event() {
            if matches!(event, Event::Publish(_)) {
                session.accept();
            }
        }
        while session.poll_transmit().is_some() {}
        if let Err(fault) = done {
            assert_eq!(session.receive(&[]), Err(fault));
            return;
        }
    }
});
