"""Rows T49 to T54 of the threats, from outside: what no encoder sends, while another publishes by RTMP and a viewer watches, who must not
notice."""

import contextlib
import os
import random
import re
import socket
import ssl
import struct
import time

import pytest

from chunks import ABORT, AUDIO, CHUNK_BYTES, COMMAND, CONTROL, SET_CHUNK_SIZE, VIDEO, VERSION, HANDSHAKE_BYTES, Wire, amf, chunk
from control import Control
from downstage import Stage, until
from ffmpeg import Program
from ingest import Ingest
from rtmp import Ffmpeg, h264

# How long the server may wait for a handshake, and a second for a machine that is busy.
HANDSHAKE_S = 5 + 5
# What may be added to the memory of the server by an attack, in bytes.
MEMORY_BYTES = 48 << 20
CLOSED = (ConnectionResetError, BrokenPipeError, ConnectionAbortedError, ssl.SSLError)


@pytest.fixture(scope="module")
def control(server, browser):
    def publish(stage):
        ingest = Ingest(stage)
        return Ffmpeg(ingest.url(), size="320x180", rate=20, video=h264(200, 20), seconds=3_600), ingest.participant

    control = Control(server, browser, publish)
    yield control
    control.end()


@pytest.fixture
def ingest(stage):
    return Ingest(stage)


def memory(server) -> int:
    """Bytes that are resident."""
    with open(f"/proc/{server.process.pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+) kB", status.read())[1]) << 10


def descriptors(server) -> int:
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def closed_within(wire: Wire, seconds: float) -> float:
    """Waits until the server closes, and gives how long it took."""
    begin = time.monotonic()
    wire.socket.settimeout(seconds)
    wire.wait_closed()
    return time.monotonic() - begin


def test_t49_handshakes_that_come_to_nothing_are_cut(server, control, ingest):
    url = ingest.url()

    def slowly(wire: Wire) -> None:
        wire.socket.settimeout(1.0)
        for byte in bytes([VERSION]) + bytes(HANDSHAKE_S * 2):
            wire.send(bytes([byte]))
            try:
                if not wire.socket.recv(1):
                    return
            except TimeoutError:
                pass

    handshakes = {
        "silent": lambda wire: None,
        "the first byte": lambda wire: wire.send(bytes([VERSION])),
        "short": lambda wire: wire.send(bytes([VERSION]) + bytes(HANDSHAKE_BYTES - 1)),
        "without its third part": lambda wire: wire.send(bytes([VERSION]) + bytes(HANDSHAKE_BYTES)),
        "one byte a second": slowly,
    }
    took = {}
    with contextlib.ExitStack() as stack:
        opened = {name: (time.monotonic(), stack.enter_context(Wire(url))) for name in handshakes}

        def attack():
            for name, (begin, wire) in opened.items():
                with contextlib.suppress(*CLOSED):
                    handshakes[name](wire)
            for name, (begin, wire) in opened.items():
                closed_within(wire, 20)
                took[name] = time.monotonic() - begin

        control.watched("handshakes that come to nothing", attack)
    print(f"; closed after {({name: round(value, 1) for name, value in took.items()})}", end="")
    assert max(took.values()) < HANDSHAKE_S + 5


@pytest.mark.parametrize("version", [0, 6, 8, 31, 0x16, 0x47, 0xFF])
def test_t49_other_versions_are_closed_at_once(ingest, version):
    with Wire(ingest.url()) as wire:
        wire.send(bytes([version]) + bytes(HANDSHAKE_BYTES))
        assert closed_within(wire, 5) < 2


def test_t49_a_handshake_in_single_bytes_is_one_all_the_same(server, ingest):
    with Wire(ingest.url()) as wire:
        wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        send = wire.send
        wire.send = lambda data: [send(bytes([byte])) for byte in data]
        wire.handshake()
        wire.connect()


def test_t49_who_shakes_hands_and_says_nothing_more_is_cut(control, ingest):
    with Wire(ingest.url(), timeout=30) as silent, Wire(ingest.url(), timeout=30) as waiting:
        silent.handshake()
        waiting.handshake().connect()
        assert closed_within(silent, 20) + closed_within(waiting, 20) < 15


def test_t49_one_address_has_only_so_many_connections(server, control, ingest):
    """Many open at once take nothing from others, and are gone afterwards."""
    before = descriptors(server)
    with contextlib.ExitStack() as stack:
        refused = 0

        def attack():
            nonlocal refused
            for _ in range(600):
                try:
                    wire = stack.enter_context(Wire(ingest.url()))
                    wire.send(bytes([VERSION]))
                except OSError:
                    refused += 1

        control.watched("six hundred connections", attack)
        held = descriptors(server) - before
    print(f"; {held} are held of 600, {refused} refused outright", end="")
    assert held < 150, "the cap for one address"
    until("all are closed", lambda: descriptors(server) <= before + 5)
    with Wire(ingest.url()) as wire:
        wire.handshake().connect()


def bodies(rng: random.Random) -> dict[str, list[bytes]]:
    """What comes after the handshake, by what is wrong with it."""
    claims = struct.pack(">I", 1)
    connected = chunk(COMMAND, amf("connect", 1, {"app": "app"}))
    return {
        "t50 chunks of size 0": [chunk(SET_CHUNK_SIZE, bytes(4), cid=2), connected],
        "t50 chunks of size 2^31": [chunk(SET_CHUNK_SIZE, b"\x80\0\0\0", cid=2), connected],
        "t50 chunks of size 2^31-1": [chunk(SET_CHUNK_SIZE, b"\x7f\xff\xff\xff", cid=2), chunk(VIDEO, bytes(100), cid=6, length=0xFFFFFF)],
        "t50 messages of 16 MiB, claimed": [chunk(VIDEO, b"\x17", cid=3 + index, length=0xFFFFFF) for index in range(60)],
        "t50 a message of 16 MiB": [chunk(SET_CHUNK_SIZE, b"\0\1\0\0", cid=2), chunk(VIDEO, bytes(0xFFFFFF), cid=6, size=65_536)],
        "t50 65,536 chunk streams": [b"".join(chunk(AUDIO, bytes(CHUNK_BYTES), cid=64 + index, length=2_000) for index in range(65_536))],
        "t50 an abort of everything": [b"".join(chunk(ABORT, struct.pack(">I", cid), cid=2) for cid in range(0, 70_000))],
        "t50 half of each, aborted": [b"".join(
            chunk(VIDEO, bytes(128), cid=6, length=4_000_000) + chunk(ABORT, struct.pack(">I", 6), cid=2) for _ in range(5_000))],
        "t50 a chunk that goes on with nothing": [b"\xc6" + bytes(128)],
        "t50 pings": [b"".join(chunk(CONTROL, b"\0\6" + claims, cid=2) for _ in range(50_000))],
        "t51 objects in objects": [chunk(COMMAND, amf("connect", 1) + b"\x03\0\1a" * 16_000)],
        "t51 arrays in arrays": [chunk(COMMAND, amf("connect", 1) + b"\x0a\0\0\0\1" * 13_000)],
        "t51 an array of 2^32-1": [chunk(COMMAND, amf("connect", 1) + b"\x0a\xff\xff\xff\xff")],
        "t51 an associative array of 2^32-1": [chunk(COMMAND, amf("connect", 1) + b"\x08\xff\xff\xff\xff\0\1a\5")],
        "t51 a text past the end": [chunk(COMMAND, amf("connect", 1) + b"\x02\xff\xffabc")],
        "t51 a long text past the end": [chunk(COMMAND, amf("connect", 1) + b"\x0c\xff\xff\xff\xffabc")],
        "t51 a reference to itself": [chunk(COMMAND, amf("connect", 1) + b"\x03\0\1a\x07\0\0\0\0\x09")],
        "t51 kinds that there are not": [chunk(COMMAND, bytes([kind]) * 40) for kind in range(14, 256, 16)],
        "t51 dates, undefined, xml": [chunk(COMMAND, amf("connect", 1) + b"\x0b" + bytes(10) + b"\x06\x0f\0\0\0\1x\x10\0\1a\0\0\x09")],
        "t51 a name that is no text": [chunk(COMMAND, amf(1, 2, 3))],
        "t53 a publish before the connect": [chunk(COMMAND, amf("publish", 1, None, "key", "live"), stream=1)],
        "t53 media before the publish": [chunk(VIDEO, b"\x17\0\0\0\0", stream=1), chunk(AUDIO, b"\xaf\0\x12\x10", stream=1)],
        "t53 the end of another's stream": [connected, chunk(COMMAND, amf("FCUnpublish", 2, None, "key")),
                                            chunk(COMMAND, amf("deleteStream", 3, None, 1)), chunk(COMMAND, amf("deleteStream", 4, None, 1e300))],
        "t53 a play": [connected, chunk(COMMAND, amf("createStream", 2, None)),
                       chunk(COMMAND, amf("play", 3, None, "key"), stream=1)],
        "t53 another application": [chunk(COMMAND, amf("connect", 1, {"app": "live"}))],
        "noise": [rng.randbytes(50_000) for _ in range(20)],
        "streams without end": [connected, b"".join(chunk(COMMAND, amf("createStream", index, None)) for index in range(20_000))],
    }


def test_t50_t51_t53_what_no_encoder_sends_is_closed_and_costs_nothing(server, control, ingest):
    rng = random.Random(5051)
    cases = bodies(rng)
    before, counts = memory(server), descriptors(server)
    peak = before

    def attack():
        nonlocal peak
        for name, parts in cases.items():
            with Wire(ingest.url(), timeout=15) as wire:
                wire.handshake()
                with contextlib.suppress(*CLOSED, TimeoutError):
                    for part in parts:
                        wire.send(part)
                peak = max(peak, memory(server))

    control.watched("what no encoder sends", attack)
    until("all are closed", lambda: descriptors(server) <= counts + 5)
    print(f"; memory {before >> 20} MiB, at most {peak >> 20}, now {memory(server) >> 20}", end="")
    assert peak - before < MEMORY_BYTES


def test_what_is_broken_is_closed_soon(ingest):
    """Within the time that there is for a publish, at the latest; all of them at once."""
    with contextlib.ExitStack() as stack:
        wires = {}
        for name, parts in bodies(random.Random(2)).items():
            if not name.startswith(("t50 chunks of size 0", "t51", "t53")):
                continue
            wire = wires[name] = stack.enter_context(Wire(ingest.url(), timeout=15)).handshake()
            with contextlib.suppress(*CLOSED):
                for part in parts:
                    wire.send(part)
        begin = time.monotonic()
        for name, wire in wires.items():
            closed_within(wire, 20)
            assert time.monotonic() - begin < 15, name


def test_t50_messages_that_are_only_claimed_take_no_memory(server, control, ingest):
    """Fifty connections that claim 60 messages of 4 MB each, and send a byte of them, are 12 GB that nobody has."""
    before = memory(server)
    with contextlib.ExitStack() as stack:
        wires = []

        def attack():
            for _ in range(50):
                wire = stack.enter_context(Wire(ingest.url(), timeout=15))
                wires.append(wire.handshake())
                with contextlib.suppress(*CLOSED):
                    wire.send(b"".join(chunk(VIDEO, b"\x17", cid=3 + index, length=4_000_000) for index in range(60)))

        control.watched("claims of 12 GB", attack)
        peak = memory(server)
    print(f"; memory {before >> 20} MiB, then {peak >> 20}", end="")
    assert peak - before < MEMORY_BYTES


def test_t53_a_publisher_that_sends_what_is_no_media_ends_alone(server, control, client):
    rng = random.Random(53)
    media = {
        "noise": lambda wire: [wire.send(chunk(rng.choice((AUDIO, VIDEO)), rng.randbytes(rng.randrange(200)), stream=1)) for _ in range(2_000)],
        "a picture without its parameters": lambda wire: wire.send(chunk(VIDEO, b"\x17\1\0\0\0\0\0\0\2\x65\x88", stream=1) * 50),
        "a record cut short": lambda wire: wire.send(chunk(VIDEO, b"\x17\0\0\0\0\1\x42\xc0\x1f\xff\xe1\xff\xff", stream=1)),
        "lengths beyond the end": lambda wire: wire.send(chunk(VIDEO, b"\x17\1\0\0\0\xff\xff\xff\xff\x65", stream=1) * 50),
        "tracks of no length": lambda wire: wire.send(chunk(VIDEO, b"\x96\x20avc1" + b"\0" * 300, stream=1) * 50),
        "times from end to end": lambda wire: [wire.send(chunk(AUDIO, b"\xaf\0\x12\x10", stream=1, at=at)) for at in (0, 0xFFFFFFFF, 5, 0x80000000)],
    }
    stages = {name: Stage(client) for name in media}
    ingests = {name: Ingest(stage) for name, stage in stages.items()}

    def attack():
        with contextlib.ExitStack() as stack:
            wires = {}
            for name, send in media.items():
                wire = wires[name] = stack.enter_context(Wire(ingests[name].url(), timeout=15))
                status = wire.handshake().connect().publish(ingests[name].key)
                assert status["code"] == "NetStream.Publish.Start", status
                with contextlib.suppress(*CLOSED):
                    send(wire)
            for wire in wires.values():
                closed_within(wire, 25)

    control.watched("what is no media", attack)
    for name, ingest in ingests.items():
        ingest.wait_state("INACTIVE")
        names = stages[name].names(ingest.participant)
        print(f"; {name}: {names}", end="")
        assert "PUBLISH_STARTED" not in names and names[-1] == "LEFT"
        client.delete_stage(arn=ingest.stage.arn)


def test_t53_keys_are_not_to_be_guessed(server, control, ingest):
    """That one address tries only so many is seen in `test_ingest_doors`, whose encoders do not wait for answers."""
    rng = random.Random(5)
    head = ingest.key.rsplit("_", 1)[0]
    said = set()

    def attack():
        for _ in range(60):
            with Wire(ingest.url(), timeout=5) as wire:
                status = wire.handshake().connect().publish(f"{head}_{rng.randbytes(20).hex()}")
                said.add((status["level"], status["code"], status["description"].split(":")[0]))

    control.watched("guesses", attack)
    assert said <= {("error", "NetStream.Publish.BadName", "INVALID_STREAM_KEY"), ("error", "NetStream.Publish.Denied", "TOO_MANY_ATTEMPTS")}


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1")
def test_t54_tls_where_there_is_none_and_none_where_there_is(server, control, stage, ingest):
    plain, secure = ingest.url("RTMP"), ingest.url("RTMPS")
    results = {}

    def swap(url: str, scheme: str) -> str:
        return re.sub(r"^rtmps?:", f"{scheme}:", url)

    def attack():
        # TLS to the plain port, which is a version of RTMP that there is not.
        try:
            with Wire(swap(plain, "rtmps"), server.certificate, timeout=10):
                results["tls on plain"] = "connected"
        except (ssl.SSLError, OSError) as error:
            results["tls on plain"] = type(error).__name__
        # Plain to the port of TLS.
        with Wire(swap(secure, "rtmp"), timeout=10) as wire:
            try:
                wire.handshake()
                results["plain on tls"] = "shook hands"
            except (OSError, AssertionError) as error:
                results["plain on tls"] = type(error).__name__
        # Half a hello, and silence.
        with Wire(swap(secure, "rtmp"), timeout=10) as wire:
            wire.send(bytes.fromhex("160301020001"))
            results["half a hello"] = closed_within(wire, 20)
        # Versions that are too old.
        with socket.create_connection((wire.url.hostname, wire.url.port), timeout=10) as raw:
            old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
            old.set_ciphers("ALL:@SECLEVEL=0")
            try:
                old.wrap_socket(raw, server_hostname="localhost")
                results["tls 1.1"] = "connected"
            except (ssl.SSLError, OSError) as error:
                results["tls 1.1"] = type(error).__name__

    control.watched("each on the other's port", attack)
    print(f"; {results}", end="")
    assert results["tls on plain"] != "connected" and results["plain on tls"] != "shook hands" and results["tls 1.1"] != "connected"
    assert results["half a hello"] < 15
    for protocol, insecure, admitted in [("RTMP", True, True), ("RTMPS", True, True), ("RTMPS", False, True), ("RTMP", False, False)]:
        each = Ingest(stage, insecure=insecure)
        with Wire(each.url(protocol), server.certificate) as wire:
            status = wire.handshake().connect().publish(each.key)
        assert (status["code"] == "NetStream.Publish.Start") == admitted, (protocol, insecure, status)


def test_t56_texts_of_an_encoder_go_to_no_shell_and_no_log_line_of_their_own(server, control, ingest):
    text = "`id`$(id)\n2026-01-01T00:00:00Z WORD forged"
    with Wire(ingest.url(), timeout=15) as wire:
        wire.handshake()
        wire.command("connect", 1, {"app": "app", "flashVer": text, "tcUrl": text, "swfUrl": text, "pageUrl": text, text: text})
        wire.until("_result")
        wire.command("createStream", 2, None)
        wire.until("_result")
        assert wire.publish(ingest.key)["code"] == "NetStream.Publish.Start"
    log = server.log.read_text(errors="replace")
    assert "\n2026-01-01T00:00:00Z WORD forged" not in log


def test_t53_t61_no_key_reaches_the_log_at_trace(own_server, tmp_path):
    server = own_server("--log-level", "trace", environment={"RUST_LOG": "trace"}).start()
    stage = Stage(server.client())
    ingest = Ingest(stage, userId="canary-user-7f3a", attributes={"seat": "canary-attribute-91bc"})
    pair = Ingest(stage, redundantIngest=True)
    keys = [ingest.key, *(each["streamKey"] for each in pair.credentials), "canary-malformed-55d1"]
    with Ffmpeg(ingest.url(), size="160x96"), Ffmpeg(pair.url(key=keys[1]), size="160x96"):
        ingest.wait_begun()
        pair.wait_begun()
        for key in (ingest.key, keys[3], keys[2][:-1], keys[2] + "?canary-query-42"):
            with Wire(ingest.url("RTMPS"), server.certificate) as wire:
                wire.handshake().connect(f"app/{key}" if key == keys[2][:-1] else "app").publish(key)
    until("the drain", lambda: server.stop() == 0)
    log = server.log.read_text(errors="replace")
    assert "TRACE" in log or "DEBUG" in log, "the test is blind unless the log is at its loudest"
    secrets = [key.rsplit("_", 1)[-1] for key in keys[:3]]
    for canary in [*secrets, secrets[2][:-1], "canary"]:
        assert canary not in log, [line[:300] for line in log.splitlines() if canary in line][:3]


def test_t54_openssl_and_rtmps_agree_on_modern_tls(server, ingest):
    """TLS 1.2 and 1.3, by another's code."""
    address = re.match(r"rtmps://([^/]+)/", ingest.url("RTMPS"))[1]
    for version in ("-tls1_2", "-tls1_3"):
        with Program(["openssl", "s_client", "-connect", address, version, "-CAfile", str(server.certificate), "-verify_return_error"]) as client:
            assert client.wait() == 0
