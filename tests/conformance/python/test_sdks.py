"""SDKs of other languages: each has a scenario of its own, in a folder of its own, that a fresh server has to itself."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

import calls
from ffmpeg import FFMPEG

SCENARIOS = Path(__file__).parents[1]
BUCKET = "recordings"
# Never a toolchain that the one here would download.
# What publishes for a scenario.
PUBLISHER = {"WHIP_FFMPEG": FFMPEG}
LOCAL_GO = {"GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly"}


@pytest.fixture
def sdk_server(own_server):
    server = own_server()
    server.bucket(BUCKET)
    return server.start()


def run(folder: str, *command: str, environment: dict[str, str]) -> None:
    done = subprocess.run(
        command, cwd=SCENARIOS / folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert done.returncode == 0, done.stdout


def test_the_sdk_for_javascript_goes_through_every_operation(sdk_server):
    run("js", "node", "--test", "scenario.test.js", environment={**sdk_server.cli_environment(), **PUBLISHER})
    calls.check(sdk_server, "js")


def has_go() -> bool:
    """Whether there is a Go toolchain, as new as go.mod asks for."""
    if shutil.which("go") is None:
        return False
    asked = subprocess.run(("go", "list", "-m"), cwd=SCENARIOS / "go", env={**os.environ, **LOCAL_GO}, capture_output=True)
    return asked.returncode == 0


# The first build of the SDK takes minutes; later ones come out of Go's cache.
@pytest.mark.timeout(900)
@pytest.mark.skipif(not has_go(), reason="no Go toolchain, or one that is older than go.mod asks for")
def test_the_sdk_for_go_goes_through_every_operation(sdk_server):
    environment = {**sdk_server.cli_environment(), **LOCAL_GO, **PUBLISHER}
    run("go", "go", "test", "-count=1", "./...", environment=environment)
    calls.check(sdk_server, "go")
