"""Fixtures: a server per test module that nobody restarts, and servers of a test's own."""

from pathlib import Path

import pytest

from browser import Browser
from downstage import Server, Stage

# Long enough for a test on a busy machine to come back to a session that nobody is in, and no longer than a test can wait for its end.
SESSION_GRACE = "5s"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server that a module's tests share. It must outlive them: a crash fails the last test."""
    server = Server(tmp_path_factory.mktemp("server"), "--session-grace", SESSION_GRACE).start()
    yield server
    assert server.process.poll() is None, f"the server ended: {server.log.read_text()[-4000:]}"
    assert server.stop() == 0
    log = server.log.read_text()
    assert "ERROR" not in log and "panicked" not in log, log[-4000:]


@pytest.fixture
def own_server(tmp_path: Path):
    """Makes servers that a test starts, kills and restarts itself."""
    servers: list[Server] = []

    def make(*flags: str, **arguments) -> Server:
        folder = tmp_path / f"server{len(servers)}"
        folder.mkdir()
        server = Server(folder, *flags, **arguments)
        servers.append(server)
        return server

    yield make
    for server in servers:
        if server.process and server.process.poll() is None:
            server.kill()


@pytest.fixture
def client(server):
    return server.client()


@pytest.fixture
def stage(client):
    stage = Stage(client)
    yield stage
    try:
        client.delete_stage(arn=stage.arn)
    except client.exceptions.ResourceNotFoundException:
        pass


@pytest.fixture(scope="session")
def browser():
    with Browser() as browser:
        yield browser
