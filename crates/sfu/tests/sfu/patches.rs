//! Trickled candidates and ICE restarts.

use std::time::Duration;

use model::ConnectionId;
use sfu::{Input, Output, PatchFault, Patched};
use str0m::media::MediaKind::Video;
use str0m::{Candidate, IceCreds};

use crate::client::value;
use crate::media::predicted_frame;
use crate::network::{Network, SERVER, settings};

pub(crate) fn patch(
    net: &mut Network,
    id: u64,
    fragment: &str,
    restart: bool,
) -> Result<Patched, PatchFault> {
    let connection = ConnectionId(id);
    let input = Input::Patch {
        connection,
        fragment,
        restart,
    };
    net.sfu.handle(input, net.now);
    net.settle();
    let at = net
        .told
        .iter()
        .position(|output| matches!(output, Output::Patched { .. }));
    let Output::Patched { result, .. } = net.told.remove(at.expect("a reply")) else {
        unreachable!()
    };
    result
}

pub(crate) fn fragment(ufrag: &str, password: &str, candidates: &[&str]) -> String {
    let mut text = format!(
        "a=ice-ufrag:{ufrag}\r\na=ice-pwd:{password}\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"
    );
    for candidate in candidates {
        text.push_str(candidate);
        text.push_str("\r\n");
    }
    text
}

// T37 too: nothing is ever sent to a candidate.
#[test]
fn w17_w18_candidates_are_noted_and_those_that_cannot_be_used_are_dropped_silently() {
    let mut net = Network::stage(settings(), 1);
    let (ufrag, password) = {
        let sdp = &net.client(2).sdp;
        (
            value(sdp, "ice-ufrag").to_owned(),
            value(sdp, "ice-pwd").to_owned(),
        )
    };
    let text = fragment(
        &ufrag,
        &password,
        &[
            "a=candidate:1 1 udp 2113937151 192.0.2.77 5000 typ host",
            "a=candidate:2 1 sctp 2113937151 192.0.2.77 5000 typ host",
            "a=candidate:3 1 udp 2113937151 c6610361-fa2b-4260-9422-e06a08e8e327.local 58854 typ host",
            "a=candidate:4 1 udp 2113937151 metadata.example 80 typ host",
            "a=candidate:5 1 udp 2113937151 127.0.0.1 22 typ host",
            "a=candidate:6 1 udp 2113937151 ::ffff:169.254.169.254 80 typ host",
            "a=candidate:7 1 udp 2113937151 0.0.0.0 0 typ host",
            "a=candidate:8 1 tcp 1518280447 10.0.0.1 9 typ host tcptype active",
            "a=end-of-candidates",
        ],
    );
    net.sent.clear();
    assert_eq!(patch(&mut net, 2, &text, false), Ok(Patched::Candidates));
    net.run(Duration::from_secs(3));
    let known: Vec<_> = net.clients.values().map(|client| client.address).collect();
    assert!(
        net.sent
            .iter()
            .all(|sent| known.contains(&sent.destination))
    );
}

#[test]
fn w10_malformed_fragments_are_refused() {
    let mut net = Network::stage(settings(), 1);
    let creds = "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n";
    for text in [
        "",
        "hello",
        "a=ice-ufrag:abcd\r\n",
        "a=ice-pwd:0123456789012345678901\r\n",
        "a=ice-ufrag:a\r\na=ice-pwd:0123456789012345678901\r\n",
        "a=ice-ufrag:ab cd\r\na=ice-pwd:0123456789012345678901\r\n",
        &format!("{creds}a=candidate:nonsense\r\n"),
        &format!("{creds}a=candidate:1 1 udp x 192.0.2.1 5 typ host\r\n"),
        &format!("{creds}v=0\r\n"),
        &format!("{creds}m=audio\r\n"),
        &format!("{creds}m=audio 9 X 0\r\na=ice-ufrag:other\r\na=ice-pwd:other\r\n"),
        &creds.replace("\r\n", "\r"),
        &creds.replace("abcd", "ab\0d"),
    ] {
        assert_eq!(
            patch(&mut net, 2, text, true),
            Err(PatchFault::Malformed),
            "{text:?}"
        );
    }
    assert_eq!(patch(&mut net, 77, creds, true), Err(PatchFault::NotFound));
    assert_eq!(
        patch(&mut net, 2, creds, false),
        Err(PatchFault::RestartNotAllowed)
    );
    // W22: none of it has done any harm.
    let before = net.client(2).received_of(Video).len();
    net.frame(&predicted_frame(2), 3_000);
    assert_eq!(net.client(2).received_of(Video).len(), before + 2);
}

// T46: a restart replaces both sides' credentials, and media flows before, during and after.
#[test]
fn w19_w20_w21_an_ice_restart_gives_new_credentials_and_media_goes_on() {
    let mut net = Network::stage(settings(), 1);
    let now = net.now.mono;
    let fresh = IceCreds::new();
    let text = fragment(&fresh.ufrag, &fresh.pass, &[]);
    let before = net.client(2).rtc.direct_api().local_ice_credentials();
    let Ok(Patched::Restarted { fragment: reply }) = patch(&mut net, 2, &text, true) else {
        panic!("not restarted");
    };
    for line in [
        "a=ice-lite",
        "a=ice-options:trickle",
        "a=group:BUNDLE 0 1",
        "a=mid:0",
        "a=mid:1",
    ] {
        assert_eq!(
            reply.lines().filter(|at| *at == line).count(),
            1,
            "{line}\n{reply}"
        );
    }
    assert_eq!(
        reply
            .lines()
            .filter(|line| line.starts_with("a=candidate:"))
            .count(),
        8
    );
    assert_eq!(
        reply
            .lines()
            .filter(|line| *line == "a=end-of-candidates")
            .count(),
        2
    );

    // The client forgets the old path and begins with the new credentials.
    let client = net.client(2);
    let (address, server) = (client.address, SERVER.parse().unwrap());
    let mut api = client.rtc.direct_api();
    api.invalidate_candidate(&Candidate::host(server, "udp").unwrap());
    api.invalidate_candidate(&Candidate::host(address, "udp").unwrap());
    api.set_local_ice_credentials(fresh);
    api.set_remote_ice_credentials(IceCreds {
        ufrag: value(&reply, "ice-ufrag").to_owned(),
        pass: value(&reply, "ice-pwd").to_owned(),
    });
    assert_ne!(api.local_ice_credentials(), before);
    client
        .rtc
        .add_local_candidate(Candidate::host(address, "udp").unwrap());
    client
        .rtc
        .add_remote_candidate(Candidate::host(server, "udp").unwrap());
    client.drive(now);

    let before = net.client(2).received_of(Video).len();
    for frame in 0..30 {
        net.frame(&predicted_frame(2), 3_000 * (frame + 1));
        net.run(Duration::from_secs(1));
    }
    assert_eq!(net.client(2).received_of(Video).len(), before + 60);
    assert_eq!(net.fault(2), None);
}

#[test]
fn w22_a_restart_that_the_client_does_not_complete_ends_nothing_by_itself() {
    let mut net = Network::stage(settings(), 1);
    let fresh = IceCreds::new();
    let text = fragment(&fresh.ufrag, &fresh.pass, &[]);
    assert!(matches!(
        patch(&mut net, 1, &text, true),
        Ok(Patched::Restarted { .. })
    ));
    let before = net.client(2).received_of(Video).len();
    for frame in 0..300 {
        net.frame(&predicted_frame(1), 9_000 * (frame + 1));
        net.run(Duration::from_millis(100));
    }
    assert_eq!(net.fault(1), None, "media on the old path is life enough");
    assert_eq!(net.client(2).received_of(Video).len(), before + 300);
}
