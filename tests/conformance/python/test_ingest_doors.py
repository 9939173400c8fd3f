"""What operators count on at the ports for encoders: certificates that change under a running server, and a limit for who guesses keys."""

import contextlib
import ssl
import subprocess
import time
from collections import Counter

from chunks import Wire
from downstage import Stage, until
from ingest import Ingest, administration, counters
from rtmp import Ffmpeg

ACCESS_KEY, SECRET_KEY = "AKDOORS", "0123456789abcdef"
# Addresses of this machine that nobody else here comes from.
GUESSER, NEIGHBOUR = "127.0.0.2", "127.0.0.3"
# What one address may try at once, and how many it has open at a time here; it may have 128.
BURST, AT_ONCE = 200, 50


def made(folder, name: str) -> tuple[str, str]:
    """A certificate for this machine, and its key."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}-key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={name}",
         "-addext", "subjectAltName=IP:127.0.0.1", "-out", certificate, "-keyout", key],
        check=True, capture_output=True, timeout=10,
    )
    return certificate.read_text(), key.read_text()


def shown(address: str) -> str:
    """The certificate that a new connection is shown."""
    host, port = address.rsplit(":", 1)
    return ssl.get_server_certificate((host, int(port)), timeout=5).strip()


def test_t64_serve_takes_a_new_certificate_while_an_encoder_publishes(own_server, tmp_path):
    (old, old_key), (new, new_key) = made(tmp_path, "old"), made(tmp_path, "new")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    certificate.write_text(old)
    key.write_text(old_key)
    server = own_server(
        "--rates", "false", "--rtmps", "127.0.0.1:0", "--rtmps-certificate", str(certificate), "--rtmps-key", str(key),
        mode="serve", environment={"DOWNSTAGE_ACCESS_KEYS": f"{ACCESS_KEY}:{SECRET_KEY}:123456789012"},
    ).start()
    assert shown(server.rtmps) == old.strip()
    stage = Stage(server.client(ACCESS_KEY, SECRET_KEY))
    ingest = Ingest(stage)
    trusted = tmp_path / "old.pem"
    with Ffmpeg(ingest.url("RTMPS"), certificate=trusted, size="160x96", rate=15) as encoder:
        ingest.wait_begun()
        # A renewal that has gone wrong.
        certificate.write_text(new[: len(new) // 2])
        until("the log says so", lambda: "the certificate of RTMPS stays" in server.log.read_text())
        assert shown(server.rtmps) == old.strip()
        key.write_text(new_key)
        certificate.write_text(new)
        until("newcomers see it", lambda: shown(server.rtmps) == new.strip())
        until("the log says that too", lambda: "the certificate of RTMPS is replaced" in server.log.read_text())
        with Wire(ingest.url("RTMPS"), tmp_path / "new.pem") as wire:
            wire.handshake().connect()
        with contextlib.suppress(ssl.SSLCertVerificationError):
            Wire(ingest.url("RTMPS"), trusted)
            raise AssertionError("the old certificate is still trusted")
        # Who was there goes on.
        before = counters(server)["downstage_ingest_bytes_in_total"]
        until("it goes on", lambda: counters(server)["downstage_ingest_bytes_in_total"] > before + 20_000)
        assert encoder.process.poll() is None
        assert stage.names(ingest.participant) == ["JOINED", "PUBLISH_STARTED"]
    ingest.wait_ended()
    log = server.log.read_text()
    for secret in (old_key, new_key):
        assert not any(line in log for line in secret.splitlines() if line)


def test_dev_makes_another_certificate_when_its_host_changes(own_server):
    server = own_server()
    certificates = []
    for host in ("127.0.0.1", "studio.example", "studio.example"):
        server.flags = ("--rtmp-host", host)
        server.start()
        certificates.append(server.certificate.read_text())
        assert shown(server.rtmps) == certificates[-1].strip()
        address, port = server.rtmps.rsplit(":", 1)
        context = ssl.create_default_context(cafile=str(server.certificate))
        for name in ("localhost", "127.0.0.1", host):
            with Wire(f"rtmp://{address}:{port}/app/") as wire, context.wrap_socket(wire.socket, server_hostname=name):
                pass
        assert server.stop() == 0
    first, second, third = certificates
    assert first != second and second == third
    log = server.log.read_text()
    assert log.count("a certificate of RTMPS is made") == 2 and "is not for studio.example" in log


def guess(url: str, key: str, times: int) -> Counter:
    """What so many encoders are told that come at once, from one address, with a key that is none; and hang up."""
    told = Counter()
    with contextlib.ExitStack() as stack:
        wires = [stack.enter_context(Wire(url, source=GUESSER)) for _ in range(times)]
        for wire in wires:
            wire.rush(key)
        for wire in wires:
            status = wire.status_of_rush()
            assert status["level"] == "error", status
            told[status["description"].split(":")[0]] += 1
    return told


def test_t53_who_guesses_keys_is_held_back_and_nobody_else(server, stage):
    ingest, other = Ingest(stage), Ingest(stage)
    url, wrong = ingest.url(), f"{ingest.key.rsplit('_', 1)[0]}_{'0' * 40}"
    told = Counter()
    for _ in range(100):
        told += guess(url, wrong, AT_ONCE)
        if told["TOO_MANY_ATTEMPTS"]:
            break
    assert told["INVALID_STREAM_KEY"] >= BURST and told["TOO_MANY_ATTEMPTS"] and len(told) == 2, told
    begin = time.monotonic()
    while not (again := guess(url, wrong, AT_ONCE))["TOO_MANY_ATTEMPTS"]:
        assert time.monotonic() - begin < 10, again
    # Others publish meanwhile, by hand and as encoders do.
    with Wire(url, source=NEIGHBOUR) as neighbour, Ffmpeg(other.url(), size="160x96", rate=15):
        assert neighbour.handshake().connect().publish(ingest.key)["code"] == "NetStream.Publish.Start"
        other.wait_begun()
    held_back = counters(server, "downstage_ingest_refusals_total")['downstage_ingest_refusals_total{reason="TOO_MANY_ATTEMPTS"}']
    assert held_back == told["TOO_MANY_ATTEMPTS"] + again["TOO_MANY_ATTEMPTS"]
    assert ("TOO_MANY_ATTEMPTS", GUESSER) in {(each["code"], each["address"]) for each in administration(server)["refusals"]}
    log = server.log.read_text(errors="replace")
    assert "TOO_MANY_ATTEMPTS" in log and wrong not in log and ingest.key not in log
    ingest.wait_state("INACTIVE")

    def is_let_in() -> bool:
        """Some seconds later it may try again; what it tries then is counted as well."""
        with Wire(url, source=GUESSER) as wire:
            return wire.handshake().connect().publish(ingest.key)["code"] == "NetStream.Publish.Start"

    until("it is let in", is_let_in)
