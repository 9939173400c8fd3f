"""kill -9 at the worst moment: nothing acknowledged is lost, and what was live is closed."""

import http.client
import os
import random
from concurrent.futures import Future, ThreadPoolExecutor

from downstage import Stage, until
from ffmpeg import Publisher
from ledger import Ledger
from signed import Caller, exported

BUCKET = "crash"
WRITERS, ROUNDS = 4, 6


def test_what_was_live_at_a_crash_is_closed_at_the_next_start(own_server, browser):
    server = own_server().start()
    stage = Stage(server.client(), name="survivor", tags={"k": "v"})
    publisher, viewer = stage.token("PUBLISH"), stage.token("SUBSCRIBE")
    page = browser.page(server.http)
    with Publisher(f"{server.http}/whip", publisher["token"]) as ffmpeg:
        stage.wait_for(publisher["participantId"], "JOINED", "PUBLISH_STARTED")
        result = page.evaluate(
            "([url, token]) => subscribe('viewer', url, token)",
            [f"{server.http}/whip/subscribe/{publisher['participantId']}", viewer["token"]],
        )
        assert result["status"] == 201
        stage.wait_for(viewer["participantId"], "JOINED", "SUBSCRIBE_STARTED")
        session = stage.session()
        server.kill()
        # Where there is no server any more it does not end by itself.
        ffmpeg.kill()
    page.context.close()
    server.start()
    stage.client = server.client()
    kept = stage.client.get_stage(arn=stage.arn)["stage"]
    assert (kept["name"], kept["tags"]) == ("survivor", {"k": "v"})
    assert "activeSessionId" not in kept
    ended = stage.client.get_stage_session(stageArn=stage.arn, sessionId=session)["stageSession"]
    assert ended["endTime"] >= ended["startTime"]
    assert stage.names(publisher["participantId"], session) == ["JOINED", "PUBLISH_STARTED", "PUBLISH_STOPPED", "LEFT"]
    assert stage.names(viewer["participantId"], session) == ["JOINED", "SUBSCRIBE_STARTED", "SUBSCRIBE_STOPPED", "LEFT"]
    for participant in (publisher, viewer):
        assert stage.participant(participant["participantId"], session)["state"] == "DISCONNECTED"
    # The tokens are as good as before: the key that signs them is kept.
    with Publisher(f"{server.http}/whip", publisher["token"]):
        until("a new session", lambda: stage.session() != session)
        stage.wait_for(publisher["participantId"], "JOINED", "PUBLISH_STARTED")


def test_t58_every_acknowledged_write_survives_kill_9(own_server):
    """Several writers of all kinds of resources, cut off at a moment that chance picks, and again on the same data folder."""
    chosen = int(os.environ.get("TEST_SEED", "1"))
    print(f"TEST_SEED={chosen}")
    chance = random.Random(chosen)
    server = own_server()
    server.bucket(BUCKET)
    ledgers = [Ledger(f"writer-{number}", BUCKET, chosen + number) for number in range(WRITERS)]
    for _ in range(ROUNDS):
        server.start()
        for ledger in ledgers:
            ledger.settle(Caller(server.http, ledger.region))
        enough = sum(ledger.acknowledged for ledger in ledgers) + chance.randint(40, 160)
        with ThreadPoolExecutor(WRITERS) as pool:
            writers = [pool.submit(write, Caller(server.http, ledger.region), ledger) for ledger in ledgers]
            try:
                until("some writes", lambda: sum(ledger.acknowledged for ledger in ledgers) >= enough or ended(writers))
            finally:
                server.kill()
            for writer in writers:
                writer.result(30)
    server.start()
    for ledger in ledgers:
        ledger.settle(Caller(server.http, ledger.region))
    kept = {resource["arn"] for kind in exported(server.http).values() if isinstance(kind, list) for resource in kind}
    assert kept == {arn for ledger in ledgers for arn in ledger.there}
    assert server.stop() == 0
    log = server.log.read_text()
    assert "ERROR" not in log and "panicked" not in log, log[-4000:]


def ended(writers: list[Future]) -> bool:
    return any(writer.done() for writer in writers)


def write(caller: Caller, ledger: Ledger) -> None:
    """Writes until the server is gone."""
    try:
        while True:
            ledger.write(caller)
    except (OSError, http.client.HTTPException):
        caller.close()


def test_a_drain_tells_everybody_and_writes_the_events(own_server):
    server = own_server().start()
    stage = Stage(server.client())
    publisher = stage.token("PUBLISH")
    with Publisher(f"{server.http}/whip", publisher["token"]) as ffmpeg:
        stage.wait_for(publisher["participantId"], "JOINED", "PUBLISH_STARTED")
        assert server.stop() == 0
        ffmpeg.kill()
    server.start()
    stage.client = server.client()
    assert stage.names(publisher["participantId"]) == ["JOINED", "PUBLISH_STARTED", "PUBLISH_STOPPED", "LEFT"]
    assert "endTime" in stage.client.list_stage_sessions(stageArn=stage.arn)["stageSessions"][0]
