"""T57: the disk of the data folder is full. Writes are refused and not half done, reads go on, and with space all is well again."""

import itertools
import os
import subprocess
from pathlib import Path

import pytest

from contract import check_reply
from downstage import until
from ledger import Ledger, read
from signed import Caller

BUCKET = "full"
# Space of the data folder: so little that the write-ahead log fills it, and enough for the log to have gone into the database.
SPACES_KIB = {"log": 2 * 1024, "database": 6 * 1024}
# What is taken away from the disk besides, and given back.
BALLAST_KIB = 4 * 1024
REFUSALS = 25


class Disk:
    """A small filesystem in memory over the data folder of a server."""

    def __init__(self, folder: Path, kib: int):
        self.folder = folder
        self.ballast = folder / "ballast"
        folder.mkdir(parents=True, exist_ok=True)
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={kib}k,mode=700", "tmpfs", str(folder)],
            capture_output=True, text=True,
        )
        if mounted.returncode:
            pytest.skip(f"a small filesystem needs the right to mount one: {mounted.stderr.strip()}")

    def fill(self) -> None:
        self.ballast.write_bytes(bytes(1024) * BALLAST_KIB)

    def free(self) -> None:
        self.ballast.unlink()

    def unmount(self) -> None:
        subprocess.run(["umount", str(self.folder)], check=True)


@pytest.fixture(params=SPACES_KIB)
def small(request, own_server):
    if os.name != "posix" or not Path("/proc/mounts").exists():
        pytest.skip("filesystems in memory are mounted as Linux does it")
    server = own_server()
    disk = Disk(server.data, SPACES_KIB[request.param] + BALLAST_KIB)
    try:
        disk.fill()
        server.bucket(BUCKET)
        yield server, disk
    finally:
        if server.process and server.process.poll() is None:
            server.kill()
        disk.unmount()


def writers(server) -> list[tuple[Caller, Ledger]]:
    return [(Caller(server.http, f"disk-{number}"), Ledger(f"disk-{number}", BUCKET, number, big=True)) for number in (1, 2)]


def fill_by_writing(pairs) -> None:
    """Writes until writes are refused again and again."""
    refused = 0
    for turn in itertools.count():
        assert turn < 5_000, "the disk is never full"
        caller, ledger = pairs[turn % len(pairs)]
        reply = ledger.write(caller)
        if reply.status == 503:
            refused += 1
            assert reply.error == "InternalServerException" and reply.headers.get("Retry-After"), str(reply)
            if refused == REFUSALS:
                return


def test_t57_a_full_disk_refuses_writes_and_keeps_reads_until_there_is_space(small):
    server, disk = small
    server.start()
    pairs = writers(server)
    fill_by_writing(pairs)
    for caller, ledger in pairs:
        assert ledger.acknowledged > 10, "there was no space to begin with"
        # What was refused is not there, or there as a whole; and it can be read while the disk is full.
        ledger.settle(caller)
        for arn in ledger.of("stage"):
            check_reply(caller.call("GetStage", arn=arn))
    disk.free()
    for caller, ledger in pairs:
        until("a write succeeds again", lambda: ledger.write(caller).status == 200)
        ledger.settle(caller)
        before = ledger.acknowledged
        for _ in range(40):
            assert ledger.write(caller).status == 200
        assert ledger.acknowledged == before + 40
        ledger.settle(caller)
    assert server.stop() == 0
    assert "panicked" not in server.log.read_text()


def test_t57_t58_a_crash_on_a_full_disk_loses_nothing(small):
    server, disk = small
    server.start()
    pairs = writers(server)
    fill_by_writing(pairs)
    server.kill()
    disk.free()
    server.start()
    for _, ledger in pairs:
        caller = Caller(server.http, ledger.region)
        ledger.settle(caller)
        for _ in range(10):
            assert ledger.write(caller).status == 200
        assert read(caller) == ledger.there
