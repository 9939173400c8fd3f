"""Malformed media from three positions (rows T36 to T47 of the threats) while others meet, who must not notice.

The positions: an address that nobody knows; an address that has proved itself by ICE; and a participant whose SRTP is authentic.
A panic inside a session (T48) cannot be had from outside; the tests of `sfu` make one.
"""

import random
import socket
import struct
import time
import urllib.error
import urllib.request

import pytest
from pylibsrtp import Policy, Session

import hostile
from control import Control
from downstage import Stage, metric, until
from shaper import Shaper
from webrtc import Loop, Sealer

COUNT = 1_500
COUNTERS = ("downstage_rtp_packets_in_total", "downstage_media_drops_total")


@pytest.fixture(scope="module")
def control(server, browser):
    control = Control(server, browser)
    yield control
    control.end()


@pytest.fixture
def loop():
    with Loop() as loop:
        yield loop


def ask(method: str, url: str, token: str, body: str, kind="application/sdp", **headers: str):
    """Asks a door; gives the status, the headers, and what it said."""
    headers = {"Content-Type": kind, "Authorization": f"Bearer {token}", **{name.replace("_", "-"): value for name, value in headers.items()}}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body.encode(), method=method, headers=headers), timeout=10) as response:
            return response.status, response.headers, response.read().decode()
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.headers, refusal.read().decode()
    except (urllib.error.URLError, ConnectionError):
        # Refused by its length before it was read.
        return 413, {}, ""


def clear(rng, ufrag: str, ssrc: int) -> list[bytes]:
    """Everything that needs no keys, mixed."""
    media = [data for data, _, _ in hostile.rtp(rng, COUNT // 4, ssrc, 102, 100)]
    reports = [data + rng.randbytes(14) for data in hostile.rtcp(rng, COUNT // 4, ssrc, ssrc)]
    junk = [rng.randbytes(rng.randrange(1, 1_200)) for _ in range(COUNT // 8)]
    mixed = hostile.stun(rng, COUNT // 2, ufrag) + hostile.dtls(rng, COUNT // 2) + media + reports + junk
    rng.shuffle(mixed)
    return mixed


def test_t38_t39_t41_a_stranger_is_not_answered_and_disturbs_nobody(server, control, loop):
    rng = random.Random(3801)
    victim = control.stage.token("SUBSCRIBE")
    peer = loop.watch(control.url, victim["token"])
    until("the victim plays", lambda: peer.pictures > 5)
    ufrag = peer.ice.remote_username
    host, port = server.media[0].rsplit(":", 1)
    stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    stranger.connect((host, int(port)))
    stranger.setblocking(False)
    sent = answered = 0

    def attack():
        nonlocal sent, answered
        for count, datagram in enumerate(clear(rng, ufrag, 1)):
            sent += stranger.send(datagram)
            if count % 32 == 31:
                time.sleep(0.005)
        time.sleep(0)
        while True:
            try:
                answered += len(stranger.recv(65_536))
            except BlockingIOError:
                return

    pictures = peer.pictures
    control.watched("a stranger", attack)
    print(f"; {sent} bytes sent, {answered} bytes of answers", end="")
    assert answered <= sent, "no amplification"
    assert answered == 0, "who proves nothing is not answered"
    until("the victim plays on", lambda: peer.pictures > pictures + 10)
    stranger.close()


def test_t47_a_flood_of_junk_leaves_the_api_quick(server, control):
    rng = random.Random(4701)
    host, port = server.media[0].rsplit(":", 1)
    stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    stranger.connect((host, int(port)))
    junk = [rng.randbytes(rng.randrange(1, 200)) for _ in range(256)]

    def attack():
        # Rate by the clock, so that the receive buffer, which the control shares, is not what is tested.
        begin = time.monotonic()
        for burst in range(200):
            for datagram in junk[:50]:
                stranger.send(datagram)
            while time.monotonic() < begin + (burst + 1) * 0.01:
                time.sleep(0.001)

    control.watched("10,000 datagrams of junk in 2 s", attack)
    stranger.close()


def test_t38_t40_t41_an_address_known_by_ice_disturbs_nobody_else(control, loop):
    rng = random.Random(4001)
    token = control.stage.token("SUBSCRIBE")
    peer = loop.watch(control.url, token["token"])
    until("the attacker is connected", lambda: peer.pictures > 5)
    control.watched("a known address", lambda: peer.send(clear(rng, peer.ice.remote_username, 1)))
    print(f"; the attacker's own connection has {peer.pictures} pictures and is {peer.state}", end="")


def test_t41_media_that_does_not_verify_never_hangs_up(control, loop):
    rng = random.Random(4101)
    stage = Stage(control.stage.client)
    publisher, viewer = stage.token("PUBLISH"), stage.token("SUBSCRIBE")
    pid = publisher["participantId"]
    camera = loop.publish(f"{control.server.http}/whip", publisher["token"])
    stage.wait_for(pid, "JOINED", "PUBLISH_STARTED")
    peer = loop.watch(f"{control.server.http}/whip/subscribe/{pid}", viewer["token"])
    until("pictures", lambda: peer.pictures > 5)
    sealer, ssrc, kind = camera.sealer(), camera.ssrc("video"), camera.payload_type("video")
    sealed = [sealer.rtp(*each) for each in hostile.rtp(rng, 600, ssrc, kind, camera.next_number("video"))]
    forged = [each[:-1] + bytes([each[-1] ^ 1]) for each in sealed]
    reports = [each[:-1] + bytes([each[-1] ^ 1]) for each in map(sealer.rtcp, hostile.rtcp(rng, 300, ssrc, ssrc))]
    before = peer.pictures
    control.watched("media that does not verify, and is replayed", lambda: camera.send(forged + reports + 3 * list(camera.sent)))
    until("its viewer plays on", lambda: peer.pictures > before + 10)
    assert stage.names(pid) == ["JOINED", "PUBLISH_STARTED"], "the publisher is not hung up on"
    assert camera.state == "connected"
    print(f"; its viewer has got {peer.pictures - before} pictures more", end="")


def test_what_is_sealed_here_is_read_by_libsrtp():
    key, salt = bytes(range(16)), bytes(range(100, 114))
    sealer = Sealer(key, salt)
    reader = Session(Policy(key=key + salt, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=Policy.SRTP_PROFILE_AES128_CM_SHA1_80))
    packet = b"\x80\x66" + (300).to_bytes(2) + bytes(4) + (7).to_bytes(4) + b"payload"
    assert reader.unprotect(sealer.rtp(packet, 12, 300)) == packet
    report = b"\x81\xce\x00\x02" + (7).to_bytes(4) + (8).to_bytes(4)
    assert reader.unprotect_rtcp(sealer.rtcp(report)) == report


def test_t42_t43_an_authentic_publisher_disturbs_nobody_else(control, loop):
    rng = random.Random(4201)
    outcomes = []

    def attack():
        # What is no picture may break a rule of publishing, and ends the publish; so it comes again.
        for _ in range(4):
            stage = Stage(control.stage.client)
            publisher, viewer = stage.token("PUBLISH"), stage.token("SUBSCRIBE")
            pid = publisher["participantId"]
            camera = loop.publish(f"{control.server.http}/whip", publisher["token"])
            stage.wait_for(pid, "JOINED", "PUBLISH_STARTED")
            peer = loop.watch(f"{control.server.http}/whip/subscribe/{pid}", viewer["token"])
            until("pictures", lambda: peer.pictures > 2)
            sealer = camera.sealer()
            media = [
                sealer.rtp(*each)
                for kind in ("audio", "video")
                for each in hostile.rtp(rng, COUNT // 4, camera.ssrc(kind), camera.payload_type(kind), camera.next_number(kind))
            ]
            reports = [sealer.rtcp(each) for each in hostile.rtcp(rng, len(media), camera.ssrc("video"), rng.randrange(1 << 32))]
            # Numbers stay in order, so that none is too old to be looked at.
            sent = camera.send([each for pair in zip(media, reports) for each in pair])
            outcomes.append((sent, *stage.names(pid)[2:3]))

    taken, dropped = (metric(control.server, name) for name in COUNTERS)
    control.watched("authentic publishers", attack)
    taken, dropped = (metric(control.server, name) - before for name, before in zip(COUNTERS, (taken, dropped)))
    print(f"; {outcomes}; {taken:.0f} packets taken in, {dropped:.0f} dropped", end="")


def test_t43_an_authentic_viewer_disturbs_neither_the_publisher_nor_other_viewers(control, loop):
    rng = random.Random(4301)
    peer = loop.watch(control.url, control.stage.token("SUBSCRIBE")["token"])
    until("the attacker watches", lambda: peer.pictures > 5)
    sealer = peer.sealer()
    sources = peer.sources()
    assert sources, "the answer names what it sends"
    datagrams = [sealer.rtcp(each) for source in sources for each in hostile.rtcp(rng, COUNT // len(sources), 1, source)]
    datagrams += [sealer.rtp(*each) for each in hostile.rtp(rng, COUNT // 3, 1, 102, 1)]
    rng.shuffle(datagrams)
    control.watched("an authentic viewer", lambda: peer.send(datagrams))
    print(f"; the attacker is {peer.state}", end="")


def test_t40_a_wrong_fingerprint_never_connects(control, loop):
    stage = Stage(control.stage.client)
    publisher = stage.token("PUBLISH")

    def bend(sdp: str) -> str:
        lines = sdp.split("\r\n")
        return "\r\n".join(other(line) if line.startswith("a=fingerprint:") else line for line in lines)

    def other(line: str) -> str:
        return line[:-1] + ("0" if line[-1] != "0" else "1")

    loop.publish(f"{control.server.http}/whip", publisher["token"], bend)
    control.watched("a wrong fingerprint", lambda: None)
    assert "PUBLISH_STARTED" not in stage.names(publisher["participantId"])


def test_t36_t37_malformed_offers_are_refused_at_once(control, loop):
    stage = Stage(control.stage.client)
    peer = loop.publish(f"{control.server.http}/whip", stage.token("PUBLISH")["token"])
    sdp = peer.connection.localDescription.sdp

    def candidates(count: int) -> str:
        return "".join(f"a=candidate:{index} 1 udp 1 10.0.0.{index % 250} 1 typ host\r\n" for index in range(count))

    own = sdp.count("a=candidate:")
    places = "127.0.0.1 22", "169.254.169.254 80", "::1 53", "::ffff:127.0.0.1 22", "0.0.0.0 0", "internal.local 9", "example.com 9"
    offers = {
        "empty": ("", 400), "1 MB": ("v=0\r\n" + "a=x\r\n" * 200_000, 413), "NUL": (sdp.replace("m=", "\0m=", 1), 400),
        "CR only": (sdp.replace("\r\n", "\r"), 400), "sections": (sdp + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n" * 1_200, 400),
        "payload type": (sdp.replace(" 96", " 300"), 400), "no fingerprint": (sdp.replace("a=fingerprint", "a=nothing"), 400),
        "holdconn": (sdp.replace("a=setup:actpass", "a=setup:holdconn"), 400), "same mid": (sdp.replace("a=mid:1", "a=mid:0"), 400),
        # Candidates are counted and not looked at: media goes to whoever sends an authentic check.
        "candidates": (sdp + candidates(512 - own), 201), "a candidate too many": (sdp + candidates(513 - own), 400),
        "900 candidates": (sdp + candidates(900), 400),
        "places": (sdp + "".join(f"a=candidate:1 1 udp 1 {place} typ host\r\n" for place in places), 201),
    }
    statuses = {}

    def attack():
        for name, (offer, _) in offers.items():
            token = stage.token("PUBLISH")["token"]
            begin = time.monotonic()
            statuses[name] = ask("POST", f"{control.server.http}/whip", token, offer)[0]
            took = time.monotonic() - begin
            print(f"\n  {name}: {statuses[name]} in {took * 1e3:.0f} ms", end="")
            assert took < 2, name

    control.watched("malformed offers", attack)
    assert statuses == {name: status for name, (_, status) in offers.items()}


def test_t44_a_publisher_that_floods_ends_alone(control, loop):
    rng = random.Random(4401)
    stage = Stage(control.stage.client)
    publisher, viewer = stage.token("PUBLISH"), stage.token("SUBSCRIBE")
    pid = publisher["participantId"]
    camera = loop.publish(f"{control.server.http}/whip", publisher["token"])
    stage.wait_for(pid, "JOINED", "PUBLISH_STARTED")
    peer = loop.watch(f"{control.server.http}/whip/subscribe/{pid}", viewer["token"])
    until("pictures", lambda: peer.pictures > 2)
    sealer, ssrc, kind, first = camera.sealer(), camera.ssrc("video"), camera.payload_type("video"), camera.next_number("video")
    # Sound slices, so that it is their number alone that is wrong: 5 MB at once are 20 Mbit/s over the window of the bound.
    flood = [
        sealer.rtp(struct.pack("!BBHII", 0x80, kind, number & 0xFFFF, 0, ssrc) + b"\x41\xe0" + rng.randbytes(1_098), 12, number)
        for number in range(first, first + 4_500)
    ]
    sent = []
    control.watched("a publisher that floods", lambda: sent.append(camera.send(flood)))
    stage.wait_for(pid, "JOINED", "PUBLISH_STARTED", "PUBLISH_ERROR(BITRATE_EXCEEDED)", "PUBLISH_STOPPED", "LEFT")
    print(f"; it had sent {sent[0]} of {len(flood)} packets", end="")


def test_t44_a_thirteenth_publisher_is_not_let_in(control, loop):
    stage = Stage(control.stage.client)
    door = f"{control.server.http}/whip"
    sdp = loop.publish(door, stage.token("PUBLISH")["token"]).connection.localDescription.sdp
    statuses = []

    def attack():
        for _ in range(12):
            status, _, said = ask("POST", door, stage.token("PUBLISH")["token"], sdp)
            statuses.append((status, "QUOTA_EXCEEDED" in said))

    control.watched("thirteen publishers", attack)
    assert statuses == 11 * [(201, False)] + [(403, True)]


def test_t45_a_viewer_in_a_black_hole_ends_alone(server, control, loop):
    viewer = control.stage.token("SUBSCRIBE")
    with Shaper(server.media[0], 4501) as way:
        peer = loop.watch(control.url, viewer["token"], way.port)
        until("the viewer plays", lambda: peer.pictures > 5)
        way.loss = 1.0
        begin = time.monotonic()
        control.watched("a viewer whose way is a black hole", lambda: None)
        control.stage.wait_for(viewer["participantId"], "JOINED", "SUBSCRIBE_STARTED", "SUBSCRIBE_STOPPED", "LEFT", seconds=30)
        took = time.monotonic() - begin
        control.watched("its end", lambda: None)
        print(f"; it ended after {took:.1f} s", end="")
    assert took < 30


def test_t46_a_viewer_whose_address_changes_plays_on(server, control, loop):
    viewer = control.stage.token("SUBSCRIBE")
    with Shaper(server.media[0], 4601) as way:
        peer = loop.watch(control.url, viewer["token"], way.port)
        until("the viewer plays", lambda: peer.pictures > 5)
        for _ in range(2):
            pictures = peer.pictures
            control.watched("a viewer whose address changes", way.move)
            until("it plays on", lambda: peer.pictures > pictures + 20)
    assert control.stage.names(viewer["participantId"])[:3] == ["JOINED", "SUBSCRIBE_STARTED"]


def test_t46_patches_out_of_order_change_nothing(control, loop):
    viewer = control.stage.token("SUBSCRIBE")
    peer = loop.watch(control.url, viewer["token"])
    until("the viewer plays", lambda: peer.pictures > 5)

    def patch(ufrag: str, **headers: str) -> tuple[int, str]:
        fragment = f"a=ice-ufrag:{ufrag}\r\na=ice-pwd:{ufrag * 6}\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"
        fragment += "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n"
        status, headers, _ = ask("PATCH", peer.session, viewer["token"], fragment, "application/trickle-ice-sdpfrag", **headers)
        return status, headers.get("ETag")

    pictures = peer.pictures
    assert patch("aaaa") == (428, None)
    assert patch("aaaa", If_Match='"nobody\'s"') == (412, None)
    status, second = patch("aaaa", If_Match="*")
    assert status == 200 and second != peer.etag
    assert patch("aaaa", If_Match=peer.etag) == (412, None), "candidates of before the restart"
    assert patch("aaaa", If_Match=second) == (204, None)
    status, third = patch("bbbb", If_Match="*")
    assert status == 200 and third not in (peer.etag, second)
    assert patch("aaaa", If_Match=second) == (412, None), "candidates of the restart before"
    control.watched("patches out of order", lambda: patch("cccc", If_Match=second))
    until("the viewer plays on", lambda: peer.pictures > pictures + 20)
    assert control.stage.names(viewer["participantId"]) == ["JOINED", "SUBSCRIBE_STARTED"]
