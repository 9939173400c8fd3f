"""kill -9 at the worst moment: nothing acknowledged is lost, and what was live is closed."""

import threading

from downstage import Stage, until
from ffmpeg import Publisher


def test_what_was_live_at_a_crash_is_closed_at_the_next_start(own_server, browser):
    server = own_server().start()
    stage = Stage(server.client(), name="survivor", tags={"k": "v"})
    publisher, viewer = stage.token("PUBLISH"), stage.token("SUBSCRIBE")
    page = browser.page(server.http)
    with Publisher(f"{server.http}/whip", publisher["token"]):
        stage.wait_for(publisher["participantId"], "JOINED", "PUBLISH_STARTED")
        result = page.evaluate(
            "([url, token]) => subscribe('viewer', url, token)",
            [f"{server.http}/whip/subscribe/{publisher['participantId']}", viewer["token"]],
        )
        assert result["status"] == 201
        stage.wait_for(viewer["participantId"], "JOINED", "SUBSCRIBE_STARTED")
        session = stage.session()
        server.kill()
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


def test_every_acknowledged_stage_survives_kill_9_during_writes(own_server):
    # T58
    server = own_server()
    acknowledged: list[str] = []
    for _ in range(4):
        server.start()
        known = {stage["arn"] for page in pages(server.client()) for stage in page["stages"]}
        assert set(acknowledged) <= known
        writers = [threading.Thread(target=write, args=(server.client(), acknowledged)) for _ in range(3)]
        before = len(acknowledged)
        for writer in writers:
            writer.start()
        until("some writes", lambda: len(acknowledged) >= before + 40)
        server.kill()
        for writer in writers:
            writer.join(30)
    server.start()
    known = {stage["arn"] for page in pages(server.client()) for stage in page["stages"]}
    assert set(acknowledged) <= known
    assert len(acknowledged) >= 160


def pages(client):
    token = ""
    while True:
        page = client.list_stages(maxResults=100, nextToken=token)
        yield page
        token = page.get("nextToken", "")
        if not token:
            return


def write(client, acknowledged):
    """Creates stages until the server is gone (or its quota is reached)."""
    for _ in range(200):
        try:
            acknowledged.append(client.create_stage()["stage"]["arn"])
        except Exception:  # noqa: BLE001 - whatever the cut connection looks like
            return


def test_a_drain_tells_everybody_and_writes_the_events(own_server):
    server = own_server().start()
    stage = Stage(server.client())
    publisher = stage.token("PUBLISH")
    with Publisher(f"{server.http}/whip", publisher["token"]):
        stage.wait_for(publisher["participantId"], "JOINED", "PUBLISH_STARTED")
        assert server.stop() == 0
    server.start()
    stage.client = server.client()
    assert stage.names(publisher["participantId"]) == ["JOINED", "PUBLISH_STARTED", "PUBLISH_STOPPED", "LEFT"]
    assert "endTime" in stage.client.list_stage_sessions(stageArn=stage.arn)["stageSessions"][0]
